/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine under pressure, and how it speaks: floods, growth, silence, no slot left.
 */
#include "sensor/device-fixture.h"

#include <malloc.h>

#define SCANNER "203.0.113.7"
#define FLOOD 200000

/* SYNs from random addresses, as of a forged flood of 100,000/s. */
static void flood(uint64_t *seed, unsigned int n, bool answered)
{
	for (unsigned int i = 0; i < n; i++) {
		uint64_t r = next_random(seed);
		struct addr from = addr_from_v4((uint32_t)r);
		uint16_t port = (uint16_t)(r >> 32) | 1;

		clock_advance(&x.clock, x.clock.now_ns + 10000);
		engine_packet(x.engine, &(struct packet){ .t_ns = x.clock.now_ns,
							  .src = from,
							  .dst = ip(DEVICE),
							  .sport = (uint16_t)(r >> 48),
							  .dport = port,
							  .proto = PACKET_TCP,
							  .tcp_flags = TCP_SYN,
							  .tcp_seq = (uint32_t)r * 7,
							  .dir = PACKET_DIR_IN });
		if (answered)
			tcp(&x, ip(DEVICE), port, from, (uint16_t)(r >> 48), TCP_RST | TCP_ACK, 1);
	}
}

static size_t heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void test_scanner_in_a_flood(void **state)
{
	struct addr peer = ip(SCANNER);
	size_t before = heap();
	uint64_t seed = 1;

	(void)state;
	for (unsigned int i = 0; i < FLOOD / 100; i++) {
		flood(&seed, 100, i % 2);
		if (i >= 1000 && i < 1005)
			syn_probe(&x, peer, ip(DEVICE), 5000 + i, false);
	}
	assert_int_equal(told_of(&x, peer, FINDING_START), 1);
	engine_finish(x.engine);
	assert_int_equal(told_of(&x, peer, FINDING_END), 1);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(heap(), before);
}

/* Who proved its address has a quota of its own: no flood pushes its evidence out. */
static void test_slow_scanner_in_a_flood(void **state)
{
	struct addr peer = ip(SCANNER);
	uint64_t seed = 2;

	(void)state;
	connect_served(&x, peer, ip(DEVICE), 80);
	for (unsigned int i = 0; i < 5; i++) {
		flood(&seed, 20000, false);
		connect_refused(&x, peer, ip(DEVICE), 5000 + i);
	}
	assert_int_equal(told_of(&x, peer, FINDING_START), 1);
	assert_int_equal(x.n_told, 1);
	assert_false(x.told[0].f.spoofable);
}

/* The quotas hold, and nobody who forges an address comes to be known. */
static void test_trie_in_a_flood(void **state)
{
	uint64_t seed = 3;
	struct engine_stats stats;

	(void)state;
	flood(&seed, 50000, false);
	stats = stats_of(&x);
	assert_int_equal(stats.packets, 50000);
	assert_true(stats.trie.leaves[ENGINE_NEW] <= x.config.peers_new);
	assert_true(stats.trie.leaves[ENGINE_SUSPECT] <= x.config.peers_suspect);
	assert_int_equal(stats.trie.leaves[ENGINE_KNOWN], 0);
}

/* mimamori-events(7): an update when the contacts in vain have grown tenfold. */
static void test_growth(void **state)
{
	const struct told *t;

	(void)state;
	for (unsigned int port = 1024; port < 1024 + 1000; port++)
		syn_probe(&x, ip(SCANNER), ip(DEVICE), port, false);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(told_phase(&x, FINDING_UPDATE), 2);
	t = told_nth(&x, FINDING_UPDATE, 0);
	assert_in_range(finding_failed(&t->f), 30, 32);
	t = told_nth(&x, FINDING_UPDATE, 1);
	assert_in_range(finding_failed(&t->f), 285, 330);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 4);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(x.told[i].f.sequence, i + 1);
		assert_int_equal(x.told[i].f.id, x.told[0].f.id);
	}
}

