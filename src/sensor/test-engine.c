/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine on a live host that knows its own ports: how soon a scan is found, and what is none.
 */
#include "sensor/device-fixture.h"

#define SCANNER "203.0.113.7"
#define NEIGHBOUR "192.0.2.77"

/* Jung et al. 2004 with alpha .01, beta .99, theta .8 and .2: 4^3 = 64 < 99 < 256 = 4^4. */
static void test_four_in_vain(void **state)
{
	static const uint16_t closed[] = { 25, 110, 143, 3306 };
	struct addr peer = ip(SCANNER);
	const struct told *alert;

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		connect_refused(&x, peer, ip(DEVICE), closed[i]);
	assert_int_equal(x.n_told, 0);
	connect_refused(&x, peer, ip(DEVICE), closed[3]);
	assert_int_equal(x.n_told, 1);
	alert = told_nth(&x, FINDING_START, 0);
	assert_non_null(alert);
	assert_int_equal(alert->f.kind, PROBE_CONNECT);
	assert_true(addr_eq(alert->f.peer.addr, peer));
	assert_int_equal(alert->f.peer.len, ADDR_BITS);
	assert_int_equal(finding_failed(&alert->f), 4);
	assert_int_equal(finding_ports(&alert->f), 4);
	assert_int_equal(finding_hosts(&alert->f), 1);
	assert_true(finding_confidence(&alert->f) >= 0.8);
	assert_int_equal(alert->f.last.port, 3306);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(alert->f.sample[i], closed[i]);
}

static void test_four_in_vain_v6(void **state)
{
	struct addr peer = ip("2001:db8:ffff::7");

	(void)state;
	for (uint16_t port = 1001; port <= 1004; port++)
		syn_probe(&x, peer, ip(DEVICE_V6), port, false);
	assert_int_equal(x.n_told, 1);
	assert_int_equal(told_of(&x, peer, FINDING_START), 1);
	assert_int_equal(x.told[0].f.kind, PROBE_SYN);
}

static void test_horizontal(void **state)
{
	struct addr peer = ip(SCANNER);

	(void)state;
	fixture_own(&x, "192.0.2.11", "192.0.2.0/24");
	fixture_own(&x, "192.0.2.12", "192.0.2.0/24");
	fixture_own(&x, "192.0.2.13", "192.0.2.0/24");
	connect_refused(&x, peer, ip("192.0.2.10"), 25);
	connect_refused(&x, peer, ip("192.0.2.11"), 25);
	connect_refused(&x, peer, ip("192.0.2.12"), 25);
	assert_int_equal(x.n_told, 0);
	connect_refused(&x, peer, ip("192.0.2.13"), 25);
	assert_int_equal(told_of(&x, peer, FINDING_START), 1);
	assert_int_equal(finding_ports(&x.told[0].f), 1);
	assert_int_equal(finding_hosts(&x.told[0].f), 4);
}

/* Every order of up to three open ports among closed ones: at most five contacts in vain. */
static void any_order(bool raw, unsigned int open)
{
	static const uint16_t served[] = { 22, 80, 443 };
	unsigned int total = open + 5;

	for (unsigned int order = 0; order < 1u << total; order++) {
		unsigned int in_vain = 0, met = 0;

		if ((unsigned int)__builtin_popcount(order) != open)
			continue;
		again();
		for (unsigned int i = 0; i < total && !x.n_told; i++) {
			bool hit = order >> i & 1;
			uint16_t port = hit ? served[met++] : 1000 + in_vain++;

			if (raw)
				syn_probe(&x, ip(SCANNER), ip(DEVICE), port, hit);
			else if (hit)
				connect_served(&x, ip(SCANNER), ip(DEVICE), port);
			else
				connect_refused(&x, ip(SCANNER), ip(DEVICE), port);
		}
		if (told_phase(&x, FINDING_START) != 1 || in_vain > 5)
			fail_msg("%u open ports, order %#x: %u events, %u in vain", open, order,
				 x.n_told, in_vain);
	}
}

static void test_open_ports_in_any_order(void **state)
{
	(void)state;
	for (unsigned int open = 0; open <= 3; open++) {
		any_order(true, open);
		any_order(false, open);
	}
}

static void test_client_is_none(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 500; i++) {
		connect_served(&x, ip("198.51.100.5"), ip(DEVICE), i % 2 ? 80 : 443);
		pass_ms(&x, 20000);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
	assert_int_equal(stats_of(&x).failed, 0);
}

