/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Password guessing in words. See eve.h.
 */
#include "sensor/eve.h"

#include "core/clock.h"
#include "sensor/detect-guess.h"
#include "sensor/eve-internal.h"

#include <stdio.h>

static const struct {
	const char *name; /* in events: stable */
	const char *title; /* for people */
} services[GUESS_SERVICES] = {
	[GUESS_TELNET] = { "telnet", "telnet" }, [GUESS_SSH] = { "ssh", "ssh" },
	[GUESS_FTP] = { "ftp", "FTP" },		 [GUESS_HTTP] = { "http", "HTTP" },
	[GUESS_MQTT] = { "mqtt", "MQTT" },	 [GUESS_RTSP] = { "rtsp", "RTSP" },
	[GUESS_ADB] = { "adb", "ADB" },		 [GUESS_OTHER] = { "other", "login" },
};

static const char *const outcomes[] = {
	[GUESS_FAILING] = "failing",
	[GUESS_ONGOING] = "ongoing",
	[GUESS_SUCCEEDED] = "succeeded",
};

static bool succeeded(const struct guess *g)
{
	return g->outcome == GUESS_SUCCEEDED;
}

unsigned int eve_severity_guess(const struct guess *g, enum finding_phase phase)
{
	return succeeded(g) && phase != FINDING_END ? 1 : eve_severity(phase);
}

static void write_flow(struct event *ev, const struct guess *g)
{
	char text[ADDR_STRLEN];

	event_text(ev, "src_ip", addr_format(g->last_peer, text));
	event_u64(ev, "src_port", g->last_port);
	event_text(ev, "dest_ip", addr_format(g->self, text));
	event_u64(ev, "dest_port", g->port);
	event_text(ev, "proto", "TCP");
}

static void write_names(struct event *ev, const char *key, const char *always, const char *also)
{
	event_array(ev, key);
	event_text(ev, NULL, always);
	if (also)
		event_text(ev, NULL, also);
	event_close(ev);
}

static void write_alert(struct event *ev, const struct guess *g, enum finding_phase phase)
{
	bool sprayed = g->scope != FINDING_HOST;
	char signature[80];

	snprintf(signature, sizeof(signature), "MIMAMORI %s password guessing%s%s",
		 services[g->service].title, succeeded(g) ? " succeeded" : "",
		 phase == FINDING_END ? (succeeded(g) ? ", ended" : " ended") : "");
	event_object(ev, "alert");
	event_text(ev, "action", "allowed");
	event_u64(ev, "gid", EVE_GID);
	event_u64(ev, "signature_id",
		  (succeeded(g) ? EVE_SID_GUESSED : EVE_SID_GUESS) + (unsigned int)g->service);
	event_u64(ev, "rev", EVE_REVISION);
	event_text(ev, "signature", signature);
	event_text(ev, "category",
		   succeeded(g) ? "Successful User Privilege Gain" :
				  "Attempted User Privilege Gain");
	event_u64(ev, "severity", eve_severity_guess(g, phase));
	event_object(ev, "metadata");
	write_names(ev, "mitre_tactic_id", "TA0006", succeeded(g) ? "TA0001" : NULL);
	write_names(ev, "mitre_technique_id", sprayed ? "T1110.003" : "T1110.001",
		    succeeded(g) ? "T1078" : NULL);
	write_names(ev, "mitre_technique_name", sprayed ? "Password_Spraying" : "Password_Guessing",
		    succeeded(g) ? "Valid_Accounts" : NULL);
	event_close(ev);
	event_close(ev);
}

static void write_peers(struct event *ev, const struct guess *g)
{
	char text[ADDR_STRLEN];

	event_text(ev, "scope", eve_scopes[g->scope]);
	if (g->scope == FINDING_HOST)
		return;
	event_u64(ev, "peers", g->peers);
	event_array(ev, "peer_sample");
	for (unsigned int i = 0; i < g->peers_sampled; i++)
		event_text(ev, NULL, addr_format(g->peer_sample[i], text));
	event_close(ev);
}

