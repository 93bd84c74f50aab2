/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoys at the engine: one finding about one scanner, whoever's addresses it forges.
 *
 * What Nmap 7.93 sends with -D, seen on the wire: for each port, one packet from each address in the
 * same order, 10 us apart, with the same source port and sequence number for all ports of a round.
 */
#include "sensor/engine-fixture.h"

#define ATTACKER "203.0.113.7"
#define NEAR_ATTACKER "192.0.2.66"
#define CLIENT "192.0.2.77"
#define MAC_ATTACKER 0xaaaa0001
#define MAC_CLIENT 0xcccc0001
#define MAC_ROUTER 0xbbbb0001

/* One run of a scanner: addresses in their order, and the one that is real. */
struct run {
	const char *const *from;
	unsigned int n, real;
	uint16_t sport;
	uint32_t seq, link;
	uint8_t flags;
	const char *target;
};

static const char *const six[] = { "198.51.100.11",  "203.0.113.99", ATTACKER,
				   "198.51.100.200", "203.0.113.4",  "100.64.3.2" };

static struct fixture x;

static int start(void **state)
{
	(void)state;
	fixture_host(&x);
	return 0;
}

static int done(void **state)
{
	(void)state;
	fixture_done(&x);
	return 0;
}

static struct run run_of(const char *const *from, unsigned int n, unsigned int real)
{
	return (struct run){ .from = from,
			     .n = n,
			     .real = real,
			     .sport = 44181,
			     .seq = 90265791,
			     .flags = TCP_SYN,
			     .target = DEVICE };
}

static void inject(struct packet p)
{
	clock_advance(&x.clock, x.clock.now_ns + 10000);
	p.t_ns = x.clock.now_ns;
	p.dir = host_owns(&x.host, p.src) ? PACKET_DIR_OUT : PACKET_DIR_IN;
	engine_packet(x.engine, &p);
}

static void copy(const struct run *r, unsigned int i, uint16_t port)
{
	inject((struct packet){ .src = ip(r->from[i]),
				.dst = ip(r->target),
				.sport = r->sport,
				.dport = port,
				.proto = PACKET_TCP,
				.tcp_flags = r->flags,
				.tcp_options = r->flags == TCP_SYN ? OPTIONS_RAW : 0,
				.tcp_window = 1024,
				.tcp_seq = r->seq,
				.link = r->link,
				.ttl = 44 });
}

static void answer(const struct run *r, unsigned int i, uint16_t port, uint8_t flags)
{
	inject((struct packet){ .src = ip(r->target),
				.dst = ip(r->from[i]),
				.sport = port,
				.dport = r->sport,
				.proto = PACKET_TCP,
				.tcp_flags = flags,
				.tcp_seq = flags & TCP_SYN ? FIXTURE_ISN : 0,
				.tcp_ack = r->seq + 1,
				.ttl = 64 });
}

/* The kernel behind an address refuses a SYN/ACK that it did not ask for. */
static void reset(const struct run *r, unsigned int i, uint16_t port, uint32_t link)
{
	inject((struct packet){ .src = ip(r->from[i]),
				.dst = ip(r->target),
				.sport = r->sport,
				.dport = port,
				.proto = PACKET_TCP,
				.tcp_flags = TCP_RST,
				.tcp_seq = r->seq + 1,
				.link = link,
				.ttl = 60 });
}

static void closed(const struct run *r, uint16_t port)
{
	for (unsigned int i = 0; i < r->n; i++) {
		copy(r, i, port);
		answer(r, i, port, TCP_RST | TCP_ACK);
	}
}

static void open_port(const struct run *r, uint16_t port)
{
	for (unsigned int i = 0; i < r->n; i++) {
		copy(r, i, port);
		answer(r, i, port, TCP_SYN | TCP_ACK);
	}
}

/* Exactly one alert, of this kind, about a group; and nothing else, ever. */
static const struct finding *the_one(enum probe_kind kind)
{
	const struct told *alert;

	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(told_phase(&x, FINDING_NOTICE), 0);
	assert_int_equal(told_phase(&x, FINDING_END), 1);
	for (unsigned int i = 0; i < x.n_told; i++) {
		assert_int_equal(x.told[i].f.scope, FINDING_DECOYS);
		assert_true(x.told[i].f.id == x.told[0].f.id);
	}
	alert = told_nth(&x, FINDING_START, 0);
	assert_int_equal(alert->f.kind, kind);
	assert_true(alert->failed <= 5);
	return &told_nth(&x, FINDING_END, 0)->f;
}

