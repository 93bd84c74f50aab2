/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif

#include "sensor/host.h"

#include "sensor/test-netns.h"

#include <linux/if_arp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct host host;

static struct addr a(const char *text)
{
	struct addr out;

	assert_int_equal(addr_parse(text, &out), 0);
	return out;
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(host_init(&host), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	host_done(&host);
	run("ip link del va");
	run("ip link del br0");
	return 0;
}

static void test_loopback(void **state)
{
	const struct host_link *lo = host_link_named(&host, "lo");

	(void)state;
	assert_non_null(lo);
	assert_true(lo->loopback);
	assert_true(lo->up);
	assert_int_equal(lo->arphrd, ARPHRD_LOOPBACK);
	assert_ptr_equal(host_link(&host, lo->ifindex), lo);
	assert_null(host_link(&host, lo->ifindex + 1000));
	assert_null(host_link_named(&host, "l"));
	assert_true(host_owns(&host, a("127.0.0.1")));
	assert_true(host_owns(&host, a("127.1.2.3")));
	assert_true(host_owns(&host, a("::1")));
	assert_false(host_owns(&host, a("192.0.2.1")));
	assert_false(host_update(&host));
}

/* The kernel tells of an IPv6 address only when a work queue has found it to be no duplicate. */
static bool owns_soon(const char *address)
{
	for (int tries = 0; tries < 200; tries++) {
		if (host_owns(&host, a(address)))
			return true;
		usleep(10000);
		host_update(&host);
	}
	return false;
}

static void test_addresses_come_and_go(void **state)
{
	(void)state;
	assert_int_equal(run("ip link add va type veth peer name vb"), 0);
	assert_true(host_update(&host));
	assert_false(host_link_named(&host, "va")->up);
	/* The other end is not the interface below. */
	assert_int_equal(host_link_named(&host, "va")->lower, 0);
	assert_int_equal(run("ip link set va up"), 0);
	assert_int_equal(run("ip link set vb up"), 0);
	assert_int_equal(run("ip addr add 192.0.2.1/24 dev va"), 0);
	assert_int_equal(run("ip addr add 2001:db8:1::1/64 dev va nodad"), 0);
	assert_int_equal(run("ip addr add 10.9.0.1 peer 10.9.0.2/32 dev va"), 0);
	assert_true(host_update(&host));
	assert_true(host_link_named(&host, "va")->up);

	assert_true(host_owns(&host, a("192.0.2.1")));
	assert_true(owns_soon("2001:db8:1::1"));
	assert_true(host_owns(&host, a("10.9.0.1")));
	assert_false(host_owns(&host, a("10.9.0.2")));
	assert_false(host_owns(&host, a("192.0.2.2")));
	assert_true(host_on_link(&host, a("192.0.2.77")));
	assert_true(host_on_link(&host, a("2001:db8:1::77")));
	assert_true(host_on_link(&host, a("10.9.0.2")));
	assert_true(host_on_link(&host, a("fe80::1")));
	assert_true(host_on_link(&host, a("169.254.3.4")));
	assert_false(host_on_link(&host, a("10.9.0.3")));
	assert_false(host_on_link(&host, a("192.0.3.1")));
	assert_false(host_on_link(&host, a("2001:db8:2::1")));

	assert_int_equal(run("ip addr del 192.0.2.1/24 dev va"), 0);
	assert_true(host_update(&host));
	assert_false(host_owns(&host, a("192.0.2.1")));
	assert_false(host_on_link(&host, a("192.0.2.77")));
	assert_true(host_owns(&host, a("2001:db8:1::1")));

	assert_int_equal(run("ip link del va"), 0);
	assert_true(host_update(&host));
	assert_null(host_link_named(&host, "va"));
	assert_false(host_owns(&host, a("2001:db8:1::1")));
	assert_false(host_owns(&host, a("10.9.0.1")));
}

/* Filters that a source may have put there. */
static void test_filters_are_taken_off(void **state)
{
	(void)state;
	assert_int_equal(run("ip link add va type veth peer name vb"), 0);
	if (run("tc qdisc add dev va clsact")) {
		printf("skipped: this kernel has no clsact\n");
		skip();
	}
	host_update(&host);
	assert_false(host_update(&host));
	assert_int_equal(run("tc qdisc del dev va clsact"), 0);
	assert_true(host_update(&host));
}

static void test_bridge_member(void **state)
{
	(void)state;
	if (run("ip link add br0 type bridge")) {
		print_message("this kernel has no bridge\n");
		skip();
	}
	assert_int_equal(run("ip link add va type veth peer name vb"), 0);
	assert_true(host_update(&host));
	assert_false(host_link_enslaved(host_link_named(&host, "va")));
	assert_int_equal(run("ip link set va master br0"), 0);
	assert_true(host_update(&host));
	assert_int_equal(host_link_named(&host, "va")->master,
			 host_link_named(&host, "br0")->ifindex);
	assert_true(host_link_enslaved(host_link_named(&host, "va")));
	assert_false(host_link_enslaved(host_link_named(&host, "vb")));
	assert_false(host_link_enslaved(host_link_named(&host, "br0")));

	/* The bridge says "deleted" of a port that leaves it: the link lives on. */
	assert_int_equal(run("ip link set va nomaster"), 0);
	assert_true(host_update(&host));
	assert_non_null(host_link_named(&host, "va"));
	assert_false(host_link_enslaved(host_link_named(&host, "va")));
}

static void test_vrf_member(void **state)
{
	(void)state;
	if (run("ip link add br0 type vrf table 10")) {
		print_message("this kernel has no VRF\n");
		skip();
	}
	assert_int_equal(run("ip link add va type veth peer name vb"), 0);
	assert_int_equal(run("ip link set va master br0"), 0);
	assert_true(host_update(&host));
	assert_int_not_equal(host_link_named(&host, "va")->master, 0);
	assert_false(host_link_enslaved(host_link_named(&host, "va")));
	assert_true(host_link_enslaved(host_link_named(&host, "br0")));
}

static void test_macvlan_lies_on_its_lower(void **state)
{
	(void)state;
	assert_int_equal(run("ip link add va type veth peer name vb"), 0);
	if (run("ip link add link va name mv0 type macvlan mode bridge")) {
		print_message("this kernel has no macvlan\n");
		skip();
	}
	assert_true(host_update(&host));
	assert_int_equal(host_link_named(&host, "mv0")->lower,
			 host_link_named(&host, "va")->ifindex);
	assert_int_equal(run("ip link set mv0 name mv-renamed"), 0);
	assert_true(host_update(&host));
	assert_null(host_link_named(&host, "mv0"));
	assert_non_null(host_link_named(&host, "mv-renamed"));
}

static void add_addresses(const char *verb, unsigned int from, unsigned int to)
{
	char command[64];

	for (unsigned int i = from; i < to; i++) {
		snprintf(command, sizeof(command), "ip addr %s 10.7.%u.%u/32 dev va", verb, i / 256,
			 i % 256);
		assert_int_equal(run(command), 0);
	}
}

static void test_lost_notices_are_made_good(void **state)
{
	int tiny = 1;

	(void)state;
	assert_int_equal(run("ip link add va type veth peer name vb"), 0);
	assert_int_equal(setsockopt(host.fd, SOL_SOCKET, SO_RCVBUF, &tiny, sizeof(tiny)), 0);
	add_addresses("add", 1, 41);
	add_addresses("del", 1, 21);
	assert_true(host_update(&host));
	assert_true(host_owns(&host, a("10.7.0.40")));
	assert_true(host_owns(&host, a("10.7.0.21")));
	assert_false(host_owns(&host, a("10.7.0.20")));
	assert_false(host_update(&host));
}

static void test_more_than_fits_is_counted(void **state)
{
	char text[ADDR_STRLEN];
	unsigned int i, owned = 0;

	(void)state;
	assert_int_equal(run("ip link add va type veth peer name vb"), 0);
	add_addresses("add", 1, HOST_MAX_ADDRS + 3);
	assert_true(host_update(&host));
	assert_int_equal(host.n_addrs, HOST_MAX_ADDRS);
	assert_true(host.left_out > 0);

	/* Room that is given up goes to those left out. */
	add_addresses("del", 1, 11);
	assert_true(host_update(&host));
	assert_int_equal(host.left_out, 0);
	for (i = 1; i < HOST_MAX_ADDRS + 3; i++) {
		snprintf(text, sizeof(text), "10.7.%u.%u", i / 256, i % 256);
		owned += host_owns(&host, a(text));
	}
	assert_int_equal(owned, HOST_MAX_ADDRS + 2 - 10);
}

static void test_ephemeral_range(void **state)
{
	struct host other;

	(void)state;
	assert_int_equal(host.ephemeral_first, 32768);
	assert_int_equal(host.ephemeral_last, 60999);
	if (!write_file("/proc/sys/net/ipv4/ip_local_port_range", "20000 30000")) {
		print_message("/proc/sys is not writable here\n");
		skip();
	}
	assert_int_equal(host_init(&other), 0);
	assert_int_equal(other.ephemeral_first, 20000);
	assert_int_equal(other.ephemeral_last, 30000);
	host_done(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_loopback, setup, teardown),
		cmocka_unit_test_setup_teardown(test_addresses_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filters_are_taken_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bridge_member, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vrf_member, setup, teardown),
		cmocka_unit_test_setup_teardown(test_macvlan_lies_on_its_lower, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_notices_are_made_good, setup, teardown),
		cmocka_unit_test_setup_teardown(test_more_than_fits_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ephemeral_range, setup, teardown),
	};

	enter_netns();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
