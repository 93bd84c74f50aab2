/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/evidence.h"

#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define START_NS (1700000000 * NS_PER_S)
#define FULL (2 * EVIDENCE_BIT)

static struct evidence ev;

static int start(void **state)
{
	(void)state;
	ev = (struct evidence){ 0 };
	evidence_fade(&ev, START_NS);
	return 0;
}

static struct probe to(uint32_t self, uint16_t port, uint8_t kind)
{
	return (struct probe){ .peer = addr_from_v4(0xcb007107),
			       .self = addr_from_v4(self),
			       .port = port,
			       .kind = kind };
}

static void add(uint16_t port, uint8_t weight)
{
	struct probe p = to(0xc000020a, port, PROBE_SYN);

	evidence_add(&ev, &p, weight, false);
}

static void test_adds_to_all_scales(void **state)
{
	(void)state;
	for (uint16_t port = 1; port <= 4; port++)
		add(port, FULL);
	for (unsigned int i = 0; i < EVIDENCE_SCALES; i++)
		assert_int_equal(ev.sum[i], 4 * FULL);
	assert_int_equal(ev.plain, 4);
	assert_int_equal(ev.ambient, 0);
	assert_int_equal(ev.first_ns, START_NS);
	assert_int_equal(ev.last_ns, START_NS);
}

/* The time in which a sum of one scale halves, in seconds. */
static uint64_t half_life_s(unsigned int scale)
{
	for (uint64_t s = 1; s < 10 * 86400; s += s < 1000 ? 1 : 60) {
		struct evidence copy = ev;

		evidence_fade(&copy, START_NS + s * NS_PER_S);
		if (copy.sum[scale] <= ev.sum[scale] / 2)
			return s;
	}
	return 0;
}

/* evidence.h: four sums that fade at different speeds, seconds, minutes, hours, a day. */
static void test_half_lives(void **state)
{
	(void)state;
	for (uint16_t port = 1; port <= 100; port++)
		add(port, FULL);
	assert_in_range(half_life_s(0), 5, 30);
	assert_in_range(half_life_s(1), 60, 600);
	assert_in_range(half_life_s(2), 1800, 3 * 3600);
	assert_in_range(half_life_s(3), 8 * 3600, 26 * 3600);
}

/* evidence.h: touching often neither speeds fading up nor holds it back. */
static void test_fading_however_often(void **state)
{
	static const uint64_t step_ns[] = { NS_PER_S / 10, NS_PER_S, 7 * NS_PER_S, 61 * NS_PER_S };

	(void)state;
	for (uint16_t port = 1; port <= 50; port++)
		add(port, FULL);
	for (unsigned int n = 0; n < sizeof(step_ns) / sizeof(step_ns[0]); n++) {
		struct evidence often = ev, once = ev;
		uint64_t end_ns = START_NS;

		for (unsigned int i = 0; i < 1000; i++) {
			end_ns += step_ns[n];
			evidence_fade(&often, end_ns);
		}
		evidence_fade(&once, end_ns);
		for (unsigned int i = 0; i < EVIDENCE_SCALES; i++) {
			int difference = (int)often.sum[i] - (int)once.sum[i];

			/* Rounding may leave less than half a bit. */
			assert_true(abs(difference) < EVIDENCE_BIT / 2);
		}
	}
}

static void test_everything_fades(void **state)
{
	(void)state;
	for (uint16_t port = 1; port <= 100; port++)
		add(port, FULL);
	evidence_fade(&ev, START_NS + 365 * 86400 * NS_PER_S);
	for (unsigned int i = 0; i < EVIDENCE_SCALES; i++)
		assert_int_equal(ev.sum[i], 0);
	assert_int_equal(ev.plain, 0);
	assert_int_equal(ev.exact, 0);
	assert_int_equal(evidence_hosts(&ev), 0);
	assert_int_equal(ev.first_ns, START_NS);
}

static void test_sums_saturate(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 5000; i++)
		add((uint16_t)i, FULL);
	for (unsigned int i = 0; i < EVIDENCE_SCALES; i++)
		assert_int_equal(ev.sum[i], UINT16_MAX);
	assert_int_equal(ev.plain, UINT8_MAX);
	assert_int_equal(ev.kind[PROBE_SYN], UINT8_MAX);
}

/* The first eight are known exactly; of others, less than half are taken for known. */
static void test_knows(void **state)
{
	unsigned int wrongly = 0;
	struct probe p;

	(void)state;
	for (uint16_t port = 1; port <= EVIDENCE_EXACT; port++) {
		for (uint16_t other = port; other < 2000; other++) {
			p = to(0xc000020a, other, PROBE_SYN);
			assert_false(evidence_knows(&ev, &p));
		}
		add(port, FULL);
		p = to(0xc000020a, port, PROBE_SYN);
		assert_true(evidence_knows(&ev, &p));
	}
	for (uint16_t port = 100; port < 200; port++)
		add(port, FULL);
	for (uint16_t port = 1; port <= EVIDENCE_EXACT; port++) {
		p = to(0xc000020a, port, PROBE_SYN);
		assert_true(evidence_knows(&ev, &p));
	}
	for (unsigned int port = 10000; port < 11000; port++) {
		p = to(0xc000020a, (uint16_t)port, PROBE_SYN);
		wrongly += evidence_knows(&ev, &p);
	}
	assert_in_range(wrongly, 0, 500);
}

