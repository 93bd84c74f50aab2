/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections to open ports: what their beginnings and ends tell of service detection.
 *
 * A half-open abort: SYN, SYN/ACK, RST. The RST of a kernel that knows of no such connection has no ACK
 * and the sequence number that the SYN/ACK acknowledged (RFC 9293 §3.10.7.1). Connect and leave:
 * the handshake is finished and the peer ends the connection within a moment, having sent no byte.
 */
#include "sensor/engine-internal.h"

#include "core/clock.h"
#include "sensor/packet.h"
#include "sensor/service-probe.h"

/* Nmap waits 6 s for a greeting; a first packet that was lost comes again within 3. */
#define LATE_MS 4500
#define BULK_NS (2 * NS_PER_S) /* so long ago, bulk packets are not sampled */
#define LEAVE_MS 1500 /* a browser's unused connections, opened beforehand, last longer */

static struct flow_ends ends_from(const struct packet *p)
{
	return (struct flow_ends){ p->src, p->dst, p->sport, p->dport };
}

static struct flow_ends ends_to(const struct packet *p)
{
	return (struct flow_ends){ p->dst, p->src, p->dport, p->sport };
}

static struct flow *begin(struct engine *e, const struct flow_ends *ends, uint32_t peer_isn)
{
	struct flow *f = flows_begin(e->flows, ends, peer_isn,
				     trie_find(e->trie, ends->peer) != NULL, e->clock->now_ns);

	if (!(f->state & FLOW_KEYED))
		f->login = guess_ports_find(&e->guess_ports, ends->port);
	return f;
}

void engine_flow_syn(struct engine *e, const struct packet *p, const struct probe *probe)
{
	struct flow_ends ends = ends_from(p);
	struct flow *f = begin(e, &ends, p->tcp_seq);

	f->kind = probe->kind;
	f->tools = probe->tools;
}

void engine_flow_answered(struct engine *e, const struct packet *p, const struct contact *c,
			  bool credited)
{
	struct flow_ends ends = ends_to(p);
	struct flow *f = begin(e, &ends, p->tcp_ack - 1);

	f->kind = c->probe.kind;
	f->tools = c->probe.tools;
	f->self_isn = p->tcp_seq;
	if (!(f->state & FLOW_ANSWERED))
		slow_floods_opened(&e->slow);
	f->state |= FLOW_ANSWERED | (credited ? FLOW_CREDITED : 0);
}

/* The handshake was finished: its SYN is no flood's, nor those that it stands for. */
static void finished(struct engine *e, struct flow *f, struct addr self, uint32_t stands_for)
{
	if (f->state & FLOW_FINISHED)
		return;
	f->state |= FLOW_FINISHED;
	/* Where samples show the last packet of a handshake, its end must not count it again. */
	if (e->pairs || e->clock->now_ns >= e->bulk_ns + BULK_NS)
		floods_proven(e->floods, self, stands_for);
}

void engine_flow_used(struct engine *e, const struct packet *p)
{
	struct flow_ends ends = ends_from(p);
	struct flow *f = flows_find(e->flows, &ends, e->clock->now_ns);

	if (!f || !(f->state & FLOW_ANSWERED) || !flow_proven(f, p->tcp_ack))
		return;
	if (e->pairs)
		finished(e, f, p->dst, 1);
	else if (p->tcp_seq == f->peer_isn + 1)
		floods_proven(e->floods, p->dst, p->stands_for);
}

void engine_flow_self_ended(struct engine *e, const struct packet *p)
{
	struct flow_ends ends = ends_to(p);
	struct flow *f = flows_find(e->flows, &ends, e->clock->now_ns);

	if (!f)
		return;
	f->state |= FLOW_SELF_ENDED;
	if (f->state & FLOW_ANSWERED)
		finished(e, f, p->src, p->stands_for);
}

/* What served the peer does not speak for it any more. */
static void take_credit_back(struct engine *e, struct flow *f, struct addr peer)
{
	if (f->state & FLOW_CREDITED)
		engine_discredit(e, peer);
	f->state &= (uint8_t)~FLOW_CREDITED;
}

