/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/eve.h"

#include "core/clock.h"
#include "sensor/eve-internal.h"

#include <stdarg.h>
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

const char *const eve_phase_names[] = {
	[FINDING_NOTICE] = "notice",
	[FINDING_START] = "start",
	[FINDING_UPDATE] = "update",
	[FINDING_END] = "end",
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

const char *const eve_scopes[] = {
	[FINDING_HOST] = "host",
	[FINDING_PREFIX] = "prefix",
	[FINDING_DISTRIBUTED] = "distributed",
	[FINDING_DECOYS] = "decoys",
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
	struct addr nobody = addr_is_v4(f->last.peer) ? addr_from_v4(0) : (struct addr){ 0, 0 };
	char text[ADDR_STRLEN];

	/* Whoever acts on this field must not act on a forged address. */
	event_text(ev, "src_ip", addr_format(unknown ? nobody : f->last.peer, text));
	if (has_ports(kind))
		event_u64(ev, "src_port", f->last.peer_port);
	event_text(ev, "dest_ip", addr_format(f->last.self, text));
	if (has_ports(kind))
		event_u64(ev, "dest_port", f->last.port);
	event_text(ev, "proto",
		   addr_is_v4(f->last.peer) ? kinds[kind].proto_v4 : kinds[kind].proto_v6);
}

static void write_alert(struct event *ev, enum finding_phase phase, enum probe_kind kind)
{
	char signature[80];

	snprintf(signature, sizeof(signature), "MIMAMORI %s%s", kinds[kind].title,
		 phase == FINDING_END ? " ended" : "");
	event_object(ev, "alert");
	event_text(ev, "action", "allowed");
	event_u64(ev, "gid", EVE_GID);
	event_u64(ev, "signature_id", EVE_SID_SCAN + (unsigned int)kind);
	event_u64(ev, "rev", EVE_REVISION);
	event_text(ev, "signature", signature);
	event_text(ev, "category", "Detection of a Network Scan");
	event_u64(ev, "severity", eve_severity(phase));
	event_object(ev, "metadata");
	event_array(ev, "mitre_tactic_id");
	event_text(ev, NULL, "TA0043");
	event_close(ev);
	event_array(ev, "mitre_technique_id");
	event_text(ev, NULL, "T1595");
	event_close(ev);
	event_array(ev, "mitre_technique_name");
	event_text(ev, NULL, "Active_Scanning");
	event_close(ev);
	event_close(ev);
	event_close(ev);
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

void eve_write_time(struct event *ev, const struct eve_context *ctx, const char *key, uint64_t t_ns)
{
	char text[CLOCK_TIMESTAMP_LEN];

	event_text(ev, key, clock_format(clock_to_wall(ctx->clock, t_ns), text));
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

/* Of a group: who belongs to it. */
static void write_peers(struct event *ev, const struct finding *f)
{
	char text[ADDR_STRLEN];

	event_text(ev, "scope", eve_scopes[f->scope]);
	if (f->scope == FINDING_HOST)
		return;
	event_u64(ev, "peers", finding_peers(f));
	event_array(ev, "peer_sample");
	for (unsigned int i = 0; i < f->peers_sampled; i++)
		event_text(ev, NULL, addr_format(f->peer_sample[i], text));
	event_close(ev);
	if (f->real_known)
		event_text(ev, "real", addr_format(f->peer.addr, text));
}

static void write_mimamori(struct event *ev, const struct eve_context *ctx, const struct finding *f,
			   enum finding_phase phase, enum probe_kind kind)
{
	char text[PREFIX_STRLEN];

	event_object(ev, "mimamori");
	event_u64(ev, "version", EVE_VERSION);
	event_text(ev, "kind", "scan");
	event_text(ev, "technique", kinds[kind].technique);
	event_text(ev, "phase", eve_phase_names[phase]);
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)f->id);
	event_text(ev, "finding", text);
	event_u64(ev, "sequence", f->sequence);
	event_text(ev, "peer_prefix", prefix_format(&f->peer, text));
	write_peers(ev, f);
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
	event_text(ev, "source", ctx->source);
	event_text(ev, "device", ctx->device);
	event_close(ev);
}

int eve_write(struct event *ev, const struct eve_context *ctx, const struct finding *f,
	      enum finding_phase phase)
{
	enum probe_kind kind = f->kind;

	event_begin(ev);
	eve_write_time(ev, ctx, "timestamp", ctx->clock->now_ns);
	event_text(ev, "event_type", phase == FINDING_NOTICE ? "anomaly" : "alert");
	write_flow(ev, f, kind);
	if (phase == FINDING_NOTICE)
		write_anomaly(ev);
	else
		write_alert(ev, phase, kind);
	write_mimamori(ev, ctx, f, phase, kind);
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

/* Whom it is about. */
static void add_peer(char buf[EVE_TEXT_LEN], size_t *len, const struct finding *f)
{
	char text[PREFIX_STRLEN];

	switch ((enum finding_scope)f->scope) {
	case FINDING_HOST:
		eve_add(buf, len, "%s", addr_format(f->peer.addr, text));
		break;
	case FINDING_PREFIX:
		eve_add(buf, len, "%s (%u addresses)", prefix_format(&f->peer, text),
			finding_peers(f));
		break;
	case FINDING_DISTRIBUTED:
		eve_add(buf, len, "%u unrelated addresses", finding_peers(f));
		break;
	case FINDING_DECOYS:
		if (f->real_known)
			eve_add(buf, len, "%s behind %u decoy%s", addr_format(f->peer.addr, text),
				finding_peers(f) - 1, finding_peers(f) == 2 ? "" : "s");
		else
			eve_add(buf, len, "one of %u addresses, the others decoys",
				finding_peers(f));
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
	char stamp[CLOCK_TIMESTAMP_LEN];
	size_t len = 0;

	clock_format(clock_to_wall(ctx->clock, ctx->clock->now_ns), stamp);
	buf[0] = '\0';
	eve_add(buf, &len, "%.8s  %s  ", stamp + 11, leads[phase]);
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
