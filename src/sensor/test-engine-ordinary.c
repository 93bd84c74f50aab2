/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine and ordinary life that was once taken for a scan; and the scan beside it, which is found.
 */
#include "sensor/engine-fixture.h"

#define HOME "192.0.2.0/24"
#define MEDIA "203.0.113.9"
#define PORTS 12

static struct fixture x;

static int done(void **state)
{
	(void)state;
	fixture_done(&x);
	return 0;
}

static void stream(unsigned int datagrams, bool refused)
{
	for (unsigned int n = 0; n < datagrams; n++) {
		for (uint16_t port = 16400; port < 16400 + 2 * PORTS; port += 2) {
			udp(&x, ip(MEDIA), 5004, ip(DEVICE), port);
			if (refused)
				port_unreachable(&x, ip(MEDIA), 5004, ip(DEVICE), port);
		}
		pass_ms(&x, 20);
	}
}

/* A media server sends on to a dozen ports that were hung up. */
static void test_calls_hung_up(void **state)
{
	(void)state;
	fixture_replay(&x, HOME);
	stream(50, false);
	stream(400, true);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

/* Without a stream before the refusals it is a scan, repeated or not. */
static void test_repeated_udp_scan(void **state)
{
	(void)state;
	fixture_replay(&x, HOME);
	stream(3, false);
	stream(1, true);
	assert_int_equal(told_of(&x, ip(MEDIA), FINDING_START), 1);
}

/* Live, a port that was open when its stream began stays so while it goes on. */
static void test_call_outlives_its_port(void **state)
{
	(void)state;
	fixture_host(&x);
	for (uint16_t port = 16400; port < 16400 + 2 * PORTS; port += 2)
		fixture_listen(&x, port, true);
	stream(50, false);
	x.listeners.count -= PORTS;
	stream(400, true);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

static void broadcast(uint16_t port, uint8_t group)
{
	packet(&x, (struct packet){ .src = ip("192.0.2.77"),
				    .dst = ip("192.0.2.255"),
				    .sport = 40000,
				    .dport = port,
				    .proto = PACKET_UDP,
				    .link_group = group,
				    .payload = 60,
				    .ttl = 64 });
}

/* Households' programs shout to the network's broadcast address, whose length a capture does not tell. */
static void test_directed_broadcasts(void **state)
{
	(void)state;
	fixture_replay(&x, NULL);
	for (uint16_t port = 6000; port < 6040; port++)
		broadcast(port, 1);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
	fixture_done(&x);
	fixture_replay(&x, NULL);
	for (uint16_t port = 6000; port < 6040; port++)
		broadcast(port, 0);
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
}

static void ping(struct addr dst, uint8_t group)
{
	packet(&x, (struct packet){ .src = ip("192.0.2.77"),
				    .dst = dst,
				    .proto = PACKET_ICMP_ECHO,
				    .type = 8,
				    .link_group = group,
				    .ttl = 64 });
}

/* One ping for all beside many for one each belongs to the sweep, which by itself is told by its 16th. */
static void test_pings_of_a_network(void **state)
{
	(void)state;
	fixture_replay(&x, NULL);
	for (unsigned int n = 0; n < 1000; n++) {
		ping(ip("192.0.2.255"), 1);
		ping(ip("192.0.2.1"), 0);
		pass_ms(&x, 1000);
	}
	for (uint32_t n = 100; n < 112; n++)
		ping(addr_from_v4(0xc0000200 + n), 0);
	assert_int_equal(x.n_told, 0);
	for (uint32_t n = 112; n < 114; n++)
		ping(addr_from_v4(0xc0000200 + n), 0);
	ping(ip("192.0.2.0"), 1);
	engine_finish(x.engine);
	assert_int_equal(told_of(&x, ip("192.0.2.77"), FINDING_START), 1);
}

/* A plug whose cloud is away, in a capture of global IPv6 addresses: who is at home cannot be known. */
static void test_plug_without_cloud(void **state)
{
	struct addr cloud = ip("2001:db8:dead::");

	(void)state;
	fixture_replay(&x, NULL);
	for (unsigned int n = 0; n < 22; n++) {
		cloud.lo++;
		connect_dropped(&x, ip(DEVICE_V6), cloud, 443);
		pass_ms(&x, 100);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

static void reset_from(struct addr service, uint16_t port, uint16_t to, bool data)
{
	if (data)
		tcp(&x, ip("198.51.100.9"), to, service, port, TCP_ACK, 0x77);
	tcp(&x, service, port, ip("198.51.100.9"), to, TCP_RST, 0);
}

/* RSTs of a flood's victims reach whose name was forged; an ACK scan's own RSTs answer what it sent. */
static void test_backscatter_of_resets(void **state)
{
	struct addr victim = ip("203.0.113.1");

	(void)state;
	for (unsigned int data = 0; data < 2; data++) {
		fixture_replay(&x, NULL);
		for (uint16_t n = 0; n < 20; n++) {
			victim.lo++;
			reset_from(victim, 25, (uint16_t)(2000 + 50 * n), data);
		}
		engine_finish(x.engine);
		assert_int_equal(told_phase(&x, FINDING_START), data);
		if (!data)
			fixture_done(&x);
	}
}

/* Clients wake with connections that the device has forgotten, to ports that it serves. */
static void test_forgotten_connections(void **state)
{
	(void)state;
	fixture_host(&x);
	for (uint16_t from = 50000; from < 50020; from++) {
		static const uint16_t served[] = { 22, 80, 443 };
		uint16_t port = served[from % 3];

		tcp(&x, ip(MEDIA), from, ip(DEVICE), port, TCP_FIN | TCP_ACK, 0x99);
		tcp(&x, ip(DEVICE), port, ip(MEDIA), from, TCP_RST, 0);
		pass_ms(&x, 2000);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

/* connect(2), and close(2) at once. */
static void connect_left(struct addr peer, uint16_t port)
{
	uint16_t from = x.next_port++;

	tcp(&x, peer, from, ip(DEVICE), port, TCP_SYN, 0);
	tcp(&x, ip(DEVICE), port, peer, from, TCP_SYN | TCP_ACK, 0x1002);
	packet(&x, (struct packet){ .src = peer,
				    .dst = ip(DEVICE),
				    .sport = from,
				    .dport = port,
				    .proto = PACKET_TCP,
				    .tcp_flags = TCP_FIN | TCP_ACK,
				    .tcp_seq = 0x1002,
				    .tcp_ack = FIXTURE_ISN + 1,
				    .ttl = 57 });
}

/* A monitor pings, looks whether ports are open, uses one, and asks two services that are not there. */
static void test_monitor(void **state)
{
	(void)state;
	fixture_host(&x);
	for (unsigned int minute = 0; minute < 120; minute++) {
		connect_left(ip(MEDIA), 22);
		connect_left(ip(MEDIA), 80);
		connect_served(&x, ip(MEDIA), ip(DEVICE), 80);
		connect_refused(&x, ip(MEDIA), ip(DEVICE), 443 + 1);
		udp(&x, ip(MEDIA), x.next_port++, ip(DEVICE), 161);
		packet(&x, (struct packet){ .src = ip(MEDIA),
					    .dst = ip(DEVICE),
					    .proto = PACKET_ICMP_ECHO,
					    .type = 8,
					    .ttl = 57 });
		sleep_s(&x, 60);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_calls_hung_up),
		TEST(test_repeated_udp_scan),
		TEST(test_call_outlives_its_port),
		TEST(test_directed_broadcasts),
		TEST(test_pings_of_a_network),
		TEST(test_plug_without_cloud),
		TEST(test_backscatter_of_resets),
		TEST(test_forgotten_connections),
		TEST(test_monitor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
