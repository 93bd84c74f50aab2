/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sequence numbers count bytes, SYN and FIN one each: RFC 9293 §3.4. */
#include "sensor/flow.h"

#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START_NS (1700000000 * NS_PER_S)

static struct flows *fs;

static int start(void **state)
{
	(void)state;
	fs = flows_new(7);
	return fs ? 0 : -1;
}

static int done(void **state)
{
	(void)state;
	flows_free(fs);
	return 0;
}

static struct flow_ends ends_of(uint16_t peer_port)
{
	return (struct flow_ends){ addr_from_v4(0xcb007107), addr_from_v4(0xc000020a), peer_port,
				   22 };
}

static void test_bytes(void **state)
{
	struct flow_ends ends = ends_of(40000);
	struct flow *f = flows_begin(fs, &ends, 0xfffffff0u, false, START_NS);
	struct flow_end end;

	(void)state;
	f->self_isn = 0xfffffffeu;
	f->state |= FLOW_ANSWERED;
	assert_ptr_equal(flows_find(fs, &ends, START_NS + NS_PER_S), f);
	/* both counters wrap: 0xfffffff1 + 100, 0xffffffff + 41 */
	end = flow_end(f, 0x55, 0x28, START_NS + 2 * NS_PER_S);
	assert_int_equal(end.asked, 100);
	assert_int_equal(end.served, 41);
	assert_in_range(end.age_ms, 1900, 2000);
	assert_true(end.by_peer);
	f->state |= FLOW_SELF_ENDED;
	assert_false(flow_end(f, 0x55, 0x28, START_NS).by_peer);
}

static void test_proof(void **state)
{
	struct flow_ends ends = ends_of(40000);
	struct flow *f = flows_begin(fs, &ends, 1, false, START_NS);

	(void)state;
	assert_false(flow_proven(f, 1)); /* its SYN/ACK was never seen: nothing to acknowledge */
	f->self_isn = 0x10000000;
	f->state |= FLOW_ANSWERED;
	assert_true(flow_proven(f, 0x10000001));
	assert_false(flow_proven(f, 0x10000000));
	assert_false(flow_proven(f, 0x90000000));
}

static void test_repeats_and_reuse(void **state)
{
	struct flow_ends ends = ends_of(40000);
	struct flow *f = flows_begin(fs, &ends, 1, false, START_NS);

	(void)state;
	f->state = FLOW_ANSWERED;
	assert_ptr_equal(flows_begin(fs, &ends, 1, false, START_NS + NS_PER_S), f);
	assert_int_equal(f->state, FLOW_ANSWERED);
	assert_int_equal(flows_begin(fs, &ends, 2, false, START_NS + NS_PER_S)->state, 0);
	assert_null(flows_find(fs, &ends, START_NS + 4000 * NS_PER_S));
}

/* A flood of SYNs to an open port: of the connections that are older than it, none is taken for another. */
static void test_the_oldest_give_way(void **state)
{
	unsigned int found = 0;

	(void)state;
	for (unsigned int i = 0; i < 100 * FLOWS; i++) {
		struct flow_ends ends = { addr_from_v4(0x0a000000 + i), addr_from_v4(0xc000020a), 1,
					  80 };

		flows_begin(fs, &ends, i, false, START_NS + i * NS_PER_MS);
		assert_non_null(flows_find(fs, &ends, START_NS + i * NS_PER_MS));
	}
	for (unsigned int i = 0; i < 100 * FLOWS; i++) {
		struct flow_ends ends = { addr_from_v4(0x0a000000 + i), addr_from_v4(0xc000020a), 1,
					  80 };
		struct flow *f = flows_find(fs, &ends, START_NS + 100 * FLOWS * NS_PER_MS);

		if (!f)
			continue;
		found++;
		assert_int_equal(f->peer_isn, i);
		assert_true(i > 90 * FLOWS);
	}
	assert_int_equal(found, FLOWS);
}

