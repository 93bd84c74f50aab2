/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP, UDP and ARP: what the parser reads of them.
 */
#include "sensor/packet-vectors.h"

static void test_v4_syn(void **state)
{
	struct packet p = { .t_ns = 7, .dir = PACKET_DIR_OUT, .ifindex = 3, .unreachable_port = 1 };

	(void)state;
	assert_int_equal(packet_parse(&parser, 0x0800, v4_syn, sizeof(v4_syn), sizeof(v4_syn), &p),
			 PACKET_OK);
	assert_v4(&p, PEER4, HOST4);
	assert_ports(&p, 40000, 22);
	assert_int_equal(p.proto, PACKET_TCP);
	assert_int_equal(p.ttl, 57);
	assert_int_equal(p.ip_id, 0x1c46);
	assert_int_equal(p.tcp_flags, TCP_SYN);
	assert_int_equal(p.tcp_seq, 0x01020304);
	assert_int_equal(p.tcp_ack, 0x0a0b0c0d);
	assert_int_equal(p.tcp_window, 64240);
	assert_int_equal(p.tcp_mss, 1460);
	assert_int_equal(p.tcp_timestamp, 0x01020304);
	assert_int_equal(p.payload, 0);
	assert_int_equal(p.fragmented, 0);
	assert_int_equal(p.unreachable_port, 0);
	assert_int_equal(p.tcp_options, PACKET_OPT_ANY | PACKET_OPT_MSS | PACKET_OPT_SACK |
						PACKET_OPT_TIMESTAMP | PACKET_OPT_WSCALE);
	/* the source's own fields stay */
	assert_int_equal(p.t_ns, 7);
	assert_int_equal(p.dir, PACKET_DIR_OUT);
	assert_int_equal(p.ifindex, 3);
	assert_int_equal(parser.counts[PACKET_OK], 1);
}

/* Plain data that is Nmap's "GenericLines", behind timestamps; cut short, and longer, it is nothing. */
static void test_question(void **state)
{
	static const uint8_t bytes[] = {
		V4(56, 6), V4_IN, TCP(8, 0x18), 1,    1,    8,	 10, 0, 0, 0, 1, 0, 0,
		0,	   2,	  '\r',		'\n', '\r', '\n'
	};
	static const uint8_t longer[] = { V4(45, 6), V4_IN, TCP(5, 0x18), '\r',
					  '\n',	     '\r',  '\n',	  'x' };
	struct packet p;

	(void)state;
	assert_int_equal(packet_parse(&parser, 0, bytes, sizeof(bytes), sizeof(bytes), &p),
			 PACKET_OK);
	assert_int_not_equal(p.question, 0);
	assert_int_equal(p.payload, 4);
	assert_int_equal(p.tcp_seq, 0x01020304);
	assert_int_equal(packet_parse(&parser, 0, bytes, 54, sizeof(bytes), &p), PACKET_IGNORED);
	assert_int_equal(packet_parse(&parser, 0, longer, sizeof(longer), sizeof(longer), &p),
			 PACKET_IGNORED);
}

static void test_v6_syn(void **state)
{
	struct packet p;

	(void)state;
	assert_int_equal(parse(v6_syn, sizeof(v6_syn), &p), PACKET_OK);
	assert_v6(&p, 1, 2);
	assert_ports(&p, 40000, 22);
	assert_int_equal(p.ttl, 57);
	assert_int_equal(p.ip_id, 0);
	assert_int_equal(p.tcp_options, PACKET_OPT_ANY | PACKET_OPT_MSS);
}

/* Which flags are a plain data packet: ACK, with PSH, URG, ECE and CWR as they may be. */
static void test_plain_data(void **state)
{
	uint8_t bytes[sizeof(v4_data)];
	enum packet_result expected;
	struct packet p;

	(void)state;
	memcpy(bytes, v4_data, sizeof(bytes));
	for (unsigned int flags = 0; flags < 256; flags++) {
		bytes[33] = (uint8_t)flags;
		expected = flags & TCP_ACK && !(flags & (TCP_SYN | TCP_FIN | TCP_RST)) ?
				   PACKET_IGNORED :
				   PACKET_OK;
		assert_int_equal(parse(bytes, sizeof(bytes), &p), expected);
		if (expected == PACKET_OK) {
			assert_int_equal(p.tcp_flags, flags);
			assert_int_equal(p.payload, 4);
			assert_int_equal(p.tcp_options, 0);
		}
	}
	assert_int_equal(parse(v6_data, sizeof(v6_data), &p), PACKET_IGNORED);
}

/* Captures have the bare ACKs, too; not the data. */
static void test_bare_acks(void **state)
{
	const uint8_t bare[] = { V4(40, 6), V4_IN, TCP(5, TCP_ACK) };
	struct packet p;

	(void)state;
	assert_int_equal(parse(bare, sizeof(bare), &p), PACKET_IGNORED);
	parser.acks = true;
	assert_int_equal(parse(bare, sizeof(bare), &p), PACKET_OK);
	assert_int_equal(p.tcp_flags, TCP_ACK);
	assert_int_equal(p.payload, 0);
	assert_int_equal(parse(v4_data, sizeof(v4_data), &p), PACKET_IGNORED);
	parser.acks = false;
}

