/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scans that neighbours share: a /64 that rotates its addresses, a /24 whose hosts divide the work. */
#include "sensor/device-fixture.h"

#define HOUR_MS 3600000

static const uint64_t paces_ms[] = { 1, 5000, 15000, 300000, HOUR_MS };

#define PACES (sizeof(paces_ms) / sizeof(paces_ms[0]))

/* The n-th random address of a /64. */
static struct addr rotated(const char *site, uint64_t n)
{
	struct addr a = ip(site);

	a.lo = next_random(&n);
	return a;
}

/* The n-th host of a /24, in no order. */
static struct addr host_of(const char *net24, uint32_t n)
{
	struct addr a = ip(net24);

	a.lo += 1 + n * 89 % 253;
	return a;
}

static void wait_ms(uint64_t ms)
{
	if (ms < 1000)
		pass_ms(&x, ms);
	else
		sleep_s(&x, ms / 1000);
}

/* The last start event is about this prefix, and the only one but for `before` of single hosts. */
static const struct told *the_prefix_after(unsigned int before, const char *prefix)
{
	unsigned int starts = told_phase(&x, FINDING_START);
	const struct told *t = told_nth(&x, FINDING_START, starts - 1);
	char text[PREFIX_STRLEN];

	assert_in_range(starts, 1, 1 + before);
	assert_non_null(t);
	assert_int_equal(t->f.scope, FINDING_PREFIX);
	if (prefix)
		assert_string_equal(prefix_format(&t->f.peer, text), prefix);
	return t;
}

static const struct told *the_prefix(const char *prefix)
{
	return the_prefix_after(0, prefix);
}

/* The group's closing event. */
static const struct told *the_end(void)
{
	for (unsigned int i = 0; i < told_phase(&x, FINDING_END); i++)
		if (told_nth(&x, FINDING_END, i)->f.scope == FINDING_PREFIX)
			return told_nth(&x, FINDING_END, i);
	fail_msg("the group's finding has not ended");
	return NULL;
}

/* Three raw probes of one peer are an alert by themselves, before the group shows. */
static unsigned int alone(unsigned int each, bool raw)
{
	return raw && each == 3 ? 2 : 0;
}

/*
 * How many contacts a group needs: ordinary packets could be clients', unless they come within seconds,
 * or nobody comes back for them in more than an hour. Within one second it has to be three peers, who could
 * else be scanners that have begun together.
 */
static unsigned int most(unsigned int pace, unsigned int each, bool raw)
{
	static const unsigned int ordinary[PACES] = { 7, 17, 17, 17, 7 };

	if (raw)
		return pace || each < 3 ? 5 : 7;
	return ordinary[pace];
}

/* While the group waits, its first peers are a suspicion each. */
static unsigned int notices(unsigned int pace, unsigned int each, bool raw)
{
	return !raw && each == 3 && pace ? 5 : 0;
}

/* One IPv6 /64 that rotates its addresses, each for one to three probes. */
static void test_rotating_64(void **state)
{
	(void)state;
	for (unsigned int pace = 0; pace < PACES; pace++)
		for (unsigned int each = 1; each <= 3; each++)
			for (int raw = 0; raw < 2; raw++) {
				const struct told *t;

				again();
				for (unsigned int i = 0; i < 24; i++) {
					probe(rotated("2001:db8:5:6::", i / each), 1000 + i * 7,
					      raw);
					wait_ms(paces_ms[pace]);
				}
				t = the_prefix_after(alone(each, raw), "2001:db8:5:6::/64");
				assert_in_range(t->failed, raw ? 3 : 4, most(pace, each, raw));
				assert_int_equal(t->f.kind, raw ? PROBE_SYN : PROBE_CONNECT);
				assert_true(t->f.spoofable);
				engine_finish(x.engine);
				t = the_end();
				assert_in_range(finding_failed(&t->f), 23, 24);
				assert_in_range(finding_peers(&t->f), 24 / each - 1, 24 / each + 1);
				assert_in_range(t->f.refused, 23, 24);
				assert_in_range(told_phase(&x, FINDING_NOTICE), 0,
						notices(pace, each, raw));
			}
}

