/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine where only answers tell: captures, and traffic forwarded by a gateway.
 */
#include "sensor/engine-fixture.h"

#define HOME "192.0.2.0/24"
#define SCANNER "203.0.113.7"

static struct fixture x;

static int done(void **state)
{
	(void)state;
	fixture_done(&x);
	return 0;
}

static void gateway(void)
{
	fixture_init(&x);
	fixture_own(&x, "203.0.113.1", "203.0.113.0/29");
	fixture_own(&x, "192.168.1.1", "192.168.1.0/24");
	x.config.scope = CONFIG_SCOPE_GATEWAY;
	fixture_start(&x, HOME_GATEWAY, NULL);
}

static void test_refusals_decide_at_once(void **state)
{
	(void)state;
	fixture_replay(&x, HOME);
	for (uint16_t port = 1; port <= 3; port++)
		connect_refused(&x, ip(SCANNER), ip(DEVICE), port);
	assert_int_equal(x.n_told, 0);
	connect_refused(&x, ip(SCANNER), ip(DEVICE), 4);
	assert_int_equal(told_of(&x, ip(SCANNER), FINDING_START), 1);
}

/* Linux repeats a SYN after 1 and 3 s: only then is silence an answer. */
static void test_silence_decides_later(void **state)
{
	uint64_t due_ns;

	(void)state;
	fixture_replay(&x, HOME);
	for (uint16_t port = 1; port <= 20; port++)
		connect_dropped(&x, ip(SCANNER), ip(DEVICE), port);
	pass_ms(&x, 2900);
	due_ns = engine_tick(x.engine);
	assert_int_equal(x.n_told, 0);
	assert_in_range(due_ns, x.clock.now_ns, x.clock.now_ns + 200 * NS_PER_MS);
	sleep_s(&x, 1);
	assert_int_equal(told_of(&x, ip(SCANNER), FINDING_START), 1);
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_END), 1);
	assert_int_equal(told_nth(&x, FINDING_END, 0)->f.refused, 0);
	assert_int_equal(finding_failed(&told_nth(&x, FINDING_END, 0)->f), 20);
}

/* The last contacts of a capture are judged, too. */
static void test_end_of_capture(void **state)
{
	(void)state;
	fixture_replay(&x, HOME);
	for (uint16_t port = 1; port <= 20; port++)
		connect_dropped(&x, ip(SCANNER), ip(DEVICE), port);
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(told_phase(&x, FINDING_END), 1);
}