static uint8_t options_of(const uint8_t *options, size_t len)
{
	uint8_t bytes[80] = { V4(40, 6), V4_IN, TCP(5, 0x02) };
	struct packet p;

	assert_true(len % 4 == 0 && len <= 40);
	memcpy(bytes + 40, options, len);
	bytes[3] = (uint8_t)(40 + len);
	bytes[32] = (uint8_t)((5 + len / 4) << 4);
	assert_int_equal(parse(bytes, 40 + len, &p), PACKET_OK);
	return p.tcp_options;
}

#define OPTIONS(...) \
	options_of((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* RFC 9293 §3.2 */
static void test_tcp_options(void **state)
{
	const uint8_t any = PACKET_OPT_ANY, bad = PACKET_OPT_ANY | PACKET_OPT_BAD;

	(void)state;
	assert_int_equal(OPTIONS(2, 4, 5, 180), any | PACKET_OPT_MSS);
	assert_int_equal(OPTIONS(1, 3, 3, 7), any | PACKET_OPT_WSCALE);
	assert_int_equal(OPTIONS(4, 2, 1, 1), any | PACKET_OPT_SACK);
	assert_int_equal(OPTIONS(1, 1, 1, 1), any);
	assert_int_equal(OPTIONS(0, 2, 4, 5), any); /* what follows the end does not count */
	assert_int_equal(OPTIONS(34, 2, 1, 0), any); /* fast open, RFC 7413 */
	assert_int_equal(OPTIONS(1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2),
			 any); /* SACK blocks, RFC 2018 */
	assert_int_equal(OPTIONS(2, 0, 0, 0), bad); /* a length that would never end */
	assert_int_equal(OPTIONS(2, 1, 0, 0), bad);
	assert_int_equal(OPTIONS(8, 10, 0, 0), bad); /* ends beyond the header */
	assert_int_equal(OPTIONS(1, 1, 1, 2), bad); /* no length */
	assert_int_equal(OPTIONS(2, 3, 5, 0), bad); /* MSS of a wrong length */
	assert_int_equal(OPTIONS(2, 4, 5, 180, 8, 9, 0, 0), bad | PACKET_OPT_MSS);
	assert_int_equal(OPTIONS(3, 4, 1, 1), bad);
	assert_int_equal(OPTIONS(4, 3, 1, 1), bad);
}

static void test_udp(void **state)
{
	struct packet p;
	uint8_t bytes[sizeof(v4_udp)];

	(void)state;
	assert_int_equal(parse(v4_udp, sizeof(v4_udp), &p), PACKET_OK);
	assert_int_equal(p.proto, PACKET_UDP);
	assert_v4(&p, PEER4, HOST4);
	assert_ports(&p, 40000, 161);
	assert_int_equal(p.payload, 4);
	assert_int_equal(parse(v6_udp, sizeof(v6_udp), &p), PACKET_OK);
	assert_v6(&p, 1, 2);
	assert_ports(&p, 40000, 161);
	assert_int_equal(p.payload, 1);

	memcpy(bytes, v4_udp, sizeof(bytes));
	bytes[25] = 8; /* shorter than IP says: allowed */
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_OK);
	bytes[25] = 13; /* longer */
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_MALFORMED);
	bytes[25] = 7; /* shorter than itself */
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_MALFORMED);
	bytes[25] = 0;
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_MALFORMED);
}

/* RFC 826: hardware, protocol, lengths, operation, sender's and target's addresses */
static const uint8_t arp[] = { 0,   1, 8, 0, 6, 4, 0, 1, 2, 0, 0,   0,	0,   1,
			       192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 198, 51, 100, 2 };

static void test_arp(void **state)
{
	uint8_t bytes[sizeof(arp)];
	struct packet p = { .sport = 9 };

	(void)state;
	assert_int_equal(packet_parse_arp(&parser, arp, sizeof(arp), &p), PACKET_OK);
	assert_int_equal(p.proto, PACKET_ARP_REQUEST);
	assert_v4(&p, PEER4, HOST4);
	assert_ports(&p, 0, 0);
	assert_int_equal(p.payload, 0);
	for (size_t len = 0; len < sizeof(arp); len++)
		assert_int_equal(packet_parse_arp(&parser, arp, len, &p), PACKET_TRUNCATED);
	/* other hardware, protocol, lengths; a reply */
	for (size_t i = 0; i < 8; i++) {
		memcpy(bytes, arp, sizeof(bytes));
		bytes[i] ^= 3;
		assert_int_equal(packet_parse_arp(&parser, bytes, sizeof(bytes), &p),
				 PACKET_IGNORED);
	}
	memcpy(bytes, arp, sizeof(bytes));
	memset(bytes + 14, 0, 4); /* a probe, RFC 5227 §1.1 */
	assert_int_equal(packet_parse_arp(&parser, bytes, sizeof(bytes), &p), PACKET_IGNORED);
	memcpy(bytes + 14, arp + 24, 4); /* an announcement */
	assert_int_equal(packet_parse_arp(&parser, bytes, sizeof(bytes), &p), PACKET_IGNORED);
	assert_int_equal(parser.counts[PACKET_OK], 1);
	assert_int_equal(parser.counts[PACKET_TRUNCATED], sizeof(arp));
	assert_int_equal(parser.counts[PACKET_IGNORED], 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_v4_syn, setup),
		cmocka_unit_test_setup(test_v6_syn, setup),
		cmocka_unit_test_setup(test_question, setup),
		cmocka_unit_test_setup(test_plain_data, setup),
		cmocka_unit_test_setup(test_bare_acks, setup),
		cmocka_unit_test_setup(test_tcp_options, setup),
		cmocka_unit_test_setup(test_udp, setup),
		cmocka_unit_test_setup(test_arp, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
