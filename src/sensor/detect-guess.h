/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Password guessing: from logins that failed to findings.
 *
 * Theory of operation
 * -------------------
 * guess-shape.h says of one connection whether a login failed, guess-streak.h keeps how many did. Six that follow
 * each other fast are guessing, eight of slow ones, two fewer where the system's record says so. A
 * login that succeeds pardons three: who mistypes and then gets in is nobody's enemy. Who got in before others
 * failed is somebody else behind the same address (NAT), and his next session is no success of theirs.
 *
 * The narrowest explanation is told: one peer; else neighbours of one /24 or /64, three of them at least; else
 * strangers, at least five. Once told, the finding takes all failures that it explains, and those are in no wider streak. A
 * login that succeeds after that is told at once, and is the worst that the sensor tells of.
 */
#ifndef MIMAMORI_SENSOR_DETECT_GUESS_H
#define MIMAMORI_SENSOR_DETECT_GUESS_H

#include "sensor/auth.h"
#include "sensor/guess-shape.h"
#include "sensor/guess.h"

#include <stdint.h>

#define GUESS_FINDINGS 12 /* open at a time; the longest silent is closed early */
#define GUESS_GROWTH 10 /* told again when the tries have grown by this factor */
#define GUESS_QUIET_GAPS 8 /* silent for so many times its own mean gap, guessing has ended */
#define GUESS_MAX_QUIET_NS (2 * 3600ULL * 1000000000ULL)

struct guesses;

struct guess_stats {
	uint64_t opened, closed, succeeded;
	uint64_t failures; /* learnt of, in whatever way: never one twice */
	uint64_t evicted; /* findings closed early for want of a slot */
};

/* quiet_ns: the shortest silence that ends a finding. emit may be NULL. Owned; NULL with errno. */
struct guesses *guesses_new(uint64_t quiet_ns, uint64_t seed, guess_emit_fn *emit, void *arg);
void guesses_free(struct guesses *gs);

/* A connection to a login service ended. */
void guesses_ended(struct guesses *gs, const struct guess_try *t, uint64_t now_ns);

/* A login failed in clear text, within a connection that goes on; of t the sizes are those so far. */
void guesses_refused(struct guesses *gs, const struct guess_try *t, uint64_t now_ns);

/*
 * http: something else than a refusal was served. A program whose session is over asks for much at once, and
 * for things that need no login, too.
 */
void guesses_served(struct guesses *gs, const struct guess_try *t, uint64_t now_ns);

/* The system's record has a login. port: of the service; self: one of this host's addresses. */
void guesses_logged(struct guesses *gs, const struct auth_record *r, struct addr self,
		    uint16_t port, uint64_t now_ns);

/* Closes what has been silent long enough. Returns when to call again (clock time), 0: never. */
uint64_t guesses_expire(struct guesses *gs, uint64_t now_ns);

void guesses_close_all(struct guesses *gs);
unsigned int guesses_open(const struct guesses *gs);
void guesses_stats(const struct guesses *gs, struct guess_stats *out);

/* The chance that it is what it says, 0..1, for people. */
double guess_confidence(const struct guess *g);

#endif
