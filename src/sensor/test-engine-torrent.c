/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scanner that takes its time, while a flood of forged addresses goes on: it has to be found all the
 * same, by about as many contacts as without the flood.
 *
 * Floods are as real programs make them: hping3 --flood --rand-source (window 512, no options), SYNs like
 * an operating system's, windows or everything drawn at random. Their rates and the gaps
 * of the scanners are those of docs/matrix.md: 2,000/s and 100,000/s; 5 s, 15 s, 300 s, an hour.
 */
#include "sensor/engine-fixture.h"

#define SCANNER "203.0.113.7"
#define SCANNER_V6 "2001:db8:77::7"
#define CLOSED 8888
/* So many packets do to a bounded table what any larger number does. */
#define SATURATING 60000
#define MOST_CONTACTS 6

static struct fixture x;
static uint64_t seed;

struct torrent {
	const char *name;
	bool v6, random_window, random_options, random_ttl;
	uint8_t proto, flags, options, ttl;
	uint16_t window, port; /* port 0: random */
	uint32_t from, host_mask; /* forged: from, with these bits at random */
};

static const struct torrent floods[] = {
	{ "hping3, a closed port", .flags = TCP_SYN, .window = 512, .ttl = 60, .port = CLOSED },
	{ "hping3, an open port", .flags = TCP_SYN, .window = 512, .ttl = 60, .port = 80 },
	{ "hping3, random ports", .flags = TCP_SYN, .window = 512, .ttl = 60 },
	{ "random windows", .flags = TCP_SYN, .random_window = true, .ttl = 60, .port = CLOSED },
	{ "random windows and ports", .flags = TCP_SYN, .random_window = true, .ttl = 60 },
	{ "random windows, TTLs, ports", .flags = TCP_SYN, .random_window = true,
	  .random_ttl = true },
	{ "as Linux connects", .flags = TCP_SYN, .options = OPTIONS_USUAL, .window = 64240,
	  .ttl = 60, .port = CLOSED },
	{ "as Linux connects, random ports", .flags = TCP_SYN, .options = OPTIONS_USUAL,
	  .window = 64240, .ttl = 60 },
	{ "FIN", .flags = TCP_FIN, .window = 512, .ttl = 60 },
	{ "NULL", .flags = 0, .window = 512, .ttl = 60, .port = 80 },
	{ "UDP", .proto = PACKET_UDP, .ttl = 60 },
	{ "hping3 in IPv6", .v6 = true, .flags = TCP_SYN, .window = 512, .ttl = 60 },
	{ "from a /24", .flags = TCP_SYN, .window = 512, .ttl = 60, .from = 0xc6336400,
	  .host_mask = 0xff },
	{ "from a /16", .flags = TCP_SYN, .window = 512, .ttl = 60, .from = 0xc6330000,
	  .host_mask = 0xffff },
};

#define FLOODS (sizeof(floods) / sizeof(floods[0]))

static void send_flood(const struct torrent *f, unsigned int n, uint64_t over_ns)
{
	uint64_t began_ns = x.clock.now_ns;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t r = next_random(&seed), s = next_random(&seed);
		uint32_t mask = f->host_mask ? f->host_mask : UINT32_MAX;
		struct packet p = {
			.src = f->v6 ? (struct addr){ 0x20010db800000000ULL | s >> 32, r } :
				       addr_from_v4(f->from | ((uint32_t)r & mask)),
			.dst = ip(f->v6 ? DEVICE_V6 : DEVICE),
			.sport = (uint16_t)(r >> 48),
			.dport = f->port ? f->port : (uint16_t)(r >> 32) | 1,
			.proto = f->proto,
			.tcp_flags = f->flags,
			.tcp_options = f->options,
			.tcp_window = f->random_window ? (uint16_t)s : f->window,
			.ttl = f->random_ttl ? (uint8_t)(s >> 16) : f->ttl,
			.tcp_seq = (uint32_t)(r >> 24),
			.answers_shed = over_ns / n < 100000 ?
						PACKET_SHED_REFUSAL | PACKET_SHED_SYN_ACK :
						0,
			.dir = PACKET_DIR_IN,
		};

		clock_advance(&x.clock, began_ns + over_ns / n * (i + 1));
		p.t_ns = x.clock.now_ns;
		engine_packet(x.engine, &p);
	}
	clock_advance(&x.clock, began_ns + over_ns);
}