/* The same port again is the same contact, from whatever port and however quickly. */
static void test_retries_are_one_contact(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 1000; i++)
		connect_refused(&x, ip(SCANNER), ip(DEVICE), 8883);
	for (unsigned int i = 0; i < 1000; i++) {
		connect_dropped(&x, ip(SCANNER), ip(DEVICE), 8883);
		pass_ms(&x, 1000);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
	assert_int_equal(stats_of(&x).failed, 1);
}

/* facts/detection.md: a lock hub retried one dead service 1,662 times in a week. */
static void test_dead_service_all_week(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 1662; i++) {
		connect_refused(&x, ip(NEIGHBOUR), ip(DEVICE), 8883);
		sleep_s(&x, 7 * 86400 / 1662);
	}
	for (unsigned int i = 0; i < 2 * 86400 / 10; i++) {
		connect_dropped(&x, ip(SCANNER), ip(DEVICE), 1883);
		sleep_s(&x, 10);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

static void ambient_round(const char *peer)
{
	const struct conf_ports *ambient = &x.config.ambient_ports;

	for (unsigned int i = 0; i < ambient->count; i++) {
		uint16_t from = x.next_port++;

		connect_refused(&x, ip(peer), ip(DEVICE), ambient->port[i]);
		udp(&x, ip(peer), from, ip(DEVICE), ambient->port[i]);
		port_unreachable(&x, ip(peer), from, ip(DEVICE), ambient->port[i]);
	}
}

/* What any PC on the link touches by itself, the whole day long. */
static void test_ambient_on_link(void **state)
{
	(void)state;
	for (unsigned int hour = 0; hour < 24; hour++) {
		ambient_round(NEIGHBOUR);
		sleep_s(&x, 3600);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

static void test_no_privilege_off_link(void **state)
{
	static const uint16_t ambient[] = { 139, 445, 631, 9100 };

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		connect_refused(&x, ip(SCANNER), ip(DEVICE), ambient[i]);
	assert_int_equal(told_of(&x, ip(SCANNER), FINDING_START), 1);
}

/* Two ambient ports among five closed ones, in each order, from the next desk. */
static void test_scan_with_ambient_ports(void **state)
{
	static const uint16_t ambient[] = { 139, 445 };

	(void)state;
	for (unsigned int order = 0; order < 1 << 5; order++) {
		unsigned int a = 0, i;

		if (__builtin_popcount(order) != 2)
			continue;
		again();
		for (i = 0; i < 5 && !x.n_told; i++)
			connect_refused(&x, ip(NEIGHBOUR), ip(DEVICE),
					order >> i & 1 ? ambient[a++] : 2000 + i);
		if (told_of(&x, ip(NEIGHBOUR), FINDING_START) != 1)
			fail_msg("order %#x: %u events after %u contacts", order, x.n_told, i);
	}
}

/* A raw SYN to port 445 is no PC's own habit, even from the link. */
static void test_raw_syn_is_not_ambient(void **state)
{
	static const uint16_t ambient[] = { 139, 445, 631, 9100 };

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		syn_probe(&x, ip(NEIGHBOUR), ip(DEVICE), ambient[i], false);
	assert_int_equal(told_of(&x, ip(NEIGHBOUR), FINDING_START), 1);
}

/* Ports published by DNAT or a container answer, although nobody here listens. */
static void test_published_ports(void **state)
{
	(void)state;
	for (uint32_t client = 0; client < 10; client++) {
		struct addr peer = addr_from_v4(0xc6336401 + client); /* 198.51.100.1 ... */

		for (uint16_t port = 8001; port <= 8005; port++)
			connect_served(&x, peer, ip(DEVICE), port);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
	/* It is learnt once per port, not paid for by each client. */
	assert_in_range(stats_of(&x).overturned, 1, 5);
}

static void test_scan_of_a_host_with_published_ports(void **state)
{
	struct addr client = ip("198.51.100.1");

	(void)state;
	for (uint16_t port = 8001; port <= 8005; port++)
		connect_served(&x, client, ip(DEVICE), port);
	for (uint16_t port = 8006; port <= 8010; port++)
		connect_refused(&x, ip(SCANNER), ip(DEVICE), port);
	assert_int_equal(told_of(&x, ip(SCANNER), FINDING_START), 1);
	assert_int_equal(told_of(&x, client, FINDING_START), 0);
}

/* Whose answers nobody saw, since the source was dead, has not asked in vain. */
static void test_unwatched(void **state)
{
	(void)state;
	for (unsigned int seen = 0; seen < 2; seen++) {
		fixture_done(&x);
		fixture_replay(&x, "192.0.2.0/24");
		for (uint16_t port = 8001; port <= 8020; port++)
			connect_dropped(&x, ip(SCANNER), ip(DEVICE), port);
		x.clock.read_ns = x.clock.now_ns + NS_PER_S;
		if (!seen)
			engine_unwatched(x.engine);
		sleep_s(&x, 10);
		assert_int_equal(told_of(&x, ip(SCANNER), FINDING_START), seen);
		/* From then on it is as ever. */
		for (uint16_t port = 9001; port <= 9020; port++)
			connect_dropped(&x, ip(SCANNER), ip(DEVICE), port);
		sleep_s(&x, 10);
		assert_int_equal(told_of(&x, ip(SCANNER), FINDING_START), 1);
	}
}

/* traceroute(8): up to 16 probes at once reach the target; people run it again and again. */
static void test_traceroute(void **state)
{
	struct addr peer = ip("198.51.100.9");

	(void)state;
	for (unsigned int run = 0; run < 48; run++) {
		for (uint16_t port = 33434; port < 33434 + 16; port++) {
			udp(&x, peer, x.next_port, ip(DEVICE), port);
			port_unreachable(&x, peer, x.next_port++, ip(DEVICE), port);
		}
		sleep_s(&x, 1800);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

/* This device's own contacts are its own business (outbound scans are another detector's). */
static void test_own_contacts(void **state)
{
	(void)state;
	for (uint16_t port = 1; port <= 50; port++)
		connect_refused(&x, ip(DEVICE), ip("198.51.100.1"), port);
	for (uint32_t host = 0; host < 50; host++)
		connect_dropped(&x, ip(DEVICE), addr_from_v4(0xcb007100 + host), 443);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

/* No peer has the address :: or 0.0.0.0, whatever a forged packet says. */
static void test_unspecified_source(void **state)
{
	(void)state;
	for (uint16_t port = 100; port < 120; port++) {
		syn_probe(&x, ip("0.0.0.0"), ip(DEVICE), port, false);
		syn_probe(&x, ip("::"), ip(DEVICE_V6), port, false);
	}
	syn_probe(&x, ip("::"), ip(DEVICE_V6), 22, true);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

/* A LAND attack's packets: from the device to itself. */
static void test_own_address_as_source(void **state)
{
	(void)state;
	for (uint16_t port = 100; port < 120; port++) {
		syn_probe(&x, ip(DEVICE), ip(DEVICE), port, false);
		syn_probe(&x, ip("127.0.0.1"), ip(DEVICE), port, false);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

static void test_ignored_peer(void **state)
{
	(void)state;
	fixture_done(&x);
	fixture_init(&x);
	fixture_own(&x, DEVICE, "192.0.2.0/24");
	x.config.ignore.prefix[x.config.ignore.count++] = net("203.0.113.0/28");
	fixture_start(&x, HOME_HOST, NULL);
	for (uint16_t port = 1; port <= 50; port++) {
		connect_refused(&x, ip(SCANNER), ip(DEVICE), port);
		udp(&x, ip(SCANNER), 5555, ip(DEVICE), port);
		tcp(&x, ip(SCANNER), 5555, ip(DEVICE), port, TCP_FIN, 0);
		tcp(&x, ip(DEVICE), 3000 + port, ip(SCANNER), 5555, TCP_RST, 0);
	}
	assert_int_equal(x.n_told, 0);
	for (uint16_t port = 1; port <= 4; port++)
		connect_refused(&x, ip("203.0.113.16"), ip(DEVICE), port);
	assert_int_equal(x.n_told, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_four_in_vain),
		TEST(test_four_in_vain_v6),
		TEST(test_horizontal),
		TEST(test_open_ports_in_any_order),
		TEST(test_client_is_none),
		TEST(test_retries_are_one_contact),
		TEST(test_dead_service_all_week),
		TEST(test_ambient_on_link),
		TEST(test_no_privilege_off_link),
		TEST(test_scan_with_ambient_ports),
		TEST(test_raw_syn_is_not_ambient),
		TEST(test_published_ports),
		TEST(test_scan_of_a_host_with_published_ports),
		TEST(test_unwatched),
		TEST(test_traceroute),
		TEST(test_own_contacts),
		TEST(test_unspecified_source),
		TEST(test_own_address_as_source),
		TEST(test_ignored_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
