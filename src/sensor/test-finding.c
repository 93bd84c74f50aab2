/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/finding.h"

#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define START_NS (1700000000 * NS_PER_S)
#define QUIET_NS (30 * NS_PER_S)
#define CAPACITY 4
#define TOLD_MAX 64

static struct findings *fs;
static struct told {
	struct finding f;
	enum finding_phase phase;
} told[TOLD_MAX];
static unsigned int n_told;

static void emit(const struct finding *f, enum finding_phase phase, void *arg)
{
	assert_ptr_equal(arg, told);
	if (n_told < TOLD_MAX)
		told[n_told] = (struct told){ *f, phase };
	n_told++;
}

static int start(void **state)
{
	(void)state;
	n_told = 0;
	fs = findings_new(CAPACITY, QUIET_NS, 99, emit, told);
	return fs ? 0 : -1;
}

static int done(void **state)
{
	(void)state;
	findings_free(fs);
	return 0;
}

static struct probe probe_of(uint32_t peer, uint16_t port)
{
	return (struct probe){ .peer = addr_from_v4(peer),
			       .self = addr_from_v4(0xc000020a),
			       .peer_port = 40000,
			       .port = port,
			       .kind = PROBE_SYN,
			       .outcome = PROBE_CLOSED };
}

/* A suspicion that begins with one contact in vain, at port 1. */
static struct finding *suspect(uint32_t peer, uint64_t now_ns)
{
	struct probe p = probe_of(peer, 1);
	struct evidence ev = { 0 };

	evidence_fade(&ev, now_ns);
	ev.probes = 1;
	evidence_add(&ev, &p, 2 * EVIDENCE_BIT, false);
	return findings_suspect(fs, &p, PROBE_SYN, &ev, now_ns);
}

static void contact(struct finding *f, uint16_t port, uint64_t now_ns)
{
	struct probe p = probe_of((uint32_t)f->peer.addr.lo, port);

	finding_contact(f, &p, now_ns);
}

/* What a suspicion begins with is counted: nothing that led to it is lost. */
static void test_begins_with_the_evidence(void **state)
{
	struct evidence ev = { 0 };
	struct probe p;
	struct finding *f;

	(void)state;
	evidence_fade(&ev, START_NS);
	for (uint16_t port = 21; port <= 23; port++) {
		p = probe_of(7, port);
		p.tools = 1 << FINGERPRINT_NMAP;
		evidence_add(&ev, &p, 2 * EVIDENCE_BIT, false);
		ev.probes++;
	}
	ev.refused = 2;
	f = findings_suspect(fs, &p, PROBE_SYN, &ev, START_NS + 5);
	assert_int_equal(finding_failed(f), 3);
	assert_int_equal(finding_ports(f), 3);
	assert_int_equal(finding_hosts(f), 1);
	assert_int_equal(f->refused, 2);
	assert_int_equal(f->probes, 3);
	assert_int_equal(f->tool[FINGERPRINT_NMAP], 3);
	assert_int_equal(f->first_ns, START_NS);
	assert_int_equal(f->last_ns, START_NS + 5);
	assert_true(f->spoofable);
	assert_int_equal(f->last.port, 23);
	assert_ptr_equal(findings_of(fs, p.peer, PROBE_SYN), f);
	assert_null(findings_of(fs, p.peer, PROBE_FIN));
	assert_true(findings_any(fs, p.peer, false));
	assert_false(findings_any(fs, p.peer, true));
	assert_int_equal(n_told, 0);
}

static void test_proven(void **state)
{
	struct finding *f = suspect(7, START_NS), *other = suspect(8, START_NS);

	(void)state;
	findings_proven(fs, f->peer.addr);
	assert_false(f->spoofable);
	assert_true(other->spoofable);
}

static void test_tells_once_then_tenfold(void **state)
{
	struct finding *f = suspect(7, START_NS);

	(void)state;
	for (uint16_t port = 2; port <= 4; port++)
		contact(f, port, START_NS + port);
	assert_true(findings_tell(fs, f, 8));
	assert_int_equal(n_told, 1);
	assert_int_equal(told[0].phase, FINDING_START);
	assert_true(findings_any(fs, f->peer.addr, true));
	assert_int_equal(findings_open(fs), 1);
	for (uint16_t port = 5; port <= 60; port++) {
		contact(f, port, START_NS + port);
		assert_false(findings_tell(fs, f, 8));
	}
	assert_int_equal(n_told, 2);
	assert_int_equal(told[1].phase, FINDING_UPDATE);
	assert_in_range(finding_failed(&told[1].f), 40, 42);
	assert_int_equal(told[0].f.sequence, 1);
	assert_int_equal(told[1].f.sequence, 2);
	assert_int_equal(told[0].f.id, told[1].f.id);
}

