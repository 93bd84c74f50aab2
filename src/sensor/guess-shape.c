/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/guess-shape.h"

#include "sensor/guess.h"

/* ssh, where no dialect fits: see the head of guess-shape.h. */
#define SSH_LEAST_ASKED 170 /* less: no password, only the question which methods there are */
#define SSH_LEAST_SERVED 64
#define SSH_ONE_ASKED 240 /* one password: the shortest key that is refused takes 244 */
#define SSH_TWO_ASKED 340 /* two: no session asks as little */
#define SSH_ONE_SERVED 3000 /* with a banner before it */
#define SSH_MOST_COMPARED 1100 /* ten passwords, as many as dropbear allows */
#define SSH_MOST_ASKED 2200 /* ten passwords, each sent in two ways */
#define SSH_FAILURES_SERVED \
	2060 /* ten passwords, "none" before each: bytes asked can be padded, these cannot */
#define SSH_KEYS_SERVED 300 /* of what OpenSSH's server tells in a session, host keys foremost */
#define SSH_PASSWORD 84 /* one of usual length, with the user's name */

/* In one connection: less may be a key that was refused, of a user with a long name. */
#define PADDED_FEWEST 3
#define UNANSWERED_FROM 4 /* passwords: a person may leave before the answer to a few */
#define GREETED_FROM 2 /* tries: with one it may be anybody who logs in and leaves */
#define GOODBYE_FROM 3 /* tries: no server is known to allow fewer */

#define OPENSSH_SUCCESS 28 /* what tells OpenSSH's server in a dialect: dropbear's is longer */

#define PLAIN_MOST_ASKED 400
#define PLAIN_LEAST_ASKED 10
#define PLAIN_MOST_SERVED 2000

enum manner {
	ONCE, /* method "none" first, then passwords */
	PADDED, /* passwords only, as OpenSSH's library sends them */
	ALONE, /* passwords only */
	EACH, /* method "none" before every password */
};

/*
 * Sizes of messages on the wire, in bytes (RFC 4253 §6): 4 + payload padded to blocks + tag, by cipher.
 * The failure's is that of the list of methods which may go on: "publickey,password", or keyboard-interactive too.
 */
struct dialect {
	uint8_t manner;
	uint8_t service; /* the request, and the answer */
	uint8_t none, none_most; /* method "none", by the user's name */
	uint8_t password, password_most; /* with the user's name */
	uint8_t step; /* of both: the cipher's block; OpenSSH's library hides the length of passwords */
	uint8_t failure;
	uint8_t goodbye; /* in place of the last failure, when those were too many (OpenSSH) */
	uint8_t success, success_tries; /* and after how many tries at most */
	uint8_t closing; /* the client's good-bye */
	uint8_t most; /* tries that a server allows */
};

/* chacha20-poly1305, as of libssh (hydra), OpenSSH (ncrack); counter mode with hmac-sha2-256, as of libssh2 (medusa). */
static const struct dialect dialects[] = {
	{ ONCE, 44, 60, 76, 76, 100, 8, 52, 76, OPENSSH_SUCCESS, 6, 0, 10 },
	{ ONCE, 44, 60, 76, 76, 100, 8, 52, 76, 36, 10, 0, 10 }, /* dropbear's success */
	{ ONCE, 44, 60, 76, 76, 100, 8, 76, 76, OPENSSH_SUCCESS, 6, 0, 6 },
	{ PADDED, 44, 0, 0, 84, 148, 64, 52, 76, 28, 6, 0, 6 },
	{ PADDED, 44, 0, 0, 84, 148, 64, 76, 76, 28, 6, 0, 6 },
	{ EACH, 64, 80, 96, 96, 112, 16, 80, 96, 48, 10, 64, 10 },
	{ EACH, 64, 80, 96, 96, 112, 16, 96, 96, 48, 6, 64, 6 },
	{ ALONE, 64, 0, 0, 96, 112, 16, 80, 96, 48, 2, 0, 2 }, /* more may be a session */
	{ ALONE, 64, 0, 0, 96, 112, 16, 96, 96, 48, 2, 0, 2 },
};

/* Is what was asked so many passwords and "none"s? closing: with the client's good-bye or without. */
static bool asks(const struct dialect *d, uint32_t asked, unsigned int nones,
		 unsigned int passwords)
{
	uint32_t least = d->service + nones * d->none + passwords * d->password;
	uint32_t most = d->service + nones * d->none_most + passwords * d->password_most;

	return asked >= least && asked <= most + d->closing && (asked - least) % d->step == 0;
}

