/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A source of probes: a backend that sees traffic and hands struct packet to the engine.
 *
 * Sources are a table of functions behind one struct; adding one is a file and a row in
 * source_table (source.c). Which of them watches is decided by ladder.h.
 */
#ifndef MIMAMORI_SENSOR_SOURCE_H
#define MIMAMORI_SENSOR_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;
struct host;
struct listeners;
struct clock;
struct helper_client;
struct kernel_counter_files;
struct sensor_config;

struct source_stats {
	uint64_t packets; /* reached the source */
	uint64_t parsed; /* handed to the engine */
	uint64_t ignored; /* nothing for detection */
	uint64_t truncated, malformed, pending; /* see enum packet_result */
	uint64_t lost; /* the kernel had no room for, by its own count */
	uint64_t shed; /* times that load had to be shed */
	uint64_t sampled; /* packets that passed only to be counted: part of parsed */
	uint64_t resampled; /* times that the ratio of sampling changed */
	uint64_t held_back; /* of no passage to user space: the next of their kind stands for them */
	uint64_t unasked; /* samples whose socket was not looked for: there were too many */
};

/* What a live source is given. All borrowed for the source's life. */
struct source_env {
	const struct sensor_config *config;
	struct host *host;
	struct listeners *listeners;
	struct clock *clock;
	struct kernel_counter_files *counters; /* the kernel's own; may be NULL */
	struct helper_client *helper; /* NULL: in tests that have none */
	uint32_t seed; /* random: of hashes that nobody outside may guess */
	int privileged_fd; /* the descriptor the helper opened for this source; the source's once started */
};

struct source {
	const struct source_ops *ops;
	void *state;
	uint64_t lag_ns; /* a packet may be this old when it is handed over; set by start() */
	uint64_t due_ns; /* clock time to call read() at even if nothing waits, 0: never; set by read() */
	const char *
		blind; /* it lives and sees nothing: why; NULL: it sees. Set by start(), reconfigure() */
};

struct source_ops {
	const char *name; /* as in --source */
	const char *cannot_see; /* one sentence for the operator, said at start */
	bool lazy; /* what waits does not always make the descriptor readable: read() before time passes */
	/* Runs in the privileged helper: opens what needs privilege, ring and all, and returns the
	 * descriptor, or -errno with a sentence in error that says what, why and what to do: which
	 * capability or kernel option is missing. May run again, under the list of system calls
	 * (syscalls.h), when the source has died. */
	int (*open_privileged)(const struct sensor_config *config, char *error, size_t error_len);
	/* NULL where there is no need. Likewise in the helper, after it: a second descriptor; what is attached to
	 * interfaces follows them as they are now; all is let go of. */
	int (*second_privileged)(char *error, size_t error_len);
	int (*follow_privileged)(const struct sensor_config *config, char *error, size_t error_len);
	void (*close_privileged)(void);
	/* Runs in the engine's process, unprivileged, and at a later start under its list of system
	 * calls. 0 or -errno with a sentence in error: then privileged_fd stays the caller's. */
	int (*start)(struct source *s, const struct source_env *env, char *error, size_t error_len);
	/* Hands everything that waits to engine_packet(), when the descriptor polled readable, or when due.
	 * Returns how many packets it handed over, or -errno when the source is dead. */
	int (*read)(struct source *s, struct engine *engine);
	/* Links, addresses or listeners changed: adapt the filter. 0 or -errno. */
	int (*reconfigure)(struct source *s);
	int (*fd)(const struct source *s); /* to poll for reading */
	void (*stats)(struct source *s, struct source_stats *out);
	void (*stop)(struct source *s);
};

/* NULL-terminated, best first: the ladder that `auto` climbs down (ladder.h). */
extern const struct source_ops *const source_table[];

const struct source_ops *source_named(const char *name);

/* May the source of this name watch, where `wanted` is configured: its name, or auto? */
bool source_may_be(const char *wanted, const char *name);

extern const struct source_ops source_packet;
extern const struct source_ops source_bpf; /* where the build has clang */

#endif
