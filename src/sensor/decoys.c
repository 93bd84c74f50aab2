/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/decoys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 2
#define SETS (DECOYS_SLOTS / WAYS)
#define SERVICE_PORTS 1024
#define EPHEMERAL_PORTS 32768
/* So long a mark alone makes an address one of a group; later it must be known to be. */
#define MARK_NS 1000000000ULL
#define STALE_NS (12 * 3600ULL * 1000000000ULL) /* as evidence_fade() forgets contacts */

#define TIME_BITS 48 /* of nanoseconds: 78 hours */
#define GOLDEN 0x9e3779b97f4a7c15ULL

struct slot {
	struct addr peer; /* of the first copy */
	uint32_t tag; /* hash of what copies share */
	uint32_t link;
	uint64_t t_ns : TIME_BITS;
	uint64_t group : 16; /* its id; 0: none yet */
};

_Static_assert(sizeof(struct slot) * WAYS == 64, "a set is a cache line");

struct decoys {
	uint64_t seed;
	uint16_t made;
	uint8_t used; /* groups */
	uint64_t crowded;
	uint64_t mark[DECOYS_GROUPS][DECOYS_MARKS]; /* apart from the groups: asked for each probe */
	struct decoys_group group[DECOYS_GROUPS];
	_Alignas(64) struct slot slot[DECOYS_SLOTS];
};

struct decoys *decoys_new(uint64_t seed)
{
	struct decoys *d = aligned_alloc(64, sizeof(*d));

	if (!d)
		return NULL;
	memset(d, 0, sizeof(*d));
	d->seed = seed;
	return d;
}

void decoys_free(struct decoys *d)
{
	free(d);
}

enum tie { TIE_NONE, TIE_SEQUENCE, TIE_PORTS };

/* By what are copies of such a probe known? */
static enum tie tie_of(const struct probe *p)
{
	switch ((enum probe_kind)p->kind) {
	case PROBE_SYN:
	case PROBE_CONNECT:
	case PROBE_FIN:
	case PROBE_NULL:
	case PROBE_XMAS:
	case PROBE_ACK:
	case PROBE_MAIMON:
	case PROBE_CUSTOM:
	case PROBE_OS:
		return p->seq && p->seq != (uint32_t)p->self.lo ? TIE_SEQUENCE : TIE_NONE;
	case PROBE_UDP:
	case PROBE_SCTP_INIT:
	case PROBE_SCTP_COOKIE:
		return p->peer_port >= SERVICE_PORTS && p->peer_port != p->port ? TIE_PORTS :
										  TIE_NONE;
	case PROBE_IP_PROTO:
		return TIE_PORTS;
	case PROBE_ECHO:
	case PROBE_ARP:
	case PROBE_ICMP_QUERY:
	case PROBE_NEIGHBOUR:
	case PROBE_VERSION:
	case PROBE_KINDS:
		break;
	}
	return TIE_NONE;
}

/* Could it be the late answer of a server to a client of ours? */
static bool maybe_answer(const struct probe *p, enum tie tie)
{
	return tie == TIE_PORTS && p->port >= EPHEMERAL_PORTS && p->peer_port < p->port;
}

static uint64_t mark_of(const struct probe *p, enum tie tie)
{
	if (tie == TIE_SEQUENCE)
		return (uint64_t)p->seq << 32 | p->peer_port;
	return (uint64_t)p->peer_port << 8 | p->kind | 1ULL << 24;
}

struct decoys_group *decoys_group(struct decoys *d, uint16_t id)
{
	for (unsigned int i = 0; id && i < DECOYS_GROUPS; i++)
		if (d->group[i].id == id)
			return &d->group[i];
	return NULL;
}

struct decoys_group *decoys_nth(struct decoys *d, unsigned int n)
{
	if (n >= d->used)
		return NULL;
	for (unsigned int i = 0; i < DECOYS_GROUPS; i++)
		if (d->group[i].id && n-- == 0)
			return &d->group[i];
	return NULL;
}

