/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine and the kinds of packets: each scan by its name, and the packets that only look like
 * one (backscatter, stale connections). What answers what is RFC 9293 §3.5.2 and §3.10.7.1.
 */
#include "sensor/device-fixture.h"

#define SCANNER "203.0.113.7"
#define PORTS 12

static void assert_only(enum probe_kind kind)
{
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(told_of(&x, ip(SCANNER), FINDING_START), 1);
	assert_int_equal(told_nth(&x, FINDING_START, 0)->f.kind, kind);
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(told_phase(&x, FINDING_END), 1);
	assert_int_equal(told_phase(&x, FINDING_NOTICE), 0);
	assert_int_equal(finding_ports(&told_nth(&x, FINDING_END, 0)->f), PORTS);
	assert_int_equal(finding_failed(&told_nth(&x, FINDING_END, 0)->f), PORTS);
}

/* A closed port answers a segment without ACK by RST,ACK. */
static void shape(uint8_t flags, const char *device)
{
	for (uint16_t port = 100; port < 100 + PORTS; port++) {
		tcp(&x, ip(SCANNER), 40123, ip(device), port, flags, 0);
		tcp(&x, ip(device), port, ip(SCANNER), 40123, TCP_RST | TCP_ACK, 0x1002);
	}
}

static void test_syn(void **state)
{
	(void)state;
	for (uint16_t port = 100; port < 100 + PORTS; port++)
		syn_probe(&x, ip(SCANNER), ip(DEVICE), port, false);
	assert_only(PROBE_SYN);
	assert_true(x.told[0].f.spoofable);
}

static void test_fin(void **state)
{
	(void)state;
	shape(TCP_FIN, DEVICE);
	assert_only(PROBE_FIN);
}

static void test_null(void **state)
{
	(void)state;
	shape(0, DEVICE);
	assert_only(PROBE_NULL);
}

static void test_xmas(void **state)
{
	(void)state;
	shape(TCP_FIN | TCP_PSH | TCP_URG, DEVICE);
	assert_only(PROBE_XMAS);
}

static void test_odd_flags(void **state)
{
	(void)state;
	shape(TCP_SYN | TCP_FIN, DEVICE);
	assert_only(PROBE_CUSTOM);
}

/* FIN, NULL and Xmas get no answer from an open port, nor through a filter: still no TCP's own. */
static void test_stealth_unanswered(void **state)
{
	(void)state;
	for (uint16_t port = 100; port < 100 + PORTS; port++)
		tcp(&x, ip(SCANNER), 40123, ip(DEVICE), port, TCP_FIN, 0);
	assert_only(PROBE_FIN);
}

/* The ACK itself is plain data to the filter: the device's bare RST tells. */
static void bare_resets(void)
{
	for (uint16_t port = 100; port < 100 + PORTS; port++)
		tcp(&x, ip(DEVICE), port, ip(SCANNER), 40123, TCP_RST, 0);
}

static void test_ack(void **state)
{
	(void)state;
	bare_resets();
	assert_only(PROBE_ACK);
}

static void test_maimon(void **state)
{
	(void)state;
	for (uint16_t port = 100; port < 100 + PORTS; port++) {
		tcp(&x, ip(SCANNER), 40123, ip(DEVICE), port, TCP_FIN | TCP_ACK, 0x77777);
		tcp(&x, ip(DEVICE), port, ip(SCANNER), 40123, TCP_RST, 0);
	}
	assert_only(PROBE_MAIMON);
}

static void udp_refused(const char *peer, uint16_t port)
{
	uint16_t from = x.next_port++;

	udp(&x, ip(peer), from, ip(DEVICE), port);
	port_unreachable(&x, ip(peer), from, ip(DEVICE), port);
}

static void test_udp(void **state)
{
	(void)state;
	for (uint16_t port = 100; port < 100 + PORTS; port++)
		udp_refused(SCANNER, port);
	assert_only(PROBE_UDP);
}

