/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/detect-guess.h"

#include "sensor/guess-internal.h"

#include <stdlib.h>
#include <string.h>

#define A_PERSONS_TRIES 3 /* in one connection: OpenSSH's client asks so often */
#define MANY_TRIES 2 /* what a connection with more counts */
#define MANY_AT_ONCE 6 /* and one beside another such of the peer: that is guessing */

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

/* Alike is not failed: of telnet without words, and of ports that are only said to be for logins. */
static bool shows_failure(const struct streak *s)
{
	return s->count[STREAK_SEEN] || s->count[STREAK_LOGGED] ||
	       (s->service != GUESS_TELNET && s->service != GUESS_OTHER);
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
static struct guess_finding *explained(struct guesses *gs, const struct guess_try *t,
				       uint32_t now_ms, struct streak *s[3], bool begin)
{
	for (int level = STREAK_ALL; level >= STREAK_HOST; level--)
		s[level] = begin ? streaks_get(&gs->streaks, (enum streak_level)level, t->peer,
					       t->port, t->service, now_ms) :
				   streaks_find(&gs->streaks, (enum streak_level)level, t->peer,
						t->port, now_ms);
	for (int level = STREAK_HOST; level <= STREAK_ALL; level++)
		if (guess_finding_of(gs, s[level]))
			return guess_finding_of(gs, s[level]);
	return NULL;
}

/* After failures have been entered: is that guessing, and whose? */
static void judge(struct guesses *gs, struct streak *s[3], const struct guess_try *t,
		  uint64_t now_ns)
{
	for (int level = STREAK_HOST; level <= STREAK_ALL; level++) {
		if (!s[level] ||
		    !streak_convinces(s[level], must_vary(s[level]), !shows_failure(s[level])))
			continue;
		guess_finding_open(gs, s[level], t, shows_failure(s[level]), now_ns);
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
	uint32_t now_ms = guess_ms(now_ns);
	struct streak *s[3];
	struct guess_finding *f = explained(gs, t, now_ms, s, true);
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
		s[level]->tries += tries;
		s[level]->connections += ended;
		if (ended && streak_shape(s[level], t->asked, t->served) && level == STREAK_HOST)
			s[level]->odd |= t->service == GUESS_SSH;
		if (level == STREAK_HOST && way == STREAK_SEEN && told_in_words(t))
			streak_run(s[level], t->asked_after, now_ms);
		if (f && guess_finding_of(gs, s[level]) == f) {
			guess_finding_go_on(gs, f, s[level], t, now_ns);
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
	excused = streak_excuse(host, excused, now_ms);
	for (int level = STREAK_HOST; excused && level <= STREAK_ALL; level++)
		if (s[level] && !s[level]->finding)
			streak_pardon(s[level], excused);
}

/* sure: it can have been nobody but who failed before, not somebody else behind the same address. */
static void succeeded(struct guesses *gs, const struct guess_try *t, bool sure, bool logged,
		      uint64_t now_ns)
{
	struct streak *s[3];
	struct guess_finding *f = explained(gs, t, guess_ms(now_ns), s, false);

	/* Of a group only who failed himself got in by it. */
	if (!f || (f->level != STREAK_HOST &&
		   (!s[STREAK_HOST] || s[STREAK_HOST]->guest || !streak_length(s[STREAK_HOST])))) {
		welcome(gs, t, s, guess_ms(now_ns));
		return;
	}
	if (!sure && s[STREAK_HOST] && s[STREAK_HOST]->guest)
		return;
	guess_finding_got_in(gs, f, t, logged, now_ns);
}

/*
 * A key is not guessed. Behind the address of a guesser may be others (NAT): nothing is told of it, nor once
 * that connection has ended.
 */
static void entered_by_key(struct guesses *gs, const struct guess_try *t, uint64_t now_ns)
{
	uint32_t now_ms = guess_ms(now_ns);
	struct streak *s[3];
	struct guess_finding *f = explained(gs, t, now_ms, s, false);

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
	s = streaks_find(&gs->streaks, STREAK_HOST, t->peer, t->port, guess_ms(now_ns));
	if (s)
		streak_dialog(s, t->refusals > 0, t->asked_after, t->served_after);
}

static bool began_before(const struct guess_try *t, uint32_t when_ms, uint32_t now_ms)
{
	return now_ms - t->age_ms - when_ms > UINT32_MAX / 2;
}

/* Did it begin before another of the peer's had ended? */
static bool parallel(const struct guess_try *t, const struct streak *s, uint32_t now_ms)
{
	return s && (s->connections || s->maybe) && began_before(t, s->ended_ms, now_ms);
}

static bool many(const struct guess_reading *r)
{
	return r->passwords && r->tries > A_PERSONS_TRIES;
}

/*
 * Tools try in parallel, and often in one connection; no person does. But a person's agent may have many keys. Who
 * else gets in behind the same address meanwhile does not excuse what is both.
 */
static unsigned int worth(const struct guess_try *t, const struct streak *s,
			  const struct guess_reading *r, uint32_t now_ms)
{
	if (r->shape == SHAPE_FAILED && many(r) && s && s->many &&
	    began_before(t, s->many_ms, now_ms))
		return MANY_AT_ONCE;
	return many(r) || (parallel(t, s, now_ms) && r->tries > 1) ? MANY_TRIES : 1;
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

	s = streaks_get(&gs->streaks, STREAK_HOST, t->peer, t->port, t->service, guess_ms(now_ns));
	if (s)
		s->served = true;
}

/*
 * One failure after the other, and then let in, but nothing was done there. Some session may be just of that
 * size: so it takes others that failed, before it or beside it.
 */
static bool premature(struct guesses *gs, const struct guess_try *t, const struct guess_reading *r,
		      uint32_t now_ms)
{
	struct streak *s =
		streaks_get(&gs->streaks, STREAK_HOST, t->peer, t->port, t->service, now_ms);

	if (!s || s->finding || streak_length(s))
		return false;
	s->maybe = true;
	s->failure = r->greeted ? r->failure : 0;
	s->ended_ms = now_ms;
	return true;
}

/* After a connection that failed has been counted: what the next ones are compared with. */
static void remember(struct streak *s, const struct guess_reading *r, uint32_t now_ms)
{
	s->ended_ms = now_ms;
	if (r->failure)
		s->failure = r->failure;
	if (r->shape == SHAPE_FAILED && many(r)) {
		s->many = true;
		s->many_ms = now_ms;
	}
	s->odd |= r->shape == SHAPE_ADMITTED;
}

void guesses_ended(struct guesses *gs, const struct guess_try *t, uint64_t now_ns)
{
	uint32_t now_ms = guess_ms(now_ns);
	struct streak *s = streaks_find(&gs->streaks, STREAK_HOST, t->peer, t->port, now_ms);
	struct guess_reading r = guess_shape(t, s ? s->excess : 0, s ? s->failure : 0);
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
	    (r.shape == SHAPE_ADMITTED && premature(gs, t, &r, now_ms)))
		return;
	n = worth(t, s, &r, now_ms);
	beside = s && s->maybe && parallel(t, s, now_ms) &&
		 (!s->failure || s->failure == r.failure);
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
	remember(s, &r, now_ms);
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
						 guess_ms(now_ns)),
				    r->user),
			  true, now_ns);
	else {
		failed(gs, &t, STREAK_LOGGED, r->times, 0, now_ns);
		note_user(streaks_find(&gs->streaks, STREAK_HOST, r->peer, port, guess_ms(now_ns)),
			  r->user);
	}
}

unsigned int guesses_open(const struct guesses *gs)
{
	return gs->used;
}

void guesses_stats(const struct guesses *gs, struct guess_stats *out)
{
	*out = gs->stats;
}
