/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slow floods: few packets that use up what a service has room for. Handshakes begun and never finished
 * (half-open), and connections held open that ask for nothing, or never come to an end of it (held).
 *
 * Theory of operation
 * -------------------
 * No rate tells them. But the kernel knows every connection: how often it has repeated a SYN/ACK in
 * vain, what either side has sent, and how long ago. So connections that begin and end are
 * counted, which costs nothing; when SLOW_LOOK more of them are open than usual, the kernel is asked, after
 * SLOW_LOOK_NS and twice more, each time after twice as long, so that none is too young to be judged. There is no timer
 * while few are open, nor when what is open has been found ordinary.
 *
 * Half-open: the SYN/ACK has been repeated twice in vain, which takes three seconds. Held: for SLOW_HELD_MS the
 * peer has asked nothing; or it asks, little, and has been served nothing for so long. Many idle connections are
 * ordinary – brokers, long polling, logs – but they are of many peers, few each, and there were as many
 * before: so it takes SLOW_EACH a peer, or SLOW_SPREAD times as many, and more than three times what is usual.
 */
#ifndef MIMAMORI_SENSOR_SLOW_FLOOD_H
#define MIMAMORI_SENSOR_SLOW_FLOOD_H

#include "sensor/connections.h"
#include "sensor/flood.h"

#include <stdbool.h>
#include <stdint.h>

#define SLOW_LOOK 24 /* connections more than usual */
#define SLOW_LOOK_NS 4000000000ULL
#define SLOW_LOOK_LAST_NS (4 * SLOW_LOOK_NS) /* the third look comes so long after the second */
#define SLOW_OPEN_NS 4000000000ULL /* between looks while a flood is open */
#define SLOW_HELD_MS 10000
#define SLOW_LITTLE 4096 /* bytes asked: more is no unfinished question */
#define SLOW_EACH 8
#define SLOW_SPREAD 4
#define SLOW_PORTS 16 /* flooded at a time; others are left out (counted) */
#define SLOW_PEERS \
	256 /* connections of which the peers are kept, for a while, when a flood is told */
#define SLOW_KINDS 2

struct slow_params {
	uint32_t least
		[SLOW_KINDS]; /* connections that are a flood at the least: half-open, held; 0: not looked for */
	/* As connections_list(); NULL: nothing is looked for. */
	int (*list)(void *owner, connection_fn *fn, void *arg);
	/* Is it a connection to a service that is watched, of a peer that is judged? */
	bool (*ours)(const struct tcp_connection *c, void *owner);
	/* Is there a fast flood of SYNs towards self? Then half-open ones are its doing. */
	bool (*drowned)(struct addr self, void *owner);
	void *owner;
	uint64_t seed;
	flood_emit_fn *emit; /* NULL: nothing is looked for */
	void *arg;
};

struct slow_stats {
	uint64_t opened, closed;
	uint64_t looks; /* at the kernel's table */
	uint64_t failures; /* it could not be read */
	uint64_t left_out; /* ports */
	unsigned int open; /* now */
};

struct slow_flood {
	bool open;
	uint64_t report_at, peak;
	struct flood f;
};

/* Embedded: no memory of its own. */
struct slow_floods {
	struct slow_params params;
	uint64_t opened, ended; /* connections, since the latest look */
	uint64_t usual[SLOW_KINDS]; /* learnt, in sixteenths of a connection */
	uint64_t known; /* open at the latest look */
	uint64_t calm; /* so many open are no reason to look */
	uint64_t look_ns, wait_ns; /* when to look, 0: not; how long was waited */
	uint32_t made;
	struct slow_flood flood[SLOW_KINDS];
	struct slow_stats stats;
};

void slow_floods_init(struct slow_floods *s, const struct slow_params *params);

/* A connection to a service began, or ended. */
static inline void slow_floods_opened(struct slow_floods *s)
{
	s->opened++;
}

static inline void slow_floods_ended(struct slow_floods *s)
{
	s->ended++;
}

/* Looks if it is time. When to call again even if no packet comes (clock time), 0: never. */
uint64_t slow_floods_tick(struct slow_floods *s, uint64_t now_ns);

/* The end: closes all. */
void slow_floods_finish(struct slow_floods *s, uint64_t now_ns);

#endif
