/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine: packets in, findings out. Live and replay run the very same path.
 *
 * Theory of operation
 * -------------------
 * A packet that opens something (SYN, odd flags, UDP, ...) is a contact between an initiator and a
 * target. Where the target is this host, its own listing of listeners tells the outcome at once,
 * provisionally: a SYN/ACK from a port without a listener overturns "closed" (ports published by
 * DNAT), a RST confirms it. Where somebody else may answer for this host (engine_awaits()), closed is
 * said only after a RST, or CONTACTS_WAIT_SELF_NS. Elsewhere the answers tell, or their absence
 * after CONTACTS_WAIT_NS.
 * Each first contact in vain is evidence against the initiator; detect-scan.h weighs it.
 *
 * A peer with one contact in vain waits with the doorkeeper (newcomers.h); the trie holds those that
 * came again, their neighbours, and those that proved their address by a finished handshake. They are
 * three classes with quotas of their own, so that spoofed newcomers push out none but each other.
 */
#ifndef MIMAMORI_SENSOR_ENGINE_H
#define MIMAMORI_SENSOR_ENGINE_H

#include "core/trie.h"
#include "sensor/detect-flood.h"
#include "sensor/detect-guess.h"
#include "sensor/finding.h"
#include "sensor/flood.h"
#include "sensor/guess.h"
#include "sensor/home.h"
#include "sensor/slow-flood.h"

#include <stddef.h>
#include <stdint.h>

struct auth_record;
struct engine;
struct packet;
struct clock;
struct listeners;
struct sensor_config;

enum engine_class { ENGINE_NEW, ENGINE_SUSPECT, ENGINE_KNOWN };

/* All pointers borrowed for the engine's life. */
struct engine_params {
	const struct sensor_config *config;
	struct clock *clock;
	struct listeners *listeners; /* NULL in replay: no ground truth */
	struct home home;
	unsigned int contacts; /* capacity; 0: config's */
	uint64_t seed; /* random, so that nobody can aim at a hash bucket */
	finding_emit_fn *emit;
	flood_emit_fn *emit_flood; /* NULL: floods are not told */
	guess_emit_fn *emit_guess; /* NULL: guessing is not told */
	void *arg; /* of all three */
};

struct engine_stats {
	uint64_t first_ns; /* clock time of the first packet */
	uint64_t packets; /* taken */
	uint64_t contacts; /* first contacts with what is watched */
	uint64_t failed; /* of them in vain */
	uint64_t knocks; /* contacts in vain that were steps of a knock sequence: not counted as failed */
	uint64_t overturned; /* said closed by the listing, then answered */
	uint64_t forgotten; /* peers with one contact that gave way: counted in their prefix since */
	uint64_t backscatter; /* TCP and ICMP answers to what nobody here had sent */
	uint64_t reflected; /* likewise answers of UDP services */
	uint64_t hurried; /* contacts settled early because the table was full */
	uint64_t decoys_crowded; /* groups of decoys that gave way to newer ones */
	struct trie_stats trie;
	struct finding_stats findings;
	struct flood_stats floods;
	struct slow_stats slow;
	struct guess_stats guesses;
};

/* Takes all memory it will ever use. Owned; NULL with errno. */
struct engine *engine_new(const struct engine_params *params);
void engine_free(struct engine *e);

/* Takes one packet, on the engine's clock (the source has advanced it to p->t_ns). No allocation. */
void engine_packet(struct engine *e, const struct packet *p);

/*
 * Settles what time alone decides: answers that did not come, findings that fell silent. Returns
 * the clock time at which to call it again even if no packet comes, or 0 when there is nothing to
 * wait for. Called after each batch, and by the timer.
 */
uint64_t engine_tick(struct engine *e);

/* The system's record has a login to this host. Whatever is learnt of it by packets as well counts once. */
void engine_auth(struct engine *e, const struct auth_record *r);

/*
 * The source sees again, after a while in which it did not: of contacts that waited for their answer then,
 * nothing is concluded.
 */
void engine_unwatched(struct engine *e);

/* The end: settles every open contact, closes every finding. */
void engine_finish(struct engine *e);

void engine_stats(const struct engine *e, struct engine_stats *out);
unsigned int engine_open_findings(const struct engine *e);

#endif
