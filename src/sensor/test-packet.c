/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets written by hand from the RFCs. Addresses are those for documentation (RFC 5737, RFC 3849):
 * 192.0.2.1 and 2001:db8::1 are peers, 198.51.100.2 and 2001:db8::2 the host.
 */
#include "sensor/packet-fixture.h"

/* A SYN as Linux sends it: MSS 1460, SACK permitted, timestamps, NOP, window scale 7. */
static const uint8_t v4_syn[] = {
	V4(60, 6), V4_IN, TCP(10, 0x02), 2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3,
	3,	   7
};
static const uint8_t v4_data[] = { V4(44, 6), V4_IN, TCP(5, 0x18), 'G', 'E', 'T', ' ' };
static const uint8_t v4_udp[] = { V4(32, 17), V4_IN, UDP(12), 1, 2, 3, 4 };
/* RFC 792: type, code, checksum, identifier, sequence number */
static const uint8_t v4_echo[] = { V4(32, 1), V4_IN, 8, 0, 0, 0, 0, 1, 0, 1, 'a', 'b', 'c', 'd' };
static const uint8_t v4_echo_reply[] = { V4(28, 1), V4_IN, 0, 0, 0, 0, 0, 1, 0, 1 };
/* RFC 792: the host refuses the datagram v4_udp: port unreachable, header and 64 bits of it. */
static const uint8_t v4_unreachable[] = { V4(56, 1), V4_BACK, 3, 3,	     0,	    0,	    0,
					  0,	     0,	      0, V4(32, 17), V4_IN, UDP(12) };
/* The same for v4_syn, administratively prohibited (RFC 1812 §5.2.7.1). */
static const uint8_t v4_prohibited[] = { V4(56, 1), V4_BACK, 3,	   13,	 0, 0,	0, 0, 0, 0,
					 V4(60, 6), V4_IN,   0x9c, 0x40, 0, 22, 1, 2, 3, 4 };
static const uint8_t v6_syn[] = { V6(24, 6), V6_IN, TCP(6, 0x02), 2, 4, 5, 160 };
static const uint8_t v6_data[] = { V6(21, 6), V6_IN, TCP(5, 0x10), 'x' };
static const uint8_t v6_udp[] = { V6(9, 17), V6_IN, UDP(9), 'x' };
/* RFC 4443 §4.1 */
static const uint8_t v6_echo[] = { V6(8, 58), V6_IN, 128, 0, 0, 0, 0, 1, 0, 1 };
static const uint8_t v6_echo_reply[] = { V6(8, 58), V6_IN, 129, 0, 0, 0, 0, 1, 0, 1 };
/* RFC 4443 §3.1: type 1, code 4, four bytes unused, as much of the packet as fits */
static const uint8_t v6_unreachable[] = { V6(57, 58), V6_BACK, 1, 4,	     0,	    0,	    0,
					  0,	      0,       0, V6(9, 17), V6_IN, UDP(9), 'x' };
/* RFC 8200 §4.3, §4.6: hop-by-hop and destination options, PadN (§4.2), then TCP */
static const uint8_t v6_chain[] = { V6(36, 0), V6_IN, 60, 0, 1, 4, 0, 0, 0,	      0,
				    6,	       0,     1,  4, 0, 0, 0, 0, TCP(5, 0x01) };
/* RFC 826: hardware, protocol, lengths, operation, sender's and target's addresses */
static const uint8_t arp[] = { 0,   1, 8, 0, 6, 4, 0, 1, 2, 0, 0,   0,	0,   1,
			       192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 198, 51, 100, 2 };

static const struct vector {
	const char *name;
	const uint8_t *bytes;
	size_t len;
	enum packet_result result;
} vectors[] = {
#define VECTOR(name, result)                      \
	{                                         \
#name, name, sizeof(name), result \
	}
	VECTOR(v4_syn, PACKET_OK),	   VECTOR(v4_data, PACKET_IGNORED),
	VECTOR(v4_udp, PACKET_OK),	   VECTOR(v4_echo, PACKET_OK),
	VECTOR(v4_echo_reply, PACKET_OK),  VECTOR(v4_unreachable, PACKET_OK),
	VECTOR(v4_prohibited, PACKET_OK),  VECTOR(v6_syn, PACKET_OK),
	VECTOR(v6_data, PACKET_IGNORED),   VECTOR(v6_udp, PACKET_OK),
	VECTOR(v6_echo, PACKET_OK),	   VECTOR(v6_echo_reply, PACKET_OK),
	VECTOR(v6_unreachable, PACKET_OK), VECTOR(v6_chain, PACKET_OK),
};

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

