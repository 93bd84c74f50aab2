/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/sandbox.h"

#include "core/landlock.h"
#include "core/log.h"
#include "sensor/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

static bool is_missing(int err)
{
	return err == -ENOSYS || err == -EOPNOTSUPP || err == -EINVAL;
}

/* Landlock over all but the captures. The ABI, 0 without Landlock, or -errno. */
static int restrict_files(const char *const *captures, int n)
{
	int abi = 0, err, ruleset = landlock_begin(&abi);

	if (ruleset < 0)
		return is_missing(ruleset) ? 0 : ruleset;
	for (int i = 0; i < n; i++)
		if (captures[i] && strcmp(captures[i], "-") != 0)
			landlock_allow_read(ruleset, captures[i]);
	err = landlock_enforce(ruleset);
	close(ruleset);
	return err < 0 ? err : abi;
}

/* 1, 0 where the kernel has no filters, or -errno. */
static int restrict_calls(unsigned int process, const struct syscalls_known *known)
{
	struct syscall_rule rules[SYSCALLS_MAX];
	size_t n = syscalls_list(rules, process, known);
	int err = syscall_filter(rules, n, SYSCALL_ALLOW, syscalls_otherwise());

	return err == 0 ? 1 : is_missing(err) ? 0 : err;
}

static int failed(const char *what, int err)
{
	log_error("cannot restrict %s: %s", what, strerror(-err));
	return err;
}

/* Whatever number is free below gets a descriptor of a timer that nobody sets. */
int sandbox_take_voices(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	while (fd >= 0 && fd < SYSCALLS_VOICES)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return failed("the engine's descriptors", -errno);
	close(fd);
	return 0;
}

int sandbox_engine(bool reads_bpf)
{
	struct syscalls_known known = { .self = getpid(), .engine = -1 };
	int abi = restrict_files(NULL, 0), filter;
	char landlock[64] = "no Landlock in this kernel";

	if (sandbox_take_voices() < 0) /* once more: what was closed since has left holes */
		return -EMFILE;
	if (abi < 0)
		return failed("the engine's files", abi);
	filter = restrict_calls(SYSCALLS_ENGINE | (reads_bpf ? SYSCALLS_ENGINE_BPF : 0), &known);
	if (filter < 0)
		return failed("the engine's system calls", filter);
	if (abi)
		snprintf(landlock, sizeof(landlock), "Landlock ABI %d", abi);
	if (filter)
		log_info("the engine is isolated: system call filter, %s", landlock);
	else
		log_warning("this kernel has no system call filter (CONFIG_SECCOMP_FILTER): "
			    "the engine is isolated by its user alone, %s",
			    landlock);
	return 0;
}

int sandbox_helper(pid_t engine, bool starts_programs, bool loads_bpf)
{
	struct syscalls_known known = { .self = getpid(), .engine = engine };
	struct syscall_rule rules[SYSCALLS_MAX];
	int err;

	/* What on_finding starts inherits the filter, and may be any program. */
	if (starts_programs)
		err = syscall_filter(rules, syscalls_list_refused(rules, loads_bpf), SYSCALL_REFUSE,
				     SYSCALL_ALLOW);
	else
		err = restrict_calls(SYSCALLS_HELPER | (loads_bpf ? SYSCALLS_HELPER_BPF : 0),
				     &known);
	return err < 0 && !is_missing(err) ? failed("the helper's system calls", err) : 0;
}

int sandbox_replay(const char *const *captures, int n)
{
	struct syscalls_known known = { .self = getpid(), .engine = -1 };
	int err;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return failed("replay's privileges", -errno);
	err = restrict_files(captures, n);
	if (err >= 0)
		err = restrict_calls(SYSCALLS_REPLAY, &known);
	return err < 0 ? failed("replay", err) : 0;
}
