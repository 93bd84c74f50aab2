/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streaks: failed logins that belong together, by peer, by prefix and by service.
 *
 * Every failure is entered three times: for its peer, for the peer's /24 or /64, and for the service as a
 * whole, since guessing is divided among neighbours and among strangers. There are three ways to learn of one:
 * a connection ended like a failure, its refusal was seen in clear text, the system's record has it.
 * Each way counts by itself, and a streak is as long as the longest count, so that nothing counts
 * twice however it was learnt.
 *
 * Only what has finished a handshake gets here, so that forged addresses push out nobody. Of a full class
 * gives way who has fewest failures, and of those the oldest; never who has a finding.
 */
#ifndef MIMAMORI_SENSOR_GUESS_STREAK_H
#define MIMAMORI_SENSOR_GUESS_STREAK_H

#include "core/addr.h"

#include <stdbool.h>
#include <stdint.h>

#define STREAKS_HOST 80
#define STREAKS_PREFIX 24
#define STREAKS_ALL 8
#define STREAKS (STREAKS_HOST + STREAKS_PREFIX + STREAKS_ALL)
#define STREAK_SHAPES 4
#define STREAK_PEERS 8
#define STREAK_FORGET_MS (30 * 60 * 1000) /* after such a pause a streak is none any more */
#define STREAK_FAST_MS 15000 /* failures less apart than this on average are fast */
#define STREAK_RUN_MS \
	600 /* refusals of a run are less apart: no person, and no program that waits */
#define STREAK_PARDON 3 /* so many failures a login makes up for: a person mistypes */
#define STREAK_PARDON_MOST \
	6 /* of one peer; more only as time passes: who may log in may guess, too */
#define STREAK_PARDON_MS 20000 /* until one more is made up for */

enum streak_level { STREAK_HOST, STREAK_PREFIX, STREAK_ALL };

enum streak_way { STREAK_ENDED, STREAK_SEEN, STREAK_LOGGED, STREAK_WAYS };

struct streak {
	struct addr who; /* of a prefix: its first; of ALL: :: */
	uint32_t first_ms, last_ms;
	uint32_t ended_ms; /* when the connection that failed last ended */
	uint32_t many_ms;
	uint16_t port;
	uint8_t service, level;
	bool used;
	uint8_t finding; /* its number and one; 0: none */
	uint8_t sizes; /* how many of shape[] are in use */
	uint8_t peers; /* of a group: how many of peer[] are in use */
	bool maybe; /* ssh: before any failure, one may have tried many passwords and got in */
	uint8_t run; /* refusals at once, of requests that hardly differ, until now */
	bool guest; /* somebody was let in before there were many failures: there may be several behind the address */
	uint8_t pardoned; /* failures that logins have made up for; one is forgotten in STREAK_PARDON_MS */
	uint32_t pardon_ms; /* since when */
	bool users; /* the record has failures of several names */
	uint32_t user; /* the hash of the last of them, 0: not told */
	bool served; /* http: something else was served, too */
	uint16_t run_asked;
	uint32_t run_ms; /* when it was refused last */
	bool many; /* ssh: one had more passwords than a person tries; many_ms: when it ended, the last of them */
	uint8_t failure; /* ssh: bytes of the answer to a password, as read last; 0: not known */
	bool odd; /* one was answered otherwise than others that asked just the same: it got in */
	uint16_t count[STREAK_WAYS]; /* failures, by enum streak_way */
	uint32_t connections, tries;
	uint16_t key_port; /* ssh: the peer's port whose login by key the system's record had last */
	/* telnet: the most that was served, and asked, before a connection's first refusal, and between two */
	uint16_t dialog[2], typed[2];
	uint16_t least[2], most[2]; /* asked and served, of connections */
	uint16_t excess; /* ssh: by how much more was served than asked at most, of failures: a banner */
	struct {
		uint16_t asked, served;
	} shape[STREAK_SHAPES];
	uint16_t peer[STREAK_PEERS]; /* hashes */
};

struct streaks {
	struct streak slot[STREAKS];
};

/* The streak, or NULL. One that is too old has ended. Borrowed. */
struct streak *streaks_find(struct streaks *ss, enum streak_level level, struct addr peer,
			    uint16_t port, uint32_t now_ms);

/* Likewise, begun if there is none. NULL when all others have findings. */
struct streak *streaks_get(struct streaks *ss, enum streak_level level, struct addr peer,
			   uint16_t port, uint8_t service, uint32_t now_ms);

/* n failures more, learnt in this way. */
void streak_add(struct streak *s, enum streak_way way, unsigned int n, struct addr peer,
		uint32_t now_ms);

/*
 * A connection of these sizes ended. True when one that asked just the same was served otherwise, by as much as
 * ssh's "success" differs from "failure".
 */
bool streak_shape(struct streak *s, uint32_t asked, uint32_t served);

/* telnet: so much was asked and served before a refusal; again: since another of the same connection. */
void streak_dialog(struct streak *s, bool again, uint32_t asked, uint32_t served);

/*
 * Was more served than ever before a refusal? Not to somebody who typed more than once: he may have been refused in
 * other words, or they were not seen.
 */
bool streak_outgrown(const struct streak *s, bool again, uint32_t asked, uint32_t served);

/* A request of so many bytes was refused in clear text. */
void streak_run(struct streak *s, uint32_t asked, uint32_t now_ms);

/* How many of n failures of this peer a login makes up for now; they are taken off what it may have. */
unsigned int streak_excuse(struct streak *s, unsigned int n, uint32_t now_ms);

/* Somebody got in, who had failed so often before: no more than STREAK_PARDON. */
void streak_pardon(struct streak *s, unsigned int n);

/* Takes what another, narrower one holds out of it: that has a finding of its own. */
void streak_without(struct streak *s, const struct streak *narrower);

/* How long it is, and whether that is enough. varied: if its connections differ; alike: if they do by little. */
unsigned int streak_length(const struct streak *s);
bool streak_convinces(const struct streak *s, bool varied, bool alike);

#endif
