/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a started program is, has and may; and that none is left. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2, unshare */
#endif

#include "decoy/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 30000

static void test_find(void **state)
{
	char path[PATH_MAX], *before = strdup(getenv("PATH"));

	(void)state;
	assert_non_null(before);
	assert_int_equal(launch_find("sh", path), 0);
	assert_int_equal(path[0], '/');
	assert_int_equal(launch_find("no-such-program", path), -ENOENT);
	assert_int_equal(launch_find("/bin/sh", path), -EINVAL);
	assert_int_equal(launch_find("../bin/sh", path), -EINVAL);
	/* Never from the working directory. */
	assert_int_equal(chdir("/bin"), 0);
	setenv("PATH", ":.::bin:", 1);
	assert_int_equal(launch_find("sh", path), -ENOENT);
	setenv("PATH", ".:/bin", 1);
	assert_int_equal(launch_find("sh", path), 0);
	assert_string_equal(path, "/bin/sh");
	setenv("PATH", before, 1);
	free(before);
}

static int run(const char *script, unsigned int timeout_ms, char *why)
{
	const char *argv[] = { "sh", "-c", script, NULL };

	why[0] = '\0';
	return launch_run(argv, NULL, 0, NULL, timeout_ms, why);
}

static void test_run(void **state)
{
	char why[LAUNCH_WHY_LEN];
	const char *missing[] = { "no-such-program", NULL };

	(void)state;
	assert_int_equal(run("exit 0", WAIT_MS, why), 0);
	assert_int_equal(run("echo out of luck >&2; echo more; exit 3", WAIT_MS, why), -EIO);
	assert_string_equal(why, "sh failed: out of luck");
	assert_int_equal(run("exit 1", WAIT_MS, why), -EIO);
	assert_string_equal(why, "sh failed");
	assert_int_equal(run("kill -9 $$", WAIT_MS, why), -EIO);
	assert_string_equal(why, "sh was killed by signal 9");
	assert_int_equal(run("read x && echo input", WAIT_MS, why), -EIO); /* there is none */
	assert_int_equal(launch_run(missing, NULL, 0, NULL, WAIT_MS, why), -ENOENT);
	assert_string_equal(why, "no-such-program is not installed");
}

/* One that says more than is kept is read to its end, and one without an end is killed. */
static void test_run_is_bounded(void **state)
{
	char why[LAUNCH_WHY_LEN];

	(void)state;
	assert_int_equal(
		run("i=0; while [ $i -lt 20000 ]; do echo xxxxxxxxxxxxxxx; i=$((i+1)); done;"
		    "exit 1",
		    WAIT_MS, why),
		-EIO);
	assert_string_equal(why, "sh failed: xxxxxxxxxxxxxxx");
	assert_int_equal(run("while :; do echo x; done", 100, why), -ETIMEDOUT);
	assert_non_null(strstr(why, "not done within"));
	assert_int_equal(run("kill -STOP $$", 100, why), -ETIMEDOUT);
	assert_int_equal(run("exec >&- 2>&-; kill -STOP $$", 100, why), -ETIMEDOUT);
	assert_non_null(strstr(why, "not done within"));
	assert_int_equal(run("exec >&- 2>&-; sleep 0.1; exit 3", WAIT_MS, why), -EIO);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	assert_int_equal(errno, ECHILD);
}

/* Where the kernel waits in our place, a program's failure is not taken for success. */
static void test_run_where_children_are_ignored(void **state)
{
	char why[LAUNCH_WHY_LEN];
	int err;

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	err = run("exit 1", WAIT_MS, why);
	signal(SIGCHLD, SIG_DFL);
	assert_int_equal(err, -ECHILD);
	assert_non_null(strstr(why, "cannot be told"));
}

