/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packet source and interfaces: which it watches, and that every packet counts once.
 */
#include "sensor/source-packet-fixture.h"

#include <linux/if_tun.h>
#include <sys/ioctl.h>

static void test_both_directions(void **state)
{
	static const uint8_t vb_mac[] = { 2, 0, 0, 0, 0, 0x0b };
	uint64_t before;
	struct source_stats stats;

	(void)state;
	start(NULL);
	before = test_clock.now_ns;
	send_syn("192.0.2.2", "192.0.2.1");
	send_syn("2001:db8::2", "2001:db8::1");
	collect();
	expect_one_probe("192.0.2.2", "192.0.2.1", "va");
	expect_one_probe("2001:db8::2", "2001:db8::1", "va");
	assert_int_equal(count(PACKET_DIR_IN, PACKET_TCP, "192.0.2.99", "192.0.2.1", NULL), 0);
	for (unsigned int i = 0; i < n_seen; i++) {
		assert_true(seen[i].t_ns >= before && seen[i].t_ns <= before + 10 * NS_PER_S);
		assert_true(!i || seen[i].t_ns >= seen[i - 1].t_ns);
		before = seen[i].t_ns;
		/* The peer's link address; this host's own says nothing. */
		if (seen[i].dir == PACKET_DIR_IN)
			assert_true(seen[i].link && seen[i].link == packet_link(vb_mac, 6));
		else
			assert_int_equal(seen[i].link, 0);
	}
	source.ops->stats(&source, &stats);
	assert_int_equal(stats.parsed, n_seen);
	assert_int_equal(stats.packets, n_seen + stats.ignored);
	assert_int_equal(stats.lost + stats.malformed + stats.truncated, 0);
}

static void test_tags(void **state)
{
	uint8_t packet[100];
	size_t len;

	(void)state;
	start(NULL);
	len = make_packet(packet, "192.0.2.5", "192.0.2.1", IPPROTO_TCP, 80);
	send_frame(mac_a, 5, packet, len);
	len = make_packet(packet, "192.0.2.2", "192.0.2.1", IPPROTO_TCP, 80);
	send_frame(mac_a, 0, packet, len);
	collect();
	assert_int_equal(count(PACKET_DIR_IN, PACKET_TCP, "192.0.2.5", "192.0.2.1", NULL), 0);
	expect_one_probe("192.0.2.2", "192.0.2.1", "va");
}

static void test_bridge_member_counts_once(void **state)
{
	(void)state;
	if (run("ip link add br0 address 02:00:00:00:00:0a type bridge")) {
		print_message("this kernel has no bridge\n");
		skip();
	}
	must("ip addr del 192.0.2.1/24 dev va");
	start(NULL);
	must("ip link set va master br0");
	must("ip link set br0 up");
	must("ip addr add 192.0.2.1/24 dev br0");
	must("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:0b dev br0");
	changed();
	send_syn("192.0.2.2", "192.0.2.1");
	collect();
	expect_one_probe("192.0.2.2", "192.0.2.1", "br0");
}

static void test_macvlan_counts_once(void **state)
{
	static const uint8_t mac_mv[6] = { 2, 0, 0, 0, 0, 0x0c };
	uint8_t packet[100];
	size_t len;

	(void)state;
	if (run("ip link add link va name mv0 address 02:00:00:00:00:0c type macvlan mode bridge")) {
		print_message("this kernel has no macvlan\n");
		skip();
	}
	must("ip link set mv0 up");
	must("ip addr add 203.0.113.1/24 dev mv0");
	must("ip neigh add 203.0.113.2 lladdr 02:00:00:00:00:0b dev mv0");
	start(NULL);
	len = make_packet(packet, "203.0.113.2", "203.0.113.1", IPPROTO_TCP, 80);
	send_frame(mac_mv, -1, packet, len);
	send_syn("192.0.2.2", "192.0.2.1");
	collect();
	expect_one_probe("203.0.113.2", "203.0.113.1", "mv0");
	expect_one_probe("192.0.2.2", "192.0.2.1", "va");
}

static void test_tun_has_no_link_header(void **state)
{
	struct ifreq ifr = { .ifr_name = "tun7", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	uint8_t packet[100];
	size_t len;

	(void)state;
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr)) {
		print_message("no TUN device here: %s\n", strerror(errno));
		skip();
	}
	must("ip addr add 198.51.100.1/24 dev tun7");
	must("ip -6 addr add 2001:db8:7::1/64 dev tun7");
	must("ip link set tun7 up");
	start(NULL);
	len = make_packet(packet, "198.51.100.2", "198.51.100.1", IPPROTO_TCP, 80);
	assert_int_equal(write(fd, packet, len), (ssize_t)len);
	len = make_packet(packet, "2001:db8:7::2", "2001:db8:7::1", IPPROTO_TCP, 80);
	assert_int_equal(write(fd, packet, len), (ssize_t)len);
	collect();
	expect_one_probe("198.51.100.2", "198.51.100.1", "tun7");
	expect_one_probe("2001:db8:7::2", "2001:db8:7::1", "tun7");
	close(fd);
}

static void test_named_interface_that_comes_and_goes(void **state)
{
	(void)state;
	must("ip link set va name vx");
	start("va");
	send_syn("192.0.2.2", "192.0.2.1");
	collect();
	assert_int_equal(n_seen, 0);

	must("ip link set vx down");
	must("ip link set vx name va");
	must("ip link set va up");
	must("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:0b dev va");
	changed();
	send_syn("192.0.2.2", "192.0.2.1");
	collect();
	expect_one_probe("192.0.2.2", "192.0.2.1", "va");

	must("ip link del va");
	changed();
	collect();
	assert_int_equal(source.ops->read(&source, NULL), 0);
}

static void connect_to_self(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(80) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
	close(fd);
}

static void test_loopback_only_when_named(void **state)
{
	(void)state;
	start(NULL);
	connect_to_self();
	collect();
	assert_int_equal(n_seen, 0);
	source.ops->stop(&source);
	listeners_done(&listeners);
	host_done(&host);

	start("lo");
	connect_to_self();
	send_syn("192.0.2.2", "192.0.2.1");
	collect();
	assert_int_equal(n_seen, 2); /* SYN and RST, each once */
	assert_int_equal(count(PACKET_DIR_IN, PACKET_TCP, "127.0.0.1", "127.0.0.1", "lo"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_both_directions),
		CASE(test_tags),
		CASE(test_bridge_member_counts_once),
		CASE(test_macvlan_counts_once),
		CASE(test_tun_has_no_link_header),
		CASE(test_named_interface_that_comes_and_goes),
		CASE(test_loopback_only_when_named),
	};

	enter_netns();
	return cmocka_run_group_tests(tests, make_peer, end_peer);
}
