/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floods: found, told as what they are, closed.
 */
#include "sensor/flood-fixture.h"

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

static void test_one_peer(void **state)
{
	const struct told_flood *t;

	(void)state;
	flood(own_syn, 300, 3000);
	t = told_flood(FINDING_START, FLOOD_SYN);
	assert_int_equal(t->f.scope, FINDING_HOST);
	assert_int_equal(t->f.peers, 1);
	assert_true(addr_eq(t->f.peer.addr, ip(ATTACKER)));
	assert_int_equal(t->f.forged, FLOOD_FORGED_UNKNOWN);
	assert_int_equal(t->f.top_used, 1);
	assert_int_equal(t->f.top[0].share, 100);
}

static struct packet forged_syn_ack(unsigned int i)
{
	struct packet p = syn(stranger(), (uint16_t)(40000 + i % 100));

	p.sport = 80;
	p.tcp_flags = TCP_SYN | TCP_ACK;
	return p;
}

/* The kernel's answer to a segment of no connection. */
static struct packet refused_ack(unsigned int i)
{
	struct packet p = syn(ip(DEVICE), (uint16_t)(1024 + i));

	p.dst = stranger();
	p.sport = 80;
	p.tcp_flags = TCP_RST;
	return p;
}

static struct packet forged_rst(unsigned int i)
{
	return segment(forged_closed(i), TCP_RST | TCP_ACK, 40000);
}

static struct packet forged_fin(unsigned int i)
{
	return segment(forged_closed(i), TCP_FIN | TCP_ACK, 81);
}

static struct packet reflected(unsigned int i)
{
	struct packet p = forged_udp(i);

	p.src = addr_from_v4(0x14000000 + i % 300 * 65537);
	p.sport = 123;
	p.ttl = (uint8_t)(40 + i % 300 % 17);
	p.answer = 1;
	return p;
}

static struct packet forged_fragment(unsigned int i)
{
	struct packet p = of_protocol(forged_ping(i), PACKET_OTHER, 17);

	p.bulk = 1;
	p.fragment = PACKET_LATER_FRAGMENT;
	return p;
}

static struct packet forged_unspoken(unsigned int i)
{
	return of_protocol(forged_ping(i), PACKET_IP, 253);
}

static struct packet forged_gre(unsigned int i)
{
	struct packet p = of_protocol(forged_ping(i), PACKET_OTHER, 47);

	p.bulk = 1;
	return p;
}

static void test_kinds(void **state)
{
	static const struct {
		make_fn *make;
		enum flood_kind kind;
		uint16_t port;
		enum flood_forged forged;
	} kinds[] = {
		{ forged_closed, FLOOD_SYN, 81, FLOOD_FORGED_YES },
		{ forged_syn_ack, FLOOD_SYN_ACK, 0, FLOOD_FORGED_YES },
		{ refused_ack, FLOOD_ACK, 80, FLOOD_FORGED_UNKNOWN },
		{ stray_sample, FLOOD_ACK, 80, FLOOD_FORGED_YES },
		{ forged_rst, FLOOD_RST, 40000, FLOOD_FORGED_YES },
		{ forged_fin, FLOOD_RST, 81, FLOOD_FORGED_YES },
		{ forged_udp, FLOOD_UDP, 9999, FLOOD_FORGED_YES },
		{ reflected, FLOOD_AMPLIFIED, 9999, FLOOD_FORGED_NO },
		{ forged_ping, FLOOD_ICMP, 0, FLOOD_FORGED_YES },
		{ forged_fragment, FLOOD_FRAGMENT, 17, FLOOD_FORGED_YES },
		{ forged_unspoken, FLOOD_PROTOCOL, 253, FLOOD_FORGED_YES },
		{ forged_gre, FLOOD_PROTOCOL, 47, FLOOD_FORGED_YES },
	};
	static const unsigned int rates[] = { 300, 5000, 100000 };

	(void)state;
	for (size_t i = 0; i < 3 * sizeof(kinds) / sizeof(kinds[0]); i++) {
		enum flood_kind kind = kinds[i / 3].kind;
		uint64_t onset_ns, end_ns;
		const struct told_flood *t;

		fixture_done(&x);
		begin(NULL);
		onset_ns = x.clock.now_ns;
		flood(kinds[i / 3].make, rates[i % 3], 2500);
		end_ns = x.clock.now_ns;
		t = told_flood(FINDING_START, kind);
		assert_in_range(t->at_ns - onset_ns, 0, 2 * NS_PER_S);
		sleep_s(&x, 10);
		assert_int_equal(floods_told(FINDING_START, kind), 1);
		assert_int_equal(floods_told(FINDING_END, kind), 1);
		t = told_flood(FINDING_END, kind);
		assert_in_range(t->at_ns - end_ns, 0, 10 * NS_PER_S);
		assert_int_equal(t->f.port, kinds[i / 3].port);
		assert_int_equal(t->f.forged, kinds[i / 3].forged);
		assert_true(addr_eq(t->f.self, ip(DEVICE)));
		assert_in_range(t->f.packets, rates[i % 3] * 2.4, rates[i % 3] * 2.6);
		if (kind == FLOOD_AMPLIFIED) {
			assert_int_equal(t->f.peer_port, 123);
			assert_in_range(t->f.peers, 260, 345);
		}
		/* Nothing else is said of it. */
		assert_int_equal(floods_told(FINDING_START, FLOOD_SYN) +
					 floods_told(FINDING_START, FLOOD_ACK) +
					 floods_told(FINDING_START, FLOOD_RST),
				 kind == FLOOD_SYN || kind == FLOOD_ACK || kind == FLOOD_RST);
	}
}

