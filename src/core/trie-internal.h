/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the trie is made of: for trie.c and its self-check, nobody else.
 */
#ifndef MIMAMORI_CORE_TRIE_INTERNAL_H
#define MIMAMORI_CORE_TRIE_INTERNAL_H

#include "core/trie.h"

#define TRIE_CACHE_LINE 64
#define TRIE_ROOT 1 /* the first node taken from the pool, and never given back */

_Static_assert(offsetof(struct trie_node, payload) == 32, "the node header is half a cache line");

/* Leaves of one class by use, or aggregates by feeding. */
struct trie_list {
	uint16_t first, last;
	uint16_t count, limit;
};

struct trie {
	struct trie_params params;
	struct trie_list list[TRIE_CLASSES + 1]; /* by class; the last one is of TRIE_AGGREGATE */
	uint32_t pool; /* nodes there are, used or free: indices 1 .. pool */
	uint32_t used;
	uint16_t free; /* head of the free list, linked by next */
	/* Where the last descent ended. The next one starts here when it leads further down, so that
	 * find and insert of one address, and trains of packets from one peer, descend once. */
	uint16_t finger;
	uint64_t folds, splices;
	size_t stride; /* bytes from node to node */
	/* Leaves by hash of their address, so that to learn that one is unknown, the usual answer under
	 * a flood, costs no descent. Buckets, then one link for each node. */
	uint32_t bucket_mask;
	uint16_t *bucket, *link;
	_Alignas(TRIE_CACHE_LINE) uint8_t nodes[]; /* slot 0 stays empty */
};

static inline struct trie_node *trie_slot(struct trie *t, uint16_t index)
{
	return (struct trie_node *)(t->nodes + index * t->stride);
}

static inline bool trie_contains(const struct trie_node *n, struct addr a)
{
	return addr_common_len(n->addr, a) >= n->len;
}

/* Which child leads on to a. A leaf has no children: its answer is any bit at all. */
static inline unsigned int trie_side(const struct trie_node *n, struct addr a)
{
	return addr_bit(a, n->len % ADDR_BITS);
}

/* The node after n in a walk, parents first, or NULL. */
struct trie_node *trie_walk_next(struct trie *t, struct trie_node *n);

#endif
