/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/home.h"

#include "sensor/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct host host;
static struct home home;

static struct addr ip(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void own(const char *address, const char *on_link)
{
	struct host_addr *a = &host.addr[host.n_addrs++];

	a->addr = ip(address);
	assert_int_equal(prefix_parse(on_link, &a->on_link), 0);
}

/* A router with a public side and a private one, both families. */
static void home_of(enum home_mode mode, const char *prefix)
{
	memset(&host, 0, sizeof(host));
	memset(&home, 0, sizeof(home));
	home.mode = mode;
	if (prefix) {
		assert_int_equal(prefix_parse(prefix, &home.prefixes.prefix[0]), 0);
		home.prefixes.count = 1;
	}
	if (mode != HOME_HOST && mode != HOME_GATEWAY)
		return;
	home.host = &host;
	own("203.0.113.1", "203.0.113.0/29");
	own("192.168.1.1", "192.168.1.0/24");
	own("2001:db8:1::1", "2001:db8:1::/64");
}

static void assert_side(const char *initiator, const char *target, enum home_side side)
{
	if (home_side(&home, ip(initiator), ip(target)) != side)
		fail_msg("%s to %s is %d, not %d", initiator, target,
			 home_side(&home, ip(initiator), ip(target)), side);
}

static void test_host(void **state)
{
	(void)state;
	home_of(HOME_HOST, NULL);
	assert_side("198.51.100.1", "203.0.113.1", HOME_INBOUND);
	assert_side("192.168.1.20", "192.168.1.1", HOME_INBOUND);
	assert_side("2001:db8:ffff::1", "2001:db8:1::1", HOME_INBOUND);
	assert_side("203.0.113.1", "198.51.100.1", HOME_OUTBOUND);
	assert_side("192.168.1.1", "192.168.1.20", HOME_OUTBOUND);
	/* Forwarded: not this host's business. */
	assert_side("198.51.100.1", "192.168.1.20", HOME_ELSEWHERE);
	assert_side("192.168.1.20", "198.51.100.1", HOME_ELSEWHERE);
	assert_true(home_is_self(&home, ip("192.168.1.1")));
	assert_false(home_is_self(&home, ip("192.168.1.20")));
}

/* With itself a host may do as it likes. */
static void test_host_itself(void **state)
{
	(void)state;
	home_of(HOME_HOST, NULL);
	assert_int_not_equal(home_side(&home, ip("203.0.113.1"), ip("192.168.1.1")), HOME_INBOUND);
	assert_int_not_equal(home_side(&home, ip("127.0.0.1"), ip("127.0.0.53")), HOME_INBOUND);
	assert_int_not_equal(home_side(&home, ip("::1"), ip("::1")), HOME_INBOUND);
}

static void test_nobody_s_targets(void **state)
{
	static const enum home_mode modes[] = { HOME_HOST, HOME_GATEWAY, HOME_GIVEN,
						HOME_INFERRED };

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		home_of(modes[i], "0.0.0.0/0");
		assert_side("192.168.1.20", "224.0.0.251", HOME_ELSEWHERE);
		assert_side("192.168.1.20", "255.255.255.255", HOME_ELSEWHERE);
		assert_side("fe80::1", "ff02::fb", HOME_ELSEWHERE);
		assert_side("0.0.0.0", "192.168.1.1", HOME_ELSEWHERE);
		assert_side("192.168.1.20", "0.0.0.0", HOME_ELSEWHERE);
		/* A LAND attack's packet, from the target itself. */
		assert_side("192.168.1.1", "192.168.1.1", HOME_ELSEWHERE);
	}
}

static void test_gateway(void **state)
{
	(void)state;
	home_of(HOME_GATEWAY, NULL);
	assert_side("198.51.100.1", "203.0.113.1", HOME_INBOUND);
	assert_side("198.51.100.1", "192.168.1.20", HOME_INBOUND);
	assert_side("198.51.100.1", "10.1.2.3", HOME_INBOUND);
	assert_side("2001:db8:ffff::1", "2001:db8:1::20", HOME_INBOUND);
	assert_side("192.168.1.20", "198.51.100.1", HOME_OUTBOUND);
	assert_side("203.0.113.1", "198.51.100.1", HOME_OUTBOUND);
	assert_side("198.51.100.1", "198.51.100.2", HOME_ELSEWHERE);
	assert_true(home_is_self(&home, ip("203.0.113.1")));
	assert_false(home_is_self(&home, ip("192.168.1.20")));
}

