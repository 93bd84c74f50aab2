/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The count against the compiler's own. */
#include "core/bits.h"

#include "core/test-random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_count(void **state)
{
	(void)state;
	random_seed();
	assert_int_equal(bits_count(0), 0);
	assert_int_equal(bits_count(UINT64_MAX), 64);
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(bits_count(1ULL << i), 1);
	for (unsigned int i = 0; i < 10000; i++) {
		uint64_t x = random_u64();

		assert_int_equal(bits_count(x), __builtin_popcountll(x));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
