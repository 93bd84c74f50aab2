/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the sensor has to say about its own work: the summary at the end and the status line.
 */
#ifndef MIMAMORI_SENSOR_SUMMARY_H
#define MIMAMORI_SENSOR_SUMMARY_H

#include "sensor/auth-log.h"
#include "sensor/engine.h"
#include "sensor/sink.h"
#include "sensor/source.h"

#include <stdio.h>

#define STATUS_LEN 200

/* The closing summary: what was seen, found, left out. watched_ns: how long, live or captured. */
void summary_print(FILE *to, const struct source_stats *source, const struct engine_stats *engine,
		   const struct sink *sink, uint64_t watched_ns);

/* What was read of the system's record of logins; nothing when that told of none. */
void summary_logs(FILE *to, const struct auth_log_stats *logs);

/* One line for the terminal. Returns buf. */
const char *status_line(char buf[STATUS_LEN], const struct source_stats *source,
			const struct engine_stats *engine, unsigned int open_findings);

#endif
