/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Real sockets on loopback, in a namespace of its own; packets as the source would hand them over. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif
#include "sensor/solicited.h"

#include "core/clock.h"
#include "sensor/host.h"
#include "sensor/listeners.h"
#include "sensor/test-netns.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#define PORT 7000

static struct solicited s;
static struct host host;
static struct listeners listeners;
static struct kernel_counter_files files;
static uint64_t now_ns;
static uint16_t closed_port = 9;

static int setup(void **state)
{
	(void)state;
	now_ns = 100 * NS_PER_S;
	assert_int_equal(host_init(&host), 0);
	assert_int_equal(listeners_init(&listeners, now_ns), 0);
	assert_int_equal(kernel_counters_open(&files), 0);
	solicited_init(&s, &host, &listeners, &files, now_ns);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(s.failures, 0);
	kernel_counters_close(&files);
	listeners_done(&listeners);
	host_done(&host);
	return 0;
}

static struct sockaddr_in6 address(const char *text, uint16_t port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET6, text, &a.sin6_addr), 1);
	return a;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	return ntohs(a.sin6_port);
}

static int bound(int type, const char *text, uint16_t port)
{
	struct sockaddr_in6 a = address(text, port);
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static int connected(int type, const char *text, uint16_t port)
{
	struct sockaddr_in6 a = address(text, port);
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* From peer:sport to the same address here. */
static struct packet bulk(uint8_t proto, const char *text, uint16_t sport, uint16_t dport)
{
	struct packet p = { .proto = proto,
			    .sport = sport,
			    .dport = dport,
			    .dir = PACKET_DIR_IN,
			    .tcp_flags = TCP_ACK,
			    .bulk = 1,
			    .stands_for = 1,
			    .ifindex = (int32_t)if_nametoindex("lo") };

	assert_int_equal(addr_parse(strncmp(text, "::ffff:", 7) ? text : text + 7, &p.src), 0);
	p.dst = p.src;
	return p;
}

/* The answer after a batch in which the kernel turned away so many datagrams, or sent so many RSTs. */
static enum packet_solicited ask(struct packet p, unsigned int turned_away)
{
	now_ns += NS_PER_S;
	for (unsigned int i = 0; i < turned_away; i++) {
		if (p.proto == PACKET_UDP) {
			int fd = connected(SOCK_DGRAM, "::1", closed_port);

			assert_int_equal(send(fd, "x", 1, 0), 1);
			close(fd);
		} else {
			struct sockaddr_in6 a = address("::1", closed_port);
			int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

			assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), -1);
			close(fd);
		}
	}
	solicited_batch(&s);
	return solicited_ask(&s, &p, now_ns);
}

static const char *const families[] = { "::1", "::ffff:127.0.0.1" };

static void test_tcp(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const char *self = families[i];
		int listener = bound(SOCK_STREAM, "::", PORT), client, server;
		uint16_t port;

		assert_int_equal(listen(listener, 5), 0);
		client = connected(SOCK_STREAM, self, PORT);
		server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		port = port_of(client);
		assert_int_equal(ask(bulk(PACKET_TCP, self, port, PORT), 3), PACKET_SOLICITED_YES);
		assert_int_equal(ask(bulk(PACKET_TCP, self, PORT, port), 3), PACKET_SOLICITED_YES);
		/* Nobody's connection: at a listener, and elsewhere. */
		assert_int_equal(ask(bulk(PACKET_TCP, self, 4000, PORT), 3), PACKET_SOLICITED_NO);
		assert_int_equal(ask(bulk(PACKET_TCP, self, 4000, 4001), 3), PACKET_SOLICITED_NO);
		/* The kernel has turned none away: it has been taken, by whoever is gone. */
		assert_int_equal(ask(bulk(PACKET_TCP, self, 4002, 4001), 0),
				 PACKET_SOLICITED_UNKNOWN);
		close(client);
		close(server);
		close(listener);
	}
}

