/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading packets: who asks whom, what answers what.
 */
#include "sensor/engine-internal.h"

#include "core/clock.h"
#include "sensor/fingerprint.h"
#include "sensor/host.h"
#include "sensor/listeners.h"
#include "sensor/packet.h"

#define FLAGS_WITHOUT_ECN 0x3f
#define XMAS (TCP_FIN | TCP_PSH | TCP_URG)
#define CLIENT_PORTS 32768 /* Linux: from here up clients have theirs */
#define SERVICE_PORTS 1024 /* below: well-known ports, which no client asks from */

static enum probe_kind opening_kind(const struct packet *p)
{
	if (fingerprint_nmap_os(p))
		return PROBE_OS;
	switch (p->tcp_flags & FLAGS_WITHOUT_ECN) {
	case TCP_SYN:
		return fingerprint_raw_syn(p) ? PROBE_SYN : PROBE_CONNECT;
	case TCP_FIN:
		return PROBE_FIN;
	case 0:
		return PROBE_NULL;
	case XMAS:
		return PROBE_XMAS;
	default:
		return PROBE_CUSTOM;
	}
}

/* Tells the probes of one OS detection apart: their flags and windows differ. */
static uint8_t os_variant(const struct packet *p)
{
	return (uint8_t)(p->tcp_flags ^ p->tcp_window ^ p->tcp_window >> 8 ^ p->tcp_mss);
}

bool engine_forgotten(const struct engine *e, struct addr self, uint16_t port, uint16_t peer_port)
{
	const struct host *h = e->home.host;

	if (!home_is_self(&e->home, self))
		return peer_port < SERVICE_PORTS && port >= SERVICE_PORTS;
	return port >= h->ephemeral_first && port <= h->ephemeral_last &&
	       peer_port < h->ephemeral_first; /* up to 65535 others' clients may have theirs */
}

enum probe_outcome engine_listed(struct engine *e, enum contact_proto proto, const struct probe *p)
{
	if (!e->listeners || (proto != CONTACT_TCP && proto != CONTACT_UDP) ||
	    !home_is_self(&e->home, p->self))
		return PROBE_UNKNOWN;
	return listeners_lookup(e->listeners, proto == CONTACT_UDP, p->self, p->port,
				e->clock->now_ns) == LISTENERS_OPEN ?
		       PROBE_OPEN :
		       PROBE_CLOSED;
}

void engine_passing(struct engine *e, const struct probe *p, enum contact_proto proto)
{
	e->stats.contacts++;
	if (p->outcome == PROBE_CLOSED) {
		struct contact c = { .probe = *p, .proto = proto };

		engine_in_vain(e, &c);
	}
}

/* The answer that the listing tells: is it looked at just now? */
static bool answer_unseen(const struct packet *p, enum contact_proto proto,
			  const struct probe *probe)
{
	uint8_t answer = probe->outcome == PROBE_OPEN ? PACKET_SHED_SYN_ACK : PACKET_SHED_REFUSAL;

	return proto == CONTACT_TCP && (p->answers_shed & answer);
}

void engine_opening(struct engine *e, const struct packet *p, enum contact_proto proto,
		    uint8_t kind, bool vain)
{
	struct probe probe = {
		.peer = p->src,
		.self = p->dst,
		.peer_port = p->sport,
		.port = p->dport,
		.kind = kind,
		.tools = proto == CONTACT_TCP ? fingerprint_tcp(p) : 0,
		.variant = kind == PROBE_OS ? os_variant(p) : 0,
		.seq = p->tcp_seq,
		.link = p->link,
	};
	struct contact *c;
	bool unlisted = false;

	/* A directed broadcast: where the network's size is not known, it looks like a host's address.
	 * Programs call out to all by UDP; who pings all looks for hosts. */
	if (p->link_group && proto != CONTACT_ARP && proto != CONTACT_ECHO &&
	    !home_is_self(&e->home, p->dst))
		return;
	switch (home_side(&e->home, p->src, p->dst)) {
	case HOME_ELSEWHERE:
		return;
	case HOME_OUTBOUND:
		probe.kind = CONTACT_OWN;
		break;
	case HOME_INBOUND:
		if (engine_ignores(e, p->src))
			return;
		engine_flood_opening(e, p, proto);
		break;
	}
	if (probe.kind != CONTACT_OWN) {
		probe.outcome = vain ? PROBE_CLOSED : engine_listed(e, proto, &probe);
		/* Under a flood the table would forget a contact before its answer came. What is a
		 * repeat shows in the evidence. */
		unlisted = probe.outcome == PROBE_CLOSED && !vain && engine_awaits(e);
		probe.answer_unseen = answer_unseen(p, proto, &probe);
		if (proto == CONTACT_TCP && probe.outcome != PROBE_CLOSED) {
			/* A flood of a port would push out the flows of all others. */
			if (!probe.answer_unseen)
				engine_flow_syn(e, p, &probe);
			engine_decoys_seen(e, &probe);
		}
		if (probe.outcome == PROBE_OPEN && probe.answer_unseen) {
			e->stats.contacts++;
			return;
		}
		crowd_traits(p, p->src, kind, probe.trait);
		if (probe.outcome != PROBE_UNKNOWN && probe.answer_unseen && !unlisted) {
			engine_passing(e, &probe, proto);
			return;
		}
	}
	c = contacts_find_kind(e->contacts, p->src, p->dst, proto, p->dport, probe.kind);
	if (c && c->probe.variant == probe.variant) {
		engine_repeated(e, c);
		return;
	}
	if (c) {
		engine_passing(e, &probe, proto);
		return;
	}
	e->stats.contacts += probe.kind != CONTACT_OWN;
	if (unlisted)
		probe.outcome = PROBE_UNKNOWN;
	c = engine_contact(e, &probe, proto);
	c->unlisted = unlisted;
	if (probe.outcome == PROBE_UNKNOWN)
		e->awaited_ns = e->clock->now_ns + CONTACTS_WAIT_SELF_NS;
	if (c->probe.outcome == PROBE_CLOSED)
		engine_in_vain(e, c);
}

