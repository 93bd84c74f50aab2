/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/bpf-ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALIGN_UP(n) (((n) + 7U) & ~7ULL)

/* Where a position's lower half lies; its upper half is beside it. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LOWER (sizeof(long) == 8 ? 1 : 0)
#define UPPER (-1)
#else
#define LOWER 0
#define UPPER 1
#endif
#define HAS_UPPER (LOWER + UPPER >= 0)

static void advance(struct bpf_ring *r, uint64_t to)
{
	r->at = to;
	if (HAS_UPPER)
		__atomic_store_n(r->consumer + UPPER, (uint32_t)(to >> 32), __ATOMIC_RELAXED);
	__atomic_store_n(r->consumer, (uint32_t)to, __ATOMIC_RELEASE);
}

int bpf_ring_map(struct bpf_ring *r, int fd, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *consumer, *producer;

	consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (consumer == MAP_FAILED)
		return -errno;
	producer = mmap(NULL, page + 2 * bytes, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (producer == MAP_FAILED) {
		int err = errno;

		munmap(consumer, page);
		return -err;
	}
	*r = (struct bpf_ring){
		.consumer = (uint32_t *)consumer + LOWER,
		.producer = (uint32_t *)producer + LOWER,
		.data = producer + page,
		.bytes = bytes,
		.page = page,
	};
	r->at = *r->consumer | (HAS_UPPER ? (uint64_t)r->consumer[UPPER] << 32 : 0);
	return 0;
}

void bpf_ring_unmap(struct bpf_ring *r)
{
	munmap(r->consumer - LOWER, r->page);
	munmap((uint8_t *)(r->producer - LOWER), r->page + 2 * r->bytes);
}

unsigned int bpf_ring_read(struct bpf_ring *r, bpf_ring_fn *fn, void *arg)
{
	uint32_t written = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
	uint64_t from = r->at, to = from + (uint32_t)(written - (uint32_t)from);
	unsigned int n = 0;

	while (from != to) {
		const uint8_t *at = r->data + (from & (r->bytes - 1));
		uint32_t head = __atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE);
		uint32_t len = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (head & BPF_RINGBUF_BUSY_BIT)
			break;
		if (to - from > r->bytes || len > r->bytes - BPF_RINGBUF_HDR_SZ ||
		    ALIGN_UP(len + BPF_RINGBUF_HDR_SZ) > to - from) {
			r->malformed++;
			from = to;
			break;
		}
		if (!(head & BPF_RINGBUF_DISCARD_BIT)) {
			fn(at + BPF_RINGBUF_HDR_SZ, len, arg);
			n++;
		}
		from += ALIGN_UP(len + BPF_RINGBUF_HDR_SZ);
	}
	advance(r, from);
	r->records += n;
	return n;
}
