/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/packet-ip.h"

#define TCP_HEADER 20
#define UDP_HEADER 8
#define SCTP_HEADER 16 /* the common header, and its first chunk's */

/* Ports are at the same place in TCP, UDP and SCTP. */
static enum packet_result take_ports(struct packet_view *v, size_t header, uint8_t proto,
				     const uint8_t **h, struct packet *out)
{
	enum packet_result r = packet_take(v, header, h);

	if (!r)
		r = packet_fill(v, proto, out);
	if (r)
		return r;
	out->sport = be16(*h);
	out->dport = be16(*h + 2);
	out->bulk = 1;
	return PACKET_OK;
}

static enum packet_result read_tcp(struct packet_view *v, struct packet *out)
{
	const uint8_t *h;
	enum packet_result r = take_ports(v, TCP_HEADER, PACKET_TCP, &h, out);
	size_t options;

	if (r)
		return r;
	options = (size_t)(h[12] >> 4) * 4;
	options = options > TCP_HEADER ? options - TCP_HEADER : 0;
	out->payload = options < out->payload ? (uint16_t)(out->payload - options) : 0;
	out->tcp_seq = be32(h + 4);
	out->tcp_ack = be32(h + 8);
	out->tcp_flags = h[13];
	out->tcp_window = be16(h + 14);
	return PACKET_OK;
}

static enum packet_result read_udp(struct packet_view *v, struct packet *out)
{
	const uint8_t *h;
	enum packet_result r = take_ports(v, UDP_HEADER, PACKET_UDP, &h, out);

	if (!r)
		out->answer = packet_udp_answer(v, out->sport);
	return r;
}

static enum packet_result read_sctp(struct packet_view *v, struct packet *out)
{
	const uint8_t *h;
	enum packet_result r = take_ports(v, SCTP_HEADER, PACKET_SCTP, &h, out);

	if (!r)
		out->type = h[12];
	return r;
}

static enum packet_result read_icmp(struct packet_view *v, uint8_t echo, uint8_t reply,
				    struct packet *out)
{
	enum packet_result r;
	const uint8_t *h;

	r = packet_take(v, 8, &h);
	if (!r)
		r = packet_fill(v,
				h[0] == echo  ? PACKET_ICMP_ECHO :
				h[0] == reply ? PACKET_ICMP_ECHO_REPLY :
						PACKET_ICMP,
				out);
	if (r)
		return r;
	out->type = h[0];
	out->bulk = 1;
	return PACKET_OK;
}

static enum packet_result read_other(struct packet_view *v, struct packet *out)
{
	enum packet_result r = packet_fill(v, PACKET_OTHER, out);

	if (r)
		return r;
	out->dport = v->proto;
	out->bulk = 1;
	return PACKET_OK;
}

enum packet_result packet_read_bulk(struct packet_view *v, struct packet *out)
{
	if (v->unit)
		return read_other(v, out);
	if (v->proto == PROTO_TCP)
		return read_tcp(v, out);
	if (v->proto == PROTO_UDP)
		return read_udp(v, out);
	if (v->proto == PROTO_ICMP && !v->v6)
		return read_icmp(v, 8, 0, out);
	if (v->proto == PROTO_ICMPV6 && v->v6)
		return read_icmp(v, 128, 129, out);
	if (v->proto == PROTO_SCTP)
		return read_sctp(v, out);
	return read_other(v, out);
}
