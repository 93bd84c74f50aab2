/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/group.h"

#include "core/approx.h"
#include "core/bits.h"
#include "core/clock.h"
#include "sensor/campaign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SETS 8
#define WAYS 8
#define AROUND 1024
#define BUSY_SHIFT 30 /* a flood is measured over 2^30 ns, about a second */
#define BUSY_RATE 256 /* newcomers of one shape in that time that are a flood */
#define STALE_NS (24 * 3600 * NS_PER_S)
#define BESIDE_NS \
	(3600 * NS_PER_S) /* groups further apart in time have nothing to do with each other */
#define NEIGHBOURHOODS_BITS 24 /* /24s there are in IPv4 */
#define SERVICES \
	4 /* times the contacts of a scan: more are no clients' of services that are gone */
/* A scan's contacts within seconds: sum[0] has nearly two bits of each left. */
#define SECONDS (3 * EVIDENCE_BIT / 2)
#define ASKED_SHIFT 32 /* struct group's asked[]: 2^32 ns, about four seconds */
#define AGAIN (70 * NS_PER_S >> ASKED_SHIFT) /* later than a SYN's repeats, tcp(7): 1 to 63 s */
#define CLIENTS_WAIT (4000 * NS_PER_S >> ASKED_SHIFT) /* clients wait for up to an hour */
#define SINCE_SHIFT 20 /* struct group's since: about a millisecond, for 52 days */
#define HASTE (NS_PER_S >> SINCE_SHIFT)
#define LN_2 0.6931472
#define LOG2_E 1.4427

struct groups {
	uint64_t seed;
	uint64_t epoch; /* of the count in arrived[] */
	uint32_t newcomers[GROUP_SHAPES]; /* ever, modulo 2^32 */
	uint32_t arrived[GROUP_SHAPES]; /* in this epoch */
	uint8_t busy; /* shapes of a flood in the last epoch or this */
	/* How many groups have a neighbourhood of such a hash: most peers of a flood have none. */
	uint8_t around[AROUND];
	_Alignas(64) uint32_t tag[SETS][WAYS]; /* hash of neighbourhood and link, 0: free */
	struct group group[SETS][WAYS];
};

_Static_assert(sizeof(struct groups) <= 24576, "the groups stay in a processor's caches");

struct groups *groups_new(uint64_t seed)
{
	size_t bytes = (sizeof(struct groups) + 63) / 64 * 64;
	struct groups *gs = aligned_alloc(64, bytes);

	if (!gs)
		return NULL;
	memset(gs, 0, bytes);
	gs->seed = seed;
	return gs;
}

void groups_free(struct groups *gs)
{
	free(gs);
}

static enum group_shape shape_of(const struct probe *p)
{
	if (p->tools)
		return GROUP_MARKED;
	if (p->kind == PROBE_CONNECT)
		return GROUP_ORDINARY;
	return p->kind == PROBE_SYN ? GROUP_RAW : GROUP_OTHER;
}

void groups_newcomer(struct groups *gs, const struct probe *p, uint64_t now_ns)
{
	enum group_shape shape = shape_of(p);
	uint64_t epoch = now_ns >> BUSY_SHIFT;

	if (epoch != gs->epoch) {
		gs->busy = 0;
		for (unsigned int i = 0; i < GROUP_SHAPES; i++) {
			if (gs->arrived[i] >= BUSY_RATE && epoch == gs->epoch + 1)
				gs->busy |= 1 << i;
			gs->arrived[i] = 0;
		}
		gs->epoch = epoch;
	}
	gs->newcomers[shape]++;
	if (++gs->arrived[shape] == BUSY_RATE)
		gs->busy |= 1 << shape;
}

struct prefix group_near(struct addr peer)
{
	uint8_t len = addr_is_v4(peer) ? GROUP_V4_BITS : GROUP_V6_BITS;

	return (struct prefix){ addr_mask(peer, len), len };
}

bool group_tool_made(const struct probe *p)
{
	switch ((enum probe_kind)p->kind) {
	case PROBE_SYN:
	case PROBE_FIN:
	case PROBE_NULL:
	case PROBE_XMAS:
	case PROBE_CUSTOM:
	case PROBE_SCTP_INIT:
	case PROBE_SCTP_COOKIE:
	case PROBE_IP_PROTO:
	case PROBE_OS:
		return true;
	case PROBE_CONNECT:
	case PROBE_ACK:
	case PROBE_MAIMON:
	case PROBE_UDP:
	case PROBE_ECHO:
	case PROBE_ARP:
	case PROBE_ICMP_QUERY:
	case PROBE_NEIGHBOUR:
	case PROBE_VERSION:
	case PROBE_KINDS:
		break;
	}
	return p->tools != 0;
}

