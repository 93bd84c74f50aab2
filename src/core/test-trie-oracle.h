/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The naive oracle of the trie's test: the same promises, kept by searching one flat list.
 *
 * It has no links, no lists and no pool. Who is whose parent, who has children, and who was
 * unused for longest is looked for each time, so that a mistake in the trie's bookkeeping cannot
 * occur here as well.
 */
#ifndef MIMAMORI_CORE_TEST_TRIE_ORACLE_H
#define MIMAMORI_CORE_TEST_TRIE_ORACLE_H

#include "core/trie.h"

#include <assert.h>

#define ORACLE_MAX 4096

struct oracle_node {
	struct addr addr;
	unsigned int len, class;
	uint64_t used; /* when, by the oracle's count of uses */
	uint64_t count; /* the evidence */
};

struct oracle {
	unsigned int quota[TRIE_CLASSES], aggregates;
	uint64_t heavy; /* counts from here up keep a branch; 0: none is kept */
	uint64_t uses, evictions, splices;
	struct addr evicted; /* the last one */
	unsigned int n;
	struct oracle_node node[ORACLE_MAX];
};

static inline void oracle_init(struct oracle *o, const struct trie_params *p, uint64_t heavy)
{
	o->heavy = heavy;
	o->aggregates = p->aggregates;
	for (unsigned int c = 0; c < TRIE_CLASSES; c++)
		o->quota[c] = p->quota[c];
	o->uses = o->evictions = o->splices = 0;
	o->evicted = (struct addr){ 0, 0 };
	o->n = 1;
	o->node[0] = (struct oracle_node){ .class = TRIE_BRANCH };
}

/* The longest prefix shorter than max_len that contains a. The root always does. */
static inline unsigned int oracle_longest(const struct oracle *o, struct addr a,
					  unsigned int max_len)
{
	unsigned int best = 0;

	for (unsigned int i = 0; i < o->n; i++) {
		const struct oracle_node *n = &o->node[i];

		if (n->len < max_len && n->len >= o->node[best].len &&
		    addr_common_len(n->addr, a) >= n->len)
			best = i;
	}
	return best;
}

/* The leaf's place, or -1. */
static inline int oracle_leaf(const struct oracle *o, struct addr a)
{
	unsigned int i = oracle_longest(o, a, ADDR_BITS + 1);

	return o->node[i].len == ADDR_BITS ? (int)i : -1;
}

/* The place of exactly this prefix, or -1. */
static inline int oracle_prefix(const struct oracle *o, struct addr a, unsigned int len)
{
	unsigned int i = oracle_longest(o, a, len + 1);

	return o->node[i].len == len && addr_eq(o->node[i].addr, a) ? (int)i : -1;
}

static inline bool oracle_parts(const struct oracle *o, unsigned int i)
{
	const struct oracle_node *p = &o->node[i];
	bool side[2] = { false, false };

	for (unsigned int j = 0; j < o->n; j++) {
		const struct oracle_node *n = &o->node[j];

		if (n->len > p->len && addr_common_len(n->addr, p->addr) >= p->len)
			side[addr_bit(n->addr, p->len)] = true;
	}
	return side[0] && side[1];
}

static inline unsigned int oracle_count_class(const struct oracle *o, unsigned int class)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < o->n; i++)
		count += o->node[i].class == class;
	return count;
}

static inline unsigned int oracle_longest_unused(const struct oracle *o, unsigned int class)
{
	int oldest = -1;

	for (unsigned int i = 0; i < o->n; i++) {
		if (o->node[i].class == class &&
		    (oldest < 0 || o->node[i].used < o->node[oldest].used))
			oldest = (int)i;
	}
	assert(oldest >= 0);
	return (unsigned int)oldest;
}

static inline void oracle_use(struct oracle *o, unsigned int i)
{
	o->node[i].used = ++o->uses;
}

/* Adds the counts to the parent's and forgets the node. Where the parent now is. */
static inline unsigned int oracle_remove(struct oracle *o, unsigned int i)
{
	unsigned int parent = oracle_longest(o, o->node[i].addr, o->node[i].len);

	o->node[parent].count += o->node[i].count;
	o->node[i] = o->node[--o->n];
	return parent == o->n ? i : parent;
}

static inline void oracle_fold(struct oracle *o, unsigned int i)
{
	o->evicted = o->node[i].addr;
	o->evictions++;
	i = oracle_remove(o, i);
	while (o->node[i].len > 0 && !oracle_parts(o, i)) {
		if (o->heavy && o->aggregates && o->node[i].count >= o->heavy) {
			o->node[i].class = TRIE_AGGREGATE;
			oracle_use(o, i);
			if (oracle_count_class(o, TRIE_AGGREGATE) <= o->aggregates)
				return;
			i = oracle_longest_unused(o, TRIE_AGGREGATE);
		}
		o->splices++;
		i = oracle_remove(o, i);
	}
}

static inline void oracle_quota(struct oracle *o, unsigned int class)
{
	if (oracle_count_class(o, class) > o->quota[class])
		oracle_fold(o, oracle_longest_unused(o, class));
}

static inline void oracle_add(struct oracle *o, struct addr a, unsigned int len, unsigned int class)
{
	assert(o->n < ORACLE_MAX);
	o->node[o->n] = (struct oracle_node){ addr_mask(a, len), len, class, ++o->uses, 0 };
	o->n++;
}

/* Whether it was new. */
static inline bool oracle_insert(struct oracle *o, struct addr a, unsigned int class)
{
	unsigned int above = oracle_longest(o, a, ADDR_BITS + 1), parting = 0;

	if (o->node[above].len == ADDR_BITS) {
		oracle_use(o, above);
		return false;
	}
	/* It leaves the others where it shares most with any that is not above it. */
	for (unsigned int i = 0; i < o->n; i++) {
		unsigned int common = addr_common_len(o->node[i].addr, a);

		if (common < o->node[i].len && common > parting)
			parting = common;
	}
	if (parting > o->node[above].len)
		oracle_add(o, a, parting, TRIE_BRANCH);
	oracle_add(o, a, ADDR_BITS, class);
	if (oracle_parts(o, above))
		o->node[above].class = TRIE_BRANCH;
	oracle_quota(o, class);
	return true;
}

static inline void oracle_reclass(struct oracle *o, unsigned int i, unsigned int class)
{
	o->node[i].class = class;
	oracle_use(o, i);
	oracle_quota(o, class);
}

static inline uint64_t oracle_total(const struct oracle *o)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < o->n; i++)
		total += o->node[i].count;
	return total;
}

#endif
