/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which ports are of which login service, as configured.
 */
#ifndef MIMAMORI_SENSOR_GUESS_PORTS_H
#define MIMAMORI_SENSOR_GUESS_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#define GUESS_PORTS_MAX 64 /* of all services together */

struct sensor_config;

struct guess_ports {
	uint64_t mask; /* of their last six bits: most ports are none, and a look tells */
	unsigned int count;
	uint16_t port[GUESS_PORTS_MAX];
	uint8_t service[GUESS_PORTS_MAX]; /* enum guess_service */
};

void guess_ports_init(struct guess_ports *gp, const struct sensor_config *config);

/* The port's service and one; 0: none. */
uint8_t guess_ports_find(const struct guess_ports *gp, uint16_t port);

/* The first port of this service, for what is told without one; 0: none is configured. */
uint16_t guess_ports_first(const struct guess_ports *gp, uint8_t service);

#endif
