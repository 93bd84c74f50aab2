/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Campaigns of unrelated peers: who joins one, and when it is told (campaign.h).
 */
#include "sensor/engine-internal.h"

#include "core/clock.h"

/* What each further peer with the same ports adds, in bits: modest, since the odds of chance are not known. */
#define PEER_BITS 1.0f

/* The contact, and for a peer that joins by it those before, are the campaign's. */
static void join(struct engine *e, struct finding *f, struct evidence *ev, const struct probe *p)
{
	bool first = !(ev->flags & EVIDENCE_JOINED);

	ev->flags |= EVIDENCE_JOINED;
	finding_contact(f, p, e->clock->now_ns);
	if (first) {
		f->failed += ev->plain - 1u;
		f->probes += ev->probes - 1u;
		f->refused += ev->refused - (ev->refused && p->outcome == PROBE_REFUSED);
		if (ev->flags & EVIDENCE_VALIDATED)
			f->spoofable = false;
	}
	finding_member(f, p->peer);
	if (first)
		findings_withdraw_within(e->findings, &(struct prefix){ p->peer, ADDR_BITS });
	findings_tell(e->findings, f, f->llr + (first ? PEER_BITS : 0));
}

static void open_campaign(struct engine *e, struct campaign *c, const struct evidence *ev,
			  const struct probe *p, float llr)
{
	struct finding *f = findings_suspect_group(e->findings, FINDING_DISTRIBUTED, p,
						   evidence_kind(ev), e->clock->now_ns);

	finding_begin_with(f, ev);
	c->told = findings_ref(e->findings, f);
	for (unsigned int i = 0; i < c->peers; i++) {
		struct trie_node *n = trie_find(e->trie, c->peer[i]);
		struct evidence *its = n ? (struct evidence *)n->payload : NULL;

		finding_member(f, c->peer[i]);
		findings_withdraw_within(e->findings, &(struct prefix){ c->peer[i], ADDR_BITS });
		if (!its)
			continue;
		its->flags |= EVIDENCE_JOINED;
		if (addr_eq(c->peer[i], p->peer))
			continue;
		f->failed += its->plain;
		f->probes += its->probes;
		f->refused += its->refused;
		if (its->first_ns < f->first_ns)
			f->first_ns = its->first_ns;
	}
	findings_tell(e->findings, f, llr + PEER_BITS * (float)c->peers);
}

bool engine_campaign_takes(struct engine *e, const struct contact *c, struct evidence *ev,
			   bool ambient)
{
	const struct probe *p = &c->probe;
	uint16_t port[CAMPAIGN_PORTS];
	struct campaign *told;
	unsigned int n;
	bool ordinary;
	float llr;

	if (ambient || ev->plain < 2 || ev->plain > CAMPAIGN_PORTS || !p->port ||
	    (ev->flags & EVIDENCE_ALERTED) || engine_link(e, p) != GROUP_ROUTED)
		return false;
	n = campaign_ports(ev, port);
	if (n != ev->plain)
		return false;
	ordinary = !group_tool_made(p);
	told = campaigns_told(&e->campaigns, e->findings, p->peer, port, n);
	/* A browser whose web server is gone is none of those who scan for web servers. */
	if (told && !(ordinary && campaign_for_clients(port, n))) {
		told->last_ns = e->clock->now_ns;
		join(e, findings_get(e->findings, told->told), ev, p);
		return true;
	}
	if (n < CAMPAIGN_PORTS || scan_judge(&e->policy, ev, &llr) == SCAN_NO)
		return false;
	told = campaigns_meet(&e->campaigns, e->findings, p->peer, port, ordinary,
			      e->clock->now_ns);
	if (!told)
		return false;
	open_campaign(e, told, ev, p, llr);
	return true;
}

void engine_campaign_refused(struct engine *e, const struct probe *p, const struct evidence *ev)
{
	struct campaign *told;

	if (ev->plain < 2 || (ev->flags & EVIDENCE_ALERTED))
		return;
	told = campaigns_told(&e->campaigns, e->findings, p->peer, &p->port, 1);
	if (told)
		findings_get(e->findings, told->told)->refused++;
}