/* Starts a script, reads what it prints; its wait status. */
static int start(const char *script, const int *fds, unsigned int n_fds,
		 const struct launch_jail *jail, char *out, size_t size)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	char path[PATH_MAX], why[LAUNCH_WHY_LEN];
	struct launch s = { .path = path, .argv = argv, .fds = fds, .n_fds = n_fds, .jail = jail };
	int pipe_fds[2], status;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(launch_find("sh", path), 0);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	s.output = pipe_fds[1];
	if (launch(&s, &pid, why) != 0)
		fail_msg("%s", why);
	close(pipe_fds[1]);
	while ((n = read(pipe_fds[0], out + used, size - 1 - used)) > 0)
		used += (size_t)n;
	out[used] = '\0';
	close(pipe_fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_descriptors(void **state)
{
	int kept = open("/dev/zero", O_RDONLY | O_CLOEXEC), other = open("/dev/zero", O_RDONLY);
	char out[256], script[128], expected[64];

	(void)state;
	assert_true(kept > 2 && other > 2);
	snprintf(
		script, sizeof(script),
		"for i in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/self/fd/$i ] && echo -n $i; done; pwd");
	assert_int_equal(start(script, &kept, 1, NULL, out, sizeof(out)), 0);
	snprintf(expected, sizeof(expected), "012%d/\n", kept);
	assert_string_equal(out, expected);
	close(kept);
	close(other);
}

static void test_too_many_descriptors(void **state)
{
	const char *argv[] = { "sh", NULL };
	char why[LAUNCH_WHY_LEN];
	struct launch s = { .path = "/bin/sh", .argv = argv, .n_fds = LAUNCH_FDS_MAX + 1 };
	pid_t pid = 0;

	(void)state;
	assert_int_equal(launch(&s, &pid, why), -E2BIG);
	assert_int_equal(pid, 0);
}

static void test_not_executable(void **state)
{
	const char *argv[] = { "passwd", NULL };
	char why[LAUNCH_WHY_LEN];
	struct launch s = { .path = "/etc/passwd", .argv = argv, .output = 1 };
	pid_t pid = 0;

	(void)state;
	assert_int_equal(launch(&s, &pid, why), -EACCES);
	assert_string_equal(why,
			    "passwd cannot be started: it cannot be executed: Permission denied");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Without a path to anything: dash has what is asked for built in. */
static void test_jail(void **state)
{
	struct launch_jail jail = { .network = true, .file_bytes = 1 << 20, .data_bytes = 1 << 28 };
	int file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char out[4096], script[512];

	(void)state;
	if (geteuid() != 0) {
		print_message("another user needs root\n");
		skip();
	}
	assert_true(file >= 0);
	snprintf(
		script, sizeof(script),
		"while read -r line; do echo \"$line\"; done </proc/self/status 2>/dev/null;"
		"read -r x </etc/passwd && echo READ; echo x >/tmp/test-launch && echo WROTE;"
		"/bin/ls / >/dev/null && echo RAN; ulimit -c; ulimit -n; kill -0 %d && echo SIGNALLED",
		(int)getpid());
	start(script, &file, 1, &jail, out, sizeof(out));
	assert_null(strstr(out, "READ\n"));
	assert_null(strstr(out, "WROTE"));
	assert_null(strstr(out, "RAN"));
	assert_null(strstr(out, "SIGNALLED"));
	assert_non_null(strstr(out, "0\n256\n"));
	assert_int_equal(access("/tmp/test-launch", F_OK), -1);
	close(file);
}

#define NAMESPACE 0xf0000000ULL /* the first that the kernel gives */
#define PIDS_MAX (1 << 22) /* PID_MAX_LIMIT of Linux */

/* All of a namespace have one of their own; of namespaces made one after the other, as well. */
static void test_user_numbers(void **state)
{
	uid_t first[16];

	(void)state;
	for (unsigned int ns = 0; ns < 16; ns++) {
		first[ns] = launch_uid(NAMESPACE + ns, 0);
		for (pid_t pid = 1; pid < PIDS_MAX; pid += 4093) {
			uid_t uid = launch_uid(NAMESPACE + ns, pid);

			assert_in_range(uid, 0x70000000, 0x7fffffff);
			assert_int_equal((uid - first[ns]) & 0xfffffff, pid);
		}
		for (unsigned int other = 0; other < ns; other++) {
			uid_t apart = (first[ns] - first[other]) & 0xfffffff;

			assert_in_range(apart, PIDS_MAX, 0x10000000 - PIDS_MAX);
		}
	}
}

/* The user that a program of ours became: of a file that it was given to write. */
static uid_t jailed_user(pid_t *pid)
{
	int file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct launch_jail jail = { .writable = &file, .n_writable = 1, .data_bytes = 1 << 28 };
	const char *argv[] = { "sh", "-c", "exit 0", NULL };
	struct launch s = {
		.path = "/bin/sh", .argv = argv, .fds = &file, .n_fds = 1, .output = 1, .jail = &jail
	};
	char why[LAUNCH_WHY_LEN];
	struct stat st = { 0 };

	if (file >= 0 && launch(&s, pid, why) == 0) {
		waitpid(*pid, NULL, 0);
		if (fstat(file, &st) < 0)
			st.st_uid = 0;
	}
	close(file);
	return st.st_uid;
}

/* In another PID namespace, numbers of processes begin anew. */
static void test_users_of_two_namespaces(void **state)
{
	struct seen {
		uid_t uid;
		pid_t pid;
		ino_t namespace;
	} seen = { 0 };
	uid_t uid;
	int pipe_fds[2];
	struct stat st;
	pid_t pid = 0, middle;

	(void)state;
	if (geteuid() != 0) {
		print_message("another user needs root\n");
		skip();
	}
	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	uid = jailed_user(&pid);
	assert_int_equal(uid, launch_uid(st.st_ino, pid));
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	middle = fork();
	if (middle == 0) {
		/* Its children are of the new one. */
		pid_t child = unshare(CLONE_NEWPID) == 0 ? fork() : -1;

		if (child > 0)
			waitpid(child, NULL, 0);
		if (child)
			_exit(child < 0);
		seen.uid = jailed_user(&seen.pid);
		seen.namespace = stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
		_exit(write(pipe_fds[1], &seen, sizeof(seen)) != sizeof(seen));
	}
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], &seen, sizeof(seen)), sizeof(seen));
	close(pipe_fds[0]);
	assert_int_equal(waitpid(middle, NULL, 0), middle);
	assert_int_equal(seen.pid, 2);
	assert_int_not_equal(seen.namespace, st.st_ino);
	assert_int_equal(seen.uid, launch_uid(seen.namespace, seen.pid));
	assert_int_not_equal(seen.uid, launch_uid(st.st_ino, seen.pid));
}

