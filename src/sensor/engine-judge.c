/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judging: what a contact in vain, a refusal, an answer or a proof does to the evidence.
 */
#include "sensor/engine-internal.h"

#include "core/clock.h"
#include "sensor/listeners.h"

#include <string.h>

#define VERSION_CONTACTS 2 /* services asked nothing, by a peer that has scanned before */
#define OS_CONTACTS 3 /* packets that are made to tell operating systems apart */

static struct evidence *evidence_of(struct trie_node *n)
{
	return (struct evidence *)n->payload;
}

/* The leaf that a contact was judged at, if it is still the peer's. */
static struct evidence *contact_evidence(struct engine *e, const struct contact *c)
{
	struct trie_node *n = trie_node_at(e->trie, c->node);

	/* Judged at the door, the peer may have moved on since. */
	if (!n || n->len != ADDR_BITS || !addr_eq(n->addr, c->probe.peer))
		n = trie_find(e->trie, c->probe.peer);
	return n ? evidence_of(n) : NULL;
}

/* The peer's finding of the contact's kind, or NULL. */
static struct finding *finding_of(struct engine *e, const struct evidence *ev,
				  const struct probe *p)
{
	if (!ev || !(ev->flags & EVIDENCE_FINDING))
		return NULL;
	return findings_of(e->findings, p->peer, p->kind);
}

static void repeated_at_door(struct newcomer *n)
{
	if (n && n->repeats < NEWCOMER_MAX_REPEATS)
		n->repeats++;
}

void engine_repeated(struct engine *e, struct contact *c)
{
	struct evidence *ev = contact_evidence(e, c);
	struct finding *f = finding_of(e, ev, &c->probe);

	if (c->repeats < UINT8_MAX)
		c->repeats++;
	if (c->decoys) {
		engine_decoys_repeated(e, c);
		return;
	}
	if (f)
		finding_repeat(f, &c->probe, e->clock->now_ns);
	else if (ev && ev->probes < UINT32_MAX)
		ev->probes++;
	else if (!ev)
		repeated_at_door(newcomers_find(e->newcomers, c->probe.peer));
}

/*
 * A connect scan finishes the handshake with open ports and leaves at once: that is no scan of another
 * kind. A peer whose raw SYNs have been told, and that now connects, asks who answers there.
 */
static bool goes_on(struct engine *e, const struct probe *p)
{
	const struct finding *f = findings_of(e->findings, p->peer, PROBE_SYN);

	return probe_is_leave(p) && !(f && f->alerted);
}

/* A second kind of scan needs as many contacts of its own as the first did, unless they can hardly be
 * anything else. */
static uint64_t second_kind(const struct engine *e, const struct probe *p)
{
	if (p->kind == PROBE_VERSION)
		return p->variant != PROBE_LEFT ? 1 : VERSION_CONTACTS;
	return p->kind == PROBE_OS ? OS_CONTACTS : e->policy.failures;
}

/* The finding that a contact belongs to, begun where the verdict asks for one; or NULL. */
static struct finding *finding_for(struct engine *e, struct evidence *ev, const struct probe *p,
				   enum scan_verdict verdict)
{
	struct finding *f = finding_of(e, ev, p);
	enum probe_kind kind;

	if (f) {
		finding_contact(f, p, e->clock->now_ns);
		return f;
	}
	if (verdict == SCAN_NO)
		return NULL;
	if (findings_any(e->findings, p->peer, true))
		return goes_on(e, p) ? NULL :
				       findings_suspect_too(e->findings, p, e->clock->now_ns);
	/* The first is of the kind that most contacts are of; of this one's where that is undecided. */
	kind = evidence_kind(ev);
	if (ev->kind[p->kind] == ev->kind[kind])
		kind = p->kind;
	f = findings_of(e->findings, p->peer, kind);
	if (f)
		finding_contact(f, p, e->clock->now_ns);
	else
		f = findings_suspect(e->findings, p, kind, ev, e->clock->now_ns);
	if (f)
		ev->flags |= EVIDENCE_FINDING;
	return f;
}

/*
 * May the contact be the first of a scanner's copies, forged in the name of a client (decoys.h)? Until
 * the next one comes nobody can tell, and a client has enough in vain of its own that one more might
 * accuse it. So it is judged without its newest contact of that sort: a scan by a client is found by
 * one contact later. connect(2) cannot forge, and strangers have nothing of their own.
 */
static bool maybe_forged(const struct evidence *ev, const struct probe *p)
{
	return (ev->flags & EVIDENCE_VALIDATED) && p->kind != PROBE_CONNECT &&
	       p->kind != PROBE_VERSION && p->outcome != PROBE_ABORTED;
}