static void test_udp(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const char *self = families[i];
		int server = bound(SOCK_DGRAM, "::", PORT);
		int client = connected(SOCK_DGRAM, self, PORT);
		uint16_t port = port_of(client);

		assert_int_equal(ask(bulk(PACKET_UDP, self, PORT, port), 3), PACKET_SOLICITED_YES);
		/* Another one than its peer, at a client's port: nobody takes it. */
		assert_int_equal(ask(bulk(PACKET_UDP, self, 5000, port), 3), PACKET_SOLICITED_NO);
		assert_int_equal(ask(bulk(PACKET_UDP, self, 5000, PORT), 3),
				 PACKET_SOLICITED_UNKNOWN);
		assert_int_equal(ask(bulk(PACKET_UDP, self, 53, 41000), 3), PACKET_SOLICITED_NO);
		close(client);
		/* A name server's answer, looked at when the client has gone. */
		assert_int_equal(ask(bulk(PACKET_UDP, self, PORT, port), 0),
				 PACKET_SOLICITED_UNKNOWN);
		close(server);
	}
}

/* No more are unsolicited than the kernel turned away, or half as many again. */
static void test_the_count_limits(void **state)
{
	struct packet p = bulk(PACKET_UDP, "::1", 53, 41000);
	unsigned int no = 0;

	(void)state;
	p.stands_for = 16;
	assert_int_equal(ask(p, 64), PACKET_SOLICITED_NO);
	for (int i = 0; i < 20; i++)
		no += solicited_ask(&s, &p, now_ns) == PACKET_SOLICITED_NO;
	assert_int_equal(no, 64 * 3 / 2 / 16 - 1);
	/* What the source has seen itself explains what the kernel counts. */
	for (int i = 0; i < 64; i++)
		solicited_see(&s, &p);
	assert_int_equal(ask(p, 64), PACKET_SOLICITED_UNKNOWN);
}

static void test_unknown(void **state)
{
	struct packet p = bulk(PACKET_UDP, "::1", 53, 41000);

	(void)state;
	p.dir = PACKET_DIR_OUT;
	assert_int_equal(ask(p, 3), PACKET_SOLICITED_UNKNOWN);
	p.dir = PACKET_DIR_IN;
	p.link_group = 1;
	assert_int_equal(ask(p, 3), PACKET_SOLICITED_UNKNOWN);
	p.link_group = 0;
	p.proto = PACKET_OTHER;
	assert_int_equal(ask(p, 3), PACKET_SOLICITED_UNKNOWN);
	p.proto = PACKET_UDP;
	host.forwards = true;
	assert_int_equal(ask(p, 3), PACKET_SOLICITED_UNKNOWN);
	host.forwards = false;
	listeners_publish(&listeners, true, p.dst, p.dport);
	assert_int_equal(ask(p, 3), PACKET_SOLICITED_UNKNOWN);
	p.dport++;
	assert_int_equal(ask(p, 3), PACKET_SOLICITED_NO);
	assert_int_equal(addr_parse("203.0.113.9", &p.dst), 0);
	assert_int_equal(ask(p, 3), PACKET_SOLICITED_UNKNOWN);
	s.files = NULL;
	assert_int_equal(ask(bulk(PACKET_UDP, "::1", 53, 41000), 3), PACKET_SOLICITED_UNKNOWN);
}

static void test_limit(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 1000; i++) {
		struct packet p = bulk(PACKET_TCP, "::1", (uint16_t)(1024 + i), PORT);

		solicited_ask(&s, &p, now_ns);
	}
	assert_int_equal(s.asked, SOLICITED_PER_SECOND);
	assert_int_equal(s.limited, 1000 - SOLICITED_PER_SECOND);
	/* A connection is asked for once. */
	now_ns += NS_PER_S;
	for (int i = 0; i < 1000; i++) {
		struct packet p = bulk(PACKET_TCP, "::1", 4000, PORT);

		solicited_ask(&s, &p, now_ns);
	}
	assert_int_equal(s.asked, SOLICITED_PER_SECOND + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tcp, setup, teardown),
		cmocka_unit_test_setup_teardown(test_udp, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_count_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
	};

	enter_netns();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
