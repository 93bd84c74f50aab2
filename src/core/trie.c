/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/trie-internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The pool ------------------------------------------------------------------------------------- */

static bool params_valid(const struct trie_params *p)
{
	uint32_t ends = p->aggregates;

	for (unsigned int c = 0; c < TRIE_CLASSES; c++) {
		if (!p->quota[c])
			return false;
		ends += p->quota[c];
	}
	return p->fold && p->payload_bytes % 8 == 0 && p->payload_bytes <= TRIE_MAX_PAYLOAD &&
	       ends <= TRIE_MAX_ENDS;
}

/* See the theory of operation: two per end, and a leaf with its branch that come before a fold. */
static uint32_t pool_size(const struct trie_params *p)
{
	uint32_t ends = p->aggregates;

	for (unsigned int c = 0; c < TRIE_CLASSES; c++)
		ends += p->quota[c];
	return 2 * (ends + 1);
}

/* A power of two, so many that most are empty: half of the pool at most are leaves. */
static uint32_t bucket_count(const struct trie_params *p)
{
	uint32_t buckets = 16;

	while (buckets < pool_size(p))
		buckets *= 2;
	return buckets;
}

size_t trie_bytes(const struct trie_params *params)
{
	size_t bytes;

	if (!params_valid(params))
		return 0;
	bytes = sizeof(struct trie) +
		(pool_size(params) + 1) * (sizeof(struct trie_node) + params->payload_bytes) +
		(bucket_count(params) + pool_size(params) + 1) * sizeof(uint16_t);
	return (bytes + TRIE_CACHE_LINE - 1) / TRIE_CACHE_LINE * TRIE_CACHE_LINE;
}

static struct trie_node *take(struct trie *t, struct addr a, unsigned int len, unsigned int class)
{
	struct trie_node *n = trie_slot(t, t->free);

	assert(t->free != TRIE_NONE);
	t->free = n->next;
	t->used++;
	n->addr = a;
	n->len = (uint8_t)len;
	n->class = (uint8_t) class;
	n->fed = 0;
	n->parent = n->child[0] = n->child[1] = n->prev = n->next = TRIE_NONE;
	memset(n->payload, 0, t->params.payload_bytes);
	return n;
}

static void give_back(struct trie *t, struct trie_node *n)
{
	n->class = TRIE_FREE;
	n->next = t->free;
	t->free = n->index;
	t->used--;
}

struct trie *trie_new(const struct trie_params *params)
{
	size_t bytes = trie_bytes(params);
	struct trie *t;

	if (!bytes) {
		errno = EINVAL;
		return NULL;
	}
	t = aligned_alloc(TRIE_CACHE_LINE, bytes);
	if (!t)
		return NULL;
	memset(t, 0, bytes);
	t->params = *params;
	t->stride = sizeof(struct trie_node) + params->payload_bytes;
	t->pool = pool_size(params);
	t->bucket_mask = bucket_count(params) - 1;
	t->bucket = (uint16_t *)(t->nodes + (t->pool + 1) * t->stride);
	t->link = t->bucket + t->bucket_mask + 1;
	for (unsigned int c = 0; c < TRIE_CLASSES; c++)
		t->list[c].limit = params->quota[c];
	t->list[TRIE_AGGREGATE].limit = params->aggregates;
	for (uint32_t i = t->pool; i > 0; i--) {
		struct trie_node *n = trie_slot(t, (uint16_t)i);

		n->index = (uint16_t)i;
		n->class = TRIE_FREE;
		n->next = t->free;
		t->free = (uint16_t)i;
	}
	t->finger = take(t, (struct addr){ 0, 0 }, 0, TRIE_BRANCH)->index;
	assert(t->finger == TRIE_ROOT);
	return t;
}

void trie_free(struct trie *t)
{
	free(t);
}

/* Lists ---------------------------------------------------------------------------------------- */

static void list_add(struct trie *t, struct trie_node *n)
{
	struct trie_list *l = &t->list[n->class];

	n->prev = TRIE_NONE;
	n->next = l->first;
	if (l->first)
		trie_slot(t, l->first)->prev = n->index;
	else
		l->last = n->index;
	l->first = n->index;
	l->count++;
}

static void list_del(struct trie *t, struct trie_node *n)
{
	struct trie_list *l = &t->list[n->class];

	if (n->prev)
		trie_slot(t, n->prev)->next = n->next;
	else
		l->first = n->next;
	if (n->next)
		trie_slot(t, n->next)->prev = n->prev;
	else
		l->last = n->prev;
	l->count--;
}

void trie_touch(struct trie *t, struct trie_node *n)
{
	if (n->class > TRIE_AGGREGATE || t->list[n->class].first == n->index)
		return;
	list_del(t, n);
	list_add(t, n);
}

/* Leaves by hash ------------------------------------------------------------------------------- */