/* judged: the peer's evidence ev, or what of it is taken for the peer's own. */
static void conclude(struct engine *e, struct evidence *ev, const struct evidence *judged,
		     const struct probe *p)
{
	float llr;
	enum scan_verdict verdict = scan_judge(&e->policy, judged, &llr);
	struct finding *f = finding_for(e, ev, p, verdict);

	if (!f)
		return;
	if (f->secondary ? f->failed < second_kind(e, p) : verdict != SCAN_YES && !f->alerted)
		return;
	if (findings_tell(e->findings, f, llr)) {
		ev->flags |= EVIDENCE_ALERTED;
		if (ev->alerts < UINT8_MAX)
			ev->alerts++;
		if (ev->plain > e->policy.failures)
			engine_group_disown(e, p, ev);
	}
	/* Three probes that show a scanner's hand may be a group's work as well; so many are not. */
	if (ev->plain == e->policy.failures)
		engine_group_disown(e, p, ev);
}

/* The peer's leaf, with all that is known of it already. */
static struct trie_node *leaf_of(struct engine *e, struct addr peer, enum engine_class class)
{
	bool created;
	struct trie_node *n = trie_insert(e->trie, peer, class, &created);
	struct newcomer *newcomer;

	if (!created)
		return n;
	newcomer = newcomers_find(e->newcomers, peer);
	if (newcomer) {
		evidence_begin(evidence_of(n), newcomer, e->clock->now_ns);
		newcomer_clear(newcomer);
	}
	if (findings_any(e->findings, peer, false))
		evidence_of(n)->flags |= EVIDENCE_FINDING;
	return n;
}

/* Only its prefix remembers this newcomer from now on. */
static void see_off(struct engine *e, const struct newcomer *n)
{
	evidence_absorb(evidence_of(trie_feed(e->trie, n->peer)), n, e->clock->now_ns);
	e->stats.forgotten++;
}

/* The contact of a newcomer takes a place at the door, or finds none. */
static void admit(struct engine *e, const struct newcomers_view *view, const struct contact *c,
		  bool ambient)
{
	const struct probe *p = &c->probe;
	uint64_t now_ns = e->clock->now_ns;
	struct newcomer *place = newcomers_place(e->newcomers, view, &e->crowd, p, now_ns);

	/* Not even a prefix's evidence: it would be that of the flood, at twice the cost of a packet. */
	if (!place) {
		e->stats.forgotten++;
		return;
	}
	if (newcomer_used(place))
		see_off(e, place);
	*place = (struct newcomer){
		.peer = p->peer,
		.time = now_ns >> NEWCOMER_TIME_SHIFT,
		.weight = c->weight,
		.host = (unsigned int)__builtin_ctzll(evidence_host_bit(p->self)),
		.kind = p->kind,
		.ambient = ambient,
		.refused = p->outcome == PROBE_REFUSED,
		.aborted = p->outcome == PROBE_ABORTED,
		.port = p->port,
		.where = evidence_where(p),
		.tools = p->tools,
	};
	memcpy(place->trait, p->trait, sizeof(place->trait));
}

/* The newcomer at the door and a neighbour of it have met: they may be of one group. */
static void welcome_neighbour(struct engine *e, const struct newcomer *neighbour,
			      const struct probe *p, struct group **group)
{
	struct contact first = { .probe = *p, .weight = neighbour->weight };
	bool ambient = neighbour->ambient;
	struct trie_node *n;

	first.probe.peer = neighbour->peer;
	first.probe.kind = neighbour->kind;
	first.probe.tools = neighbour->tools;
	first.probe.outcome = neighbour->refused ? PROBE_REFUSED : PROBE_CLOSED;
	n = leaf_of(e, neighbour->peer, ENGINE_NEW);
	/* The door does not know its link address: on the link the group begins with p alone. */
	if (*group || engine_link(e, p) > GROUP_LINK_UNKNOWN)
		return;
	engine_group_add(e, &first, NULL, evidence_of(n), ambient);
	*group = engine_group(e, p);
}

/*
 * The first contact in vain of a peer that the trie does not know. True when the doorkeeper keeps it;
 * false when it belongs into the trie: the peer came a second time, or a neighbour is here. *group is
 * its neighbourhood's, which may begin here.
 */
