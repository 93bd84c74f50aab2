/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/packet.h"

#include "core/cursor.h"
#include "sensor/login.h"
#include "sensor/packet-fragment.h"
#include "sensor/packet-icmp.h"
#include "sensor/packet-ip.h"
#include "sensor/service-probe.h"

#include <string.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

#define TCP_HEADER 20
#define ANSWER_BYTES \
	100 /* UDP payloads of services beyond are answers: nobody asks at such length */

/* RFC 9293 §3.2; window scale and timestamps: RFC 7323; SACK permitted: RFC 2018. */
static uint8_t tcp_options(struct cursor c, struct packet *out)
{
	uint8_t kind, len, seen = PACKET_OPT_ANY;
	const uint8_t *body;

	while (cursor_u8(&c, &kind) && kind != 0) {
		if (kind == 1)
			continue;
		if (!cursor_u8(&c, &len) || len < 2)
			return seen | PACKET_OPT_BAD;
		body = cursor_take(&c, len - 2U);
		if (!body)
			return seen | PACKET_OPT_BAD;
		if (kind == 2 && len == 4) {
			seen |= PACKET_OPT_MSS;
			out->tcp_mss = be16(body);
		} else if (kind == 3 && len == 3) {
			seen |= PACKET_OPT_WSCALE;
		} else if (kind == 4 && len == 2) {
			seen |= PACKET_OPT_SACK;
		} else if (kind == 8 && len == 10) {
			seen |= PACKET_OPT_TIMESTAMP;
			out->tcp_timestamp = be32(body);
		} else if ((kind >= 2 && kind <= 4) || kind == 8) {
			seen |= PACKET_OPT_BAD;
		}
	}
	return seen;
}

/* h: the fixed part; v: what follows the options; whole: the options are all there. */
static enum packet_result tcp_fill(const struct packet_view *v, const uint8_t *h,
				   struct cursor options, bool whole, struct packet *out)
{
	enum packet_result r = packet_fill(v, PACKET_TCP, out);
	bool any = h[12] >> 4 > TCP_HEADER / 4;

	if (r)
		return r;
	out->sport = be16(h);
	out->dport = be16(h + 2);
	out->tcp_seq = be32(h + 4);
	out->tcp_ack = be32(h + 8);
	out->tcp_flags = h[13];
	out->tcp_window = be16(h + 14);
	out->tcp_urgent = be16(h + 18);
	out->tcp_options = any ? tcp_options(options, out) : 0;
	if (!whole) /* cut by the fragment's end, which is not the sender's mistake */
		out->tcp_options &= (uint8_t)~PACKET_OPT_BAD;
	return PACKET_OK;
}

static enum packet_result tcp_pieces(struct packet_parser *pp, struct packet_view *v,
				     struct packet *out)
{
	struct packet_piece piece = { .id = v->fragment_id, .unit = v->unit };
	uint8_t header[PACKET_FRAGMENT_BYTES];
	size_t len, options, size, begin = (size_t)v->unit * FRAGMENT_UNIT;
	enum packet_result r;
	struct cursor c;
	const uint8_t *p;

	if (v->unit >= FRAGMENT_HEADER_UNITS)
		return PACKET_IGNORED;
	/* The first fragment must hold the whole chain (RFC 7112 §5), so then it holds more than
	 * extension headers, and the transport header does not begin where the offsets do. */
	if (v->len == 0 || v->cut_chain)
		return PACKET_MALFORMED;
	/* IPv4 has no rule for a middle fragment that ends within a unit; Linux cuts it down. */
	if (v->more)
		v->len -= v->len % FRAGMENT_UNIT;
	len = v->len;
	r = packet_take(v, len < sizeof(header) - begin ? len : sizeof(header) - begin, &p);
	if (r)
		return r;
	if (!packet_addresses(v, &piece.src, &piece.dst))
		return PACKET_MALFORMED;
	size = packet_fragment_join(pp, &piece, cursor_over(p, (size_t)(v->c.pos - p)), header);
	if (!size)
		return PACKET_PENDING;
	if (packet_is_plain_data(header[13]))
		return PACKET_IGNORED;
	options = (size_t)(header[12] >> 4) * 4;
	if (options < TCP_HEADER)
		return PACKET_MALFORMED;
	c = cursor_over(header, options < size ? options : size);
	cursor_skip(&c, TCP_HEADER);
	v->len = begin + len > options ? begin + len - options : 0;
	r = tcp_fill(v, header, c, options <= size, out);
	if (!r)
		out->fragmented = 1;
	return r;
}

/* h: the fixed part of the header; v: what follows it. */
static enum packet_result read_data(struct packet_view *v, const uint8_t *h, bool acks,
				    struct packet *out)
{
	size_t size = (size_t)(h[12] >> 4) * 4 - TCP_HEADER;
	uint8_t question = 0, login;
	const uint8_t *options;
	enum packet_result r;

