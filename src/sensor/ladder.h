/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ladder of sources: which one watches, and what happens when it dies.
 *
 * Theory of operation
 * -------------------
 * The rows of a table of sources, best first, are rungs. `auto` takes the first that opens and starts;
 * a source asked for by name is the only rung. Why each better rung was refused is kept, since a user who
 * wonders why the sensor costs more than it might has no other way to learn it.
 *
 * A source is dead when read() says so, when its descriptor hangs up, or when that polls an error that
 * reading does not clear. Then the rungs are tried again from the best on, the dead one among them. One
 * that dies again before it has settled (LADDER_SETTLED_NS) is left out of the next try: the others
 * replace it at once. When none works, or deaths come fast, nothing watches: that is told, and
 * tried again after a pause that doubles from LADDER_PAUSE_NS to LADDER_PAUSE_MAX_NS. Only then does a
 * timer run.
 *
 * A source may also live and see nothing (source.blind): the interfaces that it was asked for are gone. That is
 * told likewise, and again when they are back.
 */
#ifndef MIMAMORI_SENSOR_LADDER_H
#define MIMAMORI_SENSOR_LADDER_H

#include "sensor/source.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;

#define LADDER_RUNGS_MAX 8
#define LADDER_REASON_LEN 256
#define LADDER_SETTLED_NS 60000000000ULL
#define LADDER_AT_ONCE 4 /* deaths in a row before each waits for the pause */
#define LADDER_PAUSE_NS 1000000000ULL
#define LADDER_PAUSE_MAX_NS 60000000000ULL
#define LADDER_ERRORS_MAX 8 /* times in a row that an error may poll without a packet */

enum ladder_phase {
	LADDER_STARTED,
	LADDER_LOST, /* nothing is watched */
	LADDER_RESTORED, /* by the source that watched before */
	LADDER_REPLACED, /* by another */
};

/* Something to tell. All borrowed for the call. */
struct ladder_change {
	enum ladder_phase phase;
	const struct source_ops *source; /* LOST: what watched; else what watches now */
	const struct source_ops *before; /* REPLACED: what watched until then; else NULL */
	const char *reason; /* why it was lost; NULL: STARTED */
	uint64_t unwatched_ns; /* RESTORED, REPLACED: how long nothing was watched */
	unsigned int n_refused; /* better ones that are not used; none: LOST */
	struct ladder_refusal {
		const char *source, *why;
	} refused[LADDER_RUNGS_MAX];
};

struct ladder_params {
	const struct source_ops *const *table; /* NULL-terminated, at most LADDER_RUNGS_MAX */
	const char *wanted; /* "auto" or a name */
	/* Each source gets a copy, with its own privileged_fd. Its clock's reading is the present. */
	struct source_env env;
	/* What needs privilege, of rung `index`: a descriptor, or -errno with a sentence. */
	int (*open)(unsigned int index, char reason[LADDER_REASON_LEN], void *arg);
	/* The descriptor is to be polled from now on: 0 or -errno; it is not to be polled any more. */
	int (*attach)(int fd, void *arg);
	void (*detach)(int fd, void *arg);
	void (*tell)(const struct ladder_change *change, void *arg);
	void *arg;
};

/* Embedded; large, for reasons are sentences. */
struct ladder {
	struct ladder_params p;
	struct source source; /* ops NULL: none watches */
	unsigned int index; /* of what runs, or ran */
	unsigned int watched; /* of what watched last */
	bool lost; /* it is told that nothing watches */
	unsigned int deaths; /* in a row, none of them having settled */
	unsigned int errors; /* polled in a row */
	uint64_t started_ns, lost_ns; /* clock readings, live */
	uint64_t retry_ns; /* 0: not to be tried again */
	struct source_stats before; /* of those that died */
	char reason[LADDER_REASON_LEN]; /* of the latest loss */
	char refusal[LADDER_RUNGS_MAX][LADDER_REASON_LEN]; /* "": not tried, or not refused */
};

/* Takes the best source that works, and logs which and why. 0, or -ENODEV when none does (logged). */
int ladder_start(struct ladder *l, const struct ladder_params *params);
void ladder_stop(struct ladder *l);

/* When the descriptor polled these epoll events, or the source is due; finds another if it is dead. */
void ladder_read(struct ladder *l, struct engine *engine, uint32_t epoll_events);

/* The clock time to call ladder_timer() at, 0: never. */
uint64_t ladder_due(const struct ladder *l);
void ladder_timer(struct ladder *l, struct engine *engine);

/* Before time passes: takes what waits unannounced (source_ops.lazy). */
void ladder_catch_up(struct ladder *l, struct engine *engine);

/* Links, addresses or listeners changed. 0 or -errno: the source cannot follow, and there is no other; else that is
 * its end. */
int ladder_reconfigure(struct ladder *l);

bool ladder_watches(const struct ladder *l); /* something does, and is not blind */
uint64_t ladder_lag(const struct ladder *l); /* source.lag_ns, 0 when none watches */
/* Of all sources so far. */
void ladder_stats(struct ladder *l, struct source_stats *out);

const char *ladder_phase_name(enum ladder_phase phase);

#endif
