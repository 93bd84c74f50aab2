/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guessing where the words can be read: how telnet tells a success, and statuses that repeat. */
#include "sensor/auth.h"
#include "sensor/engine-fixture.h"
#include "sensor/login.h"

#define PEER_ISN 0x1000u
#define PEER "203.0.113.7"

struct connection {
	struct addr peer;
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

static void asks(struct connection *c, uint8_t flags, uint16_t payload)
{
	packet(&x, (struct packet){ .src = c->peer,
				    .dst = ip(DEVICE),
				    .sport = c->from,
				    .dport = c->port,
				    .proto = PACKET_TCP,
				    .tcp_flags = flags,
				    .tcp_options = flags & TCP_SYN ? OPTIONS_USUAL : 0,
				    .tcp_window = 64240,
				    .tcp_seq = c->asked,
				    .tcp_ack = flags & TCP_ACK ? c->served : 0,
				    .payload = payload,
				    .ttl = 57 });
	c->asked += payload + !!(flags & (TCP_SYN | TCP_FIN));
}

static void serves(struct connection *c, uint8_t flags, uint8_t login, uint16_t payload)
{
	packet(&x, (struct packet){ .src = ip(DEVICE),
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

static struct connection open_from(const char *peer, uint16_t port)
{
	struct connection c = { .peer = ip(peer),
				.from = x.next_port++,
				.port = port,
				.asked = PEER_ISN,
				.served = FIXTURE_ISN };

	asks(&c, TCP_SYN, 0);
	serves(&c, TCP_SYN | TCP_ACK, 0, 0);
	return c;
}

static void closes(struct connection *c)
{
	asks(c, TCP_FIN | TCP_ACK, 0);
	serves(c, TCP_FIN | TCP_ACK, 0, 0);
}

/* A telnet login up to the answer: negotiation, a name and its echo, a password. */
static struct connection telnet(const char *peer)
{
	struct connection c = open_from(peer, 23);

	c.served += 34;
	c.asked += 15;
	return c;
}

static void types(struct connection *c, uint16_t password)
{
	c->asked += 8 + password;
	c->served += 8 + 10 + 2;
	pass_ms(&x, 2500);
}

static void refuses(struct connection *c)
{
	serves(c, TCP_ACK, LOGIN_REFUSED_TELNET, 29);
}

static void guess_telnet(unsigned int times)
{
	while (times--) {
		struct connection c = telnet(PEER);

		types(&c, (uint16_t)(5 + times % 6));
		refuses(&c);
		closes(&c);
	}
}

/* As it was told last. */
static uint8_t outcome(void)
{
	assert_in_range(x.n_guesses, 1, FIXTURE_GUESSES);
	return x.guess[x.n_guesses - 1].g.outcome;
}

/* The right password is answered by nothing but a shell's prompt. */
static void test_prompt(void **state)
{
	struct connection c;

	(void)state;
	guess_telnet(10);
	assert_int_equal(outcome(), GUESS_FAILING);
	c = telnet(PEER);
	types(&c, 16);
	serves(&c, TCP_ACK, LOGIN_PROMPT, 2);
	closes(&c);
	assert_int_equal(outcome(), GUESS_SUCCEEDED);
	assert_int_equal(x.n_guesses, 2);
}

/* What looks like one and is followed by a refusal was none; nor is one before anything was typed. */
static void test_no_prompt(void **state)
{
	struct connection c;

	(void)state;
	guess_telnet(10);
	c = telnet(PEER);
	types(&c, 9);
	serves(&c, TCP_ACK, LOGIN_PROMPT, 2);
	refuses(&c);
	serves(&c, TCP_ACK, LOGIN_PROMPT, 10);
	closes(&c);
	assert_int_equal(outcome(), GUESS_FAILING);
	assert_int_equal(x.n_guesses, 1);
}

/* A refusal that was not seen makes a longer dialog, and no success. */
static void test_refusal_unseen(void **state)
{
	(void)state;
	guess_telnet(10);
	for (unsigned int i = 0; i < 5; i++) {
		struct connection c = telnet(PEER);

		types(&c, 9);
		refuses(&c);
		types(&c, 8);
		refuses(&c);
		for (unsigned int unseen = 0; unseen <= i; unseen++) {
			types(&c, 8);
			c.served += 29;
		}
		types(&c, 8);
		closes(&c);
	}
	assert_int_equal(outcome(), GUESS_FAILING);
	assert_int_equal(x.n_guesses, 1);
}

/* A greeting after the right password tells it, too. */
static void test_greeting(void **state)
{
	struct connection c;

	(void)state;
	guess_telnet(10);
	c = telnet(PEER);
	types(&c, 9);
	c.served += 295;
	closes(&c);
	assert_int_equal(outcome(), GUESS_SUCCEEDED);
}

/* Who mistypes once a time, and then gets to a shell, is nobody's enemy. */
static void test_person(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 10; i++) {
		struct connection c = telnet(PEER);

		types(&c, 9);
		refuses(&c);
		types(&c, 8);
		serves(&c, TCP_ACK, LOGIN_PROMPT, 2);
		closes(&c);
		sleep_s(&x, 20);
	}
	sleep_s(&x, 600);
	assert_int_equal(x.n_guesses, 0);
}

/* n requests in one connection, each refused at once; between two, so much else is served. */
static void requests(uint16_t port, uint8_t mark, uint16_t asked, unsigned int n,
		     uint16_t else_served)
{
	struct connection c = open_from(PEER, port);

	while (n--) {
		c.asked += asked;
		pass_ms(&x, 40);
		serves(&c, TCP_ACK, mark, 377);
		c.served += n ? else_served : 0;
	}
	closes(&c);
}

/* Passwords of one length: eight requests that are refused at once, however many connections they take. */
static void test_status_at_once(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 7; i++)
		requests(80, LOGIN_REFUSED_HTTP, 129, 1, 0);
	assert_int_equal(x.n_guesses, 0);
	requests(80, LOGIN_REFUSED_HTTP, 129, 1, 0);
	assert_int_equal(outcome(), GUESS_FAILING);
	assert_int_equal(x.guess[0].g.service, GUESS_HTTP);
	assert_int_equal(x.guess[0].g.attempts, 8);
}

static void test_status_in_one_connection(void **state)
{
	(void)state;
	requests(554, LOGIN_REFUSED_RTSP, 207, 8, 0); /* the first asks for the question */
	assert_int_equal(x.n_guesses, 0);
	sleep_s(&x, 600);
	requests(554, LOGIN_REFUSED_RTSP, 207, 9, 0);
	assert_int_equal(outcome(), GUESS_FAILING);
}

/* Digest clients are asked before each request, and then get what they want. */
static void test_status_answered(void **state)
{
	(void)state;
	requests(80, LOGIN_REFUSED_HTTP, 380, 30, 1500);
	for (unsigned int i = 0; i < 30; i++) {
		struct connection c = open_from(PEER, 80);

		c.asked += 90;
		serves(&c, TCP_ACK, LOGIN_REFUSED_HTTP, 377);
		c.asked += 290;
		c.served += 1500;
		closes(&c);
	}
	sleep_s(&x, 600);
	assert_int_equal(x.n_guesses, 0);
}

/* A page whose session is over: it is served itself, and what it asks for is refused at once. */
static void test_session_over(void **state)
{
	struct connection page;

	(void)state;
	page = open_from(PEER, 80);
	page.asked += 500;
	page.served += 40000;
	page.asked += 520;
	serves(&page, TCP_ACK, LOGIN_REFUSED_HTTP, 377);
	for (unsigned int i = 0; i < 20; i++)
		requests(80, LOGIN_REFUSED_HTTP, (uint16_t)(520 + i % 3), 1, 0);
	closes(&page);
	sleep_s(&x, 600);
	assert_int_equal(x.n_guesses, 0);
}

/* A program with an old password that tries again every second, however long. */
static void test_old_password(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		requests(1883, LOGIN_REFUSED_MQTT, 60, 1, 0);
		requests(80, LOGIN_REFUSED_HTTP, 129, 2, 0);
		pass_ms(&x, 1000);
	}
	sleep_s(&x, 600);
	assert_int_equal(x.n_guesses, 0);
}

static void ftp(uint8_t mark)
{
	struct connection c = open_from(PEER, 21);

	c.asked += 27;
	c.served += 54;
	pass_ms(&x, 2500);
	serves(&c, TCP_ACK, mark, 22);
	closes(&c);
}

/* Behind one address: who was let in before the guessing is somebody else, and his next session proves nothing. */
static void test_colleague(void **state)
{
	struct connection c;

	(void)state;
	ftp(LOGIN_ADMITTED_FTP);
	for (unsigned int i = 0; i < 12; i++) {
		ftp(LOGIN_REFUSED_FTP);
		if (i % 4 == 3)
			ftp(LOGIN_ADMITTED_FTP);
	}
	assert_int_equal(outcome(), GUESS_FAILING);
	assert_int_equal(x.n_guesses, 1);
	/* The guesser's own, after failures in the same connection, does. */
	c = open_from(PEER, 21);
	c.asked += 27;
	c.served += 54;
	serves(&c, TCP_ACK, LOGIN_REFUSED_FTP, 22);
	c.asked += 30;
	c.served += 34;
	serves(&c, TCP_ACK, LOGIN_ADMITTED_FTP, 23);
	closes(&c);
	assert_int_equal(outcome(), GUESS_SUCCEEDED);
}

static void logged(uint8_t result, uint32_t user)
{
	engine_auth(x.engine, &(struct auth_record){ .t_ns = x.clock.now_ns,
						     .peer = ip(PEER),
						     .service = GUESS_FTP,
						     .result = result,
						     .times = 1,
						     .user = user });
	pass_ms(&x, 2500);
}

/* Likewise of the record: only the name that was guessed at fits. */
static void test_colleague_logged(void **state)
{
	(void)state;
	logged(AUTH_SUCCEEDED, 7);
	for (unsigned int i = 0; i < 12; i++)
		logged(AUTH_FAILED, 5);
	logged(AUTH_SUCCEEDED, 7);
	assert_int_equal(outcome(), GUESS_FAILING);
	logged(AUTH_SUCCEEDED, 5);
	assert_int_equal(outcome(), GUESS_SUCCEEDED);
}

/* Strangers guess at a name, and its owner logs in from his own address, which the record has. */
static void test_owner_beside_strangers(void **state)
{
	struct auth_record own = { .peer = ip("198.51.100.9"),
				   .service = GUESS_FTP,
				   .result = AUTH_SUCCEEDED,
				   .times = 1,
				   .user = 5 };

	(void)state;
	engine_auth(x.engine, &own);
	for (unsigned int i = 0; i < 40; i++) {
		engine_auth(x.engine, &(struct auth_record){
					      .peer = addr_from_v4(0xcb000007 + i % 20 * 0x10100),
					      .service = GUESS_FTP,
					      .result = AUTH_FAILED,
					      .times = 1,
					      .user = 5 });
		pass_ms(&x, 2500);
	}
	assert_int_equal(x.guess[0].g.scope, FINDING_DISTRIBUTED);
	engine_auth(x.engine, &own);
	engine_auth(x.engine, &own);
	assert_int_equal(outcome(), GUESS_FAILING);
	own.peer = addr_from_v4(0xcb000007);
	engine_auth(x.engine, &own);
	assert_int_equal(outcome(), GUESS_SUCCEEDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_prompt, start, stop),
		cmocka_unit_test_setup_teardown(test_no_prompt, start, stop),
		cmocka_unit_test_setup_teardown(test_refusal_unseen, start, stop),
		cmocka_unit_test_setup_teardown(test_greeting, start, stop),
		cmocka_unit_test_setup_teardown(test_person, start, stop),
		cmocka_unit_test_setup_teardown(test_status_at_once, start, stop),
		cmocka_unit_test_setup_teardown(test_status_in_one_connection, start, stop),
		cmocka_unit_test_setup_teardown(test_status_answered, start, stop),
		cmocka_unit_test_setup_teardown(test_session_over, start, stop),
		cmocka_unit_test_setup_teardown(test_old_password, start, stop),
		cmocka_unit_test_setup_teardown(test_colleague, start, stop),
		cmocka_unit_test_setup_teardown(test_colleague_logged, start, stop),
		cmocka_unit_test_setup_teardown(test_owner_beside_strangers, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
