/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network layer of a packet: from the first byte of IPv4 or IPv6 to the transport header.
 *
 * Lengths are judged twice. What the IP header says must fit the wire and hold the headers that
 * follow, or the packet is malformed; what was captured must reach as far, or it is truncated.
 */
#ifndef MIMAMORI_SENSOR_PACKET_IP_H
#define MIMAMORI_SENSOR_PACKET_IP_H

#include "core/cursor.h"
#include "sensor/packet.h"

#define FRAGMENT_UNIT 8 /* bytes; fragment offsets count in it (RFC 791, RFC 8200 §4.5) */

/* IANA protocol numbers. */
enum {
	PROTO_HOP_BY_HOP = 0,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_ICMPV6 = 58,
	PROTO_DESTINATION = 60,
	PROTO_SCTP = 132,
};

/* A datagram on its way through the layers. Addresses stay bytes: most packets never need them. */
struct packet_view {
	struct cursor c; /* what was captured of the part not yet read */
	size_t len; /* bytes of that part by the lengths in the headers, captured or not */
	const uint8_t *src, *dst; /* 4 or 16 bytes, borrowed from the packet */
	bool v6, more; /* more: fragments follow */
	bool quoted; /* inside an ICMP error, which cuts it short */
	bool cut_chain; /* extension headers stand inside the fragmented part */
	uint8_t proto, ttl;
	uint16_t ip_id;
	uint16_t unit; /* fragment offset in units of eight bytes */
	uint32_t fragment_id;
};

static inline uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t be64(const uint8_t *p)
{
	return (uint64_t)be32(p) << 32 | be32(p + 4);
}

/*
 * Borrowed bytes, n of them. PACKET_MALFORMED when the headers leave no room for them,
 * PACKET_TRUNCATED when they were not captured; then nothing moves.
 */
static inline enum packet_result packet_take(struct packet_view *v, size_t n, const uint8_t **out)
{
	const uint8_t *p;

	if (v->len < n)
		return PACKET_MALFORMED;
	p = cursor_take(&v->c, n);
	if (!p)
		return PACKET_TRUNCATED;
	v->len -= n;
	*out = p;
	return PACKET_OK;
}

/*
 * Reads the header in v->c, of which v->len bytes were on the wire, and what extends it. PACKET_OK:
 * v->proto says what comes next, or, when v->unit is not 0, what its first fragment holds.
 */
enum packet_result packet_read_v4(struct packet_view *v);
enum packet_result packet_read_v6(struct packet_view *v);

/*
 * Both addresses of a datagram read; false when they may not stand in a packet: a mapped address in an
 * IPv6 packet would pass for an IPv4 peer. None belongs on a wire (RFC 4942 §2.2), and Linux drops them.
 */
static inline bool packet_addresses(const struct packet_view *v, struct addr *src, struct addr *dst)
{
	if (!v->v6) {
		*src = addr_from_v4(be32(v->src));
		*dst = addr_from_v4(be32(v->dst));
		return true;
	}
	*src = (struct addr){ be64(v->src), be64(v->src + 8) };
	*dst = (struct addr){ be64(v->dst), be64(v->dst + 8) };
	return !addr_is_v4(*src) && !addr_is_v4(*dst);
}

/* What all packets have, and that v->len is the payload; the rest is 0. Keeps t_ns, dir and ifindex. */
static inline enum packet_result packet_fill(const struct packet_view *v, uint8_t proto,
					     struct packet *out)
{
	struct addr src, dst;

	if (!packet_addresses(v, &src, &dst))
		return PACKET_MALFORMED;
	*out = (struct packet){
		.t_ns = out->t_ns,
		.dir = out->dir,
		.ifindex = out->ifindex,
		.src = src,
		.dst = dst,
		.proto = proto,
		.stands_for = 1,
		.fragment = v->unit ? PACKET_LATER_FRAGMENT :
			    v->more ? PACKET_FIRST_FRAGMENT :
				      PACKET_WHOLE,
		.ttl = v->ttl,
		.ip_id = v->ip_id,
		.payload = v->len > UINT16_MAX ? UINT16_MAX : (uint16_t)v->len,
	};
	return PACKET_OK;
}

/* Does the payload answer what somebody asked in this host's name? v: what follows the UDP header. */
bool packet_udp_answer(struct packet_view *v, uint16_t sport);

/* What is only counted (packet-bulk.c). v: after the headers of IP. */
enum packet_result packet_read_bulk(struct packet_view *v, struct packet *out);

#endif
