/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Echoes, and the errors that quote a packet.
 */
#include "sensor/packet-vectors.h"

static void test_echo(void **state)
{
	struct packet p;

	(void)state;
	assert_int_equal(parse(v4_echo, sizeof(v4_echo), &p), PACKET_OK);
	assert_int_equal(p.proto, PACKET_ICMP_ECHO);
	assert_v4(&p, PEER4, HOST4);
	assert_ports(&p, 0, 0);
	assert_int_equal(p.payload, 4);
	assert_int_equal(parse(v4_echo_reply, sizeof(v4_echo_reply), &p), PACKET_OK);
	assert_int_equal(p.proto, PACKET_ICMP_ECHO_REPLY);
	assert_int_equal(parse(v6_echo, sizeof(v6_echo), &p), PACKET_OK);
	assert_int_equal(p.proto, PACKET_ICMP_ECHO);
	assert_v6(&p, 1, 2);
	assert_int_equal(parse(v6_echo_reply, sizeof(v6_echo_reply), &p), PACKET_OK);
	assert_int_equal(p.proto, PACKET_ICMP_ECHO_REPLY);
}

static void test_unreachable(void **state)
{
	struct packet p;

	(void)state;
	assert_int_equal(parse(v4_unreachable, sizeof(v4_unreachable), &p), PACKET_OK);
	assert_int_equal(p.proto, PACKET_UNREACHABLE);
	assert_int_equal(p.quoted_proto, PACKET_UDP);
	assert_int_equal(p.unreachable_port, 1);
	assert_v4(&p, HOST4, PEER4); /* who was asked, who had asked */
	assert_ports(&p, 161, 40000);

	assert_int_equal(parse(v4_prohibited, sizeof(v4_prohibited), &p), PACKET_OK);
	assert_int_equal(p.quoted_proto, PACKET_TCP);
	assert_int_equal(p.unreachable_port, 0);
	assert_v4(&p, HOST4, PEER4);
	assert_ports(&p, 22, 40000);

	assert_int_equal(parse(v6_unreachable, sizeof(v6_unreachable), &p), PACKET_OK);
	assert_int_equal(p.quoted_proto, PACKET_UDP);
	assert_int_equal(p.unreachable_port, 1);
	assert_v6(&p, 2, 1);
	assert_ports(&p, 161, 40000);
}

static void test_unreachable_codes(void **state)
{
	const uint16_t v4_codes = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 9 | 1 << 10 | 1 << 13;
	uint8_t bytes4[sizeof(v4_unreachable)], bytes6[sizeof(v6_unreachable)];
	enum packet_result expected;
	struct packet p;

	(void)state;
	memcpy(bytes4, v4_unreachable, sizeof(bytes4));
	memcpy(bytes6, v6_unreachable, sizeof(bytes6));
	for (unsigned int code = 0; code < 256; code++) {
		bytes4[21] = bytes6[41] = (uint8_t)code;
		expected = code < 16 && v4_codes >> code & 1 ? PACKET_OK : PACKET_IGNORED;
		assert_int_equal(parse(bytes4, sizeof(bytes4), &p), expected);
		if (expected == PACKET_OK)
			assert_int_equal(p.unreachable_port, code == 2 || code == 3);
		expected = code <= 6 ? PACKET_OK : PACKET_IGNORED;
		assert_int_equal(parse(bytes6, sizeof(bytes6), &p), expected);
		if (expected == PACKET_OK)
			assert_int_equal(p.unreachable_port, code == 4);
	}
	/* parameter problem: only a next header that nobody knows (RFC 4443 §3.4) */
	bytes6[40] = 4;
	for (unsigned int code = 0; code < 256; code++) {
		bytes6[41] = (uint8_t)code;
		assert_int_equal(parse(bytes6, sizeof(bytes6), &p),
				 code == 1 ? PACKET_OK : PACKET_IGNORED);
	}
	/* other messages: time exceeded, redirect; too big, router advertisement */
	bytes4[21] = bytes6[41] = 0;
	bytes4[20] = 11;
	bytes6[40] = 2;
	assert_int_equal(parse(bytes4, sizeof(bytes4), &p), PACKET_IGNORED);
	assert_int_equal(parse(bytes6, sizeof(bytes6), &p), PACKET_IGNORED);
}

static void test_unreachable_quotes(void **state)
{
	uint8_t bytes[sizeof(v4_unreachable)];
	struct packet p;

	(void)state;
	memcpy(bytes, v4_unreachable, sizeof(bytes));
	bytes[28 + 9] = 1; /* quotes an echo request */
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_OK);
	assert_int_equal(p.quoted_proto, PACKET_OTHER);
	assert_ports(&p, 0, 0);

	memcpy(bytes, v4_unreachable, sizeof(bytes));
	bytes[28 + 7] = 1; /* quotes a later fragment: no ports in it */
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_IGNORED);

	memcpy(bytes, v4_unreachable, sizeof(bytes));
	bytes[28 + 15] = 9; /* quotes a datagram that its receiver did not send */
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_MALFORMED);

	memcpy(bytes, v4_unreachable, sizeof(bytes));
	bytes[28] = 0x65; /* quotes IPv6 */
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_MALFORMED);

	memcpy(bytes, v4_unreachable, sizeof(bytes));
	bytes[3] = 20 + 8 + 20 + 3; /* ends before both ports */
	assert_int_equal(parse(bytes, 51, &p), PACKET_MALFORMED);
	bytes[28 + 2] = bytes[28 + 3] = 0; /* some hosts spoil the quoted length */
	bytes[3] = sizeof(bytes);
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_echo, setup),
		cmocka_unit_test_setup(test_unreachable, setup),
		cmocka_unit_test_setup(test_unreachable_codes, setup),
		cmocka_unit_test_setup(test_unreachable_quotes, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
