/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the shape of one connection to a login service says of how the login went.
 *
 * Theory of operation
 * -------------------
 * ssh. Sizes are counted from the client's NEWKEYS (login.h), so that neither the program nor the algorithms of
 * the key exchange matter. What follows of a failed login is, measured in bytes of the peer / of this side:
 *
 *     service request 44 / 44, method "none" 68 / F, each password 84..148 / F
 *
 * where F, the answer "failure", is 52 (dropbear) to 96 (OpenSSH with counter-mode ciphers). So what is served of
 * failures alone is one of a few numbers, and of so many passwords the bytes asked are within narrow bounds
 * and whole blocks apart; sessions nearly never meet both. The tools' own ways (dialects) are a table: "none" once, before every
 * password, never; passwords padded by OpenSSH's library; the server's good-bye as the last answer, or none. One or two passwords
 * are told in any dialect, since no session asks as little. A session has other messages: OpenSSH's server tells its
 * host keys (some 600 bytes), a channel takes 36 to 124 bytes a message both ways; a key's signature makes 220 and
 * more of the peer's bytes. docs/guessing.md has the table of what was measured. What is neither counts for nobody.
 *
 * Others. What is refused in clear text tells itself; the last thing that was served being a refusal, the connection
 * failed. Of telnet without any such words, and of configured ports, only streaks of the alike tell.
 */
#ifndef MIMAMORI_SENSOR_GUESS_SHAPE_H
#define MIMAMORI_SENSOR_GUESS_SHAPE_H

#include "core/addr.h"

#include <stdbool.h>
#include <stdint.h>

/* A connection to a login service that has ended, its handshake proven. */
struct guess_try {
	struct addr peer, self;
	uint16_t peer_port, port;
	uint8_t service; /* enum guess_service */
	bool keyed; /* ssh: asked and served count from NEWKEYS */
	bool by_self; /* this side ended it first */
	bool refused_last; /* the last that was served was a refusal in clear text */
	bool admitted; /* a success was seen in clear text; http: something else was served first */
	bool repeated; /* http, rtsp: refusals followed each other; those are counted */
	uint8_t refusals; /* in clear text */
	uint32_t asked, served; /* bytes of the peer, of this side */
	uint32_t served_early; /* ssh: what the peer had received when it said good-bye first; else all */
	uint32_t asked_after, served_after; /* those after the last refusal */
	uint32_t age_ms;
};

enum guess_shape {
	SHAPE_NOTHING, /* no login was tried, or nothing tells */
	SHAPE_FAILED,
	SHAPE_ALIKE, /* a failure if many others are just so, and no two ask quite the same */
	SHAPE_ADMITTED, /* likewise failures, but for the last: and then nothing was done */
	SHAPE_SESSION, /* somebody got in */
};

struct guess_reading {
	enum guess_shape shape;
	unsigned int tries; /* passwords, at least 1 where there is a shape of failures */
	bool passwords; /* ssh: several, and certainly no keys: those are what an agent offers by itself */
	bool unanswered; /* the last password was, if it is read right */
	bool greeted; /* after "success" came host keys, if it is read right */
	uint8_t failure; /* ssh: bytes of the answer to a password, 0 where no dialect fits */
};

/*
 * Of the peer's failures so far, excess: by how much more was served than asked at most: an ssh banner; failure: the
 * size of the answer to a password, 0 where none was read.
 */
struct guess_reading guess_shape(const struct guess_try *t, unsigned int excess,
				 unsigned int failure);

/* Has an ssh connection the size of one with passwords, whatever they came to? */
bool guess_shape_comparable(const struct guess_try *t);

#endif