/* The live filter lets no datagram to the ephemeral range through: the ICMP error tells. */
static void test_udp_by_errors_alone(void **state)
{
	(void)state;
	for (uint16_t port = 40000; port < 40000 + PORTS; port++)
		port_unreachable(&x, ip(SCANNER), 51000, ip(DEVICE), port);
	assert_only(PROBE_UDP);
}

/* One peer, the same ports by three kinds of packets: three findings, each told once. */
static void test_three_scans_of_one_peer(void **state)
{
	unsigned int kinds = 0;

	(void)state;
	for (uint16_t port = 100; port < 200; port++)
		syn_probe(&x, ip(SCANNER), ip(DEVICE), port, false);
	sleep_s(&x, 2);
	for (uint16_t port = 100; port < 200; port++)
		tcp(&x, ip(DEVICE), port, ip(SCANNER), 40123, TCP_RST, 0);
	sleep_s(&x, 2);
	for (uint16_t port = 100; port < 200; port++)
		udp_refused(SCANNER, port);
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 3);
	assert_int_equal(told_phase(&x, FINDING_END), 3);
	assert_int_equal(told_phase(&x, FINDING_NOTICE), 0);
	for (unsigned int i = 0; i < 3; i++) {
		const struct finding *f = &told_nth(&x, FINDING_END, i)->f;

		kinds |= 1 << f->kind;
		assert_in_range(finding_ports(f), 95, 105);
	}
	assert_int_equal(kinds, 1 << PROBE_SYN | 1 << PROBE_ACK | 1 << PROBE_UDP);
}

static void backscatter(uint16_t service, bool one_victim)
{
	for (uint32_t i = 0; i < 300; i++) {
		struct addr victim = addr_from_v4(0xc6336401 + (one_victim ? 0 : i % 250));
		uint16_t port = 1024 + i * 211;

		/* The victim's SYN/ACK to a forged SYN, and this device's RST. */
		tcp(&x, victim, service, ip(DEVICE), port, TCP_SYN | TCP_ACK, 0x5001);
		tcp(&x, ip(DEVICE), port, victim, service, TCP_RST, 0);
		/* A closed port's answer to one. A RST is never answered. */
		tcp(&x, victim, service, ip(DEVICE), port + 1, TCP_RST | TCP_ACK, 0x5001);
	}
}

