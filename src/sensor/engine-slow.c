/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slow floods of this host's own services: whose connections count.
 */
#include "sensor/engine-internal.h"

#include "core/clock.h"
#include "sensor/config.h"
#include "sensor/listeners.h"

/* What a flood of SYNs leaves half-open goes when the last of five repetitions was in vain, after 63 seconds
 * (ip-sysctl, tcp_synack_retries). */
#define LEFT_OVER_NS (70 * NS_PER_S)

static int list(void *owner, connection_fn *fn, void *arg)
{
	struct engine *e = owner;

	/* So that ours() finds it new enough, and does not ask the kernel within a listing. */
	listeners_refresh(e->listeners, e->clock->now_ns);
	return connections_list(e->listeners->fd, fn, arg);
}

static bool ours(const struct tcp_connection *c, void *owner)
{
	struct engine *e = owner;

	return listeners_lookup(e->listeners, false, c->self, c->port, e->clock->now_ns) ==
		       LISTENERS_OPEN &&
	       engine_watches(e, c->peer, c->self);
}

static bool drowned(struct addr self, void *owner)
{
	struct engine *e = owner;

	uint64_t over_ns = floods_over_ns(e->floods, FLOOD_LANE_SYN, self);

	return floods_suspects(e->floods, FLOOD_LANE_SYN, self) ||
	       (over_ns && e->clock->now_ns < over_ns + LEFT_OVER_NS);
}

void engine_slow_init(struct engine *e, const struct engine_params *params)
{
	struct slow_params slow = {
		.least = { params->config->flood_connections[0],
			   params->config->flood_connections[1] },
		.list = e->listeners && e->listeners->fd >= 0 ? list : NULL,
		.ours = ours,
		.drowned = drowned,
		.owner = e,
		.seed = params->seed,
		.emit = params->config->flood_enable ? params->emit_flood : NULL,
		.arg = params->arg,
	};

	slow_floods_init(&e->slow, &slow);
}
