/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/pairs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct packet packet(uint32_t src, uint16_t sport, uint32_t dst, uint16_t dport)
{
	return (struct packet){ .src = addr_from_v4(src),
				.dst = addr_from_v4(dst),
				.sport = sport,
				.dport = dport,
				.proto = PACKET_UDP };
}

static void test_both_ways(void **state)
{
	struct packet there = packet(0xc0000201, 4000, 0xcb007107, 53);
	struct packet back = packet(0xcb007107, 53, 0xc0000201, 4000);
	struct pairs *ps = pairs_new(64, 7);

	(void)state;
	assert_non_null(ps);
	assert_int_equal(pairs_see(ps, &there), PAIR_NEW);
	assert_int_equal(pairs_see(ps, &there), PAIR_ONE_WAY);
	assert_int_equal(pairs_see(ps, &back), PAIR_ANSWERS);
	assert_int_equal(pairs_see(ps, &there), PAIR_BOTH);
	assert_int_equal(pairs_see(ps, &back), PAIR_BOTH);
	pairs_free(ps);
}

/* One host's two ports are two ends, too. */
static void test_within_one_host(void **state)
{
	struct packet there = packet(0x7f000001, 4000, 0x7f000001, 53);
	struct packet back = packet(0x7f000001, 53, 0x7f000001, 4000);
	struct pairs *ps = pairs_new(64, 7);

	(void)state;
	assert_int_equal(pairs_see(ps, &there), PAIR_NEW);
	assert_int_equal(pairs_see(ps, &back), PAIR_ANSWERS);
	pairs_free(ps);
}

/* Different ports, protocols and peers are different pairs, and old ones are forgotten. */
static void test_bounded(void **state)
{
	struct packet first = packet(0xc0000201, 4000, 0xcb007107, 53);
	struct pairs *ps = pairs_new(64, 7);

	(void)state;
	pairs_see(ps, &first);
	for (uint16_t port = 1; port <= 2000; port++) {
		struct packet other = packet(0xc0000201, port, 0xcb007108, 53);

		assert_int_equal(pairs_see(ps, &other), PAIR_NEW);
	}
	assert_int_equal(pairs_see(ps, &first), PAIR_NEW);
	first.proto = PACKET_TCP;
	assert_int_equal(pairs_see(ps, &first), PAIR_NEW);
	pairs_free(ps);
}

static void test_odd_capacities_are_refused(void **state)
{
	(void)state;
	assert_null(pairs_new(8, 7));
	assert_int_equal(errno, EINVAL);
	assert_null(pairs_new(100, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_within_one_host),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_odd_capacities_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
