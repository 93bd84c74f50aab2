/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP headers cut in pieces, as in RFC 1858 and as `nmap -f` sends them.
 */
#include "sensor/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MORE 1
#define LAST 0

/* Ports 40000 to 22, SYN, window 1024, MSS 1460: what Nmap sends, 24 bytes (RFC 9293 §3.1). */
static const uint8_t syn[24] = { 0x9c, 0x40, 0, 22, 1, 2, 3, 4, 0, 0, 0, 0,
				 0x60, 0x02, 4, 0,  0, 0, 0, 0, 2, 4, 5, 180 };

static struct packet_parser parser;
static struct packet p;

static int setup(void **state)
{
	(void)state;
	packet_parser_init(&parser);
	memset(&p, 0, sizeof(p));
	return 0;
}

/* A fragment of an IPv4 datagram from 192.0.2.1 (RFC 791 §3.1). unit: its offset, in eight bytes. */
static enum packet_result v4(uint16_t id, unsigned int unit, bool more, const uint8_t *bytes,
			     size_t len)
{
	uint8_t d[128] = { 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2 };

	d[3] = (uint8_t)(20 + len);
	d[4] = (uint8_t)(id >> 8);
	d[5] = (uint8_t)id;
	d[6] = (uint8_t)((more ? 0x20 : 0) | unit >> 8);
	d[7] = (uint8_t)unit;
	memcpy(d + 20, bytes, len);
	return packet_parse(&parser, 0, d, 20 + len, 20 + len, &p);
}

/* The same for IPv6 (RFC 8200 §4.5), with a fragment header whose next header is TCP. */
static enum packet_result v6(uint8_t id, unsigned int unit, bool more, const uint8_t *bytes,
			     size_t len)
{
	uint8_t d[128] = { 0x60, 0, 0, 0, 0, 0, 44, 64, 0x20, 0x01, 0x0d, 0xb8 };

	d[5] = (uint8_t)(8 + len);
	d[23] = 1;
	memcpy(d + 24, d + 8, 16);
	d[39] = 2;
	d[40] = 6;
	d[42] = (uint8_t)(unit >> 5);
	d[43] = (uint8_t)(unit << 3 | more);
	d[47] = id;
	memcpy(d + 48, bytes, len);
	return packet_parse(&parser, 0, d, 48 + len, 48 + len, &p);
}

static void assert_syn(uint8_t options)
{
	assert_int_equal(p.proto, PACKET_TCP);
	assert_int_equal(p.sport, 40000);
	assert_int_equal(p.dport, 22);
	assert_int_equal(p.tcp_seq, 0x01020304);
	assert_int_equal(p.tcp_flags, TCP_SYN);
	assert_int_equal(p.tcp_window, 1024);
	assert_int_equal(p.tcp_options, options);
	assert_int_equal(p.fragmented, 1);
}

