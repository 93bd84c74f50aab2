/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/slow-flood.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MAX 2048
#define S 1000000000ULL

/* A table of connections as the kernel would list them, and what was told. */
static struct {
	struct slow_floods slow;
	unsigned int n;
	struct tcp_connection c[MAX];
	bool drowned;
	int error;
	unsigned int told[4];
	struct flood last;
	uint64_t now_ns;
} x;

static int list(void *owner, connection_fn *fn, void *arg)
{
	(void)owner;
	for (unsigned int i = 0; !x.error && i < x.n; i++)
		fn(&x.c[i], arg);
	return x.error;
}

static bool ours(const struct tcp_connection *c, void *owner)
{
	(void)owner;
	return c->port < 1024;
}

static bool drowned(struct addr self, void *owner)
{
	(void)self;
	(void)owner;
	return x.drowned;
}

static void emit(const struct flood *f, enum finding_phase phase, void *arg)
{
	(void)arg;
	x.told[phase]++;
	x.last = *f;
}

static int begin(void **state)
{
	struct slow_params params = {
		.least = { 32, 64 },
		.list = list,
		.ours = ours,
		.drowned = drowned,
		.seed = 1,
		.emit = emit,
	};

	(void)state;
	memset(&x, 0, sizeof(x));
	x.now_ns = 100 * S;
	slow_floods_init(&x.slow, &params);
	return 0;
}

static struct addr at(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

/* A connection to port 80 begins. */
static struct tcp_connection *connect_from(const char *peer)
{
	struct tcp_connection *c = &x.c[x.n++];

	assert_true(x.n <= MAX);
	*c = (struct tcp_connection){ .peer = at(peer),
				      .self = at("192.0.2.1"),
				      .peer_port = (uint16_t)(40000 + x.n),
				      .port = 80 };
	slow_floods_opened(&x.slow);
	return c;
}

/* Time passes, with the timer as the engine keeps it. The timer's calls. */
static unsigned int pass(uint64_t ns)
{
	uint64_t end_ns = x.now_ns + ns, due_ns = slow_floods_tick(&x.slow, x.now_ns);
	unsigned int calls = 0;

	while (due_ns && due_ns <= end_ns) {
		x.now_ns = due_ns;
		due_ns = slow_floods_tick(&x.slow, x.now_ns);
		calls++;
	}
	x.now_ns = end_ns;
	return calls;
}

static void hold(struct tcp_connection *c, uint32_t ms)
{
	c->asked_ms = c->served_ms = ms;
}

static void few_wake_nobody(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < SLOW_LOOK - 1; i++)
		hold(connect_from("198.51.100.7"), 60000);
	assert_int_equal(pass(3600 * S), 0);
	assert_int_equal(x.slow.stats.looks, 0);
}

static void held_by_one(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 150; i++) {
		struct tcp_connection *c = connect_from("198.51.100.7");

		hold(c, 11000);
		c->asked = i % 3 ? 40 : 0; /* slow headers, or nothing */
		c->asked_ms = c->asked ? 500 : 11000;
	}
	pass(15 * S);
	assert_int_equal(x.told[FINDING_START], 1);
	assert_int_equal(x.last.kind, FLOOD_HELD);
	assert_int_equal(x.last.port, 80);
	assert_int_equal(x.last.packets, 150);
	assert_int_equal(x.last.scope, FINDING_HOST);
	assert_int_equal(x.last.peers, 1);
	assert_int_equal(x.last.forged, FLOOD_FORGED_NO);
	assert_int_equal(x.last.top_used, 1);
	assert_int_equal(x.last.top[0].share, 100);
	x.n = 0;
	pass(SLOW_OPEN_NS + S);
	assert_int_equal(x.told[FINDING_END], 1);
	assert_int_equal(x.last.packets, 150);
	assert_int_equal(pass(3600 * S), 2); /* the last looks, then none */
}

/* They are young when they are looked at first. */
static void held_later(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		hold(connect_from("2001:db8::7"), 3000);
	x.c[0].self = x.c[1].self;
	pass(6 * S);
	assert_int_equal(x.told[FINDING_START], 0);
	for (unsigned int i = 0; i < x.n; i++)
		hold(&x.c[i], 12000);
	pass(8 * S);
	assert_int_equal(x.told[FINDING_START], 1);
}

/* A broker, long polling, browsers with connections in store, logs: many peers, few each. */
static void idle_clients(void **state)
{
	char peer[32];

	(void)state;
	for (unsigned int i = 0; i < 240; i++) {
		struct tcp_connection *c;

		snprintf(peer, sizeof(peer), "203.0.113.%u", 1 + i / 4);
		c = connect_from(peer);
		hold(c, 600000);
		c->asked = i % 4 ? 700 : 0;
		c->served = i % 4 == 1 ? 4 : 0;
	}
	pass(3600 * S);
	assert_int_equal(x.told[FINDING_START], 0);
	assert_in_range(x.slow.stats.looks, 3, 4);
}

