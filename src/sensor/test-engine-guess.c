/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Password guessing as the engine sees it: by the ends of connections, words in clear text, and the
 * system's record. Sizes are those that were measured (docs/guessing.md).
 */
#include "sensor/auth.h"
#include "sensor/engine-fixture.h"
#include "sensor/login.h"

#include <stdio.h>

#define PEER_ISN 0x1000u
#define KEX_ASKED 1500 /* of a key exchange, NEWKEYS included */
#define KEX_SERVED 2000

/* What an ssh login asks and serves after NEWKEYS. */
struct shape {
	uint32_t asked, served;
	bool by_self;
};

static const struct shape openssh_one = { 196, 196, false };
static const struct shape openssh_three = { 364, 348, false };
static const struct shape openssh_job = { 916, 1412, false }; /* a key, and "true" */
static const struct shape dropbear_one = { 196, 148, false };
static const struct shape dropbear_job = { 776, 436, false };

struct connection {
	struct addr peer, self;
	uint16_t from, port;
	uint32_t asked, served; /* the next numbers of both sides */
};

static struct fixture x;

static int start(void **state)
{
	(void)state;
	fixture_host(&x);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	fixture_done(&x);
	return 0;
}

static void send_peer(struct connection *c, uint8_t flags, uint8_t login, uint16_t payload)
{
	packet(&x, (struct packet){ .src = c->peer,
				    .dst = c->self,
				    .sport = c->from,
				    .dport = c->port,
				    .proto = PACKET_TCP,
				    .tcp_flags = flags,
				    .tcp_options = flags & TCP_SYN ? OPTIONS_USUAL : 0,
				    .tcp_window = 64240,
				    .tcp_seq = c->asked,
				    .tcp_ack = flags & TCP_ACK ? c->served : 0,
				    .login = login,
				    .payload = payload,
				    .ttl = 57 });
	c->asked += payload + !!(flags & (TCP_SYN | TCP_FIN));
}

static void send_self(struct connection *c, uint8_t flags, uint8_t login, uint16_t payload)
{
	packet(&x, (struct packet){ .src = c->self,
				    .dst = c->peer,
				    .sport = c->port,
				    .dport = c->from,
				    .proto = PACKET_TCP,
				    .tcp_flags = flags,
				    .tcp_window = 64240,
				    .tcp_seq = c->served,
				    .tcp_ack = c->asked,
				    .login = login,
				    .payload = payload,
				    .ttl = 64 });
	c->served += payload + !!(flags & (TCP_SYN | TCP_FIN));
}

static struct connection open_from(struct addr peer, uint16_t port, uint32_t peer_isn,
				   uint32_t self_isn)
{
	struct connection c = { .peer = peer,
				.self = ip(addr_is_v4(peer) ? DEVICE : DEVICE_V6),
				.from = x.next_port++,
				.port = port,
				.asked = peer_isn,
				.served = self_isn };

	send_peer(&c, TCP_SYN, 0, 0);
	send_self(&c, TCP_SYN | TCP_ACK, 0, 0);
	return c;
}

static struct connection open_to(struct addr peer, uint16_t port)
{
	return open_from(peer, port, PEER_ISN, FIXTURE_ISN);
}

static void exchange_keys(struct connection *c)
{
	c->asked += KEX_ASKED - LOGIN_NEWKEYS_LEN;
	c->served += KEX_SERVED;
	send_peer(c, TCP_ACK, LOGIN_NEWKEYS, LOGIN_NEWKEYS_LEN);
}

static void end(struct connection *c, bool by_self)
{
	if (by_self)
		send_self(c, TCP_FIN | TCP_ACK, 0, 0);
	send_peer(c, TCP_FIN | TCP_ACK, 0, 0);
	if (!by_self)
		send_self(c, TCP_FIN | TCP_ACK, 0, 0);
}

static void ssh_at(struct addr peer, uint16_t port, struct shape s)
{
	struct connection c = open_to(peer, port);

	exchange_keys(&c);
	pass_ms(&x, 500);
	c.asked += s.asked;
	c.served += s.served;
	end(&c, s.by_self);
}

static void ssh(const char *peer, struct shape s)
{
	ssh_at(ip(peer), 22, s);
}

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

static unsigned int told_guess(enum finding_phase phase)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < x.n_guesses && i < FIXTURE_GUESSES; i++)
		n += x.guess[i].phase == phase;
	return n;
}

static void assert_silent(void)
{
	sleep_s(&x, 600);
	assert_int_equal(x.n_guesses, 0);
	assert_int_equal(told_phase(&x, FINDING_START), 0);
}