enum tool { NMAP_SYN, NMAP_CONNECT, NMAP_UDP, NMAP_FIN, TOOLS };

static void probe(enum tool tool, struct addr peer, uint16_t port)
{
	struct addr self = ip(addr_is_v4(peer) ? DEVICE : DEVICE_V6);

	switch (tool) {
	case NMAP_SYN:
		syn_probe(&x, peer, self, port, false);
		break;
	case NMAP_CONNECT:
		connect_refused(&x, peer, self, port);
		break;
	case NMAP_UDP:
		udp(&x, peer, 50000, self, port);
		break;
	case NMAP_FIN:
		tcp(&x, peer, 50000, self, port, TCP_FIN, 0);
		break;
	case TOOLS:
		break;
	}
}

/* After how many contacts it is found, while so many flood packets come between two; 0: it is not. */
static unsigned int found_after(const struct torrent *f, enum tool tool, struct addr peer,
				uint64_t gap_ns, unsigned int between)
{
	for (unsigned int i = 0; i < 2 * MOST_CONTACTS; i++) {
		send_flood(f, between, gap_ns);
		x.n_told = 0; /* a flood from few addresses has findings of its own */
		probe(tool, peer, (uint16_t)(5000 + 37 * i));
		if (told_of(&x, peer, FINDING_START))
			return i + 1;
	}
	return 0;
}

static void restart(void)
{
	fixture_done(&x);
	fixture_host(&x);
	seed = 7;
}

static void assert_found(const struct torrent *f, enum tool tool, struct addr peer, uint64_t gap_ns,
			 unsigned int between)
{
	unsigned int contacts;

	restart();
	contacts = found_after(f, tool, peer, gap_ns, between);
	if (!contacts || contacts > MOST_CONTACTS)
		fail_msg("flood: %s, %u between two probes; tool %d, %s: found after %u contacts",
			 f->name, between, tool, addr_is_v4(peer) ? "v4" : "v6", contacts);
}

/* Every tool through every flood, one probe in five seconds, both rates. */
static void test_every_flood(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FLOODS; i++)
		for (enum tool t = 0; t < TOOLS; t++) {
			assert_found(&floods[i], t, ip(SCANNER), 5 * NS_PER_S, 10000);
			assert_found(&floods[i], t, ip(SCANNER), 5 * NS_PER_S, SATURATING);
		}
}

/* Slow floods are the harder ones: they weigh less. Here down to 28 packets a second. */
static void test_slow_scanners(void **state)
{
	static const struct {
		uint64_t gap_s;
		unsigned int between;
	} pace[] = { { 15, 10000 }, { 300, 10000 }, { 3600, 100000 } };

	(void)state;
	for (unsigned int i = 0; i < FLOODS; i++)
		for (unsigned int g = 0; g < sizeof(pace) / sizeof(pace[0]); g++)
			assert_found(&floods[i], (i + g) % TOOLS, ip(i & 1 ? SCANNER_V6 : SCANNER),
				     pace[g].gap_s * NS_PER_S, pace[g].between);
}

/* A flood that comes in bursts is not yet known when a burst begins. */
static void test_bursts(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FLOODS; i++) {
		unsigned int contacts = 0;

		restart();
		for (unsigned int n = 0; n < 2 * MOST_CONTACTS && !contacts; n++) {
			for (unsigned int b = 0; b < 6; b++) {
				send_flood(&floods[i], 5000, NS_PER_S / 20);
				sleep_s(&x, 600);
			}
			x.n_told = 0;
			probe(NMAP_SYN, ip(SCANNER), (uint16_t)(5000 + n));
			if (told_of(&x, ip(SCANNER), FINDING_START))
				contacts = n + 1;
		}
		if (!contacts || contacts > MOST_CONTACTS)
			fail_msg("flood: %s, in bursts: found after %u contacts", floods[i].name,
				 contacts);
	}
}