static void write_mimamori(struct event *ev, const struct eve_context *ctx, const struct guess *g,
			   enum finding_phase phase)
{
	char text[PREFIX_STRLEN];

	event_object(ev, "mimamori");
	event_u64(ev, "version", EVE_VERSION);
	event_text(ev, "kind", "guess");
	event_text(ev, "service", services[g->service].name);
	event_text(ev, "outcome", outcomes[g->outcome]);
	event_text(ev, "phase", eve_phase_names[phase]);
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)g->id);
	event_text(ev, "finding", text);
	event_u64(ev, "sequence", g->sequence);
	event_text(ev, "peer_prefix", prefix_format(&g->peer, text));
	write_peers(ev, g);
	event_u64(ev, "attempts", g->attempts);
	event_u64(ev, "connections", g->connections);
	event_u64(ev, "failures_seen", g->failures_seen);
	event_u64(ev, "failures_logged", g->failures_logged);
	if (succeeded(g)) {
		event_text(ev, "winner", addr_format(g->winner, text));
		event_bool(ev, "success_logged", g->success_logged);
	}
	eve_write_time(ev, ctx, "first", g->first_ns);
	eve_write_time(ev, ctx, "last", g->last_ns);
	event_number(ev, "confidence", guess_confidence(g), 2);
	event_bool(ev, "spoofable", false);
	event_text(ev, "source", ctx->source);
	event_text(ev, "device", ctx->device);
	event_close(ev);
}

int eve_write_guess(struct event *ev, const struct eve_context *ctx, const struct guess *g,
		    enum finding_phase phase)
{
	event_begin(ev);
	eve_write_time(ev, ctx, "timestamp", ctx->clock->now_ns);
	event_text(ev, "event_type", "alert");
	write_flow(ev, g);
	write_alert(ev, g, phase);
	write_mimamori(ev, ctx, g, phase);
	return event_end(ev);
}

/* Whom it is about. */
static void add_peer(char buf[EVE_TEXT_LEN], size_t *len, const struct guess *g)
{
	char text[PREFIX_STRLEN];

	switch ((enum finding_scope)g->scope) {
	case FINDING_HOST:
		eve_add(buf, len, "%s", addr_format(g->peer.addr, text));
		break;
	case FINDING_PREFIX:
		eve_add(buf, len, "%s (%u addresses)", prefix_format(&g->peer, text), g->peers);
		break;
	case FINDING_DISTRIBUTED:
	case FINDING_DECOYS:
		eve_add(buf, len, "%u unrelated addresses", g->peers);
		break;
	}
}

const char *eve_text_guess(char buf[EVE_TEXT_LEN], const struct eve_context *ctx,
			   const struct guess *g, enum finding_phase phase)
{
	char stamp[CLOCK_TIMESTAMP_LEN], text[ADDR_STRLEN];
	const char *lead = phase == FINDING_END	   ? "ended " :
			   succeeded(g)		   ? "LOGIN!" :
			   phase == FINDING_UPDATE ? "GUESS+" :
						     "GUESS ";
	size_t len = 0;

	clock_format(clock_to_wall(ctx->clock, ctx->clock->now_ns), stamp);
	buf[0] = '\0';
	eve_add(buf, &len, "%.8s  %s  ", stamp + 11, lead);
	add_peer(buf, &len, g);
	eve_add(buf, &len, "  %s password guessing: %llu tries at port %u of ",
		services[g->service].title, (unsigned long long)g->attempts, g->port);
	eve_add(buf, &len, "%s ", addr_format(g->self, text));
	eve_add_duration(buf, &len, g->last_ns - g->first_ns);
	if (succeeded(g))
		eve_add(buf, &len, ", and %s got in%s", addr_format(g->winner, text),
			g->success_logged ? "" : ", by the look of its connection");
	else
		eve_add(buf, &len, g->outcome == GUESS_FAILING ? ", all failed" : "");
	return buf;
}
