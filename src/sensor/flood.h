/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is told of a flood (DoS, DDoS), from its opening to its closing totals.
 */
#ifndef MIMAMORI_SENSOR_FLOOD_H
#define MIMAMORI_SENSOR_FLOOD_H

#include "core/addr.h"
#include "sensor/finding.h"

#include <stdbool.h>
#include <stdint.h>

#define FLOOD_TOP 4 /* prefixes named */

/* In the order of the signature ids (mimamori-events(7)). */
enum flood_kind {
	FLOOD_SYN,
	FLOOD_SYN_ACK,
	FLOOD_ACK, /* plain segments of no connection */
	FLOOD_RST, /* RST or FIN of no connection */
	FLOOD_UDP, /* unsolicited datagrams */
	FLOOD_AMPLIFIED, /* answers of services that nobody here asked */
	FLOOD_ICMP, /* ICMP and ICMPv6 */
	FLOOD_FRAGMENT,
	FLOOD_PROTOCOL, /* of an IP protocol that nobody here speaks */
	FLOOD_HALF_OPEN, /* slow: handshakes begun and never finished fill a backlog */
	FLOOD_HELD, /* slow: connections held open that ask for nothing, or never come to an end of it */
	FLOOD_KINDS,
};

enum flood_forged { FLOOD_FORGED_UNKNOWN, FLOOD_FORGED_NO, FLOOD_FORGED_YES };

struct flood {
	uint64_t id; /* as a finding's */
	uint32_t sequence; /* events so far */
	uint8_t kind; /* enum flood_kind */
	uint8_t scope; /* FINDING_HOST: one peer; PREFIX; DISTRIBUTED */
	uint8_t forged; /* enum flood_forged: are the sources' addresses forged? */
	struct addr self; /* the victim: the address that most of it goes to */
	uint16_t port; /* its port; 0: many, or none */
	uint16_t peer_port; /* AMPLIFIED: the service's */
	struct prefix peer; /* the most specific that holds nearly all sources */
	struct addr last_peer; /* of the newest packet */
	uint64_t peers; /* different sources, estimated */
	unsigned int top_used;
	struct {
		struct prefix prefix;
		uint8_t share; /* of the packets, per cent */
	} top[FLOOD_TOP];
	uint64_t first_ns, last_ns;
	uint64_t packets, bytes; /* totals, estimated where sampled */
	uint64_t rate, byte_rate; /* a second, now; at the end: the highest */
	uint64_t normal; /* packets a second that this device is used to */
	uint8_t completed; /* SYN, HALF_OPEN: share of handshakes that were finished, per cent */
	uint32_t sampled; /* one packet in so many was looked at */
};

/* A notice is never told of a flood. */
typedef void flood_emit_fn(const struct flood *f, enum finding_phase phase, void *arg);

#endif
