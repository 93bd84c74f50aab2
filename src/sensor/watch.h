/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's process: unprivileged, it reads the source and writes events. All memory is taken
 * before the first packet; while nothing arrives it sleeps, with no timer but those that an open
 * finding needs.
 */
#ifndef MIMAMORI_SENSOR_WATCH_H
#define MIMAMORI_SENSOR_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct sensor_config;

struct watch_params {
	const struct sensor_config *config;
	bool foreground;
	int helper_fd; /* see helper.h */
	int null_fd; /* in the background: /dev/null, for standard input, output and error; -1: none */
	uint64_t alive_every_ns; /* the helper is told that the loop runs; 0: never */
};

/* Watches until told to stop, by signal or by the helper's end. Returns the exit status. */
int watch_main(const struct watch_params *params);

#endif
