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
#define SSH_PASSWORD 84 /* one of usual length, with the user's name */
#define SSH_FIVE_SERVED 356 /* chacha20-poly1305: five failures, and "none" */
#define SSH_GOODBYE_MORE 24 /* OpenSSH's last word is longer than a failure by so much */
#define SSH_DROPBEAR_SUCCESS_LESS 16 /* and dropbear's success is shorter */

#define PLAIN_MOST_ASKED 400
#define PLAIN_LEAST_ASKED 10
#define PLAIN_MOST_SERVED 2000

/* Sizes of a login after NEWKEYS, in bytes, where a server offers "publickey,password". */
struct ssh_sizes {
	uint32_t begin_asked,
		begin_served; /* service request and method "none", and their answers */
	uint32_t password, password_most; /* with the user's name */
	uint32_t failure;
	uint32_t closing; /* the client's good-bye */
};

static const struct ssh_sizes chacha = { SSH_BEGIN_ASKED, 96, 72, 108, 52, 0 };
/* Counter mode with HMAC-SHA2-256, as libssh2 likes it. */
static const struct ssh_sizes counter = { 144, 144, 76, 112, 80, 80 };

/* s at least num/32 of a */
static bool at_least(uint32_t s, uint32_t a, uint32_t num)
{
	return (uint64_t)s * 32 >= (uint64_t)a * num;
}

/*
 * Is what was served just so many failures, and fits what was asked so many passwords? Where a server offers few
 * methods its failures are short, and small sessions are not far from them: so it has to be exact.
 */
static bool failures(uint32_t asked, uint32_t served, const struct ssh_sizes *z)
{
	uint32_t least = z->begin_asked, most = least, sum = z->begin_served;
	unsigned int tries = 0;

	for (; sum < served; sum += z->failure, tries++) {
		least += z->password;
		most += z->password_most;
	}
	return sum == served && tries && asked >= least && asked <= most + z->closing;
}

/* The last of five passwords or more is answered by a good-bye (OpenSSH). */
static bool ended_by_limit(const struct guess_try *t)
{
	return t->served >= SSH_FIVE_SERVED + SSH_GOODBYE_MORE &&
	       failures(t->asked, t->served - SSH_GOODBYE_MORE, &chacha);
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
	if (a <= SSH_TEN_ASKED && (failures(a, s, &chacha) || ended_by_limit(t)))
		return SHAPE_FAILED;
	if (failures(a, s, &counter))
		return SHAPE_FAILED;
	if (a <= SSH_TEN_ASKED && failures(a, s + SSH_DROPBEAR_SUCCESS_LESS, &chacha))
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
		if (t->admitted)
			return SHAPE_SESSION;
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
