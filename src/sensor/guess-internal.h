/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by detect-guess.c, which weighs what is learnt of logins, and guess-finding.c, which keeps and tells
 * the findings.
 */
#ifndef MIMAMORI_SENSOR_GUESS_INTERNAL_H
#define MIMAMORI_SENSOR_GUESS_INTERNAL_H

#include "sensor/detect-guess.h"
#include "sensor/guess-streak.h"

struct guess_finding {
	bool used;
	uint8_t level; /* enum streak_level */
	struct prefix block; /* whose failures it takes: a peer, a /24 or /64, all */
	uint64_t report_at;
	uint64_t peers[4]; /* of a group: sketch of its peers, see sketch_linear() */
	struct guess g;
};

struct guesses {
	guess_emit_fn *emit;
	void *arg;
	uint64_t quiet_ns, seed;
	uint64_t due_ns; /* nothing expires earlier; 0: none in use */
	uint32_t made;
	unsigned int used;
	struct guess_stats stats;
	struct guess_finding slot[GUESS_FINDINGS];
	struct streaks streaks;
};

_Static_assert(sizeof(struct guesses) <= 24 * 1024, "memory is counted in kilobytes");

/* 2^20 ns for a millisecond, as flow.c has it. */
static inline uint32_t guess_ms(uint64_t now_ns)
{
	return (uint32_t)(now_ns >> 20);
}

/* The streak's finding, or NULL. Borrowed. */
struct guess_finding *guess_finding_of(struct guesses *gs, const struct streak *s);

/* Begins one with what the streak holds. shows_failure: not only alike, but known to have failed. */
void guess_finding_open(struct guesses *gs, struct streak *s, const struct guess_try *t,
			bool shows_failure, uint64_t now_ns);

/* Its streak holds more. */
void guess_finding_go_on(struct guesses *gs, struct guess_finding *f, const struct streak *s,
			 const struct guess_try *t, uint64_t now_ns);

/* The peer got in; logged: the system's record says so. Told once, and once more when the record confirms it. */
void guess_finding_got_in(struct guesses *gs, struct guess_finding *f, const struct guess_try *t,
			  bool logged, uint64_t now_ns);

#endif