/* The walk may fall back when it fades: what was sure stays told so. */
static void test_confidence(void **state)
{
	struct finding *f = suspect(7, START_NS);
	double sure;

	(void)state;
	findings_tell(fs, f, 8);
	sure = finding_confidence(f);
	assert_true(sure > 0.9 && sure < 1);
	findings_tell(fs, f, 2);
	assert_float_equal(finding_confidence(f), sure, 1e-9);
	findings_tell(fs, f, 30);
	assert_true(finding_confidence(f) > sure);
	findings_tell(fs, f, 5000);
	assert_true(finding_confidence(f) <= 1);
	f->llr = 0;
	assert_true(finding_confidence(f) < 0.1);
}

static void test_suspicion_ends_in_a_notice(void **state)
{
	uint64_t due_ns;

	(void)state;
	suspect(7, START_NS);
	due_ns = findings_expire(fs, START_NS);
	assert_int_equal(due_ns, START_NS + FINDING_SUSPECT_QUIET_NS);
	assert_int_equal(findings_expire(fs, due_ns - 1), due_ns);
	assert_int_equal(n_told, 0);
	assert_int_equal(findings_expire(fs, due_ns), 0);
	assert_int_equal(n_told, 1);
	assert_int_equal(told[0].phase, FINDING_NOTICE);
	assert_null(findings_of(fs, addr_from_v4(7), PROBE_SYN));
}

/* Another kind beside it is no news until it alerts. */
static void test_second_kind_ends_silently(void **state)
{
	struct probe p = probe_of(7, 9);

	(void)state;
	findings_tell(fs, suspect(7, START_NS), 8);
	p.kind = PROBE_ACK;
	findings_suspect_too(fs, &p, START_NS);
	findings_close_all(fs);
	assert_int_equal(n_told, 2);
	assert_int_equal(told[1].phase, FINDING_END);
	assert_int_equal(told[1].f.kind, PROBE_SYN);
}

static void test_closes_after_silence(void **state)
{
	struct finding *f = suspect(7, START_NS);
	struct finding_stats stats;
	uint64_t due_ns;

	(void)state;
	findings_tell(fs, f, 8);
	due_ns = findings_expire(fs, START_NS + 1);
	/* It goes on meanwhile, and so the end moves. */
	contact(f, 2, START_NS + 9 * NS_PER_S);
	findings_expire(fs, due_ns);
	assert_int_equal(n_told, 1);
	findings_expire(fs, START_NS + 9 * NS_PER_S + QUIET_NS - 1);
	assert_int_equal(n_told, 1);
	due_ns = START_NS + 9 * NS_PER_S;
	while ((due_ns = findings_expire(fs, due_ns)))
		;
	assert_int_equal(n_told, 2);
	assert_int_equal(told[1].phase, FINDING_END);
	assert_int_equal(findings_open(fs), 0);
	findings_stats(fs, &stats);
	assert_int_equal(stats.opened, 1);
	assert_int_equal(stats.closed, 1);
	assert_int_equal(stats.notices, 0);
	assert_int_equal(stats.evicted, 0);
}

/* One probe in five minutes: its own pace decides, and a day at most. */
static void test_pace_decides(void **state)
{
	struct finding *f = suspect(7, START_NS);
	uint64_t now_ns = START_NS;

	(void)state;
	findings_tell(fs, f, 8);
	for (uint16_t port = 2; port < 20; port++) {
		now_ns += 300 * NS_PER_S;
		contact(f, port, now_ns);
		findings_expire(fs, now_ns);
	}
	findings_expire(fs, now_ns + 300 * NS_PER_S);
	assert_int_equal(n_told, 1);
	findings_expire(fs, now_ns + FINDING_MAX_QUIET_NS);
	assert_int_equal(n_told, 2);
}

