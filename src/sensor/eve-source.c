/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sensor's own eyes in words: which source watches, and that none does.
 */
#include "sensor/eve-internal.h"

#include "core/clock.h"
#include "sensor/ladder.h"
#include "sensor/source.h"

unsigned int eve_severity_source(const struct ladder_change *change)
{
	switch (change->phase) {
	case LADDER_LOST:
		return 2;
	case LADDER_RESTORED:
	case LADDER_REPLACED:
		return 3;
	case LADDER_STARTED:
		return 4;
	}
	return 4;
}

static void write_refused(struct event *ev, const struct ladder_change *change)
{
	event_array(ev, "refused");
	for (unsigned int i = 0; i < change->n_refused; i++) {
		event_object(ev, NULL);
		event_text(ev, "source", change->refused[i].source);
		event_text(ev, "reason", change->refused[i].why);
		event_close(ev);
	}
	event_close(ev);
}

int eve_write_source(struct event *ev, const struct eve_context *ctx,
		     const struct ladder_change *change)
{
	bool watches = change->phase != LADDER_LOST;

	eve_begin(ev, ctx, "stats", ctx->clock->read_ns);
	eve_begin_mimamori(ev, "source");
	event_text(ev, "phase", ladder_phase_name(change->phase));
	if (watches) {
		event_text(ev, "cannot_see", change->source->cannot_see);
		write_refused(ev, change);
	}
	if (change->reason)
		event_text(ev, "reason", change->reason);
	if (change->before)
		event_text(ev, "before", change->before->name);
	if (change->phase == LADDER_RESTORED || change->phase == LADDER_REPLACED)
		event_u64(ev, "unwatched_ms", change->unwatched_ns / NS_PER_MS);
	return eve_end(ev, ctx, change->source->name);
}
