/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE /* pipe2 */
#include "sensor/supervise.h"

#include "core/clock.h"
#include "core/footprint.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS_PER_S 1000

struct supervisor {
	const struct supervise_policy *policy;
	sigset_t signals, before;
	pid_t child;
	bool told_to_end;
	unsigned int starts; /* again, so far */
	uint64_t started_ms[SUPERVISE_MAX_AN_HOUR]; /* of the last ones, by number */
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * MS_PER_S + (uint64_t)t.tv_nsec / NS_PER_MS;
}

static _Noreturn void be_child(const struct supervisor *s, pid_t parent, supervise_fn *fn,
			       int ready_fd, void *arg)
{
	sigprocmask(SIG_SETMASK, &s->before, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	exit(fn(ready_fd, arg));
}

/* Whether the new child got to work. */
static bool start(struct supervisor *s, supervise_fn *fn, void *arg)
{
	pid_t parent = getpid();
	int fds[2];
	ssize_t n;
	char byte;

	s->child = -1;
	if (pipe2(fds, O_CLOEXEC) < 0) {
		log_error("cannot make a pipe: %s", strerror(errno));
		return false;
	}
	s->child = fork();
	if (s->child == 0) {
		close(fds[0]);
		be_child(s, parent, fn, fds[1], arg);
	}
	if (s->child < 0)
		log_error("cannot start a process: %s", strerror(errno));
	close(fds[1]);
	do
		n = read(fds[0], &byte, 1);
	while (n < 0 && errno == EINTR);
	close(fds[0]);
	return s->child > 0 && n == 1;
}

/* The next signal within that time, 0 when none came; negative: for ever. */
static int next_signal(const struct supervisor *s, int64_t wait_ms)
{
	struct timespec t = { wait_ms / MS_PER_S, wait_ms % MS_PER_S * (long)NS_PER_MS };
	int signo;

	do
		signo = wait_ms < 0 ? sigwaitinfo(&s->signals, NULL) :
				      sigtimedwait(&s->signals, NULL, &t);
	while (signo < 0 && errno == EINTR);
	return signo < 0 ? 0 : signo;
}

/* Passes signals on until the child has ended. Its status as of wait(2). */
static int wait_for_end(struct supervisor *s)
{
	int status = EXIT_FAILURE << 8;

	footprint_drop_code();
	while (s->child > 0 && waitpid(s->child, &status, WNOHANG) == 0) {
		int signo = next_signal(s, -1);

		if (signo == SIGCHLD)
			continue;
		s->told_to_end |= signo != SIGHUP;
		kill(s->child, signo);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Waits before another start. False: it is not to be started again. */
static bool pause_before_start(struct supervisor *s, int status)
{
	unsigned int max = s->policy->max_an_hour, recent = 0;
	uint64_t now = now_ms(), pause, until;

	for (unsigned int i = 0; i < max && i < s->starts; i++)
		recent += now - s->started_ms[i] < s->policy->hour_ms;
	if (recent == max) {
		log_error("the sensor ended with status %d, after %u new starts within an hour: "
			  "it stays off, and nothing is watched",
			  status, recent);
		return false;
	}
	pause = s->policy->first_pause_ms << recent;
	log_error("the sensor ended with status %d; what it had learnt and its open findings are "
		  "lost; it starts again in %" PRIu64 " s (%u of %u times an hour)",
		  status, pause / MS_PER_S, recent + 1, max);
	for (until = now + pause; now < until && !s->told_to_end; now = now_ms()) {
		int signo = next_signal(s, (int64_t)(until - now));

		s->told_to_end = signo == SIGTERM || signo == SIGINT;
	}
	if (s->told_to_end)
		return false;
	s->started_ms[s->starts++ % max] = now_ms();
	return true;
}

int supervise(const struct supervise_policy *policy, supervise_fn *fn, void (*ready)(void *arg),
	      void *arg)
{
	struct supervisor s = { .policy = policy };
	int status;

	sigemptyset(&s.signals);
	sigaddset(&s.signals, SIGTERM);
	sigaddset(&s.signals, SIGINT);
	sigaddset(&s.signals, SIGHUP);
	sigaddset(&s.signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &s.signals, &s.before);
	if (!start(&s, fn, arg)) {
		status = wait_for_end(&s);
		return status ? status : EXIT_FAILURE;
	}
	ready(arg);
	for (;;) {
		status = wait_for_end(&s);
		if (status == 0 || s.told_to_end)
			return status;
		if (!pause_before_start(&s, status))
			return s.told_to_end ? 0 : status;
		start(&s, fn, arg);
	}
}
