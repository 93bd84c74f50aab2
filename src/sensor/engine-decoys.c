/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judging groups of decoys: their evidence, their finding, and who of them is real.
 *
 * A group's evidence counts a port once, from however many addresses it was tried, and decides as that
 * of a single peer does. Who is real is said only when something tells it, and after the others have
 * had time to react as well:
 *   - a neighbour is, whose own reactions (the reset of a SYN/ACK that it did not expect, a finished
 *     handshake) came from the link address of the probes, if no other neighbour's did;
 *   - from beyond the link, the only address that finished a handshake, a newcomer until then;
 *   - or the only one that reset, at two ports at least: decoys that are up would have, too. Somebody who
 *     silences himself and lets the only live decoy reset could fake that, so it stays "spoofable".
 */
#include "sensor/engine-internal.h"

#include "core/clock.h"
#include "sensor/host.h"
#include "sensor/packet.h"

#define DECIDE_NS (2 * NS_PER_S) /* after the first reaction: more than any round trip */
#define ENOUGH_MEMBERS 3 /* one silent address proves nothing */

static struct finding *group_finding(struct engine *e, const struct decoys_group *g, uint8_t kind)
{
	for (unsigned int i = 0; i < g->findings; i++) {
		struct finding *f = findings_get(e->findings, g->finding[i]);

		if (f && f->kind == kind)
			return f;
	}
	return NULL;
}

static bool group_alerted(struct engine *e, const struct decoys_group *g)
{
	for (unsigned int i = 0; i < g->findings; i++) {
		const struct finding *f = findings_get(e->findings, g->finding[i]);

		if (f && f->alerted)
			return true;
	}
	return false;
}

static void name_real(struct finding *f, const struct decoys_group *g)
{
	finding_name_real(f, g->member[g->real - 1]);
	f->spoofable = !g->real_shook;
}

/* A finding begins: the group's first with all its evidence, one of another kind with this contact. */
static struct finding *group_suspect(struct engine *e, struct decoys_group *g,
				     const struct probe *p, enum probe_kind kind, bool beside)
{
	struct finding *f;

	if (g->findings == DECOYS_FINDINGS)
		return NULL;
	f = findings_suspect_group(e->findings, FINDING_DECOYS, p, kind, e->clock->now_ns);
	g->finding[g->findings++] = findings_ref(e->findings, f);
	f->secondary = beside;
	if (beside)
		finding_contact(f, p, e->clock->now_ns);
	else
		finding_begin_with(f, &g->evidence);
	for (unsigned int i = 0; i < g->members; i++)
		finding_member(f, g->member[i]);
	if (g->real)
		name_real(f, g);
	return f;
}

/* As for a single peer: the first finding is of the kind most contacts are of, others stand beside it. */
static struct finding *group_finding_for(struct engine *e, struct decoys_group *g,
					 const struct probe *p, enum scan_verdict verdict)
{
	struct finding *f = group_finding(e, g, p->kind);
	enum probe_kind kind = p->kind;
	bool beside = group_alerted(e, g);

	if (!f && verdict == SCAN_NO)
		return NULL;
	if (!f && !beside) {
		kind = evidence_kind(&g->evidence);
		f = group_finding(e, g, kind);
	}
	if (f) {
		finding_contact(f, p, e->clock->now_ns);
		return f;
	}
	return group_suspect(e, g, p, kind, beside);
}

static void group_conclude(struct engine *e, struct decoys_group *g, const struct probe *p)
{
	float llr;
	enum scan_verdict verdict = scan_judge(&e->policy, &g->evidence, &llr);
	struct finding *f = group_finding_for(e, g, p, verdict);

	if (!f)
		return;
	if (f->secondary ? f->failed < e->policy.failures : verdict != SCAN_YES && !f->alerted)
		return;
	g->told = true;
	findings_tell(e->findings, f, llr);
}

/* One copy of a probe in vain. counted: with the one before, which was taken for another's. */
static void group_contact(struct engine *e, struct decoys_group *g, struct contact *c, bool counted)
{
	const struct probe *p = &c->probe;
	struct evidence *ev = &g->evidence;
	struct finding *f = group_finding(e, g, p->kind);
	bool ambient;

	evidence_fade(ev, e->clock->now_ns);
	if (ev->probes < UINT32_MAX - 1)
		ev->probes += 1 + counted;
	if (f)
		finding_member(f, p->peer);
	if (p->kind == PROBE_UDP && p->outcome == PROBE_UNANSWERED && evidence_hosts(ev) > 2)
		return;
	if (f ? finding_knows(f, p) || evidence_knows_exactly(ev, p) : evidence_knows(ev, p)) {
		if (f)
			finding_repeat(f, p, e->clock->now_ns);
		return;
	}
	ambient = scan_ambient(&e->policy, p, &e->home);
	c->weight = scan_weight(&e->policy, p, ev, ambient);
	evidence_add(ev, p, c->weight, ambient);
	if (p->outcome == PROBE_REFUSED && ev->refused < UINT8_MAX)
		ev->refused++;
	e->stats.failed += !counted;
	group_conclude(e, g, p);
}

