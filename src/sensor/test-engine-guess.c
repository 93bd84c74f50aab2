/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Password guessing as the engine sees it: by the ends of connections, words in clear text, and the
 * system's record. Sizes are those that were measured (docs/guessing.md).
 */
#include "sensor/guess-fixture.h"

#include <stdio.h>

/* n refusals in one connection, telnet or FTP. */
static void plain_refused(const char *peer, uint16_t port, uint8_t mark, unsigned int n)
{
	struct connection c = open_to(ip(peer), port);

	c.served += 37;
	c.asked += 12;
	while (n--) {
		c.asked += 19;
		c.served += 29;
		pass_ms(&x, 1500);
		send_self(&c, TCP_ACK, mark, 17);
	}
	end(&c, false);
}

static void test_fast(void **state)
{
	const struct guess *g;

	(void)state;
	for (unsigned int i = 1; i <= 30; i++) {
		ssh("203.0.113.7", openssh_one);
		pass_ms(&x, 2000);
		assert_found_at(6, i);
	}
	g = &x.guess[0].g;
	assert_int_equal(g->service, GUESS_SSH);
	assert_int_equal(g->outcome, GUESS_FAILING);
	assert_int_equal(g->scope, FINDING_HOST);
	assert_true(addr_eq(g->peer.addr, ip("203.0.113.7")));
	assert_int_equal(g->attempts, 6);
	assert_int_equal(g->port, 22);
	assert_int_equal(x.n_guesses, 1);
	sleep_s(&x, 3600);
	assert_int_equal(x.n_guesses, 2);
	assert_int_equal(x.guess[1].phase, FINDING_END);
	assert_int_equal(x.guess[1].g.attempts, 30);
	assert_int_equal(x.guess[1].g.sequence, 2);
	/* Open ports that serve are no scan. */
	assert_int_equal(x.n_told, 0);
}

static void test_growth(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 700; i++) {
		ssh("203.0.113.7", openssh_one);
		pass_ms(&x, 500);
	}
	assert_int_equal(told_guess(FINDING_START), 1);
	assert_int_equal(told_guess(FINDING_UPDATE), 2);
}

static void slow(unsigned int every_s)
{
	for (unsigned int i = 1; i <= 20; i++) {
		ssh("203.0.113.7", dropbear_one);
		assert_found_at(8, i);
		sleep_s(&x, every_s);
	}
	assert_int_equal(x.n_guesses, 1);
}

static void test_slow(void **state)
{
	(void)state;
	slow(20);
}

static void test_one_a_minute(void **state)
{
	(void)state;
	slow(60);
}

static void test_v6(void **state)
{
	(void)state;
	for (unsigned int i = 1; i <= 8; i++) {
		ssh("2001:db8:5::7", openssh_three);
		pass_ms(&x, 4000);
		assert_found_at(6, i);
	}
}

static void test_odd_port(void **state)
{
	(void)state;
	fixture_listen(&x, 9922, false);
	for (unsigned int i = 1; i <= 6; i++) {
		ssh_at(ip("203.0.113.7"), 9922, openssh_one);
		pass_ms(&x, 2000);
		assert_found_at(6, i);
	}
	assert_int_equal(x.guess[0].g.port, 9922);
}

static void test_person(void **state)
{
	(void)state;
	for (unsigned int day = 0; day < 10; day++) {
		for (unsigned int i = 0; i < 3; i++) {
			ssh("198.51.100.5", openssh_one);
			pass_ms(&x, 4000);
		}
		ssh("198.51.100.5", openssh_job);
		sleep_s(&x, 60);
	}
	assert_silent();
}

/* Who may log in is not excused without end. */
static void test_guesser_with_an_account(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		for (unsigned int n = 0; n < 3; n++) {
			ssh("203.0.113.7", openssh_one);
			pass_ms(&x, 1000);
		}
		ssh("203.0.113.7", openssh_job);
	}
	assert_int_equal(told_guess(FINDING_START), 1);
}

