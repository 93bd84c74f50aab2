/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/detect-guess.h"

#include "core/approx.h"
#include "core/sketch.h"
#include "sensor/guess-streak.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PRIOR_BITS 4
#define BITS_EACH 1.5F /* log2 likelihood ratio of a failed login */
#define INTERFACE_ID 64
#define A_PERSONS_TRIES 3 /* in one connection: OpenSSH's client asks so often */
#define MANY_TRIES 2 /* what a connection with more counts */

struct slot {
	bool used;
	uint8_t level; /* enum streak_level */
	struct prefix block; /* whose failures it takes: a peer, a /24 or /64, all */
	uint64_t report_at;
	uint64_t peers[4]; /* of a group: sketch of its peers, see sketch_linear() */
	struct guess g;
};

struct guesses {
	guess_emit_fn *emit;
	void *arg;
	uint64_t quiet_ns, seed;
	uint64_t due_ns; /* nothing expires earlier; 0: none in use */
	uint32_t made;
	unsigned int used;
	struct guess_stats stats;
	struct slot slot[GUESS_FINDINGS];
	struct streaks streaks;
};

_Static_assert(sizeof(struct guesses) <= 24 * 1024, "memory is counted in kilobytes");

struct guesses *guesses_new(uint64_t quiet_ns, uint64_t seed, guess_emit_fn *emit, void *arg)
{
	struct guesses *gs = malloc(sizeof(*gs));

	if (!gs)
		return NULL;
	memset(gs, 0, sizeof(*gs)); /* touches every page: no memory is added later */
	gs->emit = emit;
	gs->arg = arg;
	gs->quiet_ns = quiet_ns;
	gs->seed = seed;
	return gs;
}

void guesses_free(struct guesses *gs)
{
	free(gs);
}

/* 2^20 ns for a millisecond, as flow.c has it. */
static uint32_t to_ms(uint64_t now_ns)
{
	return (uint32_t)(now_ns >> 20);
}

static void tell(struct guesses *gs, struct slot *f, enum finding_phase phase)
{
	f->g.sequence++;
	if (gs->emit)
		gs->emit(&f->g, phase, gs->arg);
}

static void close_one(struct guesses *gs, struct slot *f)
{
	tell(gs, f, FINDING_END);
	gs->stats.closed++;
	gs->used--;
	f->used = false;
	for (unsigned int i = 0; i < STREAKS; i++)
		if (gs->streaks.slot[i].finding == f - gs->slot + 1)
			gs->streaks.slot[i].used = false;
}

static uint64_t due_of(const struct guesses *gs, const struct slot *f)
{
	const struct guess *g = &f->g;
	uint64_t gap_ns = g->attempts > 1 ? (g->last_ns - g->first_ns) / (g->attempts - 1) : 0;
	uint64_t quiet_ns = gap_ns * GUESS_QUIET_GAPS;

	if (quiet_ns < gs->quiet_ns)
		quiet_ns = gs->quiet_ns;
	return g->last_ns + (quiet_ns < GUESS_MAX_QUIET_NS ? quiet_ns : GUESS_MAX_QUIET_NS);
}

static void note_due(struct guesses *gs, const struct slot *f)
{
	uint64_t due_ns = due_of(gs, f);

	if (gs->due_ns == 0 || due_ns < gs->due_ns)
		gs->due_ns = due_ns;
}