/* The n-th of these is what opens the finding. */
static const struct guess *assert_found_at(unsigned int n, unsigned int i)
{
	if (i < n) {
		assert_int_equal(x.n_guesses, 0);
		return NULL;
	}
	assert_true(x.n_guesses >= 1);
	assert_int_equal(x.guess[0].phase, FINDING_START);
	return &x.guess[0].g;
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

/* Several tries a connection, several connections at once: no person does so. */
static void test_parallel(void **state)
{
	struct connection c[4];

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		c[i] = open_to(ip("203.0.113.7"), 22);
	for (unsigned int i = 0; i < 4; i++)
		exchange_keys(&c[i]);
	pass_ms(&x, 9000);
	for (unsigned int i = 0; i < 4; i++) {
		c[i].asked += openssh_three.asked;
		c[i].served += openssh_three.served;
		end(&c[i], false);
	}
	assert_int_equal(x.n_guesses, 1);
	assert_int_equal(x.guess[0].g.attempts, 12);
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

static void repeat(struct shape s, unsigned int times, unsigned int every_s)
{
	for (unsigned int i = 0; i < times; i++) {
		ssh("198.51.100.5", s);
		sleep_s(&x, every_s);
	}
	assert_silent();
}

static void test_job(void **state)
{
	(void)state;
	repeat(openssh_job, 120, 60);
	repeat(dropbear_job, 120, 60);
	repeat((struct shape){ 556, 336, false }, 60, 60); /* dropbear, a password and "true" */
	repeat((struct shape){ 372, 300, false }, 60, 60); /* dbclient to dropbear */
	repeat((struct shape){ 464, 1048, false }, 60, 60); /* dbclient to OpenSSH */
	repeat((struct shape){ 1272, 1596, false }, 60, 60); /* sftp to dropbear */
}

/* Sizes of failures, each from another pair of programs. */
static void test_failures(void **state)
{
	static const struct shape shapes[] = {
		{ 264, 200, false },   { 272, 200, false },  { 304, 224, false },
		{ 348, 252, false },   { 356, 252, false },  { 608, 432, false },
		{ 616, 432, false },   { 684, 460, false },  { 768, 512, false },
		{ 1360, 1184, false }, { 1824, 1584, true }, { 932, 500, true },
		{ 736, 736, false },   { 192, 96, false },   { 456, 424, false },
	};
	char peer[32];

	(void)state;
	for (unsigned int i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		snprintf(peer, sizeof(peer), "203.0.%u.7", 100 + i);
		for (unsigned int k = 0; k < 6; k++) {
			ssh(peer, shapes[i]);
			pass_ms(&x, 2000);
		}
		if (told_guess(FINDING_START) != i + 1)
			fail_msg("%u / %u is no failure", shapes[i].asked, shapes[i].served);
		sleep_s(&x, 3600);
	}
}

/* A key that is not let in any more: ed25519, RSA, at OpenSSH and at dropbear. */
static void test_old_key(void **state)
{
	(void)state;
	repeat((struct shape){ 260, 196, false }, 120, 60);
	repeat((struct shape){ 260, 148, false }, 120, 60);
	repeat((struct shape){ 612, 196, false }, 120, 60);
	repeat((struct shape){ 612, 148, false }, 120, 60);
}

static void test_burst_of_logins(void **state)
{
	(void)state;
	repeat(openssh_job, 60, 0);
	repeat((struct shape){ 4000, 9000, false }, 60, 0);
}

/* Connect and leave; read the banner; exchange keys and leave (ssh-keyscan); ask for methods. */
static void test_monitors(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 60; i++) {
		struct connection c = open_to(ip("198.51.100.9"), 22);

		c.served += 41;
		c.asked += i % 2 ? 23 : 0;
		pass_ms(&x, 2000);
		end(&c, false);
		ssh("198.51.100.9", (struct shape){ 0, 0, false });
		ssh("198.51.100.9", (struct shape){ 164, 120, false });
		sleep_s(&x, 10);
	}
	sleep_s(&x, 600);
	assert_int_equal(x.n_guesses, 0);
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
}

/* A session after the streak, by the same peer; by somebody else it is none of his. */
static void test_success(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 7; i++) {
		ssh("203.0.113.7", openssh_one);
		pass_ms(&x, 2000);
	}
	ssh("198.51.100.5", openssh_job);
	assert_int_equal(x.n_guesses, 1);
	ssh("203.0.113.7", openssh_job);
	assert_int_equal(x.n_guesses, 2);
	assert_int_equal(x.guess[1].phase, FINDING_UPDATE);
	assert_int_equal(x.guess[1].g.outcome, GUESS_SUCCEEDED);
	assert_true(addr_eq(x.guess[1].g.winner, ip("203.0.113.7")));
	assert_false(x.guess[1].g.success_logged);
	ssh("203.0.113.7", openssh_job);
	assert_int_equal(x.n_guesses, 2);
}

