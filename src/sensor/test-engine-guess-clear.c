/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guessing where the words can be read: how telnet tells a success, and statuses that repeat. */
#include "sensor/guess-fixture.h"

#define PEER "203.0.113.7"

/* A telnet login up to the answer: negotiation, a name and its echo, a password. */
static struct connection telnet(const char *peer)
{
	struct connection c = open_to(ip(peer), 23);

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
	send_self(c, TCP_ACK, LOGIN_REFUSED_TELNET, 29);
}

static void guess_telnet(unsigned int times)
{
	while (times--) {
		struct connection c = telnet(PEER);

		types(&c, (uint16_t)(5 + times % 6));
		refuses(&c);
		end(&c, false);
	}
}

/* A password's answer takes seconds; meanwhile a neighbour loads one page after the other. */
static void test_beside_a_busy_neighbour(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 6; i++) {
		struct connection c = telnet(PEER);

		assert_int_equal(x.n_guesses, 0);
		for (unsigned int k = 0; k < 300; k++) {
			struct connection page = open_to(ip("192.0.2.30"), 80);

			page.asked += 200;
			page.served += 3000;
			end(&page, false);
		}
		types(&c, 5 + i);
		refuses(&c);
		end(&c, false);
	}
	assert_int_equal(x.n_guesses, 1);
	assert_int_equal(x.guess[0].g.attempts, 6);
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
	send_self(&c, TCP_ACK, LOGIN_PROMPT, 2);
	end(&c, false);
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
	send_self(&c, TCP_ACK, LOGIN_PROMPT, 2);
	refuses(&c);
	send_self(&c, TCP_ACK, LOGIN_PROMPT, 10);
	end(&c, false);
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
		end(&c, false);
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
	end(&c, false);
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
		send_self(&c, TCP_ACK, LOGIN_PROMPT, 2);
		end(&c, false);
		sleep_s(&x, 20);
	}
	sleep_s(&x, 600);
	assert_int_equal(x.n_guesses, 0);
}

/* n requests in one connection, each refused at once; between two, so much else is served. */
static void requests(uint16_t port, uint8_t mark, uint16_t asked, unsigned int n,
		     uint16_t else_served)
{
	struct connection c = open_to(ip(PEER), port);

	while (n--) {
		c.asked += asked;
		pass_ms(&x, 40);
		send_self(&c, TCP_ACK, mark, 377);
		c.served += n ? else_served : 0;
	}
	end(&c, false);
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
		struct connection c = open_to(ip(PEER), 80);

		c.asked += 90;
		send_self(&c, TCP_ACK, LOGIN_REFUSED_HTTP, 377);
		c.asked += 290;
		c.served += 1500;
		end(&c, false);
	}
	sleep_s(&x, 600);
	assert_int_equal(x.n_guesses, 0);
}

/* A page whose session is over: it is served itself, and what it asks for is refused at once. */
static void test_session_over(void **state)
{
	struct connection page;

	(void)state;
	page = open_to(ip(PEER), 80);
	page.asked += 500;
	page.served += 40000;
	page.asked += 520;
	send_self(&page, TCP_ACK, LOGIN_REFUSED_HTTP, 377);
	for (unsigned int i = 0; i < 20; i++)
		requests(80, LOGIN_REFUSED_HTTP, (uint16_t)(520 + i % 3), 1, 0);
	end(&page, false);
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
	struct connection c = open_to(ip(PEER), 21);

	c.asked += 27;
	c.served += 54;
	pass_ms(&x, 2500);
	send_self(&c, TCP_ACK, mark, 22);
	end(&c, false);
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
	c = open_to(ip(PEER), 21);
	c.asked += 27;
	c.served += 54;
	send_self(&c, TCP_ACK, LOGIN_REFUSED_FTP, 22);
	c.asked += 30;
	c.served += 34;
	send_self(&c, TCP_ACK, LOGIN_ADMITTED_FTP, 23);
	end(&c, false);
	assert_int_equal(outcome(), GUESS_SUCCEEDED);
}

static void logged_as(uint8_t result, uint32_t user)
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
	logged_as(AUTH_SUCCEEDED, 7);
	for (unsigned int i = 0; i < 12; i++)
		logged_as(AUTH_FAILED, 5);
	logged_as(AUTH_SUCCEEDED, 7);
	assert_int_equal(outcome(), GUESS_FAILING);
	logged_as(AUTH_SUCCEEDED, 5);
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
		TEST(test_prompt),
		TEST(test_no_prompt),
		TEST(test_refusal_unseen),
		TEST(test_greeting),
		TEST(test_beside_a_busy_neighbour),
		TEST(test_person),
		TEST(test_status_at_once),
		TEST(test_status_in_one_connection),
		TEST(test_status_answered),
		TEST(test_session_over),
		TEST(test_old_password),
		TEST(test_colleague),
		TEST(test_colleague_logged),
		TEST(test_owner_beside_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
