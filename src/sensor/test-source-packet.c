/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 *      our namespace                          | the peer's namespace
 *                                             |
 *      va 192.0.2.1/24, 2001:db8::1/64  ------+------ vb  (raw frames are sent here)
 *      mac 02:..:0a                           |           mac 02:..:0b
 *
 * Frames are written to vb byte by byte and answered by our own kernel. Nothing listens in our
 * namespace unless a test says so: a SYN comes in once, and one RST goes out.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare, setns */
#endif

#include "core/clock.h"
#include "sensor/config.h"
#include "sensor/engine.h"
#include "sensor/host.h"
#include "sensor/listeners.h"
#include "sensor/packet.h"
#include "sensor/source.h"
#include "sensor/test-netns.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cmocka.h>

#define MAX_SEEN 20000
#define QUIET_MS 60 /* longer than the ring keeps a packet back */
#define NOBODY 65534

static struct packet seen[MAX_SEEN];
static unsigned int n_seen;

static int own_ns, peer_ns;
static pid_t peer_pid;
static int peer_fd = -1; /* packet socket on vb */
static struct sensor_config config;
static struct host host;
static struct listeners listeners;
static struct clock test_clock;
static struct source source;

/* Stands for the engine. */
void engine_packet(struct engine *e, const struct packet *p)
{
	(void)e;
	assert_true(n_seen < MAX_SEEN);
	seen[n_seen++] = *p;
}

static void must(const char *command)
{
	if (run(command))
		fail_msg("%s", command);
}

static void peer_must(const char *command)
{
	assert_int_equal(setns(peer_ns, CLONE_NEWNET), 0);
	must(command);
	assert_int_equal(setns(own_ns, CLONE_NEWNET), 0);
}

/* One's complement sum of 16-bit words (RFC 1071), not yet inverted. */
static uint32_t sum(const uint8_t *bytes, size_t len, uint32_t start)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		start += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	return start;
}

static void put_sum(uint8_t *at, uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	at[0] = (uint8_t)(~total >> 8);
	at[1] = (uint8_t)~total;
}

static size_t put_transport(uint8_t *at, uint8_t proto, uint16_t dport)
{
	static const uint8_t tcp[20] = { 0x9c, 0x40, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4 };
	static const uint8_t udp[8] = { 0x9c, 0x40, 0, 0, 0, 8 };
	size_t len = proto == IPPROTO_TCP ? sizeof(tcp) : sizeof(udp);

	memcpy(at, proto == IPPROTO_TCP ? tcp : udp, len);
	at[2] = (uint8_t)(dport >> 8);
	at[3] = (uint8_t)dport;
	return len;
}

/* An IPv4 or IPv6 packet from port 40000 to dport, TCP with SYN or UDP. Its length. */
static size_t make_packet(uint8_t *out, const char *src, const char *dst, uint8_t proto,
			  uint16_t dport)
{
	bool v6 = strchr(src, ':') != NULL;
	size_t alen = v6 ? 16 : 4, hlen = v6 ? 40 : 20, at = v6 ? 8 : 12, len;
	int family = v6 ? AF_INET6 : AF_INET;

	memset(out, 0, hlen);
	assert_int_equal(inet_pton(family, src, out + at), 1);
	assert_int_equal(inet_pton(family, dst, out + at + alen), 1);
	len = put_transport(out + hlen, proto, dport);
	if (v6) {
		out[0] = 0x60;
		out[5] = (uint8_t)len;
		out[6] = proto;
		out[7] = 64;
	} else {
		out[0] = 0x45;
		out[3] = (uint8_t)(hlen + len);
		out[8] = 64;
		out[9] = proto;
		put_sum(out + 10, sum(out, hlen, 0));
	}
	put_sum(out + hlen + (proto == IPPROTO_TCP ? 16 : 6),
		sum(out + hlen, len, sum(out + at, 2 * alen, proto + (uint32_t)len)));
	return hlen + len;
}

