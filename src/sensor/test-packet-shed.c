/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host serves 22, 23 and 80. */
#include "core/clock.h"
#include "sensor/packet-shed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PER_SECOND 10000
#define STEP_NS (10 * NS_PER_MS) /* between two batches */

static const uint16_t served[] = { 22, 23, 80 };
static struct packet_shed shed;
static uint64_t now_ns;
static bool changed;

/* Openings a second to each of n_ports from the first one on; each is answered while nothing is shed. */
struct torrent {
	unsigned int per_second, n_ports;
	uint16_t first;
	uint8_t proto, flags;
};

static int start(void **state)
{
	(void)state;
	now_ns = NS_PER_S;
	packet_shed_init(&shed, PER_SECOND, 0x9e3779b9, now_ns);
	return 0;
}

static void pass(uint64_t ms, const struct torrent *floods, size_t n_floods)
{
	uint64_t end_ns = now_ns + ms * NS_PER_MS;

	while (now_ns < end_ns) {
		uint64_t packets = 0;

		now_ns += STEP_NS;
		for (size_t f = 0; f < n_floods; f++) {
			for (unsigned int i = 0; i < floods[f].per_second / 100 * floods[f].n_ports;
			     i++) {
				struct packet p = {
					.proto = floods[f].proto,
					.tcp_flags = floods[f].flags,
					.dport =
						(uint16_t)(floods[f].first + i % floods[f].n_ports),
				};

				packet_shed_see(&shed, &p);
				packets += shed.on ? 1 : 2;
			}
		}
		if (packet_shed_count(&shed, now_ns, packets))
			changed |= packet_shed_choose(&shed, now_ns, served,
						      sizeof(served) / sizeof(served[0]));
	}
}

#define SYNS(rate, port)                                                              \
	{                                                                             \
		.per_second = (rate), .n_ports = 1, .first = (port), .flags = TCP_SYN \
	}
#define PASS(ms, ...)                               \
	pass(ms, (struct torrent[]){ __VA_ARGS__ }, \
	     sizeof((struct torrent[]){ __VA_ARGS__ }) / sizeof(struct torrent))

static void test_closed_port(void **state)
{
	(void)state;
	PASS(300, SYNS(100000, 81), SYNS(100, 80));
	assert_true(shed.on && shed.refusals);
	assert_int_equal(shed.n_ports, 0);
	assert_int_equal(shed.times, 1);
}

static void test_served_port(void **state)
{
	(void)state;
	PASS(300, SYNS(100000, 80), SYNS(300, 23), SYNS(500, 22), SYNS(500, 9999));
	assert_true(shed.on && !shed.refusals);
	assert_int_equal(shed.n_ports, 1);
	assert_int_equal(shed.port[0], 80);
}

/* Spread over all ports, or over many: the served ones among them are no more flooded than others. */
static void test_all_ports(void **state)
{
	const struct torrent all = {
		.per_second = 100, .n_ports = 6500, .first = 1, .flags = TCP_SYN
	};

	(void)state;
	PASS(300, all);
	assert_true(shed.on && shed.refusals);
	assert_int_equal(shed.n_ports, 0);
}

static void test_two_floods(void **state)
{
	(void)state;
	PASS(300, SYNS(20000, 80), SYNS(20000, 22), SYNS(20000, 81));
	assert_true(shed.refusals);
	assert_int_equal(shed.n_ports, 2);
	assert_int_equal(shed.port[0], 22);
	assert_int_equal(shed.port[1], 80);
}

/* A flood that goes from port to port is followed, and what it left is looked at again. */
static void test_flood_moves(void **state)
{
	(void)state;
	PASS(300, SYNS(100000, 80));
	PASS(2500, SYNS(100000, 22));
	assert_true(shed.on && !shed.refusals);
	assert_int_equal(shed.n_ports, 1);
	assert_int_equal(shed.port[0], 22);
	PASS(2500, SYNS(100000, 81));
	assert_true(shed.on && shed.refusals);
	assert_int_equal(shed.n_ports, 0);
	assert_int_equal(shed.times, 1);
}

static void test_goes_on_to_a_quarter(void **state)
{
	(void)state;
	PASS(300, SYNS(100000, 80));
	PASS(2500, SYNS(PER_SECOND / 2, 80));
	assert_int_equal(shed.n_ports, 1);
	PASS(2500, SYNS(PER_SECOND / 5, 80));
	assert_false(shed.on);
	assert_int_equal(shed.n_ports, 0);
}

static void test_nothing_to_shed(void **state)
{
	const struct torrent udp = { .per_second = 100000, .n_ports = 1, .proto = PACKET_UDP };
	const struct torrent acks = { .per_second = 100000, .n_ports = 1, .flags = TCP_RST };

	(void)state;
	changed = false;
	PASS(500, SYNS(PER_SECOND / 3, 80), SYNS(100, 81));
	PASS(500, udp);
	PASS(500, acks);
	assert_false(changed || shed.on);
	assert_int_equal(shed.times, 0);
}

static void test_never(void **state)
{
	(void)state;
	PASS(300, SYNS(100000, 80), SYNS(100000, 81));
	assert_true(shed.refusals && shed.n_ports == 1);
	shed.per_second = 0; /* it begins to forward */
	changed = false;
	PASS(10, SYNS(100000, 80), SYNS(100000, 81));
	assert_true(changed);
	assert_false(shed.on || shed.refusals || shed.n_ports);
	PASS(2500, SYNS(100000, 80));
	assert_false(shed.on);
}

#define TEST(t) cmocka_unit_test_setup(t, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_closed_port),	    TEST(test_served_port), TEST(test_all_ports),
		TEST(test_two_floods),	    TEST(test_flood_moves), TEST(test_goes_on_to_a_quarter),
		TEST(test_nothing_to_shed), TEST(test_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
