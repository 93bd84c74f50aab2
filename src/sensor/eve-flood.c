/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floods in words.
 */
#include "sensor/eve-internal.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
	const char *technique; /* in events: stable */
	const char *title; /* for people */
	const char *proto_v4, *proto_v6;
	bool ports;
} kinds[FLOOD_KINDS] = {
	[FLOOD_SYN] = { "syn", "SYN flood", "TCP", "TCP", true },
	[FLOOD_SYN_ACK] = { "syn-ack", "SYN/ACK flood", "TCP", "TCP", true },
	[FLOOD_ACK] = { "ack", "ACK flood", "TCP", "TCP", true },
	[FLOOD_RST] = { "rst", "RST or FIN flood", "TCP", "TCP", true },
	[FLOOD_UDP] = { "udp", "UDP flood", "UDP", "UDP", true },
	[FLOOD_AMPLIFIED] = { "amplified", "amplified UDP flood", "UDP", "UDP", true },
	[FLOOD_ICMP] = { "icmp", "ICMP flood", "ICMP", "IPv6-ICMP", false },
	[FLOOD_FRAGMENT] = { "fragment", "flood of fragments", "IP", "IP", false },
	[FLOOD_PROTOCOL] = { "protocol", "flood of another IP protocol", "IP", "IP", false },
	[FLOOD_HALF_OPEN] = { "half-open", "half-open connections", "TCP", "TCP", true },
	[FLOOD_HELD] = { "held", "connections held open", "TCP", "TCP", true },
};

static const char *const forged_names[] = {
	[FLOOD_FORGED_UNKNOWN] = "unknown",
	[FLOOD_FORGED_NO] = "no",
	[FLOOD_FORGED_YES] = "yes",
};

static const struct {
	uint16_t port;
	const char *name;
} services[] = {
	{ 17, "QOTD" },	  { 19, "chargen" },  { 53, "DNS" },	      { 111, "portmap" },
	{ 123, "NTP" },	  { 137, "NetBIOS" }, { 161, "SNMP" },	      { 389, "CLDAP" },
	{ 520, "RIP" },	  { 1900, "SSDP" },   { 3283, "ARMS" },	      { 3702, "WS-Discovery" },
	{ 5353, "mDNS" }, { 5683, "CoAP" },   { 11211, "memcached" }, { 27015, "games" },
};

static const char *service_of(uint16_t port)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (services[i].port == port)
			return services[i].name;
	return NULL;
}

static bool slow(enum flood_kind kind)
{
	return kind == FLOOD_HALF_OPEN || kind == FLOOD_HELD;
}

/* No address stands for others: whoever acts on src_ip must not act on one of many, or on a forged one. */
static struct addr blamed(const struct flood *f)
{
	if (f->scope == FINDING_HOST && f->forged != FLOOD_FORGED_YES)
		return f->peer.addr;
	return eve_nobody(f->last_peer);
}

static void write_flow(struct event *ev, const struct flood *f)
{
	bool v4 = addr_is_v4(f->self);

	eve_write_flow(ev, &(struct eve_flow){
				   .src = blamed(f),
				   .dst = f->self,
				   .has_ports = kinds[f->kind].ports,
				   .sport = f->peer_port,
				   .dport = f->port,
				   .proto = v4 ? kinds[f->kind].proto_v4 : kinds[f->kind].proto_v6,
			   });
}

static void write_alert(struct event *ev, const struct flood *f, enum finding_phase phase)
{
	bool endpoint = slow(f->kind);
	char signature[80];

	snprintf(signature, sizeof(signature), "MIMAMORI %s%s", kinds[f->kind].title,
		 phase == FINDING_END ? " ended" : "");
	eve_write_alert(ev, &(struct eve_alert){
				    .sid = EVE_SID_FLOOD + f->kind,
				    .severity = eve_severity(phase),
				    .signature = signature,
				    .category = "Detection of a Denial of Service Attack",
				    .tactic = { "TA0040" },
				    .technique = { endpoint ? "T1499" : "T1498" },
				    .technique_name = { endpoint ? "Endpoint_Denial_of_Service" :
								   "Network_Denial_of_Service" },
			    });
}

static void write_sources(struct event *ev, const struct flood *f)
{
	char text[PREFIX_STRLEN];

	event_text(ev, "peer_prefix", prefix_format(&f->peer, text));
	event_text(ev, "scope", eve_scopes[f->scope]);
	event_u64(ev, "peers", f->peers ? f->peers : 1);
	event_text(ev, "forged", forged_names[f->forged]);
	event_array(ev, "top");
	for (unsigned int i = 0; i < f->top_used; i++) {
		event_object(ev, NULL);
		event_text(ev, "prefix", prefix_format(&f->top[i].prefix, text));
		event_u64(ev, "share", f->top[i].share);
		event_close(ev);
	}
	event_close(ev);
}

