/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading packets other than TCP and UDP: SCTP, protocols nobody speaks, ICMP, and who asks the link for
 * its neighbours.
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

/* The third step of an association (RFC 9260 §5.1), which proves the address; or out of any. */
static void on_cookie_echo(struct engine *e, const struct packet *p)
{
	struct contact *c = contacts_find(e->contacts, p->src, p->dst, CONTACT_SCTP, p->dport);

	if (c && c->probe.kind == PROBE_SCTP_INIT && c->answered)
		engine_proven(e, p->src, p->link, true);
	else if (!c || c->probe.kind != CONTACT_OWN)
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
	crowd_traits(p, p->src, PROBE_ICMP_QUERY, probe.trait);
	engine_passing(e, &probe, CONTACT_ECHO);
}

/* Sweeps: how many hosts are asked is what matters, not whether they answer. */
void engine_echo(struct engine *e, const struct packet *p)
{
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