static uint16_t *bucket_of(struct trie *t, struct addr a)
{
	return &t->bucket[addr_hash(a, t->params.seed) & t->bucket_mask];
}

static void index_add(struct trie *t, const struct trie_node *leaf)
{
	uint16_t *bucket = bucket_of(t, leaf->addr);

	t->link[leaf->index] = *bucket;
	*bucket = leaf->index;
}

static void index_del(struct trie *t, const struct trie_node *leaf)
{
	uint16_t *at = bucket_of(t, leaf->addr);

	while (*at != leaf->index)
		at = &t->link[*at];
	*at = t->link[leaf->index];
}

struct trie_node *trie_find(struct trie *t, struct addr a)
{
	for (uint16_t i = *bucket_of(t, a); i != TRIE_NONE; i = t->link[i]) {
		struct trie_node *n = trie_slot(t, i);

		if (addr_eq(n->addr, a))
			return n;
	}
	return NULL;
}

/* Folding -------------------------------------------------------------------------------------- */

static void feed(struct trie *t, struct trie_node *into, const void *payload)
{
	into->fed = 1;
	t->params.fold(into->payload, payload, t->params.arg);
}

/* n, which has one child at most, vanishes: its counts, unless they have been handed on, go to
 * its parent, its child takes its place. Returns the parent. Leaves and branches go alike. */
static struct trie_node *absorb(struct trie *t, struct trie_node *n, bool handed_on)
{
	struct trie_node *parent = trie_slot(t, n->parent);
	uint16_t heir = n->child[0] ? n->child[0] : n->child[1];

	if (!handed_on)
		feed(t, parent, n->payload);
	parent->child[trie_side(parent, n->addr)] = heir;
	if (heir)
		trie_slot(t, heir)->parent = parent->index;
	if (t->finger == n->index)
		t->finger = parent->index;
	if (n->class <= TRIE_AGGREGATE)
		list_del(t, n);
	give_back(t, n);
	return parent;
}

static bool is_heavy(const struct trie *t, const struct trie_node *n)
{
	return t->params.aggregates && t->params.heavy &&
	       t->params.heavy(n->payload, t->params.arg);
}

/*
 * A node has folded into n. A branch that still has two children stays as it is, a heavy one stays as
 * an aggregate, at the cost of the longest unfed one when there are too many; any other is spliced
 * out, and the same is asked of its parent. Each round removes a node, so this ends.
 */
static void settle(struct trie *t, struct trie_node *n)
{
	struct trie_list *aggregates = &t->list[TRIE_AGGREGATE];

	while (n->index != TRIE_ROOT && !(n->child[0] && n->child[1])) {
		if (is_heavy(t, n)) {
			if (n->class == TRIE_AGGREGATE) {
				trie_touch(t, n);
			} else {
				n->class = TRIE_AGGREGATE;
				list_add(t, n);
			}
			if (aggregates->count <= aggregates->limit)
				return;
			n = trie_slot(t, aggregates->last);
		}
		t->splices++;
		n = absorb(t, n, !n->fed);
	}
}

/*
 * The usual case under a flood: the leaf's parent has no counts of its own and is about to be spliced
 * out. Then the leaf's counts go straight to the grandparent: one fold instead of two.
 */
static bool hand_past_parent(struct trie *t, struct trie_node *leaf)
{
	struct trie_node *parent = trie_slot(t, leaf->parent);

	if (parent->index == TRIE_ROOT || parent->fed || is_heavy(t, leaf))
		return false;
	feed(t, trie_slot(t, parent->parent), leaf->payload);
	return true;
}

void trie_fold(struct trie *t, struct trie_node *leaf)
{
	assert(trie_is_leaf(leaf));
	if (t->params.evict)
		t->params.evict(leaf, t->params.arg);
	index_del(t, leaf);
	t->folds++;
	settle(t, absorb(t, leaf, hand_past_parent(t, leaf)));
}

/* Descent -------------------------------------------------------------------------------------- */

static struct trie_node *descend(struct trie *t, struct addr a)
{
	struct trie_node *n = trie_slot(t, t->finger);
	uint16_t child;

	if (!trie_contains(n, a))
		n = trie_slot(t, TRIE_ROOT);
	while ((child = n->child[trie_side(n, a)]) != TRIE_NONE) {
		struct trie_node *c = trie_slot(t, child);

		if (!trie_contains(c, a))
			break;
		n = c;
	}
	t->finger = n->index;
	return n;
}

struct trie_node *trie_find_prefix(struct trie *t, struct addr a)
{
	return descend(t, a);
}

struct trie_node *trie_feed(struct trie *t, struct addr a)
{
	struct trie_node *n = descend(t, a);

	n->fed = 1;
	if (n->class == TRIE_AGGREGATE)
		trie_touch(t, n);
	return n;
}