	if (h[12] >> 4 < TCP_HEADER / 4 || v->len < size || (v->len == size && !acks) ||
	    packet_take(v, size, &options))
		return PACKET_IGNORED;
	if (!v->len)
		return tcp_fill(v, h, cursor_over(options, size), true, out);
	if (v->len <= SERVICE_PROBE_MAX)
		question = service_probe(v->c.pos, cursor_left(&v->c), v->len);
	login = login_mark(v->c.pos, cursor_left(&v->c), v->len);
	if (!question && !login)
		return PACKET_IGNORED;
	r = tcp_fill(v, h, cursor_over(options, size), true, out);
	if (!r) {
		out->question = question;
		out->login = login;
	}
	return r;
}

static inline enum packet_result read_tcp(struct packet_parser *pp, struct packet_view *v,
					  struct packet *out)
{
	const uint8_t *h, *options;
	enum packet_result r;
	size_t size;
	bool whole;

	if (__builtin_expect(v->unit || (v->more && v->len < TCP_HEADER), 0))
		return tcp_pieces(pp, v, out);
	r = packet_take(v, TCP_HEADER, &h);
	if (r)
		return r;
	if (packet_is_plain_data(h[13]))
		return read_data(v, h, pp->acks, out);
	if (h[12] >> 4 < TCP_HEADER / 4)
		return PACKET_MALFORMED;
	size = (size_t)(h[12] >> 4) * 4 - TCP_HEADER;
	whole = size <= v->len || !v->more;
	if (!whole)
		size = v->len;
	r = packet_take(v, size, &options);
	if (r)
		return r;
	return tcp_fill(v, h, cursor_over(options, size), whole, out);
}

/* A DNS response (RFC 1035 §4.1.1): of an opcode that is assigned, to one question at most. */
static bool dns_answer(const uint8_t *h)
{
	return (h[2] & 0x80) && (h[2] >> 3 & 15) <= 6 && be16(h + 4) <= 1;
}

/* NTP: a server's or a broadcast packet (RFC 5905 §7.3), or a response of the control (RFC 9327) or
 * private modes, which floods are reflected with. */
static bool ntp_answer(const uint8_t *h)
{
	switch (h[0] & 7) {
	case 4:
	case 5:
		return true;
	case 6:
		return h[1] & 0x80;
	case 7:
		return h[0] & 0x80;
	}
	return false;
}

/*
 * Does the payload answer what somebody asked in this host's name? From the ports of services that
 * reflect floods (Rossow, "Amplification Hell", 2014); where the payload does not say, by its size.
 */
bool packet_udp_answer(struct packet_view *v, uint16_t sport)
{
	size_t len = v->len;
	const uint8_t *h;

	switch (sport) {
	case 53:
		return len >= 12 && packet_take(v, 12, &h) == PACKET_OK && dns_answer(h);
	case 123:
		return len >= 8 && packet_take(v, 8, &h) == PACKET_OK && ntp_answer(h);
	case 1900: /* UPnP Device Architecture §1.3.3 */
		return len >= 5 && packet_take(v, 5, &h) == PACKET_OK && !memcmp(h, "HTTP/", 5);
	case 17: /* quote of the day, characters: any question will do */
	case 19:
		return len > 0;
	case 111:
	case 137:
	case 161:
	case 389:
	case 520:
	case 3702:
	case 5353:
	case 5683:
	case 11211:
		return len > ANSWER_BYTES;
	}
	return false;
}

/* RFC 768. A length that disagrees with IP's is dropped by hosts; zero is a jumbogram's. */
static enum packet_result read_udp(struct packet_view *v, struct packet *out)
{
	enum packet_result r;
	const uint8_t *h;
	size_t len;

	if (v->unit)
		return PACKET_IGNORED;
	r = packet_take(v, 8, &h);
	if (r)
		return r;
	len = be16(h + 4);
	if (len == 0 && v->len <= UINT16_MAX)
		return PACKET_MALFORMED;
	if (len != 0 && (len < 8 || (len - 8 > v->len && !v->more)))
		return PACKET_MALFORMED;
	r = packet_fill(v, PACKET_UDP, out);
	if (r)
		return r;
	out->sport = be16(h);
	out->dport = be16(h + 2);
	out->answer = packet_udp_answer(v, out->sport);
	return PACKET_OK;
}

/* RFC 9260 §3: a common header, then chunks. Only what opens or refuses an association. */
static enum packet_result read_sctp(struct packet_view *v, struct packet *out)
{
	const unsigned int opening = 1 << PACKET_SCTP_INIT | 1 << PACKET_SCTP_INIT_ACK |
				     1 << PACKET_SCTP_ABORT | 1 << PACKET_SCTP_COOKIE_ECHO;
	enum packet_result r;
	const uint8_t *h;