static void test_gateway_given(void **state)
{
	(void)state;
	home_of(HOME_GATEWAY, "198.51.100.0/24");
	assert_side("203.0.113.99", "198.51.100.20", HOME_INBOUND);
	assert_side("203.0.113.99", "203.0.113.1", HOME_INBOUND);
	assert_side("198.51.100.20", "203.0.113.99", HOME_OUTBOUND);
	assert_side("203.0.113.99", "10.1.2.3", HOME_ELSEWHERE);
}

static void test_given(void **state)
{
	(void)state;
	home_of(HOME_GIVEN, "192.0.2.0/24");
	assert_side("203.0.113.7", "192.0.2.10", HOME_INBOUND);
	assert_side("192.0.2.11", "192.0.2.10", HOME_INBOUND);
	assert_side("192.0.2.10", "203.0.113.7", HOME_OUTBOUND);
	assert_side("203.0.113.7", "198.51.100.1", HOME_ELSEWHERE);
	assert_side("203.0.113.7", "192.168.1.1", HOME_ELSEWHERE);
	/* In a capture nobody's listing tells. */
	assert_false(home_is_self(&home, ip("192.0.2.10")));
}

static void test_inferred(void **state)
{
	(void)state;
	home_of(HOME_INFERRED, NULL);
	assert_side("203.0.113.7", "192.168.1.20", HOME_INBOUND);
	assert_side("192.168.1.21", "192.168.1.20", HOME_INBOUND);
	assert_side("203.0.113.7", "198.51.100.1", HOME_INBOUND);
	/* A client behind NAT, whoever it meets. */
	assert_side("192.168.1.20", "203.0.113.7", HOME_OUTBOUND);
	assert_side("100.64.1.1", "203.0.113.7", HOME_OUTBOUND); /* RFC 6598 */
	assert_side("fd00::1", "2001:db8::1", HOME_OUTBOUND); /* RFC 4193 */
	assert_false(home_is_self(&home, ip("192.168.1.20")));
}

static void test_on_link(void **state)
{
	(void)state;
	home_of(HOME_HOST, NULL);
	assert_true(home_on_link(&home, ip("192.168.1.77"), ip("192.168.1.1")));
	assert_true(home_on_link(&home, ip("fe80::77"), ip("2001:db8:1::1")));
	assert_true(home_on_link(&home, ip("2001:db8:1::77"), ip("2001:db8:1::1")));
	assert_false(home_on_link(&home, ip("192.168.2.77"), ip("192.168.1.1")));
	assert_false(home_on_link(&home, ip("203.0.113.9"), ip("203.0.113.1")));
	/* In a capture no netmask is known: private neighbours alone. */
	home_of(HOME_GIVEN, "192.0.2.0/24");
	assert_true(home_on_link(&home, ip("192.168.1.77"), ip("192.168.1.1")));
	assert_true(home_on_link(&home, ip("fe80::77"), ip("fe80::1")));
	assert_true(home_on_link(&home, ip("fd00::77"), ip("fd00::1")));
	assert_false(home_on_link(&home, ip("192.168.2.77"), ip("192.168.1.1")));
	assert_false(home_on_link(&home, ip("198.51.100.1"), ip("198.51.100.2")));
}

static void test_one_host(void **state)
{
	(void)state;
	home_of(HOME_HOST, NULL);
	assert_true(home_one_host(&home));
	home_of(HOME_GATEWAY, NULL);
	assert_false(home_one_host(&home));
	home_of(HOME_INFERRED, NULL);
	assert_false(home_one_host(&home));
	home_of(HOME_GIVEN, "192.0.2.0/24");
	assert_false(home_one_host(&home));
	home_of(HOME_GIVEN, "192.0.2.1");
	assert_true(home_one_host(&home));
	assert_int_equal(prefix_parse("2001:db8::1/128", &home.prefixes.prefix[1]), 0);
	home.prefixes.count = 2;
	assert_true(home_one_host(&home));
	assert_int_equal(prefix_parse("2001:db8::/127", &home.prefixes.prefix[1]), 0);
	assert_false(home_one_host(&home));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_host_itself),
		cmocka_unit_test(test_nobody_s_targets),
		cmocka_unit_test(test_gateway),
		cmocka_unit_test(test_gateway_given),
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_inferred),
		cmocka_unit_test(test_on_link),
		cmocka_unit_test(test_one_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