/* Ten scanners at once are ten findings, each with its start and its end. */
static void test_ten_scanners(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FLOODS; i++) {
		unsigned int started[10] = { 0 }, ended = 0;

		restart();
		for (unsigned int n = 0; n < MOST_CONTACTS; n++) {
			send_flood(&floods[i], 10000, NS_PER_S);
			for (uint32_t s = 0; s < 10; s++) {
				struct addr peer = addr_from_v4(0xcb007107 + (s << 16));

				x.n_told = 0;
				probe(s % TOOLS, peer, (uint16_t)(6000 + 11 * n + s));
				started[s] += told_of(&x, peer, FINDING_START);
			}
		}
		for (uint32_t s = 0; s < 10; s++)
			if (started[s] != 1)
				fail_msg("flood: %s: scanner %u was told %u times", floods[i].name,
					 s, started[s]);
		for (unsigned int n = 0; n < 60; n++) {
			x.n_told = 0;
			send_flood(&floods[i], 200, NS_PER_S);
			for (uint32_t s = 0; s < 10; s++)
				ended += told_of(&x, addr_from_v4(0xcb007107 + (s << 16)),
						 FINDING_END);
		}
		if (ended != 10)
			fail_msg("flood: %s: %u of ten scans ended", floods[i].name, ended);
	}
}

/* Alike in everything but the port: one probe each 5 s is one too many for the flood's own port. */
static void test_scanner_of_the_floods_own_shape(void **state)
{
	struct torrent f = floods[0];

	(void)state;
	f.options = OPTIONS_RAW;
	f.window = 1024;
	f.ttl = 44;
	assert_found(&f, NMAP_SYN, ip(SCANNER), 5 * NS_PER_S, SATURATING);
	assert_found(&f, NMAP_SYN, ip(SCANNER), 3600 * NS_PER_S, SATURATING);
}

/* Alike in everything: only speed tells a scanner then. 1,000 probes a second through 100,000. */
static void test_fast_scanner_that_is_alike(void **state)
{
	struct torrent f = floods[2];

	(void)state;
	f.options = OPTIONS_RAW;
	f.window = 1024;
	f.ttl = 44;
	restart();
	send_flood(&f, SATURATING, NS_PER_S);
	assert_in_range(found_after(&f, NMAP_SYN, ip(SCANNER), NS_PER_S / 1000, 100), 1,
			MOST_CONTACTS + 1);
}

/* The owners of the forged addresses refuse what they never asked for (RFC 9293 3.5.2). */
static void test_owners_who_refuse(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < MOST_CONTACTS; n++) {
		for (unsigned int i = 0; i < 2000; i++) {
			struct addr from = addr_from_v4((uint32_t)next_random(&seed));

			tcp(&x, from, 40000, ip(DEVICE), 80, TCP_SYN, 0);
			tcp(&x, ip(DEVICE), 80, from, 40000, TCP_SYN | TCP_ACK, 0x1002);
			tcp(&x, from, 40000, ip(DEVICE), 80, TCP_RST, 0);
		}
		probe(NMAP_SYN, ip(SCANNER), (uint16_t)(5000 + n));
	}
	assert_int_equal(told_of(&x, ip(SCANNER), FINDING_START), 1);
	assert_int_equal(x.n_told, 1);
}

static int start(void **state)
{
	(void)state;
	seed = 7;
	fixture_host(&x);
	return 0;
}

static int done(void **state)
{
	(void)state;
	fixture_done(&x);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_flood),
		TEST(test_slow_scanners),
		TEST(test_bursts),
		TEST(test_ten_scanners),
		TEST(test_scanner_of_the_floods_own_shape),
		TEST(test_fast_scanner_that_is_alike),
		TEST(test_owners_who_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
