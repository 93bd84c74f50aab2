/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP headers that were cut in pieces: waits for the fragments that hold one and joins them.
 */
#ifndef MIMAMORI_SENSOR_PACKET_FRAGMENT_H
#define MIMAMORI_SENSOR_PACKET_FRAGMENT_H

#include "core/cursor.h"
#include "sensor/packet-ip.h"

#define FRAGMENT_HEADER_UNITS 3 /* units that hold part of a TCP header without options */

/* One fragment of a TCP segment. */
struct packet_piece {
	struct addr src, dst;
	uint32_t id;
	unsigned int unit; /* its offset, in units */
};

/*
 * Adds the piece whose bytes are in c. When the fixed part of the header is complete, copies it to
 * header, forgets it, and returns its length: 20, or 24 when the next four bytes, the
 * beginning of its options, are known too. Otherwise 0: it waits for a sibling.
 */
size_t packet_fragment_join(struct packet_parser *pp, const struct packet_piece *piece,
			    struct cursor c, uint8_t header[PACKET_FRAGMENT_BYTES]);

#endif