/* Service detection waits six seconds for a greeting, while a flood goes on: it is remembered. */
static void test_known_peers_stay(void **state)
{
	struct flow_ends known = { addr_from_v4(0xcb007107), addr_from_v4(0xc000020a), 50000, 22 };
	uint64_t now_ns = START_NS;

	(void)state;
	flows_begin(fs, &known, 7, true, now_ns);
	for (unsigned int i = 0; i < 100 * FLOWS; i++) {
		struct flow_ends ends = { addr_from_v4(0x0a000000 + i), addr_from_v4(0xc000020a), 1,
					  80 };

		flows_begin(fs, &ends, i, false, now_ns += NS_PER_MS);
		assert_non_null(flows_find(fs, &ends, now_ns));
	}
	assert_non_null(flows_find(fs, &known, now_ns));
	/* A table full of them has room for a stranger still. */
	for (unsigned int i = 0; i < 100 * FLOWS; i++) {
		struct flow_ends ends = { addr_from_v4(0x0b000000 + i), addr_from_v4(0xc000020a), 1,
					  80 };

		flows_begin(fs, &ends, i, true, now_ns += NS_PER_MS);
	}
	known.peer_port++;
	flows_begin(fs, &known, 8, false, now_ns);
	assert_non_null(flows_find(fs, &known, now_ns));
}

/* A login takes seconds, by a stranger; meanwhile a known peer comes and goes, quickly. */
static void test_what_is_over_gives_way(void **state)
{
	struct flow_ends slow = { addr_from_v4(0xcb007107), addr_from_v4(0xc000020a), 50000, 23 };
	uint64_t now_ns = START_NS;
	struct flow *f;

	(void)state;
	for (unsigned int i = 0; i < 200 * FLOWS; i++) {
		struct flow_ends ends = { addr_from_v4(0x0a000001), addr_from_v4(0xc000020a),
					  (uint16_t)i, (uint16_t)(1 + (i >> 16)) };

		if (i == 100 * FLOWS) {
			f = flows_begin(fs, &slow, 7, false, now_ns);
			f->state |= FLOW_ANSWERED;
		}
		f = flows_begin(fs, &ends, i, true, now_ns += NS_PER_MS / 8);
		f->state |= FLOW_ANSWERED;
		f->over = 1;
	}
	assert_non_null(flows_find(fs, &slow, now_ns));
}

/* When no repeats can come any more, a stranger's connection outlasts those that were in such a state. */
static void assert_gives_way(uint8_t state)
{
	struct flow_ends slow = { addr_from_v4(0xcb007107), addr_from_v4(0xc000020a), 50000, 23 };
	struct flow_ends ends = { addr_from_v4(0x0a000001), addr_from_v4(0xc000020a), 0, 80 };
	uint64_t now_ns = START_NS;

	for (; ends.peer_port < 60 * FLOWS; ends.peer_port++)
		flows_begin(fs, &ends, 1, true, now_ns)->state |= state;
	now_ns += (FLOW_REPEAT_MS + 10000) * NS_PER_MS;
	flows_begin(fs, &slow, 7, false, now_ns)->state |= FLOW_ANSWERED;
	for (; ends.peer_port < 60 * FLOWS + FLOWS / FLOWS_WAYS; ends.peer_port++)
		flows_begin(fs, &ends, 1, true, now_ns)->state |= FLOW_ANSWERED;
	assert_non_null(flows_find(fs, &slow, now_ns));
}

static void test_the_unanswered_give_way(void **state)
{
	(void)state;
	assert_gives_way(0);
}

static void test_the_ended_give_way(void **state)
{
	(void)state;
	assert_gives_way(FLOW_ANSWERED | FLOW_ENDED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bytes),
		TEST(test_proof),
		TEST(test_repeats_and_reuse),
		TEST(test_the_oldest_give_way),
		TEST(test_known_peers_stay),
		TEST(test_what_is_over_gives_way),
		TEST(test_the_unanswered_give_way),
		TEST(test_the_ended_give_way),
	};

	return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