/* The passwords among so many messages that were answered; of *nones the others. */
static unsigned int passwords_of(const struct dialect *d, unsigned int answers, unsigned int *nones)
{
	switch ((enum manner)d->manner) {
	case ONCE:
		*nones = 1;
		return answers - 1;
	case EACH:
		*nones = (answers + 1) / 2;
		return answers / 2;
	case PADDED:
	case ALONE:
		break;
	}
	*nones = 0;
	return answers;
}

/* Keys that are refused look much alike, at times. */
static bool padded_for_sure(const struct dialect *d, uint32_t asked, unsigned int tries,
			    bool goodbye)
{
	if (tries == 1)
		return asked == d->service + d->password;
	return tries >= PADDED_FEWEST && (goodbye || tries < d->most);
}

/* One password more was asked than answered: by the tool's end, or the server's. */
static bool may_lack_answer(const struct dialect *d, unsigned int answers, unsigned int tries)
{
	switch ((enum manner)d->manner) {
	case EACH:
		return answers % 2 == 1;
	case PADDED:
		return tries >= PADDED_FEWEST;
	case ONCE:
		return tries >= UNANSWERED_FROM;
	case ALONE:
		break;
	}
	return false;
}

/* Failures alone, the last of them perhaps a good-bye. */
static struct guess_reading failures(const struct dialect *d, const struct guess_try *t,
				     unsigned int answers, bool goodbye)
{
	const struct guess_reading nothing = { .shape = SHAPE_NOTHING };
	unsigned int nones, tries = passwords_of(d, answers, &nones);

	if (tries > d->most || (goodbye && tries < GOODBYE_FROM))
		return nothing;
	if (tries && asks(d, t->asked, nones, tries) &&
	    (d->manner != PADDED ||
	     padded_for_sure(d, t->asked, tries, goodbye || d->goodbye == d->failure)))
		return (struct guess_reading){ SHAPE_FAILED, tries, tries > 1,
					       .failure = d->failure };
	/* Messages are odd multiples of half a step: so no keys that were all answered look like this. */
	if (!goodbye && tries < d->most && may_lack_answer(d, answers, tries) &&
	    asks(d, t->asked, nones, tries + 1))
		return (struct guess_reading){ SHAPE_FAILED, tries + 1, true, .unanswered = true,
					       .failure = d->failure };
	return nothing;
}

/* Failures, but for the last. */
static struct guess_reading admitted(const struct dialect *d, const struct guess_try *t,
				     unsigned int answers)
{
	unsigned int nones, tries = passwords_of(d, answers, &nones) + 1;

	if ((d->manner == EACH && answers % 2 == 0) || (d->manner == ONCE && answers == 0) ||
	    tries > d->success_tries || !asks(d, t->asked, nones, tries))
		return (struct guess_reading){ .shape = SHAPE_NOTHING };
	return (struct guess_reading){ SHAPE_ADMITTED, tries, true, .failure = d->failure };
}

/* Is what was served just so many messages of the dialect, and fits what was asked? */
static struct guess_reading read_as(const struct dialect *d, const struct guess_try *t)
{
	struct guess_reading r = { .shape = SHAPE_NOTHING };
	unsigned int n = 0;

	for (uint32_t sum = d->service; sum <= t->served && n <= 2U * d->most;
	     sum += d->failure, n++) {
		if (n && sum == t->served)
			r = failures(d, t, n, false);
		else if (sum + d->goodbye == t->served)
			r = failures(d, t, n + 1, true);
		else if (sum + d->success == t->served)
			r = admitted(d, t, n);
		if (r.shape != SHAPE_NOTHING)
			return r;
	}
	return r;
}

static unsigned int tries_asked(uint32_t asked)
{
	unsigned int tries = asked / SSH_PASSWORD;

	return tries > 2 ? tries - 1 : 1;
}

/* Where two dialects fit, failures are likelier, and most if all were answered. */
static struct guess_reading read_in_any(const struct guess_try *t)
{
	struct guess_reading r = { .shape = SHAPE_NOTHING };

	for (unsigned int i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
		struct guess_reading one = read_as(&dialects[i], t);

		if (one.shape == SHAPE_FAILED && !one.unanswered)
			return one;
		if (one.shape == SHAPE_FAILED ||
		    (one.shape != SHAPE_NOTHING && r.shape != SHAPE_FAILED))
			r = one;
	}
	return r;
}

