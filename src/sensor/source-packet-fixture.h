/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of the packet source: frames on a pair of interfaces between two namespaces.
 *
 *      our namespace                          | the peer's namespace
 *                                             |
 *      va 192.0.2.1/24, 2001:db8::1/64  ------+------ vb  (raw frames are sent here)
 *      mac 02:..:0a                           |           mac 02:..:0b
 *
 * Frames are written to vb byte by byte and answered by our own kernel. Nothing listens in our
 * namespace unless a test says so: a SYN comes in once, and one RST goes out.
 */
#ifndef MIMAMORI_SENSOR_SOURCE_PACKET_FIXTURE_H
#define MIMAMORI_SENSOR_SOURCE_PACKET_FIXTURE_H

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
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

static inline void must(const char *command)
{
	if (run(command))
		fail_msg("%s", command);
}

static inline void peer_must(const char *command)
{
	assert_int_equal(setns(peer_ns, CLONE_NEWNET), 0);
	must(command);
	assert_int_equal(setns(own_ns, CLONE_NEWNET), 0);
}

/* One's complement sum of 16-bit words (RFC 1071), not yet inverted. */
static inline uint32_t sum(const uint8_t *bytes, size_t len, uint32_t start)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		start += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	return start;
}

static inline void put_sum(uint8_t *at, uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	at[0] = (uint8_t)(~total >> 8);
	at[1] = (uint8_t)~total;
}

static inline size_t put_transport(uint8_t *at, uint8_t proto, uint16_t dport)
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
static inline size_t make_packet(uint8_t *out, const char *src, const char *dst, uint8_t proto,
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

/* vid < 0: no tag. */
static inline void send_frame(const uint8_t *to, int vid, const uint8_t *packet, size_t len)
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

static inline void send_syn(const char *src, const char *dst)
{
	uint8_t packet[100];

	send_frame(mac_a, -1, packet, make_packet(packet, src, dst, IPPROTO_TCP, 80));
}

/* Reads until nothing has come for a while. */
static inline void collect(void)
{
	struct pollfd pfd = { .fd = source.ops->fd(&source), .events = POLLIN };

	while (poll(&pfd, 1, QUIET_MS) > 0)
		assert_true(source.ops->read(&source, NULL) >= 0);
}

/* How many were seen with these fields; ifname NULL: anywhere. */
static inline unsigned int count(enum packet_dir dir, enum packet_proto proto, const char *src,
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

static inline void expect_one_probe(const char *peer, const char *self, const char *ifname)
{
	assert_int_equal(count(PACKET_DIR_IN, PACKET_TCP, peer, self, NULL), 1);
	assert_int_equal(count(PACKET_DIR_IN, PACKET_TCP, peer, self, ifname), 1);
	assert_int_equal(count(PACKET_DIR_OUT, PACKET_TCP, self, peer, NULL), 1);
	assert_int_equal(count(PACKET_DIR_OUT, PACKET_TCP, self, peer, ifname), 1);
}

static inline void start(const char *interface)
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

static inline void changed(void)
{
	host_update(&host);
	assert_int_equal(source.ops->reconfigure(&source), 0);
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
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

/* A process whose only purpose is its network namespace. */
static inline int make_peer(void **state)
{
	int ready[2];
	char path[64], byte;

	(void)state;
	own_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (pipe(ready))
		return -1;
	peer_pid = fork();
	if (peer_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (peer_pid < 0 || read(ready[0], &byte, 1) != 1)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)peer_pid);
	peer_ns = open(path, O_RDONLY | O_CLOEXEC);
	return 0;
}

static inline int end_peer(void **state)
{
	(void)state;
	return kill(peer_pid, SIGKILL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
