// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SH-4: the number in r3, arguments in r4 to r7 and r0, `trapa #0x10` and up by the number of arguments, which
 * the kernel does not look at (Linux, arch/sh/kernel/entry-common.S).
 */
#ifndef PROBE_SH4_H
#define PROBE_SH4_H

static long sys(long number, long a, long b, long c, long d, long e)
{
	register long r3 __asm__("r3") = number;
	register long r4 __asm__("r4") = a;
	register long r5 __asm__("r5") = b;
	register long r6 __asm__("r6") = c;
	register long r7 __asm__("r7") = d;
	register long r0 __asm__("r0") = e;

	__asm__ volatile("trapa #0x15"
			 : "+r"(r0)
			 : "r"(r3), "r"(r4), "r"(r5), "r"(r6), "r"(r7)
			 : "r1", "memory");
	return r0;
}

static long fork_process(void)
{
	return sys(__NR_fork, 0, 0, 0, 0, 0);
}

__asm__(".text\n"
	".globl _start\n"
	".p2align 2\n"
	"_start:\n"
	"mov r15, r4\n"
	"mov.l 1f, r0\n"
	"jmp @r0\n"
	"nop\n"
	".p2align 2\n"
	"1: .long probe_main\n");

#define UNALIGNED 0

/* Floating point, kept over a system call; exchange of a byte by TAS. */
static void try_architecture(void)
{
	static volatile unsigned char lock;
	volatile float half = 0.5f, sum;
	long was_free;

	sum = half + 1.5f;
	sys(__NR_getpid, 0, 0, 0, 0, 0);
	if (sum != 2.0f)
		fail("floating-point", 0);
	__asm__ volatile("tas.b @%1\n\tmovt %0" : "=r"(was_free) : "r"(&lock) : "t", "memory");
	if (!was_free || lock != 0x80)
		fail("tas", lock);
}

#endif
