/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Captures written byte by byte after the formats' own descriptions: pcap and pcapng
 * (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng) and the link types of tcpdump.org/linktypes.html.
 */
#include "sensor/replay-source.h"

#include "core/clock.h"
#include "sensor/engine.h"
#include "sensor/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_SEEN 64
#define MAGIC_MICROS 0xa1b2c3d4
#define MAGIC_NANOS 0xa1b23c4d
#define LINKTYPE_ETHERNET 1
#define LINKTYPE_RAW 101
#define LINKTYPE_IEEE802_11 105

static struct packet seen[MAX_SEEN];
static unsigned int n_seen;

static uint8_t file[8192];
static size_t file_len;

static struct clock test_clock;
static struct source_stats stats;
static char error[REPLAY_ERROR_LEN];

/* Stands for the engine. */
void engine_packet(struct engine *e, const struct packet *p)
{
	(void)e;
	assert_true(n_seen < MAX_SEEN);
	seen[n_seen++] = *p;
}

/* 192.0.2.1:40000 > 198.51.100.2:23, SYN */
static const uint8_t syn4[] = {
	0x45, 0,    0, 40, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 192,  0,	 2,    1, 198, 51, 100, 2,
	0x9c, 0x40, 0, 23, 0,	 0,    0,    1, 0,  0, 0, 0, 0x50, 0x02, 0x04, 0, 0,   0,  0,	0,
};

/* [2001:db8::1]:40000 > [2001:db8::2]:23, SYN */
static const uint8_t syn6[] = {
	0x60, 0, 0, 0, 0, 20, 6, 64,   0x20, 0x01, 0x0d, 0xb8, 0,    0,	 0,
	0,    0, 0, 0, 0, 0,  0, 0,    1,    0x20, 0x01, 0x0d, 0xb8, 0,	 0,
	0,    0, 0, 0, 0, 0,  0, 0,    0,    2,	   0x9c, 0x40, 0,    23, 0,
	0,    0, 1, 0, 0, 0,  0, 0x50, 0x02, 0x04, 0,	 0,    0,    0,	 0,
};

/* 192.0.2.1 asks for 192.0.2.2 (RFC 826) */
static const uint8_t arp[] = {
	0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2,
};

static void put(const void *bytes, size_t len)
{
	assert_true(file_len + len <= sizeof(file));
	if (len)
		memcpy(file + file_len, bytes, len);
	file_len += len;
}

static void put16(uint16_t v)
{
	put(&v, sizeof(v));
}

static void put32(uint32_t v)
{
	put(&v, sizeof(v));
}

/* The file header; numbers are in this machine's order, as the magic says. */
static void begin(uint32_t magic, uint32_t linktype)
{
	file_len = 0;
	put32(magic);
	put16(2);
	put16(4);
	put32(0);
	put32(0);
	put32(65535);
	put32(linktype);
}

static void record(uint32_t seconds, uint32_t fraction, const void *link, size_t link_len,
		   const void *net, size_t net_len)
{
	put32(seconds);
	put32(fraction);
	put32((uint32_t)(link_len + net_len));
	put32((uint32_t)(link_len + net_len));
	put(link, link_len);
	put(net, net_len);
}

static int replay_cut(size_t len)
{
	n_seen = 0;
	memset(&stats, 0, sizeof(stats));
	memset(error, 0, sizeof(error));
	clock_init_replay(&test_clock);
	return replay_bytes(file, len, NULL, &test_clock, &stats, error);
}

static int replay(void)
{
	return replay_cut(file_len);
}

static void expect_addr(struct addr got, const char *text)
{
	struct addr want;

	assert_int_equal(addr_parse(text, &want), 0);
	assert_true(addr_eq(got, want));
}

static void expect_syn(const struct packet *p, bool v6)
{
	expect_addr(p->src, v6 ? "2001:db8::1" : "192.0.2.1");
	expect_addr(p->dst, v6 ? "2001:db8::2" : "198.51.100.2");
	assert_int_equal(p->proto, PACKET_TCP);
	assert_int_equal(p->sport, 40000);
	assert_int_equal(p->dport, 23);
	assert_int_equal(p->tcp_flags, TCP_SYN);
	assert_int_equal(p->payload, 0);
	assert_int_equal(p->dir, PACKET_DIR_UNKNOWN);
	assert_int_equal(p->ifindex, 0);
}

#define MACS 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1
#define SLL 0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0
#define SLL2_REST 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0

