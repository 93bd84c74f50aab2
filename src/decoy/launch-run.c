/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2 */
#endif

#include "decoy/launch.h"

#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STEP_MS 500 /* of a wait */
#define OUTPUT_KEPT 160 /* bytes, from the beginning */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / NS_PER_MS;
}

/*
 * 0, or -ETIMEDOUT, and what is left of the time. A wait counts by no more than it was to last: while this host
 * sleeps, or while we are stopped, no time passes.
 */
static int await_readable(int fd, uint64_t *left)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (*left) {
		uint64_t step = *left < STEP_MS ? *left : STEP_MS, began = now_ms(), passed;
		int ready = poll(&p, 1, (int)step);

		passed = now_ms() - began;
		*left -= passed < step ? passed : step;
		if (ready > 0)
			return 0;
	}
	return -ETIMEDOUT;
}

/* Reads what it prints until it has closed its outputs. 0, or -ETIMEDOUT. */
static int collect(int fd, uint64_t *left, char out[OUTPUT_KEPT + 1])
{
	size_t used = 0;

	for (;;) {
		char buf[512];
		ssize_t n;
		int err = await_readable(fd, left);

		if (err)
			return err;
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return 0;
		if ((size_t)n > OUTPUT_KEPT - used)
			n = (ssize_t)(OUTPUT_KEPT - used);
		memcpy(out + used, buf, (size_t)n);
		used += (size_t)n;
		out[used] = '\0';
	}
}

static int judge(const char *program, int status, char *out, char why[LAUNCH_WHY_LEN])
{
	out[strcspn(out, "\n")] = '\0';
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		snprintf(why, LAUNCH_WHY_LEN, "%s was killed by signal %d%s%s", program,
			 WTERMSIG(status), out[0] ? ": " : "", out);
	else
		snprintf(why, LAUNCH_WHY_LEN, "%s failed%s%s", program, out[0] ? ": " : "", out);
	return -EIO;
}

/* What it could write is ours again. */
static int take_back(const struct launch_jail *jail)
{
	for (unsigned int i = 0; jail && geteuid() == 0 && i < jail->n_writable; i++)
		if (fchown(jail->writable[i], geteuid(), getegid()) < 0)
			return -errno;
	return 0;
}

/* To its end: 0 with its wait status, or -errno. It is killed when the time is over, and is waited for in any case. */
static int follow(pid_t pid, int output, unsigned int timeout_ms, char out[OUTPUT_KEPT + 1],
		  int *status)
{
	int pidfd = launch_pidfd(pid), err = pidfd < 0 ? pidfd : 0;
	uint64_t left = timeout_ms;

	if (err == -ESRCH)
		return -ECHILD; /* it has ended, and another has waited for it */
	if (!err)
		err = collect(output, &left, out);
	if (!err)
		err = await_readable(pidfd, &left); /* it may have closed its outputs long before */
	if (err)
		kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR) {
			err = err ? err : -errno;
			break;
		}
	if (pidfd >= 0)
		close(pidfd);
	return err;
}

int launch_run(const char *const *argv, const int *fds, unsigned int n_fds,
	       const struct launch_jail *jail, unsigned int timeout_ms, char why[LAUNCH_WHY_LEN])
{
	char path[PATH_MAX], out[OUTPUT_KEPT + 1] = "";
	struct launch s = { .path = path, .argv = argv, .fds = fds, .n_fds = n_fds, .jail = jail };
	int pipe_fds[2], status = 0, back, err = launch_find(argv[0], path);
	pid_t pid;

	if (err) {
		snprintf(why, LAUNCH_WHY_LEN, "%s is not installed", argv[0]);
		return err;
	}
	if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
		err = -errno;
		snprintf(why, LAUNCH_WHY_LEN, "%s cannot be started: %s", argv[0], strerror(-err));
		return err;
	}
	s.output = pipe_fds[1];
	err = launch(&s, &pid, why);
	close(pipe_fds[1]);
	if (!err) {
		err = follow(pid, pipe_fds[0], timeout_ms, out, &status);
		if (err == -ETIMEDOUT)
			snprintf(why, LAUNCH_WHY_LEN, "%s was not done within %u s", argv[0],
				 timeout_ms / 1000);
		else if (err)
			snprintf(why, LAUNCH_WHY_LEN, "how %s ended cannot be told: %s", argv[0],
				 strerror(-err));
		else
			err = judge(argv[0], status, out, why);
	}
	back = take_back(jail);
	if (back && !err) {
		err = back;
		snprintf(why, LAUNCH_WHY_LEN, "what %s wrote cannot be taken back: %s", argv[0],
			 strerror(-back));
	}
	close(pipe_fds[0]);
	return err;
}
