/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of floods, for machines and for people.
 */
#include "sensor/eve-fixture.h"

static const char *write_flood(const struct flood *flood, enum finding_phase phase)
{
	char text[EVE_TEXT_LEN];

	eve_text_flood(text, &ctx, flood, phase);
	assert_true(strlen(text) < EVE_TEXT_LEN - 1);
	return take_line(eve_write_flood(&ev, &ctx, flood, phase));
}

/* Floods: every kind and phase; whom it names, and whom not. */
static void test_flood(void **state)
{
	struct flood flood = { .id = 7,
			       .sequence = 1,
			       .self = f.last.self,
			       .port = 80,
			       .peer = f.peer,
			       .last_peer = f.peer.addr,
			       .peers = 1,
			       .first_ns = NOW_NS - 30 * NS_PER_S,
			       .last_ns = NOW_NS,
			       .packets = 300000,
			       .bytes = 12000000,
			       .rate = 10000,
			       .byte_rate = 400000,
			       .sampled = 1 };
	char text[EVE_TEXT_LEN];

	(void)state;
	for (flood.kind = 0; flood.kind < FLOOD_KINDS; flood.kind++)
		for (unsigned int phase = FINDING_START; phase <= FINDING_END; phase++)
			write_flood(&flood, (enum finding_phase)phase);
	flood.kind = FLOOD_SYN;
	assert_has(write_flood(&flood, FINDING_START), "\"signature_id\":1101");
	assert_has(ev.line, "\"src_ip\":\"203.0.113.7\"");
	assert_has(ev.line, "\"forged\":\"unknown\"");
	assert_null(strstr(ev.line, "sampling"));
	assert_has(eve_text_flood(text, &ctx, &flood, FINDING_START),
		   "FLOOD   203.0.113.7  SYN flood: port 80 of 192.0.2.10, 10,000 packets/s, "
		   "3.2 Mbit/s");
	assert_has(eve_text_flood(text, &ctx, &flood, FINDING_END),
		   "peak 10,000 packets/s, 3.2 Mbit/s, 300,000 packets in 30 s");
	/* A forged address is nobody's to be acted on. */
	flood.forged = FLOOD_FORGED_YES;
	assert_has(write_flood(&flood, FINDING_START), "\"src_ip\":\"0.0.0.0\"");
	flood = (struct flood){ .kind = FLOOD_AMPLIFIED,
				.scope = FINDING_DISTRIBUTED,
				.forged = FLOOD_FORGED_NO,
				.self = f.last.self,
				.last_peer = f.peer.addr,
				.peer = { { 0, 0xffff00000000 }, ADDR_V4_OFFSET },
				.peers = 12345,
				.peer_port = 123,
				.sampled = 16,
				.top_used = 2,
				.top = { { f.peer, 60 }, { f.peer, 30 } } };
	assert_has(write_flood(&flood, FINDING_UPDATE), "\"peer_port\":123");
	assert_has(ev.line, "\"top\":[{\"prefix\":\"203.0.113.7/32\",\"share\":60},");
	assert_has(ev.line, "\"sampling\":16");
	assert_has(eve_text_flood(text, &ctx, &flood, FINDING_UPDATE),
		   "about 12,000 addresses  amplified UDP flood (NTP): 192.0.2.10");
}

static void test_schema(void **state)
{
	static test_fn *const writers[] = { test_flood };

	(void)state;
	assert_schema(writers, LEN(writers), 36);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_flood),
		TEST(test_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
