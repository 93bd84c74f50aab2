/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/guess-internal.h"

#include "core/approx.h"
#include "core/sketch.h"

#define PRIOR_BITS 4
#define BITS_EACH 1.5F /* log2 likelihood ratio of a failed login */
#define INTERFACE_ID 64

static void tell(struct guesses *gs, struct guess_finding *f, enum finding_phase phase)
{
	f->g.sequence++;
	if (gs->emit)
		gs->emit(&f->g, phase, gs->arg);
}

static void close_one(struct guesses *gs, struct guess_finding *f)
{
	tell(gs, f, FINDING_END);
	gs->stats.closed++;
	gs->used--;
	f->used = false;
	for (unsigned int i = 0; i < STREAKS; i++)
		if (gs->streaks.slot[i].finding == f - gs->slot + 1)
			gs->streaks.slot[i].used = false;
}

static uint64_t due_of(const struct guesses *gs, const struct guess_finding *f)
{
	const struct guess *g = &f->g;
	uint64_t gap_ns = g->attempts > 1 ? (g->last_ns - g->first_ns) / (g->attempts - 1) : 0;
	uint64_t quiet_ns = gap_ns * GUESS_QUIET_GAPS;

	if (quiet_ns < gs->quiet_ns)
		quiet_ns = gs->quiet_ns;
	return g->last_ns + (quiet_ns < GUESS_MAX_QUIET_NS ? quiet_ns : GUESS_MAX_QUIET_NS);
}

static void note_due(struct guesses *gs, const struct guess_finding *f)
{
	uint64_t due_ns = due_of(gs, f);

	if (gs->due_ns == 0 || due_ns < gs->due_ns)
		gs->due_ns = due_ns;
}

static struct guess_finding *free_slot(struct guesses *gs)
{
	struct guess_finding *oldest = &gs->slot[0];

	for (unsigned int i = 0; i < GUESS_FINDINGS; i++) {
		if (!gs->slot[i].used)
			return &gs->slot[i];
		if (gs->slot[i].g.last_ns < oldest->g.last_ns)
			oldest = &gs->slot[i];
	}
	gs->stats.evicted++;
	close_one(gs, oldest);
	return oldest;
}

struct guess_finding *guess_finding_of(struct guesses *gs, const struct streak *s)
{
	return s && s->finding ? &gs->slot[s->finding - 1] : NULL;
}

/* Of a group. Random interface ids share the first few bits by chance. */
static void add_peer(struct guess_finding *f, struct addr peer)
{
	struct guess *g = &f->g;
	unsigned int len = addr_common_len(g->peer.addr, peer);
	uint32_t hash = addr_hash(peer, 0);
	unsigned int estimate;

	for (unsigned int i = 0; i < g->peers_sampled; i++)
		if (addr_eq(g->peer_sample[i], peer))
			return;
	if (g->peers_sampled < FINDING_PEER_SAMPLE)
		g->peer_sample[g->peers_sampled++] = peer;
	f->peers[hash >> 6 & 3] |= 1ULL << (hash & 63);
	estimate = sketch_linear(f->peers, 4);
	g->peers = estimate > g->peers_sampled ? estimate : g->peers_sampled;
	if (len > g->peer.len)
		len = g->peer.len;
	if (!addr_is_v4(peer) && len > INTERFACE_ID)
		len = INTERFACE_ID;
	if (len < g->peer.len)
		g->peer = (struct prefix){ addr_mask(peer, len), (uint8_t)len };
}

/* The numbers of the streak that a finding began with, or goes on with. */
static void count(struct guess_finding *f, const struct streak *s)
{
	struct guess *g = &f->g;

	g->connections = s->connections;
	g->failures_seen = s->count[STREAK_SEEN];
	g->failures_logged = s->count[STREAK_LOGGED];
	g->attempts = s->tries;
	if (g->attempts < g->failures_seen)
		g->attempts = g->failures_seen;
	if (g->attempts < g->failures_logged)
		g->attempts = g->failures_logged;
	g->llr = BITS_EACH * (float)streak_length(s);
}

static void latest(struct guess_finding *f, const struct guess_try *t, uint64_t now_ns)
{
	f->g.last_ns = now_ns;
	f->g.last_peer = t->peer;
	f->g.last_port = t->peer_port;
	f->g.self = t->self;
}

