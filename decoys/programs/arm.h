// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ARM. EABI: the number in r7, `svc 0`. OABI, of the years before 2006: the number in the instruction,
 * 0x900000 and up (Linux, arch/arm/include/uapi/asm/unistd.h; arch/arm/kernel/entry-common.S takes them apart).
 */
#ifndef PROBE_ARM_H
#define PROBE_ARM_H

#ifdef OABI
/* The number has to be a constant where the instruction is assembled, so a table of code is indexed by it. */
#undef __NR_SYSCALL_BASE
#define __NR_SYSCALL_BASE 0
#define OABI_CALLS 300

__asm__(".text\n"
	".p2align 2\n"
	"oabi_calls:\n"
	".set number, 0\n"
	".rept 300\n"
	"swi 0x900000 + number\n"
	"bx lr\n"
	".set number, number + 1\n"
	".endr\n");

static long sys(long number, long a, long b, long c, long d, long e)
{
	extern const char oabi_calls[];
	register long r0 __asm__("r0") = a;
	register long r1 __asm__("r1") = b;
	register long r2 __asm__("r2") = c;
	register long r3 __asm__("r3") = d;
	register long r4 __asm__("r4") = e;
	const char *call = oabi_calls + 8 * number;

	__asm__ volatile("mov lr, pc\n\tbx %6" /* pc reads as the instruction after next */
			 : "=r"(r0)
			 : "0"(r0), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(call)
			 : "lr", "memory");
	return r0;
}
#else
static long sys(long number, long a, long b, long c, long d, long e)
{
	register long r0 __asm__("r0") = a;
	register long r1 __asm__("r1") = b;
	register long r2 __asm__("r2") = c;
	register long r3 __asm__("r3") = d;
	register long r4 __asm__("r4") = e;
	register long r7 __asm__("r7") = number;

	__asm__ volatile("svc 0"
			 : "=r"(r0)
			 : "0"(r0), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r7)
			 : "memory");
	return r0;
}
#endif

static long fork_process(void)
{
	return sys(__NR_fork, 0, 0, 0, 0, 0);
}

__asm__(".text\n"
	".arm\n"
	".globl _start\n"
	"_start:\n"
	"mov r0, sp\n"
	"bic sp, sp, #7\n"
	"b probe_main\n");

/* Processors before ARMv6 read a word at an odd address rotated: nothing relies on it. */
#define UNALIGNED (__ARM_ARCH >= 7)

#if UNALIGNED
static long read_word(const void *at)
{
	long word;

	__asm__ volatile("ldr %0, [%1]" : "=r"(word) : "r"(at) : "memory");
	return word;
}
#endif

/*
 * What binaries for processors before ARMv6 do: exchange with SWP, which ARMv7 kernels emulate; compare and
 * exchange with the kernel's own routine at 0xffff0fc0 (Documentation/arm/kernel_user_helpers.rst).
 */
static void try_architecture(void)
{
	int (*cmpxchg)(int, int, volatile int *) = (int (*)(int, int, volatile int *))0xffff0fc0;
	volatile int word = 5;

	if (cmpxchg(5, 6, &word) != 0 || word != 6)
		fail("kuser-cmpxchg", word);
#if __ARM_ARCH < 6
	{
		int old;

		__asm__ volatile("swp %0, %1, [%2]" : "=&r"(old) : "r"(7), "r"(&word) : "memory");
		if (old != 6 || word != 7)
			fail("swp", word);
	}
#endif
}

#endif
