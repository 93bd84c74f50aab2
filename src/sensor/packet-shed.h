/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When to shed load: under a flood the host's own answers are half of all packets, and tell nothing
 * that its listing of listeners does not tell. They are left out above a rate, and seen again
 * once it has fallen to a quarter. The source sheds nothing where others may answer for the host. Rates are taken on packets, not by a timer.
 */
#ifndef MIMAMORI_SENSOR_PACKET_SHED_H
#define MIMAMORI_SENSOR_PACKET_SHED_H

#include <stdbool.h>
#include <stdint.h>

struct packet_shed {
	uint32_t per_second; /* shed above this many packets a second; 0: never */
	bool on;
	uint64_t since_ns, packets; /* of the window that is being counted */
	uint64_t times; /* how often it began */
};

/* Counts a batch that was read at now_ns. True when `on` has changed. */
bool packet_shed_count(struct packet_shed *s, uint64_t now_ns, uint64_t packets);

#endif