/* A tool leaves as soon as it is let in: "success" is shorter than "failure". */
static void test_success_without_session(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 7; i++) {
		ssh("203.0.113.7", openssh_three);
		pass_ms(&x, 2000);
	}
	ssh("203.0.113.7", (struct shape){ openssh_three.asked, openssh_three.served - 48, false });
	assert_int_equal(x.n_guesses, 2);
	assert_int_equal(x.guess[1].g.outcome, GUESS_SUCCEEDED);
}

/* Likewise at dropbear, before any other connection has ended. */
static void test_success_first(void **state)
{
	static const struct shape shapes[] = {
		{ 784, 496, false }, { 700, 460, false }, { 700, 460, false }, { 784, 512, false }
	};
	struct connection c[4];

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		c[i] = open_to(ip("203.0.113.7"), 22);
		exchange_keys(&c[i]);
	}
	pass_ms(&x, 2000);
	for (unsigned int i = 0; i < 4; i++) {
		c[i].asked += shapes[i].asked;
		c[i].served += shapes[i].served;
		end(&c[i], false);
	}
	assert_true(x.n_guesses >= 1);
	assert_int_equal(x.guess[x.n_guesses - 1].g.outcome, GUESS_SUCCEEDED);
}

/* And at OpenSSH, where it has to be told from those that asked as much. */
static void test_success_first_openssh(void **state)
{
	(void)state;
	ssh("203.0.113.7", (struct shape){ openssh_three.asked, openssh_three.served - 48, false });
	for (unsigned int i = 0; i < 7; i++)
		ssh("203.0.113.7", openssh_three);
	assert_int_equal(x.n_guesses, 1);
	assert_int_equal(x.guess[0].g.outcome, GUESS_SUCCEEDED);
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

static void logged(const char *peer, uint8_t result)
{
	struct auth_record r = {
		.peer = ip(peer), .service = GUESS_SSH, .result = result, .times = 1
	};

	pass_ms(&x, 10);
	r.t_ns = x.clock.now_ns;
	engine_auth(x.engine, &r);
}

static void with_logs(unsigned int enough, unsigned int every_s)
{
	for (unsigned int i = 1; i <= enough; i++) {
		logged("203.0.113.7", AUTH_FAILED);
		assert_found_at(enough, i);
		sleep_s(&x, every_s);
	}
	assert_int_equal(x.guess[0].g.failures_logged, enough);
}

static void test_logs(void **state)
{
	(void)state;
	with_logs(4, 3);
	logged("203.0.113.7", AUTH_SUCCEEDED);
	assert_int_equal(x.n_guesses, 2);
	assert_int_equal(x.guess[1].g.outcome, GUESS_SUCCEEDED);
	assert_true(x.guess[1].g.success_logged);
}

static void test_logs_slow(void **state)
{
	(void)state;
	with_logs(6, 60);
}

/* What is learnt in two ways is one try. */
static void test_never_twice(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		logged("198.51.100.5", AUTH_FAILED);
		ssh("198.51.100.5", openssh_one);
		sleep_s(&x, 20);
	}
	logged("198.51.100.5", AUTH_SUCCEEDED);
	assert_silent();
	for (unsigned int i = 0; i < 10; i++) {
		logged("203.0.113.7", AUTH_FAILED);
		ssh("203.0.113.7", openssh_one);
		pass_ms(&x, 2000);
	}
	engine_finish(x.engine);
	assert_int_equal(x.guess[1].g.attempts, 10);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fast),
		TEST(test_growth),
		TEST(test_slow),
		TEST(test_one_a_minute),
		TEST(test_v6),
		TEST(test_parallel),
		TEST(test_odd_port),
		TEST(test_person),
		TEST(test_job),
		TEST(test_failures),
		TEST(test_old_key),
		TEST(test_burst_of_logins),
		TEST(test_monitors),
		TEST(test_neighbours),
		TEST(test_strangers),
		TEST(test_strangers_beside_users),
		TEST(test_success),
		TEST(test_success_without_session),
		TEST(test_success_first),
		TEST(test_success_first_openssh),
		TEST(test_telnet),
		TEST(test_telnet_person),
		TEST(test_ftp),
		TEST(test_retransmission),
		TEST(test_status),
		TEST(test_other),
		TEST(test_logs),
		TEST(test_logs_slow),
		TEST(test_never_twice),
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
