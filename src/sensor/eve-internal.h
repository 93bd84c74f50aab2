/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files that put findings into words share (eve-frame.c): eve.c scans, eve-flood.c floods, eve-guess.c
 * password guessing, eve-source.c what watches.
 */
#ifndef MIMAMORI_SENSOR_EVE_INTERNAL_H
#define MIMAMORI_SENSOR_EVE_INTERNAL_H

#include "sensor/eve.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVE_NAMES 2

extern const char *const eve_scopes[]; /* by enum finding_scope */

struct eve_flow {
	struct addr src, dst;
	bool has_ports;
	uint16_t sport, dport;
	const char *proto;
};

struct eve_alert {
	unsigned int sid, severity;
	const char *signature, *category;
	const char *tactic[EVE_NAMES], *technique[EVE_NAMES]; /* ids of ATT&CK, NULL: no more */
	const char *technique_name[EVE_NAMES];
};

/* Whom a finding is about: one peer, or a group with some of its members. */
struct eve_peers {
	uint8_t scope; /* enum finding_scope */
	struct prefix prefix;
	unsigned int count;
	const struct addr *sample;
	unsigned int sampled;
};

/* Event type and timestamp: now_ns is clock time. */
void eve_begin(struct event *ev, const struct eve_context *ctx, const char *type, uint64_t now_ns);

/* The unspecified address of this one's family. */
struct addr eve_nobody(struct addr like);

void eve_write_flow(struct event *ev, const struct eve_flow *flow);
void eve_write_alert(struct event *ev, const struct eve_alert *alert);

/* The object that eve_end() closes. */
void eve_begin_mimamori(struct event *ev, const char *kind);

/* Phase, finding, sequence. */
void eve_write_identity(struct event *ev, enum finding_phase phase, uint64_t id, uint32_t sequence);
void eve_write_peers(struct event *ev, const struct eve_peers *peers);

/* A member with the wall time of a clock time. */
void eve_write_time(struct event *ev, const struct eve_context *ctx, const char *key,
		    uint64_t t_ns);

/* The line; its length or -EOVERFLOW. */
int eve_end(struct event *ev, const struct eve_context *ctx, const char *source);

/* Time of day and lead. Returns the length so far. */
size_t eve_begin_text(char buf[EVE_TEXT_LEN], const struct eve_context *ctx, const char *lead);

/* Appends to a sentence, never past its end. */
void eve_add(char buf[EVE_TEXT_LEN], size_t *len, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* "192.0.2.0/24 (9 addresses)" */
void eve_add_peers(char buf[EVE_TEXT_LEN], size_t *len, const struct eve_peers *peers);

/* "in 3.2 s" */
void eve_add_duration(char buf[EVE_TEXT_LEN], size_t *len, uint64_t ns);

#endif
