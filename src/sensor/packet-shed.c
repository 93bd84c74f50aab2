/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/packet-shed.h"

#include "core/clock.h"

#include <string.h>

/* Short enough to act within a flood's first tenth of a second, long enough that a scan of a
 * thousand ports in a burst is none. */
#define WINDOW_NS (100 * NS_PER_MS)
#define CALM_WINDOW_NS NS_PER_S
#define CALM_SHARE 4
/* Of the rate: what is asked for less often is no part of the flood, and its answers are cheap. */
#define FLOOD_SHARE 8

_Static_assert(PACKET_SHED_SLOTS == 1 << (32 - 24), "a slot is found by the hash's upper bits");

void packet_shed_init(struct packet_shed *s, uint32_t per_second, uint32_t salt, uint64_t now_ns)
{
	memset(s, 0, sizeof(*s));
	s->per_second = per_second;
	s->salt = salt | 1;
	s->since_ns = now_ns;
}

/* As many packets in the window as the rate allows. After a long silence what comes at once is new. */
static uint64_t allowed(const struct packet_shed *s, uint64_t now_ns)
{
	uint64_t elapsed_ns = now_ns - s->since_ns;

	if (elapsed_ns > CALM_WINDOW_NS)
		elapsed_ns = CALM_WINDOW_NS;
	return elapsed_ns * s->per_second / NS_PER_S;
}

static void begin_window(struct packet_shed *s, uint64_t now_ns)
{
	if (s->openings)
		memset(s->slot, 0, sizeof(s->slot));
	s->since_ns = now_ns;
	s->packets = s->openings = 0;
}

bool packet_shed_count(struct packet_shed *s, uint64_t now_ns, uint64_t packets)
{
	s->packets += packets;
	if (!s->per_second)
		return s->on;
	if (now_ns - s->since_ns < (s->on ? CALM_WINDOW_NS : WINDOW_NS))
		return false;
	if (s->on || s->packets > allowed(s, now_ns))
		return true;
	begin_window(s, now_ns);
	return false;
}

static bool was_shed(const struct packet_shed *s, uint16_t port)
{
	for (unsigned int i = 0; i < s->n_ports; i++)
		if (s->port[i] == port)
			return true;
	return false;
}

static uint32_t votes(struct packet_shed *s, uint16_t port)
{
	const struct packet_shed_slot *slot = packet_shed_slot(s, port);

	return slot->port == port ? slot->votes : 0;
}

bool packet_shed_choose(struct packet_shed *s, uint64_t now_ns, const uint16_t *served,
			unsigned int n_served)
{
	uint64_t whole = allowed(s, now_ns), floor = whole / FLOOD_SHARE, explained = 0;
	bool flood = s->per_second && s->packets > (s->on ? whole / CALM_SHARE : whole);
	uint16_t port[FILTER_MAX_TCP_PORTS] = { 0 };
	unsigned int n = 0;
	bool refusals, changed;

	for (unsigned int i = 0; flood && i < n_served; i++) {
		uint32_t asked = votes(s, served[i]);

		explained += asked;
		if (n < FILTER_MAX_TCP_PORTS &&
		    asked > (was_shed(s, served[i]) ? floor / CALM_SHARE : floor))
			port[n++] = served[i];
	}
	refusals = flood && s->openings - explained > (s->refusals ? floor / CALM_SHARE : floor);
	changed = refusals != s->refusals || n != s->n_ports ||
		  memcmp(port, s->port, sizeof(port)) != 0;
	s->refusals = refusals;
	s->n_ports = n;
	memcpy(s->port, port, sizeof(port));
	s->times += !s->on && (refusals || n);
	s->on = refusals || n;
	begin_window(s, now_ns);
	return changed;
}
