/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floods, and what only looks like one.
 */
#include "sensor/engine-fixture.h"

#define HOME "192.0.2.0/24"
#define ATTACKER "203.0.113.7"

static struct fixture x;
static uint64_t seed;

static int begin(void **state)
{
	(void)state;
	seed = 42;
	fixture_host(&x);
	return 0;
}

static int done(void **state)
{
	(void)state;
	fixture_done(&x);
	return 0;
}

/* A packet at its time, in place of the fixture's own steps of 0.1 ms. */
static void at(uint64_t t_ns, struct packet p)
{
	clock_advance(&x.clock, t_ns - NS_PER_MS / 10);
	packet(&x, p);
}

static struct addr stranger(void)
{
	return addr_from_v4((uint32_t)(20 + next_random(&seed) % 80) << 24 |
			    (uint32_t)(next_random(&seed) & 0xffffff));
}

static struct packet syn(struct addr from, uint16_t port)
{
	return (struct packet){ .src = from,
				.dst = ip(DEVICE),
				.sport = (uint16_t)(1024 + next_random(&seed) % 60000),
				.dport = port,
				.proto = PACKET_TCP,
				.tcp_flags = TCP_SYN,
				.tcp_window = 512,
				.tcp_seq = (uint32_t)next_random(&seed),
				.ttl = 57 };
}

typedef struct packet make_fn(unsigned int i);

/* So many a second, for so long. */
static void flood(make_fn *make, unsigned int per_second, unsigned int ms)
{
	uint64_t begin_ns = x.clock.now_ns;
	unsigned int n = (unsigned int)((uint64_t)per_second * ms / 1000);

	for (unsigned int i = 0; i < n; i++)
		at(begin_ns + (i + 1) * NS_PER_S / per_second, make(i));
}

static unsigned int floods_told(enum finding_phase phase, enum flood_kind kind)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < x.n_floods && i < FIXTURE_FLOODS; i++)
		n += x.flood[i].phase == phase && x.flood[i].f.kind == kind;
	return n;
}

/* The first event of this phase and kind. */
static const struct told_flood *told_flood(enum finding_phase phase, enum flood_kind kind)
{
	for (unsigned int i = 0; i < x.n_floods && i < FIXTURE_FLOODS; i++)
		if (x.flood[i].phase == phase && x.flood[i].f.kind == kind)
			return &x.flood[i];
	fail_msg("no such event");
	return NULL;
}

static struct packet forged_syn(unsigned int i)
{
	(void)i;
	return syn(stranger(), 80);
}

static void test_forged_syns(void **state)
{
	uint64_t onset_ns = x.clock.now_ns;
	const struct told_flood *t;

	(void)state;
	flood(forged_syn, 10000, 3000);
	t = told_flood(FINDING_START, FLOOD_SYN);
	assert_true(t->at_ns - onset_ns < 2 * NS_PER_S);
	assert_int_equal(t->f.port, 80);
	assert_true(addr_eq(t->f.self, ip(DEVICE)));
	sleep_s(&x, 10);
	t = told_flood(FINDING_END, FLOOD_SYN);
	assert_int_equal(t->f.forged, FLOOD_FORGED_YES);
	assert_int_equal(t->f.scope, FINDING_DISTRIBUTED);
	assert_in_range(t->f.packets, 29500, 30500);
	assert_in_range(t->f.peers, 20000, 31000);
	assert_in_range(t->f.rate, 9000, 11000);
	assert_int_equal(t->f.completed, 0);
	assert_int_equal(floods_told(FINDING_START, FLOOD_SYN), 1);
	assert_int_equal(floods_told(FINDING_END, FLOOD_SYN), 1);
	assert_int_equal(x.n_told, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_forged_syns, begin, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
