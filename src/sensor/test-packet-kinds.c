/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets other than TCP's, and what their payload says: ICMP queries, solicitations, SCTP, answers. */
#include "sensor/packet-fixture.h"

/* RFC 792: the host refuses the datagram v4_udp: port unreachable, header and 64 bits of it. */
static const uint8_t v4_unreachable[] = { V4(56, 1), V4_BACK, 3, 3,	     0,	    0,	    0,
					  0,	     0,	      0, V4(32, 17), V4_IN, UDP(12) };

/* RFC 792, RFC 950, RFC 4620: what asks a host about itself. */
static void test_icmp_queries(void **state)
{
	uint8_t v4[] = { V4(40, 1), V4_IN, 0, 0, 0, 0, 0, 1, 0, 1, 0,
			 0,	    0,	   0, 0, 0, 0, 0, 0, 0, 0, 0 };
	uint8_t v6[] = { V6(16, 58), V6_IN, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8 };
	struct packet p;

	(void)state;
	for (unsigned int type = 0; type < 256; type++) {
		v4[20] = v6[40] = (uint8_t)type;
		if (type == 13 || type == 15 || type == 17) {
			assert_int_equal(parse(v4, sizeof(v4), &p), PACKET_OK);
			assert_int_equal(p.proto, PACKET_ICMP_QUERY);
			assert_int_equal(p.type, type);
			assert_v4(&p, PEER4, HOST4);
		} else if (type != 0 && type != 3 && type != 8) {
			assert_int_equal(parse(v4, sizeof(v4), &p), PACKET_IGNORED);
		}
		if (type != 139)
			continue;
		assert_int_equal(parse(v6, sizeof(v6), &p), PACKET_OK);
		assert_int_equal(p.proto, PACKET_ICMP_QUERY);
		assert_int_equal(p.type, type);
	}
}

/* RFC 4861 §4.3, §7.1.1 */
static void test_neighbour(void **state)
{
	uint8_t ns[] = { V6(24, 58), V6_IN, 135, 0, 0, 0, 0, 0, 0, 0, A6(0x77) };
	struct packet p;

	(void)state;
	assert_int_equal(parse(ns, sizeof(ns), &p), PACKET_IGNORED); /* from beyond a router */
	ns[7] = 255;
	assert_int_equal(parse(ns, sizeof(ns), &p), PACKET_OK);
	assert_int_equal(p.proto, PACKET_NEIGHBOUR);
	assert_v6(&p, 1, 0x77);
	ns[48] = 0xff; /* no neighbour is a group */
	assert_int_equal(parse(ns, sizeof(ns), &p), PACKET_IGNORED);
	ns[48] = 0x20;
	memset(ns + 8, 0, 16); /* whether its own address is free: RFC 4862 §5.4.2 */
	assert_int_equal(parse(ns, sizeof(ns), &p), PACKET_IGNORED);
	ns[5] = 23;
	assert_int_equal(parse(ns, sizeof(ns) - 1, &p), PACKET_MALFORMED);
}

/* RFC 9260 §3, §3.2: ports, tag, checksum; type, flags and length of the first chunk. */
static void test_sctp(void **state)
{
	uint8_t v4[] = { V4(40, 132), V4_IN, 0x9c, 0x40, 0, 22, 0, 0, 0, 0, 0,
			 0,	      0,     0,	   0,	 0, 0,	4, 0, 0, 0, 0 };
	struct packet p;

	(void)state;
	for (unsigned int type = 0; type < 256; type++) {
		bool passes = type == 1 || type == 2 || type == 6 || type == 10;

		v4[32] = (uint8_t)type;
		assert_int_equal(parse(v4, sizeof(v4), &p), passes ? PACKET_OK : PACKET_IGNORED);
		if (!passes)
			continue;
		assert_int_equal(p.proto, PACKET_SCTP);
		assert_int_equal(p.type, type);
		assert_ports(&p, 40000, 22);
	}
	v4[7] = 1; /* a later fragment */
	assert_int_equal(parse(v4, sizeof(v4), &p), PACKET_IGNORED);
}

/* What a protocol's absence quotes. */
static void test_protocol_unreachable(void **state)
{
	uint8_t bytes[sizeof(v4_unreachable)];
	struct packet p;

	(void)state;
	memcpy(bytes, v4_unreachable, sizeof(bytes));
	bytes[21] = 2;
	bytes[28 + 9] = 47;
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_OK);
	assert_int_equal(p.quoted_proto, PACKET_IP);
	assert_int_equal(p.unreachable_port, 1);
	assert_ports(&p, 47, 0);
	assert_v4(&p, HOST4, PEER4);
	bytes[28 + 9] = 132;
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_OK);
	assert_int_equal(p.quoted_proto, PACKET_SCTP);
	assert_ports(&p, 161, 40000);
}

/* UDP to a port that had not asked: answers of services that reflect, and what only comes from
 * their ports: Nmap's payloads with -g. */
static void test_udp_answers(void **state)
{
	static const struct {
		uint16_t port;
		uint8_t len;
		bool answer;
		uint8_t bytes[16];
	} cases[] = {
		/* DNS (RFC 1035 §4.1.1): a response, a question, Nmap's RMCP ping for port 623 */
		{ 53, 32, true, { 0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1 } },
		{ 53, 32, false, { 0x12, 0x34, 0x01, 0x00, 0, 1 } },
		{ 53, 12, false, { 6, 0, 0xff, 7, 0, 0, 0, 0, 0, 0, 0, 0 } },
		{ 53, 0, false, { 0 } },
		/* NTP: server, client, private mode's response and request (monlist) */
		{ 123, 48, true, { 0x24 } },
		{ 123, 48, false, { 0xe3 } },
		{ 123, 48, true, { 0xd7, 0, 3, 42 } },
		{ 123, 8, false, { 0x17, 0, 3, 42 } },
		{ 1900, 60, true, "HTTP/1.1 200 OK" },
		{ 1900, 60, false, "M-SEARCH * HTT" },
		{ 19, 10, true, "abc" },
		{ 11211, 101, true, { 0 } },
		{ 11211, 100, false, { 0 } },
		{ 40000, 101, false, { 0 } },
	};
	uint8_t bytes[160];
	struct packet p;

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		const uint8_t head[] = { V4(28, 17), V4_IN, UDP(8) };
		size_t len = sizeof(head) + cases[i].len;

		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, head, sizeof(head));
		memcpy(bytes + sizeof(head), cases[i].bytes, sizeof(cases[i].bytes));
		bytes[3] = (uint8_t)len;
		bytes[20] = (uint8_t)(cases[i].port >> 8);
		bytes[21] = (uint8_t)cases[i].port;
		bytes[25] = (uint8_t)(8 + cases[i].len);
		assert_int_equal(parse(bytes, len, &p), PACKET_OK);
		assert_int_equal(p.answer, cases[i].answer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_icmp_queries, setup),
		cmocka_unit_test_setup(test_neighbour, setup),
		cmocka_unit_test_setup(test_sctp, setup),
		cmocka_unit_test_setup(test_protocol_unreachable, setup),
		cmocka_unit_test_setup(test_udp_answers, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