	if (v->unit)
		return PACKET_IGNORED;
	r = packet_take(v, 16, &h);
	if (r)
		return r;
	if (h[12] > PACKET_SCTP_COOKIE_ECHO || !(opening >> h[12] & 1))
		return PACKET_IGNORED;
	r = packet_fill(v, PACKET_SCTP, out);
	if (r)
		return r;
	out->sport = be16(h);
	out->dport = be16(h + 2);
	out->type = h[12];
	return PACKET_OK;
}

static enum packet_result read_unspoken(struct packet_view *v, struct packet *out)
{
	enum packet_result r;

	if (v->unit)
		return PACKET_IGNORED;
	r = packet_fill(v, PACKET_IP, out);
	if (!r)
		out->dport = v->proto;
	return r;
}

static inline enum packet_result read_ip(uint16_t ethertype, struct packet_view *v)
{
	uint8_t version;
	struct cursor peek = v->c;

	if (ethertype == 0) {
		if (!cursor_u8(&peek, &version))
			return v->len ? PACKET_TRUNCATED : PACKET_MALFORMED;
		ethertype = version >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	}
	if (ethertype == ETHERTYPE_IPV4)
		return packet_read_v4(v);
	if (ethertype == ETHERTYPE_IPV6)
		return packet_read_v6(v);
	return PACKET_IGNORED;
}

static inline enum packet_result read_transport(struct packet_parser *pp, struct packet_view *v,
						struct packet *out)
{
	if (v->proto == PROTO_TCP)
		return read_tcp(pp, v, out);
	if (v->proto == PROTO_UDP)
		return read_udp(v, out);
	if (v->proto == PROTO_ICMP && !v->v6)
		return packet_read_icmp(v, out);
	if (v->proto == PROTO_ICMPV6 && v->v6)
		return packet_read_icmpv6(v, out);
	if (v->proto == PROTO_SCTP)
		return read_sctp(v, out);
	if (packet_unspoken(v->proto))
		return read_unspoken(v, out);
	return PACKET_IGNORED;
}

/* No more can be captured than there was: a capture that says so has its lengths wrong. */
static inline struct packet_view view_of(const uint8_t *bytes, size_t captured, size_t wire_len)
{
	return (struct packet_view){
		.c = cursor_over(bytes, captured),
		.len = wire_len > captured ? wire_len : captured,
	};
}

enum packet_result packet_parse(struct packet_parser *pp, uint16_t ethertype, const uint8_t *bytes,
				size_t captured, size_t wire_len, struct packet *out)
{
	struct packet_view v = view_of(bytes, captured, wire_len), transport;
	uint32_t len = (uint32_t)v.len;
	enum packet_result r = read_ip(ethertype, &v);

	if (!r) {
		transport = v;
		r = read_transport(pp, &v, out);
		if (r == PACKET_IGNORED && pp->bulk)
			r = packet_read_bulk(&transport, out);
	}
	pp->counts[r]++;
	if (r == PACKET_OK)
		out->wire_len = len;
	return r;
}

enum packet_result packet_parse_sample(struct packet_parser *pp, uint16_t ethertype,
				       const uint8_t *bytes, size_t captured, size_t wire_len,
				       struct packet *out)
{
	struct packet_view v = view_of(bytes, captured, wire_len);
	uint32_t len = (uint32_t)v.len;
	enum packet_result r = read_ip(ethertype, &v);

	if (!r)
		r = packet_read_bulk(&v, out);
	pp->counts[r]++;
	if (r == PACKET_OK)
		out->wire_len = len;
	return r;
}

/* RFC 826: Ethernet and IPv4, a request. Probes and announcements (RFC 5227 §1.1) ask for no one. */
static enum packet_result read_arp(struct packet_view *v, struct packet *out)
{
	static const uint8_t request[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	enum packet_result r;
	const uint8_t *h;

	r = packet_take(v, sizeof(request), &h);
	if (r)
		return r;
	if (memcmp(h, request, sizeof(request)) != 0)
		return PACKET_IGNORED;
	r = packet_take(v, 20, &h);
	if (r)
		return r;
	v->src = h + 6;
	v->dst = h + 16;
	if (be32(v->src) == 0 || be32(v->src) == be32(v->dst))
		return PACKET_IGNORED;
	v->len = 0; /* what follows is padding */
	return packet_fill(v, PACKET_ARP_REQUEST, out);
}

enum packet_result packet_parse_arp(struct packet_parser *pp, const uint8_t *bytes, size_t captured,
				    struct packet *out)
{
	/* ARP has no length field: what is not there was not captured. */
	struct packet_view v = { .c = cursor_over(bytes, captured), .len = SIZE_MAX };
	enum packet_result r = read_arp(&v, out);

	pp->counts[r]++;
	return r;
}

void packet_parser_init(struct packet_parser *pp)
{
	*pp = (struct packet_parser){ 0 };
}
