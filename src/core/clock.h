/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sensor's one clock, in nanoseconds, which never runs backwards.
 *
 * Live it is CLOCK_BOOTTIME: it counts through suspend and no NTP step moves it. In replay it is
 * the capture's own time; real captures are not always in order, so an earlier packet is taken to
 * happen now. wall_offset_ns turns a clock time into Unix time for people and events.
 */
#ifndef MIMAMORI_CORE_CLOCK_H
#define MIMAMORI_CORE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_S 1000000000ULL
#define NS_PER_MS 1000000ULL
#define CLOCK_TIMESTAMP_LEN 32 /* "2026-11-22T10:11:12.123456+0000" and its NUL */

struct clock {
	uint64_t now_ns;
	uint64_t read_ns; /* live: CLOCK_BOOTTIME when it was last read; 0 in replay */
	int64_t wall_offset_ns; /* Unix time minus clock time */
	uint64_t backwards; /* how many times a time was earlier than the one before */
};

/* Starts at zero: the first clock_advance() sets it. For replay (offset 0: time is Unix time). */
void clock_init_replay(struct clock *c);
/* Starts at CLOCK_BOOTTIME and measures the offset to CLOCK_REALTIME. */
void clock_init_live(struct clock *c);
/*
 * Reads both kernel clocks again: once per batch of packets, so that a stepped wall clock shows.
 * Does not move now_ns: packets that waited still happened at their own times.
 */
void clock_sync_live(struct clock *c);
/* Syncs and moves to the present: for timers, when no packet tells the time. Returns now_ns. */
uint64_t clock_catch_up(struct clock *c);

/* Moves to t_ns unless that is in the past; returns the time that now holds. */
uint64_t clock_advance(struct clock *c, uint64_t t_ns);

/*
 * The clock time of a packet that the kernel stamped with Unix time wall_ns. Live it is never
 * before now_ns nor after the last reading of the clock, whatever the wall clock did since.
 */
uint64_t clock_from_wall(const struct clock *c, uint64_t wall_ns);
uint64_t clock_to_wall(const struct clock *c, uint64_t t_ns);

/* ISO 8601 in UTC with microseconds, as Suricata's EVE writes it. Returns buf. */
const char *clock_format(uint64_t wall_ns, char buf[CLOCK_TIMESTAMP_LEN]);

#endif
