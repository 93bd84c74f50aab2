// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 32-bit SPARC: the number in %g1, `ta 0x10`, the carry flag says error (Linux, arch/sparc/kernel/syscalls.S).
 * fork(2) gives the child its parent's number, and a one in %o1.
 */
#ifndef PROBE_SPARC_H
#define PROBE_SPARC_H

static long sys_pair(long number, long a, long b, long c, long d, long e, long *second)
{
	register long g1 __asm__("g1") = number;
	register long o0 __asm__("o0") = a;
	register long o1 __asm__("o1") = b;
	register long o2 __asm__("o2") = c;
	register long o3 __asm__("o3") = d;
	register long o4 __asm__("o4") = e;

	__asm__ volatile("ta 0x10\n\t"
			 "bcs,a 1f\n\t"
			 "sub %%g0, %%o0, %%o0\n"
			 "1:"
			 : "+r"(o0), "+r"(o1)
			 : "r"(g1), "r"(o2), "r"(o3), "r"(o4)
			 : "cc", "memory");
	*second = o1;
	return o0;
}

static long sys(long number, long a, long b, long c, long d, long e)
{
	long second;

	return sys_pair(number, a, b, c, d, e, &second);
}

static long fork_process(void)
{
	long is_child, pid = sys_pair(__NR_fork, 0, 0, 0, 0, 0, &is_child);

	return pid > 0 && is_child ? 0 : pid;
}

__asm__(".text\n"
	".globl _start\n"
	"_start:\n"
	"add %sp, 64, %o0\n"
	"clr %fp\n"
	"and %sp, -8, %sp\n"
	"sub %sp, 96, %sp\n"
	"ba probe_main\n"
	"nop\n");

#define UNALIGNED 0

/* What version 8 has over 7 and careless compilers use: multiplication and division of words. */
static void try_architecture(void)
{
	volatile unsigned int a = 123456, b = 789;
	unsigned int product = a * b, quotient = product / b;

	if (quotient != a)
		fail("udiv", quotient);
}

#endif
