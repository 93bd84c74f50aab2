/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What only looks like a flood: fast scans, and ordinary life that comes fast.
 */
#include "sensor/flood-fixture.h"

/* A fast scan of each port, even tried twice, is a scan; the same port over and over is none. */
static struct packet scan_syn(unsigned int i)
{
	return syn(ip(ATTACKER), (uint16_t)(1 + i * 7919 % 65535));
}

static struct packet cycling_syn(unsigned int i)
{
	return syn(ip(ATTACKER), (uint16_t)(1 + i % 1000));
}

static void test_fast_scans_are_none(void **state)
{
	static const unsigned int rates[] = { 1000, 10000, 60000 };

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		fixture_done(&x);
		begin(NULL);
		flood(scan_syn, rates[i], 2 * 65535 * 1000ULL / rates[i]);
		assert_int_equal(x.n_floods, 0);
		assert_int_equal(told_of(&x, ip(ATTACKER), FINDING_START), 1);
	}
	fixture_done(&x);
	begin(NULL);
	flood(cycling_syn, 10000, 2000);
	assert_int_equal(floods_told(FINDING_START, FLOOD_SYN), 1);
}

/* Where one packet in eight is seen and stands for all: of a scan of each port none comes again, of a flood some do. */
static struct packet thinned_scan(unsigned int i)
{
	struct packet p = scan_syn(8 * i);

	p.stands_for = 8;
	return p;
}

static struct packet thinned_flood(unsigned int i)
{
	uint32_t hash = addr_hash(addr_from_v4(i), 1);
	struct packet p = syn(ip(ATTACKER), (uint16_t)(1 + hash % 1000));

	p.stands_for = 8;
	return p;
}

static void test_thinned_scan(void **state)
{
	(void)state;
	flood(thinned_scan, 8000, 1000);
	assert_int_equal(x.n_floods, 0);
	assert_int_equal(told_of(&x, ip(ATTACKER), FINDING_START), 1);
}

static void test_thinned_flood(void **state)
{
	(void)state;
	flood(thinned_flood, 1250, 2000);
	assert_int_equal(floods_told(FINDING_START, FLOOD_SYN), 1);
	assert_int_equal(told_flood(FINDING_START, FLOOD_SYN)->f.sampled, 8);
}

/* A scan with nineteen decoys asks for each port twenty times, one after the other. */
static struct packet decoy_syn(unsigned int i)
{
	return syn(addr_from_v4(0xc6120000 + i % 20 * 65537),
		   (uint16_t)(1 + i / 20 * 7919 % 65535));
}

static void test_decoys(void **state)
{
	(void)state;
	flood(decoy_syn, 8000, 2500);
	assert_int_equal(x.n_floods, 0);
}

/* A flood beside a fast scan is found all the same. */
static void test_flood_beside_scan(void **state)
{
	(void)state;
	flood(scan_syn, 2000, 3000);
	assert_int_equal(x.n_floods, 0);
	for (unsigned int i = 0; i < 40000; i++)
		at(x.clock.now_ns + 100000, i % 5 ? forged_syn(i) : scan_syn(i / 5));
	assert_int_equal(floods_told(FINDING_START, FLOOD_SYN), 1);
}

/* Clients that all come at once, and are served. */
static void test_clients_after_a_reboot(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		struct addr client = addr_from_v4(0x0a000000 + i * 257);
		uint16_t from = (uint16_t)(20000 + i);

		greet(client, from);
		tcp(&x, client, from, ip(DEVICE), 443, TCP_FIN | TCP_ACK, FIXTURE_ISN + 101);
		tcp(&x, ip(DEVICE), 443, client, from, TCP_FIN | TCP_ACK, 0x1003);
	}
	sleep_s(&x, 30);
	assert_int_equal(x.n_floods, 0);
}

/* Clients of a service that is away for a moment: refused, they ask again. */
static struct packet client_syn(unsigned int i)
{
	struct packet p = syn(addr_from_v4(0x0a000000 + i % 1000 * 257), 443);

	p.tcp_options = OPTIONS_USUAL;
	return p;
}

static void test_clients_in_vain(void **state)
{
	(void)state;
	flood(client_syn, 700, 4000);
	sleep_s(&x, 10);
	assert_int_equal(x.n_floods, 0);
	flood(client_syn, 5000, 2000);
	assert_int_equal(floods_told(FINDING_START, FLOOD_SYN), 1);
}