static void test_neighbours(void **state)
{
	char text[32];

	(void)state;
	for (unsigned int i = 1; i <= 10; i++) {
		snprintf(text, sizeof(text), "2001:db8:77::%x", 0x1000 + i * 77);
		ssh(text, openssh_one);
		pass_ms(&x, 3000);
		assert_found_at(6, i);
	}
	assert_int_equal(x.n_guesses, 1);
	assert_int_equal(x.guess[0].g.scope, FINDING_PREFIX);
	assert_int_equal(x.guess[0].g.peers, 6);
	assert_true(prefix_contains(&x.guess[0].g.peer, ip("2001:db8:77::1234")));
	assert_int_equal(x.guess[0].g.peer.len, 64);
}

static void test_strangers(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 60; i++) {
		ssh_at(addr_from_v4(0xcb000007 + (i % 30) * 0x10100), 22, openssh_one);
		pass_ms(&x, 2000);
		assert_found_at(6, i + 1);
	}
	assert_int_equal(x.guess[0].g.scope, FINDING_DISTRIBUTED);
	engine_finish(x.engine);
	assert_int_equal(told_guess(FINDING_START), 1);
	assert_int_equal(x.n_guesses, 3);
	assert_int_equal(x.guess[2].phase, FINDING_END);
	assert_in_range(x.guess[2].g.peers, 28, 32);
	assert_int_equal(x.guess[2].g.attempts, 60);
}

/* Others at work beside it excuse nothing; everybody's own typing errors are excused. */
static void test_strangers_beside_users(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 40; i++) {
		ssh_at(addr_from_v4(0x50000007 + i * 0x10100), 22, openssh_one);
		ssh_at(addr_from_v4(0x50000007 + i * 0x10100), 22, openssh_job);
		pass_ms(&x, 2000);
	}
	assert_int_equal(x.n_guesses, 0);
	for (unsigned int i = 0; i < 6; i++) {
		ssh("198.51.100.5", openssh_job);
		ssh_at(addr_from_v4(0xcb000007 + i % 5 * 0x10100), 22, openssh_one);
		pass_ms(&x, 2000);
		assert_found_at(6, i + 1);
	}
	assert_int_equal(x.guess[0].g.peers, 5);
	for (unsigned int i = 0; i < x.guess[0].g.peers_sampled; i++)
		assert_false(addr_eq(x.guess[0].g.peer_sample[i], ip("198.51.100.5")));
}

static void test_telnet(void **state)
{
	(void)state;
	fixture_listen(&x, 23, false);
	plain_refused("203.0.113.7", 23, LOGIN_REFUSED_TELNET, 3);
	assert_int_equal(x.n_guesses, 0);
	plain_refused("203.0.113.7", 23, LOGIN_REFUSED_TELNET, 3);
	assert_int_equal(x.n_guesses, 1);
	/* Their connections are not counted besides. */
	assert_int_equal(x.guess[0].g.attempts, 6);
	assert_int_equal(x.guess[0].g.failures_seen, 6);
	engine_finish(x.engine);
	assert_int_equal(x.guess[1].g.attempts, 6);
}

static void test_telnet_person(void **state)
{
	struct connection c;

	(void)state;
	fixture_listen(&x, 23, false);
	for (unsigned int i = 0; i < 5; i++) {
		plain_refused("198.51.100.5", 23, LOGIN_REFUSED_TELNET, 1);
		c = open_to(ip("198.51.100.5"), 23);
		c.asked += 300;
		c.served += 5000;
		sleep_s(&x, 300);
		end(&c, false);
		sleep_s(&x, 1500);
	}
	assert_silent();
}

static void test_ftp(void **state)
{
	(void)state;
	fixture_listen(&x, 21, false);
	for (unsigned int i = 1; i <= 6; i++) {
		plain_refused("203.0.113.7", 21, LOGIN_REFUSED_FTP, 1);
		assert_found_at(6, i);
	}
	assert_int_equal(x.guess[0].g.service, GUESS_FTP);
}

/* The same segment again is the same refusal. */
static void test_retransmission(void **state)
{
	struct connection c, again;

	(void)state;
	fixture_listen(&x, 21, false);
	c = open_to(ip("198.51.100.5"), 21);
	c.asked += 20;
	c.served += 50;
	again = c;
	send_self(&c, TCP_ACK, LOGIN_REFUSED_FTP, 22);
	for (unsigned int i = 0; i < 20; i++) {
		c = again;
		send_self(&c, TCP_ACK, LOGIN_REFUSED_FTP, 22);
	}
	end(&c, false);
	assert_silent();
}