/*
 * Hydra's way: OpenSSH's server has told its host keys when the tool leaves, as it does at once after "success" (PROTOCOL
 * §2.5): Ed25519, and before it ECDSA, RSA of 2048 and 3072 bits.
 */
static struct guess_reading read_greeted(const struct guess_try *t, const struct dialect *d)
{
	static const uint16_t host_keys[] = { 116, 220, 396, 500, 524, 628 };
	struct guess_reading r = { .shape = SHAPE_NOTHING };

	for (unsigned int i = 0; i < sizeof(host_keys) / sizeof(host_keys[0]); i++) {
		uint32_t rest = (uint32_t)d->service + d->success + host_keys[i];

		if (t->served < rest || (t->served - rest) % d->failure)
			continue;
		r = admitted(d, t, (t->served - rest) / d->failure);
		if (r.shape != SHAPE_NOTHING)
			return r;
	}
	return r;
}

/* A password that was not answered is told from host keys by how the server answered before. */
static struct guess_reading read_best(const struct guess_try *t, unsigned int failure)
{
	struct guess_reading r = read_in_any(t);

	if (r.shape != SHAPE_NOTHING && !r.unanswered)
		return r;
	for (unsigned int i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
		const struct dialect *d = &dialects[i];
		struct guess_reading one;

		if (d->manner != ONCE || d->success != OPENSSH_SUCCESS ||
		    (failure && failure != d->failure))
			continue;
		one = read_greeted(t, d);
		if (one.shape == SHAPE_NOTHING || one.tries < GREETED_FROM)
			continue;
		one.greeted = true;
		return one;
	}
	return r;
}

/*
 * A tool that was let in leaves while the server still tells its host keys; one that has found a password elsewhere
 * does not wait for answers. So there are two readings, as of its good-bye and as of this side's.
 */
static struct guess_reading in_dialect(const struct guess_try *t, unsigned int failure)
{
	struct guess_reading r = read_best(t, failure), early;
	struct guess_try then = *t;

	if (t->served_early == t->served)
		return r;
	then.served = t->served_early;
	early = read_best(&then, failure);
	return early.shape == SHAPE_ADMITTED || r.shape == SHAPE_NOTHING ? early : r;
}

static struct guess_reading ssh_shape(const struct guess_try *t, unsigned int excess,
				      unsigned int failure)
{
	struct guess_reading r = { .shape = SHAPE_NOTHING };
	uint32_t a = t->asked, s = t->served;

	if (!t->keyed || s < SSH_LEAST_SERVED)
		return r;
	r = in_dialect(t, failure);
	if (r.shape != SHAPE_NOTHING)
		return r;
	if (a < SSH_LEAST_ASKED)
		return r;
	r.tries = tries_asked(a);
	/* The answers of two failures are nearly as long as those. */
	if (s <= SSH_ONE_SERVED &&
	    (a <= SSH_ONE_ASKED || (a <= SSH_TWO_ASKED && (uint64_t)s * 32 >= (uint64_t)a * 26)))
		r.shape = SHAPE_FAILED;
	else if (s > a + SSH_KEYS_SERVED + excess ||
		 (a > SSH_MOST_ASKED && s > SSH_FAILURES_SERVED + excess && !t->by_self))
		r.shape = SHAPE_SESSION;
	return r;
}

bool guess_shape_comparable(const struct guess_try *t)
{
	return t->asked >= SSH_LEAST_ASKED && t->asked <= SSH_MOST_COMPARED;
}

static bool plain_alike(const struct guess_try *t)
{
	return t->asked >= PLAIN_LEAST_ASKED && t->asked <= PLAIN_MOST_ASKED && t->served > 0 &&
	       t->served <= PLAIN_MOST_SERVED;
}

static enum guess_shape plain_shape(const struct guess_try *t)
{
	switch ((enum guess_service)t->service) {
	case GUESS_SSH:
		break;
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
		if (t->admitted)
			return SHAPE_NOTHING;
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

struct guess_reading guess_shape(const struct guess_try *t, unsigned int excess,
				 unsigned int failure)
{
	if (t->service == GUESS_SSH)
		return ssh_shape(t, excess, failure);
	return (struct guess_reading){ .shape = plain_shape(t),
				       .tries = t->refusals ? t->refusals : 1 };
}
