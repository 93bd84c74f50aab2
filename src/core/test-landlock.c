/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/landlock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ALLOWED "/etc/passwd"
#define OTHER "/etc/group"

static int outcome(void (*body)(int abi))
{
	int abi = 0, ruleset = landlock_begin(&abi), status;
	pid_t pid;

	if (ruleset == -ENOSYS || ruleset == -EOPNOTSUPP) {
		print_message("skipped: this kernel has no Landlock\n");
		skip();
	}
	assert_true(ruleset >= 0 && abi >= 1);
	pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    landlock_allow_read(ruleset, ALLOWED) || landlock_enforce(ruleset))
			_exit(1);
		close(ruleset);
		body(abi);
		_exit(0);
	}
	close(ruleset);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void files_body(int abi)
{
	int fd = open(ALLOWED, O_RDONLY);
	char byte;

	(void)abi;
	if (fd < 0 || read(fd, &byte, 1) != 1)
		_exit(2);
	if (open(ALLOWED, O_WRONLY) >= 0 || open(OTHER, O_RDONLY) >= 0 || errno != EACCES)
		_exit(3);
	if (open("/tmp", O_RDONLY | O_TMPFILE, 0600) >= 0 || open("/", O_RDONLY) >= 0)
		_exit(4);
}

static void test_files(void **state)
{
	(void)state;
	assert_int_equal(outcome(files_body), 0);
}

static void tcp_body(int abi)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(9),
				 .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (abi < LANDLOCK_ABI_TCP)
		_exit(77);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 || errno != EACCES)
		_exit(2);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 || errno != EACCES)
		_exit(3);
}

static void signal_body(int abi)
{
	if (abi < LANDLOCK_ABI_SCOPE)
		_exit(77);
	if (kill(getppid(), 0) == 0 || errno != EPERM)
		_exit(2);
	if (kill(getpid(), 0))
		_exit(3);
}

static void expect_or_skip(int status)
{
	if (status == 77) {
		print_message("skipped: this kernel's Landlock is older\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void test_tcp(void **state)
{
	(void)state;
	expect_or_skip(outcome(tcp_body));
}

static void test_signals(void **state)
{
	(void)state;
	expect_or_skip(outcome(signal_body));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_signals),
	};

	return cmocka_run_group_tests_name("landlock", tests, NULL, NULL);
}