/* Of one peer, too: pings without end, crumbs of datagrams, small datagrams to a service that is silent. */
static struct packet own_ping(unsigned int i)
{
	struct packet p = forged_ping(i);

	p.src = ip(ATTACKER);
	return p;
}

static struct packet crumb(unsigned int i)
{
	struct packet p = forged_fragment(i);

	p.src = ip(ATTACKER);
	p.payload = 16;
	return p;
}

static struct packet to_service(unsigned int i)
{
	struct packet p = forged_udp(i);

	p.src = ip(ATTACKER);
	p.dport = 53;
	p.payload = 100;
	return p;
}

static void test_kinds_of_one(void **state)
{
	static const struct {
		make_fn *make;
		enum flood_kind kind;
	} kinds[] = { { own_ping, FLOOD_ICMP },
		      { crumb, FLOOD_FRAGMENT },
		      { to_service, FLOOD_UDP } };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		uint64_t onset_ns;

		fixture_done(&x);
		begin(NULL);
		fixture_listen(&x, 53, true);
		onset_ns = x.clock.now_ns;
		flood(kinds[i].make, 2000, 2500);
		assert_in_range(told_flood(FINDING_START, kinds[i].kind)->at_ns - onset_ns, 0,
				2 * NS_PER_S);
	}
}

/* So many kinds one after the other that each place is taken: those that are over make room. */
static void test_room(void **state)
{
	static make_fn *const makes[] = { forged_closed,  forged_syn_ack,  refused_ack,
					  forged_rst,	  reflected,	   forged_udp,
					  forged_ping,	  forged_fragment, forged_gre,
					  forged_unspoken };
	const unsigned int n = sizeof(makes) / sizeof(makes[0]);
	unsigned int opened = 0;

	(void)state;
	assert_true(n > FLOOD_CASES);
	for (unsigned int i = 0; i < n; i++)
		flood(makes[i], 5000, 300);
	for (unsigned int kind = 0; kind < FLOOD_KINDS; kind++)
		opened += floods_told(FINDING_START, kind);
	assert_in_range(opened, n - 1, n); /* two are of one kind */
}

/* What is sampled stands for more, and the finding says so. */
static struct packet sampled_ping(unsigned int i)
{
	struct packet p = forged_ping(i);

	p.bulk = 1;
	p.stands_for = 256;
	return p;
}

static void test_samples(void **state)
{
	const struct told_flood *t;

	(void)state;
	flood(sampled_ping, 80, 3000);
	t = told_flood(FINDING_START, FLOOD_ICMP);
	assert_int_equal(t->f.sampled, 256);
	sleep_s(&x, 10);
	t = told_flood(FINDING_END, FLOOD_ICMP);
	assert_in_range(t->f.packets, 58000, 63000);
}