struct link_case {
	const char *name;
	uint32_t linktype;
	uint8_t header[40];
	uint8_t len;
	char net; /* '4', '6', 'a': ARP */
};

static const struct link_case link_cases[] = {
	{ "ethernet", 1, { MACS, 0x08, 0x00 }, 14, '4' },
	{ "ethernet v6", 1, { MACS, 0x86, 0xdd }, 14, '6' },
	{ "ethernet ARP", 1, { MACS, 0x08, 0x06 }, 14, 'a' },
	{ "802.1Q", 1, { MACS, 0x81, 0x00, 0, 5, 0x08, 0x00 }, 18, '4' },
	{ "802.1Q ARP", 1, { MACS, 0x81, 0x00, 0, 5, 0x08, 0x06 }, 18, 'a' },
	{ "802.1ad", 1, { MACS, 0x88, 0xa8, 0, 7, 0x81, 0x00, 0, 5, 0x86, 0xdd }, 22, '6' },
	{ "SNAP", 1, { MACS, 0, 48, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00 }, 22, '4' },
	{ "PPPoE", 1, { MACS, 0x88, 0x64, 0x11, 0, 0, 1, 0, 42, 0, 0x21 }, 22, '4' },
	{ "PPPoE v6", 1, { MACS, 0x88, 0x64, 0x11, 0, 0, 1, 0, 62, 0, 0x57 }, 22, '6' },
	{ "SLL", 113, { SLL, 0x08, 0x00 }, 16, '4' },
	{ "SLL v6", 113, { SLL, 0x86, 0xdd }, 16, '6' },
	{ "SLL ARP", 113, { SLL, 0x08, 0x06 }, 16, 'a' },
	{ "SLL 802.1Q", 113, { SLL, 0x81, 0x00, 0, 5, 0x08, 0x00 }, 20, '4' },
	{ "SLL2", 276, { 0x08, 0x00, SLL2_REST }, 20, '4' },
	{ "SLL2 v6", 276, { 0x86, 0xdd, SLL2_REST }, 20, '6' },
	{ "raw", LINKTYPE_RAW, { 0 }, 0, '4' },
	{ "raw v6", LINKTYPE_RAW, { 0 }, 0, '6' },
	{ "raw of OpenBSD", 14, { 0 }, 0, '4' },
	{ "IPv4", 228, { 0 }, 0, '4' },
	{ "IPv6", 229, { 0 }, 0, '6' },
	{ "null", 0, { 2, 0, 0, 0 }, 4, '4' },
	{ "null, big-endian", 0, { 0, 0, 0, 2 }, 4, '4' },
	{ "null v6 of Linux", 0, { 10, 0, 0, 0 }, 4, '6' },
	{ "null v6 of NetBSD", 0, { 24, 0, 0, 0 }, 4, '6' },
	{ "null v6 of FreeBSD", 0, { 28, 0, 0, 0 }, 4, '6' },
	{ "null v6 of Darwin", 0, { 0, 0, 0, 30 }, 4, '6' },
	{ "loop", 108, { 0, 0, 0, 2 }, 4, '4' },
	{ "loop v6", 108, { 0, 0, 0, 24 }, 4, '6' },
	{ "PPP", 9, { 0xff, 3, 0, 0x21 }, 4, '4' },
	{ "PPP v6", 9, { 0xff, 3, 0, 0x57 }, 4, '6' },
	{ "PPP, all compressed", 9, { 0x21 }, 1, '4' },
	{ "PPP serial", 50, { 0xff, 3, 0x21 }, 3, '4' },
	{ "PPP over Ethernet", 51, { 0x11, 0, 0, 1, 0, 42, 0, 0x21 }, 8, '4' },
	{ "Cisco HDLC", 104, { 0x0f, 0, 0x08, 0x00 }, 4, '4' },
};

static void put_case(const struct link_case *c)
{
	const uint8_t *net = c->net == '4' ? syn4 : c->net == '6' ? syn6 : arp;
	size_t len = c->net == '4' ? sizeof(syn4) : c->net == '6' ? sizeof(syn6) : sizeof(arp);

	begin(MAGIC_MICROS, c->linktype);
	record(1700000000, 5, c->header, c->len, net, len);
}