/* A packet of nothing but its IPv4 header and one more protocol. */
static void test_other_protocols(void **state)
{
	uint8_t v4[] = { V4(20, 0), V4_IN }, v6[] = { V6(0, 0), V6_IN };
	struct packet p;

	(void)state;
	for (unsigned int proto = 0; proto < 256; proto++) {
		v4[9] = v6[6] = (uint8_t)proto;
		if (proto == 132)
			assert_int_equal(parse(v4, sizeof(v4), &p), PACKET_MALFORMED);
		else if (packet_unspoken((uint8_t)proto)) {
			assert_int_equal(parse(v4, sizeof(v4), &p), PACKET_OK);
			assert_int_equal(p.proto, PACKET_IP);
			assert_ports(&p, 0, (uint16_t)proto);
			assert_int_equal(parse(v6, sizeof(v6), &p), PACKET_OK);
			continue;
		} else if (proto != 1 && proto != 6 && proto != 17)
			assert_int_equal(parse(v4, sizeof(v4), &p), PACKET_IGNORED);
		if (proto == 0 || proto == 43 || proto == 44 || proto == 51 || proto == 60 ||
		    proto == 132)
			assert_int_equal(parse(v6, sizeof(v6), &p), PACKET_MALFORMED);
		else if (proto != 6 && proto != 17 && proto != 58)
			assert_int_equal(parse(v6, sizeof(v6), &p), PACKET_IGNORED);
	}
	/* ESP and "no next header" (RFC 4303, RFC 8200 §4.7) are among them */
	assert_int_equal(packet_parse(&parser, 0x0806, v4_syn, sizeof(v4_syn), 60, &p),
			 PACKET_IGNORED);
}

static void test_v4_options(void **state)
{
	/* RFC 791 §3.1: IHL 7, record route with one empty place, end of list */
	uint8_t bytes[] = { 0x47, 0,	 0, 48, 0, 1, 0, 0, 64, 6, 0,
			    0,	  V4_IN, 7, 7,	4, 0, 0, 0, 0,	0, TCP(5, 0x02) };
	struct packet p;

	(void)state;
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_OK);
	assert_ports(&p, 40000, 22);
	bytes[0] =
		0x4f; /* then the header alone is as long as the packet allows, TCP is not there */
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_MALFORMED);
	bytes[0] = 0x44; /* shorter than itself */
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_MALFORMED);
}

static void test_lengths(void **state)
{
	uint8_t bytes[64];
	struct packet p;

	(void)state;
	/* Ethernet pads to 60 bytes of frame; what follows the datagram is not payload */
	memset(bytes, 0xff, sizeof(bytes));
	memcpy(bytes, v4_udp, sizeof(v4_udp));
	assert_int_equal(parse(bytes, 46, &p), PACKET_OK);
	assert_int_equal(p.payload, 4);
	/* a total length beyond the wire, before the header's end, of zero */
	bytes[3] = 47;
	assert_int_equal(parse(bytes, 46, &p), PACKET_MALFORMED);
	bytes[3] = 19;
	assert_int_equal(parse(bytes, 46, &p), PACKET_MALFORMED);
	bytes[3] = 0;
	assert_int_equal(parse(bytes, 46, &p), PACKET_MALFORMED);
	/* IPv6's payload length likewise */
	memcpy(bytes, v6_udp, sizeof(v6_udp));
	assert_int_equal(parse(bytes, 60, &p), PACKET_OK);
	assert_int_equal(p.payload, 1);
	bytes[5] = 21;
	assert_int_equal(parse(bytes, 60, &p), PACKET_MALFORMED);
	/* the wire's length decides, not how much of it was captured */
	assert_int_equal(packet_parse(&parser, 0, bytes, 60, 61, &p), PACKET_OK);
	assert_int_equal(p.payload, 13);
	/* TCP's data offset below five words and beyond the packet */
	memcpy(bytes, v4_syn, sizeof(v4_syn));
	bytes[32] = 0x40;
	assert_int_equal(parse(bytes, sizeof(v4_syn), &p), PACKET_MALFORMED);
	bytes[32] = 0xb0;
	assert_int_equal(parse(bytes, sizeof(v4_syn), &p), PACKET_MALFORMED);
	/* nothing at all */
	assert_int_equal(parse(bytes, 0, &p), PACKET_MALFORMED);
	assert_int_equal(packet_parse(&parser, 0, bytes, 0, 60, &p), PACKET_TRUNCATED);
}

