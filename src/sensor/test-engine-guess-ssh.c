/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guessing at ssh, which is told by sizes alone, and by the system's record; and who is no guesser there. */
#include "sensor/guess-fixture.h"

#include <stdio.h>

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

static const struct shape openssh_six = { 616, 432, false };

/* More passwords than a person tries, in two connections at once: told when both have ended, whoever else logs in. */
static void test_many_at_once(void **state)
{
	struct connection c[4];

	(void)state;
	ssh("203.0.113.7", openssh_job);
	for (unsigned int i = 0; i < 4; i++) {
		c[i] = open_to(ip("203.0.113.7"), 22);
		exchange_keys(&c[i]);
	}
	for (unsigned int i = 0; i < 16; i++) {
		pass_ms(&x, 500);
		ssh("203.0.113.7", openssh_job);
	}
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(x.n_guesses, 0);
		ssh("203.0.113.7", openssh_job);
		c[i].asked += openssh_six.asked;
		c[i].served += openssh_six.served;
		end(&c[i], false);
	}
	assert_int_equal(x.n_guesses, 1);
	assert_int_equal(x.guess[0].g.outcome, GUESS_FAILING);
}

/* One after the other, and beside somebody who mistypes: those may be a person's. */
static void test_many_one_by_one(void **state)
{
	struct connection c;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		ssh("198.51.100.5", openssh_six);
		pass_ms(&x, 2000);
	}
	c = open_to(ip("198.51.100.6"), 22);
	exchange_keys(&c);
	ssh("198.51.100.6", openssh_one);
	pass_ms(&x, 20000);
	c.asked += openssh_six.asked;
	c.served += openssh_six.served;
	end(&c, false);
	assert_silent();
}

static void guessing(struct shape s, unsigned int times)
{
	for (unsigned int i = 0; i < times; i++) {
		ssh("203.0.113.7", s);
		pass_ms(&x, 2000);
	}
}