/* No TCP ever opens with other flags than SYN, nor with the marks of OS detection. */
static void on_opening(struct engine *e, const struct packet *p, enum probe_kind kind)
{
	engine_opening(e, p, CONTACT_TCP, kind, kind != PROBE_SYN && kind != PROBE_CONNECT);
}

/*
 * An answer to what nobody here sent: somebody's flood with a forged source, or late. What the target
 * now sends in turn, a RST or "port unreachable", must not be taken for the answer to a probe.
 */
static void backscatter(struct engine *e, const struct packet *p, enum contact_proto proto,
			uint64_t *count)
{
	struct contact *c = contacts_find(e->contacts, p->src, p->dst, proto, p->dport);
	struct probe probe = { .peer = p->src,
			       .self = p->dst,
			       .peer_port = p->sport,
			       .port = p->dport,
			       .kind = CONTACT_BACKSCATTER };

	if (c && c->probe.kind != CONTACT_BACKSCATTER)
		return;
	++*count;
	if (!c)
		engine_contact(e, &probe, proto);
}

/*
 * A SYN/ACK that no flood explains: neither can a service have sent it, whose port is below the
 * clients', nor can a client of ours have asked for it. Scanners send it from clients' ports.
 */
static bool answers_nothing(const struct engine *e, const struct packet *p)
{
	const struct host *h = e->home.host;
	uint16_t first = h ? h->ephemeral_first : CLIENT_PORTS;

	return p->sport >= first && p->dport < first;
}

static void on_syn_ack(struct engine *e, const struct packet *p)
{
	struct contact *c = contacts_find(e->contacts, p->dst, p->src, CONTACT_TCP, p->sport);

	if (e->pairs)
		pairs_see(e->pairs, p);
	if (c) {
		bool again = c->answered;

		c->isn = p->tcp_seq;
		c->answered = true;
		if (c->probe.kind == CONTACT_OWN)
			c->probe.outcome = PROBE_OPEN;
		else if (c->probe.kind == PROBE_SYN || c->probe.kind == PROBE_CONNECT)
			engine_flow_answered(e, p, c, !again && engine_answered(e, c));
	} else if (p->dir == PACKET_DIR_OUT) {
		engine_answered_unremembered(e, false, p->src, p->sport, p->dst);
	} else if (engine_watches(e, p->src, p->dst)) {
		if (answers_nothing(e, p)) {
			engine_opening(e, p, CONTACT_TCP, PROBE_CUSTOM, true);
		} else {
			engine_flood_stray(e, p);
			backscatter(e, p, CONTACT_TCP, &e->stats.backscatter);
		}
	}
}

bool engine_proves_handshake(struct contact *c, const struct packet *p)
{
	uint32_t isn = c->isn;

	if (c->probe.outcome != PROBE_OPEN || !isn || !(p->tcp_flags & TCP_ACK))
		return false;
	c->isn = 0;
	return p->tcp_ack - (isn + 1) < FLOW_PROOF_WINDOW;
}

void engine_refused(struct engine *e, struct contact *c)
{
	switch ((enum probe_outcome)c->probe.outcome) {
	case PROBE_UNKNOWN:
		if (engine_streams(c, e->clock->now_ns)) {
			c->probe.outcome = PROBE_OPEN; /* until now: the receiver has hung up */
			break;
		}
		c->probe.outcome = PROBE_REFUSED;
		engine_in_vain(e, c);
		break;
	case PROBE_CLOSED:
		engine_confirm_refused(e, c);
		break;
	case PROBE_OPEN:
	case PROBE_REFUSED:
	case PROBE_UNANSWERED:
	case PROBE_ABORTED:
		break;
	}
}

