/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One failed login counts once, however many tell it.
 *
 * Theory of operation
 * -------------------
 * A wrong password at login(1) is told by PAM, by login itself, and in btmp; with a journal and
 * rsyslog side by side each of that twice. They tell it in any order and some seconds apart; PAM
 * tells all but the first of a connection at its end. No field is common to all but service and
 * peer.
 *
 * What is common is that each *voice* (a kind of words, in one log) tells a failure at most once.
 * So there have been as many failures as the voice that told most has told. For each service and
 * peer the table keeps how far each voice is behind the foremost; a telling that only catches up
 * is not news. A voice is never taken to be more than AUTH_MERGE_LAG behind, since it may have
 * been silent for another reason; a peer of whom nothing is told for AUTH_MERGE_IDLE_NS begins
 * anew. That is longer than sshd lets a connection stay without a login (120 s).
 *
 * Successes are merged in the same way, apart from failures. The table is fixed; the longest
 * unused gives way, and then at most one login is counted twice.
 */
#ifndef MIMAMORI_SENSOR_AUTH_MERGE_H
#define MIMAMORI_SENSOR_AUTH_MERGE_H

#include "core/clock.h"
#include "sensor/auth-files.h"
#include "sensor/auth-line.h"

#define AUTH_MERGE_PEERS 32
#define AUTH_MERGE_LAG 60 /* six tries a connection, ten connections at a time: sshd's defaults */
#define AUTH_MERGE_IDLE_NS (150 * NS_PER_S)

struct auth_merge {
	struct auth_merge_peer {
		struct addr peer;
		uint64_t t_ns; /* last told; 0: free */
		uint8_t service, result;
		uint8_t behind[AUTH_FILES_MAX][AUTH_VOICES];
	} peer[AUTH_MERGE_PEERS];
};

/* How many of the line's `times` are news, 0 to all of them; `log` is where it was told. The
 * record's t_ns is set. */
unsigned int auth_merge(struct auth_merge *m, const struct auth_line *line, unsigned int log);

#endif
