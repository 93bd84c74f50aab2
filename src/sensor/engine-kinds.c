/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading packets other than TCP and UDP: SCTP, protocols nobody speaks, ICMP and its errors, and who asks
 * the link for its neighbours.
 */
#include "sensor/engine-internal.h"

#include "core/clock.h"
#include "sensor/host.h"
#include "sensor/listeners.h"
#include "sensor/packet.h"

/* An association's first chunk is in vain at once where this host speaks no SCTP. */
static void on_init(struct engine *e, const struct packet *p)
{
	bool deaf = e->listeners && home_is_self(&e->home, p->dst) &&
		    !listeners_sctp(e->listeners, e->clock->now_ns);

	engine_opening(e, p, CONTACT_SCTP, PROBE_SCTP_INIT, deaf);
}

/* The third step of an association (RFC 9260 §5.1), or out of any. It proves no address: whether the cookie is
 * the one that this side sent was not looked at. */
static void on_cookie_echo(struct engine *e, const struct packet *p)
{
	struct contact *c = contacts_find(e->contacts, p->src, p->dst, CONTACT_SCTP, p->dport);

	if (c && c->probe.kind == PROBE_SCTP_INIT && c->answered)
		return;
	if (!c || c->probe.kind != CONTACT_OWN)
		engine_opening(e, p, CONTACT_SCTP, PROBE_SCTP_COOKIE, true);
}

void engine_sctp(struct engine *e, const struct packet *p)
{
	struct contact *c;

	switch (p->type) {
	case PACKET_SCTP_INIT:
		on_init(e, p);
		break;
	case PACKET_SCTP_COOKIE_ECHO:
		on_cookie_echo(e, p);
		break;
	case PACKET_SCTP_INIT_ACK:
		c = contacts_find(e->contacts, p->dst, p->src, CONTACT_SCTP, p->sport);
		if (!c || c->answered)
			break;
		c->answered = true;
		if (c->probe.kind < PROBE_KINDS)
			engine_answered(e, c);
		break;
	case PACKET_SCTP_ABORT:
		c = contacts_find(e->contacts, p->dst, p->src, CONTACT_SCTP, p->sport);
		if (c && c->probe.kind < PROBE_KINDS)
			engine_refused(e, c);
		break;
	}
}

/* A datagram of a protocol nobody speaks; unless this host does, and had begun or answers. */
void engine_ip_protocol(struct engine *e, const struct packet *p)
{
	struct contact *c = contacts_find(e->contacts, p->dst, p->src, CONTACT_IP, p->dport);

	if (!c)
		engine_opening(e, p, CONTACT_IP, PROBE_IP_PROTO, home_is_self(&e->home, p->dst));
	else if (c->probe.kind < PROBE_KINDS && c->probe.outcome != PROBE_OPEN)
		engine_answered(e, c);
}

/* Whether it is answered matters little: hardly anyone but a scanner asks. */
void engine_icmp_query(struct engine *e, const struct packet *p)
{
	struct probe probe = {
		.peer = p->src,
		.self = p->dst,
		.kind = PROBE_ICMP_QUERY,
		.variant = p->type,
		.outcome = PROBE_CLOSED,
		.link = p->link,
	};

	if (!engine_watches(e, p->src, p->dst))
		return;
	floods_count(e->floods, FLOOD_LANE_ICMP, p, false);
	crowd_traits(p, p->src, PROBE_ICMP_QUERY, probe.trait);
	engine_passing(e, &probe, CONTACT_ECHO);
}

/* Sweeps: how many hosts are asked is what matters, not whether they answer. */
void engine_echo(struct engine *e, const struct packet *p)
{
	if (p->dir != PACKET_DIR_IN)
		engine_flood_ping(e, p);
	/* All who hear it are asked to answer its source (RFC 2644). */
	if (addr_is_multicast(p->dst))
		floods_count(e->floods, FLOOD_LANE_ICMP, p, false);
	engine_opening(e, p, CONTACT_ECHO, PROBE_ECHO, true);
}

