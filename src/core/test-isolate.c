/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each case gives up privileges in a child of its own. What the child became is read from
 * /proc/PID/status by the kernel's account, not by the code under test.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "core/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define UID 65534
#define GID 65533
#define CAP(name) (1ULL << CAP_##name)

/* In children cmocka's asserts would run the rest of the tests twice. */
#define CHILD_ASSERT(condition)                                                            \
	do {                                                                               \
		if (!(condition)) {                                                        \
			dprintf(2, "%s:%d: not so in the child: %s\n", __FILE__, __LINE__, \
				#condition);                                               \
			_exit(1);                                                          \
		}                                                                          \
	} while (0)

static void in_child(void (*body)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void need_root(void)
{
	if (geteuid() != 0 || prctl(PR_CAPBSET_READ, CAP_SETPCAP, 0, 0, 0) != 1) {
		print_message("skipped: needs root with CAP_SETPCAP\n");
		skip();
	}
}

static const char *status_line(const char *name, char value[128])
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	value[0] = '\0';
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
			snprintf(value, 128, "%s", line + strlen(name) + 2);
	if (f)
		fclose(f);
	value[strcspn(value, "\n")] = '\0';
	return value;
}

static uint64_t status_hex(const char *name)
{
	char value[128];

	return strtoull(status_line(name, value), NULL, 16);
}

static void drop_body(void)
{
	char value[128], expected[64];

	CHILD_ASSERT(isolate_drop(UID, GID) == 0);
	snprintf(expected, sizeof(expected), "%d\t%d\t%d\t%d", UID, UID, UID, UID);
	CHILD_ASSERT(strcmp(status_line("Uid", value), expected) == 0);
	snprintf(expected, sizeof(expected), "%d\t%d\t%d\t%d", GID, GID, GID, GID);
	CHILD_ASSERT(strcmp(status_line("Gid", value), expected) == 0);
	CHILD_ASSERT(strspn(status_line("Groups", value), " ") == strlen(value));
	CHILD_ASSERT(strcmp(status_line("NoNewPrivs", value), "1") == 0);
	CHILD_ASSERT(status_hex("CapInh") == 0 && status_hex("CapPrm") == 0);
	CHILD_ASSERT(status_hex("CapEff") == 0 && status_hex("CapBnd") == 0);
	CHILD_ASSERT(status_hex("CapAmb") == 0);
	CHILD_ASSERT(setuid(0) < 0 && setgid(0) < 0);
	CHILD_ASSERT(open("/etc/shadow", O_RDONLY) < 0);
}

static void test_drop(void **state)
{
	(void)state;
	need_root();
	in_child(drop_body);
}

/* As from a service manager that gave the process ambient capabilities. */
static void ambient_body(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	CHILD_ASSERT(syscall(SYS_capget, &header, data) == 0);
	data[0].inheritable = data[0].permitted;
	data[1].inheritable = data[1].permitted;
	CHILD_ASSERT(syscall(SYS_capset, &header, data) == 0);
	CHILD_ASSERT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETUID, 0, 0) == 0);
	drop_body();
}

static void test_drop_ambient(void **state)
{
	(void)state;
	need_root();
	in_child(ambient_body);
}

static void refused_body(void)
{
	CHILD_ASSERT(isolate_drop(0, GID) == -EINVAL);
	CHILD_ASSERT(isolate_drop(UID, 0) == -EINVAL);
	CHILD_ASSERT(isolate_drop((uid_t)-1, GID) == -EINVAL);
	CHILD_ASSERT(isolate_drop(UID, (gid_t)-1) == -EINVAL);
}

/* Without privilege there is nothing to give up, so it cannot become somebody else. */
static void unprivileged_body(void)
{
	CHILD_ASSERT(geteuid() != 0 || setresuid(UID, UID, UID) == 0);
	CHILD_ASSERT(isolate_drop(UID - 10, GID) == -EPERM);
}

static void test_drop_refused(void **state)
{
	(void)state;
	in_child(refused_body);
	in_child(unprivileged_body);
}

static void limit_body(void)
{
	uint64_t keep = CAP(NET_RAW) | CAP(SETUID) | CAP(SETGID) | CAP(SETPCAP);
	uint64_t had = status_hex("CapPrm");

	CHILD_ASSERT(isolate_limit_caps(keep) == 0);
	CHILD_ASSERT(status_hex("CapPrm") == (keep & had));
	CHILD_ASSERT(status_hex("CapEff") == (keep & had));
	CHILD_ASSERT(status_hex("CapInh") == 0 && status_hex("CapAmb") == 0);
	CHILD_ASSERT((status_hex("CapBnd") & ~keep) == 0);
	/* What it starts later still gives up everything. */
	CHILD_ASSERT(isolate_limit_caps(keep) == 0);
	drop_body();
}

static void test_limit(void **state)
{
	(void)state;
	need_root();
	in_child(limit_body);
}

static void check_closed(void)
{
	int keep[] = { 30, 12, 5, 31, 200 };

	for (int fd = 3; fd < 40; fd++)
		CHILD_ASSERT(dup2(0, fd) == fd);
	CHILD_ASSERT(dup2(0, 200) == 200 && dup2(0, 201) == 201);
	isolate_close_from(6, keep, 5);
	for (int fd = 0; fd < 256; fd++) {
		bool kept = fd < 6 || fd == 12 || fd == 30 || fd == 31 || fd == 200;

		CHILD_ASSERT(kept == (fcntl(fd, F_GETFD) >= 0));
	}
	isolate_close_from(3, NULL, 0);
	CHILD_ASSERT(fcntl(2, F_GETFD) >= 0);
	for (int fd = 3; fd < 256; fd++)
		CHILD_ASSERT(fcntl(fd, F_GETFD) < 0);
}

/* A kernel before 5.9, as seccomp plays it. */
static void without_close_range(void)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(insns) / sizeof(insns[0]), insns };

	CHILD_ASSERT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHILD_ASSERT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0);
	CHILD_ASSERT(syscall(SYS_close_range, 1000, 1000, 0) < 0 && errno == ENOSYS);
	check_closed();
}

static void test_close_from(void **state)
{
	(void)state;
	in_child(check_closed);
	in_child(without_close_range);
}

static void test_find_user(void **state)
{
	uid_t uid = 1;
	gid_t gid = 1;

	(void)state;
	assert_int_equal(isolate_find_user("root", &uid, &gid), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(gid, 0);
	uid = 77;
	assert_int_equal(isolate_find_user("no-such-user", &uid, &gid), -ENOENT);
	assert_int_equal(isolate_find_user("", &uid, &gid), -ENOENT);
	assert_int_equal(uid, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drop),	     cmocka_unit_test(test_drop_ambient),
		cmocka_unit_test(test_drop_refused), cmocka_unit_test(test_limit),
		cmocka_unit_test(test_close_from),   cmocka_unit_test(test_find_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
