/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoys at the engine: one finding about one scanner, whoever's addresses it forges.
 */
#include "sensor/decoys-fixture.h"

static void test_one_finding(void **state)
{
	const struct finding *end;

	(void)state;
	/* The real one first, in the middle, last. */
	for (unsigned int real = 0; real < 6; real++) {
		struct run r = run_of(six, 6, real);

		again();
		for (uint16_t port = 1000; port < 1020; port++)
			closed(&r, port);
		end = the_one(PROBE_SYN);
		assert_int_equal(finding_peers(end), 6);
		assert_int_equal(finding_ports(end), 20);
		assert_int_equal(finding_failed(end), 20);
		assert_int_equal(end->probes, 120);
		assert_int_equal(end->hosts_before ? finding_hosts(end) : 0, 1);
		assert_false(end->real_known);
		assert_true(end->spoofable);
		assert_int_equal(end->tool[FINGERPRINT_NMAP], 20);
	}
}

static void test_ipv6(void **state)
{
	static const char *const from[] = { "2001:db8:1::1", "2001:db8:2::9", "2001:db8:3::4" };
	struct run r = run_of(from, 3, 0);

	(void)state;
	r.target = DEVICE_V6;
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	assert_int_equal(finding_peers(the_one(PROBE_SYN)), 3);
}

static void test_odd_flags(void **state)
{
	static const struct {
		uint8_t flags;
		enum probe_kind kind;
	} kinds[] = { { TCP_FIN, PROBE_FIN },
		      { 0, PROBE_NULL },
		      { TCP_FIN | TCP_PSH | TCP_URG, PROBE_XMAS } };

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct run r = run_of(six, 6, 2);

		again();
		r.flags = kinds[i].flags;
		for (uint16_t port = 1000; port < 1010; port++)
			closed(&r, port);
		the_one(kinds[i].kind);
	}
}

/* Of an ACK scan nothing is seen but this host's resets, which repeat the number acknowledged. */
static void test_ack(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	for (uint16_t port = 1000; port < 1010; port++)
		for (unsigned int i = 0; i < r.n; i++)
			inject((struct packet){ .src = ip(DEVICE),
						.dst = ip(six[i]),
						.sport = port,
						.dport = r.sport,
						.proto = PACKET_TCP,
						.tcp_flags = TCP_RST,
						.tcp_seq = 2091138273,
						.ttl = 64 });
	the_one(PROBE_ACK);
}

static void test_maimon(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	r.flags = TCP_FIN | TCP_ACK;
	for (uint16_t port = 1000; port < 1010; port++)
		for (unsigned int i = 0; i < r.n; i++) {
			copy(&r, i, port);
			answer(&r, i, port, TCP_RST);
		}
	the_one(PROBE_MAIMON);
}

static void test_udp(void **state)
{
	(void)state;
	for (uint16_t port = 1000; port < 1010; port++)
		for (unsigned int i = 0; i < 6; i++)
			inject((struct packet){ .src = ip(six[i]),
						.dst = ip(DEVICE),
						.sport = 44677,
						.dport = port,
						.proto = PACKET_UDP,
						.ttl = 44 });
	the_one(PROBE_UDP);
}

/* Each port again, from the next source port and with another number, as Nmap repeats. */
static void test_retransmissions(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	for (uint16_t port = 1000; port < 1020; port++) {
		for (unsigned int again = 0; again < 3; again++) {
			r.sport = (uint16_t)(44181 + again);
			r.seq = 90265791 ^ (again << 16 | again);
			closed(&r, port);
			pass_ms(&x, 900);
		}
	}
	assert_int_equal(finding_failed(the_one(PROBE_SYN)), 20);
}

/* One port in 15 s (nmap -T1). */
static void test_slow(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	for (uint16_t port = 1000; port < 1010; port++) {
		closed(&r, port);
		sleep_s(&x, 15);
	}
	the_one(PROBE_SYN);
}

static void test_two_at_once(void **state)
{
	static const char *const others[] = { "198.51.100.77", "203.0.113.78", "198.51.100.79" };
	struct run a = run_of(six, 6, 2), b = run_of(others, 3, 1);

	(void)state;
	b.sport = 50001;
	b.seq = 0x77665544;
	for (uint16_t port = 1000; port < 1010; port++) {
		closed(&a, port);
		closed(&b, port);
	}
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 2);
	assert_int_equal(told_phase(&x, FINDING_END), 2);
	assert_int_equal(x.n_told, 4);
	assert_int_equal(finding_peers(&told_nth(&x, FINDING_END, 0)->f), 6);
	assert_int_equal(finding_peers(&told_nth(&x, FINDING_END, 1)->f), 3);
}

