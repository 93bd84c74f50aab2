/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/guess-streak.h"

#include <stddef.h>

#define FAST 6 /* failures that make guessing */
#define SLOW 8
#define LOG_CREDIT 2 /* fewer, where the system's record says so */
#define GROUP_PEERS 3
#define STRANGERS 5 /* who have nothing in common but that they fail */
#define VARIED_SIZES 4
#define RUN 8 /* requests that are refused at once: guessing, even if their lengths do not differ */
#define ALIKE_BYTES 64 /* names, passwords, and what a greeting differs by */
#define DIALOG_MORE 48U /* telnet: more than "Login timed out" and "too many tries" take */
#define DIALOG_SESSION 1024U /* no refusals that were not seen serve so much */
#define TYPED_MORE 8U /* by which a password is longer than those before */
/* ssh: "success" is so much shorter than "failure" at most; more is a failure that was not waited for. */
#define ODD_BYTES 50

static const struct {
	uint8_t first, slots;
} classes[] = {
	[STREAK_HOST] = { 0, STREAKS_HOST },
	[STREAK_PREFIX] = { STREAKS_HOST, STREAKS_PREFIX },
	[STREAK_ALL] = { STREAKS_HOST + STREAKS_PREFIX, STREAKS_ALL },
};

static struct addr who(enum streak_level level, struct addr peer)
{
	switch (level) {
	case STREAK_HOST:
		return peer;
	case STREAK_PREFIX:
		return addr_mask(peer, addr_is_v4(peer) ? ADDR_V4_OFFSET + 24 : 64);
	case STREAK_ALL:
		break;
	}
	return (struct addr){ 0, 0 };
}

static bool forgotten(const struct streak *s, uint32_t now_ms)
{
	return !s->finding && now_ms - s->last_ms > STREAK_FORGET_MS;
}

struct streak *streaks_find(struct streaks *ss, enum streak_level level, struct addr peer,
			    uint16_t port, uint32_t now_ms)
{
	struct streak *slot = &ss->slot[classes[level].first];
	struct addr key = who(level, peer);

	for (unsigned int i = 0; i < classes[level].slots; i++) {
		if (!slot[i].used || slot[i].port != port || !addr_eq(slot[i].who, key))
			continue;
		if (!forgotten(&slot[i], now_ms))
			return &slot[i];
		slot[i].used = false;
	}
	return NULL;
}

/* The higher, the sooner it gives way. */
static uint64_t worthless(const struct streak *s, uint32_t now_ms)
{
	if (!s->used || forgotten(s, now_ms))
		return UINT64_MAX;
	if (s->finding)
		return 0;
	return (uint64_t)(UINT16_MAX - streak_length(s)) << 32 | (now_ms - s->last_ms);
}

struct streak *streaks_get(struct streaks *ss, enum streak_level level, struct addr peer,
			   uint16_t port, uint8_t service, uint32_t now_ms)
{
	struct streak *s = streaks_find(ss, level, peer, port, now_ms), *slot;

	if (s)
		return s;
	s = slot = &ss->slot[classes[level].first];
	for (unsigned int i = 1; i < classes[level].slots; i++)
		if (worthless(&slot[i], now_ms) > worthless(s, now_ms))
			s = &slot[i];
	if (s->used && s->finding)
		return NULL;
	*s = (struct streak){
		.used = true,
		.who = who(level, peer),
		.port = port,
		.service = service,
		.level = (uint8_t)level,
		.first_ms = now_ms,
		.last_ms = now_ms,
	};
	return s;
}

static void note_peer(struct streak *s, struct addr peer)
{
	uint16_t hash = (uint16_t)(addr_hash(peer, 0) >> 16);

	for (unsigned int i = 0; i < s->peers; i++)
		if (s->peer[i] == hash)
			return;
	if (s->peers < STREAK_PEERS)
		s->peer[s->peers++] = hash;
}

static void add(uint16_t *to, unsigned int n)
{
	*to = *to + n < UINT16_MAX ? (uint16_t)(*to + n) : UINT16_MAX;
}

void streak_add(struct streak *s, enum streak_way way, unsigned int n, struct addr peer,
		uint32_t now_ms)
{
	add(&s->count[way], n);
	s->last_ms = now_ms;
	note_peer(s, peer);
}

static uint16_t distance(uint16_t a, uint16_t b)
{
	return (uint16_t)(a > b ? a - b : b - a);
}

static void note_range(struct streak *s, unsigned int i, uint16_t n)
{
	if (s->sizes == 0 || n < s->least[i])
		s->least[i] = n;
	if (n > s->most[i])
		s->most[i] = n;
}

