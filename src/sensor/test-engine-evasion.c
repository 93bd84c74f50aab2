/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scanners who know how the sensor decides, and ordinary peers beside them.
 */
#include "sensor/device-fixture.h"

#define SCANNER "203.0.113.7"

static struct addr anybody(uint64_t *seed)
{
	return addr_from_v4((uint32_t)next_random(seed) % 0x70000000 + 0x0b000000);
}

static struct addr of_site(uint64_t *seed)
{
	return (struct addr){ 0x20010db800050006ULL, next_random(seed) | 1 };
}

static void syn(struct addr from, uint16_t sport, uint32_t seq, uint16_t port, uint8_t options)
{
	clock_advance(&x.clock, x.clock.now_ns + 10000);
	engine_packet(x.engine,
		      &(struct packet){ .t_ns = x.clock.now_ns,
					.src = from,
					.dst = ip(addr_is_v4(from) ? DEVICE : DEVICE_V6),
					.sport = sport,
					.dport = port,
					.proto = PACKET_TCP,
					.tcp_flags = TCP_SYN,
					.tcp_options = options,
					.tcp_window = options == OPTIONS_RAW ? 1024 : 64240,
					.tcp_seq = seq,
					.ttl = 44,
					.dir = PACKET_DIR_IN });
}

/* Each probe twice, from the scanner's address and a decoy's, with marks of its own each time. */
static void copies(struct addr scanner, struct addr decoy, uint16_t port, uint64_t *seed,
		   bool first)
{
	uint64_t r = next_random(seed);

	syn(first ? scanner : decoy, (uint16_t)(r >> 48) | 0x8000, (uint32_t)r | 1, port,
	    OPTIONS_RAW);
	syn(first ? decoy : scanner, (uint16_t)(r >> 48) | 0x8000, (uint32_t)r | 1, port,
	    OPTIONS_RAW);
}

static const struct told *the_only_start(enum finding_scope scope)
{
	const struct told *t = told_nth(&x, FINDING_START, 0);

	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(t->f.scope, scope);
	return t;
}

/* Decoys that are others for each probe. */
static void test_changing_decoys(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (uint16_t i = 0; i < 100; i++) {
		copies(ip(SCANNER), anybody(&seed), 1000 + i, &seed, i & 1);
		sleep_s(&x, 1);
	}
	assert_in_range(the_only_start(FINDING_DECOYS)->f.failed, 3, 5);
}

static void test_changing_decoys_of_a_changing_scanner(void **state)
{
	uint64_t seed = 2;

	(void)state;
	for (uint16_t i = 0; i < 100; i++) {
		copies(of_site(&seed), (struct addr){ next_random(&seed) >> 4 | 2ULL << 60, i },
		       1000 + i, &seed, true);
		sleep_s(&x, 1);
	}
	the_only_start(FINDING_DECOYS);
	assert_in_range(told_nth(&x, FINDING_START, 0)->failed, 3, 13);
}

/* Three probes, and a pause in which the suspicion ends. */
static void test_decoys_that_pause(void **state)
{
	static const char *const from[] = { SCANNER, "198.51.100.7", "100.64.3.2" };

	(void)state;
	for (uint16_t i = 0; i < 30; i++) {
		for (unsigned int k = 0; k < 3; k++)
			syn(ip(from[k]), 51000, 777777, 1000 + i, OPTIONS_USUAL);
		sleep_s(&x, i % 3 == 2 ? 20 : 0);
	}
	assert_int_equal(the_only_start(FINDING_DECOYS)->f.failed, 4);
	assert_int_equal(told_phase(&x, FINDING_NOTICE), 1);
}

/* The addresses of one site ask for each port three times, as the clients of what is gone do. */
static void test_each_port_thrice(void **state)
{
	(void)state;
	for (int raw = 0; raw < 2; raw++) {
		uint64_t seed = 3;

		done(NULL);
		start(NULL);
		for (uint16_t i = 0; i < 150; i++) {
			syn(of_site(&seed), 40000 + i, (uint32_t)next_random(&seed) | 1,
			    1000 + i / 3, raw ? OPTIONS_RAW : OPTIONS_USUAL);
			sleep_s(&x, 15);
		}
		the_only_start(FINDING_PREFIX);
	}
}