static void test_one_finding(void **state)
{
	const struct finding *end;

	(void)state;
	/* The real one first, in the middle, last. */
	for (unsigned int real = 0; real < 6; real++) {
		struct run r = run_of(six, 6, real);

		fixture_done(&x);
		fixture_host(&x);
		for (uint16_t port = 1000; port < 1020; port++)
			closed(&r, port);
		end = the_one(PROBE_SYN);
		assert_int_equal(finding_peers(end), 6);
		assert_int_equal(finding_ports(end), 20);
		assert_int_equal(finding_failed(end), 20);
		assert_int_equal(end->probes, 120);
		assert_int_equal(end->hosts_before ? finding_hosts(end) : 0, 1);
		assert_false(end->real_known);
		assert_true(end->spoofable);
		assert_int_equal(end->tool[FINGERPRINT_NMAP], 20);
	}
}

static void test_ipv6(void **state)
{
	static const char *const from[] = { "2001:db8:1::1", "2001:db8:2::9", "2001:db8:3::4" };
	struct run r = run_of(from, 3, 0);

	(void)state;
	r.target = DEVICE_V6;
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	assert_int_equal(finding_peers(the_one(PROBE_SYN)), 3);
}

static void test_odd_flags(void **state)
{
	static const struct {
		uint8_t flags;
		enum probe_kind kind;
	} kinds[] = { { TCP_FIN, PROBE_FIN },
		      { 0, PROBE_NULL },
		      { TCP_FIN | TCP_PSH | TCP_URG, PROBE_XMAS } };

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct run r = run_of(six, 6, 2);

		fixture_done(&x);
		fixture_host(&x);
		r.flags = kinds[i].flags;
		for (uint16_t port = 1000; port < 1010; port++)
			closed(&r, port);
		the_one(kinds[i].kind);
	}
}

/* Of an ACK scan nothing is seen but this host's resets, which repeat the number acknowledged. */
static void test_ack(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	for (uint16_t port = 1000; port < 1010; port++)
		for (unsigned int i = 0; i < r.n; i++)
			inject((struct packet){ .src = ip(DEVICE),
						.dst = ip(six[i]),
						.sport = port,
						.dport = r.sport,
						.proto = PACKET_TCP,
						.tcp_flags = TCP_RST,
						.tcp_seq = 2091138273,
						.ttl = 64 });
	the_one(PROBE_ACK);
}

static void test_maimon(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	r.flags = TCP_FIN | TCP_ACK;
	for (uint16_t port = 1000; port < 1010; port++)
		for (unsigned int i = 0; i < r.n; i++) {
			copy(&r, i, port);
			answer(&r, i, port, TCP_RST);
		}
	the_one(PROBE_MAIMON);
}

static void test_udp(void **state)
{
	(void)state;
	for (uint16_t port = 1000; port < 1010; port++)
		for (unsigned int i = 0; i < 6; i++)
			inject((struct packet){ .src = ip(six[i]),
						.dst = ip(DEVICE),
						.sport = 44677,
						.dport = port,
						.proto = PACKET_UDP,
						.ttl = 44 });
	the_one(PROBE_UDP);
}

/* Each port again, from the next source port and with another number, as Nmap repeats. */
static void test_retransmissions(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	for (uint16_t port = 1000; port < 1020; port++) {
		for (unsigned int again = 0; again < 3; again++) {
			r.sport = (uint16_t)(44181 + again);
			r.seq = 90265791 ^ (again << 16 | again);
			closed(&r, port);
			pass_ms(&x, 900);
		}
	}
	assert_int_equal(finding_failed(the_one(PROBE_SYN)), 20);
}

/* One port in 15 s (nmap -T1). */
static void test_slow(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	for (uint16_t port = 1000; port < 1010; port++) {
		closed(&r, port);
		sleep_s(&x, 15);
	}
	the_one(PROBE_SYN);
}