/* The three pieces of `nmap -f`, in every order; with one missing nothing is told. */
static void test_every_order(void **state)
{
	static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					      { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

	(void)state;
	for (unsigned int o = 0; o < 6; o++) {
		for (unsigned int i = 0; i < 3; i++) {
			unsigned int unit = orders[o][i];
			enum packet_result expected = i < 2 ? PACKET_PENDING : PACKET_OK;

			assert_int_equal(v4((uint16_t)o, unit, unit < 2, syn + 8 * unit, 8),
					 expected);
		}
		assert_syn(PACKET_OPT_ANY | PACKET_OPT_MSS);
		assert_true(addr_eq(p.src, addr_from_v4(0xc0000201)));
		assert_true(addr_eq(p.dst, addr_from_v4(0xc6336402)));
		assert_int_equal(p.payload, 0);
		for (unsigned int i = 0; i < 3; i++) {
			unsigned int unit = orders[o][i];
			enum packet_result expected = i < 2 ? PACKET_PENDING : PACKET_OK;

			assert_int_equal(v6((uint8_t)o, unit, unit < 2, syn + 8 * unit, 8),
					 expected);
		}
		assert_syn(PACKET_OPT_ANY | PACKET_OPT_MSS);
	}
}

/* `nmap --mtu 16`, and a last piece that ends with the header's fixed part. */
static void test_two_pieces(void **state)
{
	uint8_t bare[20];

	(void)state;
	assert_int_equal(v4(1, 0, MORE, syn, 16), PACKET_PENDING);
	assert_int_equal(v4(1, 2, LAST, syn + 16, 8), PACKET_OK);
	assert_syn(PACKET_OPT_ANY | PACKET_OPT_MSS);

	memcpy(bare, syn, sizeof(bare));
	bare[12] = 0x50;
	assert_int_equal(v4(2, 0, MORE, bare, 8), PACKET_PENDING);
	assert_int_equal(v4(2, 1, LAST, bare + 8, 12), PACKET_OK);
	assert_syn(0);

	/* the options are elsewhere: what is known of them is that they are */
	assert_int_equal(v4(3, 0, MORE, syn, 8), PACKET_PENDING);
	assert_int_equal(v4(3, 1, LAST, syn + 8, 12), PACKET_OK);
	assert_syn(PACKET_OPT_ANY);
}

/* The first fragment holds the header: nothing to wait for, even when its options go on. */
static void test_whole_header(void **state)
{
	uint8_t bytes[32];

	(void)state;
	memcpy(bytes, syn, sizeof(syn));
	memset(bytes + 24, 'x', 8);
	assert_int_equal(v4(1, 0, MORE, bytes, 32), PACKET_OK);
	assert_int_equal(p.fragmented, 0);
	assert_int_equal(p.payload, 8);
	assert_int_equal(p.tcp_options, PACKET_OPT_ANY | PACKET_OPT_MSS);
	assert_int_equal(v4(1, 4, LAST, bytes, 8), PACKET_IGNORED);
	bytes[12] = 0xa0; /* ten words, of which the fragment holds eight */
	memset(bytes + 24, 1, 6);
	bytes[30] = 8;
	bytes[31] = 10;
	assert_int_equal(v4(2, 0, MORE, bytes, 32), PACKET_OK);
	assert_int_equal(p.tcp_options, PACKET_OPT_ANY | PACKET_OPT_MSS);
	bytes[12] = 0x80;
	bytes[13] = TCP_ACK;
	assert_int_equal(v4(3, 0, MORE, bytes, 32), PACKET_IGNORED);
}

/* RFC 1858 §4, RFC 3128: flags sent first cannot be overwritten by a later fragment. */
static void test_overlap(void **state)
{
	uint8_t harmless[16];

	(void)state;
	memcpy(harmless, syn + 8, sizeof(harmless));
	harmless[5] = TCP_ACK;
	assert_int_equal(v4(1, 1, MORE, syn + 8, 8), PACKET_PENDING);
	assert_int_equal(v4(1, 1, LAST, harmless, 16), PACKET_PENDING);
	assert_int_equal(v4(1, 0, MORE, syn, 8), PACKET_OK);
	assert_syn(PACKET_OPT_ANY | PACKET_OPT_MSS);

	/* sent the other way round it is plain data, as the filter would have had it */
	assert_int_equal(v4(2, 1, MORE, harmless, 8), PACKET_PENDING);
	assert_int_equal(v4(2, 1, LAST, syn + 8, 16), PACKET_PENDING);
	assert_int_equal(v4(2, 0, MORE, syn, 8), PACKET_IGNORED);

	/* a piece that arrives twice changes nothing */
	assert_int_equal(v4(3, 0, MORE, syn, 8), PACKET_PENDING);
	assert_int_equal(v4(3, 0, MORE, syn, 8), PACKET_PENDING);
	assert_int_equal(v4(3, 2, LAST, syn + 16, 4), PACKET_PENDING);
	assert_int_equal(v4(3, 2, LAST, syn + 16, 8), PACKET_PENDING);
	assert_int_equal(v4(3, 1, MORE, syn + 8, 8), PACKET_OK);
	assert_syn(PACKET_OPT_ANY | PACKET_OPT_MSS);
}

static void test_keys(void **state)
{
	(void)state;
	/* another id, another family: another datagram */
	assert_int_equal(v4(1, 0, MORE, syn, 16), PACKET_PENDING);
	assert_int_equal(v4(2, 2, LAST, syn + 16, 8), PACKET_PENDING);
	assert_int_equal(v6(1, 2, LAST, syn + 16, 8), PACKET_PENDING);
	assert_int_equal(v4(1, 2, LAST, syn + 16, 8), PACKET_OK);
	/* once told, the same pieces begin anew */
	assert_int_equal(v4(1, 2, LAST, syn + 16, 8), PACKET_PENDING);
	assert_int_equal(v4(1, 0, MORE, syn, 16), PACKET_OK);
	assert_int_equal(v6(1, 0, MORE, syn, 16), PACKET_OK);
}

/* When all slots wait, the one waiting longest makes room. */
static void test_slots(void **state)
{
	(void)state;
	for (uint16_t id = 0; id <= PACKET_FRAGMENT_SLOTS; id++)
		assert_int_equal(v4(id, 0, MORE, syn, 16), PACKET_PENDING);
	for (uint16_t id = 1; id <= PACKET_FRAGMENT_SLOTS; id++)
		assert_int_equal(v4(id, 2, LAST, syn + 16, 8), PACKET_OK);
	assert_int_equal(v4(0, 2, LAST, syn + 16, 8), PACKET_PENDING);
}

static void test_odd_pieces(void **state)
{
	uint8_t short_header[24];

	(void)state;
	assert_int_equal(v4(1, 0, MORE, syn, 0), PACKET_MALFORMED);
	assert_int_equal(v4(1, 1, LAST, syn, 0), PACKET_MALFORMED);
	/* IPv6 forbids a middle piece that ends within a unit; Linux cuts it down in IPv4 */
	assert_int_equal(v6(1, 0, MORE, syn, 12), PACKET_MALFORMED);
	assert_int_equal(v4(1, 0, MORE, syn, 15), PACKET_PENDING);
	assert_int_equal(v4(1, 2, LAST, syn + 16, 8), PACKET_PENDING);
	assert_int_equal(v4(1, 1, MORE, syn + 8, 8), PACKET_OK);
	/* beyond the fixed part, and beyond the largest datagram */
	assert_int_equal(v4(2, 3, LAST, syn, 8), PACKET_IGNORED);
	assert_int_equal(v4(2, 0x1fff, LAST, syn, 8), PACKET_MALFORMED);
	/* a data offset of four words */
	memcpy(short_header, syn, sizeof(short_header));
	short_header[12] = 0x40;
	assert_int_equal(v4(4, 0, MORE, short_header, 16), PACKET_PENDING);
	assert_int_equal(v4(4, 2, LAST, short_header + 16, 8), PACKET_MALFORMED);
}

/* RFC 7112 §5: the first fragment holds the whole chain; RFC 6946: an atomic one is whole. */
static void test_v6_chain_in_pieces(void **state)
{
	/* fragment header, then destination options and the beginning of TCP in the fragment */
	uint8_t d[40 + 8 + 8 + 24] = { 0x60, 0, 0, 0, 0, 24, 44, 64, 0x20, 0x01, 0x0d, 0xb8 };

	(void)state;
	d[24] = 0x20;
	d[39] = 2;
	d[40] = 60;
	d[43] = 1;
	d[48] = 6;
	d[50] = 1;
	d[51] = 4;
	memcpy(d + 56, syn, 24);
	assert_int_equal(packet_parse(&parser, 0, d, 64, 64, &p), PACKET_MALFORMED);
	d[5] = 40;
	assert_int_equal(packet_parse(&parser, 0, d, 80, 80, &p), PACKET_OK);
	assert_int_equal(p.dport, 22);
	assert_int_equal(p.fragmented, 0);
	d[43] = 8; /* the sibling's first bytes are destination options too: no TCP header in it */
	assert_int_equal(packet_parse(&parser, 0, d, 80, 80, &p), PACKET_IGNORED);
	assert_int_equal(v6(9, 0, LAST, syn, 24), PACKET_OK);
	assert_int_equal(p.fragmented, 0);
}

/* IPv4-mapped addresses in IPv6 must not complete an IPv4 header. */
static void test_mapped(void **state)
{
	uint8_t d[48 + 8] = { 0x60, 0, 0, 0, 0, 16, 44, 64 };

	(void)state;
	assert_int_equal(v4(1, 0, MORE, syn, 16), PACKET_PENDING);
	memset(d + 18, 0xff, 2);
	memcpy(d + 20, (const uint8_t[]){ 192, 0, 2, 1 }, 4);
	memset(d + 34, 0xff, 2);
	memcpy(d + 36, (const uint8_t[]){ 198, 51, 100, 2 }, 4);
	d[40] = 6;
	d[43] = 2 << 3;
	d[47] = 1;
	assert_int_equal(packet_parse(&parser, 0, d, sizeof(d), sizeof(d), &p), PACKET_MALFORMED);
}

/* UDP and ICMP need no joining: their first fragment has it all, later ones have nothing. */
static void test_other_transports(void **state)
{
	/* UDP 40000 to 161 of 1000 bytes, in a first fragment of 16 */
	uint8_t udp[36] = { 0x45, 0, 0, 36,  0,	 1,   0x20, 0,	  64,	17, 0,	 0,    192,
			    0,	  2, 1, 198, 51, 100, 2,    0x9c, 0x40, 0,  161, 0x03, 0xe8 };
	uint8_t echo[36] = { 0x45, 0,	0, 36, 0, 1,   0x20, 0,	  64, 1, 0,
			     0,	   192, 0, 2,  1, 198, 51,   100, 2,  8 };

	(void)state;
	assert_int_equal(packet_parse(&parser, 0, udp, 36, 36, &p), PACKET_OK);
	assert_int_equal(p.dport, 161);
	assert_int_equal(p.payload, 8);
	udp[7] = 2;
	assert_int_equal(packet_parse(&parser, 0, udp, 36, 36, &p), PACKET_IGNORED);
	assert_int_equal(packet_parse(&parser, 0, echo, 36, 36, &p), PACKET_OK);
	assert_int_equal(p.proto, PACKET_ICMP_ECHO);
	echo[7] = 2;
	assert_int_equal(packet_parse(&parser, 0, echo, 36, 36, &p), PACKET_IGNORED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_every_order, setup),
		cmocka_unit_test_setup(test_two_pieces, setup),
		cmocka_unit_test_setup(test_whole_header, setup),
		cmocka_unit_test_setup(test_overlap, setup),
		cmocka_unit_test_setup(test_keys, setup),
		cmocka_unit_test_setup(test_slots, setup),
		cmocka_unit_test_setup(test_odd_pieces, setup),
		cmocka_unit_test_setup(test_v6_chain_in_pieces, setup),
		cmocka_unit_test_setup(test_mapped, setup),
		cmocka_unit_test_setup(test_other_transports, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