static uint32_t tag_of(const struct groups *gs, struct addr near, uint32_t link)
{
	return addr_hash(near, gs->seed + link) | 1;
}

static unsigned int set_of(uint32_t tag)
{
	return tag >> 1 & (SETS - 1);
}

static uint8_t *around(struct groups *gs, struct addr near)
{
	return &gs->around[addr_hash(near, gs->seed) & (AROUND - 1)];
}

bool groups_around(struct groups *gs, struct addr peer)
{
	return *around(gs, group_near(peer).addr) != 0;
}

struct group *groups_find(struct groups *gs, struct addr peer, uint32_t link)
{
	struct addr near = group_near(peer).addr;
	uint32_t tag = tag_of(gs, near, link);
	const uint32_t *set = gs->tag[set_of(tag)];

	for (unsigned int i = 0; i < WAYS; i++) {
		struct group *g = &gs->group[set_of(tag)][i];

		if (set[i] == tag && addr_eq(g->near, near) && g->link == link)
			return g;
	}
	return NULL;
}

static unsigned int contributors(const struct group *g)
{
	unsigned int n = bits_count(g->more);

	for (unsigned int i = 0; i < g->members; i++)
		n += g->by[i] != 0;
	return n;
}

/* The less, the sooner it gives way. */
static unsigned int worth(const struct groups *gs, const struct group *g, uint64_t now_ns)
{
	unsigned int peers = contributors(g);

	if (now_ns > g->ev.last_ns + STALE_NS)
		return 0;
	if (g->told.made)
		return 5;
	if (peers > 1 && (g->shapes & ~gs->busy) == 0)
		return 1;
	return 1 + (peers < GROUP_PEERS ? peers : GROUP_PEERS);
}

static unsigned int least(const struct groups *gs, unsigned int set, uint64_t now_ns)
{
	unsigned int best = 0, best_worth = 6;

	for (unsigned int i = 0; i < WAYS; i++) {
		const struct group *g = &gs->group[set][i];
		unsigned int w;

		if (!gs->tag[set][i])
			return i;
		w = worth(gs, g, now_ns);
		if (w < best_worth ||
		    (w == best_worth && g->ev.last_ns < gs->group[set][best].ev.last_ns)) {
			best = i;
			best_worth = w;
		}
	}
	return best;
}

struct group *groups_begin(struct groups *gs, struct addr peer, uint32_t link,
			   const struct evidence *ev, const struct probe *p)
{
	struct addr near = group_near(peer).addr;
	uint32_t tag = tag_of(gs, near, link);
	unsigned int set = set_of(tag), way = least(gs, set, ev->last_ns);
	struct group *g = &gs->group[set][way];

	if (gs->tag[set][way])
		--*around(gs, g->near);
	++*around(gs, near);
	gs->tag[set][way] = tag;
	memset(g, 0, sizeof(*g));
	g->near = near;
	g->link = link;
	g->ev = *ev;
	g->ev.flags = 0;
	g->ev.credit = 0;
	g->ev.leaves = 0;
	g->ev.alerts = 0;
	g->proven = ev->flags & EVIDENCE_VALIDATED;
	g->members = 1;
	g->member[0] = peer.lo;
	g->by[0] = ev->plain;
	g->since = (uint32_t)(ev->first_ns >> SINCE_SHIFT);
	g->made = group_tool_made(p) ? ev->plain : 0;
	g->shapes = 1 << shape_of(p);
	memcpy(g->base, gs->newcomers, sizeof(g->base));
	for (unsigned int i = 0; i < EVIDENCE_EXACT; i++)
		g->asked[i] = (uint16_t)(ev->last_ns >> ASKED_SHIFT);
	return g;
}

static void empty(const struct groups *gs, struct group *g)
{
	g->members = g->shapes = g->made = g->again = g->last = 0;
	g->back = 0;
	g->since = (uint32_t)(g->ev.last_ns >> SINCE_SHIFT);
	g->proven = false;
	g->shared = g->others = 0;
	g->more = 0;
	memset(g->by, 0, sizeof(g->by));
	memcpy(g->base, gs->newcomers, sizeof(g->base));
}

void group_restart(struct groups *gs, struct group *g, uint64_t now_ns)
{
	evidence_restart(&g->ev, now_ns);
	empty(gs, g);
	g->told = (struct finding_ref){ 0 };
}

