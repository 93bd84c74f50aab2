/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of the parser: packets written by hand from the RFCs. Addresses are those for documentation (RFC 5737, RFC 3849):
 * 192.0.2.1 and 2001:db8::1 are peers, 198.51.100.2 and 2001:db8::2 the host.
 */
#ifndef MIMAMORI_SENSOR_PACKET_FIXTURE_H
#define MIMAMORI_SENSOR_PACKET_FIXTURE_H

#include "sensor/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define PEER4 0xc0000201u
#define HOST4 0xc6336402u
#define NET6 0x20010db800000000u

/* RFC 791 §3.1: version and IHL, TOS, total length, id, flags and offset, TTL, protocol, checksum */
#define V4(total, protocol) \
	0x45, 0, (total) >> 8, (total)&0xff, 0x1c, 0x46, 0x40, 0, 57, protocol, 0, 0
#define V4_IN 192, 0, 2, 1, 198, 51, 100, 2
#define V4_BACK 198, 51, 100, 2, 192, 0, 2, 1
/* RFC 8200 §3: version, traffic class, flow; payload length; next header; hop limit */
#define V6(len, next) 0x60, 0, 0, 0, (len) >> 8, (len)&0xff, next, 57
#define A6(last) 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last
#define V6_IN A6(1), A6(2)
#define V6_BACK A6(2), A6(1)
/* RFC 9293 §3.1: ports 40000 to 22, sequence number, acknowledgement, offset, flags, window 64240 */
#define TCP(words, flags)                                                                       \
	0x9c, 0x40, 0, 22, 0x01, 0x02, 0x03, 0x04, 0x0a, 0x0b, 0x0c, 0x0d, (words) << 4, flags, \
		0xfa, 0xf0, 0, 0, 0, 0
/* RFC 768: ports 40000 to 161, length, checksum */
#define UDP(len) 0x9c, 0x40, 0, 161, (len) >> 8, (len)&0xff, 0, 0

static struct packet_parser parser;

static inline int setup(void **state)
{
	(void)state;
	packet_parser_init(&parser);
	return 0;
}

static inline enum packet_result parse(const uint8_t *bytes, size_t len, struct packet *p)
{
	memset(p, 0, sizeof(*p));
	return packet_parse(&parser, 0, bytes, len, len, p);
}

static inline void assert_v4(const struct packet *p, uint32_t src, uint32_t dst)
{
	assert_true(addr_eq(p->src, addr_from_v4(src)));
	assert_true(addr_eq(p->dst, addr_from_v4(dst)));
}

static inline void assert_v6(const struct packet *p, uint64_t src, uint64_t dst)
{
	assert_true(addr_eq(p->src, (struct addr){ NET6, src }));
	assert_true(addr_eq(p->dst, (struct addr){ NET6, dst }));
}

static inline void assert_ports(const struct packet *p, uint16_t sport, uint16_t dport)
{
	assert_int_equal(p->sport, sport);
	assert_int_equal(p->dport, dport);
}

#endif
