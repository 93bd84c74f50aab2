/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How few of the packets that are only counted have to be looked at: bulk traffic, and floods that look like it.
 *
 * Theory of operation
 * -------------------
 * The filter passes one bulk packet in N, at random; each stands for N. A packet socket's block is handed over
 * when it is full or after a second, so samples cost a wakeup a second at most, however many they are: but each
 * costs time. So N doubles until a second brings between PACKET_SAMPLE_LEAST and PACKET_SAMPLE_MOST of them:
 * enough to know a rate to 15-25 %, and too few to feel. It starts at `first`, small enough for a flood of some
 * hundred packets a second to show within the first, and so that ordinary life never changes it: a new
 * filter costs as much as a hundred samples.
 *
 * Rates are taken on packets. But traffic that ends, ends in silence, and then a large N would hide
 * what begins next: while N is larger than first, and only then, the source asks to be called
 * (packet_sample_due()).
 */
#ifndef MIMAMORI_SENSOR_PACKET_SAMPLE_H
#define MIMAMORI_SENSOR_PACKET_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#define PACKET_SAMPLE_LEAST 16 /* a second */
#define PACKET_SAMPLE_MOST 128 /* a second, or within one: above, N grows */
#define PACKET_SAMPLE_AIM 64 /* it becomes such that at most so many a second are expected */
#define PACKET_SAMPLE_WINDOW_MS 1000 /* and the shortest time between two changes */

struct packet_sample {
	uint32_t first, max; /* powers of two; first 0: nothing is sampled */
	uint64_t quiet_ns;
	uint32_t one_in, before; /* now, and until changed_ns */
	uint64_t changed_ns; /* clock time at which the filter changed */
	uint64_t last_ns; /* of the newest sample */
	uint64_t changes, taken; /* counters */
	/* Of the window that is being counted: */
	uint64_t since_ns, packets;
	uint32_t samples;
};

/* quiet_ns: so long without a sample is silence; more than packets lie in the ring. */
void packet_sample_init(struct packet_sample *s, uint32_t first, uint32_t max, uint64_t quiet_ns,
			uint64_t now_ns);

/* Counts a sample of time t_ns; for how many packets it stands. */
uint32_t packet_sample_see(struct packet_sample *s, uint64_t t_ns);

/*
 * Looks at the window, after a batch or when due. True when one_in has changed: the caller puts it into the
 * filter, and calls packet_sample_changed() at the time it is there.
 */
bool packet_sample_choose(struct packet_sample *s, uint64_t now_ns);
void packet_sample_changed(struct packet_sample *s, uint64_t now_ns);

/* Clock time at which packet_sample_choose() wants to be called even if no packet comes, 0: never. */
uint64_t packet_sample_due(const struct packet_sample *s);

#endif