/* As the source samples them: the last packet of one handshake in sixteen. */
static void test_sampled_handshakes(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2000; i++) {
		struct addr client = addr_from_v4(0x0a000000 + i * 257);
		uint16_t from = (uint16_t)(20000 + i);

		greet(client, from);
		if (i % 16)
			continue;
		packet(&x, (struct packet){ .src = client,
					    .dst = ip(DEVICE),
					    .sport = from,
					    .dport = 443,
					    .proto = PACKET_TCP,
					    .tcp_flags = TCP_ACK,
					    .tcp_seq = 0x1002,
					    .tcp_ack = FIXTURE_ISN + 1,
					    .bulk = 1,
					    .stands_for = 16,
					    .ttl = 57 });
	}
	assert_int_equal(x.n_floods, 0);
}

/* Somebody gives up a download: what was on its way is refused. */
static struct packet given_up(unsigned int i)
{
	struct packet p = syn(ip(DEVICE), 443);

	p.dst = ip(ATTACKER);
	p.sport = 40000;
	p.tcp_flags = TCP_RST;
	p.tcp_seq = i + 1;
	return p;
}

/* Media that nobody answers, to a port that serves; samples of them. */
static struct packet media(unsigned int i)
{
	struct packet p = forged_udp(i);

	p.src = ip(ATTACKER);
	p.sport = 5004;
	p.dport = 5004;
	p.payload = 1316;
	p.bulk = 1;
	p.stands_for = 64;
	return p;
}

/* A download by QUIC: the kernel knows the socket, or it is a client's port of which nothing is known. */
static struct packet quic(unsigned int i)
{
	struct packet p = media(i);

	p.sport = 443;
	p.dport = 50000;
	p.solicited = i % 2 ? PACKET_SOLICITED_YES : PACKET_SOLICITED_UNKNOWN;
	return p;
}

static struct packet download(unsigned int i)
{
	struct packet p = segment(quic(i), TCP_ACK, 50000);

	p.proto = PACKET_TCP;
	return p;
}

static struct packet tunnel(unsigned int i)
{
	return of_protocol(media(i), PACKET_OTHER, 50);
}

/* Datagrams of eight kilobytes. */
static struct packet large(unsigned int i)
{
	struct packet p = tunnel(i);

	p.dport = 17;
	p.fragment = PACKET_LATER_FRAGMENT;
	p.stands_for = 8;
	return p;
}

static struct packet friendly_ping(unsigned int i)
{
	struct packet p = forged_ping(i);

	p.src = ip("192.0.2.20");
	return p;
}

static void test_benign(void **state)
{
	(void)state;
	fixture_listen(&x, 5004, true);
	flood(given_up, 4000, 300);
	sleep_s(&x, 5);
	/* 40 Mbit/s are 3800 such datagrams a second. */
	flood(media, 60, 20000);
	flood(quic, 150, 20000);
	flood(download, 150, 20000);
	flood(tunnel, 60, 20000);
	flood(large, 100, 20000);
	flood(friendly_ping, 500, 10000);
	sleep_s(&x, 2);
	/* ping -f for less than a second. */
	flood(friendly_ping, 10000, 90);
	assert_int_equal(x.n_floods, 0);
}

/* A service whom sixty ask, each eighteen times a second, and which answers: the listing had not the
 * port yet when the filter was made, so that each packet is looked at. */
static void test_answered(void **state)
{
	(void)state;
	fixture_listen(&x, 6881, true);
	for (unsigned int i = 0; i < 10000; i++) {
		struct addr peer = addr_from_v4(0xc6120000 + i % 60 * 257);

		clock_advance(&x.clock, x.clock.now_ns + NS_PER_MS);
		udp(&x, peer, 6881, ip(DEVICE), 6881);
		udp(&x, ip(DEVICE), 6881, peer, 6881);
	}
	assert_int_equal(x.n_floods, 0);
}

/* Of questions from ever new ports and of their answers, samples never show two that belong together. */
static void sampled_questions(void)
{
	fixture_listen(&x, 5300, true);
	for (unsigned int i = 0; i < 4000; i++) {
		struct packet p = { .src = addr_from_v4(0xc6120007 + i / 2 % 8 * 0x10100),
				    .dst = ip(DEVICE),
				    .sport = (uint16_t)(20000 + i),
				    .dport = 5300,
				    .proto = PACKET_UDP,
				    .dir = PACKET_DIR_IN,
				    .payload = 40,
				    .ttl = 57,
				    .bulk = 1,
				    .stands_for = 16 };

		if (i % 2) {
			p.dst = p.src;
			p.src = ip(DEVICE);
			p.dport = p.sport;
			p.sport = 5300;
			p.dir = PACKET_DIR_OUT;
		}
		at(x.clock.now_ns + 10 * NS_PER_MS, p);
	}
	assert_int_equal(x.n_floods, 0);
}

