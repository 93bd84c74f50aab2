/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a RST tells: a refusal, the answer to an ACK probe, the end of a connection, or nothing.
 */
#include "sensor/engine-internal.h"

#include "core/clock.h"
#include "sensor/host.h"
#include "sensor/listeners.h"
#include "sensor/packet.h"

/*
 * A RST without ACK answers a segment that had ACK set (RFC 9293 §3.10.7.1), so it is never the
 * refusal of a SYN, FIN, NULL or Xmas probe. What explains it, if it is not an ACK probe?
 */
static bool explained(struct engine *e, const struct packet *p)
{
	struct contact *c = contacts_find_kind(e->contacts, p->dst, p->src, CONTACT_TCP, p->sport,
					       PROBE_MAIMON);

	if (c && c->probe.outcome == PROBE_UNKNOWN) {
		/* At a served port it is the end of a connection that nobody remembers. */
		if (!engine_forgotten(e, p->src, p->sport, p->dport) &&
		    engine_listed(e, CONTACT_TCP, &c->probe) != PROBE_OPEN) {
			c->probe.outcome = PROBE_REFUSED;
			e->stats.contacts++;
			engine_in_vain(e, c);
		}
		return true;
	}
	if (contacts_find_kind(e->contacts, p->dst, p->src, CONTACT_TCP, p->sport,
			       CONTACT_BACKSCATTER))
		return true;
	c = contacts_find_kind(e->contacts, p->dst, p->src, CONTACT_TCP, p->sport, PROBE_CUSTOM);
	if (c) {
		engine_refused(e, c);
		return true;
	}
	/* A connection of its own that the sender gives up, or one that it had accepted. */
	if (contacts_find(e->contacts, p->src, p->dst, CONTACT_TCP, p->dport))
		return true;
	c = contacts_find(e->contacts, p->dst, p->src, CONTACT_TCP, p->sport);
	return c && c->probe.outcome == PROBE_OPEN;
}

/*
 * A capture holds plain data, and so whatever an ACK probe's RST answers; a RST without it belongs to a
 * flood with forged sources. Live, the kernel does not answer what nobody sent, and no data is seen.
 */
static uint32_t data_hash(struct addr src, uint16_t sport, struct addr dst, uint16_t dport)
{
	return addr_hash(src, dst.lo ^ dst.hi << 1 ^ (uint64_t)sport << 16 ^ dport);
}

void engine_data(struct engine *e, const struct packet *p)
{
	uint32_t hash = data_hash(p->src, p->sport, p->dst, p->dport);

	if (!e->home.host)
		e->data_seen[hash % ENGINE_DATA_SEEN] = hash;
}

static bool data_seen(const struct engine *e, const struct packet *rst)
{
	uint32_t hash = data_hash(rst->dst, rst->dport, rst->src, rst->sport);

	return e->home.host || e->data_seen[hash % ENGINE_DATA_SEEN] == hash;
}

/* The answer to an ACK out of nowhere. */
static void answer_to_ack_probe(struct engine *e, const struct packet *p)
{
	struct probe probe = {
		.peer = p->dst,
		.self = p->src,
		.peer_port = p->dport,
		.port = p->sport,
		.kind = PROBE_ACK,
		.outcome = PROBE_REFUSED,
		.seq = p->tcp_seq, /* it repeats what the probe acknowledged */
	};
	struct contact *c;

	if (p->dir == PACKET_DIR_IN && e->home.mode == HOME_HOST) {
		e->stats.backscatter += host_owns(e->home.host, p->dst);
		return;
	}
	if (!engine_watches(e, p->dst, p->src) || engine_forgotten(e, p->src, p->sport, p->dport))
		return;
	if (!data_seen(e, p)) {
		e->stats.backscatter++;
		return;
	}
	/* At a served port it is the end of a connection that nobody remembers. */
	if (engine_listed(e, CONTACT_TCP, &probe) == PROBE_OPEN)
		return;
	c = contacts_find_kind(e->contacts, p->dst, p->src, CONTACT_TCP, p->sport, PROBE_ACK);
	if (c) {
		engine_repeated(e, c);
		return;
	}
	e->stats.contacts++;
	crowd_traits(p, p->dst, PROBE_ACK, probe.trait);
	engine_in_vain(e, engine_contact(e, &probe, CONTACT_TCP));
}

/* A published port that refuses (RFC 9293 §3.10.7.1: sequence number 0) is published no more. */
static void withdraw(struct engine *e, const struct packet *p, struct contact *c)
{
	if (!e->listeners || c->probe.outcome != PROBE_OPEN || c->answered || p->tcp_seq != 0)
		return;
	listeners_withdraw(e->listeners, false, p->src, p->sport);
	c->probe.outcome = PROBE_UNKNOWN;
}

/*
 * This host has refused what the parser could not read, and so nobody has judged: a SYN behind a long chain of
 * extension headers, or in fragments beside too many others. A kernel refuses at once, so that a
 * SYN that was read is in the table still; unless answers are being left out.
 */
static void refused_unread(struct engine *e, const struct packet *p)
{
	struct probe probe = {
		.peer = p->dst,
		.self = p->src,
		.peer_port = p->dport,
		.port = p->sport,
		.kind = PROBE_SYN,
		.outcome = PROBE_REFUSED,
	};

	if (p->dir != PACKET_DIR_OUT || p->answers_shed || !home_is_self(&e->home, p->src) ||
	    engine_awaits(e) || !engine_watches(e, p->dst, p->src))
		return;
	e->stats.contacts++;
	crowd_traits(p, p->dst, PROBE_SYN, probe.trait);
	engine_in_vain(e, engine_contact(e, &probe, CONTACT_TCP));
}

void engine_rst(struct engine *e, const struct packet *p)
{
	struct contact *c;

	engine_flood_rst(e, p);
	if (p->dir != PACKET_DIR_OUT)
		engine_decoys_reset(e, p);
	if (!(p->tcp_flags & TCP_ACK)) {
		if (!engine_flow_aborted(e, p) && !explained(e, p))
			answer_to_ack_probe(e, p);
		return;
	}
	c = contacts_find(e->contacts, p->dst, p->src, CONTACT_TCP, p->sport);
	if (c) {
		if (c->probe.kind < PROBE_KINDS && c->probe.kind != PROBE_MAIMON) {
			withdraw(e, p, c);
			engine_refused(e, c);
		}
		return;
	}
	if (engine_flow_ended(e, p))
		return;
	c = contacts_find(e->contacts, p->src, p->dst, CONTACT_TCP, p->dport);
	if (c && c->probe.kind < PROBE_KINDS && engine_proves_handshake(c, p))
		engine_proven(e, p->src, p->link, true);
	/* So a SYN is refused (RFC 9293 §3.10.7.1): one which nobody here sent, or one which nobody read. */
	if (!c && p->tcp_seq == 0 && engine_watches(e, p->src, p->dst))
		e->stats.backscatter++;
	else if (!c && p->tcp_seq == 0)
		refused_unread(e, p);
}
