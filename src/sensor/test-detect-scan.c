/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk, against the numbers of Jung et al. 2004 (alpha .01, beta .99, theta .8 and .2): log2(99) is
 * 6.63; a contact in vain adds two bits.
 */
#include "sensor/detect-scan.h"

#include "core/clock.h"
#include "sensor/config.h"
#include "sensor/home.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START_NS (1700000000 * NS_PER_S)

static struct scan_policy policy;
static struct evidence ev;
static float llr;

static int start(void **state)
{
	static const struct home host = { .mode = HOME_HOST };
	struct sensor_config config;

	(void)state;
	conf_defaults(&sensor_config_table, &config);
	scan_policy_init(&policy, config.failures, &config.ambient_ports, &config.login_ports,
			 &host);
	ev = (struct evidence){ 0 };
	evidence_fade(&ev, START_NS);
	return 0;
}

static const struct home home = { .mode = HOME_INFERRED };

static struct probe probe_of(uint16_t port, uint8_t kind, uint8_t outcome)
{
	return (struct probe){ .peer = addr_from_v4(0xcb007107),
			       .self = addr_from_v4(0xc0a8010a), /* 192.168.1.10 */
			       .port = port,
			       .kind = kind,
			       .outcome = outcome };
}

/* Whether it is ambient, from a neighbour or from afar. */
static bool ambient_from(struct probe p, bool on_link)
{
	if (on_link)
		p.peer = addr_from_v4(0xc0a8014d);
	return scan_ambient(&policy, &p, &home);
}

static enum scan_verdict one(uint16_t port, uint8_t kind, uint8_t outcome, bool on_link)
{
	struct probe p = probe_of(port, kind, outcome);
	bool ambient = ambient_from(p, on_link);

	evidence_add(&ev, &p, scan_weight(&policy, &p, &ev, ambient), ambient);
	return scan_judge(&policy, &ev, &llr);
}

static void test_four_decide(void **state)
{
	(void)state;
	assert_int_equal(scan_judge(&policy, &ev, &llr), SCAN_NO);
	assert_int_equal(one(1, PROBE_CONNECT, PROBE_CLOSED, false), SCAN_NO);
	assert_float_equal(llr, 2, 0.001);
	assert_int_equal(one(2, PROBE_CONNECT, PROBE_CLOSED, false), SCAN_NO);
	assert_int_not_equal(one(3, PROBE_CONNECT, PROBE_CLOSED, false), SCAN_YES);
	assert_int_equal(one(4, PROBE_CONNECT, PROBE_CLOSED, false), SCAN_YES);
	assert_float_equal(llr, 8, 0.001);
}

/* At most five contacts in vain, whatever served the peer before. */
static void test_five_at_most(void **state)
{
	(void)state;
	for (unsigned int credit = 0; credit <= 10; credit++) {
		enum scan_verdict verdict = SCAN_NO;
		unsigned int n = 0;

		start(NULL);
		for (unsigned int i = 0; i < credit; i++)
			evidence_credit(&ev);
		while (verdict != SCAN_YES && n < 20)
			verdict = one((uint16_t)(100 + n++), PROBE_SYN, PROBE_CLOSED, false);
		assert_in_range(n, 4, 5);
	}
}

static void test_configured_failures(void **state)
{
	static const struct home host = { .mode = HOME_HOST };
	struct conf_ports none = { 0 };

	(void)state;
	for (unsigned int failures = 3; failures <= 20; failures++) {
		start(NULL);
		scan_policy_init(&policy, failures, &none, &none, &host);
		for (unsigned int i = 1; i < failures; i++)
			assert_int_not_equal(one((uint16_t)i, PROBE_SYN, PROBE_CLOSED, false),
					     SCAN_YES);
		assert_int_equal(one(99, PROBE_SYN, PROBE_CLOSED, false), SCAN_YES);
	}
}

/* What computers on a link look for by themselves: printers, shares, players. */
static void test_ambient_ports(void **state)
{
	static const uint16_t named[] = { 137,	138,  139, 445,	 5353, 5355, 5357,
					  1900, 3702, 631, 9100, 8008, 8009 };

	(void)state;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		struct probe tcp = probe_of(named[i], PROBE_CONNECT, PROBE_CLOSED);
		struct probe udp = probe_of(named[i], PROBE_UDP, PROBE_CLOSED);
		struct probe raw = probe_of(named[i], PROBE_SYN, PROBE_CLOSED);

		assert_true(ambient_from(tcp, true));
		assert_true(ambient_from(udp, true));
		assert_false(ambient_from(raw, true));
		assert_false(ambient_from(tcp, false));
		assert_false(ambient_from(udp, false));
		assert_int_equal(one(named[i], PROBE_CONNECT, PROBE_CLOSED, true), SCAN_NO);
	}
	assert_true(llr < 2); /* all of them together: less than one other contact */
}

