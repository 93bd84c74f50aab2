// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a compiler for a decoy has to get right before anything is built with it. Each check failed with
 * some cross compiler, or would break a kernel in a way that is hard to find: null checks of a global that
 * was just loaded (gcc 12 for SH4), division and shifts of 64 bits, bit fields, setjmp, calls through tables.
 */
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_OF_LINE __attribute__((noinline, noclone))

static int *global;
static jmp_buf back;

struct bits {
	unsigned a : 3, b : 11, c : 18;
};

static OUT_OF_LINE int load_or_seven(void)
{
	return global ? *global : 7;
}

static OUT_OF_LINE uint64_t mix(uint64_t a, uint64_t b, int shift)
{
	return (a / b) ^ (a % b) ^ (a << shift) ^ (b >> shift);
}

static OUT_OF_LINE unsigned pack(unsigned a, unsigned b, unsigned c)
{
	struct bits bits = { .a = a, .b = b, .c = c };

	return bits.a + bits.b * 10u + bits.c * 100u;
}

static OUT_OF_LINE void jump(int value)
{
	longjmp(back, value);
}

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static int fail(const char *what)
{
	printf("wrong: %s\n", what);
	return 1;
}

int main(void)
{
	int numbers[] = { 5, -3, 9, 0, 7, -8, 2 }, three = 3;
	volatile int jumped = 0;
	char text[32];

	if (load_or_seven() != 7)
		return fail("a null check");
	global = &three;
	if (load_or_seven() != 3)
		return fail("a load through a pointer");
	if (mix(0x123456789abcdef0u, 0x10001u, 13) != 0x8acf0163df9ade08u)
		return fail("64-bit arithmetic");
	if (pack(9, 2047, 262143) != 1 + 20470 + 26214300u)
		return fail("bit fields");
	if (setjmp(back) == 0)
		jump(++jumped);
	if (jumped != 1)
		return fail("setjmp");
	qsort(numbers, sizeof(numbers) / sizeof(*numbers), sizeof(*numbers), compare);
	if (numbers[0] != -8 || numbers[6] != 9)
		return fail("calls through pointers");
	snprintf(text, sizeof(text), "%s-%lld-%.2f", "x", -5000000000LL, 2.25);
	if (strcmp(text, "x--5000000000-2.25") != 0)
		return fail("printf");
	puts("right");
	return 0;
}
