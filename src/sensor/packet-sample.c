/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/packet-sample.h"

#include "core/clock.h"

#define WINDOW_NS (PACKET_SAMPLE_WINDOW_MS * NS_PER_MS)
#define SHORTEST_NS (10 * NS_PER_MS) /* of a window that is full early */

void packet_sample_init(struct packet_sample *s, uint32_t first, uint32_t max, uint64_t quiet_ns,
			uint64_t now_ns)
{
	*s = (struct packet_sample){
		.first = first,
		.max = max,
		.quiet_ns = quiet_ns,
		.one_in = first,
		.before = first,
		.changed_ns = now_ns,
		.since_ns = now_ns,
	};
}

uint32_t packet_sample_see(struct packet_sample *s, uint64_t t_ns)
{
	uint32_t stands_for = t_ns < s->changed_ns ? s->before : s->one_in;

	/* What comes after silence is new: the silence is no part of its rate. */
	if (!s->samples && t_ns > s->since_ns + WINDOW_NS)
		s->since_ns = t_ns;
	s->last_ns = t_ns;
	s->samples++;
	s->taken++;
	s->packets += stands_for;
	return stands_for;
}

/* The smallest that is enough for so many packets a second. */
static uint32_t enough_for(const struct packet_sample *s, uint64_t per_second)
{
	uint32_t n = s->first;

	while (n < s->max && per_second > (uint64_t)n * PACKET_SAMPLE_AIM)
		n *= 2;
	return n;
}

bool packet_sample_choose(struct packet_sample *s, uint64_t now_ns)
{
	uint64_t elapsed_ns = now_ns > s->since_ns + SHORTEST_NS ? now_ns - s->since_ns :
								   SHORTEST_NS;
	uint32_t n = s->one_in;
	uint64_t samples;

	if (!s->first || now_ns < s->changed_ns + WINDOW_NS)
		return false;
	if (elapsed_ns < WINDOW_NS && s->samples <= PACKET_SAMPLE_MOST)
		return false;
	/* As if all had been taken at the ratio that holds now. */
	samples = s->packets / n * NS_PER_S / elapsed_ns;
	if (samples > PACKET_SAMPLE_MOST || samples < PACKET_SAMPLE_LEAST)
		n = enough_for(s, s->packets * NS_PER_S / elapsed_ns);
	if (now_ns >= s->last_ns + s->quiet_ns)
		n = s->first;
	s->since_ns = now_ns;
	s->packets = s->samples = 0;
	if (n == s->one_in)
		return false;
	s->before = s->one_in;
	s->one_in = n;
	s->changes++;
	return true;
}

void packet_sample_changed(struct packet_sample *s, uint64_t now_ns)
{
	s->changed_ns = s->since_ns = now_ns;
}

uint64_t packet_sample_due(const struct packet_sample *s)
{
	uint64_t quiet_ns = s->last_ns + s->quiet_ns, change_ns = s->changed_ns + WINDOW_NS;

	if (s->one_in == s->first)
		return 0;
	return quiet_ns > change_ns ? quiet_ns : change_ns;
}
