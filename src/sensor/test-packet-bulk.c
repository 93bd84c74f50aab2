/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is only counted: samples of the live filter, and what a capture holds beside what is judged. */
#include "sensor/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct packet_parser pp;
static struct packet p;
static uint8_t bytes[200];

static int setup(void **state)
{
	(void)state;
	packet_parser_init(&pp);
	memset(&p, 0, sizeof(p));
	return 0;
}

/* IPv4 of 192.0.2.1 to 192.0.2.2, with so many bytes behind the header. */
static size_t v4(uint8_t proto, uint16_t fragment, const void *l4, size_t len, size_t total)
{
	const uint8_t head[20] = { 0x45,
				   0,
				   0,
				   (uint8_t)(20 + total),
				   0,
				   1,
				   (uint8_t)(fragment >> 8),
				   (uint8_t)fragment,
				   64,
				   proto,
				   0,
				   0,
				   192,
				   0,
				   2,
				   1,
				   192,
				   0,
				   2,
				   2 };

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, head, sizeof(head));
	memcpy(bytes + 20, l4, len);
	return 20 + total;
}

static enum packet_result sample(size_t len)
{
	return packet_parse_sample(&pp, 0, bytes, len, len, &p);
}

static enum packet_result whole(size_t len)
{
	return packet_parse(&pp, 0, bytes, len, len, &p);
}

/* RFC 9293 §3.1: data offset 8, that is 12 bytes of options. */
static const uint8_t data[20] = { 0, 80, 0x9c, 0x40, 0, 0, 0, 9, 0, 0,
				  0, 7,	 0x80, 0x18, 4, 0, 0, 0, 0, 0 };

static void test_plain_data(void **state)
{
	size_t len = v4(6, 0, data, sizeof(data), 32 + 50);

	(void)state;
	assert_int_equal(whole(len), PACKET_IGNORED);
	for (int live = 0; live < 2; live++) {
		pp.bulk = true;
		assert_int_equal(live ? sample(len) : whole(len), PACKET_OK);
		assert_true(p.bulk);
		assert_int_equal(p.proto, PACKET_TCP);
		assert_int_equal(p.sport, 80);
		assert_int_equal(p.dport, 40000);
		assert_int_equal(p.tcp_seq, 9);
		assert_int_equal(p.tcp_ack, 7);
		assert_int_equal(p.tcp_flags, 0x18);
		assert_int_equal(p.tcp_window, 1024);
		assert_int_equal(p.payload, 50);
		assert_int_equal(p.wire_len, len);
		assert_int_equal(p.stands_for, 1);
	}
}

/* What is judged stays so in a capture; a sample is bulk whatever it is. */
static void test_what_is_judged(void **state)
{
	static const uint8_t syn[20] = { 0x9c, 0x40, 0, 80, [12] = 0x50, 2 };
	static const uint8_t udp[8] = { 0, 53, 0x9c, 0x40, 0, 8 };
	static const uint8_t echo[9] = { 8 };

	(void)state;
	pp.bulk = true;
	assert_int_equal(whole(v4(6, 0, syn, 20, 20)), PACKET_OK);
	assert_false(p.bulk);
	assert_int_equal(whole(v4(17, 0, udp, 8, 8)), PACKET_OK);
	assert_false(p.bulk);
	assert_int_equal(whole(v4(1, 0, echo, 9, 9)), PACKET_OK);
	assert_false(p.bulk);

	assert_int_equal(sample(v4(17, 0, udp, 8, 8)), PACKET_OK);
	assert_true(p.bulk);
	assert_int_equal(p.proto, PACKET_UDP);
	assert_int_equal(p.sport, 53);
	assert_int_equal(sample(v4(1, 0, echo, 9, 9)), PACKET_OK);
	assert_true(p.bulk);
	assert_int_equal(p.proto, PACKET_ICMP_ECHO);
}

/* RFC 1035 §4.1.1: a response. Amplification is told by it. */
static void test_answers(void **state)
{
	uint8_t dns[20] = { 0, 53, 0x9c, 0x40, 0, 20, 0, 0, 1, 2, 0x84, 0, 0, 1 };

	(void)state;
	assert_int_equal(sample(v4(17, 0, dns, 20, 20)), PACKET_OK);
	assert_int_equal(p.answer, 1);
	dns[10] = 1;
	assert_int_equal(sample(v4(17, 0, dns, 20, 20)), PACKET_OK);
	assert_int_equal(p.answer, 0);
}

/* RFC 792: unreachable, time exceeded, echo reply. Whom an error quotes is of no concern. */
static void test_icmp(void **state)
{
	static const uint8_t types[] = { 3, 11, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(types); i++) {
		assert_int_equal(sample(v4(1, 0, &types[i], 1, 36)), PACKET_OK);
		assert_int_equal(p.proto, types[i] ? PACKET_ICMP : PACKET_ICMP_ECHO_REPLY);
		assert_int_equal(p.type, types[i]);
		assert_true(addr_eq(p.src, addr_from_v4(0xc0000201)));
	}
}

static void test_fragments_and_protocols(void **state)
{
	(void)state;
	assert_int_equal(sample(v4(17, 0x2007, "", 0, 100)), PACKET_OK);
	assert_int_equal(p.proto, PACKET_OTHER);
	assert_int_equal(p.dport, 17);
	assert_int_equal(p.fragment, PACKET_LATER_FRAGMENT);
	assert_int_equal(sample(v4(47, 0, "", 0, 100)), PACKET_OK);
	assert_int_equal(p.proto, PACKET_OTHER);
	assert_int_equal(p.dport, 47);
	assert_int_equal(p.fragment, PACKET_WHOLE);
	assert_int_equal(whole(v4(47, 0, "", 0, 100)), PACKET_IGNORED);
	pp.bulk = true;
	assert_int_equal(whole(v4(47, 0, "", 0, 100)), PACKET_OK);
	assert_true(p.bulk);
}

/* The first fragment of a long datagram is told from a whole one. */
static void test_first_fragments(void **state)
{
	static const uint8_t udp[8] = { 0x9c, 0x40, 0, 161, 2, 0 };

	(void)state;
	assert_int_equal(whole(v4(17, 0x2000, udp, 8, 96)), PACKET_OK);
	assert_int_equal(p.fragment, PACKET_FIRST_FRAGMENT);
	assert_false(p.bulk);
}

static void test_cut_short(void **state)
{
	size_t len = v4(6, 0, data, sizeof(data), 20);

	(void)state;
	assert_int_equal(packet_parse_sample(&pp, 0, bytes, len - 1, len, &p), PACKET_TRUNCATED);
	assert_int_equal(sample(v4(6, 0, data, 19, 19)), PACKET_MALFORMED);
	assert_int_equal(sample(v4(17, 0, data, 7, 7)), PACKET_MALFORMED);
	assert_int_equal(sample(v4(1, 0, data, 7, 7)), PACKET_MALFORMED);
	assert_false(p.bulk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_plain_data, setup),
		cmocka_unit_test_setup(test_what_is_judged, setup),
		cmocka_unit_test_setup(test_answers, setup),
		cmocka_unit_test_setup(test_icmp, setup),
		cmocka_unit_test_setup(test_fragments_and_protocols, setup),
		cmocka_unit_test_setup(test_first_fragments, setup),
		cmocka_unit_test_setup(test_cut_short, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
