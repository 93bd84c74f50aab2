/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif

#include "core/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char written[65536];
static int capture_fd, real_stderr;

static void capture_begin(void)
{
	fflush(stderr);
	real_stderr = dup(STDERR_FILENO);
	capture_fd = memfd_create("stderr", MFD_CLOEXEC);
	assert_true(real_stderr >= 0 && capture_fd >= 0);
	dup2(capture_fd, STDERR_FILENO);
}

static const char *capture_end(void)
{
	ssize_t n = pread(capture_fd, written, sizeof(written) - 1, 0);

	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(capture_fd);
	assert_true(n >= 0);
	written[n] = '\0';
	return written;
}

static void test_levels(void **state)
{
	(void)state;
	log_init("prog", LOG_TO_STDERR, LOG_LEVEL_WARNING);
	assert_int_equal(log_level(), LOG_LEVEL_WARNING);
	capture_begin();
	log_error("a %d", 1);
	log_warning("b");
	log_info("c");
	log_init("prog", LOG_TO_STDERR, LOG_LEVEL_DEBUG);
	log_info("d");
	log_debug("e");
	assert_string_equal(capture_end(),
			    "prog: error: a 1\nprog: warning: b\nprog: d\nprog: debug: e\n");
}

static void test_keeps_errno(void **state)
{
	struct log_limit limit = { .burst = 1, .interval_s = 60 };

	(void)state;
	log_init("prog", LOG_TO_STDERR, LOG_LEVEL_INFO);
	capture_begin();
	close(STDERR_FILENO); /* now each write fails with EBADF */
	errno = ENOTTY;
	log_info("x");
	assert_int_equal(errno, ENOTTY);
	log_limited(&limit, LOG_LEVEL_INFO, "x");
	assert_int_equal(errno, ENOTTY);
	dup2(capture_fd, STDERR_FILENO);
	capture_end();
}

static void test_hostile_text(void **state)
{
	(void)state;
	log_init("prog", LOG_TO_STDERR, LOG_LEVEL_INFO);
	capture_begin();
	log_info("%s", "a\nprog: error: forged\033[2J\x7f\xff\xc2\x9b\xe2\x80\xae \xe8\xa6\x8b");
	assert_string_equal(capture_end(),
			    "prog: a\\x0aprog: error: forged\\x1b[2J\\x7f\\xff\\xc2\\x9b"
			    "\\xe2\\x80\\xae \xe8\xa6\x8b\n");
}

static void test_long_lines(void **state)
{
	char text[3000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	capture_begin();
	log_info("%s", text);
	capture_end();
	assert_true(strlen(written) < 1100);
	assert_string_equal(written + strlen(written) - 4, "...\n");
	memset(text, '\n', sizeof(text) - 1);
	capture_begin();
	log_info("%s", text);
	capture_end();
	assert_ptr_equal(strchr(written, '\n'), written + strlen(written) - 1);
	assert_string_equal(written + strlen(written) - 4, "...\n");
}

/* sd-daemon(3): <3> error, <4> warning, <6> info, <7> debug. */
static void test_journal(void **state)
{
	char stream[64];
	struct stat st;

	(void)state;
	capture_begin();
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("prog", LOG_TO_STDERR, LOG_LEVEL_DEBUG);
	log_error("a");
	log_warning("b");
	log_info("c");
	log_debug("d");
	/* Inherited, but stderr is something else by now. */
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_init("prog", LOG_TO_STDERR, LOG_LEVEL_INFO);
	log_error("e");
	unsetenv("JOURNAL_STREAM");
	assert_string_equal(capture_end(), "<3>a\n<4>b\n<6>c\n<7>d\nprog: error: e\n");
}

static void test_limited(void **state)
{
	struct log_limit limit = { .burst = 2, .interval_s = 1000 };

	(void)state;
	log_init("prog", LOG_TO_STDERR, LOG_LEVEL_INFO);
	capture_begin();
	for (int i = 0; i < 10; i++)
		log_limited(&limit, LOG_LEVEL_WARNING, "flood %d", i);
	/* A level that is not shown costs nothing of the budget, nor is it counted. */
	log_limited(&limit, LOG_LEVEL_DEBUG, "unseen");
	assert_int_equal(limit.left_out, 8);
	/* The interval passes. */
	limit.since_ns = 1;
	limit.interval_s = 0;
	log_limited(&limit, LOG_LEVEL_WARNING, "flood again");
	assert_string_equal(capture_end(),
			    "prog: warning: flood 0\nprog: warning: flood 1\n"
			    "prog: warning: 8 more lines like the next one were left out\n"
			    "prog: warning: flood again\n");
	assert_int_equal(limit.left_out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),	     cmocka_unit_test(test_keeps_errno),
		cmocka_unit_test(test_hostile_text), cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_journal),	     cmocka_unit_test(test_limited),
	};

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
