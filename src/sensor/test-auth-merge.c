/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One failure, many voices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sensor/auth-merge.h"
#include "sensor/guess.h"

#include <string.h>

static struct auth_merge merge;
static uint64_t now_ns;

static int setup(void **state)
{
	(void)state;
	memset(&merge, 0, sizeof(merge));
	now_ns = NS_PER_S;
	return 0;
}

static unsigned int tell(uint32_t peer, uint8_t voice, unsigned int log, uint16_t times)
{
	struct auth_line line = {
		.record = { .t_ns = now_ns,
			    .peer = addr_from_v4(peer),
			    .service = GUESS_SSH,
			    .times = times },
		.voice = voice,
	};

	return auth_merge(&merge, &line, log);
}

/* PAM tells the first at once and the others at the end of the connection. */
static void test_late(void **state)
{
	(void)state;
	assert_int_equal(tell(1, AUTH_VOICE_PAM, 0, 1), 1);
	assert_int_equal(tell(1, AUTH_VOICE_PROGRAM, 0, 1), 0);
	assert_int_equal(tell(1, AUTH_VOICE_PROGRAM, 0, 1), 1);
	assert_int_equal(tell(1, AUTH_VOICE_PROGRAM, 0, 1), 1);
	assert_int_equal(tell(1, AUTH_VOICE_PAM, 0, 2), 0);
	assert_int_equal(tell(1, AUTH_VOICE_PAM, 0, 2), 2);
	assert_int_equal(tell(1, AUTH_VOICE_PROGRAM, 0, 3), 1);
}

/* The same voice in the same log tells news each time; in another log, what is known. */
static void test_logs(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		assert_int_equal(tell(1, AUTH_VOICE_PROGRAM, i % 2, 1), 1);
		assert_int_equal(tell(1, AUTH_VOICE_PROGRAM, !(i % 2), 1), 0);
	}
}

static void test_apart(void **state)
{
	struct auth_line line = { .record = { .t_ns = now_ns,
					      .peer = addr_from_v4(1),
					      .service = GUESS_SSH,
					      .result = AUTH_SUCCEEDED,
					      .times = 1 } };

	(void)state;
	assert_int_equal(tell(1, AUTH_VOICE_PROGRAM, 0, 1), 1);
	assert_int_equal(tell(2, AUTH_VOICE_PAM, 0, 1), 1);
	line.voice = AUTH_VOICE_BTMP;
	assert_int_equal(auth_merge(&merge, &line, 0), 1);
	line.record.service = GUESS_FTP;
	assert_int_equal(auth_merge(&merge, &line, 0), 1);
}

/* A voice that was silent for long is believed again soon, and at once after a pause. */
static void test_silent(void **state)
{
	unsigned int news = 0;

	(void)state;
	for (unsigned int i = 0; i < 5000; i++)
		assert_int_equal(tell(1, AUTH_VOICE_PROGRAM, 0, 1), 1);
	for (unsigned int i = 0; i < AUTH_MERGE_LAG + 5; i++)
		news += tell(1, AUTH_VOICE_PAM, 0, 1);
	assert_int_equal(news, 5);
	now_ns += AUTH_MERGE_IDLE_NS + 1;
	assert_int_equal(tell(1, AUTH_VOICE_PROGRAM, 0, 1), 1);
	assert_int_equal(tell(1, AUTH_VOICE_PAM, 1, 1), 0);
}

/* More peers than places: each tells its news, whoever gave way. */
static void test_many(void **state)
{
	(void)state;
	for (uint32_t peer = 1; peer <= 10 * AUTH_MERGE_PEERS; peer++) {
		now_ns++;
		assert_int_equal(tell(peer, AUTH_VOICE_PROGRAM, 0, 1), 1);
		assert_int_equal(tell(peer, AUTH_VOICE_PAM, 0, 1), 0);
	}
	assert_int_equal(tell(10 * AUTH_MERGE_PEERS - 5, AUTH_VOICE_BTMP, 1, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_late, setup),
		cmocka_unit_test_setup(test_logs, setup),
		cmocka_unit_test_setup(test_apart, setup),
		cmocka_unit_test_setup(test_silent, setup),
		cmocka_unit_test_setup(test_many, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
