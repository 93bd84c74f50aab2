/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The BPF source live, in a network namespace of its own; as root on a kernel that has BPF, else skipped.
 *
 *	va 192.0.2.1 ── veth ── vb: frames are written there as they are
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif
#include "core/clock.h"
#include "sensor/bpf-attach.h"
#include "sensor/bpf-load.h"
#include "sensor/test-netns.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <mimamori/wire.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "sensor/bpf-ring.h"

#define RING_BYTES 65536
#define SEEN_MAX 64

static struct bpf_loaded loaded;
static struct bpf_places places;
static struct bpf_ring ring;
static struct mimamori_shared *shared;
static int peer_fd;
static uint8_t va_mac[6];

static struct mimamori_record seen[SEEN_MAX];
static unsigned int n_seen;

static void take(const uint8_t *record, size_t len, void *arg)
{
	(void)arg;
	assert_true(len >= sizeof(seen[0]));
	if (n_seen < SEEN_MAX)
		memcpy(&seen[n_seen++], record, sizeof(seen[0]));
}

/* How many records of this direction came since the last call. */
static unsigned int count(bool out)
{
	unsigned int n = 0;

	n_seen = 0;
	bpf_ring_read(&ring, take, NULL);
	for (unsigned int i = 0; i < n_seen; i++)
		n += !!(seen[i].flags & MIMAMORI_OUT) == out;
	return n;
}

/* Is the reader woken? */
static bool woken(void)
{
	bool was = __atomic_load_n(&shared->asleep, __ATOMIC_SEQ_CST) == MIMAMORI_WOKEN;

	__atomic_store_n(&shared->pressure, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&shared->asleep, MIMAMORI_ASLEEP, __ATOMIC_SEQ_CST);
	return was;
}

/* RFC 1071 over bytes, an even number of them, in addition to sum. */
static uint16_t checksum(const uint8_t *bytes, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *at, uint16_t x)
{
	at[0] = (uint8_t)(x >> 8);
	at[1] = (uint8_t)x;
}