/* A file that would grow too large is a write that fails, not a death. */
static void test_file_limit(void **state)
{
	struct launch_jail jail = { .file_bytes = 4096, .data_bytes = 1 << 28 };
	int file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char out[1024], script[256];
	int status;

	(void)state;
	assert_true(file >= 0);
	snprintf(script, sizeof(script),
		 "i=0; while [ $i -lt 200 ]; do echo 0123456789012345678901234567890 || break;"
		 "i=$((i+1)); done >&%d; echo wrote $i",
		 file);
	status = start(script, &file, 1, &jail, out, sizeof(out));
	assert_true(WIFEXITED(status));
	assert_non_null(strstr(out, "wrote 128\n"));
	assert_int_equal(lseek(file, 0, SEEK_END), 4096);
	close(file);
}

static void wait_gone(pid_t pid)
{
	for (int ms = 0; ms < WAIT_MS && kill(pid, 0) == 0; ms += 10)
		usleep(10000);
	assert_int_equal(kill(pid, 0), -1);
}

/* Whoever started it is killed: it goes, too. */
static void test_dies_with_its_parent(void **state)
{
	const char *argv[] = { "sleep", "1000", NULL };
	char path[PATH_MAX], why[LAUNCH_WHY_LEN];
	struct launch_jail jail = { .data_bytes = 1 << 28 };
	int pipe_fds[2];
	pid_t middle, pid = 0;

	(void)state;
	assert_int_equal(launch_find("sleep", path), 0);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	middle = fork();
	if (middle == 0) {
		struct launch s = { .path = path, .argv = argv, .output = 1, .jail = &jail };

		if (launch(&s, &pid, why) != 0)
			pid = 0;
		_exit(write(pipe_fds[1], &pid, sizeof(pid)) != sizeof(pid) || pause());
	}
	assert_int_equal(read(pipe_fds[0], &pid, sizeof(pid)), sizeof(pid));
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	assert_true(pid > 0);
	assert_int_equal(kill(middle, SIGKILL), 0);
	assert_int_equal(waitpid(middle, NULL, 0), middle);
	wait_gone(pid);
}

static void test_pidfd(void **state)
{
	pid_t pid = fork();
	struct pollfd p;

	(void)state;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	p = (struct pollfd){ .fd = launch_pidfd(pid), .events = POLLIN };
	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	kill(pid, SIGKILL);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(p.fd);
	assert_int_equal(launch_pidfd(pid), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_run_is_bounded),
		cmocka_unit_test(test_run_where_children_are_ignored),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_too_many_descriptors),
		cmocka_unit_test(test_not_executable),
		cmocka_unit_test(test_jail),
		cmocka_unit_test(test_user_numbers),
		cmocka_unit_test(test_users_of_two_namespaces),
		cmocka_unit_test(test_file_limit),
		cmocka_unit_test(test_dies_with_its_parent),
		cmocka_unit_test(test_pidfd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
