/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ICMP (RFC 792, RFC 950) and ICMPv6 (RFC 4443, RFC 4861, RFC 4620): errors with the datagram they
 * speak of, echo, queries, neighbour solicitations.
 */
#ifndef MIMAMORI_SENSOR_PACKET_ICMP_H
#define MIMAMORI_SENSOR_PACKET_ICMP_H

#include "sensor/packet-ip.h"

/* The message that begins in v, into *out as packet_parse() does. Later fragments are ignored. */
enum packet_result packet_read_icmp(struct packet_view *v, struct packet *out);
enum packet_result packet_read_icmpv6(struct packet_view *v, struct packet *out);

#endif
