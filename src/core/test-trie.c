/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/test-trie-bench.h"

#include <errno.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One random operation, on both ---------------------------------------------------------------- */

static void same_node(struct bench *b, struct trie_node *n, unsigned int i)
{
	const struct oracle_node *o = &b->oracle->node[i];

	assert_true(addr_eq(n->addr, o->addr));
	assert_int_equal(n->len, o->len);
	assert_int_equal(n->class, o->class);
	assert_int_equal(evidence_of(n)->count, o->count);
	assert_int_equal(evidence_of(n)->negated, -o->count);
}

static void do_insert(struct bench *b, struct addr a)
{
	unsigned int class = random_below(TRIE_CLASSES);
	uint64_t count = random_below(100);
	bool expected = oracle_insert(b->oracle, a, class), created;
	struct trie_node *n = trie_insert(b->trie, a, class, &created);
	int i = oracle_leaf(b->oracle, a);

	assert_int_equal(created, expected);
	assert_true(i >= 0);
	same_node(b, n, (unsigned int)i);
	feed(b, n, count);
	b->oracle->node[i].count += count;
}

static struct trie_node *do_find(struct bench *b, struct addr a)
{
	struct trie_node *n = trie_find(b->trie, a);
	int i = oracle_leaf(b->oracle, a);

	assert_int_equal(n != NULL, i >= 0);
	if (n)
		same_node(b, n, (unsigned int)i);
	return n;
}

static void do_find_prefix(struct bench *b, struct addr a)
{
	struct trie_node *n = trie_find_prefix(b->trie, a);
	unsigned int i = oracle_longest(b->oracle, a, ADDR_BITS + 1);

	same_node(b, n, i);
	assert_ptr_equal(trie_node_at(b->trie, n->index), n);
	if (random_below(2)) {
		trie_touch(b->trie, n);
		if (n->class != TRIE_BRANCH)
			oracle_use(b->oracle, i);
	}
}

static void do_reclass(struct bench *b, struct addr a)
{
	struct trie_node *n = do_find(b, a);
	unsigned int class = random_below(TRIE_CLASSES);

	if (!n)
		return;
	trie_reclass(b->trie, n, class);
	oracle_reclass(b->oracle, (unsigned int)oracle_leaf(b->oracle, a), class);
	assert_ptr_equal(do_find(b, a), n);
}

static void do_fold(struct bench *b, struct addr a)
{
	struct trie_node *n = do_find(b, a);
	uint16_t index;

	if (!n)
		return;
	index = n->index;
	trie_fold(b->trie, n);
	oracle_fold(b->oracle, (unsigned int)oracle_leaf(b->oracle, a));
	assert_null(trie_node_at(b->trie, index));
	assert_null(do_find(b, a));
}

static void operate(struct bench *b)
{
	struct addr a = choose(b);
	uint32_t dice = random_below(1000);

	if (dice < 600)
		do_insert(b, a);
	else if (dice < 750)
		do_find(b, a);
	else if (dice < 900)
		do_find_prefix(b, a);
	else if (dice < 960)
		do_reclass(b, a);
	else if (dice < 998)
		do_fold(b, a);
	else if (b->oracle->aggregates) /* evidence ages: what was heavy is so no more */
		b->oracle->heavy = 1 + random_below(20000);
	assert_int_equal(b->evictions, b->oracle->evictions);
	assert_true(addr_eq(b->evicted, b->oracle->evicted));
}

/* The whole, now and then ---------------------------------------------------------------------- */

struct tour {
	struct bench *bench;
	unsigned int nodes;
	uint64_t total;
};

static bool tour_node(struct trie_node *n, void *arg)
{
	struct tour *tour = arg;
	int i = oracle_prefix(tour->bench->oracle, n->addr, n->len);
	struct trie_node *parent = trie_parent(tour->bench->trie, n);

	assert_true(i >= 0);
	same_node(tour->bench, n, (unsigned int)i);
	assert_true(parent ? parent->len < n->len : n == trie_root(tour->bench->trie));
	tour->nodes++;
	tour->total += evidence_of(n)->count;
	return true;
}

/* Every plain branch is where two leaves or aggregates part, and every such place has a branch.
 * Cubic: for the small ones only. */
static void assert_canonical(const struct oracle *o)
{
	if (o->n > 200)
		return;
	for (unsigned int i = 0; i < o->n; i++) {
		for (unsigned int j = 0; j < i; j++) {
			unsigned int len = addr_common_len(o->node[i].addr, o->node[j].addr);

			if (len < o->node[i].len && len < o->node[j].len)
				assert_true(oracle_prefix(o, addr_mask(o->node[i].addr, len),
							  len) >= 0);
		}
		if (o->node[i].class == TRIE_BRANCH && o->node[i].len > 0)
			assert_true(oracle_parts(o, i));
	}
}

