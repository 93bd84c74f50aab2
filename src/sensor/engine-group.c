/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Groups of neighbours: which contacts they go by, and when they are told (group.h).
 */
#include "sensor/engine-internal.h"

#include "core/clock.h"

#define WIDE_GROUPS 4 /* groups side by side that are one wider prefix's */
#define WIDE_LEAD 8 /* contacts of a peer of it, less those of others, that are its own */

/* How wide it may be: what is delegated to sites and providers (RFC 6177), and a flood's source. */
static const uint8_t wide_v4[] = { ADDR_V4_OFFSET + 16, ADDR_V4_OFFSET + 8 };
static const uint8_t wide_v6[] = { 56, 48, 32 };

/* A tool's mark, or a kind that nobody's TCP sends; a bare SYN may be a small device's. */
static bool unheard_of(const struct probe *p)
{
	return p->tools || (p->kind != PROBE_SYN && group_tool_made(p));
}

uint32_t engine_link(const struct engine *e, const struct probe *p)
{
	/* What no ordinary program sends needs no one machine: link addresses are as easily changed. */
	if (home_on_link(&e->home, p->peer, p->self))
		return p->link && !unheard_of(p) ? p->link : GROUP_LINK_UNKNOWN;
	/* Routed, but of one's own house: persons as well, and the link address is the router's. */
	return home_own(&e->home, p->peer, p->self) ? GROUP_LINK_UNKNOWN : GROUP_ROUTED;
}

struct group *engine_group(struct engine *e, const struct probe *p)
{
	return groups_around(e->groups, p->peer) ?
		       groups_find(e->groups, p->peer, engine_link(e, p)) :
		       NULL;
}

/* Is this contact one that a group goes by? Sweeps are not: neighbours look for each other. */
static bool counts(const struct engine *e, const struct probe *p, uint32_t link)
{
	switch ((enum probe_kind)p->kind) {
	case PROBE_ECHO:
	case PROBE_ARP:
	case PROBE_ICMP_QUERY:
	case PROBE_NEIGHBOUR:
	case PROBE_VERSION:
	case PROBE_ACK:
	case PROBE_MAIMON:
	case PROBE_KINDS:
		return false;
	case PROBE_CONNECT:
	case PROBE_UDP:
		/* Where any address may be protected, silence tells nothing of many peers. */
		if (e->home.mode == HOME_INFERRED && p->outcome != PROBE_REFUSED)
			return false;
		return link != GROUP_LINK_UNKNOWN || p->tools;
	case PROBE_SYN:
		/* Small devices' TCP sends bare SYNs, too. */
		return link != GROUP_LINK_UNKNOWN || p->tools;
	case PROBE_FIN:
	case PROBE_NULL:
	case PROBE_XMAS:
	case PROBE_CUSTOM:
	case PROBE_SCTP_INIT:
	case PROBE_SCTP_COOKIE:
	case PROBE_IP_PROTO:
	case PROBE_OS:
		break;
	}
	return true;
}

/* The finding that speaks for this peer's neighbourhood, its own or a wider one (then *wide); or NULL. */
static struct finding *group_finding(struct engine *e, struct group *g, struct addr peer,
				     struct engine_wide **wide)
{
	struct finding *f;

	*wide = NULL;
	if (g && g->told.made) {
		f = findings_get(e->findings, g->told);
		if (f)
			return f;
		group_restart(e->groups, g, e->clock->now_ns);
	}
	for (unsigned int i = 0; i < e->wide_used; i++) {
		f = findings_get(e->findings, e->wide[i].told);
		if (f && prefix_contains(&e->wide[i].prefix, peer)) {
			*wide = &e->wide[i];
			return f;
		}
	}
	return NULL;
}

/*
 * Is the peer one of the wide prefix that scans by itself, by this new contact of it? Not asked of packets
 * that are a flood's: of few addresses each may be as busy.
 */
static bool scans_alone(const struct engine *e, struct engine_wide *w, const struct probe *p)
{
	unsigned int i, free = ENGINE_BUSIEST;

	if (crowd_weigh(&e->crowd, p->trait, p->port) >= CROWD_HEAVY)
		return false;
	for (i = 0; i < ENGINE_BUSIEST; i++) {
		if (!w->lead[i])
			free = i;
		else if (addr_eq(w->busiest[i], p->peer))
			break;
	}
	if (i < ENGINE_BUSIEST) {
		w->lead[i] += w->lead[i] < WIDE_LEAD;
		return w->lead[i] == WIDE_LEAD;
	}
	if (free < ENGINE_BUSIEST) {
		w->busiest[free] = p->peer;
		w->lead[free] = 1;
		return false;
	}
	for (i = 0; i < ENGINE_BUSIEST; i++)
		w->lead[i]--;
	return false;
}

bool engine_group_takes(struct engine *e, struct contact *c, struct group *g,
			const struct evidence *ev)
{
	const struct probe *p = &c->probe;
	struct engine_wide *wide;
	struct finding *f;

	if (!g && !e->wide_used)
		return false;
	f = group_finding(e, g, p->peer, &wide);
	if (!f || !counts(e, p, g ? g->link : engine_link(e, p)))
		return false;
	if (ev && (ev->flags & EVIDENCE_ALERTED) && findings_any(e->findings, p->peer, true))
		return false;
	/* A flood forged from a wide prefix must not hide somebody real of it. */
	if (ev && (ev->flags & EVIDENCE_VALIDATED) && !(g && g->told.made))
		return false;
	if (wide && !finding_knows(f, p) && scans_alone(e, wide, p))
		return false;
	finding_member(f, p->peer);
	if (ev && (ev->flags & EVIDENCE_VALIDATED))
		f->spoofable = false;
	if (finding_knows(f, p) || (g && evidence_knows_exactly(&g->ev, p))) {
		finding_repeat(f, p, e->clock->now_ns);
		return true;
	}
	finding_contact(f, p, e->clock->now_ns);
	e->stats.failed++;
	c->weight = 1; /* an answer that overturns it is noticed, and takes next to nothing back */
	findings_tell(e->findings, f, f->llr);
	return true;
}

