/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* CPU_SET, gettid */
#endif

#include "decoy/run-delay.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define RACE_MS 400
#define TRIES 50 /* until it sleeps, on a busy host */

static void test_text(void **state)
{
	static const char *const hostile[] = {
		"",
		"\n",
		"0 0 0\n",
		"12",
		"12 ",
		"12\n",
		" 12",
		"a b c",
		"12 -34 5\n",
		"12  34 5\n",
		"12 34\n",
		"12 34x 5\n",
		"12 18446744073709551616 5\n",
		"12 99999999999999999999999999999999999 5\n",
		"-1 34 5\n",
		"12 0x22 5\n",
	};

	(void)state;
	assert_int_equal(run_delay_text("2236189086 261592702 334\n"), 261592702);
	assert_int_equal(run_delay_text("0 18446744073709551615 1\n"), UINT64_MAX);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		assert_int_equal(run_delay_text(hostile[i]), 0);
}

static void put(const char *folder, const char *task, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, task);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%s/schedstat", folder, task);
	if (!text) {
		assert_int_equal(mkdir(path, 0700), 0);
		return;
	}
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void take(const char *folder, const char *task)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s/schedstat", folder, task);
	assert_int_equal(remove(path), 0);
	snprintf(path, sizeof(path), "%s/%s", folder, task);
	assert_int_equal(rmdir(path), 0);
}

static void test_folder(void **state)
{
	char folder[] = "/tmp/mimamori-run-delay.XXXXXX", large[4096];

	(void)state;
	memset(large, '7', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	assert_non_null(mkdtemp(folder));
	assert_int_equal(run_delay_folder(folder), 0);
	put(folder, "101", "5 1000000 1\n");
	put(folder, "102", "5 2000000 1\n");
	put(folder, "103", ""); /* it has just ended */
	put(folder, "104", large);
	put(folder, "105", NULL);
	put(folder, "x", "5 4000000 1\n");
	assert_int_equal(run_delay_folder(folder), 3000000);
	put(folder, "106", "5 18446744073709551615 1\n");
	assert_int_equal(run_delay_folder(folder), UINT64_MAX);
	for (const char *task = "101\000102\000103\000104\000105\000106\0x\0"; *task;
	     task += strlen(task) + 1)
		take(folder, task);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(run_delay_folder(folder), 0);
	assert_int_equal(run_delay_folder("/proc/self/status"), 0);
}

static void test_less(void **state)
{
	(void)state;
	assert_int_equal(run_delay_less(9000, 0, 5000), 9000); /* it idles: nobody else's fault */
	assert_int_equal(run_delay_less(9000, 3000, 5000), 6000);
	assert_int_equal(run_delay_less(9000, 8000, 5000), 5000); /* two waited at the same time */
	assert_int_equal(run_delay_less(900, 90000, 0), 0);
	assert_int_equal(run_delay_less(0, 0, 0), 0);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void spin(uint64_t until_ms)
{
	while (now_ms() < until_ms)
		;
}

/* Two on one processor: this one waits for the other, and the other for this one. One that sleeps waits for nothing. */
static void test_waits(void **state)
{
	uint64_t until = now_ms() + RACE_MS;
	unsigned int before, others;
	int down[2], ready[2];
	cpu_set_t all, one;
	char byte;
	pid_t pid;

	(void)state;
	if (access("/proc/thread-self/schedstat", R_OK) < 0)
		skip();
	assert_int_equal(run_delay_ms(0x3fffffff), 0);
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(pipe(down), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		spin(until);
		close(ready[0]);
		if (write(ready[1], "x", 1) != 1 || read(down[0], &byte, 1) != 1)
			_exit(1);
		_exit(0);
	}
	before = run_delay_own_ms();
	spin(until);
	assert_int_equal(read(ready[0], &byte, 1), 1); /* it is done, and asleep or about to be */
	others = run_delay_ms(pid);
	assert_true(run_delay_own_ms() - before >= RACE_MS / 8);
	assert_true(others >= RACE_MS / 8);
	for (int i = 0; i < TRIES; i++) {
		before = others;
		usleep(RACE_MS / 4 * 1000);
		others = run_delay_ms(pid);
		if (others - before < RACE_MS / 8)
			break;
	}
	assert_true(others - before < RACE_MS / 8);
	assert_int_equal(write(down[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	for (int i = 0; i < 2; i++) {
		close(down[i]);
		close(ready[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_less),
		cmocka_unit_test(test_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