/* "one IPv4 /24", its hosts with one to three probes each. */
static void test_shared_24(void **state)
{
	(void)state;
	for (unsigned int pace = 0; pace < PACES; pace++)
		for (unsigned int each = 1; each <= 3; each++)
			for (int raw = 0; raw < 2; raw++) {
				const struct told *t;

				again();
				for (unsigned int i = 0; i < 60; i++) {
					probe(host_of("198.51.100.0", i / each), 1000 + i * 7, raw);
					wait_ms(paces_ms[pace]);
				}
				t = the_prefix_after(alone(each, raw), NULL);
				assert_in_range(t->failed, 4, raw ? 7 : most(pace, each, raw));
				engine_finish(x.engine);
				t = the_end();
				assert_true(addr_eq(t->f.peer.addr, ip("198.51.100.0")));
				assert_int_equal(t->f.peer.len, ADDR_V4_OFFSET + 24);
				assert_in_range(finding_failed(&t->f), 59, 60);
				assert_in_range(told_phase(&x, FINDING_NOTICE), 0,
						notices(pace, each, raw));
			}
}

/* In turn: every host comes back after all others. */
static void test_shared_24_in_turn(void **state)
{
	(void)state;
	for (unsigned int pace = 0; pace < PACES; pace++) {
		again();
		for (unsigned int i = 0; i < 60; i++) {
			probe(host_of("198.51.100.0", i % 20), 1000 + i, false);
			wait_ms(paces_ms[pace]);
		}
		assert_in_range(the_prefix(NULL)->failed, 4, most(pace, 1, false));
	}
}

/* The most specific prefix: a part of a /24. */
static void test_part_of_24(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		probe(addr_from_v4(0xc6336440 + i), 1000 + i, true); /* 198.51.100.64 .. 71 */
		sleep_s(&x, 5);
	}
	engine_finish(x.engine);
	the_prefix("198.51.100.64/30");
	assert_int_equal(told_nth(&x, FINDING_END, 0)->f.peer.len, ADDR_V4_OFFSET + 29);
}

static void test_two_groups_at_once(void **state)
{
	const struct told *a, *b;

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		probe(rotated("2001:db8:5:6::", i), 1000 + i, true);
		probe(rotated("2001:db8:5:7::", i), 2000 + i, true);
		sleep_s(&x, 15);
	}
	assert_int_equal(told_phase(&x, FINDING_START), 2);
	a = told_nth(&x, FINDING_START, 0);
	b = told_nth(&x, FINDING_START, 1);
	assert_int_equal(a->f.peer.len, 64);
	assert_int_equal(b->f.peer.len, 64);
	assert_false(addr_eq(a->f.peer.addr, b->f.peer.addr));
}

/* A scanner of the same prefix that was told by itself stays so, and alone it makes no group. */
static void test_host_beside_group(void **state)
{
	struct addr scanner = ip("198.51.100.7");

	(void)state;
	for (uint16_t port = 1; port <= 20; port++)
		probe(scanner, port, true);
	assert_int_equal(told_of(&x, scanner, FINDING_START), 1);
	probe(ip("198.51.100.8"), 5001, true);
	probe(ip("198.51.100.9"), 5002, true);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	for (unsigned int i = 0; i < 8; i++) {
		probe(host_of("198.51.100.0", 20 + i), 6000 + i, true);
		probe(scanner, 7000 + i, true);
	}
	assert_int_equal(told_phase(&x, FINDING_START), 2);
	assert_int_equal(told_nth(&x, FINDING_START, 1)->f.scope, FINDING_PREFIX);
	engine_finish(x.engine);
	for (unsigned int i = 0; i < 2; i++) {
		const struct told *t = told_nth(&x, FINDING_END, i);

		if (t->f.scope == FINDING_HOST)
			assert_in_range(finding_failed(&t->f), 27, 28);
		else
			assert_int_equal(finding_failed(&t->f), 10);
	}
}