/* How many of the first bits hold g and enough groups like it; 0: it stands alone. */
static unsigned int wide_len(const struct engine *e, const struct group *g,
			     const struct group *beside[WIDE_GROUPS])
{
	bool v4 = addr_is_v4(g->near);
	const uint8_t *len = v4 ? wide_v4 : wide_v6;

	if (g->link)
		return 0;
	for (unsigned int i = 0; i < (v4 ? sizeof(wide_v4) : sizeof(wide_v6)); i++)
		if (groups_beside(e->groups, g, len[i], beside, WIDE_GROUPS) >= WIDE_GROUPS - 1)
			return len[i];
	return 0;
}

static void remember_wide(struct engine *e, struct addr peer, unsigned int len,
			  struct finding_ref told)
{
	struct engine_wide *w = &e->wide[0];

	for (unsigned int i = 0; i < e->wide_used; i++)
		if (!findings_get(e->findings, e->wide[i].told))
			w = &e->wide[i];
	if (findings_get(e->findings, w->told) && e->wide_used < ENGINE_WIDE)
		w = &e->wide[e->wide_used];
	if (w == &e->wide[e->wide_used])
		e->wide_used++;
	*w = (struct engine_wide){ .prefix = { addr_mask(peer, len), (uint8_t)len }, .told = told };
}

static void add_members(struct finding *f, const struct group *g)
{
	for (unsigned int i = 0; i < g->members; i++)
		if (g->by[i])
			finding_member(f, group_member(g, i));
}

static void open_finding(struct engine *e, struct group *g, const struct probe *p, float llr)
{
	const struct group *beside[WIDE_GROUPS];
	unsigned int len = wide_len(e, g, beside);
	struct finding *f = findings_suspect_group(e->findings, FINDING_PREFIX, p,
						   evidence_kind(&g->ev), e->clock->now_ns);
	struct prefix near = group_near(p->peer);

	finding_begin_with(f, &g->ev);
	f->spoofable = !g->proven;
	add_members(f, g);
	if (len) {
		for (unsigned int i = 0; i < WIDE_GROUPS - 1; i++)
			add_members(f, beside[i]);
		remember_wide(e, p->peer, len, findings_ref(e->findings, f));
		near = (struct prefix){ addr_mask(p->peer, len), (uint8_t)len };
	} else {
		g->told = findings_ref(e->findings, f);
	}
	g->ev.alerts += g->ev.alerts < UINT8_MAX;
	findings_withdraw_within(e->findings, &near);
	findings_tell(e->findings, f, llr);
}

/*
 * What the address did before may have been another machine's: on the link anybody can forge it, and
 * then a client's contacts would be those of a group with whoever did.
 */
static void begin_group(struct engine *e, const struct contact *c, uint32_t link,
			const struct evidence *ev)
{
	struct evidence this_alone = { .probes = 1 };

	if (link != GROUP_ROUTED) {
		evidence_fade(&this_alone, e->clock->now_ns);
		evidence_add(&this_alone, &c->probe, c->weight, false);
		ev = &this_alone;
	}
	groups_begin(e->groups, c->probe.peer, link, ev, &c->probe);
}

bool engine_group_add(struct engine *e, struct contact *c, struct group *g,
		      const struct evidence *ev, bool ambient)
{
	const struct probe *p = &c->probe;
	uint32_t link = g ? g->link : engine_link(e, p);
	uint8_t weight = c->weight;
	float llr;

	if (ambient || !counts(e, p, link))
		return false;
	if (ev && (ev->flags & EVIDENCE_ALERTED))
		return false;
	if (!g) {
		begin_group(e, c, link, ev);
		return false;
	}
	/* Who uses this host's services, and misses one, speaks less for a group. */
	if (ev && (ev->flags & EVIDENCE_VALIDATED) && !group_tool_made(p))
		weight /= 2;
	if (ev && (ev->flags & EVIDENCE_VALIDATED))
		g->proven = true;
	if (!group_add(e->groups, g, p, weight, e->clock->now_ns))
		return false;
	if (scan_judge(&e->policy, &g->ev, &llr) != SCAN_YES ||
	    !group_stands(e->groups, g, e->policy.failures))
		return false;
	open_finding(e, g, p, llr);
	return true;
}

void engine_group_disown(struct engine *e, const struct probe *p, const struct evidence *ev)
{
	struct group *g = engine_group(e, p);

	if (g && !findings_get(e->findings, g->told))
		group_disown(e->groups, g, p->peer, ev->plain);
}

void engine_group_refused(struct engine *e, const struct probe *p)
{
	struct group *g = engine_group(e, p);
	struct engine_wide *wide;
	struct finding *f;

	if (!g && !e->wide_used)
		return;
	f = group_finding(e, g, p->peer, &wide);
	if (f)
		f->refused++;
	else if (g && evidence_knows(&g->ev, p) && g->ev.refused < g->ev.plain)
		g->ev.refused++;
}

void engine_group_undo(struct engine *e, const struct contact *c)
{
	struct group *g = engine_group(e, &c->probe);

	if (g && !g->told.made && evidence_knows_exactly(&g->ev, &c->probe))
		group_undo(g, &c->probe, c->weight);
}

void engine_group_tick(struct engine *e)
{
	while (e->wide_used && !findings_get(e->findings, e->wide[e->wide_used - 1].told))
		e->wide_used--;
}
