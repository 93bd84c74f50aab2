/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scans that unrelated peers share: the same few ports from everywhere. */
#include "sensor/device-fixture.h"

static const uint64_t paces_s[] = { 0, 5, 15, 300, 3600 };

/* The n-th of peers that share nothing but their family. */
static struct addr stranger(uint64_t n, bool v6)
{
	uint64_t seed = n + 1;
	struct addr a = { 0x2000000000000000 | next_random(&seed) >> 4, next_random(&seed) };

	return v6 ? a : addr_from_v4(0x05000000 + (uint32_t)(n * 0x06020304));
}

static unsigned int told_scope(enum finding_phase phase, enum finding_scope scope)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < told_phase(&x, phase); i++)
		n += told_nth(&x, phase, i)->f.scope == scope;
	return n;
}

static const struct told *the_campaign(enum finding_phase phase)
{
	for (unsigned int i = 0; i < told_phase(&x, phase); i++)
		if (told_nth(&x, phase, i)->f.scope == FINDING_DISTRIBUTED)
			return told_nth(&x, phase, i);
	fail_msg("no campaign has been told");
	return NULL;
}

/* facts/baseline.md: "30 peers x 3 ports"; one peer after the other, or all in turn; in any order of ports. */
static void thirty(bool v6, bool raw, bool turns, uint64_t pace_s)
{
	static const uint16_t ports[] = { 8081, 7547, 5000 };
	const struct told *t;
	char text[PREFIX_STRLEN];

	again();
	for (unsigned int i = 0; i < 90; i++) {
		unsigned int peer = turns ? i % 30 : i / 3, round = turns ? i / 30 : i % 3;

		probe(stranger(peer, v6), ports[(round + peer) % 3], raw);
		sleep_s(&x, pace_s);
	}
	assert_int_equal(told_scope(FINDING_START, FINDING_DISTRIBUTED), 1);
	/* Three raw probes are an alert by themselves: of the first two, no more. */
	assert_in_range(told_scope(FINDING_START, FINDING_HOST), 0, raw ? 2 : 0);
	if (!turns)
		assert_int_equal(the_campaign(FINDING_START)->failed, 9);
	engine_finish(x.engine);
	t = the_campaign(FINDING_END);
	assert_int_equal(finding_failed(&t->f), 90);
	assert_int_equal(finding_ports(&t->f), 3);
	assert_in_range(finding_peers(&t->f), 28, 32);
	assert_int_equal(t->f.refused, 90);
	prefix_format(&t->f.peer, text);
	if (v6)
		assert_string_equal(text, "2000::/4");
	else
		assert_string_equal(text, "0.0.0.0/0");
	assert_int_equal(told_phase(&x, FINDING_NOTICE), 0);
}

static void test_thirty_peers(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sizeof(paces_s) / sizeof(paces_s[0]); i++)
		for (unsigned int how = 0; how < 8; how++)
			/* In turn at one an hour, a peer's contacts are a day apart. */
			if (!(how & 4) || paces_s[i] < 300)
				thirty(how & 1, how & 2, how & 4, paces_s[i]);
}

/* Those who come later belong to it with two of its ports. */
static void test_two_ports_join(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 9; i++)
		probe(stranger(i / 3, false), 5000 + i % 3, false);
	assert_int_equal(told_scope(FINDING_START, FINDING_DISTRIBUTED), 1);
	probe(stranger(7, false), 5000, false);
	probe(stranger(7, false), 5002, false);
	engine_finish(x.engine);
	assert_int_equal(finding_peers(&the_campaign(FINDING_END)->f), 4);
	assert_int_equal(finding_failed(&the_campaign(FINDING_END)->f), 11);
}

/* Two is coincidence; other ports are other work; neighbours are no strangers. */
static void test_no_campaign(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 6; i++)
		probe(stranger(i / 3, false), 5000 + i % 3, false);
	for (unsigned int i = 0; i < 9; i++)
		probe(stranger(5 + i / 3, false), 6000 + i, false);
	for (unsigned int i = 0; i < 3; i++)
		probe(addr_from_v4(0x05000009), 5000 + i, false); /* beside the first */
	assert_int_equal(told_scope(FINDING_START, FINDING_DISTRIBUTED), 0);
}

/* A mail server that has moved: its clients ask for IMAP, submission and POP. */
static void test_dead_service(void **state)
{
	static const uint16_t mail[] = { 993, 587, 995 };

	(void)state;
	for (unsigned int i = 0; i < 300; i++) {
		probe(stranger(i / 3 % 40, false), mail[i % 3], false);
		sleep_s(&x, 30);
	}
	assert_int_equal(told_phase(&x, FINDING_START), 0);
}

/* Ten computers of the LAN look for the same three things. */
static void test_lan(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 30; i++)
		probe(addr_from_v4(0xc0000264 + i / 3), 5000 + i % 3, false);
	assert_int_equal(told_phase(&x, FINDING_START), 0);
}

/* A peer that goes on beyond the campaign's ports is told by itself. */
static void test_member_scans_on(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 9; i++)
		probe(stranger(i / 3, false), 5000 + i % 3, false);
	for (unsigned int i = 0; i < 8; i++)
		probe(stranger(8, false), 5000 + i, false);
	assert_int_equal(told_scope(FINDING_START, FINDING_HOST), 1);
	assert_int_equal(told_of(&x, stranger(8, false), FINDING_START), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_thirty_peers), TEST(test_two_ports_join),
		TEST(test_no_campaign),	 TEST(test_dead_service),
		TEST(test_lan),		 TEST(test_member_scans_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
