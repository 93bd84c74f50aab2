/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files that put findings into words share: eve.c scans, eve-flood.c floods, eve-guess.c
 * password guessing.
 */
#ifndef MIMAMORI_SENSOR_EVE_INTERNAL_H
#define MIMAMORI_SENSOR_EVE_INTERNAL_H

#include "sensor/eve.h"

#include <stddef.h>

#define EVE_VERSION 1 /* of the "mimamori" object */
#define EVE_REVISION 1

extern const char *const eve_phase_names[]; /* by enum finding_phase */
extern const char *const eve_scopes[]; /* by enum finding_scope */

/* A member with the wall time of a clock time. */
void eve_write_time(struct event *ev, const struct eve_context *ctx, const char *key,
		    uint64_t t_ns);

/* Appends to a sentence, never past its end. */
void eve_add(char buf[EVE_TEXT_LEN], size_t *len, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* "in 3.2 s" */
void eve_add_duration(char buf[EVE_TEXT_LEN], size_t *len, uint64_t ns);

#endif