static bool kept_at_door(struct engine *e, struct contact *c, struct group **group)
{
	const struct probe *p = &c->probe;
	struct newcomers_view view = newcomers_look(e->newcomers, p->peer);
	bool ambient;

	if (view.self) {
		if (view.self->port != p->port || view.self->where != evidence_where(p))
			return false;
		repeated_at_door(view.self);
		if (*group)
			group_again(*group, p, e->clock->now_ns);
		return true;
	}
	if (findings_any(e->findings, p->peer, false))
		return false;
	if (view.neighbour) {
		welcome_neighbour(e, view.neighbour, p, group);
		return false;
	}
	ambient = scan_ambient(&e->policy, p, &e->home);
	c->weight = scan_weight(&e->policy, p, NULL, ambient);
	e->stats.failed++;
	crowd_count(&e->crowd, p->trait, p->port, e->clock->now_ns);
	groups_newcomer(e->groups, p, e->clock->now_ns);
	admit(e, &view, c, ambient);
	if (*group)
		engine_group_add(e, c, *group, NULL, ambient);
	return true;
}

/* The leaf's evidence as it is now; where a scan has ended it begins anew. */
static struct evidence *evidence_now(struct engine *e, struct trie_node *n)
{
	struct evidence *ev = evidence_of(n);

	if ((ev->flags & EVIDENCE_ALERTED) && !findings_any(e->findings, n->addr, true))
		evidence_restart(ev, e->clock->now_ns);
	evidence_fade(ev, e->clock->now_ns);
	if (ev->probes < UINT32_MAX)
		ev->probes++;
	return ev;
}

/* Has the peer made the contact before? A finding remembers far more of them than the peer's node does. */
static bool came_back(struct engine *e, const struct evidence *ev, struct finding *f,
		      struct group *group, const struct probe *p)
{
	if (f ? !finding_knows(f, p) && !evidence_knows_exactly(ev, p) : !evidence_knows(ev, p))
		return false;
	if (f) {
		finding_repeat(f, p, e->clock->now_ns);
		f->refused += p->outcome == PROBE_REFUSED;
	}
	if (group)
		group_again(group, p, e->clock->now_ns);
	return true;
}

/* Counts a first contact against its peer; alerted: who is known to scan already. */
static void count_against(struct engine *e, struct trie_node *n, const struct contact *c,
			  bool ambient, bool alerted)
{
	const struct probe *p = &c->probe;
	struct evidence *ev = evidence_of(n);
	bool leave = probe_is_leave(p);

	evidence_add(ev, p, c->weight, ambient);
	if (!leave && !alerted)
		crowd_count(&e->crowd, p->trait, p->port, e->clock->now_ns);
	e->stats.failed += !leave;
	if (p->outcome == PROBE_REFUSED && ev->refused < UINT8_MAX)
		ev->refused++;
	if (n->class == ENGINE_NEW && ev->plain + ev->ambient > 1)
		trie_reclass(e->trie, n, ENGINE_SUSPECT);
}

/* A contact of a peer that the trie knows, and that no open finding of a group has taken. */
static void judge(struct engine *e, struct contact *c, struct trie_node *n, struct group *group)
{
	const struct probe *p = &c->probe;
	struct evidence *ev = evidence_now(e, n), before;
	struct finding *f;
	bool ambient, lag;

	c->node = n->index;
	/* Of much UDP nobody awaits an answer: its silence tells only of one host asked on many ports. */
	if (p->kind == PROBE_UDP && p->outcome == PROBE_UNANSWERED && evidence_hosts(ev) > 2)
		return;
	f = finding_of(e, ev, p);
	if (came_back(e, ev, f, group, p))
		return;
	ambient = scan_ambient(&e->policy, p, &e->home);
	c->weight = scan_weight(&e->policy, p, ev, ambient);
	lag = !f && maybe_forged(ev, p);
	if (lag)
		before = *ev;
	count_against(e, n, c, ambient, f && f->alerted);
	if (probe_is_leave(p) || (!engine_group_add(e, c, group, ev, ambient) &&
				  !engine_campaign_takes(e, c, ev, ambient)))
		conclude(e, ev, lag ? &before : ev, p);
}

void engine_in_vain(struct engine *e, struct contact *c)
{
	const struct probe *p = &c->probe;
	/* Neighbours who connect and leave are a house full of monitors and browsers, no group. */
	bool leave = probe_is_leave(p);
	struct trie_node *n;
	struct group *group;

	if (knocks_take(&e->knocks, p, e->clock->now_ns)) {
		e->stats.knocks++;
		return;
	}
	if (engine_among_decoys(e, c))
		return;
	n = trie_find(e->trie, p->peer);
	group = leave ? NULL : engine_group(e, p);
	if (!leave && engine_group_takes(e, c, group, n ? evidence_of(n) : NULL))
		return;
	if (!n && kept_at_door(e, c, &group))
		return;
	if (n)
		trie_touch(e->trie, n);
	else
		n = leaf_of(e, p->peer, ENGINE_NEW);
	judge(e, c, n, group);
}