/* Bytes asked can be made more by whoever fails; what is served of failures cannot. */
static void test_padded(void **state)
{
	static const struct shape padded = { 2600, 196, false };

	(void)state;
	guessing(openssh_one, 12);
	ssh("203.0.113.7", padded);
	engine_finish(x.engine);
	assert_int_equal(x.n_guesses, 2);
	assert_int_equal(x.guess[1].g.outcome, GUESS_FAILING);
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

/* A session after the streak, by the same peer; by somebody else it is none of his. */
static void test_success(void **state)
{
	(void)state;
	guessing(openssh_one, 7);
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
	guessing(openssh_three, 7);
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

/* What people and programs asked and were served in the lab, all day long (lab/login_habits.py). */
static void test_ordinary(void **state)
{
	static const struct shape shapes[] = {
		{ 688, 672, false }, /* a tunnel, killed */
		{ 680, 1172, false },  { 540, 232, false },   { 520, 624, false }, /* a shell */
		{ 460, 428, false },   { 816, 728, false }, /* three typed wrong, and right */
		{ 756, 532, false },   { 556, 252, false },   { 556, 480, false },
		{ 496, 336, false },   { 856, 876, false },   { 888, 876, false },
		{ 1008, 1240, true }, /* git */
		{ 1008, 1240, false }, { 1008, 1284, false }, { 1008, 1292, true },
		{ 1320, 1224, false }, { 1556, 1136, false }, /* an agent with five keys that do not fit */
		{ 1116, 688, false },  { 1416, 696, false },  { 796, 7768, false },
		{ 1740, 1300, false }, { 2028, 2608, true },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		for (unsigned int k = 0; k < 20; k++) {
			ssh("198.51.100.5", shapes[i]);
			sleep_s(&x, 5);
		}
		if (x.n_guesses)
			fail_msg("%u / %u is no guessing", shapes[i].asked, shapes[i].served);
	}
}

/* An agent's keys, none of which fits: of users with names of any length, one key to five. */
static void test_old_keys(void **state)
{
	char peer[32];

	(void)state;
	for (unsigned int user = 1; user <= 24; user++) {
		uint32_t none = 20 + (36 + user + 7) / 8 * 8;
		uint32_t key = 20 + (112 + user + 7) / 8 * 8;

		for (unsigned int keys = 1; keys <= 5; keys++) {
			snprintf(peer, sizeof(peer), "203.0.%u.%u", 100 + user, keys);
			for (unsigned int k = 0; k < 20; k++) {
				ssh(peer, (struct shape){ 44 + none + keys * key, 96 + keys * 52,
							  false });
				sleep_s(&x, 20);
			}
			if (x.n_guesses)
				fail_msg("%u keys of a name of %u letters", keys, user);
		}
	}
}

/* Four connections of the nth peer side by side, that end one after the other from this one on. */
static void four_at_once(unsigned int n, const struct shape tool[4], unsigned int first)
{
	struct connection c[4];
	char peer[32];

	snprintf(peer, sizeof(peer), "203.0.%u.7", 100 + n);
	for (unsigned int i = 0; i < 4; i++) {
		c[i] = open_to(ip(peer), 22);
		exchange_keys(&c[i]);
	}
	pass_ms(&x, 9000);
	for (unsigned int i = 0; i < 4; i++) {
		unsigned int k = (i + first) % 4;

		c[k].asked += tool[k].asked;
		c[k].served += tool[k].served;
		end(&c[k], false);
	}
}

/* Four connections at a time, of which one gets in: told as succeeded, whichever ends first. */
static void test_right_among_wrong(void **state)
{
	static const struct shape tools[][4] = {
		{ { 616, 384, false },
		  { 532, 356, false },
		  { 524, 356, false },
		  { 532, 356, false } },
		{ { 616, 392, false },
		  { 532, 304, false },
		  { 524, 356, false },
		  { 532, 304, false } },
		{ { 636, 228, false },
		  { 636, 200, false },
		  { 636, 252, false },
		  { 636, 200, false } },
		/* the server's host keys were told: one, two, and three */
		{ { 616, 500, false },
		  { 532, 356, false },
		  { 524, 356, false },
		  { 532, 304, false } },
		{ { 616, 604, false },
		  { 532, 356, false },
		  { 524, 356, false },
		  { 532, 356, false } },
		{ { 616, 884, false },
		  { 532, 356, false },
		  { 524, 356, false },
		  { 532, 356, false } },
		{ { 1200, 992, false },
		  { 1008, 864, false },
		  { 1008, 864, false },
		  { 1008, 864, false } },
	};
	const unsigned int n = sizeof(tools) / sizeof(tools[0]);

	(void)state;
	for (unsigned int run = 0; run < n * 4; run++) {
		const struct shape *tool = tools[run / 4];
		unsigned int first = run % 4;

		x.n_guesses = 0;
		four_at_once(run, tool, first);
		if (!x.n_guesses || x.guess[x.n_guesses - 1].g.outcome != GUESS_SUCCEEDED)
			fail_msg("%u / %u is no success", tool[0].asked, tool[0].served);
		sleep_s(&x, 3600);
	}
}

/* What looks like host keys is the answer "failure" of a server that says it at more length. */
static void test_unanswered(void **state)
{
	static const struct shape shapes[] = {
		{ 616, 500, false }, { 532, 500, false }, { 524, 500, false }, { 532, 500, false }
	};

	(void)state;
	for (unsigned int first = 0; first < 4; first++) {
		x.n_guesses = 0;
		four_at_once(first, shapes, first);
		assert_int_equal(x.n_guesses, 1);
		assert_int_equal(x.guess[0].g.outcome, GUESS_FAILING);
		sleep_s(&x, 3600);
	}
}

/* Its good-bye was on the way when the server told its host keys. */
static void test_host_keys_after_good_bye(void **state)
{
	struct connection c;

	(void)state;
	guessing((struct shape){ 736, 640, true }, 7);
	assert_int_equal(x.guess[x.n_guesses - 1].g.outcome, GUESS_FAILING);
	c = open_to(ip("203.0.113.7"), 22);
	exchange_keys(&c);
	pass_ms(&x, 5000);
	c.asked += 672;
	c.served += 512;
	send_peer(&c, TCP_FIN | TCP_ACK, 0, 0);
	c.served += 128;
	send_self(&c, TCP_FIN | TCP_ACK, 0, 0);
	assert_int_equal(x.guess[x.n_guesses - 1].g.outcome, GUESS_SUCCEEDED);
}

/* Behind a guesser's address somebody else has a key: the record says so, and the session's end adds nothing. */
static void test_key_beside_guesser(void **state)
{
	struct auth_record r = { .peer = ip("203.0.113.7"),
				 .service = GUESS_SSH,
				 .result = AUTH_SUCCEEDED,
				 .by_key = true,
				 .times = 1 };
	struct connection c;

	(void)state;
	guessing(openssh_one, 7);
	assert_int_equal(x.n_guesses, 1);
	c = open_to(ip("203.0.113.7"), 22);
	exchange_keys(&c);
	r.peer_port = c.from;
	r.t_ns = x.clock.now_ns;
	engine_auth(x.engine, &r);
	c.asked += openssh_job.asked;
	c.served += openssh_job.served;
	end(&c, false);
	assert_int_equal(x.n_guesses, 1);
	ssh("203.0.113.7", openssh_job);
	assert_int_equal(x.n_guesses, 2);
	assert_int_equal(x.guess[1].g.outcome, GUESS_SUCCEEDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_parallel),
		TEST(test_many_at_once),
		TEST(test_many_one_by_one),
		TEST(test_padded),
		TEST(test_job),
		TEST(test_failures),
		TEST(test_old_key),
		TEST(test_burst_of_logins),
		TEST(test_monitors),
		TEST(test_success),
		TEST(test_success_without_session),
		TEST(test_success_first),
		TEST(test_success_first_openssh),
		TEST(test_logs),
		TEST(test_logs_slow),
		TEST(test_never_twice),
		TEST(test_ordinary),
		TEST(test_old_keys),
		TEST(test_right_among_wrong),
		TEST(test_unanswered),
		TEST(test_host_keys_after_good_bye),
		TEST(test_key_beside_guesser),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