static void test_silence_closes_with_totals(void **state)
{
	uint64_t last_ns;
	const struct told *end;

	(void)state;
	for (unsigned int port = 1024; port < 1124; port++) {
		syn_probe(&x, ip(SCANNER), ip(DEVICE), port, false);
		syn_probe(&x, ip(SCANNER), ip(DEVICE), port, false);
	}
	last_ns = x.clock.now_ns;
	assert_int_equal(engine_open_findings(x.engine), 1);
	sleep_s(&x, 29);
	assert_int_equal(told_phase(&x, FINDING_END), 0);
	sleep_s(&x, 60);
	end = told_nth(&x, FINDING_END, 0);
	assert_non_null(end);
	assert_in_range(end->at_ns - last_ns, 29 * NS_PER_S, 61 * NS_PER_S);
	assert_in_range(finding_failed(&end->f), 98, 102);
	assert_in_range(finding_ports(&end->f), 98, 102);
	assert_int_equal(finding_hosts(&end->f), 1);
	assert_in_range(end->f.probes, 196, 200);
	assert_true(end->f.last_ns <= last_ns);
	assert_int_equal(engine_open_findings(x.engine), 0);
	/* Nothing to wait for any more: the sensor sleeps without a timer. */
	assert_int_equal(engine_tick(x.engine), 0);
}

/* A slow scan is not closed between two of its probes. */
static void test_slow_scan_stays_open(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 60; i++) {
		syn_probe(&x, ip(SCANNER), ip(DEVICE), 3000 + i, false);
		sleep_s(&x, 25);
	}
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(told_phase(&x, FINDING_END), 0);
}

/* Nmap -T1: 15 s; -T0: five minutes between probes (facts/detection.md). */
static void test_polite_scans(void **state)
{
	static const uint64_t gaps_s[] = { 15, 300 };

	(void)state;
	for (unsigned int g = 0; g < 2; g++) {
		again();
		for (unsigned int i = 0; i < 5; i++) {
			syn_probe(&x, ip(SCANNER), ip(DEVICE), 3000 + i, false);
			sleep_s(&x, gaps_s[g]);
		}
		assert_int_equal(told_of(&x, ip(SCANNER), FINDING_START), 1);
	}
}

static void test_notice_for_little(void **state)
{
	(void)state;
	for (uint16_t port = 1; port <= 3; port++)
		connect_refused(&x, ip(SCANNER), ip(DEVICE), port);
	assert_int_equal(x.n_told, 0);
	sleep_s(&x, 60);
	assert_int_equal(x.n_told, 1);
	assert_int_equal(told_of(&x, ip(SCANNER), FINDING_NOTICE), 1);
	assert_int_equal(engine_tick(x.engine), 0);
}

/* finding.h: the one silent longest is closed early. */
static void test_no_slot_left(void **state)
{
	const uint32_t scanners = 0xcb007100;
	const struct told *end;

	(void)state;
	fixture_done(&x);
	fixture_init(&x);
	fixture_own(&x, DEVICE, "192.0.2.0/24");
	x.config.findings = 8;
	fixture_start(&x, HOME_HOST, NULL);
	for (uint32_t i = 0; i < 8; i++)
		for (uint16_t port = 1; port <= 5; port++)
			syn_probe(&x, addr_from_v4(scanners + i), ip(DEVICE), port, false);
	/* All but the fourth go on. */
	for (uint32_t i = 0; i < 8; i++)
		if (i != 3)
			syn_probe(&x, addr_from_v4(scanners + i), ip(DEVICE), 77, false);
	assert_int_equal(told_phase(&x, FINDING_END), 0);
	for (uint16_t port = 1; port <= 5; port++)
		syn_probe(&x, addr_from_v4(scanners + 100), ip(DEVICE), port, false);
	assert_int_equal(told_phase(&x, FINDING_START), 9);
	assert_int_equal(told_phase(&x, FINDING_END), 1);
	end = told_nth(&x, FINDING_END, 0);
	assert_true(addr_eq(end->f.peer.addr, addr_from_v4(scanners + 3)));
	assert_int_equal(stats_of(&x).findings.evicted, 1);
	assert_int_equal(engine_open_findings(x.engine), 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_scanner_in_a_flood),
		TEST(test_slow_scanner_in_a_flood),
		TEST(test_trie_in_a_flood),
		TEST(test_growth),
		TEST(test_silence_closes_with_totals),
		TEST(test_slow_scan_stays_open),
		TEST(test_polite_scans),
		TEST(test_notice_for_little),
		TEST(test_no_slot_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
