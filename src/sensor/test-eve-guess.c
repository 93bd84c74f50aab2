/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of password guessing, for machines and for people.
 */
#include "sensor/eve-fixture.h"

static const char *write_guess(const struct guess *g, enum finding_phase phase)
{
	return take_line(eve_write_guess(&ev, &ctx, g, phase));
}

/* Password guessing: every service, outcome and scope; what is worst; whom it names. */
static void test_guess(void **state)
{
	struct guess g = { .id = 7,
			   .sequence = 1,
			   .peer = f.peer,
			   .peers = 1,
			   .last_peer = f.peer.addr,
			   .last_port = 41022,
			   .self = f.last.self,
			   .port = 22,
			   .attempts = 6,
			   .connections = 6,
			   .first_ns = NOW_NS - 30 * NS_PER_S,
			   .last_ns = NOW_NS,
			   .winner = f.peer.addr,
			   .llr = 9 };
	char text[EVE_TEXT_LEN];

	(void)state;
	for (g.service = 0; g.service < GUESS_SERVICES; g.service++)
		for (g.outcome = 0; g.outcome <= GUESS_SUCCEEDED; g.outcome++)
			for (unsigned int phase = FINDING_START; phase <= FINDING_END; phase++)
				write_guess(&g, (enum finding_phase)phase);
	g.service = GUESS_SSH;
	g.outcome = GUESS_FAILING;
	assert_has(write_guess(&g, FINDING_START), "\"signature_id\":1202");
	assert_has(ev.line, "\"severity\":2");
	assert_has(ev.line, "\"T1110.001\"");
	assert_null(strstr(ev.line, "winner"));
	assert_has(
		eve_text_guess(text, &ctx, &g, FINDING_START),
		"GUESS   203.0.113.7  ssh password guessing: 6 tries at port 22 of 192.0.2.10 in "
		"30 s, all failed");
	g.outcome = GUESS_SUCCEEDED;
	assert_has(write_guess(&g, FINDING_UPDATE), "\"signature_id\":1302");
	assert_has(ev.line, "\"severity\":1");
	assert_has(ev.line, "\"T1078\"");
	assert_has(ev.line, "\"winner\":\"203.0.113.7\"");
	assert_has(eve_text_guess(text, &ctx, &g, FINDING_UPDATE), "LOGIN!  203.0.113.7");
	g.scope = FINDING_DISTRIBUTED;
	g.peers = 30;
	g.peer = (struct prefix){ { 0, 0 }, 0 };
	g.peers_sampled = 1;
	g.peer_sample[0] = f.peer.addr;
	assert_has(write_guess(&g, FINDING_START), "\"T1110.003\"");
	assert_has(ev.line, "\"peers\":30");
	assert_has(eve_text_guess(text, &ctx, &g, FINDING_START), "30 unrelated addresses");
}

static void test_schema(void **state)
{
	static test_fn *const writers[] = { test_guess };

	(void)state;
	assert_schema(writers, LEN(writers), 75);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_guess),
		TEST(test_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
