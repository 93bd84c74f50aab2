/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the trie's tests share: a trie beside its oracle, evidence to fold, addresses to feed.
 */
#ifndef MIMAMORI_CORE_TEST_TRIE_BENCH_H
#define MIMAMORI_CORE_TEST_TRIE_BENCH_H

#include "core/test-random.h"
#include "core/test-trie-oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define RECENT 64

/* The payload: what is counted, twice, so that a payload that was never folded or zeroed shows. */
struct evidence {
	uint64_t count, negated;
};

struct bench {
	struct trie *trie;
	struct oracle *oracle;
	struct addr evicted;
	uint64_t evictions;
	uint64_t fed; /* the sum of everything ever counted */
	struct addr recent[RECENT], base;
	uint64_t sequence;
	bool misled; /* fold() was given nodes of which one is not within the other */
};

static inline struct evidence *evidence_of(struct trie_node *n)
{
	return (struct evidence *)n->payload;
}

static inline const struct trie_node *node_of(const void *payload)
{
	return (const struct trie_node *)((const char *)payload -
					  offsetof(struct trie_node, payload));
}

static inline void fold(void *into, const void *from, void *arg)
{
	struct bench *b = arg;
	struct evidence *sum = into;
	const struct evidence *e = from;

	b->misled |= node_of(from)->len <= node_of(into)->len ||
		     addr_common_len(node_of(from)->addr, node_of(into)->addr) < node_of(into)->len;
	sum->count += e->count;
	sum->negated += e->negated;
}

static inline bool heavy(const void *payload, void *arg)
{
	const struct bench *b = arg;
	const struct evidence *e = payload;

	return b->oracle->heavy && e->count >= b->oracle->heavy;
}

static inline void evict(struct trie_node *leaf, void *arg)
{
	struct bench *b = arg;

	b->evicted = leaf->addr;
	b->evictions++;
}

static inline void feed(struct bench *b, struct trie_node *n, uint64_t count)
{
	evidence_of(n)->count += count;
	evidence_of(n)->negated -= count;
	b->fed += count;
}

static inline struct trie_params params_of(struct bench *b, unsigned int q0, unsigned int q1,
					   unsigned int q2, unsigned int aggregates)
{
	return (struct trie_params){
		.payload_bytes = sizeof(struct evidence),
		.quota = { (uint16_t)q0, (uint16_t)q1, (uint16_t)q2 },
		.fold = fold,
		.heavy = heavy,
		.aggregates = (uint16_t)aggregates,
		.evict = evict,
		.arg = b,
	};
}

static inline void bench_init(struct bench *b, const struct trie_params *p, uint64_t heavy_from)
{
	memset(b, 0, sizeof(*b));
	b->oracle = malloc(sizeof(*b->oracle));
	assert_non_null(b->oracle);
	oracle_init(b->oracle, p, heavy_from);
	b->base = (struct addr){ random_u64(), random_u64() };
	b->trie = trie_new(p);
	assert_non_null(b->trie);
}

static inline void bench_done(struct bench *b)
{
	trie_free(b->trie);
	free(b->oracle);
}

static inline void assert_sound(struct bench *b)
{
	const char *broken = trie_check(b->trie);

	if (broken)
		fail_msg("%s", broken);
	assert_false(b->misled);
}

/* Addresses as attackers choose them ----------------------------------------------------------- */

static inline struct addr bits_apart(struct addr a, unsigned int flips)
{
	while (flips--) {
		unsigned int bit = random_below(ADDR_BITS);

		if (bit < 64)
			a.hi ^= 1ULL << bit;
		else
			a.lo ^= 1ULL << (bit - 64);
	}
	return a;
}

static inline struct addr choose(struct bench *b)
{
	struct addr *slot = &b->recent[random_below(RECENT)];

	switch (random_below(8)) {
	case 0:
		*slot = (struct addr){ random_u64(), random_u64() };
		break;
	case 1: /* one after the other */
		*slot = (struct addr){ b->base.hi, b->base.lo + b->sequence++ };
		break;
	case 2: /* one /64, as a host with privacy addresses */
		*slot = (struct addr){ b->base.hi, random_u64() };
		break;
	case 3: /* deep and narrow: every branch may have its own length */
		*slot = bits_apart(b->base, random_below(3));
		break;
	case 4:
		*slot = addr_from_v4((uint32_t)random_u64());
		break;
	case 5:
		*slot = addr_from_v4(0xc0000200 | (uint32_t)random_below(256));
		break;
	default: /* someone seen before */
		break;
	}
	return *slot;
}

#endif
