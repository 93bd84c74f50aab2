/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif

#include "sensor/listeners.h"

#include "core/clock.h"
#include "sensor/test-netns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#define MAX_SOCKETS 512

static struct listeners l;
static uint64_t now_ns;
static int sockets[MAX_SOCKETS];
static unsigned int n_sockets;

static struct addr a(const char *text)
{
	struct addr out;

	assert_int_equal(addr_parse(text, &out), 0);
	return out;
}

/* A bound socket, and for TCP a listening one, kept until the end of the test. */
static int serve(int family, int type, const char *address, uint16_t port, int v6only)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	int one = 1, fd = socket(family, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && n_sockets < MAX_SOCKETS);
	sockets[n_sockets++] = fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
		assert_int_equal(inet_pton(AF_INET6, address, &six.sin6_addr), 1);
		assert_int_equal(bind(fd, (struct sockaddr *)&six, sizeof(six)), 0);
	} else {
		assert_int_equal(inet_pton(AF_INET, address, &four.sin_addr), 1);
		assert_int_equal(bind(fd, (struct sockaddr *)&four, sizeof(four)), 0);
	}
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static bool open_now(bool udp, const char *address, uint16_t port)
{
	return listeners_lookup(&l, udp, a(address), port, now_ns) == LISTENERS_OPEN;
}

static void later(uint64_t ms)
{
	now_ns += ms * NS_PER_MS;
}

static int setup(void **state)
{
	(void)state;
	now_ns = 5 * NS_PER_S;
	n_sockets = 0;
	assert_int_equal(listeners_init(&l, now_ns), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (n_sockets)
		close(sockets[--n_sockets]);
	listeners_done(&l);
	return 0;
}

static void test_families(void **state)
{
	(void)state;
	serve(AF_INET, SOCK_STREAM, "0.0.0.0", 21, 0);
	serve(AF_INET6, SOCK_STREAM, "::", 22, 0);
	serve(AF_INET6, SOCK_STREAM, "::", 23, 1);
	serve(AF_INET, SOCK_STREAM, "127.0.0.1", 24, 0);
	serve(AF_INET6, SOCK_STREAM, "::1", 25, 0);
	serve(AF_INET6, SOCK_STREAM, "::ffff:127.0.0.1", 26, 0);
	serve(AF_INET6, SOCK_STREAM, "::ffff:0.0.0.0", 27, 0);
	later(LISTENERS_MIN_AGE_MS);

	assert_true(open_now(false, "192.0.2.1", 21));
	assert_false(open_now(false, "2001:db8::1", 21));
	assert_true(open_now(false, "192.0.2.1", 22));
	assert_true(open_now(false, "2001:db8::1", 22));
	assert_false(open_now(false, "192.0.2.1", 23));
	assert_true(open_now(false, "2001:db8::1", 23));
	assert_true(open_now(false, "127.0.0.1", 24));
	assert_false(open_now(false, "192.0.2.1", 24));
	assert_true(open_now(false, "::1", 25));
	assert_false(open_now(false, "2001:db8::1", 25));
	assert_true(open_now(false, "127.0.0.1", 26));
	assert_false(open_now(false, "::1", 26));
	assert_true(open_now(false, "192.0.2.1", 27));
	assert_false(open_now(false, "2001:db8::1", 27));
	assert_false(open_now(true, "192.0.2.1", 21));
	assert_false(open_now(false, "192.0.2.1", 28));
}

static void test_udp_clients_are_no_services(void **state)
{
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(53) };
	uint16_t ports[8];
	int client;

	(void)state;
	inet_pton(AF_INET, "127.0.0.1", &peer.sin_addr);
	serve(AF_INET, SOCK_DGRAM, "0.0.0.0", 514, 0);
	serve(AF_INET6, SOCK_DGRAM, "::", 123, 0);
	serve(AF_INET6, SOCK_DGRAM, "::1", 123, 0);
	serve(AF_INET6, SOCK_DGRAM, "::", 546, 1);
	client = serve(AF_INET, SOCK_DGRAM, "127.0.0.1", 4000, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&peer, sizeof(peer)), 0);
	later(LISTENERS_MIN_AGE_MS);

	assert_true(open_now(true, "192.0.2.1", 514));
	assert_false(open_now(false, "192.0.2.1", 514));
	assert_true(open_now(true, "192.0.2.1", 123));
	assert_true(open_now(true, "2001:db8::1", 123));
	assert_false(open_now(true, "192.0.2.1", 546));
	assert_true(open_now(true, "127.0.0.1", 4000)); /* a client, but at home there */

	memset(ports, 0, sizeof(ports));
	assert_int_equal(listeners_udp_ports(&l, ports, 8), 4);
	assert_int_equal(ports[0], 123);
	assert_int_equal(ports[1], 514);
	assert_int_equal(ports[2], 546);
	assert_int_equal(ports[3], 4000);
	/* With less room the lowest stay. */
	memset(ports, 0, sizeof(ports));
	assert_int_equal(listeners_udp_ports(&l, ports, 2), 2);
	assert_int_equal(ports[0], 123);
	assert_int_equal(ports[1], 514);
	assert_int_equal(ports[2], 0);
	assert_int_equal(listeners_udp_ports(&l, ports, 0), 0);
}