/* Beyond 64 KiB the length fields say zero: Linux BIG TCP, RFC 2675 §3. */
static void test_jumbo(void **state)
{
	uint8_t v4[sizeof(v4_syn)];
	uint8_t v6[] = { V6(0, 0), V6_IN, 6, 0, 0xc2, 4, 0, 1, 0x11, 0x70, TCP(5, 0x01) };
	struct packet p;

	(void)state;
	memcpy(v4, v4_syn, sizeof(v4));
	v4[2] = v4[3] = 0;
	assert_int_equal(packet_parse(&parser, 0, v4, sizeof(v4), 70000, &p), PACKET_OK);
	assert_int_equal(p.payload, 65535);
	assert_int_equal(packet_parse(&parser, 0, v6, sizeof(v6), 70040, &p), PACKET_OK);
	assert_int_equal(p.payload, 65535);
	assert_int_equal(parse(v6, sizeof(v6), &p), PACKET_MALFORMED);
}

static void test_versions(void **state)
{
	uint8_t bytes[sizeof(v4_syn)];
	struct packet p;

	(void)state;
	memcpy(bytes, v4_syn, sizeof(bytes));
	for (unsigned int version = 0; version < 16; version++) {
		bytes[0] = (uint8_t)(version << 4 | 5);
		if (version != 4)
			assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_MALFORMED);
	}
	assert_int_equal(packet_parse(&parser, 0x86dd, v4_syn, 60, 60, &p), PACKET_MALFORMED);
	assert_int_equal(packet_parse(&parser, 0x0800, v6_syn, 64, 64, &p), PACKET_MALFORMED);
	assert_int_equal(packet_parse(&parser, 0x86dd, v6_syn, 64, 64, &p), PACKET_OK);
}

/* RFC 4942 §2.2: IPv4-mapped addresses do not belong on a wire; here they would frame an IPv4 peer. */
static void test_mapped(void **state)
{
	uint8_t bytes[sizeof(v6_syn)];
	struct packet p;

	(void)state;
	for (size_t at = 8; at <= 24; at += 16) {
		memcpy(bytes, v6_syn, sizeof(bytes));
		memset(bytes + at, 0, 10);
		memset(bytes + at + 10, 0xff, 2);
		assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_MALFORMED);
	}
}

/*
 * Cutting a packet never makes another one of it: cut by the capture, it is the same or truncated
 * (plain data may be told before its end); cut on the wire, it is malformed.
 */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct packet whole, cut;
		enum packet_result r;

		assert_int_equal(parse(v->bytes, v->len, &whole), v->result);
		for (size_t len = 0; len < v->len; len++) {
			uint8_t *copy = malloc(len ? len : 1); /* so that ASan sees its end */

			memcpy(copy, v->bytes, len);
			memset(&cut, 0, sizeof(cut));
			r = packet_parse(&parser, 0, copy, len, v->len, &cut);
			if (r != v->result)
				assert_int_equal(r, PACKET_TRUNCATED);
			else
				assert_memory_equal(&cut, &whole, sizeof(cut));
			assert_int_equal(parse(copy, len, &cut), PACKET_MALFORMED);
			free(copy);
		}
	}
}

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

/* Extension headers, one of each kind, eight bytes (AH: 24, RFC 4302), and what follows them. */
static size_t append_header(uint8_t *at, uint8_t kind, uint8_t next)
{
	size_t size = kind == 51 ? 24 : 8;

	memset(at, 0, size);
	at[0] = next;
	if (kind == 51)
		at[1] = 4; /* in words, less two */
	else if (kind != 44)
		at[2] = 1, at[3] = 4; /* PadN; a routing header of type 1 */
	return size;
}

