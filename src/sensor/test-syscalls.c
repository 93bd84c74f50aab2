/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every system call that the kernel has is made once under each process's list, in a child of its
 * own, by number and with arguments that do nothing: the kernel, not the code under test, says
 * whether the child was killed. What must work is written down here by hand.
 */
#define _GNU_SOURCE
#include "sensor/sandbox.h"
#include "sensor/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef __NR_Linux
#define FIRST __NR_Linux /* mips counts from 4000 or 5000 */
#else
#define FIRST 0
#endif
#define CALLS 520 /* more than Linux 6.18 has */
#define MUTE SYSCALLS_VOICES /* the first descriptor that may not speak */

struct attempt {
	long nr;
	unsigned long arg[6];
};

/* The list of a process as it ships, whatever this build's own runtime needs besides. */
static void restrict_to(enum syscalls_process process)
{
	struct syscalls_known known = { .self = getpid(), .engine = getppid() };
	struct syscall_rule rules[SYSCALLS_MAX];
	size_t n = syscalls_list(rules, process, &known);

	if (syscall_filter(rules, n, SYSCALL_ALLOW, SYSCALL_KILL) < 0)
		raise(SIGUSR2);
}

static long make(const struct attempt *a)
{
	return syscall(a->nr, a->arg[0], a->arg[1], a->arg[2], a->arg[3], a->arg[4], a->arg[5]);
}

/* Whether the attempt kills a process under this list. */
static bool kills(enum syscalls_process process, const struct attempt *a)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		restrict_to(process);
		make(a);
		syscall(SYS_exit_group, 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR2)
		fail_msg("the filter was not taken");
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

/* uretprobe and uprobe of x86-64: the kernel's own trampolines, which no filter sees, and which end
 * whoever calls them from elsewhere with another signal (kernel/seccomp.c). */
static bool passes_any_filter(long nr)
{
#ifdef __x86_64__
	return nr == 335 || nr == 336;
#else
	return nr < 0;
#endif
}

static void need_seccomp(void)
{
	if (prctl(PR_GET_SECCOMP) < 0) {
		print_message("skipped: this kernel has no seccomp\n");
		skip();
	}
}

/* By the list of numbers alone: any rule names it. */
static bool is_named(enum syscalls_process process, long nr)
{
	struct syscalls_known known = { -1, -1 };
	struct syscall_rule rules[SYSCALLS_MAX];
	size_t n = syscalls_list(rules, process, &known);

	for (size_t i = 0; i < n; i++)
		if (rules[i].nr == nr)
			return true;
	return false;
}

/* All that are not named kill, and enough of the dangerous ones are among them. */
static void test_every_other_call(void **state)
{
	static const enum syscalls_process processes[] = { SYSCALLS_ENGINE, SYSCALLS_HELPER,
							   SYSCALLS_REPLAY };
	static const long dangerous[] = {
		SYS_execve,	  SYS_execveat,	   SYS_clone,	    SYS_socketpair,
		SYS_shutdown,	  SYS_listen,	   SYS_accept4,	    SYS_ptrace,
		SYS_mprotect,	  SYS_bpf,	   SYS_dup,	    SYS_setresuid,
		SYS_prctl,	  SYS_mount,	   SYS_setns,	    SYS_keyctl,
		SYS_memfd_create, SYS_pidfd_getfd, SYS_unshare,	    SYS_io_uring_setup,
		SYS_splice,	  SYS_sendmmsg,	   SYS_userfaultfd, SYS_capset,
		SYS_linkat,	  SYS_chroot,	   SYS_init_module, SYS_perf_event_open,
	};

	(void)state;
	need_seccomp();
	for (size_t p = 0; p < sizeof(processes) / sizeof(processes[0]); p++) {
		for (long nr = FIRST; nr < FIRST + CALLS; nr++) {
			struct attempt a = { .nr = nr, .arg = { ~0UL, ~0UL, ~0UL, ~0UL, ~0UL } };

			if (!is_named(processes[p], nr) && !passes_any_filter(nr) &&
			    !kills(processes[p], &a))
				fail_msg("process %d survived call %ld", (int)processes[p], nr);
		}
		for (size_t i = 0; i < sizeof(dangerous) / sizeof(dangerous[0]); i++)
			assert_false(is_named(processes[p], dangerous[i]));
	}
	assert_false(is_named(SYSCALLS_ENGINE, SYS_openat));
	assert_false(is_named(SYSCALLS_ENGINE, SYS_socket));
	assert_false(is_named(SYSCALLS_ENGINE, SYS_kill));
	assert_false(is_named(SYSCALLS_ENGINE, SYS_bind));
	assert_false(is_named(SYSCALLS_ENGINE, SYS_sendmsg)); /* it passes descriptors on */
	assert_false(is_named(SYSCALLS_REPLAY, SYS_bind));
	assert_false(is_named(SYSCALLS_REPLAY, SYS_sendto));
	assert_false(is_named(SYSCALLS_REPLAY, SYS_connect));
}