/* One sample that stands for thousands may be chance. */
static void test_one_sample_is_none(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		struct packet p = sampled_ping(i);

		p.stands_for = 4096;
		packet(&x, p);
		sleep_s(&x, 60);
	}
	assert_int_equal(x.n_floods, 0);
}

/* Growth is told by powers of ten. */
static void test_growth(void **state)
{
	(void)state;
	flood(forged_syn, 10000, 20000);
	assert_in_range(floods_told(FINDING_UPDATE, FLOOD_SYN), 1, 3);
}

/* Two at once, of which one ends; and a scanner beside them. */
static void test_several_at_once(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 30000; i++) {
		uint64_t t_ns = x.clock.now_ns + 100000;

		at(t_ns, i % 2 ? forged_syn(i) : forged_udp(i));
		if (i % 3000 == 0)
			connect_refused(&x, ip(ATTACKER), ip(DEVICE), (uint16_t)(7000 + i / 3000));
	}
	assert_int_equal(floods_told(FINDING_START, FLOOD_SYN), 1);
	assert_int_equal(floods_told(FINDING_START, FLOOD_UDP), 1);
	assert_int_equal(told_of(&x, ip(ATTACKER), FINDING_START), 1);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	flood(forged_syn, 5000, 8000);
	assert_int_equal(floods_told(FINDING_END, FLOOD_UDP), 1);
	assert_int_equal(floods_told(FINDING_END, FLOOD_SYN), 0);
}

/* A flood that turns to another address of this host is another one. */
static struct packet forged_v6(unsigned int i)
{
	struct packet p = forged_syn(i);

	p.src = (struct addr){ 0x20010db8f0000000 | next_random(&seed) >> 40, next_random(&seed) };
	p.dst = ip(DEVICE_V6);
	return p;
}

static void test_victim_moves(void **state)
{
	(void)state;
	flood(forged_syn, 5000, 2000);
	flood(forged_v6, 5000, 3000);
	assert_int_equal(floods_told(FINDING_START, FLOOD_SYN), 2);
	assert_int_equal(floods_told(FINDING_END, FLOOD_SYN), 1);
	assert_true(addr_eq(x.flood[x.n_floods - 1].f.self, ip(DEVICE_V6)));
}

/* What a device is used to is learnt: afterwards half as much again is normal, ten times as much is not. */
static struct packet busy_syn(unsigned int i)
{
	return syn(addr_from_v4(0x0a000000 + i % 200), 80);
}

static void test_learning(void **state)
{
	(void)state;
	/* Not yet a flood, day in, day out. */
	for (unsigned int minute = 0; minute < 60; minute++)
		flood(busy_syn, 90, 60000);
	assert_int_equal(x.n_floods, 0);
	flood(busy_syn, 150, 10000);
	assert_int_equal(x.n_floods, 0);
	flood(busy_syn, 900, 2000);
	assert_int_equal(floods_told(FINDING_START, FLOOD_SYN), 1);
	assert_in_range(told_flood(FINDING_START, FLOOD_SYN)->f.normal, 70, 100);
}

/* Whoever grows slowly teaches nothing beyond what was configured. */
static void test_slow_ramp(void **state)
{
	(void)state;
	for (unsigned int rate = 50; rate < 700 && !x.n_floods; rate += 10)
		flood(busy_syn, rate, 60000);
	assert_int_equal(floods_told(FINDING_START, FLOOD_SYN), 1);
	/* The same flood for an hour does not become the normal one. */
	for (unsigned int minute = 0; minute < 20; minute++)
		flood(busy_syn, 1000, 60000);
	assert_int_equal(floods_told(FINDING_START, FLOOD_SYN), 1);
	assert_int_equal(floods_told(FINDING_END, FLOOD_SYN), 0);
	sleep_s(&x, 60);
	x.n_floods = 0;
	flood(busy_syn, 1000, 2000);
	assert_int_equal(floods_told(FINDING_START, FLOOD_SYN), 1);
}

/* Which prefixes it comes from. */
static struct packet from_two_prefixes(unsigned int i)
{
	struct packet p = forged_udp(i);

	if (i % 10 < 6)
		p.src = addr_from_v4(0xcb007100 | (i * 37 & 0xff));
	else if (i % 10 < 9)
		p.src = ip("198.51.100.77");
	return p;
}