static void test_no_other_port_is_ambient(void **state)
{
	unsigned int n = 0;

	(void)state;
	for (unsigned int port = 0; port < 65536; port++) {
		struct probe p = probe_of((uint16_t)port, PROBE_CONNECT, PROBE_CLOSED);

		n += ambient_from(p, true);
	}
	assert_int_equal(n, 13);
}

static void test_ambient_ports_of_a_scan(void **state)
{
	(void)state;
	one(139, PROBE_CONNECT, PROBE_CLOSED, true);
	one(445, PROBE_CONNECT, PROBE_CLOSED, true);
	one(21, PROBE_CONNECT, PROBE_CLOSED, true);
	assert_int_equal(one(23, PROBE_CONNECT, PROBE_CLOSED, true), SCAN_NO);
	assert_int_equal(one(25, PROBE_CONNECT, PROBE_CLOSED, true), SCAN_YES);
}

/* Unanswered is not refused: a lost packet, a filter and a dead service look alike. */
static void test_silence_weighs_less(void **state)
{
	static const uint8_t kinds[] = { PROBE_SYN, PROBE_CONNECT, PROBE_UDP };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds); i++) {
		struct probe refused = probe_of(23, kinds[i], PROBE_REFUSED);
		struct probe silent = probe_of(23, kinds[i], PROBE_UNANSWERED);

		assert_int_equal(scan_weight(&policy, &refused, NULL, false), 2 * EVIDENCE_BIT);
		assert_in_range(scan_weight(&policy, &silent, NULL, false), 1, EVIDENCE_BIT);
	}
}

/* Where any address may be protected, horizontal verdicts need more evidence. */
static void test_inferred_homes(void **state)
{
	struct conf_ports none = { 0 };
	unsigned int needed[2];

	(void)state;
	for (unsigned int inferred = 0; inferred < 2; inferred++) {
		struct home mode = { .mode = inferred ? HOME_INFERRED : HOME_GIVEN };
		enum scan_verdict verdict = SCAN_NO;
		uint32_t n = 0;

		start(NULL);
		scan_policy_init(&policy, 4, &none, &none, &mode);
		while (verdict != SCAN_YES && n < 100) {
			struct probe p = probe_of(23, PROBE_SYN, PROBE_UNANSWERED);

			p.self = addr_from_v4(0xc0000200 + n++);
			evidence_add(&ev, &p, scan_weight(&policy, &p, &ev, false), false);
			verdict = scan_judge(&policy, &ev, &llr);
		}
		needed[inferred] = n;
	}
	assert_true(needed[1] > needed[0]);
	assert_true(needed[1] < 20);
}

/* Nmap T0 waits five minutes between probes (facts/detection.md); T1 15 s. */
static void test_slow(void **state)
{
	static const uint64_t gaps_s[] = { 15, 300 };

	(void)state;
	for (unsigned int g = 0; g < 2; g++) {
		enum scan_verdict verdict = SCAN_NO;
		unsigned int n = 0;

		start(NULL);
		while (verdict != SCAN_YES && n < 20) {
			evidence_fade(&ev, START_NS + n * gaps_s[g] * NS_PER_S);
			verdict = one((uint16_t)(100 + n++), PROBE_SYN, PROBE_CLOSED, false);
		}
		assert_in_range(n, 4, 5);
	}
}

static void test_traceroute_ports(void **state)
{
	struct probe p = probe_of(33434, PROBE_UDP, PROBE_REFUSED);

	(void)state;
	assert_true(ambient_from(p, false));
	p.port = 33000; /* mtr -u begins here, and goes on for as long as it runs */
	assert_true(ambient_from(p, false));
	p.port = 32999;
	assert_false(ambient_from(p, false));
	p.port = 35000;
	assert_false(ambient_from(p, false));
	p = probe_of(33434, PROBE_SYN, PROBE_REFUSED);
	assert_false(ambient_from(p, false));
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_four_decide),
		TEST(test_five_at_most),
		TEST(test_configured_failures),
		TEST(test_ambient_ports),
		TEST(test_no_other_port_is_ambient),
		TEST(test_ambient_ports_of_a_scan),
		TEST(test_silence_weighs_less),
		TEST(test_inferred_homes),
		TEST(test_slow),
		TEST(test_traceroute_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