/* Open ports among closed ones, and only they were asked at first; the real one's kernel resets. */
static void test_named_by_resets(void **state)
{
	struct run r = run_of(six, 6, 2);
	const struct finding *end;

	(void)state;
	r.link = MAC_ROUTER;
	for (unsigned int i = 0; i < 2; i++) {
		open_port(&r, i ? 80 : 22);
		pass_ms(&x, 20);
		reset(&r, 2, i ? 80 : 22, MAC_ROUTER);
	}
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	assert_int_equal(told_phase(&x, FINDING_UPDATE), 0);
	sleep_s(&x, 3);
	assert_int_equal(told_phase(&x, FINDING_UPDATE), 1);
	end = the_one(PROBE_SYN);
	assert_true(end->real_known);
	assert_true(addr_eq(end->peer.addr, ip(ATTACKER)));
	assert_int_equal(end->peer.len, ADDR_BITS);
	/* A RST proves that the address lives, not that it sent the SYN. */
	assert_true(end->spoofable);
}

/* Two that react, and nothing tells them apart: none is named. */
static void test_two_react(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		open_port(&r, i ? 80 : 22);
		reset(&r, 2, i ? 80 : 22, MAC_ROUTER);
		reset(&r, 4, i ? 80 : 22, MAC_ROUTER);
	}
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	sleep_s(&x, 3);
	assert_false(the_one(PROBE_SYN)->real_known);
}

/* One port alone is too little. */
static void test_one_reset_is_no_proof(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	open_port(&r, 22);
	reset(&r, 2, 22, MAC_ROUTER);
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	sleep_s(&x, 3);
	assert_false(the_one(PROBE_SYN)->real_known);
}

/* The neighbours whose addresses are forged live and reset as well: the link address tells. */
static void test_named_by_link(void **state)
{
	static const char *const from[] = { CLIENT, NEAR_ATTACKER, "192.0.2.78" };
	struct run r = run_of(from, 3, 1);
	const struct finding *end;

	(void)state;
	r.link = MAC_ATTACKER;
	for (uint16_t port = 1000; port < 1005; port++)
		closed(&r, port);
	open_port(&r, 22);
	reset(&r, 0, 22, MAC_CLIENT);
	reset(&r, 1, 22, MAC_ATTACKER);
	reset(&r, 2, 22, MAC_CLIENT + 1);
	sleep_s(&x, 3);
	end = the_one(PROBE_SYN);
	assert_true(end->real_known);
	assert_true(addr_eq(end->peer.addr, ip(NEAR_ATTACKER)));
	assert_false(end->spoofable);
}

/* A neighbour in another subnet answers by way of the router, from whose beyond the scanner forges it. */
static void test_answers_through_the_router(void **state)
{
	static const char *const from[] = { ATTACKER, "10.99.0.3", "10.99.0.9" };

	(void)state;
	for (unsigned int silent = 0; silent < 2; silent++) {
		struct run r = run_of(from, 3, 0);
		const struct finding *end;

		fixture_done(&x);
		fixture_host(&x);
		fixture_own(&x, "10.99.0.1", "10.99.0.0/24");
		r.link = MAC_ROUTER;
		for (uint16_t port = 1000; port < 1005; port++)
			closed(&r, port);
		for (unsigned int i = 0; i < 2; i++) {
			open_port(&r, i ? 80 : 22);
			reset(&r, 1, i ? 80 : 22, MAC_ROUTER);
			if (!silent)
				reset(&r, 0, i ? 80 : 22, MAC_ROUTER);
		}
		sleep_s(&x, 3);
		end = the_one(PROBE_SYN);
		assert_true(silent ? !end->real_known : addr_eq(end->peer.addr, ip(ATTACKER)));
	}
}

/* Behind one repeater all neighbours have its link address. */
static void test_shared_link(void **state)
{
	static const char *const from[] = { CLIENT, NEAR_ATTACKER, "192.0.2.78" };
	struct run r = run_of(from, 3, 1);

	(void)state;
	r.link = MAC_ATTACKER;
	for (uint16_t port = 1000; port < 1005; port++)
		closed(&r, port);
	for (unsigned int i = 0; i < 2; i++) {
		open_port(&r, i ? 80 : 22);
		reset(&r, 0, i ? 80 : 22, MAC_ATTACKER);
		reset(&r, 1, i ? 80 : 22, MAC_ATTACKER);
	}
	sleep_s(&x, 3);
	assert_false(the_one(PROBE_SYN)->real_known);
}