static void test_prefixes(void **state)
{
	const struct told_flood *t;

	(void)state;
	flood(from_two_prefixes, 5000, 3000);
	sleep_s(&x, 10);
	t = told_flood(FINDING_END, FLOOD_UDP);
	assert_in_range(t->f.top_used, 2, FLOOD_TOP);
	assert_in_range(t->f.top[0].share, 45, 65);
	assert_true(t->f.top[0].prefix.len >= ADDR_V4_OFFSET + 24);
	assert_true(addr_eq(addr_mask(t->f.top[0].prefix.addr, ADDR_V4_OFFSET + 24),
			    ip("203.0.113.0")));
	assert_true(addr_eq(t->f.top[1].prefix.addr, ip("198.51.100.77")));
	assert_in_range(t->f.top[1].share, 25, 35);
}

/* A lump every three seconds does not keep a flood open that has ended; bursts of one that goes on do. */
static void test_lumps(void **state)
{
	uint64_t end_ns;

	(void)state;
	flood(forged_syn, 2000, 2000);
	end_ns = x.clock.now_ns;
	for (unsigned int i = 0; i < 4; i++) {
		sleep_s(&x, 3);
		flood(forged_syn, 2000, 200);
	}
	assert_int_equal(floods_told(FINDING_END, FLOOD_SYN), 1);
	assert_true(told_flood(FINDING_END, FLOOD_SYN)->at_ns - end_ns < 10 * NS_PER_S);
	sleep_s(&x, 20);
	x.n_floods = 0;
	for (unsigned int i = 0; i < 15; i++) {
		flood(forged_syn, 10000, 300);
		sleep_s(&x, 1);
	}
	assert_int_equal(floods_told(FINDING_START, FLOOD_SYN), 1);
	assert_int_equal(floods_told(FINDING_END, FLOOD_SYN), 0);
}

/* Asleep again: no timer without a flood. */
static void test_no_timer(void **state)
{
	(void)state;
	flood(forged_syn, 50, 1000);
	assert_int_equal(engine_tick(x.engine), 0);
	flood(forged_syn, 5000, 1000);
	assert_in_range(engine_tick(x.engine), x.clock.now_ns, x.clock.now_ns + 6 * NS_PER_S);
	sleep_s(&x, 10);
	assert_int_equal(engine_tick(x.engine), 0);
}

static void test_switched_off(void **state)
{
	(void)state;
	fixture_done(&x);
	fixture_init(&x);
	fixture_own(&x, DEVICE, "192.0.2.0/24");
	x.config.flood_enable = false;
	fixture_start(&x, HOME_HOST, NULL);
	flood(forged_syn, 5000, 3000);
	engine_finish(x.engine);
	assert_int_equal(x.n_floods, 0);
}

static void test_memory(void **state)
{
	(void)state;
	assert_in_range(floods_bytes(false), 1, 32 * 1024);
	assert_in_range(floods_bytes(true), 1, 48 * 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_forged_syns, begin, done),
		cmocka_unit_test_setup_teardown(test_one_peer, begin, done),
		cmocka_unit_test_setup_teardown(test_kinds, begin, done),
		cmocka_unit_test_setup_teardown(test_kinds_of_one, begin, done),
		cmocka_unit_test_setup_teardown(test_room, begin, done),
		cmocka_unit_test_setup_teardown(test_samples, begin, done),
		cmocka_unit_test_setup_teardown(test_one_sample_is_none, begin, done),
		cmocka_unit_test_setup_teardown(test_growth, begin, done),
		cmocka_unit_test_setup_teardown(test_several_at_once, begin, done),
		cmocka_unit_test_setup_teardown(test_victim_moves, begin, done),
		cmocka_unit_test_setup_teardown(test_learning, begin, done),
		cmocka_unit_test_setup_teardown(test_slow_ramp, begin, done),
		cmocka_unit_test_setup_teardown(test_prefixes, begin, done),
		cmocka_unit_test_setup_teardown(test_lumps, begin, done),
		cmocka_unit_test_setup_teardown(test_no_timer, begin, done),
		cmocka_unit_test_setup_teardown(test_switched_off, begin, done),
		cmocka_unit_test_setup_teardown(test_memory, begin, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
