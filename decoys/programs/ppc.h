// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 32-bit PowerPC: the number in r0, `sc`, summary overflow in cr0 says error (Linux,
 * Documentation/powerpc/syscall64-abi.rst, of which 32 bits share the registers).
 */
#ifndef PROBE_PPC_H
#define PROBE_PPC_H

static long sys(long number, long a, long b, long c, long d, long e)
{
	register long r0 __asm__("r0") = number;
	register long r3 __asm__("r3") = a;
	register long r4 __asm__("r4") = b;
	register long r5 __asm__("r5") = c;
	register long r6 __asm__("r6") = d;
	register long r7 __asm__("r7") = e;

	__asm__ volatile("sc\n\t"
			 "bns+ 1f\n\t"
			 "neg 3, 3\n"
			 "1:"
			 : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7)
			 :
			 : "r8", "r9", "r10", "r11", "r12", "cr0", "ctr", "memory");
	return r3;
}

static long fork_process(void)
{
	return sys(__NR_fork, 0, 0, 0, 0, 0);
}

__asm__(".text\n"
	".globl _start\n"
	"_start:\n"
	"mr 3, 1\n"
	"clrrwi 1, 1, 4\n"
	"li 0, 0\n"
	"stwu 0, -16(1)\n"
	"b probe_main\n");

#define UNALIGNED 1

static long read_word(const void *at)
{
	long word;

	__asm__ volatile("lwz %0, 0(%1)" : "=r"(word) : "b"(at) : "memory");
	return word;
}

/* Floating point, kept over a system call. */
static void try_architecture(void)
{
	volatile double half = 0.5, sum;

	sum = half + 1.5;
	sys(__NR_getpid, 0, 0, 0, 0, 0);
	if (sum != 2.0)
		fail("floating-point", 0);
}

#endif
