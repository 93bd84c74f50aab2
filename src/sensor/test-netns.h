/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests that need a network of their own: a namespace that vanishes with the process.
 */
#ifndef MIMAMORI_SENSOR_TEST_NETNS_H
#define MIMAMORI_SENSOR_TEST_NETNS_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEST_SKIP 77
#define TEST_MAX_ARGS 32

/* Runs a command, split at blanks, without its messages. Its exit code; 127: does not exist. */
static inline int run(const char *command)
{
	char text[512], *save = NULL, *argv[TEST_MAX_ARGS] = { NULL };
	int n = 0, status;
	pid_t pid;

	snprintf(text, sizeof(text), "%s", command);
	for (char *word = strtok_r(text, " ", &save); word && n < TEST_MAX_ARGS - 1;
	     word = strtok_r(NULL, " ", &save))
		argv[n++] = word;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDERR_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

/* Moves the test into a fresh namespace, or ends it as skipped with a reason. */
static inline void enter_netns(void)
{
	if (unshare(CLONE_NEWNET)) {
		printf("skipped: no network namespace of our own: %s\n", strerror(errno));
		exit(TEST_SKIP);
	}
	if (run("ip link set lo up")) {
		printf("skipped: ip(8) of iproute2 is needed\n");
		exit(TEST_SKIP);
	}
}

static inline bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

#endif
