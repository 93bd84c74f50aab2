/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame of every event, whatever it tells of.
 */
#include "sensor/eve-internal.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define EVE_VERSION 1 /* of the "mimamori" object */
#define EVE_REVISION 1

static const char *const phase_names[] = {
	[FINDING_NOTICE] = "notice",
	[FINDING_START] = "start",
	[FINDING_UPDATE] = "update",
	[FINDING_END] = "end",
};

const char *const eve_scopes[] = {
	[FINDING_HOST] = "host",
	[FINDING_PREFIX] = "prefix",
	[FINDING_DISTRIBUTED] = "distributed",
	[FINDING_DECOYS] = "decoys",
};

unsigned int eve_severity(enum finding_phase phase)
{
	switch (phase) {
	case FINDING_START:
	case FINDING_UPDATE:
		return 2;
	case FINDING_END:
		return 3;
	case FINDING_NOTICE:
		return 4;
	}
	return 4;
}

void eve_write_time(struct event *ev, const struct eve_context *ctx, const char *key, uint64_t t_ns)
{
	char text[CLOCK_TIMESTAMP_LEN];

	event_text(ev, key, clock_format(clock_to_wall(ctx->clock, t_ns), text));
}

void eve_begin(struct event *ev, const struct eve_context *ctx, const char *type, uint64_t now_ns)
{
	event_begin(ev);
	eve_write_time(ev, ctx, "timestamp", now_ns);
	event_text(ev, "event_type", type);
}

struct addr eve_nobody(struct addr like)
{
	return addr_is_v4(like) ? addr_from_v4(0) : (struct addr){ 0, 0 };
}

void eve_write_flow(struct event *ev, const struct eve_flow *flow)
{
	char text[ADDR_STRLEN];

	event_text(ev, "src_ip", addr_format(flow->src, text));
	if (flow->has_ports)
		event_u64(ev, "src_port", flow->sport);
	event_text(ev, "dest_ip", addr_format(flow->dst, text));
	if (flow->has_ports)
		event_u64(ev, "dest_port", flow->dport);
	event_text(ev, "proto", flow->proto);
}

static void write_names(struct event *ev, const char *key, const char *const name[EVE_NAMES])
{
	event_array(ev, key);
	for (unsigned int i = 0; i < EVE_NAMES && name[i]; i++)
		event_text(ev, NULL, name[i]);
	event_close(ev);
}

void eve_write_alert(struct event *ev, const struct eve_alert *alert)
{
	event_object(ev, "alert");
	event_text(ev, "action", "allowed");
	event_u64(ev, "gid", EVE_GID);
	event_u64(ev, "signature_id", alert->sid);
	event_u64(ev, "rev", EVE_REVISION);
	event_text(ev, "signature", alert->signature);
	event_text(ev, "category", alert->category);
	event_u64(ev, "severity", alert->severity);
	event_object(ev, "metadata");
	write_names(ev, "mitre_tactic_id", alert->tactic);
	write_names(ev, "mitre_technique_id", alert->technique);
	write_names(ev, "mitre_technique_name", alert->technique_name);
	event_close(ev);
	event_close(ev);
}

void eve_begin_mimamori(struct event *ev, const char *kind)
{
	event_object(ev, "mimamori");
	event_u64(ev, "version", EVE_VERSION);
	event_text(ev, "kind", kind);
}

void eve_write_identity(struct event *ev, enum finding_phase phase, uint64_t id, uint32_t sequence)
{
	char text[17];

	event_text(ev, "phase", phase_names[phase]);
	snprintf(text, sizeof(text), "%016" PRIx64, id);
	event_text(ev, "finding", text);
	event_u64(ev, "sequence", sequence);
}

void eve_write_peers(struct event *ev, const struct eve_peers *peers)
{
	char text[PREFIX_STRLEN];

	event_text(ev, "peer_prefix", prefix_format(&peers->prefix, text));
	event_text(ev, "scope", eve_scopes[peers->scope]);
	if (peers->scope == FINDING_HOST)
		return;
	event_u64(ev, "peers", peers->count);
	event_array(ev, "peer_sample");
	for (unsigned int i = 0; i < peers->sampled; i++)
		event_text(ev, NULL, addr_format(peers->sample[i], text));
	event_close(ev);
}

int eve_end(struct event *ev, const struct eve_context *ctx, const char *source)
{
	event_text(ev, "source", source);
	event_text(ev, "device", ctx->device);
	event_close(ev);
	return event_end(ev);
}

void eve_add(char buf[EVE_TEXT_LEN], size_t *len, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf + *len, EVE_TEXT_LEN - *len, fmt, ap);
	va_end(ap);
	if (n > 0)
		*len += (size_t)n < EVE_TEXT_LEN - *len ? (size_t)n : EVE_TEXT_LEN - *len - 1;
}

size_t eve_begin_text(char buf[EVE_TEXT_LEN], const struct eve_context *ctx, const char *lead)
{
	char stamp[CLOCK_TIMESTAMP_LEN];
	size_t len = 0;

	clock_format(clock_to_wall(ctx->clock, ctx->clock->now_ns), stamp);
	buf[0] = '\0';
	eve_add(buf, &len, "%.8s  %s  ", stamp + 11, lead);
	return len;
}

void eve_add_peers(char buf[EVE_TEXT_LEN], size_t *len, const struct eve_peers *peers)
{
	char text[PREFIX_STRLEN];

	switch ((enum finding_scope)peers->scope) {
	case FINDING_HOST:
		eve_add(buf, len, "%s", addr_format(peers->prefix.addr, text));
		break;
	case FINDING_PREFIX:
		eve_add(buf, len, "%s (%u addresses)", prefix_format(&peers->prefix, text),
			peers->count);
		break;
	case FINDING_DISTRIBUTED:
	case FINDING_DECOYS:
		eve_add(buf, len, "%u unrelated addresses", peers->count);
		break;
	}
}

void eve_add_duration(char buf[EVE_TEXT_LEN], size_t *len, uint64_t ns)
{
	double s = (double)ns / NS_PER_S;

	if (s < 0.0005)
		eve_add(buf, len, "at once");
	else if (s < 10)
		eve_add(buf, len, "in %.*f s", s < 0.095 ? 3 : 1, s);
	else if (s < 180)
		eve_add(buf, len, "in %.0f s", s);
	else if (s < 2 * 3600)
		eve_add(buf, len, "in %.0f min", s / 60);
	else
		eve_add(buf, len, "in %.1f h", s / 3600);
}
