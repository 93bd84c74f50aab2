/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receive ring of a packet socket: TPACKET_V3 (linux/Documentation/networking/packet_mmap.rst).
 *
 * The kernel fills blocks with frames, one after the other, and hands a block over when it is full
 * or when retire_ns has passed with a frame in it; it never wakes anyone for an empty one.
 */
#ifndef MIMAMORI_SENSOR_PACKET_RING_H
#define MIMAMORI_SENSOR_PACKET_RING_H

#include <linux/if_packet.h>
#include <stddef.h>
#include <stdint.h>

struct packet_ring_params {
	uint64_t ring_bytes; /* in all; at least two blocks are made */
	uint64_t block_bytes; /* rounded up to pages */
	uint64_t retire_ns; /* at least 1 ms */
};

struct packet_ring {
	uint8_t *map;
	size_t block_bytes;
	unsigned int n_blocks, next;
	uint64_t frames, malformed; /* taken; not within their block */
};

/* One frame: its header, the address of its sender, and header->tp_snaplen bytes from the network
 * header on. Borrowed for the call. */
typedef void packet_ring_fn(const struct tpacket3_hdr *header, const struct sockaddr_ll *from,
			    const uint8_t *net, void *arg);

/* Makes the ring of a SOCK_DGRAM packet socket. Needs CAP_NET_RAW. 0 or -errno. */
int packet_ring_make(int fd, const struct packet_ring_params *params);

/* Maps the ring made with the same params. No privilege needed. 0 or -errno. */
int packet_ring_map(struct packet_ring *r, int fd, const struct packet_ring_params *params);
void packet_ring_unmap(struct packet_ring *r);

/*
 * Hands the frames of every block that waits to fn, at most the whole ring once: a flood must not
 * keep the caller from its other work. Returns how many blocks.
 */
unsigned int packet_ring_read(struct packet_ring *r, packet_ring_fn *fn, void *arg);

#endif
