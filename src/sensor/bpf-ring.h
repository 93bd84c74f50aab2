/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader's end of a BPF ring buffer (linux/Documentation/bpf/ringbuf.rst). Mapping and reading it need the
 * descriptor and nothing else.
 *
 * Positions are as wide as the kernel's long, which a 32-bit process on a 64-bit kernel does not have. Their lower halves
 * tell how far apart they are; of the consumer's both halves are written, as behind a narrow one there is nothing.
 */
#ifndef MIMAMORI_SENSOR_BPF_RING_H
#define MIMAMORI_SENSOR_BPF_RING_H

#include <stddef.h>
#include <stdint.h>

struct bpf_ring {
	uint32_t *consumer; /* read so far: written here; its lower half */
	const uint32_t *producer; /* written so far; likewise */
	uint64_t at; /* what consumer says */
	const uint8_t *data; /* twice in a row, so that no record is cut */
	size_t bytes, page;
	uint64_t records, malformed; /* taken; not within the ring */
};

/* One record, borrowed for the call. */
typedef void bpf_ring_fn(const uint8_t *record, size_t len, void *arg);

/* `bytes` as it was made. 0 or -errno. */
int bpf_ring_map(struct bpf_ring *r, int fd, size_t bytes);
void bpf_ring_unmap(struct bpf_ring *r);

/* Hands what waits to fn, at most the whole ring once. How many records. */
unsigned int bpf_ring_read(struct bpf_ring *r, bpf_ring_fn *fn, void *arg);

/* Does anything wait? */
static inline int bpf_ring_waits(const struct bpf_ring *r)
{
	return (uint32_t)r->at != __atomic_load_n(r->producer, __ATOMIC_SEQ_CST);
}

#endif