/* One connection to a service that refuses by a status; then a request that is served, or not. */
static void request(uint16_t port, uint8_t mark, uint16_t asked, bool then)
{
	struct connection c = open_to(ip("203.0.113.7"), port);

	c.asked += asked;
	send_self(&c, TCP_ACK, mark, 150);
	if (then) {
		c.asked += asked + 60;
		c.served += 700;
	}
	pass_ms(&x, 200);
	end(&c, false);
	pass_ms(&x, 2000);
}

static void test_status(void **state)
{
	static const struct {
		uint16_t port;
		uint8_t mark, service;
	} of[] = {
		{ 80, LOGIN_REFUSED_HTTP, GUESS_HTTP },
		{ 554, LOGIN_REFUSED_RTSP, GUESS_RTSP },
		{ 1883, LOGIN_REFUSED_MQTT, GUESS_MQTT },
	};

	(void)state;
	for (unsigned int k = 0; k < sizeof(of) / sizeof(of[0]); k++) {
		fixture_listen(&x, of[k].port, false);
		/* A check without a password, and clients that answer the question for one. */
		for (unsigned int i = 0; i < 60; i++) {
			request(of[k].port, of[k].mark, 90, false);
			request(of[k].port, of[k].mark, (uint16_t)(100 + i % 7), true);
		}
		sleep_s(&x, 3600);
		assert_int_equal(x.n_guesses, 0);
		for (unsigned int i = 0; i < 8; i++)
			request(of[k].port, of[k].mark, (uint16_t)(120 + i % 5), false);
		assert_int_equal(x.n_guesses, 1);
		assert_int_equal(x.guess[0].g.service, of[k].service);
		sleep_s(&x, 3600);
		x.n_guesses = 0;
	}
}

/* A configured port: alike and never quite the same. Service detection asks this and that. */
static void other(uint16_t asked, uint16_t served)
{
	struct connection c = open_to(ip("203.0.113.7"), 9000);

	c.asked += asked;
	c.served += served;
	pass_ms(&x, 3000);
	end(&c, false);
}

static void test_other(void **state)
{
	(void)state;
	fixture_done(&x);
	fixture_init(&x);
	fixture_own(&x, DEVICE, "192.0.2.0/24");
	fixture_listen(&x, 9000, false);
	x.config.guess_ports[GUESS_OTHER] = (struct conf_ports){ 1, { 9000 } };
	fixture_start(&x, HOME_HOST, NULL);
	for (unsigned int i = 0; i < 30; i++)
		other(40, 90);
	sleep_s(&x, 3600);
	for (unsigned int i = 0; i < 30; i++)
		other((uint16_t)(18 + i * 11), (uint16_t)(20 + i * 40));
	sleep_s(&x, 3600);
	assert_int_equal(x.n_guesses, 0);
	for (unsigned int i = 0; i < 8; i++)
		other((uint16_t)(40 + i % 5), 90);
	assert_int_equal(x.n_guesses, 1);
	assert_int_equal(x.guess[0].g.service, GUESS_OTHER);
	assert_int_equal(x.guess[0].g.outcome, GUESS_ONGOING);
}

/* Who did not see the SYN/ACK can forge nothing that counts. */
static void test_forged(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (unsigned int i = 0; i < 20000; i++) {
		struct connection c = open_to(ip("198.51.100.5"), 22);

		c.served = (uint32_t)next_random(&seed);
		send_peer(&c, TCP_ACK, LOGIN_NEWKEYS, LOGIN_NEWKEYS_LEN);
		c.asked += 196;
		c.served += 196;
		send_peer(&c, i % 2 ? TCP_FIN | TCP_ACK : TCP_RST | TCP_ACK, 0, 0);
	}
	/* Without any SYN at all. */
	for (unsigned int i = 0; i < 1000; i++) {
		struct connection c = { .peer = ip("198.51.100.5"),
					.self = ip(DEVICE),
					.from = x.next_port++,
					.port = 22 };

		send_peer(&c, TCP_FIN | TCP_ACK, 0, 0);
		send_peer(&c, TCP_RST, 0, 0);
	}
	sleep_s(&x, 600);
	assert_int_equal(x.n_guesses, 0);
}

