/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames for the benches: Ethernet, IPv4 or IPv6, TCP, with right checksums.
 */
#ifndef BENCH_FRAMES_H
#define BENCH_FRAMES_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FRAME_ETH 14
#define FRAME_MAX 1514
#define FRAME_SYN 0x02
#define FRAME_RST 0x04
#define FRAME_ACK 0x10

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
	uint16_t payload; /* bytes after the TCP header, zeros */
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

/* Writes the frame to buf (FRAME_MAX bytes); its length. */
static inline size_t frame_build(const struct frame *f, uint8_t *buf)
{
	size_t ip_len = f->v6 ? 40 : 20, alen = f->v6 ? 16 : 4;
	uint16_t tcp_len = (uint16_t)(20 + f->payload);
	uint8_t *ip = buf + FRAME_ETH, *tcp = ip + ip_len;

	memset(buf, 0, FRAME_ETH + ip_len + tcp_len);
	memcpy(buf, f->dst_mac, 6);
	memcpy(buf + 6, f->src_mac, 6);
	frame_put16(buf + 12, f->v6 ? 0x86dd : 0x0800);
	if (f->v6) {
		ip[0] = 0x60;
		frame_put16(ip + 4, tcp_len);
		ip[6] = 6;
		ip[7] = f->ttl ? f->ttl : 64;
	} else {
		ip[0] = 0x45;
		frame_put16(ip + 2, (uint16_t)(20 + tcp_len));
		ip[8] = f->ttl ? f->ttl : 64;
		ip[9] = 6;
	}
	memcpy(ip + (f->v6 ? 8 : 12), f->src, alen);
	memcpy(ip + (f->v6 ? 24 : 16), f->dst, alen);
	if (!f->v6)
		frame_checksum(ip + 10, frame_sum(ip, 20));
	frame_put16(tcp, f->sport);
	frame_put16(tcp + 2, f->dport);
	frame_put16(tcp + 4, (uint16_t)(f->seq >> 16));
	frame_put16(tcp + 6, (uint16_t)f->seq);
	tcp[12] = 0x50;
	tcp[13] = f->flags;
	frame_put16(tcp + 14, f->window ? f->window : 64240);
	/* The payload is zeros: only headers enter the sum. */
	frame_checksum(tcp + 16, frame_sum(tcp, 20) + frame_sum(ip + (f->v6 ? 8 : 12), 2 * alen) +
					 6 + tcp_len);
	return FRAME_ETH + ip_len + tcp_len;
}

#endif