static void test_connections_are_no_listeners(void **state)
{
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(80) };
	struct sockaddr_in self;
	socklen_t len = sizeof(self);
	int fd;

	(void)state;
	inet_pton(AF_INET, "127.0.0.1", &peer.sin_addr);
	serve(AF_INET, SOCK_STREAM, "127.0.0.1", 80, 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	sockets[n_sockets++] = fd;
	assert_int_equal(connect(fd, (struct sockaddr *)&peer, sizeof(peer)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&self, &len), 0);
	later(LISTENERS_MIN_AGE_MS);
	assert_false(open_now(false, "127.0.0.1", ntohs(self.sin_port)));
	assert_true(open_now(false, "127.0.0.1", 80));
}

static void test_a_flood_of_questions_costs_one_listing(void **state)
{
	uint64_t listings = l.listings;
	uint32_t generation = l.generation;

	(void)state;
	later(LISTENERS_MIN_AGE_MS - 1);
	serve(AF_INET, SOCK_STREAM, "0.0.0.0", 80, 0);
	for (uint16_t port = 1; port < 2000; port++)
		open_now(false, "192.0.2.1", port);
	assert_int_equal(l.listings, listings);
	assert_int_equal(l.generation, generation);
	later(1);
	for (uint16_t port = 1; port < 2000; port++)
		assert_int_equal(open_now(false, "192.0.2.1", port), port == 80);
	assert_int_equal(l.listings, listings + 1);
	assert_int_equal(l.generation, generation + 1);

	/* Known ports never cost one; nor does a listing that shows nothing new look like news. */
	later(10 * LISTENERS_MIN_AGE_MS);
	assert_true(open_now(false, "192.0.2.1", 80));
	assert_int_equal(l.listings, listings + 1);
	assert_int_equal(listeners_refresh(&l, now_ns), 0);
	assert_int_equal(l.listings, listings + 2);
	assert_int_equal(l.generation, generation + 1);
}

static void test_a_service_that_ends_is_forgotten(void **state)
{
	(void)state;
	serve(AF_INET, SOCK_STREAM, "0.0.0.0", 80, 0);
	later(LISTENERS_MIN_AGE_MS);
	assert_true(open_now(false, "192.0.2.1", 80));
	close(sockets[--n_sockets]);
	later(LISTENERS_MIN_AGE_MS);
	assert_int_equal(listeners_refresh(&l, now_ns), 0);
	assert_false(open_now(false, "192.0.2.1", 80));
}

