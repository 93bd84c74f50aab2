/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/iid-pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_patterns(void **state)
{
	static const struct {
		const char *address;
		uint16_t port;
		enum iid_pattern pattern;
	} cases[] = {
		{ "2001:db8::1", 23, IID_LOW_BYTE },
		{ "2001:db8::fe", 23, IID_LOW_BYTE },
		{ "2001:db8::a:2", 23, IID_LOW_BYTE },
		{ "2001:db8::", 0, IID_LOW_BYTE },
		{ "2001:db8::211:22ff:fe33:4455", 23, IID_EUI64 },
		{ "fe80::ff:fe00:1", 23, IID_EUI64 },
		{ "2001:db8::192.0.2.7", 23, IID_EMBEDDED_V4 },
		{ "2001:db8::192:0:2:7", 23, IID_EMBEDDED_V4 },
		{ "2001:db8::10:7:0:1", 23, IID_EMBEDDED_V4 },
		{ "2001:db8::80", 23, IID_EMBEDDED_PORT },
		{ "2001:db8::8080", 23, IID_EMBEDDED_PORT },
		{ "2001:db8::22", 22, IID_EMBEDDED_PORT },
		{ "2001:db8::1f90", 8080, IID_EMBEDDED_PORT },
		{ "2001:db8::443:1", 443, IID_EMBEDDED_PORT },
		{ "2001:db8::dead:beef", 23, IID_WORDY },
		{ "2001:db8::cafe", 23, IID_WORDY },
		{ "2001:db8::bad0:c0de:0:1", 23, IID_WORDY },
		{ "2001:db8::d00d:9f3a", 23, IID_EMBEDDED_V4 + IID_PATTERNS },
		{ "2001:db8::9c4d:81aa:6e0f:7b21", 23, IID_RANDOM },
		{ "2001:db8::dead:81aa:6e0f:7b21", 23, IID_RANDOM },
		{ "192.0.2.80", 80, IID_RANDOM },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr a;

		assert_int_equal(addr_parse(cases[i].address, &a), 0);
		if (cases[i].pattern >=
		    IID_PATTERNS) /* a word beside chance: anything but a word */
			assert_int_not_equal(iid_pattern(a, cases[i].port), IID_WORDY);
		else
			assert_int_equal(iid_pattern(a, cases[i].port), cases[i].pattern);
	}
}

/* Random addresses are told from patterns nearly always (RFC 8981). */
static void test_random(void **state)
{
	uint64_t x = 0x9e3779b97f4a7c15ULL;
	unsigned int wrong = 0;

	(void)state;
	for (unsigned int i = 0; i < 100000; i++) {
		struct addr a = { 0x20010db800000000ULL, 0 };

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		a.lo = x;
		wrong += iid_pattern(a, 80) != IID_RANDOM;
	}
	assert_true(wrong < 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