static struct slot *free_slot(struct guesses *gs)
{
	struct slot *oldest = &gs->slot[0];

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

static struct slot *slot_of(struct guesses *gs, const struct streak *s)
{
	return s && s->finding ? &gs->slot[s->finding - 1] : NULL;
}

/* Of a group. Random interface ids share the first few bits by chance. */
static void add_peer(struct slot *f, struct addr peer)
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
static void count(struct slot *f, const struct streak *s)
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

static void latest(struct slot *f, const struct guess_try *t, uint64_t now_ns)
{
	f->g.last_ns = now_ns;
	f->g.last_peer = t->peer;
	f->g.last_port = t->peer_port;
	f->g.self = t->self;
}

/* Those of a group that are known still. */
static void add_members(struct guesses *gs, struct slot *f, const struct streak *s)
{
	const struct streak *peer = gs->streaks.slot;

	for (unsigned int i = 0; i < STREAKS_HOST; i++)
		if (peer[i].used && !peer[i].finding && peer[i].port == s->port &&
		    prefix_contains(&f->block, peer[i].who))
			add_peer(f, peer[i].who);
}

/* Alike is not failed: of telnet without words, and of ports that are only said to be for logins. */
static bool shows_failure(const struct streak *s)
{
	return s->count[STREAK_SEEN] || s->count[STREAK_LOGGED] ||
	       (s->service != GUESS_TELNET && s->service != GUESS_OTHER);
}

static void open_finding(struct guesses *gs, struct streak *s, const struct guess_try *t,
			 uint64_t now_ns)
{
	struct slot *f = free_slot(gs);
	static const uint8_t scopes[] = {
		[STREAK_HOST] = FINDING_HOST,
		[STREAK_PREFIX] = FINDING_PREFIX,
		[STREAK_ALL] = FINDING_DISTRIBUTED,
	};
	uint64_t span_ns = (uint64_t)(to_ms(now_ns) - s->first_ms) << 20;
	uint8_t len = s->level == STREAK_HOST ? ADDR_BITS :
		      s->level == STREAK_ALL  ? 0 :
		      addr_is_v4(t->peer)     ? ADDR_V4_OFFSET + 24 :
						64;

	*f = (struct slot){
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
	f->g.outcome = s->odd ? GUESS_SUCCEEDED : shows_failure(s) ? GUESS_FAILING : GUESS_ONGOING;
	f->g.winner = s->odd ? t->peer : (struct addr){ 0, 0 };
	gs->stats.succeeded += s->odd;
	gs->used++;
	gs->stats.opened++;
	tell(gs, f, FINDING_START);
	note_due(gs, f);
}

/* Where only differences tell a guesser from a program that repeats itself. */
static bool must_vary(const struct streak *s)
{
	switch ((enum guess_service)s->service) {
	case GUESS_SSH:
	case GUESS_FTP:
	case GUESS_ADB:
		return false;
	case GUESS_TELNET:
		return !s->count[STREAK_SEEN] && !s->count[STREAK_LOGGED];
	case GUESS_HTTP:
	case GUESS_MQTT:
	case GUESS_RTSP:
	case GUESS_OTHER:
	case GUESS_SERVICES:
		break;
	}
	return !s->count[STREAK_LOGGED];
}

/* The widest streak with a finding that explains the try, or NULL; and all three streaks. */
static struct slot *explained(struct guesses *gs, const struct guess_try *t, uint32_t now_ms,
			      struct streak *s[3], bool begin)
{
	for (int level = STREAK_ALL; level >= STREAK_HOST; level--)
		s[level] = begin ? streaks_get(&gs->streaks, (enum streak_level)level, t->peer,
					       t->port, t->service, now_ms) :
				   streaks_find(&gs->streaks, (enum streak_level)level, t->peer,
						t->port, now_ms);
	for (int level = STREAK_HOST; level <= STREAK_ALL; level++)
		if (slot_of(gs, s[level]))
			return slot_of(gs, s[level]);
	return NULL;
}

static void go_on(struct guesses *gs, struct slot *f, const struct streak *s,
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

/* After failures have been entered: is that guessing, and whose? */
static void judge(struct guesses *gs, struct streak *s[3], const struct guess_try *t,
		  uint64_t now_ns)
{
	for (int level = STREAK_HOST; level <= STREAK_ALL; level++) {
		if (!s[level] ||
		    !streak_convinces(s[level], must_vary(s[level]), !shows_failure(s[level])))
			continue;
		open_finding(gs, s[level], t, now_ns);
		for (int wider = level + 1; wider <= STREAK_ALL; wider++)
			if (s[wider])
				streak_without(s[wider], s[level]);
		return;
	}
}

/* Those whose refusals are counted once their connection shows that they were its last word. */
static bool told_in_words(const struct guess_try *t)
{
	return t->service == GUESS_HTTP || t->service == GUESS_RTSP || t->service == GUESS_MQTT ||
	       t->service == GUESS_ADB;
}

/* n failures, learnt in this way. tries: of a connection that has ended; 0: of none. */
static void failed(struct guesses *gs, const struct guess_try *t, enum streak_way way,
		   unsigned int n, unsigned int tries, uint64_t now_ns)
{
	uint32_t now_ms = to_ms(now_ns);
	struct streak *s[3];
	struct slot *f = explained(gs, t, now_ms, s, true);
	bool ended = tries > 0;

	gs->stats.failures++;
	for (int level = STREAK_HOST; level <= STREAK_ALL; level++) {
		if (!s[level])
			continue;
		if (streak_length(s[level]) == 0)
			s[level]->first_ms = now_ms;
		if (t->age_ms > now_ms - s[level]->first_ms)
			s[level]->first_ms = now_ms - t->age_ms;
		streak_add(s[level], way, level == STREAK_ALL && ended ? 1 : n, t->peer, now_ms);
		s[level]->tries = (uint16_t)(s[level]->tries + tries);
		s[level]->connections = (uint16_t)(s[level]->connections + ended);
		if (ended && streak_shape(s[level], t->asked, t->served) && level == STREAK_HOST)
			s[level]->odd |= t->service == GUESS_SSH;
		if (level == STREAK_HOST && way == STREAK_SEEN && told_in_words(t))
			streak_run(s[level], t->asked_after, now_ms);
		if (f && slot_of(gs, s[level]) == f) {
			go_on(gs, f, s[level], t, now_ns);
			return;
		}
	}
	if (!f)
		judge(gs, s, t, now_ns);
}

/* Before there is a finding: a person's failures are excused, and it is remembered that somebody is at home there. */
static void welcome(struct guesses *gs, const struct guess_try *t, struct streak *s[3],
		    uint32_t now_ms)
{
	struct streak *host = s[STREAK_HOST];
	unsigned int excused; /* of his own failures: others' are no better for it */

	if (!host) {
		host = streaks_get(&gs->streaks, STREAK_HOST, t->peer, t->port, t->service, now_ms);
		if (host)
			host->guest = true;
		return;
	}
	excused = streak_length(host);
	if (excused == 0)
		host->last_ms = now_ms;
	if (excused <= A_PERSONS_TRIES)
		host->guest = true;
	else if (!host->guest)
		host->odd = true; /* if they go on, it was a guesser who got in */
	if (excused > STREAK_PARDON)
		excused = STREAK_PARDON;
	for (int level = STREAK_HOST; excused && level <= STREAK_ALL; level++)
		if (s[level] && !s[level]->finding)
			streak_pardon(s[level], excused);
}

/* sure: it can have been nobody but who failed before, not somebody else behind the same address. */
static void succeeded(struct guesses *gs, const struct guess_try *t, bool sure, bool logged,
		      uint64_t now_ns)
{
	struct streak *s[3];
	struct slot *f = explained(gs, t, to_ms(now_ns), s, false);

	/* Of a group only who failed himself got in by it. */
	if (!f || (f->level != STREAK_HOST &&
		   (!s[STREAK_HOST] || s[STREAK_HOST]->guest || !streak_length(s[STREAK_HOST])))) {
		welcome(gs, t, s, to_ms(now_ns));
		return;
	}
	if (!sure && s[STREAK_HOST] && s[STREAK_HOST]->guest)
		return;
	if (f->g.outcome == GUESS_SUCCEEDED && (f->g.success_logged || !logged))
		return;
	latest(f, t, now_ns);
	gs->stats.succeeded += f->g.outcome != GUESS_SUCCEEDED;
	f->g.outcome = GUESS_SUCCEEDED;
	f->g.winner = t->peer;
	f->g.success_logged |= logged;
	tell(gs, f, FINDING_UPDATE);
}

/*
 * A key is not guessed. Behind the address of a guesser may be others (NAT): nothing is told of it, nor once
 * that connection has ended.
 */
static void entered_by_key(struct guesses *gs, const struct guess_try *t, uint64_t now_ns)
{
	uint32_t now_ms = to_ms(now_ns);
	struct streak *s[3];
	struct slot *f = explained(gs, t, now_ms, s, false);

	if (s[STREAK_HOST])
		s[STREAK_HOST]->key_port = t->peer_port;
	if (!f)
		succeeded(gs, t, false, true, now_ns);
}

static bool by_known_key(const struct guess_try *t, const struct streak *s)
{
	return s && s->key_port && s->key_port == t->peer_port;
}

void guesses_refused(struct guesses *gs, const struct guess_try *t, uint64_t now_ns)
{
	struct streak *s;

	failed(gs, t, STREAK_SEEN, 1, 0, now_ns);
	s = streaks_find(&gs->streaks, STREAK_HOST, t->peer, t->port, to_ms(now_ns));
	if (s)
		streak_dialog(s, t->refusals > 0, t->asked_after, t->served_after);
}

/* Did it begin before another of the peer's had ended? */
static bool parallel(const struct guess_try *t, const struct streak *s, uint32_t now_ms)
{
	return s && (s->connections || s->maybe) &&
	       now_ms - t->age_ms - s->ended_ms > UINT32_MAX / 2;
}

/* Tools try in parallel, and often in one connection; no person does. But a person's agent may have many keys. */
static unsigned int worth(const struct guess_try *t, const struct streak *s,
			  const struct guess_reading *r, uint32_t now_ms)
{
	bool passwords = r->passwords && r->tries > A_PERSONS_TRIES;

	return passwords || (parallel(t, s, now_ms) && r->tries > 1) ? MANY_TRIES : 1;
}

static bool dialog_outgrown(const struct guess_try *t, const struct streak *s)
{
	return t->service == GUESS_TELNET && s && !t->refused_last &&
	       streak_outgrown(s, t->refusals > 0, t->asked_after, t->served_after);
}

/*
 * What fits no failure: did it ask as much as one, and was answered otherwise? It may be the first of several that
 * ran side by side, so that it is remembered.
 */
static bool answered_otherwise(struct guesses *gs, const struct guess_try *t, uint32_t now_ms)
{
	struct streak *s;

	if (!t->keyed || !guess_shape_comparable(t))
		return false;
	s = streaks_get(&gs->streaks, STREAK_HOST, t->peer, t->port, t->service, now_ms);
	return s && streak_shape(s, t->asked, t->served) && streak_length(s);
}

void guesses_served(struct guesses *gs, const struct guess_try *t, uint64_t now_ns)
{
	struct streak *s;

	s = streaks_get(&gs->streaks, STREAK_HOST, t->peer, t->port, t->service, to_ms(now_ns));
	if (s)
		s->served = true;
}

/*
 * One failure after the other, and then let in, but nothing was done there. Some session may be just of that
 * size: so it takes others that failed, before it or beside it.
 */
static bool premature(struct guesses *gs, const struct guess_try *t, uint32_t now_ms)
{
	struct streak *s =
		streaks_get(&gs->streaks, STREAK_HOST, t->peer, t->port, t->service, now_ms);

	if (!s || s->finding || streak_length(s))
		return false;
	s->maybe = true;
	s->ended_ms = now_ms;
	return true;
}

void guesses_ended(struct guesses *gs, const struct guess_try *t, uint64_t now_ns)
{
	uint32_t now_ms = to_ms(now_ns);
	struct streak *s = streaks_find(&gs->streaks, STREAK_HOST, t->peer, t->port, now_ms);
	struct guess_reading r = guess_shape(t, s ? s->excess : 0);
	unsigned int n;
	bool beside;

	if (r.shape == SHAPE_SESSION || dialog_outgrown(t, s) ||
	    (r.shape == SHAPE_ADMITTED && r.tries <= A_PERSONS_TRIES) ||
	    (r.shape == SHAPE_NOTHING && answered_otherwise(gs, t, now_ms))) {
		if (r.shape == SHAPE_ADMITTED && r.tries > 1)
			answered_otherwise(gs, t, now_ms);
		if (!by_known_key(t, s))
			succeeded(gs, t,
				  r.shape == SHAPE_ADMITTED || t->refusals ||
					  (t->keyed && r.shape == SHAPE_NOTHING),
				  false, now_ns);
		return;
	}
	if (s && t->service == GUESS_HTTP && t->served && !t->refused_last)
		s->served = true;
	if (r.shape == SHAPE_NOTHING || t->repeated ||
	    (r.shape == SHAPE_ADMITTED && premature(gs, t, now_ms)))
		return;
	n = worth(t, s, &r, now_ms);
	beside = s && s->maybe && parallel(t, s, now_ms);
	if (beside) {
		s->odd = true;
		n += MANY_TRIES;
	}
	if (s)
		s->maybe = false;
	failed(gs, t, told_in_words(t) ? STREAK_SEEN : STREAK_ENDED, n, r.tries, now_ns);
	s = streaks_find(&gs->streaks, STREAK_HOST, t->peer, t->port, now_ms);
	if (!s)
		return;
	s->ended_ms = now_ms;
	s->odd |= r.shape == SHAPE_ADMITTED;
	if (s->odd && s->finding)
		succeeded(gs, t, true, false, now_ns);
}

static void note_user(struct streak *s, uint32_t user)
{
	if (!s || !user)
		return;
	s->users |= s->user && s->user != user;
	s->user = user;
}

/* May it be the name that was guessed at? */
static bool fits_user(const struct streak *s, uint32_t user)
{
	return !s || !user || !s->user || s->users || s->user == user;
}

void guesses_logged(struct guesses *gs, const struct auth_record *r, struct addr self,
		    uint16_t port, uint64_t now_ns)
{
	struct guess_try t = { .peer = r->peer,
			       .self = self,
			       .peer_port = r->peer_port,
			       .port = port,
			       .service = r->service };

	if (r->result == AUTH_SUCCEEDED && r->by_key)
		entered_by_key(gs, &t, now_ns);
	else if (r->result == AUTH_SUCCEEDED)
		succeeded(gs, &t,
			  fits_user(streaks_find(&gs->streaks, STREAK_HOST, r->peer, port,
						 to_ms(now_ns)),
				    r->user),
			  true, now_ns);
	else {
		failed(gs, &t, STREAK_LOGGED, r->times, 0, now_ns);
		note_user(streaks_find(&gs->streaks, STREAK_HOST, r->peer, port, to_ms(now_ns)),
			  r->user);
	}
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

unsigned int guesses_open(const struct guesses *gs)
{
	return gs->used;
}

void guesses_stats(const struct guesses *gs, struct guess_stats *out)
{
	*out = gs->stats;
}

double guess_confidence(const struct guess *g)
{
	return 1 / (1 + approx_exp2(PRIOR_BITS - (double)g->llr));
}
