/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Home: which addresses are watched over, and so which side of a contact can be an attacker.
 */
#ifndef MIMAMORI_SENSOR_HOME_H
#define MIMAMORI_SENSOR_HOME_H

#include "core/conf.h"

#include <stdbool.h>

struct host;

enum home_mode {
	HOME_HOST, /* live: this host's own addresses */
	HOME_GATEWAY, /* live: those, and the networks behind this host */
	HOME_GIVEN, /* replay with --home */
	HOME_INFERRED, /* replay without: any address may be one */
};

struct home {
	enum home_mode mode;
	const struct host *host; /* live modes; borrowed */
	struct conf_prefixes prefixes; /* GATEWAY (none: private networks), GIVEN */
};

enum home_side {
	HOME_INBOUND, /* target watched: judge the initiator */
	HOME_OUTBOUND, /* initiator is at home, target is not: its answers are expected */
	HOME_ELSEWHERE, /* none of our business: passing by, multicast, loopback */
};

/* What a contact from initiator to target means here. */
enum home_side home_side(const struct home *h, struct addr initiator, struct addr target);

/* Are one host's addresses watched, and nobody else's? In a capture, those that are named one by one. */
bool home_one_host(const struct home *h);

/* Does the host's own listing tell the outcome of a contact with this target? */
bool home_is_self(const struct home *h, struct addr target);

/* Is the peer, wherever it is, of the house: watched over itself, of a private network (a VPN, another
 * floor), or of self's own /24 or /64? */
bool home_own(const struct home *h, struct addr peer, struct addr self);

/* Are the two neighbours on one link, as far as can be told? */
bool home_on_link(const struct home *h, struct addr peer, struct addr self);

#endif
