/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void test_replay_never_backwards(void **state)
{
	struct clock c;

	(void)state;
	clock_init_replay(&c);
	assert_int_equal(clock_advance(&c, 100), 100);
	assert_int_equal(clock_advance(&c, 90), 100);
	assert_int_equal(clock_advance(&c, 100), 100);
	assert_int_equal(clock_advance(&c, 101), 101);
	assert_int_equal(c.backwards, 1);
	assert_int_equal(clock_from_wall(&c, 5), 5);
	assert_int_equal(clock_to_wall(&c, 7), 7);
}

/* Expected: `date -u -d @SECONDS +%FT%T`. */
static void test_format(void **state)
{
	static const struct {
		uint64_t wall_ns;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000+0000" },
		{ 951782399999999999ULL, "2000-02-28T23:59:59.999999+0000" },
		{ 951782400000001000ULL, "2000-02-29T00:00:00.000001+0000" },
		{ 1709251200000000000ULL, "2024-03-01T00:00:00.000000+0000" },
		{ 4107542399000000000ULL, "2100-02-28T23:59:59.000000+0000" },
		{ 4107542400000000000ULL, "2100-03-01T00:00:00.000000+0000" },
	};
	char buf[CLOCK_TIMESTAMP_LEN];

	(void)state;
	/* The zone of the machine must not matter. */
	setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(clock_format(cases[i].wall_ns, buf), cases[i].text);
}

/* The C library as the oracle, over all that 64 bits of nanoseconds can say. */
static void test_format_oracle(void **state)
{
	char buf[CLOCK_TIMESTAMP_LEN], expected[CLOCK_TIMESTAMP_LEN];
	struct tm tm;

	(void)state;
	for (uint64_t s = 0; s < UINT64_MAX / NS_PER_S; s += 7654321) {
		time_t t = (time_t)s;

		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000000+0000",
			 gmtime_r(&t, &tm));
		assert_string_equal(clock_format(s * NS_PER_S, buf), expected);
	}
}

static uint64_t wall_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void test_live(void **state)
{
	struct clock c;
	uint64_t before = wall_now(), start, wall;

	(void)state;
	clock_init_live(&c);
	start = c.now_ns;
	wall = clock_to_wall(&c, c.now_ns);
	/* Between the readings lies next to nothing, but the machine may be busy. */
	assert_in_range(wall, before - NS_PER_S, wall_now() + NS_PER_S);
	nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
	clock_sync_live(&c);
	assert_int_equal(c.now_ns, start);
	assert_true(clock_catch_up(&c) >= start + 2000000);
	assert_int_equal(c.backwards, 0);
}

/* Packets of one batch keep their own times; no stamp leads before the last one or ahead of now. */
static void test_stamps(void **state)
{
	struct clock c = { .now_ns = 1000, .read_ns = 2000, .wall_offset_ns = 1000000 };

	(void)state;
	assert_int_equal(clock_from_wall(&c, 1001500), 1500);
	assert_int_equal(clock_from_wall(&c, 1000900), 1000);
	assert_int_equal(clock_from_wall(&c, 1002500), 2000);
	assert_int_equal(clock_from_wall(&c, 0), 1000);
	assert_int_equal(clock_from_wall(&c, INT64_MAX), 2000);
	/* A wall clock that stands before the boot: 1970 on a board without a battery. */
	c.wall_offset_ns = -500;
	assert_int_equal(clock_from_wall(&c, 1000), 1500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replay_never_backwards),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_format_oracle),
		cmocka_unit_test(test_live),
		cmocka_unit_test(test_stamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
