/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Neighbours who are the clients of services that are gone: each retries its own, for days. Beside a scan
 * that neighbours share they differ in that they come back.
 */
#include "sensor/engine-fixture.h"

#define HOSTS 15
#define SERVICES 15
#define CLIENTS (2 * HOSTS)
#define MINUTE_NS (60 * NS_PER_S)
#define DAY_NS (24 * 60 * MINUTE_NS)

static struct fixture x;

static int done(void **state)
{
	(void)state;
	fixture_done(&x);
	return 0;
}

struct client {
	struct addr peer;
	uint16_t port;
	uint64_t every_ns, next_ns;
};

static uint64_t between(uint64_t *seed, uint64_t low, uint64_t high)
{
	return low + next_random(seed) % (high - low);
}

/* The host of a /24 or /64. */
static struct addr host_of(const char *net, unsigned int n)
{
	struct addr a = ip(net);
	uint64_t seed = n;

	a.lo += addr_is_v4(a) ? 1 + n * 89 % 253 : next_random(&seed);
	return a;
}

/* Each host has lost one service or two, and goes on asking for them at its own pace. */
static unsigned int employ(struct client *clients, const char *net, uint64_t *seed, uint64_t low_ns,
			   uint64_t high_ns)
{
	unsigned int n = 0;

	for (unsigned int host = 0; host < HOSTS; host++)
		for (uint64_t lost = between(seed, 1, 3); lost; lost--) {
			struct client *c = &clients[n++];

			*c = (struct client){ .peer = host_of(net, host),
					      .port = (uint16_t)(6000 +
								 37 * between(seed, 0, SERVICES)),
					      .every_ns = between(seed, low_ns, high_ns) };
			c->next_ns = x.clock.now_ns + between(seed, 0, c->every_ns);
		}
	return n;
}

static void work(struct client *clients, unsigned int n, uint64_t *seed, uint64_t for_ns)
{
	uint64_t end_ns = x.clock.now_ns + for_ns;

	for (;;) {
		struct client *c = clients;

		for (unsigned int i = 1; i < n; i++)
			if (clients[i].next_ns < c->next_ns)
				c = &clients[i];
		if (c->next_ns > end_ns)
			break;
		if (c->next_ns > x.clock.now_ns)
			sleep_s(&x, (c->next_ns - x.clock.now_ns) / NS_PER_S);
		connect_refused(&x, c->peer, ip(addr_is_v4(c->peer) ? DEVICE : DEVICE_V6), c->port);
		c->next_ns += c->every_ns * between(seed, 90, 110) / 100;
	}
	engine_finish(x.engine);
}

static void two_days(const char *net, uint64_t day, uint64_t low_ns, uint64_t high_ns)
{
	struct client clients[CLIENTS];
	uint64_t seed = day;
	unsigned int n;

	fixture_host(&x);
	n = employ(clients, net, &seed, low_ns, high_ns);
	work(clients, n, &seed, 2 * DAY_NS);
	if (x.n_told)
		print_error("%s, day %u: %u events\n", net, (unsigned int)day, x.n_told);
	assert_int_equal(x.n_told, 0);
	fixture_done(&x);
}

static void test_public(void **state)
{
	static const char *const nets[] = { "198.51.100.0", "2001:db8:5:6::" };

	(void)state;
	for (uint64_t day = 1; day <= 24; day++)
		for (unsigned int i = 0; i < 2; i++)
			two_days(nets[i], day, 5 * MINUTE_NS, 60 * MINUTE_NS);
}

/* An office's VLAN, a VPN's clients: beyond a router, but persons, at whatever pace. */
static void test_private(void **state)
{
	static const char *const nets[] = { "10.9.8.0", "172.20.1.0", "fd09:8:7:6::" };

	(void)state;
	for (uint64_t day = 1; day <= 8; day++)
		for (unsigned int i = 0; i < 3; i++) {
			two_days(nets[i], day, MINUTE_NS / 4, 5 * MINUTE_NS);
			two_days(nets[i], day, 59 * MINUTE_NS, 60 * MINUTE_NS);
		}
}

/* Days of a home's LAN: each PC and phone keeps trying a dead service or two of its own. */
static void lan(uint32_t link, bool v6)
{
	fixture_host(&x);
	for (unsigned int hour = 0; hour < 72; hour++)
		for (unsigned int pc = 0; pc < 10; pc++) {
			struct addr peer = v6 ? host_of("2001:db8::", pc) :
						addr_from_v4(0xc0000264 + pc);

			for (uint16_t i = 0; i < 2; i++)
				packet(&x, (struct packet){ .src = peer,
							    .dst = ip(v6 ? DEVICE_V6 : DEVICE),
							    .sport = x.next_port++ | 32768,
							    .dport = 6000 + pc * 10 + i,
							    .proto = PACKET_TCP,
							    .tcp_flags = TCP_SYN,
							    .tcp_options = OPTIONS_USUAL,
							    .tcp_window = 64240,
							    .link = link ? link + pc : 0 });
			sleep_s(&x, 360);
		}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
	fixture_done(&x);
}

static void test_lan(void **state)
{
	(void)state;
	lan(0, false);
	lan(1000, false);
	lan(0, true);
	lan(1000, true);
}

/* Behind a repeater all have its link address: persons still. */
static void test_repeater(void **state)
{
	(void)state;
	fixture_host(&x);
	for (unsigned int hour = 0; hour < 24; hour++)
		for (unsigned int pc = 0; pc < 3; pc++) {
			for (uint16_t i = 0; i < 2; i++)
				packet(&x, (struct packet){ .src = addr_from_v4(0xc0000264 + pc),
							    .dst = ip(DEVICE),
							    .sport = x.next_port++,
							    .dport = 6000 + pc * 10 + i,
							    .proto = PACKET_TCP,
							    .tcp_flags = TCP_SYN,
							    .tcp_options = OPTIONS_USUAL,
							    .tcp_window = 64240,
							    .link = 77 });
			sleep_s(&x, 1200);
		}
	assert_int_equal(told_phase(&x, FINDING_START), 0);
}

/* Behind a carrier's addresses: many clients of one dead service, or of three. */
static void test_carrier(void **state)
{
	static const uint16_t dead[] = { 25, 587, 993 };

	(void)state;
	fixture_host(&x);
	for (unsigned int i = 0; i < 500; i++) {
		connect_refused(&x, host_of("198.51.100.0", i * 7), ip(DEVICE), dead[i % 3]);
		connect_served(&x, host_of("198.51.100.0", i * 5), ip(DEVICE), 443);
		sleep_s(&x, 60);
	}
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, done)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_public), TEST(test_private), TEST(test_lan),
					    TEST(test_repeater), TEST(test_carrier) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
