/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/crowd.h"

#include "sensor/newcomers.h"
#include "sensor/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NS_PER_S 1000000000ULL
#define NOW_NS (1700000000 * NS_PER_S)
#define GRID_NS (1ULL << 35)

static struct crowd crowd;

static int start(void **state)
{
	(void)state;
	crowd_init(&crowd);
	return 0;
}

static struct packet syn(uint32_t from, uint16_t window, uint8_t ttl)
{
	return (struct packet){ .src = addr_from_v4(from),
				.proto = PACKET_TCP,
				.tcp_flags = TCP_SYN,
				.tcp_window = window,
				.ttl = ttl };
}

static void traits(struct packet p, uint8_t trait[CROWD_TRAITS])
{
	crowd_traits(&p, p.src, PROBE_SYN, trait);
}

static void test_the_like_weigh_more(void **state)
{
	uint8_t flood[CROWD_TRAITS], other[CROWD_TRAITS];

	(void)state;
	traits(syn(0xcb007107, 512, 64), flood);
	traits(syn(0xc6336407, 1024, 57), other);
	assert_int_equal(crowd_weigh(&crowd, flood, 80), 0);
	for (unsigned int i = 0; i < 1023; i++)
		crowd_count(&crowd, flood, 80, NOW_NS);
	assert_int_equal(crowd_weigh(&crowd, flood, 80), 50); /* five times log2(1024) */
	assert_int_equal(crowd_weigh(&crowd, flood, 81), 40);
	assert_true(crowd_weigh(&crowd, other, 23) <= 10); /* shape apart, all differ */
}

static void test_it_fades(void **state)
{
	uint8_t trait[CROWD_TRAITS];

	(void)state;
	traits(syn(0xcb007107, 512, 64), trait);
	for (unsigned int i = 0; i < 1023; i++)
		crowd_count(&crowd, trait, 80, NOW_NS);
	/* Two steps of the grid halve twice, however often it is touched. */
	crowd_count(&crowd, trait, 80, NOW_NS + GRID_NS);
	crowd_count(&crowd, trait, 80, NOW_NS + 2 * GRID_NS);
	assert_int_equal(crowd_weigh(&crowd, trait, 80), 40);
	crowd_count(&crowd, trait, 80, NOW_NS + 1000 * GRID_NS);
	assert_int_equal(crowd_weigh(&crowd, trait, 80), 5);
}

/* Logarithms are kept beside the counters: they must agree. */
static void test_logarithms(void **state)
{
	uint8_t trait[CROWD_TRAITS];
	uint64_t now_ns = NOW_NS;

	(void)state;
	for (unsigned int i = 0; i < 20000; i++) {
		traits(syn(i << 16, (uint16_t)(i * i), (uint8_t)(i % 40)), trait);
		now_ns += i % 50 ? 1000 : GRID_NS / 3;
		crowd_count(&crowd, trait, (uint16_t)(i % 100), now_ns);
	}
	for (unsigned int i = 0; i <= CROWD_TRAITS; i++)
		for (unsigned int j = 0; j < 256; j++) {
			assert_true(crowd.count[i][j] >= 1u << crowd.bits[i][j]);
			assert_true(crowd.count[i][j] < 2u << crowd.bits[i][j]);
		}
}

/* The doorkeeper's rules, one set of it: all peers are of one /24. */

static struct probe probe(uint8_t host, uint16_t window)
{
	struct probe p = { .peer = addr_from_v4(0xcb007100 | host), .port = 23 };

	traits(syn(0xcb007100, window, 57), p.trait);
	return p;
}

static struct newcomer *place(struct newcomers *ns, const struct probe *p, uint64_t now_ns)
{
	struct newcomers_view view = newcomers_look(ns, p->peer);

	return newcomers_place(ns, &view, &crowd, p, now_ns);
}

static struct newcomer *enter(struct newcomers *ns, const struct probe *p, uint64_t now_ns)
{
	struct newcomer *n = place(ns, p, now_ns);

	if (!n)
		return NULL;
	*n = (struct newcomer){ .peer = p->peer,
				.time = now_ns >> NEWCOMER_TIME_SHIFT,
				.port = p->port };
	memcpy(n->trait, p->trait, sizeof(n->trait));
	return n;
}

static void fill(struct newcomers *ns, uint16_t window)
{
	for (uint8_t i = 1; i <= NEWCOMERS_WAYS; i++) {
		struct probe p = probe(i, window);

		assert_non_null(enter(ns, &p, NOW_NS + i * NS_PER_S));
	}
}

