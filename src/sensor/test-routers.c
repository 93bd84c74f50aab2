/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines as Linux 6.1 writes them on a little-endian machine; the numbers of v4 are the machine's own. */
#include "sensor/routers.h"

#include "core/clock.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct routers routers;

static struct addr ip(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void read_text(const char *text, void (*read)(struct routers *rs, FILE *from))
{
	FILE *from = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_non_null(from);
	memset(&routers, 0, sizeof(routers));
	routers.read_ns = 1; /* asked for within the minute: what was read stays */
	read(&routers, from);
	fclose(from);
}

static void test_v4(void **state)
{
	char text[512];

	(void)state;
	snprintf(
		text, sizeof(text),
		"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
		"eth0\t00000000\t%08X\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
		"eth0\t%08X\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
		htonl(0xc00002fe), htonl(0xc0000200));
	read_text(text, routers_read_v4);
	assert_int_equal(routers.count, 1);
	assert_true(routers_hold(&routers, ip("192.0.2.254"), 2));
	assert_false(routers_hold(&routers, ip("192.0.2.1"), 2));
}

static void test_v6(void **state)
{
	static const char text[] =
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n"
		"20010db8000000000000000000000000 40 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n";

	(void)state;
	read_text(text, routers_read_v6);
	assert_int_equal(routers.count, 1);
	assert_true(routers_hold(&routers, ip("fe80::1"), 2));
	assert_false(routers_hold(&routers, ip("::"), 2));
}

static void test_bounded(void **state)
{
	char text[4096];
	size_t len = 0;

	(void)state;
	for (unsigned int i = 0; i < 2 * ROUTERS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"eth0\t00000000\t%08X\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
					htonl(0xc0000201 + i / 2));
	read_text(text, routers_read_v4);
	assert_int_equal(routers.count, ROUTERS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