/* A RST that the kernel does not take, before the connection ends as it does: one failure, not two. */
static void test_early_rst(void **state)
{
	(void)state;
	for (unsigned int i = 1; i <= 5; i++) {
		struct connection c = open_to(ip("203.0.113.7"), 22), forged;

		exchange_keys(&c);
		c.asked += 196;
		c.served += 196;
		forged = c;
		send_peer(&forged, TCP_RST | TCP_ACK, 0, 0);
		end(&c, false);
		pass_ms(&x, 1000);
	}
	assert_int_equal(x.n_guesses, 0);
}

static void test_wrap(void **state)
{
	(void)state;
	for (unsigned int i = 1; i <= 6; i++) {
		struct connection c = open_from(ip("203.0.113.7"), 22, 0u - 100 * i, 0u - 300 * i);

		exchange_keys(&c);
		c.asked += 196;
		c.served += 196;
		end(&c, false);
		pass_ms(&x, 1000);
		assert_found_at(6, i);
	}
}

/* Real hosts by the hundred that fail once each, at a port of their own, do not push out a slow guesser. */
static void test_pressure(void **state)
{
	(void)state;
	fixture_listen(&x, 2222, false);
	for (unsigned int i = 1; i <= 8; i++) {
		ssh("203.0.113.7", openssh_one);
		for (uint32_t k = 0; k < 100; k++) {
			ssh_at(addr_from_v4(0x50000001 + (i * 100 + k) * 0x10100), 2222,
			       openssh_one);
			ssh_at(addr_from_v4(0x50000001 + (i * 100 + k) * 0x10100), 2222,
			       openssh_job);
		}
		sleep_s(&x, 30);
	}
	assert_true(x.n_guesses >= 1);
	for (unsigned int i = 0; i < x.n_guesses; i++)
		assert_true(addr_eq(x.guess[i].g.peer.addr, ip("203.0.113.7")));
}

/* More guessers than there are findings: the longest silent closes early, with its totals. */
static void test_more_than_findings(void **state)
{
	(void)state;
	for (unsigned int k = 0; k < GUESS_FINDINGS + 2; k++)
		for (unsigned int i = 0; i < 6; i++) {
			ssh_at(addr_from_v4(0x50000001 + k * 0x10100), 22, openssh_one);
			pass_ms(&x, 500);
		}
	assert_int_equal(told_guess(FINDING_START), GUESS_FINDINGS + 2);
	assert_int_equal(told_guess(FINDING_END), 2);
	assert_int_equal(engine_open_findings(x.engine), GUESS_FINDINGS);
}

static void test_ignored(void **state)
{
	(void)state;
	fixture_done(&x);
	fixture_init(&x);
	fixture_own(&x, DEVICE, "192.0.2.0/24");
	fixture_listen(&x, 22, false);
	x.config.ignore.prefix[x.config.ignore.count++] = net("203.0.113.0/24");
	fixture_start(&x, HOME_HOST, NULL);
	for (unsigned int i = 0; i < 20; i++) {
		ssh("203.0.113.7", openssh_one);
		logged("203.0.113.7", AUTH_FAILED);
	}
	assert_silent();
}

static void test_replay(void **state)
{
	(void)state;
	fixture_done(&x);
	fixture_replay(&x, "192.0.2.0/24");
	for (unsigned int i = 1; i <= 6; i++) {
		ssh("203.0.113.7", openssh_one);
		pass_ms(&x, 2000);
		assert_found_at(6, i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fast),
		TEST(test_growth),
		TEST(test_slow),
		TEST(test_one_a_minute),
		TEST(test_v6),
		TEST(test_odd_port),
		TEST(test_person),
		TEST(test_neighbours),
		TEST(test_guesser_with_an_account),
		TEST(test_strangers),
		TEST(test_strangers_beside_users),
		TEST(test_telnet),
		TEST(test_telnet_person),
		TEST(test_ftp),
		TEST(test_retransmission),
		TEST(test_status),
		TEST(test_other),
		TEST(test_forged),
		TEST(test_early_rst),
		TEST(test_wrap),
		TEST(test_pressure),
		TEST(test_more_than_findings),
		TEST(test_ignored),
		TEST(test_replay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
