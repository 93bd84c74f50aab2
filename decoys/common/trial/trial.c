// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A harmless program as malware for devices is built: static, no C library, system calls by its own hand.
 * It opens, writes, reads its own file, says a line and ends with 0. Built once for each kind of program that
 * its decoy has to run; the numbers are those of the kernel's own tables (asm/unistd.h).
 */
#if defined(__mips__)
#define BASE 4000
#else
#define BASE 0
#endif

enum { NR_EXIT = BASE + 1, NR_READ = BASE + 3, NR_WRITE, NR_OPEN, NR_CLOSE, NR_GETPID = BASE + 20 };

/* A system call: what it returns, negative when it failed. */
static long call(long number, long a, long b, long c)
{
#if defined(__arm__)
	register long r7 __asm__("r7") = number, r0 __asm__("r0") = a;
	register long r1 __asm__("r1") = b, r2 __asm__("r2") = c;

	__asm__ volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2) : "memory");
	return r0;
#elif defined(__mips__)
	register long v0 __asm__("$2") = number, a0 __asm__("$4") = a, a1 __asm__("$5") = b;
	register long a2 __asm__("$6") = c, a3 __asm__("$7");

	__asm__ volatile("syscall"
			 : "+r"(v0), "=r"(a3)
			 : "r"(a0), "r"(a1), "r"(a2)
			 : "memory", "$1", "$3", "$8", "$9", "$10", "$11", "$12", "$13", "$14",
			   "$15", "$24", "$25", "hi", "lo");
	return a3 ? -1 : v0;
#elif defined(__powerpc__)
	register long r0 __asm__("r0") = number, r3 __asm__("r3") = a, r4 __asm__("r4") = b;
	register long r5 __asm__("r5") = c;

	__asm__ volatile("sc; bns+ 1f; li 3, -1; 1:"
			 : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5)
			 :
			 : "memory", "cr0", "ctr", "r6", "r7", "r8", "r9", "r10", "r11", "r12");
	return r3;
#elif defined(__sparc__)
	register long g1 __asm__("g1") = number, o0 __asm__("o0") = a, o1 __asm__("o1") = b;
	register long o2 __asm__("o2") = c;

	__asm__ volatile("ta 0x10; bcc 1f; nop; mov -1, %%o0; 1:"
			 : "+r"(o0)
			 : "r"(g1), "r"(o1), "r"(o2)
			 : "memory", "cc");
	return o0;
#elif defined(__sh__)
	register long r3 __asm__("r3") = number, r4 __asm__("r4") = a, r5 __asm__("r5") = b;
	register long r6 __asm__("r6") = c, r0 __asm__("r0");

	__asm__ volatile("trapa #0x13" : "=r"(r0) : "r"(r3), "r"(r4), "r"(r5), "r"(r6) : "memory");
	return r0;
#else
#error "no decoy has this architecture"
#endif
}

/* What programs for the old ARM processors use: helpers that the kernel maps, and SWP. */
static int old_ways(void)
{
#if defined(__arm__) && __ARM_ARCH == 5
	volatile int word = 5;
	int old, version = *(volatile int *)0xffff0ffc;

	__asm__ volatile("swp %0, %1, [%2]" : "=&r"(old) : "r"(7), "r"(&word) : "memory");
	return version >= 2 && old == 5 && word == 7;
#else
	return 1;
#endif
}

static const char line[] = "trial: ok\n";
static const char me[] = "/proc/self/exe", nowhere[] = "/dev/null";
static char magic[4];

void _start(void);

void _start(void)
{
	long out, file;

	out = call(NR_OPEN, (long)nowhere, 1, 0);
	file = call(NR_OPEN, (long)me, 0, 0);
	if (out < 0 || file < 0 || call(NR_GETPID, 0, 0, 0) <= 1 ||
	    call(NR_WRITE, out, (long)line, 1) != 1 || call(NR_READ, file, (long)magic, 4) != 4 ||
	    magic[1] != 'E' || call(NR_CLOSE, out, 0, 0) || !old_ways())
		call(NR_EXIT, 1, 0, 0);
	call(NR_WRITE, 1, (long)line, sizeof(line) - 1);
	call(NR_EXIT, 0, 0, 0);
	for (;;)
		;
}