/* A media server does not know that its receiver has hung up. */
static void test_udp_that_just_ended_is_excused(void **state)
{
	(void)state;
	serve(AF_INET, SOCK_DGRAM, "0.0.0.0", 16400, 0);
	later(LISTENERS_MIN_AGE_MS);
	assert_true(open_now(true, "192.0.2.1", 16400));
	close(sockets[--n_sockets]);
	later(LISTENERS_MIN_AGE_MS);
	assert_int_equal(listeners_refresh(&l, now_ns), 0);
	assert_true(open_now(true, "192.0.2.1", 16400));
	assert_false(open_now(false, "192.0.2.1", 16400));
	later(LISTENERS_GONE_MS);
	assert_true(open_now(true, "192.0.2.1", 16400));
	later(LISTENERS_GONE_MS + 1);
	assert_false(open_now(true, "192.0.2.1", 16400));
}

/* Each of the contacts that would make a scan is held against a listing of its own moment. */
static void test_udp_is_read_in_bursts(void **state)
{
	uint64_t listings = l.listings;

	(void)state;
	later(1);
	for (uint16_t n = 0; n < LISTENERS_BURST; n++) {
		serve(AF_INET, SOCK_DGRAM, "0.0.0.0", (uint16_t)(7000 + n), 0);
		assert_true(open_now(true, "192.0.2.1", (uint16_t)(7000 + n)));
	}
	assert_int_equal(l.listings, listings + LISTENERS_BURST);
	for (uint16_t port = 8000; port < 8100; port++)
		assert_false(open_now(true, "192.0.2.1", port));
	assert_int_equal(l.listings, listings + LISTENERS_BURST);
}

static void test_published_ports(void **state)
{
	(void)state;
	listeners_publish(&l, false, a("192.0.2.1"), 8080);
	listeners_publish(&l, false, a("192.0.2.1"), 8080);
	assert_int_equal(l.n_published, 1);
	assert_true(open_now(false, "192.0.2.1", 8080));
	assert_false(open_now(true, "192.0.2.1", 8080));
	assert_false(open_now(false, "192.0.2.2", 8080));
	for (uint16_t port = 1; port <= LISTENERS_PUBLISHED_MAX; port++)
		listeners_publish(&l, false, a("192.0.2.1"), port);
	assert_int_equal(l.n_published, LISTENERS_PUBLISHED_MAX);
	assert_false(open_now(false, "192.0.2.1", 8080));
	assert_true(open_now(false, "192.0.2.1", LISTENERS_PUBLISHED_MAX));
}

static void test_many_sockets(void **state)
{
	(void)state;
	/* The workers of one service are one listener. */
	for (unsigned int i = 0; i < 100; i++)
		serve(AF_INET, SOCK_STREAM, "0.0.0.0", 443, 0);
	later(LISTENERS_MIN_AGE_MS);
	assert_true(open_now(false, "192.0.2.1", 443));
	assert_int_equal(l.count, 1);
	for (uint16_t i = 0; i < LISTENERS_MAX + 4; i++)
		serve(AF_INET, SOCK_STREAM, "0.0.0.0", (uint16_t)(1000 + i), 0);
	later(LISTENERS_MIN_AGE_MS);
	open_now(false, "192.0.2.1", 1);
	assert_int_equal(l.count, LISTENERS_MAX);
	/* Those of port 443 count one by one when they come after the table is full. */
	assert_in_range(l.left_out, 4, 4 + 100);
}

static void test_no_ground_truth(void **state)
{
	struct listeners none = { .fd = -1 };

	(void)state;
	assert_int_equal(listeners_lookup(&none, false, a("192.0.2.1"), 80, now_ns),
			 LISTENERS_CLOSED);
	assert_int_equal(listeners_refresh(&none, now_ns), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_families, setup, teardown),
		cmocka_unit_test_setup_teardown(test_udp_clients_are_no_services, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connections_are_no_listeners, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_flood_of_questions_costs_one_listing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_service_that_ends_is_forgotten, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_udp_that_just_ended_is_excused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_udp_is_read_in_bursts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_published_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_sockets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_ground_truth, setup, teardown),
	};

	enter_netns();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