/* Frames for all, or for a group, are known as such by each header that tells. */
static void test_group_frames(void **state)
{
	static const struct link_case cases[] = {
		{ "ethernet",
		  1,
		  { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 0 },
		  14,
		  '4' },
		{ "multicast", 1, { 1, 0, 0x5e, 0, 0, 0xfb, 2, 0, 0, 0, 0, 1, 8, 0 }, 14, '4' },
		{ "SLL", 113, { 0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0 }, 16, '4' },
		{ "SLL2", 276, { 8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 2, 6, 2, 0, 0, 0, 0, 1 }, 20, '4' },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_case(&cases[i]);
		assert_int_equal(replay(), 0);
		assert_int_equal(n_seen, 1);
		assert_true(seen[0].link_group);
	}
	for (size_t i = 0; i < sizeof(link_cases) / sizeof(link_cases[0]); i++) {
		put_case(&link_cases[i]);
		assert_int_equal(replay(), 0);
		assert_false(seen[0].link_group);
	}
}

static void test_link_types(void **state)
{
	static const uint8_t sender[] = { 2, 0, 0, 0, 0, 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(link_cases) / sizeof(link_cases[0]); i++) {
		const struct link_case *c = &link_cases[i];
		int err;

		put_case(c);
		err = replay();
		if (err || n_seen != 1)
			print_message("%s: %d %s, %u seen\n", c->name, err, error, n_seen);
		assert_int_equal(err, 0);
		assert_int_equal(n_seen, 1);
		assert_int_equal(stats.packets, 1);
		assert_int_equal(stats.parsed, 1);
		/* One sender, whatever the header; no address where the link has none. */
		if (c->linktype == 1 || c->linktype == 113 || c->linktype == 276)
			assert_true(seen[0].link && seen[0].link == packet_link(sender, 6));
		else
			assert_int_equal(seen[0].link, 0);
		if (c->net != 'a') {
			expect_syn(&seen[0], c->net == '6');
			continue;
		}
		assert_int_equal(seen[0].proto, PACKET_ARP_REQUEST);
		expect_addr(seen[0].src, "192.0.2.1");
		expect_addr(seen[0].dst, "192.0.2.2");
	}
}

/* Every record cut short by its snap length is counted once, whatever is missing. */
static void test_short_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(link_cases) / sizeof(link_cases[0]); i++) {
		uint32_t whole, caplen;

		put_case(&link_cases[i]);
		memcpy(&whole, file + 32, sizeof(whole));
		for (caplen = 0; caplen < whole; caplen++) {
			memcpy(file + 32, &caplen, sizeof(caplen));
			file_len = 40 + caplen;
			assert_int_equal(replay(), 0);
			assert_int_equal(stats.packets, 1);
			assert_int_equal(stats.parsed + stats.ignored + stats.truncated +
						 stats.malformed,
					 1);
			assert_int_equal(stats.parsed, n_seen);
		}
	}
}

static void test_not_for_detection(void **state)
{
	static const uint8_t spanning_tree[] = { MACS, 0, 38, 0x42, 0x42, 3, 0, 0, 0, 0, 0 };
	static const uint8_t lldp[] = { MACS, 0x88, 0xcc, 2, 7, 4, 0, 0, 0, 0, 0, 0 };
	static const uint8_t tags[] = { MACS, 0x81, 0, 0, 1, 0x81, 0, 0, 1, 0x81, 0, 0,
					1,    0x81, 0, 0, 1, 0x81, 0, 0, 1, 8,	  0 };

	(void)state;
	begin(MAGIC_MICROS, LINKTYPE_ETHERNET);
	record(1, 0, spanning_tree, sizeof(spanning_tree), NULL, 0);
	record(1, 0, lldp, sizeof(lldp), NULL, 0);
	record(1, 0, tags, sizeof(tags), syn4, sizeof(syn4));
	assert_int_equal(replay(), 0);
	assert_int_equal(stats.packets, 3);
	assert_int_equal(stats.ignored, 2);
	assert_int_equal(stats.malformed, 1);
	assert_int_equal(n_seen, 0);
}

static void test_times(void **state)
{
	(void)state;
	begin(MAGIC_MICROS, LINKTYPE_RAW);
	record(1700000000, 123456, NULL, 0, syn4, sizeof(syn4));
	record(1699999999, 0, NULL, 0, syn4, sizeof(syn4));
	record(1700000001, 5000000, NULL, 0, syn4, sizeof(syn4)); /* no fraction of a second */
	record(1700000002, 0, NULL, 0, syn4, sizeof(syn4));
	assert_int_equal(replay(), 0);
	assert_int_equal(n_seen, 3);
	assert_int_equal(stats.malformed, 1);
	assert_true(seen[0].t_ns == 1700000000123456000ULL);
	assert_true(seen[1].t_ns == seen[0].t_ns); /* never backwards */
	assert_true(seen[2].t_ns == 1700000002000000000ULL);
	assert_true(test_clock.now_ns == seen[2].t_ns);

	begin(MAGIC_NANOS, LINKTYPE_RAW);
	record(1700000000, 123456789, NULL, 0, syn4, sizeof(syn4));
	assert_int_equal(replay(), 0);
	assert_true(seen[0].t_ns == 1700000000123456789ULL);
}

