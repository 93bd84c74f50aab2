/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The approximations against the C library's functions. */
#include "core/approx.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_ln(void **state)
{
	(void)state;
	for (double x = 1e-9; x < 1e9; x *= 1.0007)
		assert_true(fabs(approx_ln(x) - log(x)) < 2e-5);
}

static void test_exp2(void **state)
{
	(void)state;
	for (double x = -300; x < 300; x += 0.0173)
		assert_true(fabs(approx_exp2(x) / exp2(x) - 1) < 2e-5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ln),
		cmocka_unit_test(test_exp2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