static const uint8_t mac_a[6] = { 2, 0, 0, 0, 0, 0x0a };
static const uint8_t mac_mv[6] = { 2, 0, 0, 0, 0, 0x0c };

/* vid < 0: no tag. */
static void send_frame(const uint8_t *to, int vid, const uint8_t *packet, size_t len)
{
	uint8_t frame[160] = { 0 }, *at = frame + 12;

	memcpy(frame, to, 6);
	frame[6] = 2;
	frame[11] = 0x0b;
	if (vid >= 0) {
		*at++ = 0x81;
		*at++ = 0x00;
		*at++ = (uint8_t)(vid >> 8);
		*at++ = (uint8_t)vid;
	}
	*at++ = packet[0] >> 4 == 6 ? 0x86 : 0x08;
	*at++ = packet[0] >> 4 == 6 ? 0xdd : 0x00;
	memcpy(at, packet, len);
	len += (size_t)(at - frame);
	assert_int_equal(send(peer_fd, frame, len, 0), (ssize_t)len);
}

static void send_syn(const char *src, const char *dst)
{
	uint8_t packet[100];

	send_frame(mac_a, -1, packet, make_packet(packet, src, dst, IPPROTO_TCP, 80));
}

/* Reads until nothing has come for a while. */
static void collect(void)
{
	struct pollfd pfd = { .fd = source.ops->fd(&source), .events = POLLIN };

	while (poll(&pfd, 1, QUIET_MS) > 0)
		assert_true(source.ops->read(&source, NULL) >= 0);
}

/* How many were seen with these fields; ifname NULL: anywhere. */
static unsigned int count(enum packet_dir dir, enum packet_proto proto, const char *src,
			  const char *dst, const char *ifname)
{
	unsigned int n = 0;
	struct addr s, d;

	assert_int_equal(addr_parse(src, &s), 0);
	assert_int_equal(addr_parse(dst, &d), 0);
	for (unsigned int i = 0; i < n_seen; i++) {
		const struct packet *p = &seen[i];

		n += p->dir == dir && p->proto == proto && addr_eq(p->src, s) &&
		     addr_eq(p->dst, d) &&
		     (!ifname || (unsigned int)p->ifindex == if_nametoindex(ifname));
	}
	return n;
}

static void expect_one_probe(const char *peer, const char *self, const char *ifname)
{
	assert_int_equal(count(PACKET_DIR_IN, PACKET_TCP, peer, self, NULL), 1);
	assert_int_equal(count(PACKET_DIR_IN, PACKET_TCP, peer, self, ifname), 1);
	assert_int_equal(count(PACKET_DIR_OUT, PACKET_TCP, self, peer, NULL), 1);
	assert_int_equal(count(PACKET_DIR_OUT, PACKET_TCP, self, peer, ifname), 1);
}

static void start(const char *interface)
{
	struct source_env env = {
		.config = &config, .host = &host, .listeners = &listeners, .clock = &test_clock
	};
	char error[256] = "";

	config.ring_bytes = 1 << 20;
	config.block_bytes = 16384;
	config.block_retire_ns = 10 * NS_PER_MS;
	config.interfaces.count = interface != NULL;
	if (interface)
		snprintf(config.interfaces.name[0], CONF_NAME_LEN, "%s", interface);
	clock_init_live(&test_clock);
	assert_int_equal(host_init(&host), 0);
	assert_int_equal(listeners_init(&listeners, test_clock.now_ns), 0);
	source.ops = source_named("packet");
	env.privileged_fd = source.ops->open_privileged(&config, error, sizeof(error));
	if (env.privileged_fd < 0)
		fail_msg("%s", error);
	/* What comes between opening and starting must never be seen. */
	send_syn("192.0.2.99", "192.0.2.1");
	/* Starting takes no privilege. */
	assert_int_equal(seteuid(NOBODY), 0);
	if (source.ops->start(&source, &env, error, sizeof(error)))
		fail_msg("%s", error);
	assert_int_equal(seteuid(0), 0);
	n_seen = 0;
}