/* Somebody connects during the scan who never did before, and he is one of the addresses. */
static void test_named_by_handshake(void **state)
{
	struct run r = run_of(six, 6, 2);
	const struct finding *end;

	(void)state;
	connect_served(&x, ip(six[0]), ip(DEVICE), 443);
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	connect_served(&x, ip(six[0]), ip(DEVICE), 443); /* a client of old, as long as it likes */
	connect_served(&x, ip(ATTACKER), ip(DEVICE), 80);
	sleep_s(&x, 3);
	end = the_one(PROBE_SYN);
	assert_true(end->real_known);
	assert_true(addr_eq(end->peer.addr, ip(ATTACKER)));
	assert_false(end->spoofable);
}

/* A client of the device whose address is forged goes on as before, dead service and all. */
static void test_client_as_decoy(void **state)
{
	static const char *const from[] = { CLIENT, NEAR_ATTACKER, "192.0.2.78" };

	(void)state;
	for (unsigned int order = 0; order < 2; order++) {
		const char *const turned[] = { NEAR_ATTACKER, "192.0.2.78", CLIENT };
		struct run r = run_of(order ? turned : from, 3, !order);

		fixture_done(&x);
		fixture_host(&x);
		r.link = MAC_ATTACKER;
		for (uint16_t port = 1000; port < 1060; port++) {
			if (port % 10 == 0)
				connect_refused(&x, ip(CLIENT), ip(DEVICE), 7777);
			if (port % 10 == 5)
				connect_served(&x, ip(CLIENT), ip(DEVICE), 80);
			closed(&r, port);
			open_port(&r, 22);
			reset(&r, order ? 2 : 0, 22, MAC_CLIENT);
		}
		the_one(PROBE_SYN);
	}
}

/* Three contacts in vain of its own, as a client may have; the forged fourth does not accuse it. */
static void test_client_at_the_brink(void **state)
{
	static const char *const from[] = { CLIENT, NEAR_ATTACKER, "192.0.2.78" };
	struct run r = run_of(from, 3, 1);

	(void)state;
	connect_served(&x, ip(CLIENT), ip(DEVICE), 80);
	for (uint16_t port = 7777; port < 7780; port++)
		connect_refused(&x, ip(CLIENT), ip(DEVICE), port);
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	for (unsigned int i = 0; i < x.n_told; i++)
		assert_int_equal(x.told[i].f.scope, FINDING_DECOYS);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
}

/* Scan after scan forges an address that has tried more than its evidence remembers exactly. */
static void test_busy_client(void **state)
{
	static const char *const from[] = { CLIENT, NEAR_ATTACKER, "192.0.2.78" };
	static const uint16_t lan[] = { 445, 139, 5357, 631, 9100 };
	static const uint16_t lan_udp[] = { 137, 1900, 3702, 5353 };

	(void)state;
	connect_served(&x, ip(CLIENT), ip(DEVICE), 80);
	connect_refused(&x, ip(CLIENT), ip(DEVICE), 7777);
	for (unsigned int i = 0; i < 5; i++)
		connect_refused(&x, ip(CLIENT), ip(DEVICE), lan[i]);
	for (unsigned int i = 0; i < 4; i++)
		udp(&x, ip(CLIENT), x.next_port++, ip(DEVICE), lan_udp[i]);
	for (uint16_t i = 0; i < 20; i++) {
		struct run r = run_of(from, 3, 1);

		r.seq += i * 1000u;
		r.sport = (uint16_t)(r.sport + i);
		for (uint16_t port = 0; port < 10; port++)
			closed(&r, (uint16_t)(1000 + 10 * i + port));
		connect_refused(&x, ip(CLIENT), ip(DEVICE), 7777);
		sleep_s(&x, 1);
	}
	for (unsigned int i = 0; i < x.n_told; i++)
		assert_int_equal(x.told[i].f.scope, FINDING_DECOYS);
}