bool streak_shape(struct streak *s, uint32_t asked, uint32_t served)
{
	uint16_t a = asked < UINT16_MAX ? (uint16_t)asked : UINT16_MAX;
	uint16_t b = served < UINT16_MAX ? (uint16_t)served : UINT16_MAX;

	if (b > a && b - a > s->excess)
		s->excess = (uint16_t)(b - a);
	note_range(s, 0, a);
	note_range(s, 1, b);
	for (unsigned int i = 0; i < s->sizes; i++)
		if (s->shape[i].asked == a)
			return s->shape[i].served != b &&
			       distance(s->shape[i].served, b) < ODD_BYTES;
	if (s->sizes < STREAK_SHAPES) {
		s->shape[s->sizes].asked = a;
		s->shape[s->sizes++].served = b;
	}
	return false;
}

static void at_most(uint16_t *most, uint32_t n)
{
	if (n > *most)
		*most = n < UINT16_MAX ? (uint16_t)n : UINT16_MAX;
}

void streak_dialog(struct streak *s, bool again, uint32_t asked, uint32_t served)
{
	at_most(&s->typed[again], asked);
	at_most(&s->dialog[again], served);
}

bool streak_outgrown(const struct streak *s, bool again, uint32_t asked, uint32_t served)
{
	return s->dialog[again] && served > s->dialog[again] + DIALOG_MORE &&
	       (asked <= s->typed[again] + TYPED_MORE || served > DIALOG_SESSION);
}

void streak_run(struct streak *s, uint32_t asked, uint32_t now_ms)
{
	uint16_t a = asked < UINT16_MAX ? (uint16_t)asked : UINT16_MAX;

	if (now_ms - s->run_ms > STREAK_RUN_MS || distance(a, s->run_asked) > ALIKE_BYTES)
		s->run = 0;
	s->run += s->run < UINT8_MAX;
	s->run_asked = a;
	s->run_ms = now_ms;
}

static void take(uint16_t *from, unsigned int n)
{
	*from = *from > n ? (uint16_t)(*from - n) : 0;
}

unsigned int streak_excuse(struct streak *s, unsigned int n, uint32_t now_ms)
{
	uint32_t regained = (now_ms - s->pardon_ms) / STREAK_PARDON_MS;

	if (regained < s->pardoned) {
		s->pardoned = (uint8_t)(s->pardoned - regained);
		s->pardon_ms += regained * STREAK_PARDON_MS;
	} else {
		s->pardoned = 0;
		s->pardon_ms = now_ms;
	}
	if (n > STREAK_PARDON)
		n = STREAK_PARDON;
	if (n > STREAK_PARDON_MOST - (unsigned int)s->pardoned)
		n = STREAK_PARDON_MOST - (unsigned int)s->pardoned;
	s->pardoned = (uint8_t)(s->pardoned + n);
	return n;
}

void streak_pardon(struct streak *s, unsigned int n)
{
	for (unsigned int i = 0; i < STREAK_WAYS; i++)
		take(&s->count[i], n);
	if (streak_length(s) == 0 && !s->guest)
		s->used = false;
}

void streak_without(struct streak *s, const struct streak *narrower)
{
	for (unsigned int i = 0; i < STREAK_WAYS; i++)
		take(&s->count[i], narrower->count[i]);
	if (streak_length(s) == 0)
		s->used = false;
}

unsigned int streak_length(const struct streak *s)
{
	unsigned int longest = 0;

	for (unsigned int i = 0; i < STREAK_WAYS; i++)
		if (s->count[i] > longest)
			longest = s->count[i];
	return longest;
}

bool streak_convinces(const struct streak *s, bool varied, bool alike)
{
	static const uint8_t peers[] = {
		[STREAK_HOST] = 1,
		[STREAK_PREFIX] = GROUP_PEERS,
		[STREAK_ALL] = STRANGERS,
	};
	unsigned int n = streak_length(s), enough;

	if (n < FAST - LOG_CREDIT || s->peers < peers[s->level] ||
	    (varied && s->sizes < VARIED_SIZES && (s->run < RUN || s->served)) ||
	    (alike &&
	     (s->most[0] - s->least[0] > ALIKE_BYTES || s->most[1] - s->least[1] > ALIKE_BYTES)))
		return false;
	enough = s->last_ms - s->first_ms < (n - 1) * STREAK_FAST_MS ? FAST : SLOW;
	return n >= enough || s->count[STREAK_LOGGED] + (unsigned int)LOG_CREDIT >= enough;
}