/* One scanner of a /24 after the other, each told by itself, with ports of its own: no group. */
static void test_scanners_in_turn(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 40; i++) {
		for (uint16_t port = 0; port < 6; port++)
			probe(host_of("198.51.100.0", i), 1000 + 50 * i + port, i & 1);
		sleep_s(&x, 10);
	}
	assert_int_equal(told_phase(&x, FINDING_START), 40);
	for (unsigned int i = 0; i < 40; i++)
		assert_int_equal(told_nth(&x, FINDING_START, i)->f.scope, FINDING_HOST);
}

/* One scanner, and a neighbour that has mistyped a port: the finding is the scanner's. */
static void test_one_peer_explains_it(void **state)
{
	(void)state;
	probe(ip("198.51.100.8"), 8080, false);
	probe(ip("198.51.100.7"), 1, false);
	probe(ip("198.51.100.7"), 2, false);
	probe(ip("198.51.100.7"), 3, false);
	assert_int_equal(told_phase(&x, FINDING_START), 0);
	probe(ip("198.51.100.7"), 4, false);
	assert_int_equal(told_of(&x, ip("198.51.100.7"), FINDING_START), 1);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
}

/* A group's finding has ended; the group is told again, by what it does then. */
static void test_group_comes_back(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 20; i++)
		probe(rotated("2001:db8:5:6::", i), 1000 + i, true);
	sleep_s(&x, 600);
	assert_int_equal(told_phase(&x, FINDING_END), 1);
	for (unsigned int i = 0; i < 20; i++) {
		probe(rotated("2001:db8:5:6::", 100 + i), 1000 + i, true);
		sleep_s(&x, 5);
	}
	assert_int_equal(told_phase(&x, FINDING_START), 2);
	assert_int_equal(told_nth(&x, FINDING_START, 1)->f.failed, 3);
}

/* Two that alternate may be two scanners. If neither goes on within a second, the next one's contact counts
 * as ever. */
static void test_two_in_turn(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		probe(rotated("2001:db8:5:6::", i % 2), 1000 + i, true);
	assert_int_equal(told_phase(&x, FINDING_START), 0);
	sleep_s(&x, 2);
	probe(rotated("2001:db8:5:6::", 3), 1004, true);
	assert_int_equal(the_prefix("2001:db8:5:6::/64")->failed, 5);
}

/* One machine on the link that takes another address for each probe; its link address gives it away. */
static void test_one_machine_on_the_link(void **state)
{
	(void)state;
	for (unsigned int pace = 0; pace < 3; pace++) {
		again();
		for (unsigned int i = 0; i < 20; i++) {
			packet(&x, (struct packet){ .src = addr_from_v4(0xc0000264 + i),
						    .dst = ip(DEVICE),
						    .sport = 51234,
						    .dport = 1000 + i,
						    .proto = PACKET_TCP,
						    .tcp_flags = TCP_SYN,
						    .tcp_options = OPTIONS_RAW,
						    .tcp_window = 1024,
						    .link = 77,
						    .ttl = 44 });
			wait_ms(paces_ms[pace]);
		}
		assert_in_range(the_prefix(NULL)->failed, 3, 6);
	}
}

/* Floods ---------------------------------------------------------------------------------------- */

