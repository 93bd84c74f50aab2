/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/eve.h"

#include "core/clock.h"
#include "sensor/eve-internal.h"

#include <stdio.h>

#define MIN_TOOL_SHARE 2 /* a tool is named when at least one contact in two bears its mark */

/* All that is said of a technique, in one place. */
static const struct {
	const char *technique; /* in events: stable */
	const char *title; /* for people */
	const char *proto_v4, *proto_v6;
} kinds[PROBE_KINDS] = {
	[PROBE_SYN] = { "syn", "TCP SYN scan", "TCP", "TCP" },
	[PROBE_CONNECT] = { "connect", "TCP connect scan", "TCP", "TCP" },
	[PROBE_FIN] = { "fin", "TCP FIN scan", "TCP", "TCP" },
	[PROBE_NULL] = { "null", "TCP NULL scan", "TCP", "TCP" },
	[PROBE_XMAS] = { "xmas", "TCP Xmas scan", "TCP", "TCP" },
	[PROBE_ACK] = { "ack", "TCP ACK or window scan", "TCP", "TCP" },
	[PROBE_MAIMON] = { "maimon", "TCP Maimon scan", "TCP", "TCP" },
	[PROBE_UDP] = { "udp", "UDP scan", "UDP", "UDP" },
	[PROBE_ECHO] = { "icmp", "ICMP echo sweep", "ICMP", "IPv6-ICMP" },
	[PROBE_ARP] = { "arp", "ARP sweep", "ARP", "ARP" },
	[PROBE_CUSTOM] = { "custom", "TCP scan with odd flags", "TCP", "TCP" },
	[PROBE_SCTP_INIT] = { "sctp-init", "SCTP INIT scan", "SCTP", "SCTP" },
	[PROBE_SCTP_COOKIE] = { "sctp-cookie", "SCTP COOKIE ECHO scan", "SCTP", "SCTP" },
	[PROBE_IP_PROTO] = { "ip-protocol", "IP protocol scan", "IP", "IP" },
	[PROBE_ICMP_QUERY] = { "icmp-query", "ICMP query sweep", "ICMP", "IPv6-ICMP" },
	[PROBE_NEIGHBOUR] = { "neighbour", "IPv6 neighbour sweep", "IPv6-ICMP", "IPv6-ICMP" },
	[PROBE_VERSION] = { "version", "service detection", "TCP", "TCP" },
	[PROBE_OS] = { "os", "OS detection", "TCP", "TCP" },
};

static bool has_ports(enum probe_kind kind)
{
	switch (kind) {
	case PROBE_ECHO:
	case PROBE_ARP:
	case PROBE_IP_PROTO:
	case PROBE_ICMP_QUERY:
	case PROBE_NEIGHBOUR:
		return false;
	default:
		return true;
	}
}

static void write_flow(struct event *ev, const struct finding *f, enum probe_kind kind)
{
	bool unknown = f->scope == FINDING_DECOYS && !f->real_known;
	bool v4 = addr_is_v4(f->last.peer);

	/* Whoever acts on the address must not act on a forged one. */
	eve_write_flow(ev, &(struct eve_flow){
				   .src = unknown ? eve_nobody(f->last.peer) : f->last.peer,
				   .dst = f->last.self,
				   .has_ports = has_ports(kind),
				   .sport = f->last.peer_port,
				   .dport = f->last.port,
				   .proto = v4 ? kinds[kind].proto_v4 : kinds[kind].proto_v6,
			   });
}

static void write_alert(struct event *ev, enum finding_phase phase, enum probe_kind kind)
{
	char signature[80];

	snprintf(signature, sizeof(signature), "MIMAMORI %s%s", kinds[kind].title,
		 phase == FINDING_END ? " ended" : "");
	eve_write_alert(ev, &(struct eve_alert){
				    .sid = EVE_SID_SCAN + (unsigned int)kind,
				    .severity = eve_severity(phase),
				    .signature = signature,
				    .category = "Detection of a Network Scan",
				    .tactic = { "TA0043" },
				    .technique = { "T1595" },
				    .technique_name = { "Active_Scanning" },
			    });
}