static void assert_same(struct bench *b)
{
	struct tour tour = { .bench = b };
	struct trie_stats stats;

	assert_sound(b);
	trie_walk(b->trie, tour_node, &tour);
	trie_stats(b->trie, &stats);
	assert_int_equal(tour.nodes, b->oracle->n);
	assert_int_equal(stats.nodes, b->oracle->n);
	for (unsigned int c = 0; c < TRIE_CLASSES; c++) {
		assert_int_equal(stats.leaves[c], oracle_count_class(b->oracle, c));
		assert_true(stats.leaves[c] <= b->oracle->quota[c]);
	}
	assert_int_equal(stats.aggregates, oracle_count_class(b->oracle, TRIE_AGGREGATE));
	assert_true(stats.aggregates <= b->oracle->aggregates);
	assert_int_equal(stats.folds, b->evictions);
	assert_int_equal(stats.splices, b->oracle->splices);
	assert_int_equal(tour.total, b->fed);
	assert_int_equal(oracle_total(b->oracle), b->fed);
}

static void agrees_with_the_oracle(void **state)
{
	static const struct {
		unsigned int quota[TRIE_CLASSES], aggregates;
		uint64_t heavy, operations;
	} cases[] = {
		{ { 1, 1, 1 }, 0, 0, 400000 },	 { { 1, 1, 1 }, 1, 500, 400000 },
		{ { 2, 3, 1 }, 5, 300, 500000 }, { { 8, 6, 4 }, 0, 0, 600000 },
		{ { 8, 6, 4 }, 4, 400, 600000 }, { { 20, 10, 5 }, 8, 1000, 500000 },
		{ { 3, 20, 9 }, 40, 1, 400000 }, { { 700, 500, 100 }, 50, 1000, 40000 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct bench b;
		struct trie_params p = params_of(&b, cases[i].quota[0], cases[i].quota[1],
						 cases[i].quota[2], cases[i].aggregates);
		uint64_t operations = random_count(cases[i].operations);

		bench_init(&b, &p, cases[i].heavy);
		for (uint64_t op = 1; op <= operations; op++) {
			operate(&b);
			if (op % 2000 == 0)
				assert_same(&b);
			if (op % 50000 == 0) {
				assert_canonical(b.oracle);
				b.base = (struct addr){ random_u64(), random_u64() };
			}
		}
		assert_same(&b);
		assert_canonical(b.oracle);
		bench_done(&b);
	}
}

/* Promises one by one -------------------------------------------------------------------------- */

static void flood_leaves_higher_classes_alone(void **state)
{
	enum { SUSPECT = 300, KNOWN = 100 };
	struct bench b;
	struct trie_params p = params_of(&b, 500, SUSPECT, KNOWN, 16);
	struct addr kept[SUSPECT + KNOWN];
	uint16_t index[SUSPECT + KNOWN];
	uint64_t newcomers = random_count(1000000);
	struct trie_stats stats;

	(void)state;
	bench_init(&b, &p, 50);
	for (unsigned int i = 0; i < COUNT(kept); i++) {
		struct trie_node *n;

		kept[i] = i % 2 ? addr_from_v4((uint32_t)random_u64()) :
				  (struct addr){ random_u64(), random_u64() };
		n = trie_insert(b.trie, kept[i], i < SUSPECT ? 1 : 2, NULL);
		index[i] = n->index;
		feed(&b, n, i + 1);
	}
	for (uint64_t i = 0; i < newcomers; i++) {
		struct addr a = addr_from_v4((uint32_t)random_u64());

		if (i % 2) /* next to someone known */
			a = bits_apart(kept[random_below(COUNT(kept))], 1 + random_below(4));
		if (!trie_find(b.trie, a))
			feed(&b, trie_insert(b.trie, a, 0, NULL), 1);
	}
	assert_sound(&b);
	trie_stats(b.trie, &stats);
	assert_int_equal(stats.leaves[1], SUSPECT);
	assert_int_equal(stats.leaves[2], KNOWN);
	for (unsigned int i = 0; i < COUNT(kept); i++) {
		struct trie_node *n = trie_find(b.trie, kept[i]);

		assert_non_null(n);
		assert_int_equal(n->index, index[i]);
		assert_int_equal(n->class, i < SUSPECT ? 1 : 2);
		assert_int_equal(evidence_of(n)->count, i + 1);
	}
	bench_done(&b);
}

static struct trie_node *add(struct bench *b, const struct addr a, uint64_t count)
{
	struct trie_node *n = trie_insert(b->trie, a, 0, NULL);

	feed(b, n, count);
	return n;
}

static void rotating_hosts_leave_an_aggregate(void **state)
{
	const uint64_t net = 0x20010db800010000, other = 0x20010db8ffff0000;
	struct bench b;
	struct trie_params p = params_of(&b, 2, 1, 1, 1);
	struct trie_node *n;
	uint16_t index;

	(void)state;
	bench_init(&b, &p, 10);
	add(&b, (struct addr){ net, 1 }, 6);
	add(&b, (struct addr){ net, 1ULL << 63 }, 6);
	trie_fold(b.trie, trie_find(b.trie, (struct addr){ net, 1 }));
	/* 6 are light: the branch went, its counts are at the root */
	assert_ptr_equal(trie_find_prefix(b.trie, (struct addr){ net, 1 }), trie_root(b.trie));
	assert_int_equal(evidence_of(trie_root(b.trie))->count, 6);

	add(&b, (struct addr){ net, 2 }, 10);
	trie_fold(b.trie, trie_find(b.trie, (struct addr){ net, 2 }));
	n = trie_find_prefix(b.trie, (struct addr){ net, 2 });
	index = n->index;
	assert_int_equal(n->len, 64);
	assert_int_equal(n->class, TRIE_AGGREGATE);
	assert_int_equal(evidence_of(n)->count, 10);
	/* without any child, too */
	trie_fold(b.trie, trie_find(b.trie, (struct addr){ net, 1ULL << 63 }));
	assert_int_equal(trie_node_at(b.trie, index)->class, TRIE_AGGREGATE);
	assert_int_equal(evidence_of(n)->count, 16);
	/* and it takes newcomers in */
	assert_ptr_equal(trie_parent(b.trie, add(&b, (struct addr){ net, 3 }, 1)), n);
	add(&b, (struct addr){ net, 1ULL << 63 }, 1);
	assert_int_equal(n->class, TRIE_BRANCH);
	trie_fold(b.trie, trie_find(b.trie, (struct addr){ net, 3 }));
	assert_int_equal(n->class, TRIE_AGGREGATE);
	assert_sound(&b);

	/* another heavy one takes its place: one aggregate is allowed */
	trie_fold(b.trie, trie_find(b.trie, (struct addr){ net, 1ULL << 63 }));
	add(&b, (struct addr){ other, 1 }, 20);
	add(&b, (struct addr){ other, 2 }, 1);
	trie_fold(b.trie, trie_find(b.trie, (struct addr){ other, 1 }));
	assert_int_equal(trie_find_prefix(b.trie, (struct addr){ other, 1 })->class,
			 TRIE_AGGREGATE);
	assert_true(trie_find_prefix(b.trie, (struct addr){ net, 1 })->len < 64);
	assert_sound(&b);
	bench_done(&b);
}

static bool stop_at_third(struct trie_node *n, void *arg)
{
	(void)n;
	return ++*(unsigned int *)arg < 3;
}

static void empty_and_edges(void **state)
{
	const struct addr ends[] = { { 0, 0 }, { ~0ULL, ~0ULL } };
	struct bench b;
	struct trie_params p = params_of(&b, 4, 1, 1, 0);
	unsigned int visits = 0;
	bool created;

	(void)state;
	bench_init(&b, &p, 0);
	assert_ptr_equal(trie_find_prefix(b.trie, ends[0]), trie_root(b.trie));
	assert_null(trie_parent(b.trie, trie_root(b.trie)));
	assert_null(trie_find(b.trie, ends[1]));
	assert_null(trie_node_at(b.trie, TRIE_NONE));
	assert_null(trie_node_at(b.trie, UINT16_MAX));
	for (unsigned int i = 0; i < 2; i++) {
		trie_insert(b.trie, ends[i], 0, &created);
		assert_true(created);
		trie_insert(b.trie, ends[i], 1, &created);
		assert_false(created);
		assert_int_equal(trie_find(b.trie, ends[i])->class, 0);
	}
	trie_insert(b.trie, (struct addr){ 0, 1 }, 0, NULL);
	assert_int_equal(trie_parent(b.trie, trie_find(b.trie, ends[0]))->len, 127);
	trie_walk(b.trie, stop_at_third, &visits);
	assert_int_equal(visits, 3);
	assert_sound(&b);
	bench_done(&b);
}

static void bad_params_are_refused(void **state)
{
	struct bench b;
	const struct trie_params good = params_of(&b, 10, 10, 10, 2);
	struct trie_params bad[7];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		bad[i] = good;
	bad[0].quota[1] = 0;
	bad[1].payload_bytes = 12;
	bad[2].payload_bytes = TRIE_MAX_PAYLOAD + 8;
	bad[3].fold = NULL;
	bad[4].aggregates = TRIE_MAX_ENDS;
	bad[5].quota[0] = TRIE_MAX_ENDS - 21;
	bad[6].quota[0] = bad[6].quota[1] = bad[6].quota[2] = UINT16_MAX;
	for (size_t i = 0; i < COUNT(bad); i++) {
		errno = 0;
		assert_null(trie_new(&bad[i]));
		assert_int_equal(errno, EINVAL);
		assert_int_equal(trie_bytes(&bad[i]), 0);
	}
}

/* Memory --------------------------------------------------------------------------------------- */

#if TEST_SANITIZED
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

/* Of the whole program; a malloc that keeps books adds up to `slack` to a large block. */
static size_t allocated(void)
{
#if TEST_SANITIZED
	return __sanitizer_get_current_allocated_bytes();
#else
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
#endif
}

static long page_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static void storm(struct bench *b, uint64_t operations)
{
	for (uint64_t i = 0; i < operations; i++) {
		struct trie_node *n = trie_insert(b->trie, choose(b), random_below(3), NULL);

		feed(b, n, random_below(100));
		if (i % 16 == 0)
			trie_reclass(b->trie, n, random_below(3));
	}
}

/* The payload is how little a leaf deserves its place. */
static void add_burden(void *into, const void *from, void *arg)
{
	(void)arg;
	*(uint64_t *)into += *(const uint64_t *)from;
}

static unsigned int burden_of(const void *payload, void *arg)
{
	(void)arg;
	return (unsigned int)*(const uint64_t *)payload;
}

static void insert_burden(struct trie *t, uint32_t a, uint64_t burden)
{
	struct trie_node *n = trie_insert(t, addr_from_v4(a), 0, NULL);

	memcpy(n->payload, &burden, sizeof(burden));
}

static void the_burdensome_fold_first(void **state)
{
	struct trie_params p = { .payload_bytes = 8,
				 .quota = { 32, 1, 1 },
				 .fold = add_burden,
				 .burden = burden_of,
				 .even = 5 };
	struct trie *t = trie_new(&p);
	uint32_t seed = 1;

	(void)state;
	assert_non_null(t);
	for (uint32_t a = 0; a < 32; a++)
		insert_burden(t, a << 8, 3 + a % 3);
	/* Equal, but for what is chance: the longest unused goes. */
	insert_burden(t, 100 << 8, 8);
	assert_null(trie_find(t, addr_from_v4(0)));
	assert_non_null(trie_find(t, addr_from_v4(1 << 8)));
	/* A flood folds but its own, though one of the others goes before it can be told. */
	for (unsigned int i = 0; i < 10000; i++)
		insert_burden(t, (seed = seed * 1664525 + 1013904223) | 0x80000000, 60);
	for (uint32_t a = 2; a < 32; a++)
		assert_non_null(trie_find(t, addr_from_v4(a << 8)));
	trie_free(t);
}

static void memory_is_exactly_bounded(void **state)
{
	/* the largest trie there is */
	struct bench b;
	struct trie_params p = params_of(&b, 20000, 10000, TRIE_MAX_ENDS - 30000 - 1000, 1000);
	size_t page = (size_t)sysconf(_SC_PAGESIZE), slack = TEST_SANITIZED ? 0 : 2 * page;
	size_t bytes = trie_bytes(&p), before, after;
	long faults;

	(void)state;
	mallopt(M_MMAP_THRESHOLD, 128 * 1024); /* else glibc moves it, and its books with it */
	bench_init(&b, &p, 500);
	storm(&b, 1000);
	trie_free(b.trie);

	before = allocated();
	b.trie = trie_new(&p);
	after = allocated();
	assert_in_range(after - before, bytes, bytes + slack);

	faults = page_faults();
	storm(&b, random_count(1000000));
	assert_int_equal(allocated(), after);
	if (!TEST_SANITIZED)
		assert_in_range(page_faults() - faults, 0, bytes / page / 20);
	assert_sound(&b);
	trie_free(b.trie);
	assert_int_equal(allocated(), before);
	free(b.oracle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_and_edges),
		cmocka_unit_test(bad_params_are_refused),
		cmocka_unit_test(rotating_hosts_leave_an_aggregate),
		cmocka_unit_test(agrees_with_the_oracle),
		cmocka_unit_test(flood_leaves_higher_classes_alone),
		cmocka_unit_test(the_burdensome_fold_first),
		cmocka_unit_test(memory_is_exactly_bounded),
	};

	random_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
