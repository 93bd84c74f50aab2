/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/packet-icmp.h"

#include <string.h>

static enum packet_proto quoted_proto(uint8_t protocol, bool v6)
{
	switch (protocol) {
	case PROTO_TCP:
		return PACKET_TCP;
	case PROTO_UDP:
		return PACKET_UDP;
	case PROTO_SCTP:
		return PACKET_SCTP;
	}
	return protocol == (v6 ? PROTO_ICMPV6 : PROTO_ICMP) ? PACKET_OTHER : PACKET_IP;
}

/*
 * The datagram quoted in an ICMP error, turned round. An error goes to who sent what it quotes;
 * one that goes elsewhere is forged, to blame the quoted sender for probes that nobody sent.
 */
static enum packet_result read_unreachable(struct packet_view *v, bool port, struct packet *out)
{
	struct packet_view q = { .c = v->c, .len = v->len, .quoted = true };
	const uint8_t *ports = NULL;
	enum packet_result r;

	r = v->v6 ? packet_read_v6(&q) : packet_read_v4(&q);
	if (r)
		return r;
	if (q.unit)
		return PACKET_IGNORED;
	if (memcmp(q.src, v->dst, v->v6 ? 16 : 4) != 0)
		return PACKET_MALFORMED;
	if (q.proto == PROTO_TCP || q.proto == PROTO_UDP || q.proto == PROTO_SCTP) {
		r = packet_take(&q, 4, &ports);
		if (r)
			return r;
	}
	q.src = q.dst;
	q.dst = v->dst;
	q.ttl = v->ttl;
	q.ip_id = v->ip_id;
	q.len = v->len;
	r = packet_fill(&q, PACKET_UNREACHABLE, out);
	if (r)
		return r;
	out->unreachable_port = port;
	out->quoted_proto = quoted_proto(q.proto, v->v6);
	if (ports) {
		out->sport = be16(ports + 2);
		out->dport = be16(ports);
	} else if (out->quoted_proto == PACKET_IP) {
		out->sport = q.proto;
	}
	return PACKET_OK;
}

static enum packet_result fill_icmp(const struct packet_view *v, uint8_t proto, uint8_t type,
				    struct packet *out)
{
	enum packet_result r = packet_fill(v, proto, out);

	if (!r)
		out->type = type;
	return r;
}

/* Type, code, checksum and what they make of the next four bytes. Fragments have them once. */
static enum packet_result take_head(struct packet_view *v, const uint8_t **h)
{
	return v->unit ? PACKET_IGNORED : packet_take(v, 8, h);
}

/* RFC 792 and, of address masks, RFC 950; codes 9, 10 and 13 from RFC 1812 §5.2.7.1. Codes that do not refuse (fragmentation
 * needed, source route failed, precedence and type of service) are nothing for detection. */
enum packet_result packet_read_icmp(struct packet_view *v, struct packet *out)
{
	const unsigned int refusals = 0x000f | 1 << 9 | 1 << 10 | 1 << 13;
	const uint8_t *h;
	enum packet_result r = take_head(v, &h);

	if (r)
		return r;
	if (h[0] == 8)
		return packet_fill(v, PACKET_ICMP_ECHO, out);
	if (h[0] == 13 || h[0] == 15 || h[0] == 17)
		return fill_icmp(v, PACKET_ICMP_QUERY, h[0], out);
	if (h[0] == 0)
		return packet_fill(v, PACKET_ICMP_ECHO_REPLY, out);
	if (h[0] == 3 && h[1] < 16 && refusals >> h[1] & 1)
		return read_unreachable(v, h[1] == 2 || h[1] == 3, out);
	return PACKET_IGNORED;
}

/* RFC 4861 §4.3. From the unspecified address it is a sender who looks whether its own is free. */
static enum packet_result read_neighbour(struct packet_view *v, struct packet *out)
{
	struct addr src, dst;
	const uint8_t *target;
	enum packet_result r = packet_take(v, 16, &target);

	if (r || v->ttl != 255) /* it has come through a router: none of its hosts heeds it */
		return r ? r : PACKET_IGNORED;
	v->dst = target;
	if (!packet_addresses(v, &src, &dst))
		return PACKET_MALFORMED;
	if (addr_is_unspecified(src) || addr_is_multicast(dst))
		return PACKET_IGNORED;
	return packet_fill(v, PACKET_NEIGHBOUR, out);
}

/* RFC 4443 §3.1, §3.4 (code 1: nobody here speaks the protocol), §4; node information: RFC 4620. */
enum packet_result packet_read_icmpv6(struct packet_view *v, struct packet *out)
{
	const uint8_t *h;
	enum packet_result r = take_head(v, &h);

	if (r)
		return r;
	if (h[0] == 128)
		return packet_fill(v, PACKET_ICMP_ECHO, out);
	if (h[0] == 129)
		return packet_fill(v, PACKET_ICMP_ECHO_REPLY, out);
	if (h[0] == 139)
		return fill_icmp(v, PACKET_ICMP_QUERY, h[0], out);
	if (h[0] == 135)
		return read_neighbour(v, out);
	if (h[0] == 1 && h[1] <= 6)
		return read_unreachable(v, h[1] == 4, out);
	if (h[0] == 4 && h[1] == 1)
		return read_unreachable(v, true, out);
	return PACKET_IGNORED;
}