/* FIN with ACK: the end of a connection, or a Maimon probe. */
static void on_fin(struct engine *e, const struct packet *p)
{
	struct contact *c = contacts_find(e->contacts, p->src, p->dst, CONTACT_TCP, p->dport);
	struct probe probe = {
		.peer = p->src,
		.self = p->dst,
		.peer_port = p->sport,
		.port = p->dport,
		.kind = PROBE_MAIMON,
		.seq = p->tcp_seq,
		.link = p->link,
	};

	if (c) {
		if (!engine_flow_ended(e, p) && c->probe.kind < PROBE_KINDS &&
		    engine_proves_handshake(c, p))
			engine_proven(e, p->src, p->link, true);
		return;
	}
	c = contacts_find(e->contacts, p->dst, p->src, CONTACT_TCP, p->sport);
	if (c) {
		/* The side that was asked says good-bye: the asker had got through. */
		if (c->probe.kind < PROBE_KINDS && c->probe.outcome == PROBE_OPEN)
			engine_proven(e, p->dst, 0, true);
		engine_flow_self_ended(e, p);
		return;
	}
	if (p->dir == PACKET_DIR_OUT) {
		engine_flood_fin_sent(e, p);
		return;
	}
	/* Counts only once a RST shows that it belonged to no connection. */
	if (!engine_watches(e, p->src, p->dst))
		return;
	engine_flood_stray(e, p);
	crowd_traits(p, p->src, PROBE_MAIMON, probe.trait);
	engine_contact(e, &probe, CONTACT_TCP);
}

static void on_data(struct engine *e, const struct packet *p)
{
	engine_data(e, p);
	engine_flood_data(e, p);
	if (p->login)
		engine_guess_data(e, p);
}

static void on_tcp(struct engine *e, const struct packet *p)
{
	uint8_t flags = p->tcp_flags & FLAGS_WITHOUT_ECN;

	if ((flags & (TCP_FIN | TCP_RST)) && !(flags & TCP_SYN))
		engine_guess_end(e, p);
	if ((flags & TCP_SYN) && (flags & (TCP_FIN | TCP_RST)))
		on_opening(e, p, opening_kind(p));
	else if ((flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		on_syn_ack(e, p);
	else if (flags & TCP_RST)
		engine_rst(e, p);
	else if ((flags & TCP_FIN) && (flags & TCP_ACK))
		on_fin(e, p);
	else if (p->question)
		engine_flow_asked(e, p);
	else if (packet_is_plain_data(flags))
		on_data(e, p);
	else
		on_opening(e, p, opening_kind(p));
}

static void on_udp(struct engine *e, const struct packet *p)
{
	struct contact *c = contacts_find(e->contacts, p->dst, p->src, CONTACT_UDP, p->sport);

	/* What goes out answers, or asks; what comes in may answer this host's own question. */
	if (e->pairs || p->dir == PACKET_DIR_OUT)
		engine_flood_udp(e, p);
	if (c) {
		if (c->probe.kind < PROBE_KINDS && c->probe.outcome != PROBE_OPEN)
			engine_answered(e, c);
		return;
	}
	if (p->dir == PACKET_DIR_OUT) {
		engine_answered_unremembered(e, true, p->src, p->sport, p->dst);
		return;
	}
	if (!e->pairs)
		engine_flood_udp(e, p);
	if (engine_forgotten(e, p->dst, p->dport, p->sport))
		return;
	else if (p->answer && engine_watches(e, p->src, p->dst))
		backscatter(e, p, CONTACT_UDP, &e->stats.reflected);
	else
		engine_opening(e, p, CONTACT_UDP, PROBE_UDP, false);
}

void engine_packet(struct engine *e, const struct packet *p)
{
	/* A gateway shows what it forwards twice: as it comes and as it goes. Errors may be its own, of
	 * what others asked for, and tell nothing new the second time. */
	if (p->dir == PACKET_DIR_OUT && e->home.mode == HOME_GATEWAY &&
	    p->proto != PACKET_UNREACHABLE && !host_owns(e->home.host, p->src))
		return;
	if (e->stats.packets++ == 0)
		e->stats.first_ns = e->clock->now_ns;
	floods_advance(e->floods, e->clock->now_ns);
	if (e->clock->now_ns >= e->due_ns)
		engine_tick(e);
	if (p->bulk) {
		engine_flood_bulk(e, p);
		return;
	}
	switch ((enum packet_proto)p->proto) {
	case PACKET_TCP:
		on_tcp(e, p);
		break;
	case PACKET_UDP:
		on_udp(e, p);
		break;
	case PACKET_UNREACHABLE:
		if (p->dir != PACKET_DIR_OUT)
			engine_flood_icmp(e, p);
		engine_unreachable(e, p);
		break;
	case PACKET_SCTP:
		engine_sctp(e, p);
		break;
	case PACKET_IP:
		engine_ip_protocol(e, p);
		break;
	case PACKET_ICMP_ECHO:
		engine_echo(e, p);
		break;
	case PACKET_ICMP_QUERY:
		engine_icmp_query(e, p);
		break;
	case PACKET_ARP_REQUEST:
		engine_neighbour(e, p, PROBE_ARP);
		break;
	case PACKET_NEIGHBOUR:
		engine_neighbour(e, p, PROBE_NEIGHBOUR);
		break;
	case PACKET_ICMP_ECHO_REPLY:
		if (p->dir != PACKET_DIR_OUT)
			engine_flood_icmp(e, p);
		break;
	case PACKET_ICMP:
	case PACKET_OTHER:
		break;
	}
}