static struct decoys_group *marked(struct decoys *d, uint64_t mark)
{
	for (unsigned int i = 0; d->used && i < DECOYS_GROUPS; i++)
		for (unsigned int j = 0; j < DECOYS_MARKS; j++)
			if (d->mark[i][j] == mark)
				return &d->group[i];
	return NULL;
}

struct decoys_group *decoys_marked(struct decoys *d, uint16_t port, uint32_t seq)
{
	return marked(d, (uint64_t)seq << 32 | port);
}

int decoys_member(const struct decoys_group *g, struct addr peer)
{
	for (int i = 0; i < g->members; i++)
		if (addr_eq(g->member[i], peer))
			return i;
	return -1;
}

int decoys_join(struct decoys_group *g, struct addr peer)
{
	uint32_t last = 1u << (DECOYS_MEMBERS - 1);
	int i = decoys_member(g, peer);

	if (i >= 0)
		return i;
	if (g->members < DECOYS_MEMBERS) {
		g->member[g->members] = peer;
		return g->members++;
	}
	if ((g->reset | g->shook | g->same_link | g->other_link) & last)
		return -1;
	g->member[DECOYS_MEMBERS - 1] = peer;
	return DECOYS_MEMBERS - 1;
}

void decoys_drop(struct decoys *d, struct decoys_group *g)
{
	memset(d->mark[g - d->group], 0, sizeof(d->mark[0]));
	memset(g, 0, sizeof(*g));
	d->used--;
}

uint64_t decoys_crowded(const struct decoys *d)
{
	return d->crowded;
}

static bool weaker(const struct decoys_group *a, const struct decoys_group *b)
{
	unsigned int a_contacts = a->evidence.plain + a->evidence.ambient;
	unsigned int b_contacts = b->evidence.plain + b->evidence.ambient;

	if (!a->findings != !b->findings)
		return !a->findings;
	if ((a_contacts > 1) != (b_contacts > 1))
		return b_contacts > 1;
	return a->last_ns < b->last_ns;
}

static struct decoys_group *begin(struct decoys *d)
{
	struct decoys_group *g = NULL;

	for (unsigned int i = 0; i < DECOYS_GROUPS; i++)
		if (!d->group[i].id || !g || (g->id && weaker(&d->group[i], g)))
			g = &d->group[i];
	if (g->id) {
		d->crowded += g->evidence.plain + g->evidence.ambient > 1;
		decoys_drop(d, g);
	}
	do
		d->made++;
	while (!d->made || decoys_group(d, d->made));
	g->id = d->made;
	d->used++;
	return g;
}

static bool links_agree(uint32_t a, uint32_t b)
{
	return !a || !b || a == b;
}

/* How much speaks for a new mark to be this group's; 0: nothing. */
static unsigned int kinship(const struct decoys_group *g, struct addr a, const struct probe *p,
			    bool full)
{
	unsigned int known, contacts = (unsigned int)g->evidence.plain + g->evidence.ambient;

	if (!g->id || !links_agree(g->link, p->link))
		return 0;
	known = (decoys_member(g, a) >= 0) + (decoys_member(g, p->peer) >= 0);
	if (known)
		return known * 1024;
	return full ? 1 + contacts : 0;
}

/* Are all groups in use, and none of them over? */
static bool crowded(const struct decoys *d, uint64_t t_ns)
{
	for (unsigned int i = 0; i < DECOYS_GROUPS; i++) {
		const struct decoys_group *g = &d->group[i];

		if (!g->id || (!g->findings && t_ns > g->last_ns + STALE_NS))
			return false;
	}
	return true;
}

/*
 * The group that both addresses are known to be of; or one of them, since decoys may be others for each
 * probe. Who changes all of them fills the table with groups of one probe: then it is the strongest. Else
 * a new one.
 */
static struct decoys_group *group_of_both(struct decoys *d, struct addr a, const struct probe *p,
					  uint64_t t_ns)
{
	struct decoys_group *best = NULL;
	bool full = crowded(d, t_ns);
	unsigned int most = 0;

	for (unsigned int i = 0; i < DECOYS_GROUPS; i++) {
		unsigned int n = kinship(&d->group[i], a, p, full);

		if (n > most) {
			most = n;
			best = &d->group[i];
		}
	}
	return best ? best : begin(d);
}

