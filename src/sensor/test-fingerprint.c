/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Marks as facts about the tools' own code give them; the packets' numbers are worked out by hand. */
#include "sensor/fingerprint.h"

#include "sensor/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LINUX                                                                       \
	(PACKET_OPT_ANY | PACKET_OPT_MSS | PACKET_OPT_SACK | PACKET_OPT_TIMESTAMP | \
	 PACKET_OPT_WSCALE)

/* A SYN of Linux's connect(2) to 192.0.2.10, port 23. */
static struct packet ordinary_syn(void)
{
	return (struct packet){
		.src = addr_from_v4(0xcb007107),
		.dst = addr_from_v4(0xc000020a),
		.sport = 40000,
		.dport = 23,
		.proto = PACKET_TCP,
		.ttl = 57,
		.ip_id = 0x1234,
		.tcp_flags = TCP_SYN,
		.tcp_options = LINUX,
		.tcp_window = 64240,
		.tcp_seq = 0x11223344,
	};
}

static void test_ordinary(void **state)
{
	struct packet p = ordinary_syn();

	(void)state;
	assert_int_equal(fingerprint_tcp(&p), 0);
	assert_false(fingerprint_raw_syn(&p));
}

/* Mirai's scanner.c: the sequence number is the destination. */
static void test_mirai(void **state)
{
	struct packet p = ordinary_syn();

	(void)state;
	p.tcp_seq = 0xc000020a;
	p.tcp_options = 0;
	assert_int_equal(fingerprint_tcp(&p), 1 << FINGERPRINT_MIRAI);
	p.tcp_seq = 0x0a0200c0; /* the other way around is none */
	assert_int_equal(fingerprint_tcp(&p), 0);
}

/* masscan: 0x020a ^ 0x0017 ^ 0x3344 = 0x3159. */
static void test_masscan(void **state)
{
	struct packet p = ordinary_syn();

	(void)state;
	p.ip_id = 0x3159;
	assert_int_equal(fingerprint_tcp(&p), 1 << FINGERPRINT_MASSCAN);
	p.dport = 24;
	assert_int_equal(fingerprint_tcp(&p), 0);
}

static void test_zmap(void **state)
{
	struct packet p = ordinary_syn();

	(void)state;
	p.ip_id = 54321;
	assert_int_equal(fingerprint_tcp(&p), 1 << FINGERPRINT_ZMAP);
}

/* Nmap's raw probes: window 1024, MSS alone. */
static void test_nmap(void **state)
{
	struct packet p = ordinary_syn();

	(void)state;
	p.tcp_window = 1024;
	p.tcp_options = PACKET_OPT_ANY | PACKET_OPT_MSS;
	assert_int_equal(fingerprint_tcp(&p), 1 << FINGERPRINT_NMAP);
	p.tcp_options = LINUX; /* a window is small for many reasons */
	assert_int_equal(fingerprint_tcp(&p), 0);
	p.tcp_options = 0; /* masscan, without an option */
	assert_int_equal(fingerprint_tcp(&p), 0);
}

/* The IPv4 id does not exist in IPv6, nor does a destination fit into a sequence number. */
static void test_v6(void **state)
{
	struct packet p = ordinary_syn();

	(void)state;
	assert_int_equal(addr_parse("2001:db8::a:17", &p.dst), 0);
	p.ip_id = 0;
	p.tcp_seq = 0x000a0017;
	assert_int_equal(fingerprint_tcp(&p), 0);
	p.tcp_window = 1024;
	p.tcp_options = PACKET_OPT_ANY | PACKET_OPT_MSS;
	assert_int_equal(fingerprint_tcp(&p), 1 << FINGERPRINT_NMAP);
}

static void test_raw_syn(void **state)
{
	static const uint8_t of_systems[] = {
		PACKET_OPT_ANY | PACKET_OPT_MSS | PACKET_OPT_SACK, /* old Windows */
		PACKET_OPT_ANY | PACKET_OPT_MSS | PACKET_OPT_WSCALE | PACKET_OPT_SACK,
		LINUX,
	};
	struct packet p = ordinary_syn();

	(void)state;
	p.tcp_options = 0;
	assert_true(fingerprint_raw_syn(&p));
	p.tcp_options = PACKET_OPT_ANY | PACKET_OPT_MSS;
	assert_true(fingerprint_raw_syn(&p));
	for (size_t i = 0; i < sizeof(of_systems); i++) {
		p.tcp_options = of_systems[i];
		assert_false(fingerprint_raw_syn(&p));
	}
}

/* mimamori-events(7): the names are stable. */
static void test_names(void **state)
{
	(void)state;
	assert_string_equal(fingerprint_names[FINGERPRINT_MIRAI], "mirai");
	assert_string_equal(fingerprint_names[FINGERPRINT_MASSCAN], "masscan");
	assert_string_equal(fingerprint_names[FINGERPRINT_ZMAP], "zmap");
	assert_string_equal(fingerprint_names[FINGERPRINT_NMAP], "nmap-raw");
}

/* ZMap since 4.1: its TTL begins at 255 and its window is 65535; macOS has such a window, but TTL 64. */
static void test_zmap_later(void **state)
{
	struct packet p = ordinary_syn();

	(void)state;
	p.tcp_window = 65535;
	assert_int_equal(fingerprint_tcp(&p), 0);
	p.ttl = 243;
	assert_int_equal(fingerprint_tcp(&p), 1 << FINGERPRINT_ZMAP);
	p.tcp_window = 4128; /* Cisco IOS */
	assert_int_equal(fingerprint_tcp(&p), 0);
}

/* https://nmap.org/book/osdetect-methods.html */
static void test_nmap_os(void **state)
{
	struct packet p = ordinary_syn();

	(void)state;
	p.tcp_mss = 1460;
	p.tcp_timestamp = 0xffffffff;
	p.tcp_window = 1;
	assert_int_equal(fingerprint_tcp(&p), 1 << FINGERPRINT_NMAP_OS);
	p.tcp_timestamp = 0;
	assert_int_equal(fingerprint_tcp(&p), 0);
	p.tcp_flags = TCP_SYN | 0xc0; /* ECN */
	p.tcp_urgent = 0xf7f5;
	assert_int_equal(fingerprint_tcp(&p), 1 << FINGERPRINT_NMAP_OS);
}

static void test_tiny(void **state)
{
	struct packet p = ordinary_syn();

	(void)state;
	p.fragmented = 1;
	assert_int_equal(fingerprint_tcp(&p), 1 << FINGERPRINT_TINY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ordinary),   cmocka_unit_test(test_mirai),
		cmocka_unit_test(test_masscan),	   cmocka_unit_test(test_zmap),
		cmocka_unit_test(test_zmap_later), cmocka_unit_test(test_nmap_os),
		cmocka_unit_test(test_tiny),	   cmocka_unit_test(test_nmap),
		cmocka_unit_test(test_v6),	   cmocka_unit_test(test_raw_syn),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
