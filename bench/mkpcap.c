/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes a capture to replay: of N packets about 70 % are ordinary connections with their data and
 * 30 % are probes from many addresses, each refused. A fifth is IPv6.
 *
 * usage: mkpcap FILE PACKETS
 */
#include "frames.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SNAPLEN 96
#define FLOW_DATA 18 /* data packets of a connection, between its handshake and its end */
#define STEP_US 5

struct writer {
	FILE *file;
	uint64_t packets, probes, t_us, seed;
};

static void put(struct writer *w, const struct frame *f)
{
	uint8_t bytes[FRAME_MAX];
	uint32_t wire = (uint32_t)frame_build(f, bytes);
	uint32_t record[4] = { (uint32_t)(w->t_us / 1000000), (uint32_t)(w->t_us % 1000000),
			       wire < SNAPLEN ? wire : SNAPLEN, wire };

	w->t_us += STEP_US;
	w->packets++;
	fwrite(record, sizeof(record), 1, w->file);
	fwrite(bytes, record[2], 1, w->file);
}

static void set_addresses(struct frame *f, bool v6, uint64_t peer, uint64_t peers_prefix)
{
	f->v6 = v6;
	if (v6) {
		memcpy(f->dst, "\x20\x01\x0d\xb8\x00\x07\0\0\0\0\0\0\0\0\0\1", 16);
		memcpy(f->src, "\x20\x01\x0d\xb8", 4);
		memset(f->src + 4, 0, 12);
		f->src[4] = (uint8_t)peers_prefix;
		memcpy(f->src + 5, &peer, 8);
		return;
	}
	memcpy(f->dst, "\xc0\x00\x02\x01", 4);
	memcpy(f->src, &peer, 4);
	f->src[0] = (uint8_t)(peers_prefix + f->src[0] % 32);
}

static struct frame turned(const struct frame *f, uint8_t flags, uint16_t payload)
{
	struct frame back = *f;

	memcpy(back.src, f->dst, 16);
	memcpy(back.dst, f->src, 16);
	back.sport = f->dport;
	back.dport = f->sport;
	back.flags = flags;
	back.payload = payload;
	return back;
}

/* One connection of a client: handshake, data both ways, end. */
static void connection(struct writer *w)
{
	uint64_t r = frame_random(&w->seed);
	struct frame f = { .sport = (uint16_t)(1024 + r % 60000),
			   .dport = 443,
			   .flags = FRAME_SYN };
	struct frame back;

	set_addresses(&f, r % 5 == 0, (r >> 20 & 0x3fff) << 16, 100);
	put(w, &f);
	back = turned(&f, FRAME_SYN | FRAME_ACK, 0);
	put(w, &back);
	f.flags = FRAME_ACK;
	put(w, &f);
	for (int i = 0; i < FLOW_DATA / 3; i++) {
		f.payload = 200;
		put(w, &f);
		back = turned(&f, FRAME_ACK, 1400);
		put(w, &back);
		put(w, &back);
	}
	f.payload = 0;
	f.flags = 0x11;
	put(w, &f);
	back = turned(&f, 0x11, 0);
	put(w, &back);
}

/* A SYN and its refusal. */
static void probe(struct writer *w)
{
	uint64_t r = frame_random(&w->seed);
	struct frame f = { .sport = (uint16_t)(1024 + r % 60000), .flags = FRAME_SYN };
	struct frame back;

	r = frame_random(&w->seed);
	f.dport = (uint16_t)(1 + (r >> 40) % 65535);
	set_addresses(&f, r % 5 == 0, r >> 8, 20);
	put(w, &f);
	w->probes++;
	back = turned(&f, FRAME_RST | FRAME_ACK, 0);
	put(w, &back);
	w->probes++;
}

int main(int argc, char **argv)
{
	uint32_t header[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1 };
	struct writer w = { .t_us = 1700000000000000ULL, .seed = 88172645463325252ULL };
	uint64_t count = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;

	if (!count) {
		fputs("usage: mkpcap FILE PACKETS\n", stderr);
		return 2;
	}
	w.file = fopen(argv[1], "wb");
	if (!w.file) {
		fprintf(stderr, "mkpcap: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	fwrite(header, sizeof(header), 1, w.file);
	while (w.packets < count) {
		if (w.probes * 10 < w.packets * 3)
			probe(&w);
		else
			connection(&w);
	}
	if (fclose(w.file)) {
		fprintf(stderr, "mkpcap: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	printf("{\"packets\":%llu,\"probes\":%llu}\n", (unsigned long long)w.packets,
	       (unsigned long long)w.probes);
	return 0;
}