static void test_big_endian_file(void **state)
{
	static const uint8_t head[] = { 0xa1, 0xb2, 0xc3, 0xd4, 0, 2,  0, 4, 0,	   0,
					0,    0,    0,	  0,	0, 0,  0, 0, 0xff, 0xff,
					0,    0,    0,	  101,	0, 0,  0, 9, 0,	   0,
					0,    1,    0,	  0,	0, 40, 0, 0, 0,	   40 };

	(void)state;
	file_len = 0;
	put(head, sizeof(head));
	put(syn4, sizeof(syn4));
	assert_int_equal(replay(), 0);
	assert_int_equal(n_seen, 1);
	expect_syn(&seen[0], false);
	assert_true(seen[0].t_ns == 9000001000ULL);
}

static void test_lengths_that_contradict(void **state)
{
	uint32_t small = 20, absurd = 0x7fffffff;

	(void)state;
	begin(MAGIC_MICROS, LINKTYPE_RAW);
	record(1, 0, NULL, 0, syn4, sizeof(syn4));
	record(2, 0, NULL, 0, syn4, sizeof(syn4));
	memcpy(file + 24 + 12, &small, sizeof(small)); /* more captured than there was */
	assert_int_equal(replay(), 0);
	assert_int_equal(stats.packets, 2);
	assert_int_equal(stats.malformed, 1);
	assert_int_equal(n_seen, 1);

	memcpy(file + 24 + 56 + 8, &absurd, sizeof(absurd));
	assert_int_equal(replay(), -EBADMSG);
	assert_int_equal(stats.packets, 1);
	assert_non_null(strstr(error, "capture: damaged after packet 1: "));
}

static void test_cut_at_every_byte(void **state)
{
	enum { PACKETS = 5, RECORD = 16 + sizeof(syn4), HEAD = 24 };
	char want[64];
	size_t cut;

	(void)state;
	begin(MAGIC_NANOS, LINKTYPE_RAW);
	for (uint32_t i = 0; i < PACKETS; i++)
		record(100 + i, 0, NULL, 0, syn4, sizeof(syn4));
	for (cut = 0; cut <= file_len; cut++) {
		int err = replay_cut(cut);

		if (cut < HEAD) {
			assert_int_equal(err, -EINVAL);
			assert_int_equal(stats.packets, 0);
			assert_non_null(strstr(error, "capture: not a readable capture: "));
			continue;
		}
		assert_int_equal(n_seen, (cut - HEAD) / RECORD);
		assert_int_equal(stats.parsed, n_seen);
		assert_int_equal(err, (cut - HEAD) % RECORD ? -EBADMSG : 0);
		snprintf(want, sizeof(want), "damaged after packet %u: ", n_seen);
		assert_int_equal(strstr(error, want) != NULL, err != 0);
		assert_int_equal(strstr(error, "the packets before it were processed") != NULL,
				 err != 0);
	}
}

static void put_section(void)
{
	put32(0x0a0d0d0a);
	put32(28);
	put32(0x1a2b3c4d);
	put16(1);
	put16(0);
	put32(0xffffffff);
	put32(0xffffffff);
	put32(28);
}

/* With if_tsresol 9: nanoseconds. */
static void put_interface(uint16_t linktype)
{
	static const uint8_t options[] = { 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0 };

	put32(1);
	put32(32);
	put16(linktype);
	put16(0);
	put32(65535);
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) {
		put16(9);
		put16(1);
		put32(0x09000000);
		put32(0);
	} else {
		put(options, sizeof(options));
	}
	put32(32);
}

static void put_enhanced(uint32_t interface, uint64_t t_ns)
{
	static const uint8_t ethernet[] = { MACS, 0x08, 0x00 };
	const uint32_t length = sizeof(ethernet) + sizeof(syn4), padding = 2;

	put32(6);
	put32(32 + length + padding);
	put32(interface);
	put32((uint32_t)(t_ns >> 32));
	put32((uint32_t)t_ns);
	put32(length);
	put32(length);
	put(ethernet, sizeof(ethernet));
	put(syn4, sizeof(syn4));
	put("\0", padding);
	put32(32 + length + padding);
}