static void adopt(struct trie_node *parent, struct trie_node *child)
{
	parent->child[trie_side(parent, child->addr)] = child->index;
	child->parent = parent->index;
}

/* Hangs a new leaf below n, the longest prefix on its path. */
static void attach(struct trie *t, struct trie_node *n, struct trie_node *leaf)
{
	uint16_t sibling = n->child[trie_side(n, leaf->addr)];

	if (sibling) {
		struct trie_node *s = trie_slot(t, sibling);
		unsigned int len = addr_common_len(s->addr, leaf->addr);
		struct trie_node *branch = take(t, addr_mask(leaf->addr, len), len, TRIE_BRANCH);

		adopt(n, branch);
		adopt(branch, s);
		adopt(branch, leaf);
		return;
	}
	adopt(n, leaf);
	if (n->class == TRIE_AGGREGATE && n->child[0] && n->child[1]) {
		list_del(t, n);
		n->class = TRIE_BRANCH;
	}
}

/* The leaf to fold of a class that has too many: not `kept`, which has just come. */
static struct trie_node *least_worthy(struct trie *t, unsigned int class,
				      const struct trie_node *kept)
{
	const struct trie_params *params = &t->params;
	struct trie_node *worst = trie_slot(t, t->list[class].last);
	uint16_t stale = worst->prev, recent = t->list[class].first;
	unsigned int most;

	if (!params->burden)
		return worst;
	most = params->burden(worst->payload, params->arg);
	for (unsigned int i = 1; i < TRIE_STALE + TRIE_RECENT; i++) {
		uint16_t *at = i < TRIE_STALE ? &stale : &recent;
		struct trie_node *n = trie_slot(t, *at);
		unsigned int burden;

		if (*at == TRIE_NONE)
			continue;
		*at = i < TRIE_STALE ? n->prev : n->next;
		burden = params->burden(n->payload, params->arg);
		if (n != kept && burden > most + params->even) {
			worst = n;
			most = burden;
		}
	}
	return worst;
}

/* Brings a class that has one leaf too many back to its quota. */
static void enforce_quota(struct trie *t, unsigned int class, const struct trie_node *kept)
{
	struct trie_list *l = &t->list[class];

	if (l->count > l->limit)
		trie_fold(t, least_worthy(t, class, kept));
}

struct trie_node *trie_insert(struct trie *t, struct addr a, unsigned int class, bool *created)
{
	struct trie_node *leaf = trie_find(t, a), *n;

	assert(class < TRIE_CLASSES);
	if (created)
		*created = !leaf;
	if (leaf) {
		trie_touch(t, leaf);
		return leaf;
	}
	n = descend(t, a);
	leaf = take(t, a, ADDR_BITS, class);
	attach(t, n, leaf);
	index_add(t, leaf);
	list_add(t, leaf);
	t->finger = leaf->index;
	enforce_quota(t, class, leaf);
	return leaf;
}

void trie_reclass(struct trie *t, struct trie_node *leaf, unsigned int class)
{
	assert(trie_is_leaf(leaf) && class < TRIE_CLASSES);
	list_del(t, leaf);
	leaf->class = (uint8_t) class;
	list_add(t, leaf);
	enforce_quota(t, class, leaf);
}

/* Looking around ------------------------------------------------------------------------------- */

struct trie_node *trie_node_at(struct trie *t, uint16_t index)
{
	if (index == TRIE_NONE || index > t->pool || trie_slot(t, index)->class == TRIE_FREE)
		return NULL;
	return trie_slot(t, index);
}

struct trie_node *trie_root(struct trie *t)
{
	return trie_slot(t, TRIE_ROOT);
}

struct trie_node *trie_parent(struct trie *t, struct trie_node *n)
{
	return n->parent ? trie_slot(t, n->parent) : NULL;
}

/* Climbs by parents: no stack to bound. */
struct trie_node *trie_walk_next(struct trie *t, struct trie_node *n)
{
	uint16_t from;

	if (n->child[0] || n->child[1])
		return trie_slot(t, n->child[0] ? n->child[0] : n->child[1]);
	do {
		from = n->index;
		if (!n->parent)
			return NULL;
		n = trie_slot(t, n->parent);
	} while (!n->child[1] || n->child[1] == from);
	return trie_slot(t, n->child[1]);
}

void trie_walk(struct trie *t, bool (*visit)(struct trie_node *n, void *arg), void *arg)
{
	for (struct trie_node *n = trie_slot(t, TRIE_ROOT); n; n = trie_walk_next(t, n)) {
		if (!visit(n, arg))
			return;
	}
}

void trie_stats(const struct trie *t, struct trie_stats *out)
{
	for (unsigned int c = 0; c < TRIE_CLASSES; c++)
		out->leaves[c] = t->list[c].count;
	out->aggregates = t->list[TRIE_AGGREGATE].count;
	out->nodes = t->used;
	out->folds = t->folds;
	out->splices = t->splices;
}