static void forged(struct addr from, uint64_t r, uint64_t gap_ns, uint8_t options)
{
	clock_advance(&x.clock, x.clock.now_ns + gap_ns);
	engine_packet(x.engine, &(struct packet){ .t_ns = x.clock.now_ns,
						  .src = from,
						  .dst = ip(addr_is_v4(from) ? DEVICE : DEVICE_V6),
						  .sport = (uint16_t)(r >> 48),
						  .dport = (uint16_t)(r >> 32) | 1,
						  .proto = PACKET_TCP,
						  .tcp_flags = TCP_SYN,
						  .tcp_options = options,
						  .tcp_seq = (uint32_t)r * 7,
						  .dir = PACKET_DIR_IN });
}

static void flood(uint64_t *seed, unsigned int n, const char *prefix, uint64_t gap_ns)
{
	struct prefix from = net(prefix);

	for (unsigned int i = 0; i < n; i++) {
		uint64_t r = next_random(seed), s = next_random(seed);
		struct addr a = from.addr, random = { s, r };
		struct addr kept = addr_mask(random, from.len);

		a.hi |= random.hi ^ kept.hi;
		a.lo |= random.lo ^ kept.lo;
		forged(a, s, gap_ns, 0);
	}
}

/* Random addresses meet in a /24 by chance; that is no group, however long it lasts. */
static void test_random_flood_is_no_group(void **state)
{
	static const uint64_t gaps_ns[] = { 10000, 500000 };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t seed = 5;

		again();
		flood(&seed, 1000000, "0.0.0.0/0", gaps_ns[i]);
		engine_finish(x.engine);
		assert_int_equal(told_phase(&x, FINDING_START), 0);
	}
}

/* A flood forged from one prefix is one finding at most. */
static void test_flood_from_one_prefix(void **state)
{
	static const char *const prefixes[] = { "198.51.100.0/24", "2001:db8:5:6::/64",
						"198.51.0.0/16",   "2001:db8:5::/48",
						"44.0.0.0/8",	   "2001:db8::/32" };

	(void)state;
	for (unsigned int i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		uint64_t seed = 7;

		again();
		flood(&seed, 300000, prefixes[i], 10000);
		engine_finish(x.engine);
		assert_true(told_phase(&x, FINDING_START) <= 1);
	}
}

/* A /24 and a /64 that scan through a flood of random addresses: eighteen probes each, up to 100 s
 * apart, with 2,000 and 100,000 forged ones a second. */
static void test_groups_through_a_flood(void **state)
{
	static const struct {
		unsigned int between; /* forged packets between two probes */
		uint64_t gap_ns;
	} flood_of[] = { { 100, 500000 }, { 10000, 500000 }, { 200000, 500000 }, { 300000, 10000 } };

	(void)state;
	for (unsigned int i = 0; i < sizeof(flood_of) / sizeof(flood_of[0]); i++) {
		uint64_t seed = 9;
		const struct told *a, *b;

		again();
		flood(&seed, 20000, "0.0.0.0/0", flood_of[i].gap_ns);
		for (unsigned int n = 0; n < 18; n++) {
			probe(host_of("198.51.100.0", n), 1000 + n, false);
			probe(rotated("2001:db8:5:6::", n), 2000 + n, true);
			flood(&seed, flood_of[i].between, "0.0.0.0/0", flood_of[i].gap_ns);
		}
		a = told_nth(&x, FINDING_START, 0);
		b = told_nth(&x, FINDING_START, 1);
		assert_int_equal(told_phase(&x, FINDING_START), 2);
		assert_int_equal(a->f.scope, FINDING_PREFIX);
		assert_int_equal(b->f.scope, FINDING_PREFIX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rotating_64),
		TEST(test_shared_24),
		TEST(test_shared_24_in_turn),
		TEST(test_part_of_24),
		TEST(test_two_groups_at_once),
		TEST(test_host_beside_group),
		TEST(test_scanners_in_turn),
		TEST(test_one_peer_explains_it),
		TEST(test_group_comes_back),
		TEST(test_two_in_turn),
		TEST(test_one_machine_on_the_link),
		TEST(test_random_flood_is_no_group),
		TEST(test_flood_from_one_prefix),
		TEST(test_groups_through_a_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
