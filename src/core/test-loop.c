/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/loop.h"

#include "core/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop loop;
static int calls, fds[LOOP_MAX_FDS + 1];

static uint64_t boot_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* Readable from the start. */
static int ready_fd(void)
{
	int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static int setup(void **state)
{
	(void)state;
	calls = 0;
	return loop_init(&loop);
}

static int teardown(void **state)
{
	(void)state;
	loop_done(&loop);
	return 0;
}

static void stop_on_call(uint32_t events, void *arg)
{
	assert_true(events & EPOLLIN);
	calls++;
	loop_stop(&loop, *(int *)arg);
}

static void test_exit_code(void **state)
{
	int fd = ready_fd(), code = 7;

	(void)state;
	assert_int_equal(loop_add(&loop, fd, EPOLLIN, stop_on_call, &code), 0);
	assert_int_equal(loop_add(&loop, fd, EPOLLIN, stop_on_call, &code), -EEXIST);
	assert_int_equal(loop_run(&loop), 7);
	/* It can run again. */
	code = 8;
	assert_int_equal(loop_run(&loop), 8);
	assert_int_equal(calls, 2);
	loop_del(&loop, fd);
	loop_del(&loop, fd);
	close(fd);
}

static void test_full(void **state)
{
	int code = 0;

	(void)state;
	for (int i = 0; i <= LOOP_MAX_FDS; i++) {
		fds[i] = ready_fd();
		assert_int_equal(loop_add(&loop, fds[i], EPOLLIN, stop_on_call, &code),
				 i < LOOP_MAX_FDS ? 0 : -ENOSPC);
	}
	loop_del(&loop, fds[3]);
	assert_int_equal(loop_add(&loop, fds[LOOP_MAX_FDS], EPOLLIN, stop_on_call, &code), 0);
	assert_int_equal(loop_add(&loop, -1, EPOLLIN, stop_on_call, &code), -ENOSPC);
	for (int i = 0; i <= LOOP_MAX_FDS; i++)
		close(fds[i]);
}

static void never(uint32_t events, void *arg)
{
	(void)events;
	(void)arg;
	fail_msg("called for a watch that never had an event");
}

/*
 * All are readable in one batch. The first to be called deletes all others and gives the slot of
 * each to a descriptor that is not readable: no pending event may reach the newcomers.
 */
static void replace_others(uint32_t events, void *arg)
{
	int own = *(int *)arg, quiet;

	(void)events;
	assert_int_equal(calls++, 0);
	for (int i = 0; i < 8; i++) {
		if (fds[i] == own)
			continue;
		loop_del(&loop, fds[i]);
		quiet = eventfd(0, EFD_CLOEXEC);
		assert_int_equal(loop_add(&loop, quiet, EPOLLIN, never, NULL), 0);
	}
	loop_del(&loop, own);
	loop_arm(&loop, boot_now() + 20 * NS_PER_MS);
}

static void stop_timer(uint32_t events, void *arg)
{
	(void)events;
	*(uint64_t *)arg = boot_now();
	loop_stop(&loop, 0);
}

static void test_delete_while_pending(void **state)
{
	uint64_t at;

	(void)state;
	assert_int_equal(loop_timer(&loop, stop_timer, &at), 0);
	for (int i = 0; i < 8; i++) {
		fds[i] = ready_fd();
		assert_int_equal(loop_add(&loop, fds[i], EPOLLIN, replace_others, &fds[i]), 0);
	}
	assert_int_equal(loop_run(&loop), 0);
	assert_int_equal(calls, 1);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
}

static void test_timer(void **state)
{
	uint64_t at = 0, due = boot_now() + 30 * NS_PER_MS;

	(void)state;
	assert_int_equal(loop_timer(&loop, stop_timer, &at), 0);
	loop_arm(&loop, due);
	loop_arm(&loop, due);
	assert_int_equal(loop_run(&loop), 0);
	assert_true(at >= due);
	assert_int_equal(loop.armed_ns, 0);
	/* What has passed expires at once. */
	loop_arm(&loop, due);
	assert_int_equal(loop_run(&loop), 0);
}

static void disarm_and_leave(uint32_t events, void *arg)
{
	(void)events;
	loop_arm(&loop, 0);
	loop_del(&loop, *(int *)arg);
	calls++;
}

static void stop_by_signal(int signo, void *arg)
{
	(void)arg;
	loop_stop(&loop, signo);
}

/* A timer that a callback disarms in the very batch in which it expired stays silent. */
static void test_disarm_while_pending(void **state)
{
	uint64_t at = 0;
	sigset_t set;
	int fd = ready_fd();

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	assert_int_equal(loop_signals(&loop, &set, stop_by_signal, NULL), 0);
	assert_int_equal(loop_add(&loop, fd, EPOLLIN, disarm_and_leave, &fd), 0);
	assert_int_equal(loop_timer(&loop, stop_timer, &at), 0);
	loop_arm(&loop, 1);
	setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = { 0, 50000 } }, NULL);
	assert_int_equal(loop_run(&loop), SIGALRM);
	assert_int_equal(calls, 1);
	assert_int_equal(at, 0);
	close(fd);
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signo)
{
	(void)signo;
	interrupted++;
}

/* Signals of others interrupt the wait and change nothing; ours arrive through the loop. */
static void test_signals(void **state)
{
	struct sigaction sa = { .sa_handler = on_interrupt };
	sigset_t set;
	uint64_t at = 0;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	assert_int_equal(loop_signals(&loop, &set, stop_by_signal, NULL), 0);
	sigaddset(&set, SIGUSR2);
	assert_int_equal(loop_signals(&loop, &set, stop_by_signal, NULL), 0);
	raise(SIGUSR2);
	assert_int_equal(loop_run(&loop), SIGUSR2);

	sigaction(SIGALRM, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = { 0, 10000 } }, NULL);
	assert_int_equal(loop_timer(&loop, stop_timer, &at), 0);
	loop_arm(&loop, boot_now() + 60 * NS_PER_MS);
	assert_int_equal(loop_run(&loop), 0);
	assert_int_equal(interrupted, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_exit_code, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete_while_pending, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disarm_while_pending, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signals, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
