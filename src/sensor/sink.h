/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sink: one finding in, its event out to every configured output.
 */
#ifndef MIMAMORI_SENSOR_SINK_H
#define MIMAMORI_SENSOR_SINK_H

#include "sensor/eve.h"
#include "sensor/output.h"

struct helper_client;
struct sensor_config;

struct sink {
	struct eve_context ctx;
	struct output output[OUTPUT_MAX];
	unsigned int n_outputs;
	struct output *terminal; /* the one that shows the status line, or NULL */
	uint64_t overflowed; /* events that did not fit a line: none, unless by mistake */
	struct event event; /* here, not on the stack: too large for a signal's or a small one */
};

/* A free output to initialise, or NULL when all OUTPUT_MAX are in use. Borrowed. */
struct output *sink_add(struct sink *s);

/* Outputs as the configuration asks for them, if it does (sink-outputs.c). 0 or -errno, which has been said. */
int sink_add_file(struct sink *s, const struct sensor_config *config, struct helper_client *helper);
int sink_add_syslog(struct sink *s, const struct sensor_config *config, const char *device);
void sink_add_stdout(struct sink *s, const struct sensor_config *config);

/* For engine_params.emit; arg is the sink. */
void sink_emit(const struct finding *f, enum finding_phase phase, void *arg);
void sink_emit_flood(const struct flood *f, enum finding_phase phase, void *arg); /* .emit_flood */

/* For engine_params.emit_guess. */
void sink_emit_guess(const struct guess *g, enum finding_phase phase, void *arg);

/* For ladder_params.tell. */
void sink_emit_source(struct sink *s, const struct ladder_change *change);

void sink_reopen(struct sink *s);
void sink_close(struct sink *s);

#endif