static void changed(void)
{
	host_update(&host);
	assert_int_equal(source.ops->reconfigure(&source), 0);
}

static int setup(void **state)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	char command[128];

	(void)state;
	snprintf(command, sizeof(command),
		 "ip link add va address 02:00:00:00:00:0a type veth peer name vb netns %d",
		 (int)peer_pid);
	must(command);
	must("ip link set va up");
	must("ip addr add 192.0.2.1/24 dev va");
	must("ip addr add 2001:db8::1/64 dev va nodad");
	peer_must("ip link set vb up");
	must("ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:0b dev va");
	must("ip neigh add 2001:db8::2 lladdr 02:00:00:00:00:0b dev va");

	assert_int_equal(setns(peer_ns, CLONE_NEWNET), 0);
	peer_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	to.sll_ifindex = (int)if_nametoindex("vb");
	assert_int_equal(setns(own_ns, CLONE_NEWNET), 0);
	assert_true(peer_fd >= 0);
	assert_int_equal(bind(peer_fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (source.state)
		source.ops->stop(&source);
	listeners_done(&listeners);
	host_done(&host);
	close(peer_fd);
	run("ip link del br0");
	run("ip link del va");
	return 0;
}

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

static void send_udp(uint16_t dport)
{
	uint8_t packet[100];

	send_frame(mac_a, -1, packet,
		   make_packet(packet, "192.0.2.2", "192.0.2.1", IPPROTO_UDP, dport));
}

static void test_udp_that_is_served_passes_by(void **state)
{
	struct sockaddr_in self = { .sin_family = AF_INET, .sin_port = htons(69) };
	int fd;

	(void)state;
	start(NULL);
	send_udp(69);
	collect();
	assert_int_equal(count(PACKET_DIR_IN, PACKET_UDP, "192.0.2.2", "192.0.2.1", "va"), 1);
	assert_int_equal(count(PACKET_DIR_OUT, PACKET_UNREACHABLE, "192.0.2.1", "192.0.2.2", "va"),
			 1);

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&self, sizeof(self)), 0);
	assert_int_equal(listeners_refresh(&listeners, test_clock.now_ns + 2 * NS_PER_S), 0);
	changed();
	n_seen = 0;
	send_udp(69);
	send_udp(70);
	collect();
	assert_int_equal(count(PACKET_DIR_IN, PACKET_UDP, "192.0.2.2", "192.0.2.1", "va"), 1);
	assert_int_equal(seen[0].dport, 70);
	close(fd);
}

/* A segment of no connection, with n bytes of data, from 192.0.2.2. */
static void send_ack(uint8_t flags, size_t n)
{
	uint8_t packet[200] = { 0 };
	size_t len = make_packet(packet, "192.0.2.2", "192.0.2.1", IPPROTO_TCP, 80);

	packet[33] = flags;
	packet[3] = (uint8_t)(len + n);
	packet[10] = packet[11] = 0;
	put_sum(packet + 10, sum(packet, 20, 0));
	send_frame(mac_a, -1, packet, len + n);
}