static void take(struct decoys *d, struct decoys_group *g, const struct probe *p, uint64_t mark,
		 uint64_t t_ns)
{
	uint64_t *marks = d->mark[g - d->group];
	bool known = false;

	for (unsigned int i = 0; i < DECOYS_MARKS; i++)
		known |= marks[i] == mark;
	if (!known)
		marks[g->marks++ % DECOYS_MARKS] = mark;
	if (p->outcome != PROBE_ABORTED) { /* that comes from where the address really is */
		if (!g->link)
			g->link = p->link;
		g->link_differs |= p->link != g->link;
	}
	g->self = p->self;
	if (t_ns > g->last_ns)
		g->last_ns = t_ns;
	decoys_join(g, p->peer);
}

/* A probe that nobody else has sent just now: a group's all the same, by its mark? */
static struct decoys_group *group_by_mark(struct decoys *d, const struct probe *p, enum tie tie,
					  uint64_t mark, uint64_t t_ns)
{
	struct decoys_group *g = marked(d, mark);

	if (!g)
		return NULL;
	if (tie == TIE_SEQUENCE && t_ns < g->last_ns + MARK_NS)
		return g;
	return decoys_member(g, p->peer) >= 0 ? g : NULL;
}

static bool recent(const struct slot *s, enum tie tie, uint64_t t_ns)
{
	uint64_t window_ns = tie == TIE_SEQUENCE ? DECOYS_TCP_WINDOW_NS : DECOYS_WINDOW_NS;
	uint64_t then_ns = (t_ns >> TIME_BITS << TIME_BITS) | s->t_ns;

	/* Settled out of order, the later may come first. */
	return then_ns <= t_ns ? t_ns - then_ns <= window_ns : then_ns - t_ns <= window_ns;
}

/* The second copy of a probe has met the first. */
static struct decoys_match meet(struct decoys *d, struct slot *s, const struct probe *p,
				enum tie tie, uint64_t mark, uint64_t t_ns)
{
	struct decoys_match match = { .group = decoys_group(d, s->group) };
	struct probe first = *p;

	if (!match.group)
		match.group = group_by_mark(d, p, tie, mark, t_ns);
	if (!match.group) {
		if (maybe_answer(p, tie))
			return match;
		match.group = group_of_both(d, s->peer, p, t_ns);
	}
	if (s->group != match.group->id) {
		first.peer = s->peer;
		first.link = s->link;
		take(d, match.group, &first, mark, t_ns);
		match.first = s->peer;
		match.moved = true;
		s->group = match.group->id;
	}
	return match;
}

struct decoys_match decoys_look(struct decoys *d, const struct probe *p, uint64_t t_ns)
{
	struct decoys_match match = { 0 };
	enum tie tie = tie_of(p);
	uint64_t mark, key;
	struct slot *set, *s = NULL;
	uint32_t tag;

	if (tie == TIE_NONE)
		return match;
	mark = mark_of(p, tie);
	key = ((mark ^ d->seed) + ((uint64_t)p->port << 40)) * GOLDEN;
	set = &d->slot[(key >> 32) % SETS * WAYS];
	tag = (uint32_t)(((key ^ p->self.lo) * GOLDEN ^ p->self.hi) * GOLDEN >> 32);
	for (unsigned int i = 0; i < WAYS; i++)
		if (set[i].tag == tag && recent(&set[i], tie, t_ns) &&
		    (tie == TIE_SEQUENCE || links_agree(set[i].link, p->link)))
			s = &set[i];
	if (s && !addr_eq(s->peer, p->peer)) {
		match = meet(d, s, p, tie, mark, t_ns);
	} else {
		match.group = group_by_mark(d, p, tie, mark, t_ns);
		if (!s)
			s = &set[set[0].t_ns > set[1].t_ns]; /* arithmetic: either is as likely */
		s->peer = p->peer;
		s->tag = tag;
		s->link = p->link;
		s->group = match.group ? match.group->id : 0;
	}
	s->t_ns = t_ns & ((1ULL << TIME_BITS) - 1);
	if (match.group)
		take(d, match.group, p, mark, t_ns);
	return match;
}