static void spread_wide(void **state)
{
	char peer[32];

	(void)state;
	for (unsigned int i = 0; i < 400; i++) {
		snprintf(peer, sizeof(peer), "%u.%u.113.9", 20 + i / 200, i % 200);
		hold(connect_from(peer), 30000);
	}
	pass(15 * S);
	assert_int_equal(x.told[FINDING_START], 1);
	assert_int_equal(x.last.scope, FINDING_DISTRIBUTED);
	assert_in_range(x.last.peers, 380, 420);
}

static void uploads_and_sessions(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 300; i++) {
		struct tcp_connection *c = connect_from("198.51.100.7");

		hold(c, 100000);
		c->asked = i % 2 ? 100000 : 900;
		c->served = i % 2 ? 0 : 5000;
	}
	pass(3600 * S);
	assert_int_equal(x.told[FINDING_START], 0);
}

static void half_open(void **state)
{
	char peer[32];

	(void)state;
	for (unsigned int i = 0; i < 60; i++) {
		struct tcp_connection *c;

		snprintf(peer, sizeof(peer), "10.%u.7.9", i);
		c = connect_from(peer);
		c->half_open = true;
		c->repeats = 2;
	}
	pass(5 * S);
	assert_int_equal(x.told[FINDING_START], 1);
	assert_int_equal(x.last.kind, FLOOD_HALF_OPEN);
	assert_int_equal(x.last.forged, FLOOD_FORGED_YES);
	assert_int_equal(x.last.completed, 0);
	slow_floods_finish(&x.slow, x.now_ns);
	assert_int_equal(x.told[FINDING_END], 1);
	assert_int_equal(x.slow.stats.open, 0);
}

/* A burst of clients, whose answers are on their way; and a flood of SYNs, which is told as such. */
static void half_open_for_a_moment(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 500; i++)
		connect_from("198.51.100.7")->half_open = true;
	pass(60 * S);
	assert_int_equal(x.told[FINDING_START], 0);
	for (unsigned int i = 0; i < x.n; i++)
		x.c[i].repeats = 5;
	x.drowned = true;
	connect_from("198.51.100.8");
	for (unsigned int i = 0; i < SLOW_LOOK; i++)
		slow_floods_opened(&x.slow);
	pass(60 * S);
	assert_int_equal(x.told[FINDING_START], 0);
}

/* What there always was is no flood, also when it grows a little. */
static void usual(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 60; i++)
		hold(connect_from("198.51.100.7"), 60000);
	for (unsigned int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < SLOW_LOOK; i++)
			slow_floods_opened(&x.slow);
		pass(600 * S);
	}
	assert_in_range(x.slow.usual[1] >> 4, 50, 60);
	for (unsigned int i = 0; i < 80; i++)
		hold(connect_from("198.51.100.7"), 60000);
	pass(60 * S);
	assert_int_equal(x.told[FINDING_START], 0);
	for (unsigned int i = 0; i < 600; i++)
		hold(connect_from("198.51.100.7"), 60000);
	pass(60 * S);
	assert_int_equal(x.told[FINDING_START], 1);
}

static void bounds(void **state)
{
	(void)state;
	/* A kernel that does not answer, others' connections, more services than there is room for. */
	x.error = -1;
	for (unsigned int i = 0; i < 300; i++) {
		struct tcp_connection *c = connect_from("198.51.100.7");

		hold(c, 60000);
		c->port = (uint16_t)(1 + i % 100);
	}
	pass(60 * S);
	assert_in_range(x.slow.stats.failures, 3, 4);
	x.error = 0;
	for (unsigned int i = 0; i < SLOW_LOOK; i++)
		slow_floods_opened(&x.slow);
	pass(60 * S);
	assert_true(x.slow.stats.left_out > 0);
	assert_int_equal(x.told[FINDING_START], 0);
	for (unsigned int i = 0; i < x.n; i++)
		x.c[i].port = 40000;
	for (unsigned int i = 0; i < 300 + SLOW_LOOK; i++)
		slow_floods_opened(&x.slow);
	pass(60 * S);
	assert_int_equal(x.slow.known, 0);
	assert_int_equal(x.told[FINDING_START], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(few_wake_nobody, begin),
		cmocka_unit_test_setup(held_by_one, begin),
		cmocka_unit_test_setup(held_later, begin),
		cmocka_unit_test_setup(idle_clients, begin),
		cmocka_unit_test_setup(spread_wide, begin),
		cmocka_unit_test_setup(uploads_and_sessions, begin),
		cmocka_unit_test_setup(half_open, begin),
		cmocka_unit_test_setup(half_open_for_a_moment, begin),
		cmocka_unit_test_setup(usual, begin),
		cmocka_unit_test_setup(bounds, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
