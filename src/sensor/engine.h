/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine: packets in, findings out. Live and replay run the very same path.
 */
#ifndef MIMAMORI_SENSOR_ENGINE_H
#define MIMAMORI_SENSOR_ENGINE_H

#include <stddef.h>
#include <stdint.h>

struct engine;
struct packet;

/* Takes one packet, on the engine's clock (the source has advanced it to p->t_ns). No allocation. */
void engine_packet(struct engine *e, const struct packet *p);

#endif