static void test_backscatter(void **state)
{
	(void)state;
	backscatter(80, false);
	backscatter(25565, false);
	backscatter(80, true);
	backscatter(25565, true);
	/* Forged with well-known ports as well. */
	for (uint16_t port = 1; port < 200; port++) {
		tcp(&x, ip("198.51.100.1"), 443, ip(DEVICE), port, TCP_SYN | TCP_ACK, 0x5001);
		tcp(&x, ip(DEVICE), port, ip("198.51.100.1"), 443, TCP_RST, 0);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

/* After a reboot, or a lost lease, peers go on talking: each gets a bare RST. */
static void test_stale_connections(void **state)
{
	(void)state;
	/* This device was the client of well-known services. */
	for (uint16_t port = 40000; port < 40100; port++)
		tcp(&x, ip(DEVICE), port, ip("198.51.100.1"), 443, TCP_RST, 0);
	/* It was the server. */
	for (uint16_t port = 40000; port < 40100; port++)
		tcp(&x, ip(DEVICE), 22, ip("198.51.100.2"), port, TCP_RST, 0);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

/* The device gives up connections of its own: data on its way meets bare RSTs, and it sends some. */
static void test_own_connections_given_up(void **state)
{
	(void)state;
	for (uint16_t port = 40000; port < 40020; port++) {
		tcp(&x, ip(DEVICE), port, ip("198.51.100.1"), 8883, TCP_SYN, 0);
		tcp(&x, ip("198.51.100.1"), 8883, ip(DEVICE), port, TCP_SYN | TCP_ACK, 0x1002);
		tcp(&x, ip(DEVICE), port, ip("198.51.100.1"), 8883, TCP_RST | TCP_ACK,
		    FIXTURE_ISN + 1);
		tcp(&x, ip(DEVICE), port, ip("198.51.100.1"), 8883, TCP_RST, 0);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

/* nmap -sT: the scanner's kernel finishes the handshake, then resets. Nobody can forge that. */
static void test_handshake_clears_spoofable(void **state)
{
	(void)state;
	tcp(&x, ip(SCANNER), 41000, ip(DEVICE), 22, TCP_SYN, 0);
	tcp(&x, ip(DEVICE), 22, ip(SCANNER), 41000, TCP_SYN | TCP_ACK, 0x1002);
	tcp(&x, ip(SCANNER), 41000, ip(DEVICE), 22, TCP_RST | TCP_ACK, FIXTURE_ISN + 1);
	for (uint16_t port = 100; port < 105; port++)
		connect_refused(&x, ip(SCANNER), ip(DEVICE), port);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_false(x.told[0].f.spoofable);
}

/* The proof may come when the finding is there already. */
static void test_late_handshake(void **state)
{
	(void)state;
	for (uint16_t port = 100; port < 105; port++)
		connect_refused(&x, ip(SCANNER), ip(DEVICE), port);
	assert_true(x.told[0].f.spoofable);
	connect_served(&x, ip(SCANNER), ip(DEVICE), 80);
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_END), 1);
	assert_false(told_nth(&x, FINDING_END, 0)->f.spoofable);
}

/* Who forges an address never sees the SYN/ACK: its acknowledgement is a guess. */
static void test_guessed_ack_proves_nothing(void **state)
{
	(void)state;
	for (uint32_t guess = 1; guess < 16; guess++) {
		uint16_t from = x.next_port++;

		tcp(&x, ip(SCANNER), from, ip(DEVICE), 22, TCP_SYN, 0);
		tcp(&x, ip(DEVICE), 22, ip(SCANNER), from, TCP_SYN | TCP_ACK, 0x1002);
		tcp(&x, ip(SCANNER), from, ip(DEVICE), 22, TCP_RST | TCP_ACK,
		    FIXTURE_ISN + guess * 0x10000000);
		tcp(&x, ip(SCANNER), from, ip(DEVICE), 22, TCP_RST, 0);
	}
	for (uint16_t port = 100; port < 105; port++)
		connect_refused(&x, ip(SCANNER), ip(DEVICE), port);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_true(x.told[0].f.spoofable);
}

/* "unanswered" and "refused" are kept apart. */
static void test_outcomes_apart(void **state)
{
	struct addr refused = ip("203.0.113.8"), dropped = ip("203.0.113.9");

	(void)state;
	for (uint16_t port = 100; port < 110; port++) {
		connect_refused(&x, refused, ip(DEVICE), port);
		connect_dropped(&x, dropped, ip(DEVICE), port);
	}
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_END), 2);
	for (unsigned int i = 0; i < 2; i++) {
		const struct finding *f = &told_nth(&x, FINDING_END, i)->f;

		assert_int_equal(finding_failed(f), 10);
		assert_int_equal(f->refused, addr_eq(f->peer.addr, refused) ? 10 : 0);
		assert_int_equal(f->open, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_syn),
		TEST(test_fin),
		TEST(test_null),
		TEST(test_xmas),
		TEST(test_odd_flags),
		TEST(test_stealth_unanswered),
		TEST(test_ack),
		TEST(test_maimon),
		TEST(test_udp),
		TEST(test_udp_by_errors_alone),
		TEST(test_three_scans_of_one_peer),
		TEST(test_backscatter),
		TEST(test_stale_connections),
		TEST(test_own_connections_given_up),
		TEST(test_handshake_clears_spoofable),
		TEST(test_late_handshake),
		TEST(test_guessed_ack_proves_nothing),
		TEST(test_outcomes_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