void engine_neighbour(struct engine *e, const struct packet *p, enum probe_kind kind)
{
	struct probe probe = {
		.peer = p->src,
		.self = p->dst,
		.kind = (uint8_t)kind,
		.outcome = PROBE_CLOSED,
		.link = p->link,
	};
	const struct host *h = e->home.host;

	if (!h) {
		engine_opening(e, p, CONTACT_ARP, kind, true);
		return;
	}
	/* Live, others' addresses are asked for; that this host's own are is everyday life, and a router
	 * asks on behalf of whoever scans from beyond it. */
	if (host_owns(h, p->src) || host_owns(h, p->dst) || engine_ignores(e, p->src) ||
	    routers_hold(&e->routers, p->src, e->clock->now_ns))
		return;
	crowd_traits(p, p->src, (uint8_t)kind, probe.trait);
	engine_passing(e, &probe, CONTACT_ARP);
}

/* By what contact it was asked that a quoted datagram is of; false: by none. */
static bool asked_by(const struct packet *p, enum contact_proto *proto, enum probe_kind *kind)
{
	switch (p->quoted_proto) {
	case PACKET_TCP:
		*proto = CONTACT_TCP;
		*kind = PROBE_CONNECT;
		return true;
	case PACKET_UDP:
		*proto = CONTACT_UDP;
		*kind = PROBE_UDP;
		return true;
	case PACKET_SCTP:
		*proto = CONTACT_SCTP;
		*kind = PROBE_SCTP_INIT;
		return true;
	case PACKET_IP:
		*proto = CONTACT_IP;
		*kind = PROBE_IP_PROTO;
		return true;
	}
	return false;
}

/* Datagrams to clients' ports, and beyond them, do not pass the filter, so that nobody has seen whether one from
 * a service's port was an answer: to a question of long ago, or to one that was forged. */
static bool unseen_answer(const struct engine *e, const struct packet *p)
{
	const struct host *h = e->home.host;

	return h && home_is_self(&e->home, p->src) && p->sport >= h->ephemeral_first &&
	       p->dport < h->ephemeral_first;
}

/* An error without the datagram it quotes. A live filter passes no UDP to clients' ports, and no
 * datagrams of usual protocols; in a capture both would be there. */
static void on_unreachable_alone(struct engine *e, const struct packet *p, enum contact_proto proto,
				 enum probe_kind kind)
{
	struct probe probe = {
		.peer = p->dst,
		.self = p->src,
		.peer_port = p->dport,
		.port = p->sport,
		.kind = (uint8_t)kind,
		.outcome = PROBE_REFUSED,
	};

	if (e->home.host && p->dir == PACKET_DIR_IN && host_owns(e->home.host, p->dst)) {
		e->stats.backscatter++;
		return;
	}
	if ((proto != CONTACT_UDP && proto != CONTACT_IP) || !p->unreachable_port ||
	    !engine_watches(e, p->dst, p->src))
		return;
	if (proto == CONTACT_UDP &&
	    (unseen_answer(e, p) || engine_forgotten(e, p->src, p->sport, p->dport)))
		return;
	/* The filter passes nothing to a port that served until now. */
	if (engine_listed(e, proto, &probe) == PROBE_OPEN)
		return;
	e->stats.contacts++;
	crowd_traits(p, p->dst, (uint8_t)kind, probe.trait);
	engine_in_vain(e, engine_contact(e, &probe, proto));
}

void engine_unreachable(struct engine *e, const struct packet *p)
{
	enum contact_proto proto;
	enum probe_kind kind;
	struct contact *c;

	if (!asked_by(p, &proto, &kind))
		return;
	c = contacts_find(e->contacts, p->dst, p->src, proto, p->sport);
	if (c && c->probe.kind < PROBE_KINDS)
		engine_refused(e, c);
	else if (!c && !contacts_find(e->contacts, p->src, p->dst, proto,
				      proto == CONTACT_IP ? p->sport : p->dport))
		on_unreachable_alone(e, p, proto, kind);
}
