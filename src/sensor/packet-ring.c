/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/packet-ring.h"

#include "core/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_BYTES 256 /* in TPACKET_V3 a unit of account only: frames are packed */
#define FRAME_ALIGN 8
#define MIN_BLOCKS 2 /* one to fill while one is read */
#define SLL_OFFSET TPACKET_ALIGN(sizeof(struct tpacket3_hdr))

static void layout(const struct packet_ring_params *params, struct tpacket_req3 *req)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t block = (params->block_bytes + page - 1) / page * page;
	uint64_t retire_ms = params->retire_ns / NS_PER_MS;

	if (block < page)
		block = page;
	memset(req, 0, sizeof(*req));
	req->tp_block_size = (unsigned int)block;
	req->tp_block_nr = (unsigned int)(params->ring_bytes / block);
	if (req->tp_block_nr < MIN_BLOCKS)
		req->tp_block_nr = MIN_BLOCKS;
	req->tp_frame_size = FRAME_BYTES;
	req->tp_frame_nr = req->tp_block_nr * (req->tp_block_size / FRAME_BYTES);
	/* 0 would leave the choice to the kernel, whose timer then runs 125 times a second. */
	req->tp_retire_blk_tov = retire_ms ? (unsigned int)retire_ms : 1;
}

int packet_ring_make(int fd, const struct packet_ring_params *params)
{
	int version = TPACKET_V3;
	struct tpacket_req3 req;

	layout(params, &req);
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)))
		return -errno;
	return 0;
}

int packet_ring_map(struct packet_ring *r, int fd, const struct packet_ring_params *params)
{
	struct tpacket_req3 req;
	void *map;

	layout(params, &req);
	/* The kernel maps every page at once: the memory of the ring never grows later. */
	map = mmap(NULL, (size_t)req.tp_block_size * req.tp_block_nr, PROT_READ | PROT_WRITE,
		   MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*r = (struct packet_ring){
		.map = map,
		.block_bytes = req.tp_block_size,
		.n_blocks = req.tp_block_nr,
	};
	return 0;
}

void packet_ring_unmap(struct packet_ring *r)
{
	munmap(r->map, r->block_bytes * r->n_blocks);
}

/*
 * The frame at `offset`, if all of it lies within the block, or NULL. On a SOCK_DGRAM socket tp_mac
 * and tp_net are the same place: the packet starts at its network header.
 */
static const struct tpacket3_hdr *frame_at(const struct packet_ring *r, const uint8_t *block,
					   size_t offset)
{
	const struct tpacket3_hdr *h;
	size_t left;

	if (offset % FRAME_ALIGN || offset > r->block_bytes)
		return NULL;
	left = r->block_bytes - offset;
	if (left < SLL_OFFSET + sizeof(struct sockaddr_ll))
		return NULL;
	h = (const void *)(block + offset);
	if (h->tp_mac != h->tp_net || h->tp_net > left || h->tp_snaplen > left - h->tp_net)
		return NULL;
	return h;
}

static void walk(struct packet_ring *r, const uint8_t *block, packet_ring_fn *fn, void *arg)
{
	const struct tpacket_block_desc *desc = (const void *)block;
	unsigned int i, n = desc->hdr.bh1.num_pkts;
	size_t offset = desc->hdr.bh1.offset_to_first_pkt;

	for (i = 0; i < n; i++) {
		const struct tpacket3_hdr *h = frame_at(r, block, offset);
		const uint8_t *frame = (const uint8_t *)h;

		if (!h) {
			r->malformed += n - i;
			break;
		}
		fn(h, (const void *)(frame + SLL_OFFSET), frame + h->tp_net, arg);
		offset += h->tp_next_offset;
	}
	r->frames += i;
}

unsigned int packet_ring_read(struct packet_ring *r, packet_ring_fn *fn, void *arg)
{
	unsigned int blocks;

	for (blocks = 0; blocks < r->n_blocks; blocks++) {
		uint8_t *block = r->map + r->next * r->block_bytes;
		struct tpacket_block_desc *desc = (void *)block;
		uint32_t *status = &desc->hdr.bh1.block_status;

		if (!(__atomic_load_n(status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			break;
		walk(r, block, fn, arg);
		__atomic_store_n(status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		r->next = (r->next + 1) % r->n_blocks;
	}
	return blocks;
}
