/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of the parser: a packet of every kind, written by hand from the RFCs.
 */
#ifndef MIMAMORI_SENSOR_PACKET_VECTORS_H
#define MIMAMORI_SENSOR_PACKET_VECTORS_H

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

#endif
