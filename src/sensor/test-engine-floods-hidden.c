/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floods made to look like something else, or to come where nobody counts.
 */
#include "sensor/flood-fixture.h"

static struct packet bare_rst(unsigned int i)
{
	return segment(forged_syn(i), TCP_RST, 80);
}

/* What follows a flood of SYNs is not explained by it, though its first RSTs may be. */
static void test_resets_after_syns(void **state)
{
	uint64_t onset_ns;

	(void)state;
	flood(forged_syn, 20000, 3000);
	onset_ns = x.clock.now_ns;
	flood(bare_rst, 300, 4000);
	assert_in_range(told_flood(FINDING_START, FLOOD_RST)->at_ns - onset_ns, NS_PER_S / 2,
			5 * NS_PER_S / 2);
}

/* Ports of which the slice has none, most of the time; and few ports of few peers. */
static struct packet beside_the_slice(unsigned int i)
{
	return syn(ip(ATTACKER), (uint16_t)(17 + 64 * (1 + i % 128)));
}

static struct packet few_of_few(unsigned int i)
{
	static const uint16_t ports[] = { 80, 443, 22, 8080 };

	return syn(addr_from_v4(0xcb000007 + i % 40 * 0x10100), ports[i / 40 % 4]);
}

static void test_hidden_as_a_scan(void **state)
{
	make_fn *const makes[] = { beside_the_slice, few_of_few };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		fixture_done(&x);
		begin(NULL);
		flood(makes[i], 2000, 4000);
		assert_int_equal(floods_told(FINDING_START, FLOOD_SYN), 1);
	}
}

/* Every question of ICMP is looked at, and so is what a capture has of answers and errors. */
static struct packet forged_query(unsigned int i)
{
	return of_protocol(forged_ping(i), PACKET_ICMP_QUERY, 0);
}

static struct packet unasked_reply(unsigned int i)
{
	return of_protocol(forged_ping(i), PACKET_ICMP_ECHO_REPLY, 0);
}

static struct packet unasked_error(unsigned int i)
{
	struct packet p = of_protocol(forged_ping(i), PACKET_UNREACHABLE, 0);

	p.quoted_proto = PACKET_OTHER;
	return p;
}

static void test_icmp(void **state)
{
	make_fn *const makes[] = { forged_query, unasked_reply, unasked_error };

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		fixture_done(&x);
		fixture_replay(&x, HOME);
		flood(makes[i], 5000, 2000);
		assert_int_equal(floods_told(FINDING_START, FLOOD_ICMP), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_resets_after_syns, begin, done),
		cmocka_unit_test_setup_teardown(test_hidden_as_a_scan, begin, done),
		cmocka_unit_test_setup_teardown(test_icmp, begin, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