/* What was counted against the address that the first copy came from was not its own doing. */
static void disown(struct engine *e, struct addr peer, const struct contact *second,
		   const struct decoys_group *g)
{
	struct contact *c = contacts_find_kind(e->contacts, peer, second->probe.self, second->proto,
					       second->probe.port, second->probe.kind);
	struct contact first = { .probe = second->probe };
	const struct probe *p = &first.probe;
	struct newcomer *newcomer = newcomers_find(e->newcomers, peer);
	struct trie_node *n;

	first.probe.peer = peer;
	first.weight = scan_weight(&e->policy, p, NULL, scan_ambient(&e->policy, p, &e->home));
	engine_group_undo(e, &first);
	if (c) {
		first.weight = c->weight;
		c->decoys = g->id;
		c->weight = 0;
	}
	if (newcomer) {
		if (newcomer->port == p->port && newcomer->where == evidence_where(p))
			newcomer_clear(newcomer);
		return;
	}
	n = trie_find(e->trie, peer);
	if (n && first.weight && evidence_knows((struct evidence *)n->payload, p))
		engine_take_back(e, (struct evidence *)n->payload, p, first.weight);
}

void engine_decoys_seen(struct engine *e, const struct probe *p)
{
	struct decoys_match match = decoys_look(e->decoys, p, e->clock->now_ns);
	struct contact c = { .probe = *p, .proto = CONTACT_TCP };

	if (match.moved)
		disown(e, match.first, &c, match.group);
}

bool engine_among_decoys(struct engine *e, struct contact *c)
{
	struct decoys_match match =
		decoys_look(e->decoys, &c->probe, c->t_ns ? c->t_ns : e->clock->now_ns);

	if (!match.group)
		return false;
	if (match.moved)
		disown(e, match.first, c, match.group);
	c->decoys = match.group->id;
	group_contact(e, match.group, c, match.moved);
	return true;
}

void engine_decoys_repeated(struct engine *e, const struct contact *c)
{
	struct decoys_group *g = decoys_group(e->decoys, c->decoys);
	struct finding *f = g ? group_finding(e, g, c->probe.kind) : NULL;

	if (f)
		finding_repeat(f, &c->probe, e->clock->now_ns);
}

void engine_decoys_refused(struct engine *e, const struct contact *c)
{
	struct decoys_group *g = decoys_group(e->decoys, c->decoys);
	struct finding *f = g ? group_finding(e, g, c->probe.kind) : NULL;

	if (!g || !c->weight)
		return;
	if (g->evidence.refused < UINT8_MAX)
		g->evidence.refused++;
	if (f)
		f->refused++;
}

void engine_decoys_answered(struct engine *e, const struct contact *c)
{
	struct decoys_group *g = decoys_group(e->decoys, c->decoys);
	struct finding *f;
	float llr;

	if (!g || !c->weight)
		return;
	evidence_undo(&g->evidence, &c->probe, c->weight,
		      scan_ambient(&e->policy, &c->probe, &e->home));
	f = group_finding(e, g, c->probe.kind);
	if (f && !f->alerted && scan_judge(&e->policy, &g->evidence, &llr) == SCAN_NO)
		findings_withdraw(e->findings, f);
}

/*
 * Does the peer send to this target directly? A neighbour in another of our subnets may send by way of the
 * router, whose link address is then no mark of its own.
 */
static bool sends_directly(const struct engine *e, struct addr peer, struct addr self)
{
	const struct host *h = e->home.host;

	if (!h || !host_owns(h, self))
		return home_on_link(&e->home, peer, self);
	for (unsigned int i = 0; i < h->n_addrs; i++)
		if (addr_eq(h->addr[i].addr, self) && prefix_contains(&h->addr[i].on_link, peer))
			return true;
	return false;
}

