/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which interfaces are watched: those that are named, or all but those whose packets are seen elsewhere as well. */
#ifndef MIMAMORI_SENSOR_LINKS_H
#define MIMAMORI_SENSOR_LINKS_H

#include "sensor/host.h"

#include <stdbool.h>

struct sensor_config;

/* Is an interface of this name in the configuration? */
bool link_named(const struct sensor_config *config, const char *name);

/* Is this one watched? A member of something named as well is not. */
bool link_watched(const struct sensor_config *config, const struct host *h,
		  const struct host_link *link);

#endif
