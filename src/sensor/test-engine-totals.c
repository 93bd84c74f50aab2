/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's totals and growth, and connections that this host has forgotten. */
#include "sensor/device-fixture.h"

#define SCANNER "203.0.113.7"

/* A capture's refused contacts are refused, not unanswered. */
static void test_refused_in_replay(void **state)
{
	const struct finding *f;

	(void)state;
	fixture_done(&x);
	fixture_replay(&x, "192.0.2.0/24");
	for (uint16_t port = 1; port <= 100; port++)
		connect_refused(&x, ip(SCANNER), ip(DEVICE), port);
	engine_finish(x.engine);
	f = &told_nth(&x, FINDING_END, 0)->f;
	assert_in_range(finding_failed(f), 97, 103);
	assert_in_range(f->refused, 97, 100);
}

/* An ACK scan is known by the RSTs alone: each of its contacts was refused. */
static void test_refused_ack_scan(void **state)
{
	(void)state;
	for (uint16_t port = 100; port < 200; port++)
		tcp(&x, ip(DEVICE), port, ip(SCANNER), 40123, TCP_RST, 0);
	engine_finish(x.engine);
	assert_int_equal(told_nth(&x, FINDING_END, 0)->f.refused, 100);
}

/* Long-lived connections of the device to a broker at 8883 end, with data still on its way. */
static void end_old_connections(uint8_t flags)
{
	for (uint16_t port = 40000; port < 40008; port++) {
		tcp(&x, ip(DEVICE), port, ip("198.51.100.1"), 8883, TCP_SYN, 0);
		tcp(&x, ip("198.51.100.1"), 8883, ip(DEVICE), port, TCP_SYN | TCP_ACK, 0x1002);
	}
	sleep_s(&x, 600);
	for (uint16_t port = 40000; port < 40008; port++) {
		tcp(&x, ip(DEVICE), port, ip("198.51.100.1"), 8883, flags, FIXTURE_ISN + 1);
		tcp(&x, ip(DEVICE), port, ip("198.51.100.1"), 8883, TCP_RST, 0);
	}
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 0);
}

static void test_old_connections_given_up(void **state)
{
	(void)state;
	end_old_connections(TCP_RST | TCP_ACK);
}

static void test_old_connections_closed(void **state)
{
	(void)state;
	end_old_connections(TCP_FIN | TCP_ACK);
}

/* The device was the server of a port, the service stopped: its clients' data meets RSTs.
 * One port, many clients: nothing. Then peers' orderly FINs out of forgotten connections. */
static void test_peer_closes_forgotten(void **state)
{
	(void)state;
	for (uint16_t port = 40000; port < 40008; port++) {
		tcp(&x, ip("198.51.100.1"), 8883, ip(DEVICE), port, TCP_FIN | TCP_ACK, 0x1002);
		tcp(&x, ip(DEVICE), port, ip("198.51.100.1"), 8883, TCP_RST, 0);
	}
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 0);
}

/* All ports, by a raw-SYN tool: told at 3, updates at 30, 300 and 3000 contacts in vain, each within a tenth. */
static void test_growth_of_a_full_scan(void **state)
{
	unsigned int sent = 0, at[8] = { 0 }, n = 0;

	(void)state;
	for (unsigned int port = 1; port < 20000; port++) {
		if (port == 22 || port == 80 || port == 443)
			continue;
		sent++;
		syn_probe(&x, ip(SCANNER), ip(DEVICE), port, false);
		while (n < told_phase(&x, FINDING_UPDATE) && n < 8)
			at[n++] = sent;
	}
	assert_in_range(at[0], 27, 33);
	assert_in_range(at[1], 270, 330);
	assert_in_range(at[2], 2700, 3300);
}

