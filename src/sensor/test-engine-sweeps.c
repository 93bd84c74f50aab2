/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine and packets other than TCP and UDP: SCTP (RFC 9260), protocols nobody speaks, ICMP, and who
 * looks for its neighbours; and answers to what nobody here sent.
 */
#include "sensor/engine-fixture.h"

#define SCANNER "203.0.113.7"
#define NEIGHBOUR "192.0.2.77"
#define CLIENT_PORT 40123

static struct fixture x;

/* As if /proc had just been looked into; it holds for LISTENERS_MIN_AGE_MS. */
static void kernel_speaks_sctp(bool yes)
{
	x.listeners.sctp = yes;
	x.listeners.sctp_read_ns = x.clock.now_ns;
}

static int start(void **state)
{
	(void)state;
	fixture_host(&x);
	kernel_speaks_sctp(false);
	return 0;
}

static int done(void **state)
{
	(void)state;
	fixture_done(&x);
	return 0;
}

/* One scan, of this kind, by the scanner; how many contacts it took. */
static uint64_t only_scan(enum probe_kind kind)
{
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(told_of(&x, ip(SCANNER), FINDING_START), 1);
	assert_int_equal(told_nth(&x, FINDING_START, 0)->f.kind, kind);
	return told_nth(&x, FINDING_START, 0)->failed;
}

static void chunk(const char *src, uint16_t sport, const char *dst, uint16_t dport, uint8_t type)
{
	packet(&x, (struct packet){ .src = ip(src),
				    .dst = ip(dst),
				    .sport = sport,
				    .dport = dport,
				    .proto = PACKET_SCTP,
				    .type = type });
}

static void test_init_without_sctp(void **state)
{
	(void)state;
	for (uint16_t port = 1; port <= 10; port++)
		chunk(SCANNER, CLIENT_PORT, DEVICE, port, PACKET_SCTP_INIT);
	assert_in_range(only_scan(PROBE_SCTP_INIT), 1, 5);
}

/* Then silence tells after 1.5 s, a refusal at once, and an INIT ACK serves. */
static void test_init_with_sctp(void **state)
{
	(void)state;
	kernel_speaks_sctp(true);
	for (uint16_t port = 1; port <= 4; port++)
		chunk(SCANNER, CLIENT_PORT, DEVICE, port, PACKET_SCTP_INIT);
	assert_int_equal(x.n_told, 0);
	assert_true(engine_tick(x.engine) > x.clock.now_ns);
	sleep_s(&x, 2);
	only_scan(PROBE_SCTP_INIT);
	assert_int_equal(told_nth(&x, FINDING_START, 0)->f.last.outcome, PROBE_UNANSWERED);
	kernel_speaks_sctp(true);
	for (uint16_t port = 1; port <= 4; port++) {
		chunk("203.0.113.8", CLIENT_PORT, DEVICE, port, PACKET_SCTP_INIT);
		chunk(DEVICE, port, "203.0.113.8", CLIENT_PORT, PACKET_SCTP_ABORT);
	}
	assert_int_equal(told_of(&x, ip("203.0.113.8"), FINDING_START), 1);
	for (uint16_t port = 1; port <= 9; port++) {
		chunk("203.0.113.9", CLIENT_PORT, DEVICE, port, PACKET_SCTP_INIT);
		chunk(DEVICE, port, "203.0.113.9", CLIENT_PORT, PACKET_SCTP_INIT_ACK);
		chunk("203.0.113.9", CLIENT_PORT, DEVICE, port, PACKET_SCTP_COOKIE_ECHO);
	}
	sleep_s(&x, 2);
	assert_int_equal(told_of(&x, ip("203.0.113.9"), FINDING_START), 0);
}

static void test_cookie_echo(void **state)
{
	(void)state;
	kernel_speaks_sctp(true);
	for (uint16_t port = 1; port <= 10; port++)
		chunk(SCANNER, CLIENT_PORT, DEVICE, port, PACKET_SCTP_COOKIE_ECHO);
	assert_in_range(only_scan(PROBE_SCTP_COOKIE), 1, 5);
}

