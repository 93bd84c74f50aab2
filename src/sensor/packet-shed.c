/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/packet-shed.h"

#include "core/clock.h"

/* Short enough to act within a flood's first tenth of a second, long enough that a scan of a
 * thousand ports in a burst is none. */
#define WINDOW_NS (100 * NS_PER_MS)
#define CALM_WINDOW_NS NS_PER_S
#define CALM_SHARE 4

bool packet_shed_count(struct packet_shed *s, uint64_t now_ns, uint64_t packets)
{
	uint64_t elapsed_ns = now_ns - s->since_ns;
	uint64_t rate;

	if (!s->per_second) {
		bool was_on = s->on;

		s->on = false;
		return was_on;
	}
	s->packets += packets;
	if (elapsed_ns < (s->on ? CALM_WINDOW_NS : WINDOW_NS))
		return false;
	rate = s->packets * NS_PER_S / elapsed_ns;
	s->since_ns = now_ns;
	s->packets = 0;
	if (!s->on && rate > s->per_second) {
		s->on = true;
		s->times++;
		return true;
	}
	if (s->on && rate < s->per_second / CALM_SHARE) {
		s->on = false;
		return true;
	}
	return false;
}