/* Totals of a full scan. */
static void test_totals_of_a_full_scan(void **state)
{
	const struct finding *f;

	(void)state;
	for (unsigned int port = 1; port < 65536; port++)
		if (port != 22 && port != 80 && port != 443)
			syn_probe(&x, ip(SCANNER), ip(DEVICE), port, false);
	engine_finish(x.engine);
	f = &told_nth(&x, FINDING_END, 0)->f;
	/* mimamori-events(7): "good to a few percent". */
	assert_in_range(finding_ports(f), 65532 * 9 / 10, 65532 * 11 / 10);
	assert_in_range(finding_failed(f), 65532 * 9 / 10, 65532 * 11 / 10);
}

/* Repetitions before the finding began are packets, too. */
static void test_probes_count_repetitions(void **state)
{
	(void)state;
	for (unsigned int port = 1024; port < 1034; port++)
		for (unsigned int i = 0; i < 10; i++)
			syn_probe(&x, ip(SCANNER), ip(DEVICE), port, false);
	engine_finish(x.engine);
	assert_int_equal(told_nth(&x, FINDING_END, 0)->f.probes, 100);
}

/* A traceroute with every probe at once (-N 90 -q 3), or mtr -u. */
static void test_big_traceroute(void **state)
{
	(void)state;
	for (uint16_t port = 33434; port < 33434 + 90; port++) {
		udp(&x, ip("198.51.100.9"), x.next_port, ip(DEVICE), port);
		port_unreachable(&x, ip("198.51.100.9"), x.next_port++, ip(DEVICE), port);
	}
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 0);
}

/* Outcomes: ports found open are counted in host scope as well. */
static void test_open_counted_live(void **state)
{
	(void)state;
	for (uint16_t port = 100; port < 120; port++)
		syn_probe(&x, ip(SCANNER), ip(DEVICE), port, false);
	syn_probe(&x, ip(SCANNER), ip(DEVICE), 22, true);
	syn_probe(&x, ip(SCANNER), ip(DEVICE), 80, true);
	engine_finish(x.engine);
	assert_int_equal(told_nth(&x, FINDING_END, 0)->f.open, 2);
}

/* Repeats after a contact left the table: one failed contact stays one. */
static void test_repeated_scan_failed(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 3; round++) {
		for (uint16_t port = 100; port < 200; port++)
			syn_probe(&x, ip(SCANNER), ip(DEVICE), port, false);
		sleep_s(&x, 10);
	}
	engine_finish(x.engine);
	assert_in_range(finding_failed(&told_nth(&x, FINDING_END, 0)->f), 97, 103);
}

/* A peer that comes back after its scan has ended is told by what it does then: not by the totals and
 * the kind of its first visit. */
static void test_a_second_visit(void **state)
{
	const struct told *again;

	(void)state;
	for (uint16_t port = 1000; port < 1300; port++)
		syn_probe(&x, ip(SCANNER), ip(DEVICE), port, false);
	sleep_s(&x, 600);
	assert_int_equal(told_phase(&x, FINDING_END), 1);
	for (uint16_t port = 100; port < 102; port++)
		tcp(&x, ip(SCANNER), 40123, ip(DEVICE), port, TCP_FIN, 0);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	tcp(&x, ip(SCANNER), 40123, ip(DEVICE), 102, TCP_FIN, 0);
	assert_int_equal(told_phase(&x, FINDING_START), 2);
	again = told_nth(&x, FINDING_START, 1);
	assert_int_equal(again->f.kind, PROBE_FIN);
	assert_int_equal(finding_failed(&again->f), 3);
	assert_int_equal(again->f.probes, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refused_in_replay),	     TEST(test_refused_ack_scan),
		TEST(test_old_connections_given_up), TEST(test_old_connections_closed),
		TEST(test_peer_closes_forgotten),    TEST(test_growth_of_a_full_scan),
		TEST(test_totals_of_a_full_scan),    TEST(test_probes_count_repetitions),
		TEST(test_big_traceroute),	     TEST(test_open_counted_live),
		TEST(test_a_second_visit),	     TEST(test_repeated_scan_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
