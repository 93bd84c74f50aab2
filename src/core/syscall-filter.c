/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/syscall-filter.h"

#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U /* before Linux 4.14 the kernel takes it as KILL */
#endif

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define THIS_ARCH AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define THIS_ARCH AUDIT_ARCH_ARM
#elif defined(__mips__) && _MIPS_SIM == _ABIO32
#define THIS_ARCH (__BYTE_ORDER == __LITTLE_ENDIAN ? AUDIT_ARCH_MIPSEL : AUDIT_ARCH_MIPS)
#elif defined(__mips__) && _MIPS_SIM == _ABI64
#define THIS_ARCH (__BYTE_ORDER == __LITTLE_ENDIAN ? AUDIT_ARCH_MIPSEL64 : AUDIT_ARCH_MIPS64)
#elif defined(__riscv) && __riscv_xlen == 64
#define THIS_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__)
#define THIS_ARCH (__BYTE_ORDER == __LITTLE_ENDIAN ? AUDIT_ARCH_PPC64LE : AUDIT_ARCH_PPC64)
#elif defined(__powerpc__)
#define THIS_ARCH AUDIT_ARCH_PPC
#elif defined(__s390x__)
#define THIS_ARCH AUDIT_ARCH_S390X
#else
#error "name this architecture's AUDIT_ARCH_ (linux/audit.h)"
#endif

#define LOW_WORD (__BYTE_ORDER == __LITTLE_ENDIAN ? 0 : 4)
#define ARG_OFFSET(n) (offsetof(struct seccomp_data, args) + 8 * (n) + LOW_WORD)
#define MAX_INSNS 512 /* 4 kB of stack; a rule takes two, one with tests three more for each */

struct program {
	struct sock_filter insn[MAX_INSNS];
	unsigned int n;
};

static uint32_t action(enum syscall_fate fate)
{
	switch (fate) {
	case SYSCALL_ALLOW:
		return SECCOMP_RET_ALLOW;
	case SYSCALL_REFUSE:
		return SECCOMP_RET_ERRNO | EPERM;
	case SYSCALL_KILL:
		return SECCOMP_RET_KILL_PROCESS;
	}
	return SECCOMP_RET_KILL_PROCESS;
}

static void add(struct program *p, struct sock_filter insn)
{
	if (p->n < MAX_INSNS)
		p->insn[p->n] = insn;
	p->n++;
}

static unsigned int count_tests(const struct syscall_rule *r)
{
	unsigned int n = 0;

	while (n < SYSCALL_MAX_TESTS && r->test[n].op != SYSCALL_ANY)
		n++;
	return n;
}

/* The number is in the accumulator before and after. */
static void add_rule(struct program *p, const struct syscall_rule *r, uint32_t fate)
{
	unsigned int n = count_tests(r);

	/* Over all that follows: three for each test, the return, the number anew. */
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->nr, 0,
					    (uint8_t)(3 * n + 1 + (n > 0))));
	for (unsigned int i = 0; i < n; i++) {
		const struct syscall_test *t = &r->test[i];
		uint8_t fails = (uint8_t)(3 * (n - i - 1) + 1);

		add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG_OFFSET(t->arg)));
		add(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, t->mask));
		add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, t->value,
						    t->op == SYSCALL_EQ ? 0 : fails,
						    t->op == SYSCALL_EQ ? fails : 0));
	}
	add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
					    r->refuse ? action(SYSCALL_REFUSE) : fate));
	if (n)
		add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						    offsetof(struct seccomp_data, nr)));
}

int syscall_filter(const struct syscall_rule *rules, size_t n, enum syscall_fate matched,
		   enum syscall_fate others)
{
	struct program p;
	struct sock_fprog prog = { .filter = p.insn };

	p.n = 0;
	add(&p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					     offsetof(struct seccomp_data, arch)));
	add(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0));
	/* A list of what is forbidden must not be passed by the other numbers. */
	add(&p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
					     action(others == SYSCALL_ALLOW ? matched : others)));
	add(&p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					     offsetof(struct seccomp_data, nr)));
#ifdef __x86_64__
	/* x32 has the same arch and bit 30 in the number. */
	add(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));
	add(&p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
					     action(others == SYSCALL_ALLOW ? matched : others)));
#endif
	for (size_t i = 0; i < n; i++)
		add_rule(&p, &rules[i], action(matched));
	add(&p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action(others)));
	if (p.n > MAX_INSNS)
		return -E2BIG;
	prog.len = (unsigned short)p.n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) < 0)
		return -errno;
	return 0;
}