/* Three to twelve people of an office, each with two of the ports of a mail server that is gone. */
static void test_office_without_mail(void **state)
{
	static const uint16_t mail[] = { 993, 587, 143, 465, 995, 25, 110 };

	(void)state;
	for (unsigned int people = 3; people <= 12; people++) {
		uint64_t seed = people;

		done(NULL);
		start(NULL);
		for (unsigned int i = 0; i < 400; i++) {
			unsigned int who = (unsigned int)(next_random(&seed) % people);

			connect_refused(&x, addr_from_v4(0xc6336414 + who), ip(DEVICE),
					mail[(who + i % 2) % 7]);
			sleep_s(&x, 90);
		}
		engine_finish(x.engine);
		assert_int_equal(told_phase(&x, FINDING_START), 0);
	}
}

/* A campaign against web servers, and browsers of those that it looks for. */
static void test_browser_beside_campaign(void **state)
{
	static const uint16_t web[] = { 8080, 8443, 8883 };
	uint64_t seed = 4;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct addr a = anybody(&seed);

		for (unsigned int j = 0; j < 3; j++)
			syn(a, 51234, (uint32_t)next_random(&seed) | 1, web[j], 0);
		sleep_s(&x, 5);
	}
	for (unsigned int i = 0; i < 5; i++)
		for (unsigned int j = 0; j < 2; j++)
			connect_refused(&x, addr_from_v4(0xc6330009 + (i << 8)), ip(DEVICE),
					web[j]);
	engine_finish(x.engine);
	assert_int_equal(told_nth(&x, FINDING_END, 0)->f.scope, FINDING_DISTRIBUTED);
	assert_int_equal(finding_peers(&told_nth(&x, FINDING_END, 0)->f), 3);
}

/* Each datagram ten times before an answer can come: no stream of media. */
static void test_datagrams_at_once(void **state)
{
	struct addr scanner = ip(SCANNER), behind = ip("10.0.0.9");

	(void)state;
	done(NULL);
	fixture_replay(&x, "10.0.0.0/8");
	for (uint16_t i = 0; i < 5; i++) {
		for (unsigned int k = 0; k < 10; k++)
			udp(&x, scanner, 50000, behind, 1000 + i);
		pass_ms(&x, 40);
		for (unsigned int k = 0; k < 10; k++)
			port_unreachable(&x, scanner, 50000, behind, 1000 + i);
		sleep_s(&x, 1);
	}
	assert_int_equal(told_of(&x, scanner, FINDING_START), 1);
}

/* A scanner who first forges groups of his own /8, so that a wide finding speaks for him. Two of them. */
static void test_behind_a_wide_prefix(void **state)
{
	struct addr scanner = ip("203.99.99.9"), second = ip("203.77.7.9");
	uint64_t seed = 5;

	(void)state;
	for (unsigned int net = 1; net <= 4; net++)
		for (unsigned int i = 0; i < 6; i++)
			syn(addr_from_v4(0xcb000100 + (net << 16) + 10 + i), 51234,
			    (uint32_t)next_random(&seed) | 1, 2000 + 10 * net + i, OPTIONS_RAW);
	assert_int_equal(told_nth(&x, FINDING_START, 3)->f.peer.addr.lo >> 24, 0xffffcb);
	for (uint16_t i = 0; i < 40; i++) {
		connect_refused(&x, scanner, ip(DEVICE), 3000 + i);
		connect_refused(&x, second, ip(DEVICE), 4000 + i);
		connect_refused(&x, addr_from_v4(0xcb300000 + ((uint32_t)i << 10)), ip(DEVICE),
				5000);
	}
	assert_int_equal(told_of(&x, scanner, FINDING_START), 1);
	assert_int_equal(told_of(&x, second, FINDING_START), 1);
	assert_int_equal(told_phase(&x, FINDING_START), 6);
}

/* Whoever forges a client's address never sees the answer to the SYN, but may guess its number. */
static void test_guessed_handshake(void **state)
{
	static const uint8_t ends[] = { TCP_FIN | TCP_ACK, TCP_RST | TCP_ACK };

	(void)state;
	for (unsigned int i = 0; i < 2; i++)
		for (int same = 0; same < 2; same++) {
			struct addr client = ip("198.51.100.44");

			done(NULL);
			start(NULL);
			tcp(&x, client, 40000, ip(DEVICE), 80, TCP_SYN, 0);
			tcp(&x, ip(DEVICE), 80, client, 40000, TCP_SYN | TCP_ACK, 0x1002);
			for (uint32_t ack = 0; ack < 4096; ack++)
				tcp(&x, client, same ? 40000 : 40001, ip(DEVICE), 80, ends[i],
				    ack << 20);
			for (uint16_t port = 100; port < 106; port++)
				connect_refused(&x, client, ip(DEVICE), port);
			assert_int_equal(told_of(&x, client, FINDING_START), 1);
			assert_true(x.told[0].f.spoofable);
		}
}

