/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which packets could be a flood's: what nobody here has asked for, by kind.
 */
#include "sensor/engine-internal.h"

#include "core/clock.h"
#include "sensor/host.h"
#include "sensor/listeners.h"
#include "sensor/packet.h"

#define REFUSED_NS NS_PER_S
#define MOVED_NS (2 * NS_PER_S)

void engine_flood_opening(struct engine *e, const struct packet *p, enum contact_proto proto)
{
	switch (proto) {
	case CONTACT_TCP:
		if (!(p->tcp_flags & TCP_SYN))
			floods_count(e->floods, FLOOD_LANE_RST, p, false);
		else if (p->tcp_flags & TCP_ACK)
			engine_flood_stray(e, p);
		else
			floods_count(e->floods, FLOOD_LANE_SYN, p, false);
		break;
	case CONTACT_ECHO:
		floods_count(e->floods, FLOOD_LANE_ICMP, p, false);
		break;
	case CONTACT_SCTP:
	case CONTACT_IP:
		floods_count(e->floods, FLOOD_LANE_PROTOCOL, p, false);
		break;
	case CONTACT_UDP: /* engine_flood_udp() sees it */
	case CONTACT_ARP:
		break;
	}
}

/* Does the listing say what is served at this address? Of hosts behind this one, and of those in a capture,
 * nothing is listed. */
static bool lists(const struct engine *e, struct addr self)
{
	return !e->pairs || (e->listeners && home_is_self(&e->home, self));
}

/* Where no listing tells: what goes both ways is wanted, and so may be what goes on and on one way. */
static void unlisted_udp(struct engine *e, const struct packet *p, enum flood_lane lane)
{
	switch (pairs_see(e->pairs, p)) {
	case PAIR_NEW:
		floods_count(e->floods, lane, p, false);
		break;
	case PAIR_ONE_WAY:
		if (lane == FLOOD_LANE_UDP)
			lane = FLOOD_LANE_SERVED;
		floods_count(e->floods, lane, p, false);
		break;
	case PAIR_ANSWERS:
		/* Its question has been counted. */
		floods_credit(e->floods, FLOOD_LANE_UDP, p->src, p->stands_for);
		break;
	case PAIR_BOTH:
		break;
	}
}

/* Live, who listens at a client's port is not known: it is no server's. */
static bool clients_port(const struct engine *e, const struct packet *p)
{
	const struct host *h = e->home.host;

	return p->dport >= h->ephemeral_first && p->dport <= h->ephemeral_last;
}

/* A service's peer, whatever port it asks from: has it been answered of late? */
static bool met(struct engine *e, const struct packet *p)
{
	struct packet both = *p;
	enum pair_state state;

	if (p->dir == PACKET_DIR_OUT)
		both.dport = 0;
	else
		both.sport = 0;
	state = pairs_see(e->met, &both);
	return state == PAIR_ANSWERS || state == PAIR_BOTH;
}

/* By the listing, and of bulk by what the source has asked the kernel. */
static void listed_udp(struct engine *e, const struct packet *p, enum flood_lane lane)
{
	struct probe probe = { .self = p->dst, .port = p->dport };

	if (p->bulk && p->solicited == PACKET_SOLICITED_YES)
		return;
	if (!p->bulk || p->solicited == PACKET_SOLICITED_UNKNOWN) {
		if (p->bulk && clients_port(e, p))
			return;
		if (engine_listed(e, CONTACT_UDP, &probe) == PROBE_OPEN)
			lane = FLOOD_LANE_SERVED;
	}
	if (lane == FLOOD_LANE_SERVED) {
		struct packet known = *p;

		known.met = met(e, p);
		floods_count(e->floods, lane, &known, false);
	} else {
		floods_count(e->floods, lane, p, false);
	}
}

/* Samples rarely show both a question and its answer: then one answer stands for another. */
static bool sample_answers(struct engine *e, const struct packet *p)
{
	enum pair_state state = pairs_see(e->pairs, p);

	return state == PAIR_ANSWERS || (state == PAIR_NEW && p->bulk);
}

static void sent_udp(struct engine *e, const struct packet *p)
{
	if (!engine_watches(e, p->dst, p->src))
		return;
	if (lists(e, p->src)) {
		met(e, p);
		floods_answered(e->floods, p);
	} else if (sample_answers(e, p)) {
		floods_credit(e->floods, FLOOD_LANE_UDP, p->src, p->stands_for);
	}
}

void engine_flood_udp(struct engine *e, const struct packet *p)
{
	enum flood_lane lane = FLOOD_LANE_UDP;

	if (p->link_group)
		return;
	if (!engine_watches(e, p->src, p->dst)) {
		sent_udp(e, p);
		return;
	}
	if (flood_reflects(p->sport) && !flood_reflects(p->dport))
		lane = FLOOD_LANE_AMPLIFIED;
	if (lists(e, p->dst))
		listed_udp(e, p, lane);
	else
		unlisted_udp(e, p, lane);
}

void engine_flood_stray(struct engine *e, const struct packet *p)
{
	bool syn = p->tcp_flags & TCP_SYN;

	floods_count(e->floods, syn ? FLOOD_LANE_SYN_ACK : FLOOD_LANE_RST, p, false);
	/* This host refuses it as it does an ACK of no connection (RFC 9293 §3.10.7.1). */
	floods_credit(e->floods, FLOOD_LANE_ACK, p->dst, p->stands_for);
}