static void test_pcapng(void **state)
{
	size_t ends[4];
	unsigned int whole = 0;
	size_t cut;

	(void)state;
	file_len = 0;
	put_section();
	put_interface(LINKTYPE_ETHERNET);
	put_interface(LINKTYPE_ETHERNET);
	ends[0] = file_len;
	put_enhanced(0, 1700000000123456789ULL);
	ends[1] = file_len;
	put_enhanced(1, 1700000001000000000ULL);
	ends[2] = file_len;
	assert_int_equal(replay(), 0);
	assert_int_equal(n_seen, 2);
	assert_true(seen[0].t_ns == 1700000000123456789ULL);
	expect_syn(&seen[1], false);

	for (cut = ends[0]; cut <= file_len; cut++) {
		int err = replay_cut(cut);

		whole = cut >= ends[2] ? 2 : cut >= ends[1] ? 1 : 0;
		assert_int_equal(n_seen, whole);
		assert_int_equal(err, cut == ends[whole] ? 0 : -EBADMSG);
	}
}

static void test_pcapng_of_two_link_types(void **state)
{
	(void)state;
	file_len = 0;
	put_section();
	put_interface(LINKTYPE_ETHERNET);
	put_enhanced(0, NS_PER_S);
	put_interface(LINKTYPE_IEEE802_11);
	put_enhanced(1, NS_PER_S);
	assert_int_equal(replay(), -EPROTONOSUPPORT);
	assert_int_equal(n_seen, 1);
	assert_non_null(strstr(error, "capture: cannot be read on after packet 1: "));
}

static void test_unknown_link_type(void **state)
{
	(void)state;
	begin(MAGIC_MICROS, LINKTYPE_IEEE802_11);
	record(1, 0, NULL, 0, syn4, sizeof(syn4));
	assert_int_equal(replay(), -EPROTONOSUPPORT);
	assert_int_equal(stats.packets, 0);
	assert_non_null(strstr(error, "link type IEEE802_11 (105) is not supported"));
}

static void test_files(void **state)
{
	char path[] = "/tmp/mimamori-test-XXXXXX", want[128];
	int fd = mkstemp(path), saved;

	(void)state;
	assert_true(fd >= 0);
	begin(MAGIC_MICROS, LINKTYPE_RAW);
	record(1, 0, NULL, 0, syn4, sizeof(syn4));
	record(2, 0, NULL, 0, syn6, sizeof(syn6));
	assert_int_equal(write(fd, file, file_len), file_len);
	assert_int_equal(replay_cut(0), -EINVAL); /* resets what is counted */
	assert_int_equal(replay_file(path, NULL, &test_clock, &stats, error), 0);
	assert_int_equal(n_seen, 2);

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	saved = dup(STDIN_FILENO);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	assert_int_equal(replay_file("-", NULL, &test_clock, &stats, error), 0);
	assert_int_equal(n_seen, 4);
	assert_int_equal(stats.packets, 4); /* counts add up over files */
	dup2(saved, STDIN_FILENO);
	close(saved);

	assert_int_equal(ftruncate(fd, (off_t)file_len - 1), 0);
	assert_int_equal(replay_file(path, NULL, &test_clock, &stats, error), -EBADMSG);
	snprintf(want, sizeof(want), "%s: damaged after packet 1: ", path);
	assert_int_equal(strncmp(error, want, strlen(want)), 0);
	close(fd);
	unlink(path);

	assert_int_equal(replay_file(path, NULL, &test_clock, &stats, error), -ENOENT);
	snprintf(want, sizeof(want), "%s: No such file or directory", path);
	assert_string_equal(error, want);
	assert_int_equal(replay_file("/tmp", NULL, &test_clock, &stats, error), -EINVAL);
	assert_non_null(strstr(error, "Is a directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_types),
		cmocka_unit_test(test_group_frames),
		cmocka_unit_test(test_short_records),
		cmocka_unit_test(test_not_for_detection),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_big_endian_file),
		cmocka_unit_test(test_lengths_that_contradict),
		cmocka_unit_test(test_cut_at_every_byte),
		cmocka_unit_test(test_pcapng),
		cmocka_unit_test(test_pcapng_of_two_link_types),
		cmocka_unit_test(test_unknown_link_type),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