static void write_anomaly(struct event *ev)
{
	event_object(ev, "anomaly");
	event_text(ev, "type", "stream");
	event_text(ev, "event", "few_failed_contacts");
	event_u64(ev, "gid", EVE_GID);
	event_u64(ev, "signature_id", EVE_SID_FEW);
	event_close(ev);
}

static bool tool_named(const struct finding *f, unsigned int tool)
{
	/* One such packet is enough to name the technique, and so the tool. */
	if (f->kind == PROBE_OS && tool == FINGERPRINT_NMAP_OS)
		return f->tool[tool];
	return f->tool[tool] && f->tool[tool] * MIN_TOOL_SHARE >= f->failed;
}

static void write_outcomes(struct event *ev, const struct finding *f)
{
	uint64_t failed = finding_failed(f);
	/* Repeats are refused as well, and contacts estimated: never more than all of them. */
	uint64_t refused = f->refused < failed ? f->refused : failed;
	uint64_t told = refused + f->aborted + f->unseen;

	event_object(ev, "outcomes");
	event_u64(ev, "open", f->open);
	event_u64(ev, "refused", refused);
	event_u64(ev, "unanswered", failed > told ? failed - told : 0);
	if (f->unseen)
		event_u64(ev, "closed", f->unseen);
	if (f->aborted)
		event_u64(ev, "aborted", f->aborted);
	event_close(ev);
}

static struct eve_peers peers_of(const struct finding *f)
{
	return (struct eve_peers){
		.scope = f->scope,
		.prefix = f->peer,
		.count = finding_peers(f),
		.sample = f->peer_sample,
		.sampled = f->peers_sampled,
	};
}

static void write_mimamori(struct event *ev, const struct eve_context *ctx, const struct finding *f,
			   enum finding_phase phase, enum probe_kind kind)
{
	struct eve_peers peers = peers_of(f);
	char text[ADDR_STRLEN];

	eve_begin_mimamori(ev, "scan");
	event_text(ev, "technique", kinds[kind].technique);
	eve_write_identity(ev, phase, f->id, f->sequence);
	eve_write_peers(ev, &peers);
	if (f->scope != FINDING_HOST && f->real_known)
		event_text(ev, "real", addr_format(f->peer.addr, text));
	event_u64(ev, "probes", f->probes);
	event_u64(ev, "failed", finding_failed(f));
	event_u64(ev, "ports", finding_ports(f));
	event_u64(ev, "hosts", finding_hosts(f));
	event_array(ev, "port_sample");
	for (unsigned int i = 0; i < f->sampled; i++)
		event_u64(ev, NULL, f->sample[i]);
	event_close(ev);
	if (finding_pattern(f) < IID_PATTERNS)
		event_text(ev, "address_pattern", iid_pattern_names[finding_pattern(f)]);
	write_outcomes(ev, f);
	eve_write_time(ev, ctx, "first", f->first_ns);
	eve_write_time(ev, ctx, "last", f->last_ns);
	event_number(ev, "confidence", finding_confidence(f), 2);
	event_bool(ev, "spoofable", f->spoofable);
	event_array(ev, "fingerprint");
	for (unsigned int i = 0; i < FINGERPRINT_COUNT; i++)
		if (tool_named(f, i))
			event_text(ev, NULL, fingerprint_names[i]);
	event_close(ev);
}

int eve_write(struct event *ev, const struct eve_context *ctx, const struct finding *f,
	      enum finding_phase phase)
{
	enum probe_kind kind = f->kind;

	eve_begin(ev, ctx, phase == FINDING_NOTICE ? "anomaly" : "alert", ctx->clock->now_ns);
	write_flow(ev, f, kind);
	if (phase == FINDING_NOTICE)
		write_anomaly(ev);
	else
		write_alert(ev, phase, kind);
	write_mimamori(ev, ctx, f, phase, kind);
	return eve_end(ev, ctx, ctx->source);
}