void engine_flood_fin_sent(struct engine *e, const struct packet *p)
{
	/* The peer's own will follow. */
	floods_credit(e->floods, FLOOD_LANE_RST, p->src, p->stands_for);
}

/* Samples are looked at late: what came for an address that this host has just given up was its own. */
static bool moved(struct engine *e)
{
	const struct host *h = e->home.host;

	if (!h)
		return false;
	if (h->generation != e->host_generation) {
		e->host_generation = h->generation;
		e->host_changed_ns = e->clock->now_ns;
	}
	return e->host_changed_ns && e->clock->now_ns < e->host_changed_ns + MOVED_NS;
}

void engine_flood_data(struct engine *e, const struct packet *p)
{
	/* The last packet of a handshake carries nothing. */
	if (p->payload == 0 && floods_suspects(e->floods, FLOOD_LANE_SYN, p->dst))
		engine_flow_used(e, p);
	if (!engine_watches(e, p->src, p->dst)) {
		/* A connection older than the capture, or one of which there are samples only. */
		if (!lists(e, p->src) && engine_watches(e, p->dst, p->src) && sample_answers(e, p))
			floods_credit(e->floods, FLOOD_LANE_ACK, p->src, p->stands_for);
	} else if (!lists(e, p->dst)) {
		if (pairs_see(e->pairs, p) == PAIR_NEW && !moved(e))
			floods_count(e->floods, FLOOD_LANE_ACK, p, false);
	} else if (p->solicited == PACKET_SOLICITED_NO) {
		/* Where this host refuses such segments, that shows each of them. */
		if (e->clock->now_ns < e->refused_ns + REFUSED_NS)
			floods_came(e->floods, FLOOD_LANE_ACK, p);
		else
			floods_count(e->floods, FLOOD_LANE_ACK, p, false);
	}
}

void engine_flood_rst(struct engine *e, const struct packet *p)
{
	struct flow_ends ends = { p->src, p->dst, p->sport, p->dport };

	if (p->dir == PACKET_DIR_OUT && lists(e, p->src)) {
		/* The answer to a segment of no connection (RFC 9293 §3.10.7.1). */
		if (!(p->tcp_flags & TCP_ACK) && engine_watches(e, p->dst, p->src)) {
			e->refused_ns = e->clock->now_ns;
			floods_count(e->floods, FLOOD_LANE_ACK, p, true);
		}
		return;
	}
	if (!engine_watches(e, p->src, p->dst))
		return;
	if (!(p->tcp_flags & TCP_ACK))
		floods_reset(e->floods, p);
	if (contacts_find(e->contacts, p->src, p->dst, CONTACT_TCP, p->dport) ||
	    contacts_find(e->contacts, p->dst, p->src, CONTACT_TCP, p->sport) ||
	    flows_find(e->flows, &ends, e->clock->now_ns))
		return;
	floods_count(e->floods, FLOOD_LANE_RST, p, false);
}

void engine_flood_ping(struct engine *e, const struct packet *p)
{
	struct packet ping = *p;

	/* Of a reply, too: what it answers has gone the other way. */
	ping.proto = PACKET_ICMP_ECHO;
	pairs_see(e->pings, &ping);
}

static bool answers_ping(struct engine *e, const struct packet *p)
{
	struct packet ping = *p;

	ping.proto = PACKET_ICMP_ECHO;
	switch (pairs_see(e->pings, &ping)) {
	case PAIR_ANSWERS:
	case PAIR_BOTH:
		return true;
	case PAIR_NEW:
	case PAIR_ONE_WAY:
		break;
	}
	return false;
}

void engine_flood_icmp(struct engine *e, const struct packet *p)
{
	if (p->proto == PACKET_ICMP_ECHO_REPLY && answers_ping(e, p))
		return;
	if (engine_watches(e, p->src, p->dst) || addr_is_multicast(p->dst))
		floods_count(e->floods, FLOOD_LANE_ICMP, p, false);
}

void engine_flood_bulk(struct engine *e, const struct packet *p)
{
	if (p->fragment != PACKET_WHOLE) {
		if (engine_watches(e, p->src, p->dst))
			floods_count(e->floods, FLOOD_LANE_FRAGMENT, p, false);
		return;
	}
	switch ((enum packet_proto)p->proto) {
	case PACKET_TCP:
		/* The BPF source shows none of connections. */
		if (p->solicited != PACKET_SOLICITED_NO)
			e->bulk_ns = e->clock->now_ns;
		engine_flood_data(e, p);
		break;
	case PACKET_UDP:
		engine_flood_udp(e, p);
		break;
	case PACKET_ICMP_ECHO:
	case PACKET_ICMP_ECHO_REPLY:
	case PACKET_ICMP_QUERY:
	case PACKET_UNREACHABLE:
	case PACKET_ICMP:
		engine_flood_icmp(e, p);
		break;
	case PACKET_OTHER:
		if (engine_watches(e, p->src, p->dst))
			floods_count(e->floods, FLOOD_LANE_TUNNEL, p, false);
		break;
	case PACKET_ARP_REQUEST:
	case PACKET_NEIGHBOUR:
	case PACKET_SCTP: /* openings pass by themselves */
	case PACKET_IP: /* likewise */
		break;
	}
}