static void test_sampled_questions(void **state)
{
	(void)state;
	sampled_questions();
}

static void test_sampled_questions_at_a_gateway(void **state)
{
	(void)state;
	fixture_done(&x);
	fixture_init(&x);
	fixture_own(&x, DEVICE, "192.0.2.0/24");
	x.config.scope = CONFIG_SCOPE_GATEWAY;
	fixture_start(&x, HOME_GATEWAY, NULL);
	sampled_questions();
}

/* Replies to pings of this host's own are welcome; those of others' are not. */
static void test_ping_replies(void **state)
{
	struct packet p = forged_ping(0);

	(void)state;
	p.src = ip(DEVICE);
	p.dst = ip(ATTACKER);
	packet(&x, p);
	for (unsigned int i = 0; i < 20000; i++) {
		struct packet reply = friendly_ping(i);

		reply.src = ip(ATTACKER);
		reply.proto = PACKET_ICMP_ECHO_REPLY;
		reply.bulk = 1;
		packet(&x, reply);
	}
	assert_int_equal(x.n_floods, 0);
	for (unsigned int i = 0; i < 20000; i++) {
		struct packet reply = forged_ping(i);

		reply.proto = PACKET_ICMP_ECHO_REPLY;
		reply.bulk = 1;
		packet(&x, reply);
	}
	assert_int_equal(floods_told(FINDING_START, FLOOD_ICMP), 1);
}

/* In a capture: connections older than it, streams of one way, and a flood among them. */
static void test_replay(void **state)
{
	(void)state;
	fixture_done(&x);
	fixture_replay(&x, HOME);
	for (unsigned int i = 0; i < 5000; i++) {
		struct packet p = download(i);

		p.solicited = PACKET_SOLICITED_UNKNOWN;
		p.stands_for = 1;
		p.dport = (uint16_t)(50000 + i % 1000);
		packet(&x, p);
		p.dst = p.src;
		p.src = ip(DEVICE);
		p.sport = p.dport;
		p.dport = 443;
		packet(&x, p);
		packet(&x, (struct packet){ .src = ip(ATTACKER),
					    .dst = ip(DEVICE),
					    .sport = 5004,
					    .dport = 5004,
					    .proto = PACKET_UDP,
					    .payload = 1316,
					    .ttl = 57 });
	}
	assert_int_equal(x.n_floods, 0);
	for (unsigned int i = 0; i < 10000; i++) {
		struct packet p = stray_sample(i);

		p.solicited = PACKET_SOLICITED_UNKNOWN;
		packet(&x, p);
	}
	assert_int_equal(floods_told(FINDING_START, FLOOD_ACK), 1);
	flood(forged_udp, 5000, 2000);
	assert_int_equal(floods_told(FINDING_START, FLOOD_UDP), 1);
	engine_finish(x.engine);
	assert_int_equal(floods_told(FINDING_END, FLOOD_ACK), 1);
	assert_int_equal(floods_told(FINDING_END, FLOOD_UDP), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fast_scans_are_none, begin, done),
		cmocka_unit_test_setup_teardown(test_decoys, begin, done),
		cmocka_unit_test_setup_teardown(test_answered, begin, done),
		cmocka_unit_test_setup_teardown(test_sampled_questions, begin, done),
		cmocka_unit_test_setup_teardown(test_sampled_questions_at_a_gateway, begin, done),
		cmocka_unit_test_setup_teardown(test_thinned_scan, begin, done),
		cmocka_unit_test_setup_teardown(test_thinned_flood, begin, done),
		cmocka_unit_test_setup_teardown(test_flood_beside_scan, begin, done),
		cmocka_unit_test_setup_teardown(test_clients_after_a_reboot, begin, done),
		cmocka_unit_test_setup_teardown(test_clients_in_vain, begin, done),
		cmocka_unit_test_setup_teardown(test_sampled_handshakes, begin, done),
		cmocka_unit_test_setup_teardown(test_benign, begin, done),
		cmocka_unit_test_setup_teardown(test_ping_replies, begin, done),
		cmocka_unit_test_setup_teardown(test_replay, begin, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
