/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Children that end as they are told; how often each was started is counted in shared memory. */
#include "sensor/supervise.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct supervise_policy quick = { 3, 1, 60000 };

static struct {
	volatile unsigned int started, ready, hups;
	volatile pid_t child;
	bool works; /* says that it is at work */
	int status; /* and ends so; -1: stays until told */
	unsigned int good_from; /* this start and later ones end well */
} * shared;

static volatile sig_atomic_t hup;

static void on_hup(int signo)
{
	hup = signo;
}

static int child(int ready_fd, void *arg)
{
	(void)arg;
	signal(SIGHUP, on_hup);
	shared->started++;
	shared->child = getpid();
	if (shared->works && write(ready_fd, "", 1) != 1)
		return 99;
	close(ready_fd);
	if (shared->good_from && shared->started >= shared->good_from)
		return 0;
	if (shared->status >= 0)
		return shared->status;
	for (;;) {
		usleep(1000);
		shared->hups += hup != 0;
		hup = 0;
	}
}

static void on_ready(void *arg)
{
	(void)arg;
	shared->ready++;
}

static pid_t begin(bool works, int status, unsigned int good_from)
{
	pid_t pid;

	shared->started = shared->ready = shared->hups = 0;
	shared->child = 0;
	shared->works = works;
	shared->status = status;
	shared->good_from = good_from;
	alarm(20);
	pid = fork();
	if (pid == 0)
		_exit(supervise(&quick, child, on_ready, NULL));
	return pid;
}

static int result(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define AWAIT(condition)              \
	do {                          \
		while (!(condition))  \
			usleep(1000); \
	} while (0)

static void test_failed_start(void **state)
{
	(void)state;
	assert_int_equal(result(begin(false, 3, 0)), 3);
	assert_int_equal(shared->started, 1);
	assert_int_equal(shared->ready, 0);
	/* It says that all is well, and yet never got to work. */
	assert_int_equal(result(begin(false, 0, 0)), EXIT_FAILURE);
}

static void test_good_end(void **state)
{
	(void)state;
	assert_int_equal(result(begin(true, 0, 0)), 0);
	assert_int_equal(shared->started, 1);
	assert_int_equal(shared->ready, 1);
}

static void test_starts_again(void **state)
{
	(void)state;
	assert_int_equal(result(begin(true, 5, 3)), 0);
	assert_int_equal(shared->started, 3);
	assert_int_equal(shared->ready, 1);
}

static void test_not_for_ever(void **state)
{
	(void)state;
	assert_int_equal(result(begin(true, 5, 0)), 5);
	assert_int_equal(shared->started, 1 + quick.max_an_hour);
}

static void test_killed(void **state)
{
	pid_t pid = begin(true, -1, 0), first;

	(void)state;
	AWAIT(shared->ready && (first = shared->child));
	kill(first, SIGKILL);
	AWAIT(shared->child != first);
	AWAIT(shared->started == 2);
	kill(pid, SIGTERM);
	/* Passed on, the child died of it: as it was told. */
	assert_int_equal(result(pid), 128 + SIGTERM);
}

static void test_signals(void **state)
{
	pid_t pid = begin(true, -1, 0);

	(void)state;
	AWAIT(shared->ready);
	usleep(20000);
	kill(pid, SIGHUP);
	AWAIT(shared->hups == 1);
	assert_int_equal(shared->started, 1);
	kill(pid, SIGINT);
	assert_int_equal(result(pid), 128 + SIGINT);
}

static void test_no_orphan(void **state)
{
	pid_t pid = begin(true, -1, 0), orphan;
	int status;

	(void)state;
	AWAIT(shared->ready && (orphan = shared->child));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	AWAIT(kill(orphan, 0) < 0 && errno == ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failed_start), cmocka_unit_test(test_good_end),
		cmocka_unit_test(test_starts_again), cmocka_unit_test(test_not_for_ever),
		cmocka_unit_test(test_killed),	     cmocka_unit_test(test_signals),
		cmocka_unit_test(test_no_orphan),
	};

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests_name("supervise", tests, NULL, NULL);
}