/* Whom it is about. */
static void add_peer(char buf[EVE_TEXT_LEN], size_t *len, const struct finding *f)
{
	struct eve_peers peers = peers_of(f);
	char text[ADDR_STRLEN];

	if (f->scope != FINDING_DECOYS)
		eve_add_peers(buf, len, &peers);
	else if (f->real_known)
		eve_add(buf, len, "%s behind %u decoy%s", addr_format(f->peer.addr, text),
			peers.count - 1, peers.count == 2 ? "" : "s");
	else
		eve_add(buf, len, "one of %u addresses, the others decoys", peers.count);
}

static void add_targets(char buf[EVE_TEXT_LEN], size_t *len, const struct finding *f)
{
	unsigned int ports = finding_ports(f), hosts = finding_hosts(f);
	enum iid_pattern pattern = finding_pattern(f);
	char text[ADDR_STRLEN];

	if (ports)
		eve_add(buf, len, "%u %s%s of ", ports,
			f->kind == PROBE_IP_PROTO ? "protocol" : "port", ports == 1 ? "" : "s");
	if (hosts > 1 && pattern < IID_PATTERNS)
		eve_add(buf, len, "%u %s addresses", hosts, iid_pattern_names[pattern]);
	else if (hosts > 1)
		eve_add(buf, len, "%u addresses", hosts);
	else
		eve_add(buf, len, "%s", addr_format(f->last.self, text));
}

static void add_sample(char buf[EVE_TEXT_LEN], size_t *len, const struct finding *f)
{
	unsigned int shown = f->sampled < 6 ? f->sampled : 6;

	if (!shown)
		return;
	eve_add(buf, len, " (");
	for (unsigned int i = 0; i < shown; i++)
		eve_add(buf, len, "%s%u", i ? " " : "", f->sample[i]);
	eve_add(buf, len, "%s)", finding_ports(f) > shown ? " ..." : "");
}

/* Tiny fragments are no tool, but a disguise. */
static void add_tools(char buf[EVE_TEXT_LEN], size_t *len, const struct finding *f)
{
	const char *lead = ", looks like ";

	if (tool_named(f, FINGERPRINT_TINY))
		eve_add(buf, len, ", in tiny fragments");
	for (unsigned int i = 0; i < FINGERPRINT_COUNT; i++) {
		if (i == FINGERPRINT_TINY || !tool_named(f, i))
			continue;
		eve_add(buf, len, "%s%s", lead, fingerprint_names[i]);
		lead = " or ";
	}
}

/* Rounded as in events, but never to a certainty that nothing has. */
static void add_confidence(char buf[EVE_TEXT_LEN], size_t *len, const struct finding *f)
{
	int percent = (int)(finding_confidence(f) * 100 + 0.5);

	eve_add(buf, len, ", %d %% sure", percent < 99 ? percent : 99);
	if (!f->spoofable)
		return;
	switch ((enum finding_scope)f->scope) {
	case FINDING_HOST:
		eve_add(buf, len, ", address unproven");
		break;
	case FINDING_PREFIX:
	case FINDING_DISTRIBUTED:
		eve_add(buf, len, ", addresses unproven");
		break;
	case FINDING_DECOYS:
		if (f->real_known)
			eve_add(buf, len, ", address unproven");
		break;
	}
}

const char *eve_text(char buf[EVE_TEXT_LEN], const struct eve_context *ctx, const struct finding *f,
		     enum finding_phase phase)
{
	static const char *const leads[] = {
		[FINDING_NOTICE] = "notice",
		[FINDING_START] = "SCAN  ",
		[FINDING_UPDATE] = "SCAN +",
		[FINDING_END] = "ended ",
	};
	size_t len = eve_begin_text(buf, ctx, leads[phase]);

	add_peer(buf, &len, f);
	eve_add(buf, &len, "  %s: ",
		phase == FINDING_NOTICE ? "a few contacts in vain" : kinds[f->kind].title);
	add_targets(buf, &len, f);
	eve_add(buf, &len, " ");
	eve_add_duration(buf, &len, f->last_ns - f->first_ns);
	if (phase == FINDING_END)
		eve_add(buf, &len, ", %llu packets", (unsigned long long)f->probes);
	else
		add_sample(buf, &len, f);
	add_tools(buf, &len, f);
	if (phase == FINDING_START)
		add_confidence(buf, &len, f);
	return buf;
}
