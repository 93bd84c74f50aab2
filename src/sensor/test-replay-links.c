/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Link types of captures, as tcpdump.org/linktypes.html has them.
 */
#include "sensor/replay-fixture.h"

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

/* 192.0.2.1 asks for 192.0.2.2 (RFC 826) */
static const uint8_t arp[] = {
	0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2,
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

static void test_unknown_link_type(void **state)
{
	(void)state;
	begin(MAGIC_MICROS, LINKTYPE_IEEE802_11);
	record(1, 0, NULL, 0, syn4, sizeof(syn4));
	assert_int_equal(replay(), -EPROTONOSUPPORT);
	assert_int_equal(stats.packets, 0);
	assert_non_null(strstr(error, "link type IEEE802_11 (105) is not supported"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_types),	  cmocka_unit_test(test_group_frames),
		cmocka_unit_test(test_short_records),	  cmocka_unit_test(test_not_for_detection),
		cmocka_unit_test(test_unknown_link_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