/* Packets of a flood between the copies: 100,000/s would be one a burst. */
static void test_beside_a_flood(void **state)
{
	struct run r = run_of(six, 6, 2);
	uint64_t seed = 5;

	(void)state;
	for (uint16_t port = 1000; port < 1200; port++) {
		for (unsigned int i = 0; i < r.n; i++) {
			copy(&r, i, port);
			for (unsigned int j = 0; j < 50; j++) {
				uint64_t n = next_random(&seed);

				inject((struct packet){ .src = addr_from_v4((uint32_t)n),
							.dst = ip(DEVICE),
							.sport = (uint16_t)(n >> 32),
							.dport = (uint16_t)(n >> 48) | 1,
							.proto = PACKET_TCP,
							.tcp_flags = TCP_SYN,
							.tcp_seq = (uint32_t)(n >> 16),
							.ttl = 44 });
			}
		}
	}
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(told_nth(&x, FINDING_START, 0)->f.scope, FINDING_DECOYS);
	assert_int_equal(told_phase(&x, FINDING_NOTICE), 0);
}

/* A flood tool that never changes port and number: one port is one contact, many are one scan. */
static void constant_flood(bool many_ports)
{
	uint64_t seed = 6;

	for (unsigned int i = 0; i < 100000; i++) {
		uint64_t n = next_random(&seed);

		inject((struct packet){ .src = addr_from_v4((uint32_t)n),
					.dst = ip(DEVICE),
					.sport = 1234,
					.dport = many_ports ? (uint16_t)(n >> 48) | 1 : 8080,
					.proto = PACKET_TCP,
					.tcp_flags = TCP_SYN,
					.tcp_seq = 42424242,
					.ttl = 44 });
	}
	engine_finish(x.engine);
}

static void test_constant_flood_of_a_port(void **state)
{
	(void)state;
	constant_flood(false);
	assert_int_equal(x.n_told, 0);
}

static void test_constant_flood_of_all_ports(void **state)
{
	(void)state;
	constant_flood(true);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(told_phase(&x, FINDING_NOTICE), 0);
	assert_int_equal(told_nth(&x, FINDING_START, 0)->f.scope, FINDING_DECOYS);
}

/* Bots of one family: the same number from each (Mirai), now and then the same port. */
static void test_bots_are_no_decoys(void **state)
{
	static const uint16_t ports[] = { 21, 23, 2323, 8080 };

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct run r = run_of(six, 2, 0);

		r.seq = (uint32_t)ip(DEVICE).lo;
		closed(&r, ports[i]);
	}
	engine_finish(x.engine);
	assert_int_equal(told_of(&x, ip(six[0]), FINDING_START), 1);
	assert_int_equal(told_of(&x, ip(six[1]), FINDING_START), 1);
}

/* Two programs of one maker ask from the port they ask for, or from a service's; answers come late. */
static void test_udp_of_ordinary_life(void **state)
{
	static const uint16_t ports[][2] = { { 123, 9123 },   { 53, 9053 },    { 500, 9500 },
					     { 5353, 5353 },  { 1900, 1900 },  { 6881, 6881 },
					     { 3478, 50000 }, { 3478, 50001 }, { 3478, 50002 },
					     { 3478, 50003 }, { 3478, 50004 } };

	(void)state;
	for (unsigned int i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		for (unsigned int j = 0; j < 3; j++)
			inject((struct packet){ .src = ip(six[j]),
						.dst = ip(DEVICE),
						.sport = ports[i][0],
						.dport = ports[i][1],
						.proto = PACKET_UDP,
						.ttl = 44 });
	engine_finish(x.engine);
	for (unsigned int i = 0; i < x.n_told; i++)
		assert_int_not_equal(x.told[i].f.scope, FINDING_DECOYS);
}

/* An answer that comes after all takes the port back from the group, too. */
static void test_overturned(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	for (uint16_t port = 9000; port < 9002; port++)
		for (unsigned int i = 0; i < r.n; i++)
			copy(&r, i, port);
	for (uint16_t port = 9000; port < 9002; port++)
		for (unsigned int i = 0; i < r.n; i++)
			answer(&r, i, port, TCP_SYN | TCP_ACK);
	closed(&r, 1000);
	closed(&r, 1001);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
	assert_int_equal(stats_of(&x).overturned, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_finding),
		TEST(test_ipv6),
		TEST(test_odd_flags),
		TEST(test_ack),
		TEST(test_maimon),
		TEST(test_udp),
		TEST(test_retransmissions),
		TEST(test_slow),
		TEST(test_two_at_once),
		TEST(test_beside_a_flood),
		TEST(test_constant_flood_of_a_port),
		TEST(test_constant_flood_of_all_ports),
		TEST(test_bots_are_no_decoys),
		TEST(test_udp_of_ordinary_life),
		TEST(test_overturned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