static void test_answered_is_none(void **state)
{
	(void)state;
	fixture_replay(&x, HOME);
	for (uint16_t port = 1; port <= 100; port++) {
		connect_served(&x, ip(SCANNER), ip(DEVICE), port);
		udp(&x, ip("203.0.113.8"), 5000, ip(DEVICE), port);
		udp(&x, ip(DEVICE), port, ip("203.0.113.8"), 5000);
	}
	sleep_s(&x, 10);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

/* A late answer is one: 2 s over a satellite. */
static void test_slow_answers(void **state)
{
	(void)state;
	fixture_replay(&x, HOME);
	for (uint16_t port = 1; port <= 20; port++)
		tcp(&x, ip(SCANNER), 5000, ip(DEVICE), port, TCP_SYN, 0);
	pass_ms(&x, 2000);
	for (uint16_t port = 1; port <= 20; port++)
		tcp(&x, ip(DEVICE), port, ip(SCANNER), 5000, TCP_SYN | TCP_ACK, 0x1002);
	sleep_s(&x, 10);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

static void test_home_is_who_is_watched(void **state)
{
	(void)state;
	fixture_replay(&x, HOME);
	/* From home outwards, and past it. */
	for (uint16_t port = 1; port <= 50; port++) {
		connect_refused(&x, ip(DEVICE), ip("198.51.100.1"), port);
		connect_refused(&x, ip(SCANNER), ip("198.51.100.1"), port);
	}
	sleep_s(&x, 10);
	assert_int_equal(x.n_told, 0);
	/* Within home: a neighbour may be hijacked. */
	for (uint16_t port = 1; port <= 4; port++)
		connect_refused(&x, ip("192.0.2.99"), ip(DEVICE), port);
	assert_int_equal(told_of(&x, ip("192.0.2.99"), FINDING_START), 1);
	assert_int_equal(x.n_told, 1);
}

/* Without --home: a client behind NAT meets services that are down. */
static void test_inferred_clients(void **state)
{
	(void)state;
	fixture_replay(&x, NULL);
	for (uint32_t host = 0; host < 22; host++) {
		connect_dropped(&x, ip("192.168.1.20"), addr_from_v4(0x36000001 + host * 999), 443);
		pass_ms(&x, 500);
	}
	/* facts/detection.md: a peer-to-peer node met 56 hosts in 4 s. */
	for (uint32_t host = 0; host < 56; host++) {
		udp(&x, ip("192.168.1.21"), 6881, addr_from_v4(0x52000001 + host * 7777),
		    1024 + host * 31);
		pass_ms(&x, 70);
	}
	sleep_s(&x, 10);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

static void test_inferred_scan(void **state)
{
	(void)state;
	fixture_replay(&x, NULL);
	for (uint16_t port = 1; port <= 5; port++)
		syn_probe(&x, ip("192.168.1.20"), ip("192.168.1.30"), port, false);
	assert_int_equal(told_of(&x, ip("192.168.1.20"), FINDING_START), 1);
	assert_int_equal(x.n_told, 1);
}

static void test_backscatter_in_a_capture(void **state)
{
	(void)state;
	fixture_replay(&x, HOME);
	for (uint32_t i = 0; i < 500; i++) {
		struct addr victim = addr_from_v4(0xc6336401 + i % 200);
		uint16_t port = 1024 + i * 97;

		tcp(&x, victim, 25565, ip(DEVICE), port, TCP_SYN | TCP_ACK, 0x5001);
		tcp(&x, ip(DEVICE), port, victim, 25565, TCP_RST, 0);
		tcp(&x, victim, 80, ip(DEVICE), port, TCP_RST | TCP_ACK, 0x5001);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

static void test_gateway_judges_by_answers(void **state)
{
	(void)state;
	gateway();
	for (uint16_t port = 1; port <= 20; port++)
		connect_served(&x, ip("198.51.100.5"), ip("192.168.1.30"), port);
	assert_int_equal(x.n_told, 0);
	for (uint16_t port = 1; port <= 4; port++)
		connect_refused(&x, ip("198.51.100.6"), ip("192.168.1.30"), port);
	assert_int_equal(told_of(&x, ip("198.51.100.6"), FINDING_START), 1);
	for (uint16_t port = 1; port <= 20; port++)
		connect_dropped(&x, ip("198.51.100.7"), ip("192.168.1.30"), port);
	assert_int_equal(told_of(&x, ip("198.51.100.7"), FINDING_START), 0);
	sleep_s(&x, 4);
	assert_int_equal(told_of(&x, ip("198.51.100.7"), FINDING_START), 1);
	/* The gateway itself is a host that knows its own ports. */
	for (uint16_t port = 1; port <= 4; port++)
		connect_dropped(&x, ip("198.51.100.8"), ip("203.0.113.1"), port);
	assert_int_equal(told_of(&x, ip("198.51.100.8"), FINDING_START), 1);
	assert_int_equal(told_phase(&x, FINDING_START), 3);
}

static void test_gateway_lets_clients_be(void **state)
{
	(void)state;
	gateway();
	for (uint32_t host = 0; host < 50; host++)
		connect_dropped(&x, ip("192.168.1.20"), addr_from_v4(0x36000001 + host * 999), 443);
	for (uint16_t port = 1; port <= 50; port++)
		connect_refused(&x, ip("192.168.1.20"), ip("198.51.100.1"), port);
	sleep_s(&x, 10);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

static struct packet random_packet(uint64_t *seed)
{
	static const uint8_t flags[] = { TCP_SYN, TCP_SYN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK,
					 TCP_FIN, TCP_FIN | TCP_ACK, 0,	      0xff };
	uint64_t r = next_random(seed), s = next_random(seed);

	return (struct packet){
		.src = addr_from_v4(0xc0000200 + (r & 0x1f)),
		.dst = r & 0x100 ? ip(DEVICE) : addr_from_v4(0xc0000200 + (r >> 16 & 0x1f)),
		.sport = (uint16_t)(s & 0x7f),
		.dport = (uint16_t)(s >> 8 & 0x7f),
		.proto = (uint8_t)(s >> 16 & 7) % (PACKET_OTHER + 1),
		.quoted_proto = (uint8_t)(s >> 20 & 1),
		.unreachable_port = (uint8_t)(s >> 21 & 1),
		.tcp_flags = flags[s >> 24 & 7],
		.tcp_options = (uint8_t)(s >> 32),
		.tcp_window = (uint16_t)(s >> 40),
		.tcp_seq = (uint32_t)(r >> 32),
		.tcp_ack = (uint32_t)(r >> 32) + (s >> 60),
	};
}

/* Real captures are not in order; hostile ones jump by years, both ways. */
static void test_times_at_random(void **state)
{
	uint64_t seed = 7, last_ns = 0;

	(void)state;
	for (unsigned int round = 0; round < 3; round++) {
		fixture_replay(&x, round == 0 ? HOME : NULL);
		for (unsigned int i = 0; i < 60000; i++) {
			uint64_t t = next_random(&seed);
			struct packet p = random_packet(&seed);

			p.dir = PACKET_DIR_UNKNOWN;
			if (t % 500 == 0)
				clock_advance(&x.clock, t >> (round == 2 ? 4 : 20));
			else
				clock_advance(&x.clock,
					      x.clock.now_ns + (t & 0xfffffff) - 0x8000000);
			p.t_ns = x.clock.now_ns;
			assert_true(x.clock.now_ns >= last_ns);
			last_ns = x.clock.now_ns;
			engine_packet(x.engine, &p);
			if (t % 64 == 0)
				engine_tick(x.engine);
		}
		engine_finish(x.engine);
		assert_true(x.n_told > 0);
		for (unsigned int i = 0; i < x.n_told && i < FIXTURE_EVENTS; i++) {
			const struct told *t = &x.told[i];

			assert_true(t->f.first_ns >= FIXTURE_EPOCH_NS);
			assert_true(t->f.first_ns <= t->f.last_ns);
			assert_true(t->f.last_ns <= t->at_ns);
			assert_true(finding_confidence(&t->f) >= 0 &&
				    finding_confidence(&t->f) <= 1);
		}
		assert_true(stats_of(&x).failed <= stats_of(&x).contacts);
		assert_int_equal(engine_open_findings(x.engine), 0);
		last_ns = 0;
		fixture_done(&x);
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refusals_decide_at_once),
		TEST(test_silence_decides_later),
		TEST(test_end_of_capture),
		TEST(test_answered_is_none),
		TEST(test_slow_answers),
		TEST(test_home_is_who_is_watched),
		TEST(test_inferred_clients),
		TEST(test_inferred_scan),
		TEST(test_backscatter_in_a_capture),
		TEST(test_gateway_judges_by_answers),
		TEST(test_gateway_lets_clients_be),
		cmocka_unit_test(test_times_at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