/* Those of a group that are known still. Who only got in is none of them. */
static void add_members(struct guesses *gs, struct guess_finding *f, const struct streak *s)
{
	const struct streak *peer = gs->streaks.slot;

	for (unsigned int i = 0; i < STREAKS_HOST; i++)
		if (peer[i].used && !peer[i].finding && peer[i].port == s->port &&
		    streak_length(&peer[i]) > 0 && prefix_contains(&f->block, peer[i].who))
			add_peer(f, peer[i].who);
}

void guess_finding_open(struct guesses *gs, struct streak *s, const struct guess_try *t,
			bool shows_failure, uint64_t now_ns)
{
	struct guess_finding *f = free_slot(gs);
	static const uint8_t scopes[] = {
		[STREAK_HOST] = FINDING_HOST,
		[STREAK_PREFIX] = FINDING_PREFIX,
		[STREAK_ALL] = FINDING_DISTRIBUTED,
	};
	uint64_t span_ns = (uint64_t)(guess_ms(now_ns) - s->first_ms) << 20;
	uint8_t len = s->level == STREAK_HOST ? ADDR_BITS :
		      s->level == STREAK_ALL  ? 0 :
		      addr_is_v4(t->peer)     ? ADDR_V4_OFFSET + 24 :
						64;

	*f = (struct guess_finding){
		.used = true,
		.level = s->level,
		.block = { s->who, len },
		.g = { .service = t->service,
		       .scope = scopes[s->level],
		       .peer = { t->peer, ADDR_BITS },
		       .port = t->port,
		       .first_ns = now_ns > span_ns ? now_ns - span_ns : 0 },
	};
	f->g.id = addr_hash(t->peer, gs->seed + ++gs->made) |
		  (uint64_t)addr_hash(t->self, gs->seed ^ now_ns) << 32;
	s->finding = (uint8_t)(f - gs->slot + 1);
	if (s->level == STREAK_HOST)
		f->g.peers = 1;
	else
		add_members(gs, f, s);
	count(f, s);
	latest(f, t, now_ns);
	f->report_at = f->g.attempts * GUESS_GROWTH;
	f->g.outcome = s->odd ? GUESS_SUCCEEDED : shows_failure ? GUESS_FAILING : GUESS_ONGOING;
	f->g.winner = s->odd ? t->peer : (struct addr){ 0, 0 };
	gs->stats.succeeded += s->odd;
	gs->used++;
	gs->stats.opened++;
	tell(gs, f, FINDING_START);
	note_due(gs, f);
}

void guess_finding_go_on(struct guesses *gs, struct guess_finding *f, const struct streak *s,
			 const struct guess_try *t, uint64_t now_ns)
{
	if (f->level != STREAK_HOST)
		add_peer(f, t->peer);
	count(f, s);
	latest(f, t, now_ns);
	if (f->g.attempts < f->report_at)
		return;
	f->report_at *= GUESS_GROWTH;
	tell(gs, f, FINDING_UPDATE);
}

void guess_finding_got_in(struct guesses *gs, struct guess_finding *f, const struct guess_try *t,
			  bool logged, uint64_t now_ns)
{
	if (f->g.outcome == GUESS_SUCCEEDED && (f->g.success_logged || !logged))
		return;
	latest(f, t, now_ns);
	gs->stats.succeeded += f->g.outcome != GUESS_SUCCEEDED;
	f->g.outcome = GUESS_SUCCEEDED;
	f->g.winner = t->peer;
	f->g.success_logged |= logged;
	tell(gs, f, FINDING_UPDATE);
}

uint64_t guesses_expire(struct guesses *gs, uint64_t now_ns)
{
	uint64_t next_ns = 0;

	if (gs->due_ns == 0 || now_ns < gs->due_ns)
		return gs->due_ns;
	for (unsigned int i = 0; i < GUESS_FINDINGS; i++) {
		uint64_t due_ns;

		if (!gs->slot[i].used)
			continue;
		due_ns = due_of(gs, &gs->slot[i]);
		if (due_ns <= now_ns)
			close_one(gs, &gs->slot[i]);
		else if (next_ns == 0 || due_ns < next_ns)
			next_ns = due_ns;
	}
	gs->due_ns = next_ns;
	return next_ns;
}

void guesses_close_all(struct guesses *gs)
{
	for (unsigned int i = 0; i < GUESS_FINDINGS; i++)
		if (gs->slot[i].used)
			close_one(gs, &gs->slot[i]);
	gs->due_ns = 0;
}

double guess_confidence(const struct guess *g)
{
	return 1 / (1 + approx_exp2(PRIOR_BITS - (double)g->llr));
}
