/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sketch against exact counts of random and of sequential things. */
#include "core/addr.h"
#include "core/sketch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Three standard deviations of what sketch.h promises. */
static void expect_about(unsigned int n, double share, unsigned int slack)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct sketch s = { 0 };
		unsigned int counted;

		for (unsigned int i = 0; i < n; i++) {
			uint32_t hash = addr_hash(addr_from_v4(i), seed);

			sketch_add(&s, hash);
			assert_true(sketch_has(&s, hash));
			assert_false(sketch_add(&s, hash));
		}
		counted = sketch_count(&s);
		assert_true(counted <= n * (1 + share) + slack);
		assert_true(counted + slack >= n * (1 - share));
	}
}

static void test_counts(void **state)
{
	(void)state;
	expect_about(0, 0, 0);
	expect_about(1, 0, 0);
	expect_about(20, 0, 2);
	expect_about(100, 0, 6);
	expect_about(1000, 0.06, 0);
	expect_about(7300, 0.12, 0);
	expect_about(65536, 0.18, 0);
}

static void test_linear(void **state)
{
	uint64_t words[2] = { 0xff, 0 };

	(void)state;
	assert_int_equal(sketch_linear(words, 2), 8); /* 128 ln(128 / 120) = 8.26 */
	memset(words, 0xff, sizeof(words));
	assert_true(sketch_linear(words, 2) > 128); /* full: finite all the same */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