static enum packet_result parse_chain(const uint8_t *kinds, unsigned int n, uint8_t last,
				      struct packet *p)
{
	uint8_t bytes[512] = { V6(0, 0), V6_IN };
	const uint8_t tcp[] = { TCP(5, 0x02) };
	size_t len = 40;

	bytes[6] = n ? kinds[0] : last;
	for (unsigned int i = 0; i < n; i++)
		len += append_header(bytes + len, kinds[i], i + 1 < n ? kinds[i + 1] : last);
	memcpy(bytes + len, tcp, sizeof(tcp));
	len += sizeof(tcp);
	bytes[4] = (uint8_t)((len - 40) >> 8);
	bytes[5] = (uint8_t)(len - 40);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_not_equal(packet_parse(&parser, 0, bytes, cut, len, p), PACKET_OK);
	return parse(bytes, len, p);
}

/* Every chain of up to four; RFC 8200 §4.1: hop-by-hop first, fragment once. */
static void test_chains(void **state)
{
	static const uint8_t all[] = { 0, 43, 44, 51, 60 };
	uint8_t kinds[4];
	struct packet p;

	(void)state;
	for (unsigned int n = 0, total = 1; n <= 4; n++, total *= LEN(all)) {
		for (unsigned int code = 0; code < total; code++) {
			unsigned int fragments = 0, late = 0;

			for (unsigned int i = 0, c = code; i < n; i++, c /= LEN(all)) {
				kinds[i] = all[c % LEN(all)];
				fragments += kinds[i] == 44;
				late += i > 0 && kinds[i] == 0;
			}
			if (late || fragments > 1) {
				assert_int_equal(parse_chain(kinds, n, 6, &p), PACKET_MALFORMED);
				continue;
			}
			assert_int_equal(parse_chain(kinds, n, 6, &p), PACKET_OK);
			assert_v6(&p, 1, 2);
			assert_ports(&p, 40000, 22);
			assert_int_equal(parse_chain(kinds, n, 50, &p), PACKET_IGNORED);
			assert_int_equal(parse_chain(kinds, n, 59, &p), PACKET_IGNORED);
		}
	}
}

static void test_long_chains(void **state)
{
	uint8_t kinds[PACKET_MAX_EXTENSIONS + 1];
	struct packet p;

	(void)state;
	memset(kinds, 60, sizeof(kinds));
	assert_int_equal(parse_chain(kinds, PACKET_MAX_EXTENSIONS, 6, &p), PACKET_OK);
	assert_int_equal(parse_chain(kinds, PACKET_MAX_EXTENSIONS + 1, 6, &p), PACKET_MALFORMED);
	kinds[PACKET_MAX_EXTENSIONS] = 44;
	assert_int_equal(parse_chain(kinds, PACKET_MAX_EXTENSIONS + 1, 6, &p), PACKET_MALFORMED);
	kinds[PACKET_MAX_EXTENSIONS - 1] = 44;
	assert_int_equal(parse_chain(kinds, PACKET_MAX_EXTENSIONS, 6, &p), PACKET_OK);
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
		cmocka_unit_test_setup(test_echo, setup),
		cmocka_unit_test_setup(test_unreachable, setup),
		cmocka_unit_test_setup(test_unreachable_codes, setup),
		cmocka_unit_test_setup(test_unreachable_quotes, setup),
		cmocka_unit_test_setup(test_other_protocols, setup),
		cmocka_unit_test_setup(test_v4_options, setup),
		cmocka_unit_test_setup(test_lengths, setup),
		cmocka_unit_test_setup(test_jumbo, setup),
		cmocka_unit_test_setup(test_versions, setup),
		cmocka_unit_test_setup(test_mapped, setup),
		cmocka_unit_test_setup(test_truncated, setup),
		cmocka_unit_test_setup(test_arp, setup),
		cmocka_unit_test_setup(test_chains, setup),
		cmocka_unit_test_setup(test_long_chains, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