/* It ends a connection to a port that the scanner asked in its name: that SYN's link is not its own. */
static void test_forged_contact_proves_nothing(void **state)
{
	static const char *const from[] = { CLIENT, NEAR_ATTACKER, "192.0.2.78" };
	struct run r = run_of(from, 3, 1);

	(void)state;
	r.link = MAC_ATTACKER;
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	open_port(&r, 80);
	connect_served(&x, ip(CLIENT), ip(DEVICE), 80);
	tcp(&x, ip(DEVICE), 80, ip(CLIENT), 40000, TCP_FIN | TCP_ACK, 0x1003);
	sleep_s(&x, 3);
	assert_false(the_one(PROBE_SYN)->real_known);
}

/* What an address does by itself counts against itself: the client scans, with a mark of its own. */
static void test_member_scans_itself(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	for (uint16_t port = 2000; port < 2005; port++)
		connect_refused(&x, ip(six[0]), ip(DEVICE), port);
	assert_int_equal(told_of(&x, ip(six[0]), FINDING_START), 1);
	assert_int_equal(told_phase(&x, FINDING_START), 2);
}

static void test_two_at_once(void **state)
{
	static const char *const others[] = { "198.51.100.77", "203.0.113.78", "198.51.100.79" };
	struct run a = run_of(six, 6, 2), b = run_of(others, 3, 1);

	(void)state;
	b.sport = 50001;
	b.seq = 0x77665544;
	for (uint16_t port = 1000; port < 1010; port++) {
		closed(&a, port);
		closed(&b, port);
	}
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 2);
	assert_int_equal(told_phase(&x, FINDING_END), 2);
	assert_int_equal(x.n_told, 4);
	assert_int_equal(finding_peers(&told_nth(&x, FINDING_END, 0)->f), 6);
	assert_int_equal(finding_peers(&told_nth(&x, FINDING_END, 1)->f), 3);
}

/* Packets of a flood between the copies: 100,000/s would be one a burst. */
static void test_beside_a_flood(void **state)
{
	struct run r = run_of(six, 6, 2);
	uint64_t seed = 5;

	(void)state;
	for (uint16_t port = 1000; port < 1200; port++) {
		for (unsigned int i = 0; i < r.n; i++) {
			copy(&r, i, port);
			for (unsigned int j = 0; j < 50; j++) {
				uint64_t n = next_random(&seed);

				inject((struct packet){ .src = addr_from_v4((uint32_t)n),
							.dst = ip(DEVICE),
							.sport = (uint16_t)(n >> 32),
							.dport = (uint16_t)(n >> 48) | 1,
							.proto = PACKET_TCP,
							.tcp_flags = TCP_SYN,
							.tcp_seq = (uint32_t)(n >> 16),
							.ttl = 44 });
			}
		}
	}
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(told_nth(&x, FINDING_START, 0)->f.scope, FINDING_DECOYS);
	assert_int_equal(told_phase(&x, FINDING_NOTICE), 0);
}

/* A flood tool that never changes port and number: one port is one contact, many are one scan. */
static void constant_flood(bool many_ports)
{
	uint64_t seed = 6;

	for (unsigned int i = 0; i < 100000; i++) {
		uint64_t n = next_random(&seed);

		inject((struct packet){ .src = addr_from_v4((uint32_t)n),
					.dst = ip(DEVICE),
					.sport = 1234,
					.dport = many_ports ? (uint16_t)(n >> 48) | 1 : 8080,
					.proto = PACKET_TCP,
					.tcp_flags = TCP_SYN,
					.tcp_seq = 42424242,
					.ttl = 44 });
	}
	engine_finish(x.engine);
}

static void test_constant_flood_of_a_port(void **state)
{
	(void)state;
	constant_flood(false);
	assert_int_equal(x.n_told, 0);
}

static void test_constant_flood_of_all_ports(void **state)
{
	(void)state;
	constant_flood(true);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(told_phase(&x, FINDING_NOTICE), 0);
	assert_int_equal(told_nth(&x, FINDING_START, 0)->f.scope, FINDING_DECOYS);
}

