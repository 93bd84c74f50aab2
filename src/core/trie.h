/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A path-compressed radix trie over 128-bit addresses, in a fixed pool.
 *
 * Theory of operation
 * -------------------
 * A node stands for a prefix and carries a payload of fixed size, the evidence. Full-length nodes
 * (/128) are the leaves that callers insert; shorter ones appear where leaves part, and stay as
 * long as they have two children or hold counts of their own that are worth keeping.
 *
 * All memory is taken once, at trie_new(). When there is no room, the least important leaf folds
 * into its parent, as Aguri does (Cho, Kaizaki, Kato: "Aguri: An Aggregation-Based Traffic
 * Profiler", 2001): the owner's fold() adds the child's counts to the parent's. Counts are never
 * lost, only resolution. A branch left with one child and light counts is spliced out, and its
 * counts fold upwards in turn, at the furthest into the root (/0), which always exists.
 *
 * Importance has two parts. Each leaf is in one class; each class has a quota of leaves and a list
 * in order of use. Only a leaf of the class that is full is ever folded, the longest unused
 * first: a flood of spoofed newcomers fills its own quota and never pushes out evidence of a
 * higher class. Within a class, burden() may tell those who flood it from the others: then the most
 * burdensome of the TRIE_STALE longest unused and of the TRIE_RECENT last used goes. The recent are
 * asked because those who flood a class were just here.
 *
 * Aggregates. A branch that has fewer than two children left, and whose counts heavy() finds worth
 * a node, becomes an aggregate: it keeps its node with one child or none, and so goes on standing
 * for a prefix whose hosts come and go (a rotating /64). Aggregates have a bounded list of their
 * own, most recently fed first; being fed means that a node below folds into it, or trie_touch().
 * heavy() is asked again whenever a node folds into it. When it says no, or when the aggregate
 * is the longest unfed of a full list, the branch is spliced out like any other. With two children
 * again it is a plain branch, in no list.
 *
 * So at most 2 × (leaves + aggregates) nodes exist, the root included: every plain branch parts two
 * lines of descent that each end in a leaf or an aggregate. The pool has that many, and one leaf
 * and one branch more since insertion comes before folding (a newcomer beside the leaf to be
 * folded keeps the common prefix alive); it can never run dry.
 */
#ifndef MIMAMORI_CORE_TRIE_H
#define MIMAMORI_CORE_TRIE_H

#include "core/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRIE_CLASSES 3
#define TRIE_AGGREGATE TRIE_CLASSES /* node classes beyond the leaves': a kept branch, */
#define TRIE_BRANCH (TRIE_CLASSES + 1) /* a branch with two children, or the root, */
#define TRIE_FREE (TRIE_CLASSES + 2) /* not in use */
#define TRIE_STALE 8 /* candidates for folding, of those longest unused */
#define TRIE_RECENT 4 /* and of those last used */
#define TRIE_NONE 0 /* node index 0 is never used: it means "no node" */
#define TRIE_MAX_ENDS 32766 /* quotas and aggregates together, so that indices fit 16 bits */
#define TRIE_MAX_PAYLOAD 4000 /* bytes: a node is never larger than a page */

struct trie;

/* 32 bytes and the payload; callers read all fields, and write only the payload. */
struct trie_node {
	struct addr addr; /* bits beyond len are zero */
	uint16_t index; /* of itself, for callers that keep 16 bits instead of a pointer */
	uint16_t parent, child[2];
	uint16_t prev, next; /* in the class's list, most recently used first; free list */
	uint8_t len; /* of the prefix, 0..128 */
	uint8_t class; /* of a leaf: 0 .. TRIE_CLASSES - 1, else one of those above */
	uint8_t fed; /* of a branch: something has folded into it */
	_Alignas(8) uint8_t payload[]; /* payload_bytes, zeroed when the node is made */
};

static inline struct prefix trie_node_prefix(const struct trie_node *n)
{
	return (struct prefix){ n->addr, n->len };
}

static inline bool trie_is_leaf(const struct trie_node *n)
{
	return n->class < TRIE_CLASSES;
}

/* The functions must not call the trie, except to read nodes. */
struct trie_params {
	size_t payload_bytes; /* per node, a multiple of 8, ≤ TRIE_MAX_PAYLOAD */
	uint16_t quota[TRIE_CLASSES]; /* most leaves per class, each at least 1 */
	/* Adds from's counts to into's; from lies within into and is about to vanish. */
	void (*fold)(void *into, const void *from, void *arg);
	/* Whether a branch's own counts deserve a node although fewer than two children are left.
	 * May be NULL: then such a branch is always spliced out. */
	bool (*heavy)(const void *payload, void *arg);
	uint16_t aggregates; /* most branches kept so; with the quotas ≤ TRIE_MAX_ENDS */
	/* How little a leaf of a full class deserves its place; leaves within `even` of each other are
	 * equal, and the longest unused goes. May be NULL: all are equal. */
	unsigned int (*burden)(const void *payload, void *arg);
	unsigned int even;
	/* Told just before a leaf folds, so that the owner can drop what points to it. May be NULL. */
	void (*evict)(struct trie_node *leaf, void *arg);
	void *arg; /* passed to all of them */
	uint64_t seed; /* random, so that nobody can aim at a hash bucket */
};

struct trie_stats {
	uint32_t leaves[TRIE_CLASSES]; /* now */
	uint32_t aggregates; /* now */
	uint32_t nodes; /* now, the root included */
	uint64_t folds; /* of leaves, ever */
	uint64_t splices; /* of branches, ever */
};

/*
 * Allocates everything the trie will ever use and touches every page of it, so that its memory
 * never grows later. Owned by the caller; NULL with errno on failure (EINVAL: bad params).
 */
struct trie *trie_new(const struct trie_params *params);
void trie_free(struct trie *t);

/* Bytes allocated by trie_new for these params, exactly; 0 for bad params. */
size_t trie_bytes(const struct trie_params *params);

/*
 * The leaf of this address, or NULL. Borrowed; valid until the next trie_insert, trie_reclass or
 * trie_fold. O(depth); at once when the address is the one that was asked for last.
 */
struct trie_node *trie_find(struct trie *t, struct addr a);

/* The longest prefix on the path to a that has a node: the leaf itself, a branch, or the root. */
struct trie_node *trie_find_prefix(struct trie *t, struct addr a);

/*
 * The leaf of this address, made in `class` when new (then *created is true), folding another leaf
 * of that class when its quota is used up. Never fails. Moves the leaf to the front of its class,
 * which is not changed when it existed. created may be NULL.
 * Any other borrowed pointer may be stale afterwards: use indices and check the prefix.
 */
struct trie_node *trie_insert(struct trie *t, struct addr a, unsigned int class, bool *created);

/* Marks a leaf as just used, an aggregate as just fed. Nothing for a plain branch. */
void trie_touch(struct trie *t, struct trie_node *n);

/*
 * Moves a leaf to another class, to its front. If that class's quota is used up, its longest
 * unused leaf folds first. The leaf itself stays valid; other borrowed pointers may be stale.
 */
void trie_reclass(struct trie *t, struct trie_node *leaf, unsigned int class);

/*
 * The longest prefix on the path to a, whose payload the caller is about to add to: as if a leaf had
 * been inserted, filled and folded, but no other leaf has to make room. Borrowed.
 */
struct trie_node *trie_feed(struct trie *t, struct addr a);

/* Folds one leaf into its parent at once. evict() is told of it, too. */
void trie_fold(struct trie *t, struct trie_node *leaf);

/* The node with this index, or NULL when the index is out of range or not in use. Borrowed. */
struct trie_node *trie_node_at(struct trie *t, uint16_t index);

struct trie_node *trie_root(struct trie *t);

/* The parent, or NULL for the root. Borrowed. */
struct trie_node *trie_parent(struct trie *t, struct trie_node *n);

/* Visits every node, parents before children, until visit returns false. visit may change
 * payloads, not the trie. */
void trie_walk(struct trie *t, bool (*visit)(struct trie_node *n, void *arg), void *arg);

void trie_stats(const struct trie *t, struct trie_stats *out);

/* Checks every invariant; returns NULL when all hold, else what is broken (static text). */
const char *trie_check(struct trie *t);

#endif
