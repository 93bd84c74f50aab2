/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/trie.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE 64
#define ROOT 1 /* the first node taken from the pool, and never given back */

_Static_assert(offsetof(struct trie_node, payload) == 32, "the node header is half a cache line");

/* Leaves of one class by use, or aggregates by feeding. */
struct list {
	uint16_t first, last;
	uint16_t count, limit;
};

struct trie {
	struct trie_params params;
	struct list list[TRIE_CLASSES + 1]; /* by class; the last one is of TRIE_AGGREGATE */
	uint32_t pool; /* nodes there are, used or free: indices 1 .. pool */
	uint32_t used;
	uint16_t free; /* head of the free list, linked by next */
	/* Where the last descent ended. The next one starts here when it leads further down, so that
	 * find and insert of one address, and trains of packets from one peer, descend once. */
	uint16_t finger;
	uint64_t folds, splices;
	size_t stride; /* bytes from node to node */
	_Alignas(CACHE_LINE) uint8_t nodes[]; /* slot 0 stays empty */
};

static inline struct trie_node *node_at(struct trie *t, uint16_t index)
{
	return (struct trie_node *)(t->nodes + index * t->stride);
}

static inline bool contains(const struct trie_node *n, struct addr a)
{
	return addr_common_len(n->addr, a) >= n->len;
}

/* Which child leads on to a. A leaf has no children: its answer is any bit at all. */
static inline unsigned int slot_of(const struct trie_node *n, struct addr a)
{
	return addr_bit(a, n->len % ADDR_BITS);
}

/* The pool ------------------------------------------------------------------------------------ */

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

