/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source is played: blocks come after a second, or when they hold 500 samples; the random is exact. */
#include "core/clock.h"
#include "sensor/packet-sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FIRST 16
#define MAX 4096
#define BLOCK 500

static struct packet_sample sample;
static uint64_t now_ns, filtered, samples, stood_for, wakeups;

static int start(void **state)
{
	(void)state;
	now_ns = 5 * NS_PER_S;
	filtered = samples = stood_for = wakeups = 0;
	packet_sample_init(&sample, FIRST, MAX, 2 * NS_PER_S, now_ns);
	return 0;
}

static void wake(void)
{
	wakeups++;
	if (packet_sample_choose(&sample, now_ns))
		packet_sample_changed(&sample, now_ns);
}

/* Traffic of so many packets a second; per_second 0: silence. */
static void pass(uint64_t ms, uint64_t per_second)
{
	uint64_t end_ns = now_ns + ms * NS_PER_MS, block_ns = now_ns + NS_PER_S, in_block = 0;
	uint64_t step_ns = per_second ? NS_PER_S / per_second : NS_PER_MS;

	while (now_ns < end_ns) {
		now_ns += step_ns;
		if (per_second && filtered++ % sample.one_in == 0) {
			samples++;
			in_block++;
			stood_for += packet_sample_see(&sample, now_ns);
		}
		if (in_block && (now_ns >= block_ns || in_block == BLOCK)) {
			wake();
			in_block = 0;
			block_ns = now_ns + NS_PER_S;
		} else if (packet_sample_due(&sample) && now_ns >= packet_sample_due(&sample)) {
			wake();
		}
	}
}

static void test_silence_wakes_nobody(void **state)
{
	(void)state;
	pass(3600000, 0);
	assert_int_equal(wakeups, 0);
	assert_int_equal(packet_sample_due(&sample), 0);
}

static void test_ordinary_traffic_changes_nothing(void **state)
{
	(void)state;
	pass(60000, 1000); /* a stream of 12 Mbit/s */
	assert_int_equal(sample.one_in, FIRST);
	assert_int_equal(sample.changes, 0);
	assert_in_range(wakeups, 1, 60);
}

/* 300 a second after silence: eight samples within the first second. */
static void test_a_small_flood_shows_at_once(void **state)
{
	(void)state;
	pass(600000, 0);
	pass(1000, 300);
	assert_in_range(samples, 8, 30);
}

static void test_a_large_flood_costs_little(void **state)
{
	(void)state;
	pass(3000, 100000);
	assert_in_range(sample.one_in, 1024, MAX);
	samples = wakeups = 0;
	pass(10000, 100000);
	assert_in_range(samples, 10 * PACKET_SAMPLE_LEAST, 10 * PACKET_SAMPLE_MOST);
	assert_in_range(wakeups, 8, 12);
}

/* Each sample stands for as many as the filter left out, across changes too. */
static void test_totals_are_right(void **state)
{
	static const uint64_t rates[] = { 300, 20000, 100, 100000, 5000 };

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		pass(10000, rates[i]);
	assert_in_range(stood_for, filtered - filtered / 20, filtered + filtered / 20);
	assert_in_range(sample.changes, 4, 20);
}

/* A download, silence, a flood: what the download left does not hide it. */
static void test_silence_ends_a_large_ratio(void **state)
{
	(void)state;
	pass(30000, 50000);
	assert_true(sample.one_in >= 512);
	wakeups = 0;
	pass(3000, 0);
	assert_int_equal(sample.one_in, FIRST);
	assert_int_equal(packet_sample_due(&sample), 0);
	assert_in_range(wakeups, 1, 2);
	pass(60000, 0);
	assert_in_range(wakeups, 1, 2);
	samples = 0;
	pass(1000, 300);
	assert_in_range(samples, 8, 30);
}

/* Heavy traffic gives way to light traffic: the ratio follows. */
static void test_it_comes_down(void **state)
{
	(void)state;
	pass(10000, 100000);
	pass(6000, 300);
	assert_int_equal(sample.one_in, FIRST);
}

/* Packets that the ring still held when the filter changed stand for what the one before left out. */
static void test_packets_of_the_filter_before(void **state)
{
	uint64_t then_ns;

	(void)state;
	pass(5000, 100000);
	assert_true(sample.one_in > FIRST);
	then_ns = sample.changed_ns;
	assert_int_equal(packet_sample_see(&sample, then_ns - 1), sample.before);
	assert_int_equal(packet_sample_see(&sample, then_ns), sample.one_in);
}

static void test_no_more_than_one_change_a_second(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		pass(100, 100000);
		pass(100, 10);
	}
	assert_in_range(sample.changes, 0, 21);
}

static void test_off(void **state)
{
	(void)state;
	packet_sample_init(&sample, 0, MAX, 2 * NS_PER_S, now_ns);
	assert_false(packet_sample_choose(&sample, now_ns + 10 * NS_PER_S));
	assert_int_equal(sample.one_in, 0);
	assert_int_equal(packet_sample_due(&sample), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_silence_wakes_nobody, start),
		cmocka_unit_test_setup(test_ordinary_traffic_changes_nothing, start),
		cmocka_unit_test_setup(test_a_small_flood_shows_at_once, start),
		cmocka_unit_test_setup(test_a_large_flood_costs_little, start),
		cmocka_unit_test_setup(test_totals_are_right, start),
		cmocka_unit_test_setup(test_silence_ends_a_large_ratio, start),
		cmocka_unit_test_setup(test_it_comes_down, start),
		cmocka_unit_test_setup(test_packets_of_the_filter_before, start),
		cmocka_unit_test_setup(test_no_more_than_one_change_a_second, start),
		cmocka_unit_test_setup(test_off, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