static void credit_to(struct group *g, struct addr peer)
{
	unsigned int i = 0, spare = GROUP_MEMBERS;

	for (; i < g->members && g->member[i] != peer.lo; i++)
		if (!g->by[i])
			spare = i; /* it has been told of by itself, or its contact taken back */
	if (i == g->members)
		i = spare < GROUP_MEMBERS ? spare : g->members;
	if (i == GROUP_MEMBERS) {
		g->more |= evidence_host_bit(peer);
		g->others += g->others < UINT16_MAX;
		return;
	}
	g->members += i == g->members;
	if (g->member[i] != peer.lo || !g->by[i])
		g->back &= ~(1U << i);
	else if (i != g->last)
		g->back |= 1U << i;
	g->last = (uint8_t)i;
	g->member[i] = peer.lo;
	g->by[i] += g->by[i] < UINT8_MAX;
}

/* The place of a contact among the exact ones; EVIDENCE_EXACT: it is none of them. */
static unsigned int place_of(const struct evidence *ev, const struct probe *p)
{
	uint8_t where = evidence_where(p);
	unsigned int i = 0;

	while (i < ev->exact && (ev->port[i] != p->port || ev->where[i] != where))
		i++;
	return i < ev->exact ? i : EVIDENCE_EXACT;
}

static void asked(struct group *g, const struct probe *p, uint64_t now_ns)
{
	unsigned int i = place_of(&g->ev, p);

	if (i < EVIDENCE_EXACT)
		g->asked[i] = (uint16_t)(now_ns >> ASKED_SHIFT);
}

/* Since when nobody new has asked for it; all is well up to three days. */
static unsigned int age(const struct group *g, unsigned int i, uint64_t now_ns)
{
	return (uint16_t)((now_ns >> ASKED_SHIFT) - g->asked[i]);
}

void group_again(struct group *g, const struct probe *p, uint64_t now_ns)
{
	unsigned int i = place_of(&g->ev, p);

	if (i < EVIDENCE_EXACT && age(g, i, now_ns) > AGAIN)
		g->again |= 1 << i;
}

bool group_add(struct groups *gs, struct group *g, const struct probe *p, uint8_t weight,
	       uint64_t now_ns)
{
	evidence_fade(&g->ev, now_ns);
	if (!g->ev.exact)
		empty(gs, g);
	if (g->ev.probes < UINT32_MAX)
		g->ev.probes++;
	if (evidence_knows(&g->ev, p)) {
		g->shared += g->shared < UINT16_MAX;
		asked(g, p, now_ns);
		return false;
	}
	evidence_add(&g->ev, p, weight, false);
	asked(g, p, now_ns);
	if (p->outcome == PROBE_REFUSED && g->ev.refused < UINT8_MAX)
		g->ev.refused++;
	g->shapes |= 1 << shape_of(p);
	g->made += group_tool_made(p) && g->made < UINT8_MAX;
	credit_to(g, p->peer);
	return true;
}

static void discount(struct group *g, unsigned int contacts)
{
	g->made -= g->made < contacts ? g->made : (uint8_t)contacts;
}

void group_undo(struct group *g, const struct probe *p, uint8_t weight)
{
	evidence_undo(&g->ev, p, weight, false);
	if (group_tool_made(p))
		discount(g, 1);
	for (unsigned int i = 0; i < g->members; i++)
		if (g->member[i] == p->peer.lo && g->by[i])
			g->by[i]--;
}

/* How many of a peer's contacts were the group's; none are from now on. */
static unsigned int disinherit(struct group *g, struct addr peer, unsigned int contacts)
{
	unsigned int n;

	for (unsigned int i = 0; i < g->members; i++)
		if (g->member[i] == peer.lo) {
			n = g->by[i];
			g->by[i] = 0;
			return n;
		}
	if (!(g->more & evidence_host_bit(peer)))
		return 0;
	n = g->others < contacts ? g->others : contacts;
	g->others -= (uint16_t)n;
	g->more &= ~evidence_host_bit(peer);
	return n;
}

void group_disown(struct groups *gs, struct group *g, struct addr peer, unsigned int contacts)
{
	unsigned int n = disinherit(g, peer, contacts), weight = n * 2 * EVIDENCE_BIT;

	g->ev.plain -= g->ev.plain < n ? g->ev.plain : (uint8_t)n;
	discount(g, n);
	for (unsigned int i = 0; i < EVIDENCE_SCALES; i++)
		g->ev.sum[i] -= g->ev.sum[i] < weight ? g->ev.sum[i] : (uint16_t)weight;
	if (n)
		g->since = (uint32_t)(g->ev.last_ns >> SINCE_SHIFT);
	if (n && !g->ev.plain)
		group_restart(gs, g, g->ev.last_ns);
}