size_t trie_bytes(const struct trie_params *params)
{
	size_t bytes;

	if (!params_valid(params))
		return 0;
	bytes = sizeof(struct trie) +
		(pool_size(params) + 1) * (sizeof(struct trie_node) + params->payload_bytes);
	return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static struct trie_node *take(struct trie *t, struct addr a, unsigned int len, unsigned int class)
{
	struct trie_node *n = node_at(t, t->free);

	assert(t->free != TRIE_NONE);
	t->free = n->next;
	t->used++;
	n->addr = a;
	n->len = (uint8_t)len;
	n->class = (uint8_t) class;
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
	t = aligned_alloc(CACHE_LINE, bytes);
	if (!t)
		return NULL;
	memset(t, 0, bytes);
	t->params = *params;
	t->stride = sizeof(struct trie_node) + params->payload_bytes;
	t->pool = pool_size(params);
	for (unsigned int c = 0; c < TRIE_CLASSES; c++)
		t->list[c].limit = params->quota[c];
	t->list[TRIE_AGGREGATE].limit = params->aggregates;
	for (uint32_t i = t->pool; i > 0; i--) {
		struct trie_node *n = node_at(t, (uint16_t)i);

		n->index = (uint16_t)i;
		n->class = TRIE_FREE;
		n->next = t->free;
		t->free = (uint16_t)i;
	}
	t->finger = take(t, (struct addr){ 0, 0 }, 0, TRIE_BRANCH)->index;
	assert(t->finger == ROOT);
	return t;
}

void trie_free(struct trie *t)
{
	free(t);
}

/* Lists --------------------------------------------------------------------------------------- */

static void list_add(struct trie *t, struct trie_node *n)
{
	struct list *l = &t->list[n->class];

	n->prev = TRIE_NONE;
	n->next = l->first;
	if (l->first)
		node_at(t, l->first)->prev = n->index;
	else
		l->last = n->index;
	l->first = n->index;
	l->count++;
}

static void list_del(struct trie *t, struct trie_node *n)
{
	struct list *l = &t->list[n->class];

	if (n->prev)
		node_at(t, n->prev)->next = n->next;
	else
		l->first = n->next;
	if (n->next)
		node_at(t, n->next)->prev = n->prev;
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

/* Folding ------------------------------------------------------------------------------------- */

/* n, which has one child at most, vanishes: its counts go to its parent, its child takes its
 * place. Returns the parent. Leaves and branches go alike. */
static struct trie_node *absorb(struct trie *t, struct trie_node *n)
{
	struct trie_node *parent = node_at(t, n->parent);
	uint16_t heir = n->child[0] ? n->child[0] : n->child[1];

	t->params.fold(parent->payload, n->payload, t->params.arg);
	parent->child[slot_of(parent, n->addr)] = heir;
	if (heir)
		node_at(t, heir)->parent = parent->index;
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
	struct list *aggregates = &t->list[TRIE_AGGREGATE];

	while (n->index != ROOT && !(n->child[0] && n->child[1])) {
		if (is_heavy(t, n)) {
			if (n->class == TRIE_AGGREGATE) {
				trie_touch(t, n);
			} else {
				n->class = TRIE_AGGREGATE;
				list_add(t, n);
			}
			if (aggregates->count <= aggregates->limit)
				return;
			n = node_at(t, aggregates->last);
		}
		t->splices++;
		n = absorb(t, n);
	}
}

void trie_fold(struct trie *t, struct trie_node *leaf)
{
	assert(trie_is_leaf(leaf));
	if (t->params.evict)
		t->params.evict(leaf, t->params.arg);
	t->folds++;
	settle(t, absorb(t, leaf));
}

/* Descent ------------------------------------------------------------------------------------- */

static struct trie_node *descend(struct trie *t, struct addr a)
{
	struct trie_node *n = node_at(t, t->finger);
	uint16_t child;

	if (!contains(n, a))
		n = node_at(t, ROOT);
	while ((child = n->child[slot_of(n, a)]) != TRIE_NONE) {
		struct trie_node *c = node_at(t, child);

		if (!contains(c, a))
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

struct trie_node *trie_find(struct trie *t, struct addr a)
{
	struct trie_node *n = descend(t, a);

	return trie_is_leaf(n) ? n : NULL;
}

static void adopt(struct trie_node *parent, struct trie_node *child)
{
	parent->child[slot_of(parent, child->addr)] = child->index;
	child->parent = parent->index;
}

/* Hangs a new leaf below n, the longest prefix on its path. */
static void attach(struct trie *t, struct trie_node *n, struct trie_node *leaf)
{
	uint16_t sibling = n->child[slot_of(n, leaf->addr)];

	if (sibling) {
		struct trie_node *s = node_at(t, sibling);
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

/* Brings a class that has one leaf too many back to its quota. */
static void enforce_quota(struct trie *t, unsigned int class)
{
	struct list *l = &t->list[class];

	if (l->count > l->limit)
		trie_fold(t, node_at(t, l->last));
}

struct trie_node *trie_insert(struct trie *t, struct addr a, unsigned int class, bool *created)
{
	struct trie_node *n = descend(t, a), *leaf;
	bool exists = trie_is_leaf(n);

	assert(class < TRIE_CLASSES);
	if (created)
		*created = !exists;
	if (exists) {
		trie_touch(t, n);
		return n;
	}
	leaf = take(t, a, ADDR_BITS, class);
	attach(t, n, leaf);
	list_add(t, leaf);
	t->finger = leaf->index;
	enforce_quota(t, class);
	return leaf;
}

void trie_reclass(struct trie *t, struct trie_node *leaf, unsigned int class)
{
	assert(trie_is_leaf(leaf) && class < TRIE_CLASSES);
	list_del(t, leaf);
	leaf->class = (uint8_t) class;
	list_add(t, leaf);
	enforce_quota(t, class);
}

/* Looking around ------------------------------------------------------------------------------ */

struct trie_node *trie_node_at(struct trie *t, uint16_t index)
{
	struct trie_node *n = node_at(t, index);

	return index != TRIE_NONE && index <= t->pool && n->class != TRIE_FREE ? n : NULL;
}

struct trie_node *trie_root(struct trie *t)
{
	return node_at(t, ROOT);
}

struct trie_node *trie_parent(struct trie *t, struct trie_node *n)
{
	return n->parent ? node_at(t, n->parent) : NULL;
}

/* The node after n in a walk, parents first, or NULL. Climbs by parents: no stack to bound. */
static struct trie_node *walk_next(struct trie *t, struct trie_node *n)
{
	uint16_t from;

	if (n->child[0] || n->child[1])
		return node_at(t, n->child[0] ? n->child[0] : n->child[1]);
	do {
		from = n->index;
		if (!n->parent)
			return NULL;
		n = node_at(t, n->parent);
	} while (!n->child[1] || n->child[1] == from);
	return node_at(t, n->child[1]);
}

void trie_walk(struct trie *t, bool (*visit)(struct trie_node *n, void *arg), void *arg)
{
	for (struct trie_node *n = node_at(t, ROOT); n; n = walk_next(t, n)) {
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

/* Self-check ---------------------------------------------------------------------------------- */

static const char *check_child(struct trie *t, const struct trie_node *n, unsigned int slot)
{
	struct trie_node *c = trie_node_at(t, n->child[slot]);

	if (!c)
		return "a child is not in use";
	if (c->parent != n->index)
		return "a child has another parent";
	if (c->len <= n->len || !contains(n, c->addr))
		return "a child is not within its parent's prefix";
	if (slot_of(n, c->addr) != slot)
		return "a child is on the wrong side";
	return NULL;
}

static const char *check_node(struct trie *t, const struct trie_node *n)
{
	unsigned int children = (n->child[0] != TRIE_NONE) + (n->child[1] != TRIE_NONE);

	if (n != node_at(t, n->index))
		return "a node has another's index";
	if (n->len > ADDR_BITS || !addr_eq(addr_mask(n->addr, n->len), n->addr))
		return "a prefix has bits beyond its length";
	if ((n->index == ROOT) != (n->parent == TRIE_NONE) || (n->index == ROOT) != (n->len == 0))
		return "the root is not the one node without parent, of length 0";
	if (trie_is_leaf(n) != (n->len == ADDR_BITS) || (trie_is_leaf(n) && children))
		return "a leaf is not of full length, or has children";
	if (n->class == TRIE_BRANCH && n->index != ROOT && children != 2)
		return "a plain branch has fewer than two children";
	if (n->class == TRIE_AGGREGATE && children == 2)
		return "an aggregate has two children";
	for (unsigned int slot = 0; slot < 2; slot++) {
		const char *broken = n->child[slot] ? check_child(t, n, slot) : NULL;

		if (broken)
			return broken;
	}
	return NULL;
}

static const char *check_list(struct trie *t, unsigned int class)
{
	const struct list *l = &t->list[class];
	uint32_t count = 0;
	uint16_t prev = TRIE_NONE;

	for (uint16_t i = l->first; i; i = node_at(t, i)->next) {
		struct trie_node *n = trie_node_at(t, i);

		if (!n || n->class != class)
			return "a list holds a node of another class";
		if (n->prev != prev)
			return "a list's links disagree";
		if (++count > l->count)
			return "a list is longer than its count";
		prev = i;
	}
	if (l->last != prev || count != l->count)
		return "a list ends too early";
	return count > l->limit ? "a class is beyond its quota" : NULL;
}

const char *trie_check(struct trie *t)
{
	uint32_t nodes = 0, unused = 0, listed[TRIE_FREE] = { 0 };
	const char *broken;

	for (struct trie_node *n = node_at(t, ROOT); n; n = walk_next(t, n)) {
		broken = check_node(t, n);
		if (broken)
			return broken;
		listed[n->class]++;
		if (++nodes > t->used)
			return "more nodes can be reached than are in use";
	}
	if (nodes != t->used)
		return "a node in use cannot be reached";
	for (unsigned int c = 0; c <= TRIE_AGGREGATE; c++) {
		broken = check_list(t, c);
		if (broken)
			return broken;
		if (listed[c] != t->list[c].count)
			return "a node is missing in the list of its class";
	}
	for (uint16_t i = t->free; i && unused <= t->pool; i = node_at(t, i)->next, unused++) {
		if (i > t->pool || node_at(t, i)->class != TRIE_FREE)
			return "the free list holds a node in use";
	}
	if (unused + t->used != t->pool)
		return "a node is neither in use nor free";
	return trie_node_at(t, t->finger) ? NULL : "the finger points to a free node";
}