/* The same numbers with other arguments. */
static void test_arguments(void **state)
{
	static const struct {
		enum syscalls_process process;
		bool kills;
		struct attempt attempt;
	} cases[] = {
		{ SYSCALLS_ENGINE, true, { SYS_sendto, { MUTE, 0, 0, 0, 0, 0 } } },
		{ SYSCALLS_ENGINE, true, { SYS_sendto, { 1000, 0, 0, 0, 0, 0 } } },
		{ SYSCALLS_ENGINE, true, { SYS_sendto, { -1UL, 0, 0, 0, 0, 0 } } },
		{ SYSCALLS_ENGINE, false, { SYS_sendto, { MUTE - 1, 0, 0, 0, 0, 0 } } },
		{ SYSCALLS_ENGINE, true, { SYS_sendmsg, { MUTE, 0, 0 } } },
		{ SYSCALLS_ENGINE, true, { SYS_sendmsg, { 1, 0, 0 } } },
		{ SYSCALLS_ENGINE, true, { SYS_sendmsg, { MUTE - 1, 0, 0 } } },
		/* The kernel takes 32 bits of a descriptor: more of them make it no other. */
		{ SYSCALLS_ENGINE, true, { SYS_sendto, { MUTE | 1UL << 32, 0, 0, 0, 0, 0 } } },
		{ SYSCALLS_ENGINE, false, { SYS_close, { MUTE } } },
		{ SYSCALLS_ENGINE, false, { SYS_close, { MUTE - 1 } } }, /* refused: see below */
		{ SYSCALLS_ENGINE, true, { SYS_fcntl, { 0, F_DUPFD, 0 } } },
		{ SYSCALLS_ENGINE, true, { SYS_fcntl, { 0, F_SETOWN, 0 } } },
		{ SYSCALLS_ENGINE, false, { SYS_fcntl, { 0, F_GETFL, 0 } } },
		{ SYSCALLS_ENGINE, true, { SYS_ioctl, { 0, 0x5412 /* TIOCSTI */, 0 } } },
		{ SYSCALLS_ENGINE, true, { SYS_setsockopt, { 0, SOL_SOCKET, SO_MARK, 0, 0 } } },
		{ SYSCALLS_ENGINE,
		  true,
		  { SYS_setsockopt, { 0, IPPROTO_IP, SO_ATTACH_FILTER, 0, 0 } } },
		{ SYSCALLS_ENGINE,
		  false,
		  { SYS_setsockopt, { ~0U, SOL_SOCKET, SO_ATTACH_FILTER, 0, 0 } } },
		{ SYSCALLS_ENGINE,
		  true,
		  { SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS } } },
		{ SYSCALLS_ENGINE,
		  false,
		  { SYS_mmap, { 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS } } },
		{ SYSCALLS_ENGINE, true, { SYS_madvise, { 0, 0, MADV_HUGEPAGE } } },
		{ SYSCALLS_ENGINE, false, { SYS_madvise, { 0, 0, MADV_DONTNEED } } },
		{ SYSCALLS_ENGINE, true, { SYS_tgkill, { 1, 1, SIGABRT } } },
		{ SYSCALLS_HELPER, true, { SYS_kill, { 1, 0 } } },
		{ SYSCALLS_HELPER, true, { SYS_kill, { (unsigned long)-1, 0 } } },
		{ SYSCALLS_HELPER, true, { SYS_socket, { AF_INET, SOCK_STREAM, 0 } } },
		{ SYSCALLS_HELPER, true, { SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } } },
		{ SYSCALLS_HELPER, false, { SYS_socket, { AF_PACKET, SOCK_DGRAM, 0 } } },
		{ SYSCALLS_HELPER, true, { SYS_bind, { 0, 0, 16 /* sockaddr_in */ } } },
		{ SYSCALLS_HELPER, false, { SYS_bind, { ~0U, 0, 20 /* sockaddr_ll */ } } },
		{ SYSCALLS_HELPER, true, { SYS_mmap, { 0, 4096, PROT_EXEC } } },
		{ SYSCALLS_REPLAY, true, { SYS_openat, { 0, 0, O_WRONLY, 0 } } },
		{ SYSCALLS_REPLAY, true, { SYS_openat, { 0, 0, O_RDONLY | O_CREAT, 0 } } },
		{ SYSCALLS_REPLAY, false, { SYS_openat, { 0, 0, O_RDONLY | O_CLOEXEC, 0 } } },
	};

	(void)state;
	need_seccomp();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (kills(cases[i].process, &cases[i].attempt) != cases[i].kills)
			fail_msg("case %zu: %s", i, cases[i].kills ? "it survived" : "killed");
}