static void test_among_equals_the_oldest(void **state)
{
	struct newcomers *ns = newcomers_new(64, 1);
	struct probe first = probe(1, 512), next = probe(5, 512);

	(void)state;
	fill(ns, 512);
	assert_ptr_equal(place(ns, &next, NOW_NS + 10 * NS_PER_S), newcomers_find(ns, first.peer));
	newcomers_free(ns);
}

static void test_equals_are_paced(void **state)
{
	struct newcomers *ns = newcomers_new(64, 1);
	unsigned int places = 0;

	(void)state;
	fill(ns, 512);
	for (unsigned int i = 5; i < 205; i++) {
		struct probe p = probe((uint8_t)i, 512);

		places += enter(ns, &p, NOW_NS + 10 * NS_PER_S) != NULL;
	}
	assert_int_equal(places, NEWCOMERS_BURST);
	for (unsigned int i = 205; i < 255; i++) {
		struct probe p = probe((uint8_t)i, 512);

		places += enter(ns, &p, NOW_NS + 13 * NS_PER_S) != NULL;
	}
	assert_in_range(places, NEWCOMERS_BURST + 2, NEWCOMERS_BURST + 3);
	newcomers_free(ns);
}

static void test_the_heavy_give_way(void **state)
{
	struct newcomers *ns = newcomers_new(64, 1);
	struct probe rare = probe(1, 1024), flood = probe(9, 512);

	(void)state;
	assert_non_null(enter(ns, &rare, NOW_NS));
	for (uint8_t i = 2; i <= NEWCOMERS_WAYS; i++) {
		struct probe p = probe(i, 512);

		assert_non_null(enter(ns, &p, NOW_NS + 3600 * NS_PER_S - i));
	}
	for (unsigned int i = 0; i < 1000; i++)
		crowd_count(&crowd, flood.trait, flood.port, NOW_NS + 3600 * NS_PER_S);
	for (unsigned int i = 10; i < 250; i++) {
		struct probe p = probe((uint8_t)i, 512);

		assert_null(enter(ns, &p, NOW_NS + 3600 * NS_PER_S));
	}
	/* One that differs gets in, in the place of the flood's; the rare one stays. */
	rare = probe(7, 8192);
	assert_non_null(enter(ns, &rare, NOW_NS + 3600 * NS_PER_S));
	assert_non_null(newcomers_find(ns, probe(1, 0).peer));
	assert_non_null(newcomers_find(ns, rare.peer));
	newcomers_free(ns);
}

static void test_who_comes_again_gets_in(void **state)
{
	struct newcomers *ns = newcomers_new(64, 1);
	struct probe p = probe(9, 512);

	(void)state;
	fill(ns, 512);
	for (unsigned int i = 0; i < 1000; i++)
		crowd_count(&crowd, p.trait, p.port, NOW_NS);
	assert_null(enter(ns, &p, NOW_NS + 5 * NS_PER_S));
	assert_non_null(enter(ns, &p, NOW_NS + 5 * NS_PER_S));
	newcomers_free(ns);
}

/* However rare, after a day it is over. */
static void test_a_day_is_enough(void **state)
{
	struct newcomers *ns = newcomers_new(64, 1);
	struct probe flood = probe(9, 512);

	(void)state;
	fill(ns, 1024);
	for (unsigned int i = 0; i < 5000; i++)
		crowd_count(&crowd, flood.trait, 99, NOW_NS + NEWCOMERS_STAY_NS);
	assert_null(place(ns, &flood, NOW_NS + NEWCOMERS_STAY_NS));
	flood.peer.lo++;
	assert_non_null(place(ns, &flood, NOW_NS + NEWCOMERS_STAY_NS + 2 * NS_PER_S));
	newcomers_free(ns);
}

static void test_times_to_4_us(void **state)
{
	(void)state;
	for (uint64_t age_ns = 0; age_ns < 50 * 24 * 3600 * NS_PER_S; age_ns = age_ns * 2 + 77) {
		uint64_t now_ns = NOW_NS + 12345;
		struct newcomer n = { .time = (now_ns - age_ns) >> NEWCOMER_TIME_SHIFT };

		assert_in_range(newcomer_ns(&n, now_ns), now_ns - age_ns - 4096,
				now_ns - age_ns + 4096);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_like_weigh_more),
		TEST(test_it_fades),
		TEST(test_logarithms),
		TEST(test_among_equals_the_oldest),
		TEST(test_equals_are_paced),
		TEST(test_the_heavy_give_way),
		TEST(test_who_comes_again_gets_in),
		TEST(test_a_day_is_enough),
		TEST(test_times_to_4_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
