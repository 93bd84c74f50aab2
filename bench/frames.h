/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames for the benches: Ethernet, IPv4 or IPv6; TCP, UDP, an echo request, a later fragment or an
 * unknown protocol; with right checksums.
 */
#ifndef BENCH_FRAMES_H
#define BENCH_FRAMES_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FRAME_ETH 14
#define FRAME_MAX 1514
#define FRAME_PAYLOAD 1400
#define FRAME_FIN 0x01
#define FRAME_SYN 0x02
#define FRAME_RST 0x04
#define FRAME_ACK 0x10
#define FRAME_FRAGMENT 44 /* IPv6's header (RFC 8200 §4.5) */

/* Addresses and ports of a frame; addresses are 4 or 16 bytes in network order. */
struct frame {
	bool v6;
	uint8_t src_mac[6], dst_mac[6];
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
	uint32_t seq;
	uint8_t flags;
	uint8_t ttl; /* or hop limit; 0: 64 */
	uint16_t window; /* 0: 64240, Linux's */
	uint16_t payload; /* bytes after the transport's header, at most FRAME_PAYLOAD */
	const uint8_t *data; /* the payload; NULL: zeros */
	uint8_t proto; /* of IP; 0: TCP */
	uint16_t fragment; /* its offset in units of eight bytes, with more to come; 0: none */
};

/* xorshift64*: fast, and the same frames for the same seed. */
static inline uint64_t frame_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

static inline uint32_t frame_sum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	if (len % 2)
		sum += (uint32_t)(bytes[len - 1] << 8);
	return sum;
}

static inline void frame_put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void frame_checksum(uint8_t *at, uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	frame_put16(at, (uint16_t)~sum);
}

/* The sum of the transport's pseudo header (RFC 9293 §3.1, RFC 8200 §8.1). */
static inline uint32_t frame_pseudo(const struct frame *f, uint8_t proto, uint16_t len)
{
	size_t alen = f->v6 ? 16 : 4;

	return frame_sum(f->src, alen) + frame_sum(f->dst, alen) + proto + len;
}

/* The transport's header, in front of a payload that stands already; its checksum's place is zero. */
static inline void frame_transport(const struct frame *f, uint8_t proto, uint8_t *at, uint16_t len)
{
	uint32_t pseudo = frame_pseudo(f, proto, len);

	if (proto == IPPROTO_TCP) {
		frame_put16(at, f->sport);
		frame_put16(at + 2, f->dport);
		frame_put16(at + 4, (uint16_t)(f->seq >> 16));
		frame_put16(at + 6, (uint16_t)f->seq);
		at[12] = 0x50;
		at[13] = f->flags;
		frame_put16(at + 14, f->window ? f->window : 64240);
		frame_checksum(at + 16, frame_sum(at, f->data ? len : 20) + pseudo);
	} else if (proto == IPPROTO_UDP) {
		frame_put16(at, f->sport);
		frame_put16(at + 2, f->dport);
		frame_put16(at + 4, len);
		frame_checksum(at + 6, frame_sum(at, f->data ? len : 8) + pseudo);
	} else if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
		at[0] = f->v6 ? 128 : 8; /* echo request */
		frame_put16(at + 4, f->sport);
		frame_put16(at + 6, (uint16_t)f->seq);
		frame_checksum(at + 2, frame_sum(at, f->data ? len : 8) + (f->v6 ? pseudo : 0));
	}
}

static inline size_t frame_header_len(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_UDP:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 8;
	default:
		return 0;
	}
}

/* Writes the frame to buf (FRAME_MAX bytes); its length. */
static inline size_t frame_build(const struct frame *f, uint8_t *buf)
{
	uint8_t proto = f->proto ? f->proto : IPPROTO_TCP;
	size_t ip_len = f->v6 ? f->fragment ? 48 : 40 : 20;
	size_t header = f->fragment ? 0 : frame_header_len(proto);
	uint16_t len = (uint16_t)(header + f->payload);
	uint8_t *ip = buf + FRAME_ETH, *at = ip + ip_len;

	memset(buf, 0, FRAME_ETH + ip_len + header + (f->data ? 0 : f->payload));
	if (f->data)
		memcpy(at + header, f->data, f->payload);
	memcpy(buf, f->dst_mac, 6);
	memcpy(buf + 6, f->src_mac, 6);
	frame_put16(buf + 12, f->v6 ? 0x86dd : 0x0800);
	if (f->v6) {
		ip[0] = 0x60;
		frame_put16(ip + 4, (uint16_t)(ip_len - 40 + len));
		ip[6] = f->fragment ? FRAME_FRAGMENT : proto;
		ip[7] = f->ttl ? f->ttl : 64;
	} else {
		ip[0] = 0x45;
		frame_put16(ip + 2, (uint16_t)(20 + len));
		ip[8] = f->ttl ? f->ttl : 64;
		ip[9] = proto;
	}
	memcpy(ip + (f->v6 ? 8 : 12), f->src, f->v6 ? 16 : 4);
	memcpy(ip + (f->v6 ? 24 : 16), f->dst, f->v6 ? 16 : 4);
	if (f->fragment && f->v6) {
		ip[40] = proto;
		frame_put16(ip + 42, (uint16_t)(f->fragment << 3 | 1));
		frame_put16(ip + 46, (uint16_t)f->seq);
	} else if (f->fragment) {
		frame_put16(ip + 4, (uint16_t)f->seq);
		frame_put16(ip + 6, (uint16_t)(0x2000 | f->fragment));
	}
	if (!f->v6)
		frame_checksum(ip + 10, frame_sum(ip, 20));
	if (!f->fragment)
		frame_transport(f, proto, at, len);
	return FRAME_ETH + ip_len + len;
}

#endif