/* Another kind or another address is another contact. */
static void test_knows_apart(void **state)
{
	struct probe p = to(0xc000020a, 23, PROBE_SYN);

	(void)state;
	evidence_add(&ev, &p, FULL, false);
	p.kind = PROBE_FIN;
	assert_false(evidence_knows(&ev, &p));
	p = to(0xc000020b, 23, PROBE_SYN);
	assert_false(evidence_knows(&ev, &p));
	p = to(0xc000020a, 23, PROBE_SYN);
	p.peer_port = 9;
	assert_true(evidence_knows(&ev, &p));
}

static void test_undo(void **state)
{
	struct probe p = to(0xc000020a, 23, PROBE_SYN);

	(void)state;
	evidence_add(&ev, &p, FULL, false);
	evidence_undo(&ev, &p, FULL, false);
	for (unsigned int i = 0; i < EVIDENCE_SCALES; i++)
		assert_int_equal(ev.sum[i], 0);
	assert_int_equal(ev.plain, 0);
	assert_int_equal(ev.kind[PROBE_SYN], 0);
	/* Taken back late, when it has faded: never below nothing. */
	evidence_add(&ev, &p, FULL, true);
	evidence_fade(&ev, START_NS + 86400 * NS_PER_S);
	evidence_undo(&ev, &p, FULL, true);
	for (unsigned int i = 0; i < EVIDENCE_SCALES; i++)
		assert_int_equal(ev.sum[i], 0);
	assert_int_equal(ev.ambient, 0);
}

static void test_credit_is_bounded(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		evidence_credit(&ev);
	assert_int_equal(ev.credit, EVIDENCE_MAX_CREDIT);
}

static void test_hosts(void **state)
{
	(void)state;
	assert_int_equal(evidence_hosts(&ev), 0);
	for (uint32_t n = 1; n <= 32; n++) {
		struct probe p = to(0xc0000200 + n, 23, PROBE_SYN);

		evidence_add(&ev, &p, FULL, false);
		/* Linear counting with 64 bits: Whang et al. give 10 % at this load; allow for luck. */
		assert_in_range(evidence_hosts(&ev), n - n / 4 - 1, n + n / 4 + 1);
	}
}

static void test_kind(void **state)
{
	static const uint8_t kinds[] = { PROBE_UDP, PROBE_ACK, PROBE_ACK, PROBE_SYN, PROBE_ACK };

	(void)state;
	for (unsigned int i = 0; i < sizeof(kinds); i++) {
		struct probe p = to(0xc000020a, (uint16_t)(100 + i), kinds[i]);

		evidence_add(&ev, &p, FULL, false);
	}
	assert_int_equal(evidence_kind(&ev), PROBE_ACK);
}

/* Counts are never lost when leaves fold, only where they came from (trie.h). */
static void test_fold(void **state)
{
	struct evidence parent = { 0 }, empty = { 0 };

	(void)state;
	evidence_fold(&parent, &empty, NULL);
	assert_int_equal(parent.last_ns, 0);
	add(23, FULL);
	add(24, FULL);
	ev.probes = 5;
	evidence_fold(&parent, &ev, NULL);
	evidence_fold(&parent, &ev, NULL);
	for (unsigned int i = 0; i < EVIDENCE_SCALES; i++)
		assert_int_equal(parent.sum[i], 4 * FULL);
	assert_int_equal(parent.probes, 10);
	assert_int_equal(parent.kind[PROBE_SYN], 4);
	assert_int_equal(parent.first_ns, START_NS);
	assert_int_equal(parent.last_ns, START_NS);
	/* At the later of both times, whichever is older. */
	evidence_fade(&parent, START_NS + 86400 * NS_PER_S);
	evidence_fold(&parent, &ev, NULL);
	assert_int_equal(parent.sum[0], 0);
	assert_int_equal(parent.probes, 15);
	assert_int_equal(parent.last_ns, START_NS + 86400 * NS_PER_S);
	parent.probes = UINT32_MAX - 2;
	evidence_fold(&parent, &ev, NULL);
	assert_int_equal(parent.probes, UINT32_MAX);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_adds_to_all_scales),
		TEST(test_half_lives),
		TEST(test_fading_however_often),
		TEST(test_everything_fades),
		TEST(test_sums_saturate),
		TEST(test_knows),
		TEST(test_knows_apart),
		TEST(test_undo),
		TEST(test_credit_is_bounded),
		TEST(test_hosts),
		TEST(test_kind),
		TEST(test_fold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