/* A page longer than what the end of its client proves: this side's end proves it. */
static void test_long_answer(void **state)
{
	struct addr client = ip("198.51.100.44");

	(void)state;
	tcp(&x, client, 40000, ip(DEVICE), 80, TCP_SYN, 0);
	tcp(&x, ip(DEVICE), 80, client, 40000, TCP_SYN | TCP_ACK, 0x1002);
	tcp(&x, client, 40000, ip(DEVICE), 80, TCP_FIN | TCP_ACK, FIXTURE_ISN + 500000);
	tcp(&x, ip(DEVICE), 80, client, 40000, TCP_FIN | TCP_ACK, 0x1003);
	for (uint16_t port = 100; port < 106; port++)
		connect_refused(&x, client, ip(DEVICE), port);
	assert_false(x.told[0].f.spoofable);
}

/* Five hundred forged scanners a second, of four SYNs each, take all findings there are; one who sends such
 * packets as well does more than each of them. */
static void test_among_forged_scanners(void **state)
{
	struct addr scanner = ip("203.0.113.5");
	unsigned int found = 0;
	uint64_t seed = 6;

	(void)state;
	for (unsigned int i = 0; i < 20000; i++) {
		struct addr a = anybody(&seed);

		for (unsigned int k = 0; k < 4; k++)
			syn(a, 51234, (uint32_t)next_random(&seed) | 1,
			    (uint16_t)next_random(&seed) | 1024, OPTIONS_USUAL);
		clock_advance(&x.clock, x.clock.now_ns + 2000000);
		if (i < 5000 || i % 250)
			continue;
		x.n_told = 0; /* room for what this probe tells */
		syn(scanner, 51234, (uint32_t)next_random(&seed) | 1, 2000 + i / 250,
		    OPTIONS_USUAL);
		found += told_of(&x, scanner, FINDING_START);
	}
	assert_int_equal(found, 1);
}

/* SYNs that the parser could not read: only the refusals are seen, once each. */
static void test_unread_syns(void **state)
{
	struct addr scanner = ip("2001:db8:5::66");

	(void)state;
	for (uint16_t port = 1000; port < 1012; port++)
		packet(&x, (struct packet){ .src = ip(DEVICE_V6),
					    .dst = scanner,
					    .sport = port,
					    .dport = 40000,
					    .proto = PACKET_TCP,
					    .tcp_flags = TCP_RST | TCP_ACK,
					    .tcp_ack = 0x1002 });
	engine_finish(x.engine);
	assert_int_equal(told_of(&x, scanner, FINDING_START), 1);
	assert_int_equal(x.told[0].f.kind, PROBE_SYN);
	assert_int_equal(x.told[0].f.failed, 4);
	assert_int_equal(finding_failed(&told_nth(&x, FINDING_END, 0)->f), 12);
}

/* On the link, with another address of either sort for each probe. */
static void test_changing_link_address(void **state)
{
	static const uint8_t flags[] = { TCP_SYN, TCP_FIN };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		done(NULL);
		start(NULL);
		for (uint16_t n = 0; n < 12; n++) {
			packet(&x, (struct packet){ .src = addr_from_v4(0xc0000264 + n),
						    .dst = ip(DEVICE),
						    .sport = 51234,
						    .dport = 1000 + n,
						    .proto = PACKET_TCP,
						    .tcp_flags = flags[i],
						    .tcp_options = i ? 0 : OPTIONS_RAW,
						    .tcp_window = 1024,
						    .tcp_seq = 1 + n,
						    .link = 0x1001 + n,
						    .ttl = 44 });
			sleep_s(&x, 15);
		}
		assert_in_range(the_only_start(FINDING_PREFIX)->failed, 3, 6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_changing_decoys),	  TEST(test_changing_decoys_of_a_changing_scanner),
		TEST(test_decoys_that_pause),	  TEST(test_each_port_thrice),
		TEST(test_office_without_mail),	  TEST(test_browser_beside_campaign),
		TEST(test_datagrams_at_once),	  TEST(test_behind_a_wide_prefix),
		TEST(test_guessed_handshake),	  TEST(test_long_answer),
		TEST(test_among_forged_scanners), TEST(test_unread_syns),
		TEST(test_changing_link_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