/* A member has reacted to us: by the reset of a SYN/ACK at this port, or by a finished handshake. */
static void reacted(struct engine *e, struct decoys_group *g, unsigned int i, uint32_t link,
		    uint16_t port, bool shook)
{
	struct addr peer = g->member[i];
	uint32_t bit = 1u << i;

	if (link && g->link && !g->link_differs) {
		bool neighbour = home_on_link(&e->home, peer, g->self);

		if (neighbour && (link != g->link || !sends_directly(e, peer, g->self)))
			g->other_link |= bit;
		else if (neighbour)
			g->same_link |= bit;
		else if (link != g->link)
			g->strangers = true;
		else
			g->link_routed = true;
	}
	if (shook) {
		g->shook |= bit;
	} else {
		if (!(g->reset & bit))
			g->reset_port[i] = port;
		else if (g->reset_port[i] != port)
			g->reset_twice |= bit;
		g->reset |= bit;
	}
	if (g->real || g->decide_ns)
		return;
	g->decide_ns = e->clock->now_ns + DECIDE_NS;
	if (g->decide_ns < e->due_ns)
		e->due_ns = g->decide_ns;
}

void engine_decoys_reset(struct engine *e, const struct packet *p)
{
	struct decoys_group *g = decoys_marked(e->decoys, p->sport, p->tcp_seq - 1);
	int i;

	if (!g)
		return;
	i = decoys_join(g, p->src);
	if (i < 0)
		g->strangers = true;
	else
		reacted(e, g, (unsigned int)i, p->link, p->dport, false);
}

void engine_decoys_proven(struct engine *e, struct addr peer, uint32_t link, bool newcomer)
{
	struct decoys_group *g;

	for (unsigned int n = 0; (g = decoys_nth(e->decoys, n)) != NULL; n++) {
		int i = decoys_member(g, peer);

		if (i < 0)
			continue;
		/* A neighbour is told by the link address alone, where there is one. From beyond, who was a
		 * client before may be one now. */
		if (home_on_link(&e->home, peer, g->self) && g->link ? link != 0 : newcomer)
			reacted(e, g, (unsigned int)i, link, 0, true);
	}
}

static bool only_one(uint32_t members)
{
	return members && !(members & (members - 1));
}

/* The member that is real, as a bit, or 0; and whether by a proof that nobody can forge. */
static uint32_t real_member(const struct decoys_group *g, bool *shook)
{
	uint32_t candidates = ~(g->other_link | g->same_link), shake = g->shook & candidates;
	uint32_t reset = g->reset & candidates;

	*shook = true;
	if (g->same_link && !g->link_routed)
		return only_one(g->same_link) ? g->same_link : 0;
	if (g->strangers)
		return 0;
	if (only_one(shake) && !(reset & ~shake))
		return shake;
	*shook = false;
	return !shake && only_one(reset) && g->members >= ENOUGH_MEMBERS ? reset & g->reset_twice :
									   0;
}

static void decide(struct engine *e, struct decoys_group *g)
{
	uint32_t real = real_member(g, &g->real_shook);

	g->decide_ns = 0;
	if (!real)
		return;
	g->real = (uint8_t)(1 + __builtin_ctz(real));
	for (unsigned int i = 0; i < g->findings; i++) {
		struct finding *f = findings_get(e->findings, g->finding[i]);

		if (!f)
			continue;
		name_real(f, g);
		findings_update(e->findings, f);
	}
}

/* Forgets the findings that have ended; true when all have. After a mere suspicion the group goes on: a
 * scanner may pause. */
static bool ended(struct engine *e, struct decoys_group *g)
{
	unsigned int left = 0;

	if (!g->findings)
		return false;
	for (unsigned int i = 0; i < g->findings; i++)
		if (findings_get(e->findings, g->finding[i]))
			g->finding[left++] = g->finding[i];
	g->findings = (uint8_t)left;
	return left == 0 && g->told;
}

uint64_t engine_decoys_tick(struct engine *e)
{
	uint64_t due_ns = 0;
	unsigned int n = 0;
	struct decoys_group *g;

	while ((g = decoys_nth(e->decoys, n)) != NULL) {
		if (ended(e, g)) {
			decoys_drop(e->decoys, g);
			continue;
		}
		if (g->decide_ns && g->decide_ns <= e->clock->now_ns)
			decide(e, g);
		if (g->decide_ns && (due_ns == 0 || g->decide_ns < due_ns))
			due_ns = g->decide_ns;
		n++;
	}
	return due_ns;
}

void engine_decoys_finish(struct engine *e)
{
	struct decoys_group *g;

	for (unsigned int n = 0; (g = decoys_nth(e->decoys, n)) != NULL; n++)
		if (g->decide_ns)
			decide(e, g);
}
