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
	eve_write_flow(ev, &(struct eve_flow){
				   .src = g->last_peer,
				   .dst = g->self,
				   .has_ports = true,
				   .sport = g->last_port,
				   .dport = g->port,
				   .proto = "TCP",
			   });
}

static void write_alert(struct event *ev, const struct guess *g, enum finding_phase phase)
{
	bool sprayed = g->scope != FINDING_HOST, in = succeeded(g);
	char signature[80];

	snprintf(signature, sizeof(signature), "MIMAMORI %s password guessing%s%s",
		 services[g->service].title, in ? " succeeded" : "",
		 phase == FINDING_END ? (in ? ", ended" : " ended") : "");
	eve_write_alert(
		ev,
		&(struct eve_alert){
			.sid = (in ? EVE_SID_GUESSED : EVE_SID_GUESS) + g->service,
			.severity = eve_severity_guess(g, phase),
			.signature = signature,
			.category = in ? "Successful User Privilege Gain" :
					 "Attempted User Privilege Gain",
			.tactic = { "TA0006", in ? "TA0001" : NULL },
			.technique = { sprayed ? "T1110.003" : "T1110.001", in ? "T1078" : NULL },
			.technique_name = { sprayed ? "Password_Spraying" : "Password_Guessing",
					    in ? "Valid_Accounts" : NULL },
		});
}

static struct eve_peers peers_of(const struct guess *g)
{
	return (struct eve_peers){
		.scope = g->scope,
		.prefix = g->peer,
		.count = g->peers,
		.sample = g->peer_sample,
		.sampled = g->peers_sampled,
	};
}

static void write_mimamori(struct event *ev, const struct eve_context *ctx, const struct guess *g,
			   enum finding_phase phase)
{
	struct eve_peers peers = peers_of(g);
	char text[ADDR_STRLEN];

	eve_begin_mimamori(ev, "guess");
	event_text(ev, "service", services[g->service].name);
	event_text(ev, "outcome", outcomes[g->outcome]);
	eve_write_identity(ev, phase, g->id, g->sequence);
	eve_write_peers(ev, &peers);
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
}

int eve_write_guess(struct event *ev, const struct eve_context *ctx, const struct guess *g,
		    enum finding_phase phase)
{
	eve_begin(ev, ctx, "alert", ctx->clock->now_ns);
	write_flow(ev, g);
	write_alert(ev, g, phase);
	write_mimamori(ev, ctx, g, phase);
	return eve_end(ev, ctx, ctx->source);
}

const char *eve_text_guess(char buf[EVE_TEXT_LEN], const struct eve_context *ctx,
			   const struct guess *g, enum finding_phase phase)
{
	struct eve_peers peers = peers_of(g);
	char text[ADDR_STRLEN];
	const char *lead = phase == FINDING_END	   ? "ended " :
			   succeeded(g)		   ? "LOGIN!" :
			   phase == FINDING_UPDATE ? "GUESS+" :
						     "GUESS ";
	size_t len = eve_begin_text(buf, ctx, lead);

	eve_add_peers(buf, &len, &peers);
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