/* A TCP segment from 192.0.2.last with these flags to this port. */
static void send_tcp(uint8_t last, uint16_t port, uint8_t flags)
{
	const uint8_t ip[20] = { 0x45, 0, 0,   40, 0, 1,    0,	 0, 64, 6,
				 0,    0, 192, 0,  2, last, 192, 0, 2,	1 };
	uint8_t f[54] = { [6] = 2, [11] = 0x0b, [12] = 0x08 };
	uint8_t *tcp = f + 34;

	memcpy(f, va_mac, 6);
	memcpy(f + 14, ip, sizeof(ip));
	put16(f + 24, checksum(ip, sizeof(ip), 0));
	put16(tcp, 40000);
	put16(tcp + 2, port);
	tcp[12] = 0x50;
	tcp[13] = flags;
	put16(tcp + 14, 1024);
	/* The pseudo header: addresses, protocol, length. */
	put16(tcp + 16, checksum(f + 26, 28, 6 + 20));
	assert_int_equal(send(peer_fd, f, sizeof(f), 0), sizeof(f));
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void attach(bool filters)
{
	assert_int_equal(bpf_places_init(&places), 0);
	places.filters = filters;
	assert_int_equal(bpf_attach(&places, &loaded, (int)if_nametoindex("va"), BPF_ETHERNET), 0);
	/* There already: nothing happens. */
	assert_int_equal(bpf_attach(&places, &loaded, (int)if_nametoindex("va"), BPF_ETHERNET), 0);
	assert_int_equal(places.count, 1);
	count(false);
	woken();
}

static void expect_a_probe(void)
{
	send_tcp(2, 7, 0x02);
	usleep(20000);
	assert_int_equal(count(false), 1);
	assert_int_equal(seen[0].captured, 40);
	assert_int_equal(seen[0].ethertype, ETH_P_IP);
	assert_true(seen[0].link != 0);
	assert_true(seen[0].boot_ns > 0);
}

static void test_both_ways(void **state)
{
	(void)state;
	attach(false);
	send_tcp(2, 7, 0x02);
	usleep(20000);
	assert_int_equal(count(false), 1);
	send_tcp(2, 8, 0x02);
	usleep(20000);
	assert_int_equal(count(true), 1); /* the refusal */
	assert_true(woken());
	bpf_places_done(&places);
	send_tcp(2, 9, 0x02);
	usleep(20000);
	assert_int_equal(count(false), 0);
}

static void test_ordinary_wakes_nobody(void **state)
{
	int fd = listen_on(80);

	(void)state;
	attach(false);
	for (int i = 0; i < 20; i++)
		send_tcp(2, 80, 0x02);
	usleep(20000);
	assert_false(woken());
	assert_true(count(false) >= 20);
	send_tcp(2, 81, 0x02);
	usleep(20000);
	assert_true(woken());
	close(fd);
	bpf_places_done(&places);
}

/* Openings that serve, of which none ends: the sensor is to look after some. */
static void test_many_openings_wake(void **state)
{
	int fd = listen_on(80);

	(void)state;
	attach(false);
	shared->begun = 0;
	for (int i = 0; i < 24; i++)
		send_tcp(3, 80, 0x02);
	usleep(20000);
	assert_false(woken());
	send_tcp(3, 80, 0x02);
	usleep(20000);
	assert_true(woken());
	assert_int_equal(count(false), 25);
	close(fd);
	bpf_places_done(&places);
}

static uint64_t stood_for;
static unsigned int passed;

static void add(const uint8_t *record, size_t len, void *arg)
{
	const struct mimamori_record *r = (const void *)record;

	(void)len;
	(void)arg;
	if (!(r->flags & MIMAMORI_OUT)) {
		stood_for += r->stands_for;
		passed++;
	}
}

#define SENT 60000

/* SYNs of one peer, far more than its bucket holds, to as many ports. */
static void send_many(uint8_t last, unsigned int ports)
{
	stood_for = passed = 0;
	for (unsigned int i = 0; i < SENT; i++) {
		send_tcp(last, (uint16_t)(1000 + i % ports), 0x02);
		if (i % 100 == 0)
			bpf_ring_read(&ring, add, NULL);
	}
	usleep(20000);
	bpf_ring_read(&ring, add, NULL);
}

static void test_limits(void **state)
{
	(void)state;
	attach(false);
	send_many(9, 60000);
	assert_true(passed < SENT / 2);
	assert_true(shared->held_back[MIMAMORI_SYN] > SENT / 2);
	assert_in_range(stood_for, SENT * 8 / 10, SENT);
	/* One flow, whatever the hash has for it. */
	for (uint8_t last = 10; last < 14; last++) {
		send_many(last, 1);
		assert_true(passed < SENT / 2);
		assert_in_range(stood_for, SENT * 6 / 10, SENT);
	}
	bpf_places_done(&places);
	usleep(1200000); /* the prefix's bucket is full again */
}

/* An older qdisc in clsact's place has one way only: nothing is attached to it. */
static void test_ingress(void **state)
{
	(void)state;
	run("tc qdisc del dev va clsact");
	assert_int_equal(run("tc qdisc add dev va ingress"), 0);
	assert_int_equal(bpf_places_init(&places), 0);
	places.filters = true;
	assert_int_equal(bpf_attach(&places, &loaded, (int)if_nametoindex("va"), BPF_ETHERNET),
			 -EBUSY);
	assert_int_equal(places.count, 0);
	bpf_places_done(&places);
	assert_int_equal(run("tc qdisc del dev va ingress"), 0);
}

/* The older way: its filters are replaced when a run before was killed, and others' left alone. */
static void test_filters(void **state)
{
	(void)state;
	if (run("tc qdisc add dev va clsact") != 0)
		skip();
	assert_int_equal(run("tc filter add dev va ingress pref 7 protocol ip u32 match u32 0 0"),
			 0);
	attach(true);
	assert_int_equal(places.place[0].link[0], -1);
	expect_a_probe();
	/* Killed: nobody takes anything off. */
	close(places.netlink);
	attach(true);
	expect_a_probe();
	/* Somebody takes the qdisc away, and what hangs on it. */
	assert_int_equal(run("tc qdisc del dev va clsact"), 0);
	send_tcp(2, 7, 0x02);
	usleep(20000);
	assert_int_equal(count(false), 0);
	assert_int_equal(bpf_attach(&places, &loaded, (int)if_nametoindex("va"), BPF_ETHERNET), 0);
	assert_int_equal(places.count, 1);
	expect_a_probe();
	assert_int_equal(run("tc filter add dev va ingress pref 7 protocol ip u32 match u32 0 0"),
			 0);
	bpf_places_done(&places);
	send_tcp(2, 7, 0x02);
	usleep(20000);
	assert_int_equal(count(false), 0);
	assert_int_equal(run("tc filter del dev va ingress pref 7"), 0);
	/* Of somebody else, at the very place: left alone, and said. */
	assert_int_equal(
		run("tc filter add dev va ingress pref 1 handle 0x4d4d protocol all u32 match u32 0 0"),
		0);
	assert_int_equal(bpf_places_init(&places), 0);
	places.filters = true;
	assert_true(bpf_attach(&places, &loaded, (int)if_nametoindex("va"), BPF_ETHERNET) < 0);
	assert_int_equal(places.count, 0);
	assert_int_equal(run("tc filter del dev va ingress pref 1"), 0);
	bpf_places_done(&places);
}

static bool can_load(void)
{
	const struct bpf_sizes sizes = { .ring_bytes = RING_BYTES, .newcomers = 256, .known = 64 };
	char error[3000] = "";

	if (!bpf_load(&loaded, &sizes, error, sizeof(error)))
		return true;
	printf("skipped: %s\n", error);
	return false;
}

static int setup(void **state)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	struct ifreq request = { 0 };

	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED,
		      loaded.map[MAP_SHARED], 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	assert_int_equal(bpf_ring_map(&ring, loaded.map[MAP_RING], RING_BYTES), 0);
	shared->ephemeral_first = 32768;
	shared->bulk_mask = UINT32_MAX;
	shared->sample_v4 = shared->sample_v6 = 8;
	shared->wake_bytes = RING_BYTES / 2;
	shared->asleep = 1;
	shared->version = MIMAMORI_WIRE_VERSION;

	assert_int_equal(run("ip link add va type veth peer name vb"), 0);
	assert_int_equal(run("ip addr add 192.0.2.1/24 dev va"), 0);
	assert_int_equal(run("ip link set va up"), 0);
	assert_int_equal(run("ip link set vb up"), 0);
	assert_int_equal(run("ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:0b dev va"), 0);
	peer_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "va");
	assert_int_equal(ioctl(peer_fd, SIOCGIFHWADDR, &request), 0);
	memcpy(va_mac, request.ifr_hwaddr.sa_data, sizeof(va_mac));
	to.sll_ifindex = (int)if_nametoindex("vb");
	assert_int_equal(bind(peer_fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_ordinary_wakes_nobody),
		cmocka_unit_test(test_many_openings_wake),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_ingress),
	};

	if (geteuid() != 0) {
		printf("skipped: needs root\n");
		return TEST_SKIP;
	}
	enter_netns();
	if (!can_load())
		return TEST_SKIP;
	return cmocka_run_group_tests(tests, setup, NULL);
}