/* Evidence of the flow: as a contact of the table, where that is there still. */
static void in_vain(struct engine *e, const struct packet *p, const struct flow *f,
		    enum probe_kind kind, uint8_t variant)
{
	struct contact *c =
		contacts_find_kind(e->contacts, p->src, p->dst, CONTACT_TCP, p->dport, kind);
	struct contact passing = {
		.probe = { .peer = p->src,
			   .self = p->dst,
			   .peer_port = p->sport,
			   .port = p->dport,
			   .kind = kind,
			   .variant = variant,
			   .outcome = PROBE_ABORTED,
			   .tools = f->tools,
			   .seq = f->peer_isn,
			   .link = p->link },
		.proto = CONTACT_TCP,
	};

	if (!c || c->probe.variant != variant) {
		crowd_traits(p, p->src, kind, passing.probe.trait);
		c = &passing;
	}
	c->probe.outcome = PROBE_ABORTED;
	engine_in_vain(e, c);
}

bool engine_flow_aborted(struct engine *e, const struct packet *p)
{
	struct flow_ends ends = ends_from(p);
	struct flow *f = flows_find(e->flows, &ends, e->clock->now_ns);

	if (!f || p->tcp_seq != f->peer_isn + 1 || (f->state & FLOW_KEYED))
		return false;
	if (f->state & FLOW_ENDED) /* each repeat of the SYN/ACK is refused again */
		return true;
	f->state |= FLOW_ENDED;
	slow_floods_ended(&e->slow);
	take_credit_back(e, f, p->src);
	in_vain(e, p, f, f->kind, 0);
	return true;
}

bool engine_flow_ended(struct engine *e, const struct packet *p)
{
	struct flow_ends ends = ends_from(p);
	struct flow *f = flows_find(e->flows, &ends, e->clock->now_ns);
	struct flow_end end;
	bool left;

	if (!f || !(p->tcp_flags & TCP_ACK) || !(f->state & FLOW_ANSWERED))
		return false;
	if (f->state & FLOW_ENDED)
		return true;
	f->state |= FLOW_ENDED;
	slow_floods_ended(&e->slow);
	if (!flow_proven(f, p->tcp_ack)) /* perhaps a guess; there is no second */
		return false;
	finished(e, f, p->dst, p->stands_for);
	end = flow_end(f, p->tcp_seq, p->tcp_ack, e->clock->now_ns);
	left = end.by_peer && end.asked == 0 && !(f->state & FLOW_KEYED) && p->payload == 0 &&
	       end.age_ms < LEAVE_MS;
	if (left)
		take_credit_back(e, f, p->src);
	engine_proven(e, p->src, p->link, !left);
	if (left)
		in_vain(e, p, f, PROBE_VERSION, PROBE_LEFT);
	return true;
}

/* PROBE_LEFT: it is what a client asks. */
static uint8_t question_variant(const struct packet *p, const struct flow *f, uint64_t now_ns)
{
	enum service_fit fit = service_fit(p->question, p->dport);

	if (flow_age_ms(f, now_ns) >= LATE_MS && service_by_program(p->question))
		return PROBE_ASKED_LATE | p->question;
	switch (fit) {
	case SERVICE_OWN:
		break;
	case SERVICE_UNKNOWN:
		return PROBE_ASKED_ODDLY | p->question;
	case SERVICE_FOREIGN:
		return PROBE_ASKED | p->question;
	}
	return PROBE_LEFT;
}

void engine_flow_asked(struct engine *e, const struct packet *p)
{
	struct flow_ends ends = ends_from(p);
	struct flow *f = flows_find(e->flows, &ends, e->clock->now_ns);
	uint8_t variant;

	/* First bytes only, and of a connection that is real: else anybody could be accused of them. */
	if (!f || (f->state & FLOW_ASKED) || p->tcp_seq != f->peer_isn + 1 ||
	    !flow_proven(f, p->tcp_ack))
		return;
	f->state |= FLOW_ASKED;
	variant = question_variant(p, f, e->clock->now_ns);
	if (variant == PROBE_LEFT)
		return;
	take_credit_back(e, f, p->src);
	engine_proven(e, p->src, p->link, false);
	in_vain(e, p, f, PROBE_VERSION, variant);
}