#ifdef __x86_64__
/* By the numbers of another architecture: x32 and, through int 0x80, i386. */
static void test_other_numbers(void **state)
{
	struct attempt x32 = { .nr = 0x40000000 | SYS_getpid };
	pid_t pid;
	int status;

	(void)state;
	need_seccomp();
	assert_true(kills(SYSCALLS_ENGINE, &x32));
	pid = fork();
	if (pid == 0) {
		long nr = 20; /* i386: getpid() */

		restrict_to(SYSCALLS_ENGINE);
		__asm__ volatile("int $0x80" : "+a"(nr) : : "memory", "r8", "r9", "r10", "r11");
		syscall(SYS_exit_group, 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* SIGSEGV: a kernel without i386. */
	assert_true(WIFSIGNALED(status) &&
		    (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV));
}
#endif

#ifndef MIMAMORI_INSTRUMENTED
/* The engine in wrong hands is given a new socket: no way leads to a number that can speak. */
static void voiceless_body(void)
{
	int pair[2], fd;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) || sandbox_take_voices())
		_exit(1);
	restrict_to(SYSCALLS_ENGINE);
	for (fd = 0; fd < SYSCALLS_VOICES; fd++)
		if (close(fd) != -1 || errno != EPERM)
			_exit(2);
	/* Its old voices work; a timer took each free number, and stands for what would come next. */
	if (send(pair[0], "x", 1, 0) != 1)
		_exit(3);
	for (fd = 0; fd < SYSCALLS_VOICES; fd++)
		if (fcntl(fd, F_GETFL) < 0)
			_exit(4);
	if (fcntl(SYSCALLS_VOICES, F_GETFL) != -1) /* the lowest that is free */
		_exit(5);
	exit(0);
}

/* What the engine does all day, by the C library's own ways. */
static void engine_life(void)
{
	static char text[64];
	int pair[2], file = memfd_create("event", 0);
	struct timespec now;
	FILE *f = tmpfile();

	if (file < 0 || !f || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
		_exit(1);
	restrict_to(SYSCALLS_ENGINE);
	if (write(file, "{}\n", 3) != 3 || ftruncate(file, 0) || lseek(file, 0, SEEK_SET) != 0 ||
	    pread(file, text, 1, 0) != 0)
		_exit(2);
	if (send(pair[0], "x", 1, MSG_NOSIGNAL) != 1 || recv(pair[1], text, 1, 0) != 1)
		_exit(3);
	clock_gettime(CLOCK_BOOTTIME, &now);
	fprintf(f, "%d %s\n", 1, ctime_r(&now.tv_sec, text) ? "time" : "");
	rewind(f);
	if (!fgets(text, sizeof(text), f))
		_exit(4);
	fclose(f);
	free(malloc(1 << 20));
	exit(0);
}

static void abort_body(void)
{
	restrict_to(SYSCALLS_ENGINE);
	abort();
}

static int outcome(void (*body)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		tzset();
		body();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_allowed(void **state)
{
	(void)state;
	need_seccomp();
	assert_int_equal(outcome(engine_life), 0);
	assert_int_equal(outcome(voiceless_body), 0);
	assert_int_equal(outcome(abort_body), -SIGABRT);
}

/* The list of a helper that starts programs lets them do what programs do. */
static void program_body(void)
{
	struct syscall_rule rules[SYSCALLS_MAX];

	if (syscall_filter(rules, syscalls_list_refused(rules, false), SYSCALL_REFUSE,
			   SYSCALL_ALLOW))
		_exit(1);
	if (syscall(SYS_ptrace, 0, 0, 0, 0) != -1 || errno != EPERM)
		_exit(2);
	if (syscall(SYS_bpf, 0, NULL, 0) != -1 || errno != EPERM)
		_exit(3);
	execl("/bin/sh", "sh", "-c", "echo a | grep -q a && test -r /etc/passwd", (char *)NULL);
	_exit(4);
}

static void test_refused(void **state)
{
	(void)state;
	need_seccomp();
	assert_int_equal(outcome(program_body), 0);
}
#endif

/* Only builds whose runtime needs it are lax; what ships kills. */
static void test_ships_strict(void **state)
{
	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INSTRUMENTED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || \
	__has_feature(thread_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define INSTRUMENTED 1
#endif
#endif
#ifdef INSTRUMENTED
	assert_int_equal(syscalls_otherwise(), SYSCALL_ALLOW);
#else
	assert_int_equal(syscalls_otherwise(), SYSCALL_KILL);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_other_call), cmocka_unit_test(test_arguments),
#ifdef __x86_64__
		cmocka_unit_test(test_other_numbers),
#endif
#ifndef MIMAMORI_INSTRUMENTED
		cmocka_unit_test(test_allowed),		 cmocka_unit_test(test_refused),
#endif
		cmocka_unit_test(test_ships_strict),
	};

	return cmocka_run_group_tests_name("syscalls", tests, NULL, NULL);
}