void engine_confirm_refused(struct engine *e, struct contact *c)
{
	struct evidence *ev = contact_evidence(e, c);
	struct finding *f = finding_of(e, ev, &c->probe);

	c->probe.outcome = PROBE_REFUSED;
	if (c->decoys) {
		engine_decoys_refused(e, c);
		return;
	}
	if (!f || ev->plain < e->policy.failures)
		engine_group_refused(e, &c->probe);
	if (!ev) {
		struct newcomer *newcomer = newcomers_find(e->newcomers, c->probe.peer);

		if (newcomer)
			newcomer->refused = 1;
		return;
	}
	if (ev->refused < UINT8_MAX)
		ev->refused++;
	if (f)
		f->refused++;
	else
		engine_campaign_refused(e, &c->probe, ev);
}

static void forget_newcomer(struct engine *e, struct addr peer, uint16_t port)
{
	struct newcomer *newcomer = newcomers_find(e->newcomers, peer);

	if (newcomer && newcomer->port == port)
		newcomer_clear(newcomer);
}

/* What was counted against the peer for a contact that is now answered is taken back. */
static void take_back(struct engine *e, struct contact *c, struct evidence *ev)
{
	if (e->listeners && (c->proto == CONTACT_TCP || c->proto == CONTACT_UDP))
		listeners_publish(e->listeners, c->proto == CONTACT_UDP, c->probe.self,
				  c->probe.port);
	e->stats.overturned++;
	if (c->decoys) {
		engine_decoys_answered(e, c);
		return;
	}
	engine_group_undo(e, c);
	if (ev) {
		struct finding *f = finding_of(e, ev, &c->probe);
		float llr;

		evidence_undo(ev, &c->probe, c->weight,
			      scan_ambient(&e->policy, &c->probe, &e->home));
		if (f && !f->alerted && scan_judge(&e->policy, ev, &llr) == SCAN_NO)
			findings_withdraw(e->findings, f);
		return;
	}
	forget_newcomer(e, c->probe.peer, c->probe.port);
}

void engine_take_back(struct engine *e, struct evidence *ev, const struct probe *p, uint8_t weight)
{
	struct finding *f = finding_of(e, ev, p);
	float llr;

	evidence_disown(ev, p, weight, scan_ambient(&e->policy, p, &e->home));
	if (f && !f->alerted && scan_judge(&e->policy, ev, &llr) == SCAN_NO)
		findings_withdraw(e->findings, f);
}

void engine_answered_unremembered(struct engine *e, bool udp, struct addr self, uint16_t port,
				  struct addr peer)
{
	if (!e->listeners || !home_is_self(&e->home, self) ||
	    listeners_lookup(e->listeners, udp, self, port, e->clock->now_ns) == LISTENERS_OPEN)
		return;
	listeners_publish(e->listeners, udp, self, port);
	e->stats.overturned++;
	forget_newcomer(e, peer, port);
}

bool engine_answered(struct engine *e, struct contact *c)
{
	bool credited;
	struct evidence *ev = contact_evidence(e, c);
	struct trie_node *n;
	struct finding *f;

	if (c->probe.outcome == PROBE_CLOSED && c->weight)
		take_back(e, c, ev);
	c->probe.outcome = PROBE_OPEN;
	c->weight = 0;
	n = trie_find(e->trie, c->probe.peer);
	if (!n)
		return false;
	c->node = n->index;
	ev = evidence_of(n);
	credited = evidence_credit(ev);
	f = finding_of(e, ev, &c->probe);
	if (f)
		f->open++;
	return credited;
}

void engine_discredit(struct engine *e, struct addr peer)
{
	struct trie_node *n = trie_find(e->trie, peer);

	if (n)
		evidence_discredit(evidence_of(n));
}

void engine_proven(struct engine *e, struct addr peer, uint32_t link, bool used)
{
	struct trie_node *n = leaf_of(e, peer, ENGINE_KNOWN);
	struct evidence *ev = evidence_of(n);

	engine_decoys_proven(e, peer, link, !(ev->flags & EVIDENCE_VALIDATED));
	if (n->class != ENGINE_KNOWN)
		trie_reclass(e->trie, n, ENGINE_KNOWN);
	if (used && !(ev->flags & EVIDENCE_USED)) {
		ev->flags |= EVIDENCE_USED;
		evidence_credit(ev);
	}
	evidence_fade(ev, e->clock->now_ns);
	ev->flags |= EVIDENCE_VALIDATED;
	if (ev->flags & EVIDENCE_FINDING)
		findings_proven(e->findings, peer);
}