/* Mail, web, messages: what an office looks for by itself when a server is gone. */
static bool for_clients(const struct evidence *ev)
{
	return ev->plain <= EVIDENCE_EXACT && campaign_for_clients(ev->port, ev->exact);
}

/*
 * May these, ordinary packets, be clients who look for what each of them had here? Not if nobody has come
 * back for contacts that are old enough; nor if they came within seconds, or are too many.
 */
static bool may_be_clients(const struct group *g, uint32_t failures, uint64_t now_ns)
{
	unsigned int old = 0, again = bits_count(g->again);

	for (unsigned int i = 0; i < g->ev.exact; i++)
		old += !(g->again >> i & 1) && age(g, i, now_ns) > CLIENTS_WAIT;
	return old < failures + again && (again || g->ev.sum[0] < failures * SECONDS) &&
	       g->ev.plain < SERVICES * failures;
}

/* Against so many contacts of random addresses in one /24. */
static bool beyond_chance(const struct groups *gs, const struct group *g)
{
	double flood = 1, more = g->ev.plain - 2.0;

	for (unsigned int i = 0; i < GROUP_SHAPES; i++)
		if (g->shapes & (1 << i))
			flood += gs->newcomers[i] - g->base[i];
	/* log2(k! / lambda^k), the first two being why the group was made at all; Stirling's k!. */
	return more >= 2 && more * (NEIGHBOURHOODS_BITS - LOG2_E +
				    (approx_ln(more) - approx_ln(flood)) / LN_2) >=
				    GROUP_CHANCE_BITS - 3;
}

/* Is it too early to tell those who share a scan from those who scan at the same time? */
static bool in_haste(const struct group *g, uint32_t failures)
{
	unsigned int peers = 0, contacts = 0;

	if ((uint32_t)(g->ev.last_ns >> SINCE_SHIFT) - g->since >= HASTE)
		return false;
	for (unsigned int i = 0; i < g->members; i++)
		if (g->by[i] && !(g->back >> i & 1)) {
			peers++;
			contacts += g->by[i];
		}
	return peers < GROUP_PEERS || contacts <= failures;
}

bool group_stands(const struct groups *gs, const struct group *g, uint32_t failures)
{
	bool v4 = addr_is_v4(g->near), made = g->made * 2 > g->ev.plain;
	unsigned int all = g->others, most = 0;
	bool site = made && !v4 && !g->link;

	for (unsigned int i = 0; i < g->members; i++) {
		all += g->by[i];
		most = g->by[i] > most ? g->by[i] : most;
	}
	if (contributors(g) < (site ? GROUP_SITE_PEERS : GROUP_PEERS) || all - most < 2 ||
	    in_haste(g, failures))
		return false;
	/* Clients of what is gone want the same few ports, and do not send what only tools send. */
	if (g->shared > g->ev.plain && g->ev.plain < (made ? 2 : SERVICES) * failures)
		return false;
	/* A repeater gives all behind it its own link address, and a prefix may use many hosts. */
	if (!made && (for_clients(&g->ev) || may_be_clients(g, failures, g->ev.last_ns)))
		return false;
	if (!made && (g->link || evidence_hosts(&g->ev) > 1) && g->ev.plain < 2 * failures)
		return false;
	return !v4 || g->link || beyond_chance(gs, g);
}

struct addr group_member(const struct group *g, unsigned int i)
{
	return (struct addr){ g->near.hi, g->member[i] };
}

unsigned int groups_beside(const struct groups *gs, const struct group *g, unsigned int len,
			   const struct group **out, unsigned int most)
{
	struct prefix wide = { addr_mask(g->near, len), (uint8_t)len };
	unsigned int n = 0;

	for (unsigned int i = 0; i < SETS * WAYS && n < most; i++) {
		const struct group *other = &gs->group[i / WAYS][i % WAYS];

		if (gs->tag[i / WAYS][i % WAYS] && other != g && !other->link &&
		    prefix_contains(&wide, other->near) && (other->shapes & g->shapes) &&
		    other->ev.last_ns + BESIDE_NS > g->ev.last_ns &&
		    other->shared <= other->ev.plain && contributors(other) > 1)
			out[n++] = other;
	}
	return n;
}