/* With a ratio of one, all that is of no use but to be counted passes, and is known for it. */
static void test_samples_are_bulk(void **state)
{
	struct sockaddr_in self = { .sin_family = AF_INET, .sin_port = htons(69) };
	struct source_stats stats;
	unsigned int bulk = 0;
	int fd;

	(void)state;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&self, sizeof(self)), 0);
	config.sample_first = config.sample_max = 1;
	start(NULL);
	send_ack(TCP_ACK, 0);
	send_ack(TCP_ACK | TCP_PSH, 1);
	send_ack(TCP_ACK | TCP_PSH, 100);
	send_udp(69);
	send_udp(45000);
	send_udp(70);
	send_syn("192.0.2.2", "192.0.2.1");
	collect();
	for (unsigned int i = 0; i < n_seen; i++) {
		const struct packet *p = &seen[i];
		bool plain = p->proto == PACKET_TCP && packet_is_plain_data(p->tcp_flags);

		assert_int_equal(p->stands_for, 1);
		bulk += p->bulk;
		if (p->dir == PACKET_DIR_IN && (p->proto == PACKET_TCP || p->proto == PACKET_UDP))
			assert_int_equal(p->bulk,
					 plain || (p->proto == PACKET_UDP && p->dport != 70));
		if (p->dir == PACKET_DIR_IN && p->proto == PACKET_UDP)
			assert_int_equal(p->sport, 40000);
	}
	assert_int_equal(bulk, 5);
	source.ops->stats(&source, &stats);
	assert_int_equal(stats.sampled, 5);
	assert_int_equal(stats.truncated + stats.malformed, 0);
	config.sample_first = config.sample_max = 0;
	close(fd);
}

/* One in sixteen at first; what they stand for adds up, and silence brings no wakeup but the last. */
static void test_samples_of_much(void **state)
{
	enum { SENT = 20000 };
	uint64_t stood_for = 0;
	struct source_stats stats;

	(void)state;
	config.sample_first = 16;
	config.sample_max = 4096;
	start(NULL);
	for (unsigned int i = 0; i < SENT; i++) {
		send_udp(45000);
		if (i % 512 == 0)
			usleep(1000);
	}
	collect();
	for (unsigned int i = 0; i < n_seen; i++)
		if (seen[i].bulk)
			stood_for += seen[i].stands_for;
	/* Five standard deviations of one in 16, four of one in 32. */
	assert_in_range(stood_for, SENT * 85 / 100, SENT * 115 / 100);
	source.ops->stats(&source, &stats);
	assert_int_equal(stats.lost, 0);
	config.sample_first = config.sample_max = 0;
}

/* Sent to an address that is not ours: nothing answers, so that every packet can be accounted for. */
static void test_what_the_ring_cannot_hold_is_counted(void **state)
{
	enum { SENT = 12000 }; /* the ring holds about 7,700 */
	struct source_stats stats;

	(void)state;
	start(NULL);
	for (unsigned int i = 0; i < SENT; i++)
		send_syn("192.0.2.2", "203.0.113.77");
	collect();
	source.ops->stats(&source, &stats);
	assert_true(stats.lost > 0 && n_seen > 6000);
	assert_int_equal(n_seen + stats.lost, SENT);
	source.ops->stats(&source, &stats);
	assert_int_equal(n_seen + stats.lost, SENT); /* reading the counters does not reset them */

	/* And it goes on as before. */
	n_seen = 0;
	send_syn("192.0.2.2", "192.0.2.1");
	collect();
	expect_one_probe("192.0.2.2", "192.0.2.1", "va");
}

/* A process whose only purpose is its network namespace. */
static void make_peer(void)
{
	int ready[2];
	char path[64], byte;

	own_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (pipe(ready))
		exit(1);
	peer_pid = fork();
	if (peer_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (peer_pid < 0 || read(ready[0], &byte, 1) != 1)
		exit(1);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)peer_pid);
	peer_ns = open(path, O_RDONLY | O_CLOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_both_directions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tags, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bridge_member_counts_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_macvlan_counts_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tun_has_no_link_header, setup, teardown),
		cmocka_unit_test_setup_teardown(test_named_interface_that_comes_and_goes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_loopback_only_when_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_udp_that_is_served_passes_by, setup, teardown),
		cmocka_unit_test_setup_teardown(test_samples_are_bulk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_samples_of_much, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_the_ring_cannot_hold_is_counted, setup,
						teardown),
	};
	int failed;

	enter_netns();
	make_peer();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	kill(peer_pid, SIGKILL);
	return failed;
}