static void test_own_associations(void **state)
{
	(void)state;
	for (uint16_t port = 1; port <= 10; port++) {
		chunk(DEVICE, CLIENT_PORT, SCANNER, port, PACKET_SCTP_INIT);
		chunk(SCANNER, port, DEVICE, CLIENT_PORT,
		      port % 2 ? PACKET_SCTP_INIT_ACK : PACKET_SCTP_ABORT);
		chunk(DEVICE, CLIENT_PORT, SCANNER, port, PACKET_SCTP_COOKIE_ECHO);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

static void datagram(const char *src, const char *dst, uint16_t protocol)
{
	packet(&x, (struct packet){
			   .src = ip(src), .dst = ip(dst), .proto = PACKET_IP, .dport = protocol });
}

/* The host's own error for a datagram that the filter did not pass. */
static void protocol_unreachable(const char *peer, uint16_t protocol)
{
	packet(&x, (struct packet){ .src = ip(DEVICE),
				    .dst = ip(peer),
				    .sport = protocol,
				    .proto = PACKET_UNREACHABLE,
				    .quoted_proto = PACKET_IP,
				    .unreachable_port = 1 });
}

static void test_ip_protocols(void **state)
{
	(void)state;
	for (uint16_t protocol = 200; protocol < 204; protocol++) {
		datagram(SCANNER, DEVICE, protocol);
		protocol_unreachable(SCANNER, protocol);
	}
	assert_in_range(only_scan(PROBE_IP_PROTO), 1, 5);
	for (uint16_t protocol = 47; protocol < 51; protocol++)
		protocol_unreachable("203.0.113.8", protocol);
	assert_int_equal(told_of(&x, ip("203.0.113.8"), FINDING_START), 1);
}

/* A program of this host's own speaks them. */
static void test_spoken_protocols(void **state)
{
	(void)state;
	for (uint16_t protocol = 200; protocol < 220; protocol++) {
		datagram(SCANNER, DEVICE, protocol);
		datagram(DEVICE, SCANNER, protocol);
		datagram(DEVICE, "203.0.113.8", protocol);
		datagram("203.0.113.8", DEVICE, protocol);
	}
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 0);
}

static void icmp(const char *src, const char *dst, uint8_t proto, uint8_t type)
{
	packet(&x, (struct packet){ .src = ip(src), .dst = ip(dst), .proto = proto, .type = type });
}

static void test_icmp_queries(void **state)
{
	(void)state;
	/* One monitor's one question for days. */
	for (unsigned int i = 0; i < 5000; i++) {
		icmp("203.0.113.8", DEVICE, PACKET_ICMP_QUERY, 13);
		pass_ms(&x, 60000);
	}
	engine_tick(x.engine);
	assert_int_equal(x.n_told, 0);
	/* Two that nobody asks together. */
	icmp(SCANNER, DEVICE, PACKET_ICMP_QUERY, 13);
	icmp(SCANNER, DEVICE, PACKET_ICMP_QUERY, 17);
	engine_finish(x.engine);
	assert_int_equal(told_of(&x, ip(SCANNER), FINDING_NOTICE), 1);
	assert_int_equal(told_phase(&x, FINDING_START), 0);
}

static void test_pings(void **state)
{
	static const char *const own[] = { "192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.14" };

	(void)state;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		fixture_own(&x, own[i], "192.0.2.0/24");
	for (unsigned int i = 0; i < 5000; i++) {
		icmp("203.0.113.8", DEVICE, PACKET_ICMP_ECHO, 8);
		pass_ms(&x, 60000);
	}
	/* A person who pings, and then tries three doors. */
	icmp("203.0.113.9", DEVICE, PACKET_ICMP_ECHO, 8);
	for (uint16_t port = 8000; port < 8003; port++)
		connect_refused(&x, ip("203.0.113.9"), ip(DEVICE), port);
	engine_tick(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 0);
	icmp(SCANNER, DEVICE, PACKET_ICMP_ECHO, 8);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		icmp(SCANNER, own[i], PACKET_ICMP_ECHO, 8);
	only_scan(PROBE_ECHO);
}

/* What the filter lets through of a sweep: every eighth address. */
static void test_link_sweep(void **state)
{
	(void)state;
	for (uint32_t n = 3; n < 256; n += 8)
		packet(&x, (struct packet){ .src = ip(NEIGHBOUR),
					    .dst = addr_from_v4(0xc0000200 + n),
					    .proto = PACKET_ARP_REQUEST });
	assert_int_equal(told_of(&x, ip(NEIGHBOUR), FINDING_START), 1);
	assert_int_equal(x.told[0].f.kind, PROBE_ARP);
	assert_in_range(x.told[0].failed, 1, 8);
}

/* Absent hosts asked for again and again, phones that come home, this host's own address. */
static void test_link_life(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2000; i++) {
		for (uint32_t n = 0; n < 4; n++)
			packet(&x, (struct packet){ .src = ip(NEIGHBOUR),
						    .dst = addr_from_v4(0xc0000203 + n * 8),
						    .proto = PACKET_ARP_REQUEST });
		for (uint32_t phone = 0; phone < 20; phone++)
			packet(&x, (struct packet){ .src = addr_from_v4(0xc0000264 + phone),
						    .dst = ip(phone % 2 ? DEVICE : "192.0.2.1"),
						    .proto = PACKET_ARP_REQUEST });
		pass_ms(&x, 30000);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

static void syn_ack(const char *src, uint16_t sport, uint16_t dport)
{
	tcp(&x, ip(src), sport, ip(DEVICE), dport, TCP_SYN | TCP_ACK, 0x5001);
	tcp(&x, ip(DEVICE), dport, ip(src), sport, TCP_RST, 0);
}

static void test_syn_ack_scan(void **state)
{
	(void)state;
	for (uint16_t port = 1; port < 200; port++)
		syn_ack("203.0.113.8", 443, port);
	assert_int_equal(x.n_told, 0);
	assert_int_equal(stats_of(&x).backscatter, 199);
	for (uint16_t port = 1; port <= 10; port++)
		syn_ack(SCANNER, 50123, port);
	assert_in_range(only_scan(PROBE_CUSTOM), 1, 4);
}

static void test_reflection(void **state)
{
	(void)state;
	for (uint16_t port = 1; port < 200; port++) {
		struct packet p = { .src = ip("203.0.113.8"),
				    .dst = ip(DEVICE),
				    .sport = 11211,
				    .dport = port,
				    .proto = PACKET_UDP,
				    .answer = 1 };

		packet(&x, p);
		port_unreachable(&x, p.src, 11211, p.dst, port);
	}
	assert_int_equal(x.n_told, 0);
	assert_int_equal(stats_of(&x).reflected, 199);
	/* Beyond the clients' ports, where the filter shows only the refusals. */
	for (unsigned int port = 61000; port < 61020; port++)
		port_unreachable(&x, ip("203.0.113.8"), 11211, ip(DEVICE), (uint16_t)port);
	assert_int_equal(x.n_told, 0);
	assert_int_equal(stats_of(&x).failed, 0);
	for (uint16_t port = 1; port <= 10; port++)
		udp(&x, ip(SCANNER), 53, ip(DEVICE), port);
	only_scan(PROBE_UDP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_init_without_sctp), TEST(test_init_with_sctp),
		TEST(test_cookie_echo),	      TEST(test_own_associations),
		TEST(test_ip_protocols),      TEST(test_spoken_protocols),
		TEST(test_icmp_queries),      TEST(test_pings),
		TEST(test_link_sweep),	      TEST(test_link_life),
		TEST(test_syn_ack_scan),      TEST(test_reflection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