static void write_amount(struct event *ev, const struct flood *f)
{
	if (slow(f->kind)) {
		event_u64(ev, "connections", f->packets);
		event_u64(ev, "normal_connections", f->normal);
		return;
	}
	event_u64(ev, "packets", f->packets);
	event_u64(ev, "bytes", f->bytes);
	event_u64(ev, "packets_per_second", f->rate);
	event_u64(ev, "bytes_per_second", f->byte_rate);
	event_u64(ev, "normal_per_second", f->normal);
}

static void write_mimamori(struct event *ev, const struct eve_context *ctx, const struct flood *f,
			   enum finding_phase phase)
{
	eve_begin_mimamori(ev, "flood");
	event_text(ev, "technique", kinds[f->kind].technique);
	eve_write_identity(ev, phase, f->id, f->sequence);
	write_sources(ev, f);
	if (f->kind == FLOOD_AMPLIFIED)
		event_u64(ev, "peer_port", f->peer_port);
	write_amount(ev, f);
	if (f->kind == FLOOD_SYN || f->kind == FLOOD_HALF_OPEN)
		event_u64(ev, "completed", f->completed);
	if (f->sampled > 1)
		event_u64(ev, "sampling", f->sampled);
	eve_write_time(ev, ctx, "first", f->first_ns);
	eve_write_time(ev, ctx, "last", f->last_ns);
}

int eve_write_flood(struct event *ev, const struct eve_context *ctx, const struct flood *f,
		    enum finding_phase phase)
{
	eve_begin(ev, ctx, "alert", ctx->clock->now_ns);
	write_flow(ev, f);
	write_alert(ev, f, phase);
	write_mimamori(ev, ctx, f, phase);
	return eve_end(ev, ctx, ctx->source);
}

static void add_number(char buf[EVE_TEXT_LEN], size_t *len, uint64_t n)
{
	if (n < 10000)
		eve_add(buf, len, "%" PRIu64, n);
	else if (n < 10000000)
		eve_add(buf, len, "%" PRIu64 ",000", (n + 500) / 1000);
	else
		eve_add(buf, len, "%.1f million", (double)n / 1e6);
}

static void add_sources(char buf[EVE_TEXT_LEN], size_t *len, const struct flood *f)
{
	char text[PREFIX_STRLEN];

	if (f->scope == FINDING_HOST) {
		eve_add(buf, len, "%s", addr_format(f->peer.addr, text));
	} else {
		if (f->scope == FINDING_PREFIX)
			eve_add(buf, len, "%s (", prefix_format(&f->peer, text));
		eve_add(buf, len, "%s", f->peers >= 1000 ? "about " : "");
		add_number(buf, len, f->peers);
		eve_add(buf, len, " addresses%s", f->scope == FINDING_PREFIX ? ")" : "");
	}
	if (f->forged == FLOOD_FORGED_YES)
		eve_add(buf, len, ", forged");
}

static void add_rate(char buf[EVE_TEXT_LEN], size_t *len, const struct flood *f,
		     enum finding_phase phase)
{
	if (slow(f->kind)) {
		if (phase == FINDING_START) {
			eve_add(buf, len, ", ");
			add_number(buf, len, f->packets);
			eve_add(buf, len, " of them");
		}
		return;
	}
	eve_add(buf, len, ", %s", phase == FINDING_END ? "peak " : "");
	add_number(buf, len, f->rate);
	eve_add(buf, len, " packets/s, %.1f Mbit/s", (double)f->byte_rate * 8 / 1e6);
}

const char *eve_text_flood(char buf[EVE_TEXT_LEN], const struct eve_context *ctx,
			   const struct flood *f, enum finding_phase phase)
{
	static const char *const leads[] = {
		[FINDING_NOTICE] = "notice",
		[FINDING_START] = "FLOOD ",
		[FINDING_UPDATE] = "FLOOD+",
		[FINDING_END] = "ended ",
	};
	char text[ADDR_STRLEN];
	const char *service = service_of(f->peer_port);
	size_t len = eve_begin_text(buf, ctx, leads[phase]);

	add_sources(buf, &len, f);
	eve_add(buf, &len, "  %s", kinds[f->kind].title);
	if (f->kind == FLOOD_AMPLIFIED && service)
		eve_add(buf, &len, " (%s)", service);
	if (f->port && kinds[f->kind].ports)
		eve_add(buf, &len, ": port %u of %s", f->port, addr_format(f->self, text));
	else
		eve_add(buf, &len, ": %s", addr_format(f->self, text));
	add_rate(buf, &len, f, phase);
	if (phase == FINDING_START)
		return buf;
	eve_add(buf, &len, ", ");
	add_number(buf, &len, f->packets);
	eve_add(buf, &len, " %s ", slow(f->kind) ? "connections" : "packets");
	eve_add_duration(buf, &len, f->last_ns - f->first_ns);
	return buf;
}
