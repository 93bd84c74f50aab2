/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/flow.h"

#include <stdlib.h>
#include <string.h>

#define SETS (FLOWS / FLOWS_WAYS)

_Static_assert((SETS & (SETS - 1)) == 0, "a set is found by a mask");

struct flows {
	uint64_t seed;
	struct flow set[SETS][FLOWS_WAYS];
};

struct flows *flows_new(uint64_t seed)
{
	struct flows *fs = malloc(sizeof(*fs));

	if (!fs)
		return NULL;
	memset(fs, 0, sizeof(*fs)); /* touches every page: no memory is added later */
	fs->seed = seed;
	return fs;
}

void flows_free(struct flows *fs)
{
	free(fs);
}

static uint32_t key_of(const struct flows *fs, const struct flow_ends *ends)
{
	uint64_t salt = fs->seed ^ ((uint64_t)ends->peer_port << 16 | ends->port) ^
			ends->self.lo * 0x9e3779b97f4a7c15ULL ^ ends->self.hi;
	uint32_t key = addr_hash(ends->peer, salt);

	return key ? key : 1;
}

/* 2^20 ns for a millisecond: no packet costs a division, and five percent do not matter here. */
static uint32_t now_ms(uint64_t now_ns)
{
	return (uint32_t)(now_ns >> 20);
}

uint32_t flow_age_ms(const struct flow *f, uint64_t now_ns)
{
	return now_ms(now_ns) - f->t_ms;
}

struct flow *flows_find(struct flows *fs, const struct flow_ends *ends, uint64_t now_ns)
{
	uint32_t key = key_of(fs, ends);
	struct flow *set = fs->set[key & (SETS - 1)];

	for (unsigned int i = 0; i < FLOWS_WAYS; i++)
		if (set[i].key == key)
			return flow_age_ms(&set[i], now_ns) < FLOW_FORGET_MS ? &set[i] : NULL;
	return NULL;
}

/* Of those never answered, and of those that have ended, nothing is told but by repeats. */
static bool is_over(const struct flow *f, uint32_t age_ms)
{
	bool lives = (f->state & (FLOW_ANSWERED | FLOW_ENDED)) == FLOW_ANSWERED;

	return f->over || age_ms >= (lives ? FLOW_FORGET_MS : FLOW_REPEAT_MS);
}

/* The higher, the sooner it gives way. */
static uint64_t worthless(const struct flow *f, uint32_t t_ms)
{
	uint32_t age_ms = t_ms - f->t_ms;

	if (f->key == 0)
		return UINT64_MAX;
	if (is_over(f, age_ms))
		return 2ULL << 32 | age_ms;
	return (f->state & FLOW_KEPT ? 0 : 1ULL << 32) | age_ms;
}

struct flow *flows_begin(struct flows *fs, const struct flow_ends *ends, uint32_t peer_isn,
			 bool known, uint64_t now_ns)
{
	uint32_t key = key_of(fs, ends), t_ms = now_ms(now_ns);
	struct flow *set = fs->set[key & (SETS - 1)], *f = &set[0];

	for (unsigned int i = 0; i < FLOWS_WAYS; i++) {
		if (set[i].key == key) {
			f = &set[i];
			if (f->peer_isn == peer_isn && !(f->state & FLOW_ENDED) &&
			    flow_age_ms(f, now_ns) < FLOW_REPEAT_MS)
				return f;
			break;
		}
		if (worthless(&set[i], t_ms) > worthless(f, t_ms))
			f = &set[i];
	}
	*f = (struct flow){
		.key = key,
		.peer_isn = peer_isn,
		.t_ms = t_ms,
		.state = known ? FLOW_KEPT : 0,
	};
	return f;
}

bool flow_proven(const struct flow *f, uint32_t ack)
{
	return (f->state & FLOW_ANSWERED) && ack - (f->self_isn + 1) < FLOW_PROOF_WINDOW;
}

struct flow_end flow_end(const struct flow *f, uint32_t seq, uint32_t ack, uint64_t now_ns)
{
	return (struct flow_end){
		.asked = seq - (f->peer_isn + 1),
		.served = ack - (f->self_isn + 1),
		.age_ms = flow_age_ms(f, now_ns),
		.by_peer = !(f->state & FLOW_SELF_ENDED),
	};
}
