/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Findings in words: as an EVE JSON line for machines, as a sentence for people.
 *
 * The form is described in mimamori-events(7) and checked by docs/eve.schema.json.
 */
#ifndef MIMAMORI_SENSOR_EVE_H
#define MIMAMORI_SENSOR_EVE_H

#include "core/event.h"
#include "sensor/finding.h"
#include "sensor/flood.h"
#include "sensor/guess.h"

#define EVE_GID 4230
#define EVE_SID_SCAN 1001 /* plus enum probe_kind */
#define EVE_SID_FLOOD 1101 /* plus enum flood_kind */
#define EVE_SID_GUESS 1201 /* plus enum guess_service */
#define EVE_SID_GUESSED 1301 /* plus enum guess_service: guessing succeeded */
#define EVE_SID_FEW 1901
#define EVE_TEXT_LEN 320

struct clock;
struct ladder_change;

struct eve_context {
	const struct clock *clock;
	const char *source, *device;
};

/* Writes the line; its length or -EOVERFLOW. */
int eve_write(struct event *ev, const struct eve_context *ctx, const struct finding *f,
	      enum finding_phase phase);

/* One sentence, safe to show on a terminal. Returns buf. */
const char *eve_text(char buf[EVE_TEXT_LEN], const struct eve_context *ctx, const struct finding *f,
		     enum finding_phase phase);

/* Likewise of floods (eve-flood.c). */
int eve_write_flood(struct event *ev, const struct eve_context *ctx, const struct flood *f,
		    enum finding_phase phase);
const char *eve_text_flood(char buf[EVE_TEXT_LEN], const struct eve_context *ctx,
			   const struct flood *f, enum finding_phase phase);
/* Likewise for password guessing (eve-guess.c). */
int eve_write_guess(struct event *ev, const struct eve_context *ctx, const struct guess *g,
		    enum finding_phase phase);
const char *eve_text_guess(char buf[EVE_TEXT_LEN], const struct eve_context *ctx,
			   const struct guess *g, enum finding_phase phase);
unsigned int eve_severity_guess(const struct guess *g, enum finding_phase phase);

/* Which source watches, or that none does (eve-source.c): for machines only, people have the log. */
int eve_write_source(struct event *ev, const struct eve_context *ctx,
		     const struct ladder_change *change);
unsigned int eve_severity_source(const struct ladder_change *change);

/* 1 worst .. 4, as in EVE. */
unsigned int eve_severity(enum finding_phase phase);

#endif
