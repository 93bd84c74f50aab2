/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's process: unprivileged, it reads the source and writes events. All memory is taken
 * before the first packet; while nothing arrives it sleeps, with no timer but those that an open
 * finding needs.
 */
#ifndef MIMAMORI_SENSOR_WATCH_H
#define MIMAMORI_SENSOR_WATCH_H

#include <stdbool.h>

struct sensor_config;

/* Watches until told to stop, by signal or by the helper's end. helper_fd: see helper.h. Returns
 * the exit status. */
int watch_main(const struct sensor_config *config, bool foreground, int helper_fd);

#endif
