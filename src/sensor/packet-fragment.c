/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 * -------------------
 * The fixed part of a TCP header is 20 bytes: units 0 and 1 of a datagram's payload and half of
 * unit 2. Only someone who hides the flags from a filter cuts a packet inside them (RFC 1858 §3), so
 * a few slots suffice, taken in turn. Whoever floods the slots with half headers can push out other
 * waiting headers, not make them cost more; the answers of the host to such a probe are whole packets
 * and still seen.
 *
 * Of overlapping fragments the bytes seen first stay. Hosts differ in which copy they keep, and
 * Linux drops the whole datagram (RFC 5722 and, since 4.19, IPv4 too), so no choice is right for all;
 * but the first fragment is the one that a filter judges, and a later one must not be able to turn a
 * SYN already seen into harmless plain data (RFC 1858 §4, RFC 3128).
 */
#include "sensor/packet-fragment.h"

#include "core/cursor.h"

#include <string.h>

#define HAVE_FIXED 0x07 /* units 0, 1 and the first half of unit 2 */
#define HAVE_OPTION 0x08 /* the second half of unit 2 */

static struct packet_fragment *find_slot(struct packet_parser *pp, const struct packet_piece *piece)
{
	struct packet_fragment *f;

	for (unsigned int i = 0; i < PACKET_FRAGMENT_SLOTS; i++) {
		f = &pp->fragment[i];
		if (f->used && f->id == piece->id && addr_eq(f->src, piece->src) &&
		    addr_eq(f->dst, piece->dst))
			return f;
	}
	f = &pp->fragment[pp->next_slot];
	pp->next_slot = (pp->next_slot + 1) % PACKET_FRAGMENT_SLOTS;
	*f = (struct packet_fragment){
		.src = piece->src,
		.dst = piece->dst,
		.id = piece->id,
		.used = 1,
	};
	return f;
}

/* Half units, since a last fragment may end in the middle of unit 2, where the fixed part does. */
static void keep_unit(struct packet_fragment *f, unsigned int unit, const uint8_t *first,
		      const uint8_t *second)
{
	uint8_t *at = f->bytes + unit * FRAGMENT_UNIT;
	uint8_t bit = (uint8_t)(1 << unit);

	if (unit < FRAGMENT_HEADER_UNITS - 1) {
		if (!(f->have & bit) && second) {
			memcpy(at, first, 4);
			memcpy(at + 4, second, 4);
			f->have |= bit;
		}
		return;
	}
	if (!(f->have & bit)) {
		memcpy(at, first, 4);
		f->have |= bit;
	}
	if (!(f->have & HAVE_OPTION) && second) {
		memcpy(at + 4, second, 4);
		f->have |= HAVE_OPTION;
	}
}

size_t packet_fragment_join(struct packet_parser *pp, const struct packet_piece *piece,
			    struct cursor c, uint8_t header[PACKET_FRAGMENT_BYTES])
{
	struct packet_fragment *f = find_slot(pp, piece);
	const uint8_t *first;

	for (unsigned int unit = piece->unit; unit < FRAGMENT_HEADER_UNITS; unit++) {
		first = cursor_take(&c, FRAGMENT_UNIT / 2);
		if (!first)
			break;
		keep_unit(f, unit, first, cursor_take(&c, FRAGMENT_UNIT / 2));
	}
	if ((f->have & HAVE_FIXED) != HAVE_FIXED)
		return 0;
	memcpy(header, f->bytes, PACKET_FRAGMENT_BYTES);
	f->used = 0;
	return f->have & HAVE_OPTION ? 24 : 20;
}
