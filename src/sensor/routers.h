/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The routers of this host's links: who asks the link for its neighbours on behalf of others.
 *
 * Read from /proc/net/route and /proc/net/ipv6_route (proc(5)), which need no privilege, when
 * somebody asks and at most once in ROUTERS_MIN_AGE_S. Both stay open, since the engine can open nothing
 * later. Without /proc there are none.
 */
#ifndef MIMAMORI_SENSOR_ROUTERS_H
#define MIMAMORI_SENSOR_ROUTERS_H

#include "core/addr.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define ROUTERS_MAX 8 /* more are left out */
#define ROUTERS_MAX_LINES 256 /* of each file: a full table of the Internet is not read */
#define ROUTERS_MIN_AGE_S 60
#define ROUTERS_BUFFER_BYTES 512

struct routers {
	uint64_t read_ns; /* clock time, 0: never */
	unsigned int count;
	struct addr router[ROUTERS_MAX];
	FILE *v4, *v6; /* the tables; NULL: none */
	char buffer[2][ROUTERS_BUFFER_BYTES]; /* theirs */
};

/* Opens the tables. Embedded; routers_done() closes them. Zeroed instead, it holds no router. */
void routers_init(struct routers *rs);
void routers_done(struct routers *rs);

/* Is a one of them? May read them again. */
bool routers_hold(struct routers *rs, struct addr a, uint64_t now_ns);

/* Adds the gateways of a routing table in the kernel's text form. For routers_hold(), and tests. */
void routers_read_v4(struct routers *rs, FILE *from);
void routers_read_v6(struct routers *rs, FILE *from);

#endif
