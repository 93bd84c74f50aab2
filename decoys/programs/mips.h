// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MIPS, o32: the number in $2, four arguments in registers, the fifth on the stack; $7 says whether $2 is an
 * error (Linux, arch/mips/kernel/scall32-o32.S).
 */
#ifndef PROBE_MIPS_H
#define PROBE_MIPS_H

static long sys(long number, long a, long b, long c, long d, long e)
{
	register long v0 __asm__("$2") = number;
	register long a0 __asm__("$4") = a;
	register long a1 __asm__("$5") = b;
	register long a2 __asm__("$6") = c;
	register long a3 __asm__("$7") = d;

	__asm__ volatile("addiu $29, $29, -32\n\t"
			 "sw %6, 16($29)\n\t"
			 "syscall\n\t"
			 "addiu $29, $29, 32"
			 : "+r"(v0), "+r"(a3)
			 : "r"(v0), "r"(a0), "r"(a1), "r"(a2), "r"(e)
			 : "$1", "$3", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$24",
			   "$25", "hi", "lo", "memory");
	return a3 ? -v0 : v0;
}

static long fork_process(void)
{
	return sys(__NR_fork, 0, 0, 0, 0, 0);
}

__asm__(".text\n"
	".globl __start\n"
	"__start:\n"
	".set noreorder\n"
	"move $4, $29\n"
	"li $8, -8\n"
	"and $29, $29, $8\n"
	"la $25, probe_main\n"
	"jr $25\n"
	"addiu $29, $29, -32\n"
	".set reorder\n");

/* The kernel mends it (arch/mips/kernel/unaligned.c). */
#define UNALIGNED 1

static long read_word(const void *at)
{
	long word;

	__asm__ volatile("lw %0, 0(%1)" : "=r"(word) : "r"(at) : "memory");
	return word;
}

/* The thread pointer, as C libraries ask for it: the kernel emulates rdhwr where the processor lacks it. */
static void try_architecture(void)
{
	register long thread __asm__("$3");

	__asm__ volatile(".set push\n\t"
			 ".set mips32r2\n\t"
			 "rdhwr %0, $29\n\t"
			 ".set pop"
			 : "=r"(thread));
}

#endif
