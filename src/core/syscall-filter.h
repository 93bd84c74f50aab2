/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which system calls a process may make from now on (seccomp(2), filter mode).
 *
 * Theory of operation
 * -------------------
 * A table of rules becomes a classic BPF program that the kernel runs at each system call. A rule is a
 * number and up to SYSCALL_MAX_TESTS tests of arguments, all of which must hold; a call may have
 * several rules, one of which must match. Without tests a rule costs nothing: since Linux 5.11 the
 * kernel keeps those in a bitmap.
 *
 * Tests see the lower 32 bits of an argument, all that the kernel itself takes of an int, and never
 * what a pointer leads to, which could change after the look. A call by another architecture's numbers
 * (int 0x80 on x86-64, x32) is as one that no rule names.
 *
 * The program is made here, of the numbers that the C library's headers give for the target, and not by
 * libseccomp: it is a hundred lines, it crosses to any architecture, and a library of 150 kB would
 * stay in processes that are counted in kilobytes.
 */
#ifndef MIMAMORI_CORE_SYSCALL_FILTER_H
#define MIMAMORI_CORE_SYSCALL_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSCALL_MAX_TESTS 2

enum syscall_op {
	SYSCALL_ANY, /* no test: ends the list */
	SYSCALL_EQ, /* (argument & mask) == value */
	SYSCALL_NE,
};

struct syscall_test {
	uint8_t op; /* enum syscall_op */
	uint8_t arg; /* 0..5 */
	uint32_t mask, value;
};

struct syscall_rule {
	int nr;
	struct syscall_test test[SYSCALL_MAX_TESTS];
	bool refuse; /* a call that matches is refused (-EPERM), whatever the others' fate */
};

/* What happens to a call. */
enum syscall_fate { SYSCALL_ALLOW, SYSCALL_REFUSE /* -EPERM */, SYSCALL_KILL /* the process */ };

/*
 * From now on calls that a rule matches meet one fate, all others the other, in this process and
 * all it starts, for good. Sets no_new_privs. 0; -ENOSYS or -EINVAL where the kernel has no filters;
 * -E2BIG: too
 * many rules; or -errno.
 */
int syscall_filter(const struct syscall_rule *rules, size_t n, enum syscall_fate matched,
		   enum syscall_fate others);

#endif
