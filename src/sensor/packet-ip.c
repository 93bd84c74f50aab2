/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/packet-ip.h"

#define V4_HEADER 20
#define V6_HEADER 40

/*
 * Bounds the datagram by the length its header gives for what is left to read. A length of zero
 * stands for one beyond 64 KiB: a jumbogram (RFC 2675 §3), or a train of segments that was captured
 * before the network card cut it up (Linux "BIG TCP").
 */
static inline enum packet_result bound(struct packet_view *v, size_t len)
{
	if (v->quoted)
		return PACKET_OK; /* the quote is shorter than what it quotes, and bounded itself */
	if (len > v->len)
		return PACKET_MALFORMED;
	v->len = len;
	cursor_limit(&v->c, len);
	return PACKET_OK;
}

/* RFC 791 §3.1 */
enum packet_result packet_read_v4(struct packet_view *v)
{
	const uint8_t *h, *options;
	enum packet_result r;
	size_t header, total;
	uint16_t fragment;

	r = packet_take(v, V4_HEADER, &h);
	if (r)
		return r;
	header = (size_t)(h[0] & 0x0f) * 4;
	total = be16(h + 2);
	if (h[0] >> 4 != 4 || header < V4_HEADER)
		return PACKET_MALFORMED;
	if (total == 0 && v->len + V4_HEADER > UINT16_MAX)
		total = v->len + V4_HEADER;
	if (total < header && !v->quoted)
		return PACKET_MALFORMED;
	r = bound(v, total - V4_HEADER);
	if (!r && header > V4_HEADER)
		r = packet_take(v, header - V4_HEADER, &options);
	if (r)
		return r;
	fragment = be16(h + 6);
	v->more = fragment & 0x2000;
	v->unit = fragment & 0x1fff;
	v->ip_id = be16(h + 4);
	v->fragment_id = v->ip_id;
	v->ttl = h[8];
	v->proto = h[9];
	v->src = h + 12;
	v->dst = h + 16;
	/* Past the largest datagram there is: the "ping of death". */
	if ((size_t)v->unit * FRAGMENT_UNIT + v->len > UINT16_MAX && v->unit)
		return PACKET_MALFORMED;
	return PACKET_OK;
}

/* RFC 8200 §4.5 */
static enum packet_result read_fragment(struct packet_view *v)
{
	const uint8_t *h;
	enum packet_result r = packet_take(v, 8, &h);

	if (r)
		return r;
	v->proto = h[0];
	v->unit = be16(h + 2) >> 3;
	v->more = h[3] & 1;
	v->fragment_id = be32(h + 4);
	if (v->more && v->len % FRAGMENT_UNIT && !v->quoted)
		return PACKET_MALFORMED;
	return PACKET_OK;
}

/*
 * Follows the chain of extension headers (RFC 8200 §4) to the transport header. Hop-by-hop options may
 * only come first, and one fragment header is enough for anyone: hosts differ on more, so they
 * serve only to hide what follows.
 */
static enum packet_result read_chain(struct packet_view *v)
{
	bool fragment = false;
	const uint8_t *h;
	enum packet_result r;
	size_t size;

	for (unsigned int n = 0;; n++) {
		switch (v->proto) {
		case PROTO_HOP_BY_HOP:
			if (n > 0)
				return PACKET_MALFORMED;
			break;
		case PROTO_ROUTING:
		case PROTO_DESTINATION:
		case PROTO_AH:
			break;
		case PROTO_FRAGMENT:
			if (fragment || n == PACKET_MAX_EXTENSIONS)
				return PACKET_MALFORMED;
			fragment = true;
			r = read_fragment(v);
			if (r)
				return r;
			if (v->unit) /* the rest of the chain was in the first fragment */
				return PACKET_OK;
			continue;
		default:
			return PACKET_OK;
		}
		if (n == PACKET_MAX_EXTENSIONS)
			return PACKET_MALFORMED;
		r = packet_take(v, 8, &h);
		if (r)
			return r;
		/* AH counts its length otherwise than its siblings do (RFC 4302 §2.2). */
		size = v->proto == PROTO_AH ? (h[1] + 2U) * 4 : (h[1] + 1U) * 8;
		v->proto = h[0];
		v->cut_chain = fragment;
		r = packet_take(v, size - 8, &h);
		if (r)
			return r;
	}
}

/* RFC 8200 §3 */
enum packet_result packet_read_v6(struct packet_view *v)
{
	const uint8_t *h;
	enum packet_result r;
	size_t len;

	r = packet_take(v, V6_HEADER, &h);
	if (r)
		return r;
	if (h[0] >> 4 != 6)
		return PACKET_MALFORMED;
	len = be16(h + 4);
	if (len == 0 && v->len > UINT16_MAX)
		len = v->len;
	r = bound(v, len);
	if (r)
		return r;
	v->v6 = true;
	v->proto = h[6];
	v->ttl = h[7];
	v->src = h + 8;
	v->dst = h + 24;
	return v->proto == PROTO_TCP ? PACKET_OK : read_chain(v);
}
