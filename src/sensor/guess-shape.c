/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/guess-shape.h"

#include "sensor/guess.h"

/* ssh: see the head of guess-shape.h. */
#define SSH_LEAST_ASKED 170 /* less: no password, only the question which methods there are */
#define SSH_LEAST_SERVED 64
#define SSH_ONE_ASKED 240 /* one password: the shortest key that is refused takes 260 */
#define SSH_TWO_ASKED 340 /* two: no session asks as little */
#define SSH_ONE_SERVED 3000 /* with a banner before it */
#define SSH_SLACK 130 /* what the server says besides */
#define SSH_SIX_SERVED 800 /* six failures, of any cipher */
#define SSH_TEN_ASKED 1100 /* ten passwords, as many as dropbear allows */
#define SSH_MOST_ASKED 2200 /* ten passwords, each sent in two ways */
#define SSH_KEYS_SERVED 300 /* of what OpenSSH's server tells in a session, host keys foremost */
#define SSH_BEGIN_ASKED 112 /* service request and method "none" */
#define SSH_BEGIN_SERVED 96 /* their answers, dropbear's */
#define SSH_PASSWORD 84 /* the least that one takes */
#define SSH_PASSWORD_MOST 108
#define SSH_DROPBEAR_FAILURE 52
#define SSH_DROPBEAR_SUCCESS 36

#define PLAIN_MOST_ASKED 400
#define PLAIN_LEAST_ASKED 10
#define PLAIN_MOST_SERVED 2000

/* s at least num/32 of a */
static bool at_least(uint32_t s, uint32_t a, uint32_t num)
{
	return (uint64_t)s * 32 >= (uint64_t)a * num;
}

/* dropbear's failures are short: whether what was served, and `less`, is a number of them, and what was asked fits it. */
static bool dropbear_failures(const struct guess_try *t, uint32_t less)
{
	uint32_t served = SSH_BEGIN_SERVED, asked = SSH_BEGIN_ASKED, tries = 0;

	while (served < t->served + less) {
		served += SSH_DROPBEAR_FAILURE;
		asked += SSH_PASSWORD;
		tries++;
	}
	return served == t->served + less && tries && t->asked >= asked &&
	       t->asked <= asked + tries * (SSH_PASSWORD_MOST - SSH_PASSWORD);
}

static enum guess_shape ssh_shape(const struct guess_try *t, unsigned int excess)
{
	uint32_t a = t->asked, s = t->served;

	if (!t->keyed || a < SSH_LEAST_ASKED || s < SSH_LEAST_SERVED)
		return SHAPE_NOTHING;
	if (a <= SSH_ONE_ASKED && s <= SSH_ONE_SERVED)
		return SHAPE_FAILED;
	if (a <= SSH_TWO_ASKED && at_least(s, a, 26) && s <= SSH_ONE_SERVED)
		return SHAPE_FAILED;
	/* OpenSSH's failures are nearly as long as a password, and it allows six of them. */
	if (at_least(s, a, 29) && s <= a + SSH_SLACK && s <= SSH_SIX_SERVED)
		return SHAPE_FAILED;
	/* Too many for the server: a session's end is the client's. */
	if (t->by_self && a <= SSH_MOST_ASKED && at_least(s, a, 10) && s <= a + a / 8 + SSH_SLACK)
		return SHAPE_FAILED;
	if (a <= SSH_TEN_ASKED && dropbear_failures(t, 0))
		return SHAPE_FAILED;
	if (a <= SSH_TEN_ASKED && dropbear_failures(t, SSH_DROPBEAR_FAILURE - SSH_DROPBEAR_SUCCESS))
		return SHAPE_ADMITTED;
	return s > a + SSH_KEYS_SERVED + excess || (a > SSH_MOST_ASKED && !t->by_self) ?
		       SHAPE_SESSION :
		       SHAPE_NOTHING;
}

bool guess_shape_comparable(const struct guess_try *t)
{
	return t->asked >= SSH_LEAST_ASKED && t->asked <= SSH_TEN_ASKED;
}

unsigned int guess_shape_tries(const struct guess_try *t)
{
	uint32_t left = t->asked > SSH_BEGIN_ASKED ? t->asked - SSH_BEGIN_ASKED : 0;
	unsigned int tries = 0;

	if (t->service != GUESS_SSH)
		return t->refusals ? t->refusals : 1;
	for (; left >= SSH_PASSWORD && tries < 16; left -= SSH_PASSWORD)
		tries++;
	return tries ? tries : 1;
}

static bool plain_alike(const struct guess_try *t)
{
	return t->asked >= PLAIN_LEAST_ASKED && t->asked <= PLAIN_MOST_ASKED && t->served > 0 &&
	       t->served <= PLAIN_MOST_SERVED;
}

enum guess_shape guess_shape(const struct guess_try *t, unsigned int excess)
{
	switch ((enum guess_service)t->service) {
	case GUESS_SSH:
		return ssh_shape(t, excess);
	case GUESS_TELNET:
		if (t->refusals)
			return t->refused_last ? SHAPE_FAILED : SHAPE_NOTHING;
		return plain_alike(t) ? SHAPE_ALIKE : SHAPE_NOTHING;
	case GUESS_FTP:
	case GUESS_ADB:
		if (t->admitted)
			return SHAPE_SESSION;
		return t->refused_last ? SHAPE_FAILED : SHAPE_NOTHING;
	case GUESS_HTTP:
	case GUESS_RTSP:
		/* The first refusal is the question for a password (RFC 9110 §11.6.1). */
		if (t->refusals > 1)
			return t->refused_last ? SHAPE_FAILED : SHAPE_NOTHING;
		return t->refused_last ? SHAPE_ALIKE : SHAPE_NOTHING;
	case GUESS_MQTT:
		return t->refused_last ? SHAPE_ALIKE : SHAPE_NOTHING;
	case GUESS_OTHER:
	case GUESS_SERVICES:
		return t->refused_last || plain_alike(t) ? SHAPE_ALIKE : SHAPE_NOTHING;
	}
	return SHAPE_NOTHING;
}
