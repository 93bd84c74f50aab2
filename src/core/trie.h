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
 * higher class.
 */
#ifndef MIMAMORI_CORE_TRIE_H
#define MIMAMORI_CORE_TRIE_H

#include "core/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRIE_CLASSES 3
#define TRIE_NONE 0 /* node index 0 is never used: it means "no node" */
#define TRIE_MAX_NODES 65535

struct trie;

struct trie_node {
	struct prefix prefix;
	uint8_t class; /* leaves only: 0 .. TRIE_CLASSES - 1 */
	uint16_t index; /* of itself, for callers that keep 16 bits instead of a pointer */
	uint16_t parent, child[2];
	uint16_t prev, next; /* in the class's list, most recently used first; free list */
	_Alignas(8) uint8_t payload[]; /* payload_bytes, zeroed when the node is made */
};

struct trie_params {
	size_t payload_bytes; /* per node, a multiple of 8 */
	uint16_t quota[TRIE_CLASSES]; /* most leaves per class, each at least 1; sum ≤ 32767 */
	/* Adds from's counts to into's; from is a child of into and is about to vanish. */
	void (*fold)(void *into, const void *from, void *arg);
	/* Whether a branch's own counts deserve a node although only one child is left. May be NULL:
	 * then such a branch is always spliced out. At most `aggregates` branches are kept so. */
	bool (*heavy)(const void *payload, void *arg);
	uint16_t aggregates;
	/* Told just before a leaf folds, so that the owner can drop what points to it. May be NULL. */
	void (*evict)(struct trie_node *leaf, void *arg);
	void *arg; /* passed to all three */
};

struct trie_stats {
	uint32_t leaves[TRIE_CLASSES]; /* now */
	uint32_t nodes; /* now, the root included */
	uint64_t folds; /* ever */
	uint64_t splices; /* ever */
};

/*
 * Allocates everything the trie will ever use and touches every page of it, so that its memory
 * never grows later. Owned by the caller; NULL with errno on failure (EINVAL: bad params).
 */
struct trie *trie_new(const struct trie_params *params);
void trie_free(struct trie *t);

/* Bytes allocated by trie_new for these params, exactly. */
size_t trie_bytes(const struct trie_params *params);

/* The leaf of this address, or NULL. Borrowed; valid until the next trie_insert. O(depth). */
struct trie_node *trie_find(struct trie *t, struct addr a);

/* The longest prefix on the path to a that has a node: the leaf itself, a branch, or the root. */
struct trie_node *trie_find_prefix(struct trie *t, struct addr a);

/*
 * The leaf of this address, made in `class` when new (then *created is true), folding another leaf
 * of that class when its quota is used up. Never fails. Moves the leaf to the front of its class.
 * Any other borrowed pointer may be stale afterwards: use indices and check the prefix.
 */
struct trie_node *trie_insert(struct trie *t, struct addr a, unsigned int class, bool *created);

/* Marks a leaf as just used. */
void trie_touch(struct trie *t, struct trie_node *leaf);

/*
 * Moves a leaf to another class, to its front. If that class's quota is used up, its longest
 * unused leaf folds first. The leaf itself stays valid.
 */
void trie_reclass(struct trie *t, struct trie_node *leaf, unsigned int class);

/* Folds one leaf into its parent at once. */
void trie_fold(struct trie *t, struct trie_node *leaf);

/* The node with this index, or NULL when the index is out of range or not in use. Borrowed. */
struct trie_node *trie_node_at(struct trie *t, uint16_t index);

struct trie_node *trie_root(struct trie *t);

/* The parent, or NULL for the root. Borrowed. */
struct trie_node *trie_parent(struct trie *t, struct trie_node *n);

/* Visits every node, parents before children, until visit returns false. */
void trie_walk(struct trie *t, bool (*visit)(struct trie_node *n, void *arg), void *arg);

void trie_stats(const struct trie *t, struct trie_stats *out);

/* Checks every invariant; returns NULL when all hold, else what is broken (static text). */
const char *trie_check(struct trie *t);

#endif