static void test_no_slot_left(void **state)
{
	struct finding_stats stats;

	(void)state;
	for (uint32_t peer = 1; peer <= CAPACITY; peer++)
		findings_tell(fs, suspect(peer, START_NS + (peer == 3 ? 0 : peer)), 8);
	assert_int_equal(n_told, CAPACITY);
	suspect(50, START_NS + 100);
	assert_int_equal(n_told, CAPACITY + 1);
	assert_int_equal(told[CAPACITY].phase, FINDING_END);
	assert_true(addr_eq(told[CAPACITY].f.peer.addr, addr_from_v4(3)));
	/* A suspicion gives way before a finding does, however young. */
	suspect(51, START_NS + 101);
	assert_int_equal(n_told, CAPACITY + 2);
	assert_int_equal(told[CAPACITY + 1].phase, FINDING_NOTICE);
	assert_true(addr_eq(told[CAPACITY + 1].f.peer.addr, addr_from_v4(50)));
	findings_stats(fs, &stats);
	assert_int_equal(stats.evicted, 2);
}

/* finding.h: those whose packets are a flood's make room first, and find none while others are at it. */
static void test_a_floods_peers(void **state)
{
	struct crowd crowd;
	struct finding_stats stats;
	struct probe flood = probe_of(0, 1);

	(void)state;
	crowd_init(&crowd);
	findings_set_crowd(fs, &crowd);
	flood.port = 7;
	for (unsigned int i = 0; i < 5000; i++)
		crowd_count(&crowd, flood.trait, flood.port, START_NS);
	for (uint32_t peer = 1; peer <= CAPACITY; peer++) {
		struct probe p = probe_of(peer, peer == 2 ? 7 : 1);
		struct finding *f;

		p.trait[0] = p.trait[1] = p.trait[2] = peer == 2 ? 0 : 9;
		f = findings_suspect(fs, &p, PROBE_SYN, &(struct evidence){ 0 }, START_NS + peer);
		finding_contact(f, &p, START_NS + peer);
		findings_tell(fs, f, 8);
	}
	/* The second's is the only one of the flood, and still at it. */
	flood.peer = addr_from_v4(50);
	assert_null(findings_suspect(fs, &flood, PROBE_SYN, &(struct evidence){ 0 }, START_NS + 9));
	assert_int_equal(n_told, CAPACITY);
	/* Another scanner takes its slot, though the first has been silent for longer. */
	flood.trait[0] = flood.trait[1] = flood.trait[2] = 9;
	flood.port = 1;
	assert_non_null(
		findings_suspect(fs, &flood, PROBE_SYN, &(struct evidence){ 0 }, START_NS + 9));
	assert_true(addr_eq(told[CAPACITY].f.peer.addr, addr_from_v4(2)));
	findings_stats(fs, &stats);
	assert_int_equal(stats.refused, 1);
	assert_int_equal(stats.evicted, 1);
}

/* Exact while few, within a few percent up to some 20,000 (finding.h): three standard errors of linear
 * counting (Whang et al. 1990) are 5 % at 10,000 and 11 % at 20,000. */
static void test_estimates(void **state)
{
	struct finding *f = suspect(7, START_NS);
	struct probe p = probe_of(7, 0);

	(void)state;
	for (unsigned int n = 1; n <= 20000; n++) {
		unsigned int slack = n > 10000 ? n / 9 : n / 18;

		p.port = (uint16_t)n;
		p.self = addr_from_v4(0x0a000000 + n % 1000);
		if (!finding_knows(f, &p))
			finding_contact(f, &p, START_NS);
		else
			finding_repeat(f, &p, START_NS);
		if (n <= 16)
			assert_int_equal(finding_ports(f), n);
		if (n == 1000 || n == 4000 || n == 10000 || n == 20000) {
			assert_in_range(finding_ports(f), n - slack, n + slack);
			assert_in_range(finding_failed(f), n - slack, n + slack);
			assert_in_range(finding_hosts(f), 930, 1070);
		}
	}
	assert_int_equal(f->probes, 20001);
	assert_int_equal(f->sampled, FINDING_SAMPLE);
}

/* Ids tell findings of one peer apart. */
static void test_ids_differ(void **state)
{
	uint64_t first = suspect(7, START_NS)->id;

	(void)state;
	findings_close_all(fs);
	assert_int_not_equal(suspect(7, START_NS)->id, first);
	findings_close_all(fs);
	assert_int_equal(n_told, 2);
	assert_int_equal(findings_expire(fs, START_NS), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_begins_with_the_evidence),
		TEST(test_proven),
		TEST(test_tells_once_then_tenfold),
		TEST(test_confidence),
		TEST(test_suspicion_ends_in_a_notice),
		TEST(test_second_kind_ends_silently),
		TEST(test_closes_after_silence),
		TEST(test_pace_decides),
		TEST(test_no_slot_left),
		TEST(test_a_floods_peers),
		TEST(test_estimates),
		TEST(test_ids_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