/* Bots of one family: the same number from each (Mirai), now and then the same port. */
static void test_bots_are_no_decoys(void **state)
{
	static const uint16_t ports[] = { 21, 23, 2323, 8080 };

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct run r = run_of(six, 2, 0);

		r.seq = (uint32_t)ip(DEVICE).lo;
		closed(&r, ports[i]);
	}
	engine_finish(x.engine);
	assert_int_equal(told_of(&x, ip(six[0]), FINDING_START), 1);
	assert_int_equal(told_of(&x, ip(six[1]), FINDING_START), 1);
}

/* Two programs of one maker ask from the port they ask for, or from a service's; answers come late. */
static void test_udp_of_ordinary_life(void **state)
{
	static const uint16_t ports[][2] = { { 123, 9123 },   { 53, 9053 },    { 500, 9500 },
					     { 5353, 5353 },  { 1900, 1900 },  { 6881, 6881 },
					     { 3478, 50000 }, { 3478, 50001 }, { 3478, 50002 },
					     { 3478, 50003 }, { 3478, 50004 } };

	(void)state;
	for (unsigned int i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		for (unsigned int j = 0; j < 3; j++)
			inject((struct packet){ .src = ip(six[j]),
						.dst = ip(DEVICE),
						.sport = ports[i][0],
						.dport = ports[i][1],
						.proto = PACKET_UDP,
						.ttl = 44 });
	engine_finish(x.engine);
	for (unsigned int i = 0; i < x.n_told; i++)
		assert_int_not_equal(x.told[i].f.scope, FINDING_DECOYS);
}

/* An answer that comes after all takes the port back from the group, too. */
static void test_overturned(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	for (uint16_t port = 9000; port < 9002; port++)
		for (unsigned int i = 0; i < r.n; i++)
			copy(&r, i, port);
	for (uint16_t port = 9000; port < 9002; port++)
		for (unsigned int i = 0; i < r.n; i++)
			answer(&r, i, port, TCP_SYN | TCP_ACK);
	closed(&r, 1000);
	closed(&r, 1001);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
	assert_int_equal(stats_of(&x).overturned, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_finding, start, done),
		cmocka_unit_test_setup_teardown(test_ipv6, start, done),
		cmocka_unit_test_setup_teardown(test_odd_flags, start, done),
		cmocka_unit_test_setup_teardown(test_ack, start, done),
		cmocka_unit_test_setup_teardown(test_maimon, start, done),
		cmocka_unit_test_setup_teardown(test_udp, start, done),
		cmocka_unit_test_setup_teardown(test_retransmissions, start, done),
		cmocka_unit_test_setup_teardown(test_slow, start, done),
		cmocka_unit_test_setup_teardown(test_named_by_resets, start, done),
		cmocka_unit_test_setup_teardown(test_two_react, start, done),
		cmocka_unit_test_setup_teardown(test_one_reset_is_no_proof, start, done),
		cmocka_unit_test_setup_teardown(test_named_by_link, start, done),
		cmocka_unit_test_setup_teardown(test_answers_through_the_router, start, done),
		cmocka_unit_test_setup_teardown(test_shared_link, start, done),
		cmocka_unit_test_setup_teardown(test_named_by_handshake, start, done),
		cmocka_unit_test_setup_teardown(test_client_as_decoy, start, done),
		cmocka_unit_test_setup_teardown(test_client_at_the_brink, start, done),
		cmocka_unit_test_setup_teardown(test_busy_client, start, done),
		cmocka_unit_test_setup_teardown(test_forged_contact_proves_nothing, start, done),
		cmocka_unit_test_setup_teardown(test_member_scans_itself, start, done),
		cmocka_unit_test_setup_teardown(test_two_at_once, start, done),
		cmocka_unit_test_setup_teardown(test_beside_a_flood, start, done),
		cmocka_unit_test_setup_teardown(test_constant_flood_of_a_port, start, done),
		cmocka_unit_test_setup_teardown(test_constant_flood_of_all_ports, start, done),
		cmocka_unit_test_setup_teardown(test_bots_are_no_decoys, start, done),
		cmocka_unit_test_setup_teardown(test_udp_of_ordinary_life, start, done),
		cmocka_unit_test_setup_teardown(test_overturned, start, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
