/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The trie's self-check: for tests and fuzzers, not for the packet path.
 */
#include "core/trie-internal.h"

static const char *check_child(struct trie *t, const struct trie_node *n, unsigned int side)
{
	struct trie_node *c = trie_node_at(t, n->child[side]);

	if (!c)
		return "a child is not in use";
	if (c->parent != n->index)
		return "a child has another parent";
	if (c->len <= n->len || !trie_contains(n, c->addr))
		return "a child is not within its parent's prefix";
	if (trie_side(n, c->addr) != side)
		return "a child is on the wrong side";
	return NULL;
}

static const char *check_node(struct trie *t, const struct trie_node *n)
{
	unsigned int children = (n->child[0] != TRIE_NONE) + (n->child[1] != TRIE_NONE);

	if (n != trie_slot(t, n->index))
		return "a node has another's index";
	if (n->len > ADDR_BITS || !addr_eq(addr_mask(n->addr, n->len), n->addr))
		return "a prefix has bits beyond its length";
	if (n->class > TRIE_BRANCH)
		return "a node has no class";
	if ((n->index == TRIE_ROOT) != (n->parent == TRIE_NONE) ||
	    (n->index == TRIE_ROOT) != (n->len == 0))
		return "the root is not the one node without parent, of length 0";
	if (trie_is_leaf(n) != (n->len == ADDR_BITS) || (trie_is_leaf(n) && children))
		return "a leaf is not of full length, or has children";
	if (n->class == TRIE_BRANCH && n->index != TRIE_ROOT && children != 2)
		return "a plain branch has fewer than two children";
	if (n->class == TRIE_AGGREGATE && children == 2)
		return "an aggregate has two children";
	for (unsigned int side = 0; side < 2; side++) {
		const char *broken = n->child[side] ? check_child(t, n, side) : NULL;

		if (broken)
			return broken;
	}
	return NULL;
}

static const char *check_list(struct trie *t, unsigned int class)
{
	const struct trie_list *l = &t->list[class];
	uint32_t count = 0;
	uint16_t prev = TRIE_NONE;

	for (uint16_t i = l->first; i; i = trie_slot(t, i)->next) {
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

	for (struct trie_node *n = trie_slot(t, TRIE_ROOT); n; n = trie_walk_next(t, n)) {
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
	for (uint16_t i = t->free; i && unused <= t->pool; i = trie_slot(t, i)->next, unused++) {
		if (i > t->pool || trie_slot(t, i)->class != TRIE_FREE)
			return "the free list holds a node in use";
	}
	if (unused + t->used != t->pool)
		return "a node is neither in use nor free";
	return trie_node_at(t, t->finger) ? NULL : "the finger points to a free node";
}
