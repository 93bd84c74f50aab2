/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of captures: files written byte by byte after the formats' own description (draft-ietf-opsawg-pcap), and
 * what the engine gets of them.
 */
#ifndef MIMAMORI_SENSOR_REPLAY_FIXTURE_H
#define MIMAMORI_SENSOR_REPLAY_FIXTURE_H

#include "sensor/replay-source.h"

#include "core/clock.h"
#include "sensor/engine.h"
#include "sensor/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_SEEN 64
#define MAGIC_MICROS 0xa1b2c3d4
#define MAGIC_NANOS 0xa1b23c4d
#define LINKTYPE_ETHERNET 1
#define LINKTYPE_RAW 101
#define LINKTYPE_IEEE802_11 105

static struct packet seen[MAX_SEEN];
static unsigned int n_seen;

static uint8_t file[8192];
static size_t file_len;

static struct clock test_clock;
static struct source_stats stats;
static char error[REPLAY_ERROR_LEN];

/* Stands for the engine. */
void engine_packet(struct engine *e, const struct packet *p)
{
	(void)e;
	assert_true(n_seen < MAX_SEEN);
	seen[n_seen++] = *p;
}

/* 192.0.2.1:40000 > 198.51.100.2:23, SYN */
static const uint8_t syn4[] = {
	0x45, 0,    0, 40, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 192,  0,	 2,    1, 198, 51, 100, 2,
	0x9c, 0x40, 0, 23, 0,	 0,    0,    1, 0,  0, 0, 0, 0x50, 0x02, 0x04, 0, 0,   0,  0,	0,
};

/* [2001:db8::1]:40000 > [2001:db8::2]:23, SYN */
static const uint8_t syn6[] = {
	0x60, 0, 0, 0, 0, 20, 6, 64,   0x20, 0x01, 0x0d, 0xb8, 0,    0,	 0,
	0,    0, 0, 0, 0, 0,  0, 0,    1,    0x20, 0x01, 0x0d, 0xb8, 0,	 0,
	0,    0, 0, 0, 0, 0,  0, 0,    0,    2,	   0x9c, 0x40, 0,    23, 0,
	0,    0, 1, 0, 0, 0,  0, 0x50, 0x02, 0x04, 0,	 0,    0,    0,	 0,
};

static inline void put(const void *bytes, size_t len)
{
	assert_true(file_len + len <= sizeof(file));
	if (len)
		memcpy(file + file_len, bytes, len);
	file_len += len;
}

static inline void put16(uint16_t v)
{
	put(&v, sizeof(v));
}

static inline void put32(uint32_t v)
{
	put(&v, sizeof(v));
}

/* The file header; numbers are in this machine's order, as the magic says. */
static inline void begin(uint32_t magic, uint32_t linktype)
{
	file_len = 0;
	put32(magic);
	put16(2);
	put16(4);
	put32(0);
	put32(0);
	put32(65535);
	put32(linktype);
}

static inline void record(uint32_t seconds, uint32_t fraction, const void *link, size_t link_len,
			  const void *net, size_t net_len)
{
	put32(seconds);
	put32(fraction);
	put32((uint32_t)(link_len + net_len));
	put32((uint32_t)(link_len + net_len));
	put(link, link_len);
	put(net, net_len);
}

static inline int replay_cut(size_t len)
{
	n_seen = 0;
	memset(&stats, 0, sizeof(stats));
	memset(error, 0, sizeof(error));
	clock_init_replay(&test_clock);
	return replay_bytes(file, len, NULL, &test_clock, &stats, error);
}

static inline int replay(void)
{
	return replay_cut(file_len);
}

static inline void expect_addr(struct addr got, const char *text)
{
	struct addr want;

	assert_int_equal(addr_parse(text, &want), 0);
	assert_true(addr_eq(got, want));
}

static inline void expect_syn(const struct packet *p, bool v6)
{
	expect_addr(p->src, v6 ? "2001:db8::1" : "192.0.2.1");
	expect_addr(p->dst, v6 ? "2001:db8::2" : "198.51.100.2");
	assert_int_equal(p->proto, PACKET_TCP);
	assert_int_equal(p->sport, 40000);
	assert_int_equal(p->dport, 23);
	assert_int_equal(p->tcp_flags, TCP_SYN);
	assert_int_equal(p->payload, 0);
	assert_int_equal(p->dir, PACKET_DIR_UNKNOWN);
	assert_int_equal(p->ifindex, 0);
}

/* Of an Ethernet header: to, from. */
#define MACS 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1

#endif
