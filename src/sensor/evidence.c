/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/evidence.h"

#include "core/clock.h"

#include <math.h>

static const uint32_t half_life_s[EVIDENCE_SCALES] = { 10, 120, 3600, 43200 };

/* 2^(-i/8) in 1/65536. */
static const uint32_t eighth[8] = { 65536, 60097, 55109, 50535, 46341, 42495, 38968, 35734 };

#define FORGET_S 43200
#define SKETCH_FULL 32

#define HASH_SEED 0x6d696d616d6f7269ULL /* any constant: these hashes only spread bits */

static uint16_t faded(uint16_t sum, uint64_t steps)
{
	uint64_t halvings = steps / 8;

	if (halvings >= 16)
		return 0;
	return (uint16_t)(((uint64_t)(sum >> halvings) * eighth[steps % 8] + 32768) >> 16);
}

void evidence_fade(struct evidence *ev, uint64_t now_ns)
{
	if (ev->last_ns == 0) {
		ev->first_ns = now_ns;
	} else {
		for (unsigned int i = 0; i < EVIDENCE_SCALES; i++) {
			uint64_t step_ns = half_life_s[i] * NS_PER_S / 8;
			uint64_t steps = now_ns / step_ns - ev->last_ns / step_ns;

			if (steps && ev->sum[i])
				ev->sum[i] = faded(ev->sum[i], steps);
		}
		/* What a peer used an hour ago no longer speaks for it; what it tried is forgotten only
		 * after half a day of silence, so that a client that retries one dead service all day stays
		 * one contact. */
		if (now_ns > ev->last_ns + 3600 * NS_PER_S)
			ev->credit = 0;
		if (now_ns > ev->last_ns + FORGET_S * NS_PER_S) {
			ev->plain = 0;
			ev->ambient = 0;
			ev->exact = 0;
			ev->sketch = 0;
			ev->hosts = 0;
		}
	}
	ev->last_ns = now_ns;
}

static uint8_t where_of(const struct probe *p)
{
	return (uint8_t)addr_hash(p->self, HASH_SEED + p->kind);
}

static uint64_t contact_bit(const struct probe *p)
{
	return 1ULL << (addr_hash(p->self, HASH_SEED ^ ((uint64_t)p->port << 8 | p->kind)) & 63);
}

uint64_t evidence_host_bit(struct addr a)
{
	return 1ULL << (addr_hash(a, HASH_SEED) & 63);
}

bool evidence_knows(const struct evidence *ev, const struct probe *p)
{
	uint8_t where = where_of(p);

	for (unsigned int i = 0; i < ev->exact; i++)
		if (ev->port[i] == p->port && ev->where[i] == where)
			return true;
	return ev->exact == EVIDENCE_EXACT && (ev->sketch & contact_bit(p));
}

static void bump(uint8_t *counter)
{
	if (*counter < UINT8_MAX)
		++*counter;
}

void evidence_add(struct evidence *ev, const struct probe *p, uint8_t weight, bool ambient)
{
	if (ev->exact < EVIDENCE_EXACT) {
		ev->port[ev->exact] = p->port;
		ev->where[ev->exact++] = where_of(p);
	} else {
		/* Too full a sketch would know everything. Starting it anew may count a contact
		 * twice, of a peer that has dozens in vain already. */
		if (__builtin_popcountll(ev->sketch) >= SKETCH_FULL)
			ev->sketch = 0;
		ev->sketch |= contact_bit(p);
	}
	ev->hosts |= evidence_host_bit(p->self);
	bump(&ev->kind[p->kind]);
	for (unsigned int i = 0; i < FINGERPRINT_COUNT; i++)
		if (p->tools & (1 << i))
			bump(&ev->tool[i]);
	bump(ambient ? &ev->ambient : &ev->plain);
	for (unsigned int i = 0; i < EVIDENCE_SCALES; i++) {
		uint32_t sum = (uint32_t)ev->sum[i] + weight;

		ev->sum[i] = sum < UINT16_MAX ? sum : UINT16_MAX;
	}
}

void evidence_undo(struct evidence *ev, const struct probe *p, uint8_t weight, bool ambient)
{
	uint8_t *contacts = ambient ? &ev->ambient : &ev->plain;

	if (*contacts)
		--*contacts;
	if (ev->kind[p->kind])
		ev->kind[p->kind]--;
	for (unsigned int i = 0; i < EVIDENCE_SCALES; i++)
		ev->sum[i] -= ev->sum[i] < weight ? ev->sum[i] : weight;
}

void evidence_credit(struct evidence *ev)
{
	if (ev->credit < EVIDENCE_MAX_CREDIT)
		ev->credit++;
}

/* Linear counting (Whang, Vander-Zanden, Taylor 1990) over 64 bits. */
unsigned int evidence_hosts(const struct evidence *ev)
{
	unsigned int zero = 64 - (unsigned int)__builtin_popcountll(ev->hosts);

	if (zero == 64)
		return 0;
	return (unsigned int)lround(64 * log(64.0 / (zero ? zero : 1)));
}

enum probe_kind evidence_kind(const struct evidence *ev)
{
	unsigned int best = PROBE_SYN;

	for (unsigned int i = 0; i < PROBE_KINDS; i++)
		if (ev->kind[i] > ev->kind[best])
			best = i;
	return best;
}

void evidence_fold(void *into, const void *from, void *arg)
{
	struct evidence *parent = into;
	struct evidence faded_child = *(const struct evidence *)from;
	const struct evidence *child = &faded_child;
	uint32_t probes = parent->probes + child->probes;

	(void)arg;
	if (child->last_ns == 0)
		return;
	/* Both at the later of the two times. */
	if (parent->last_ns == 0 || child->first_ns < parent->first_ns)
		parent->first_ns = child->first_ns;
	if (parent->last_ns == 0)
		parent->last_ns = child->last_ns;
	else if (child->last_ns > parent->last_ns)
		evidence_fade(parent, child->last_ns);
	else
		evidence_fade(&faded_child, parent->last_ns);
	for (unsigned int i = 0; i < EVIDENCE_SCALES; i++) {
		uint32_t sum = (uint32_t)parent->sum[i] + child->sum[i];

		parent->sum[i] = sum < UINT16_MAX ? sum : UINT16_MAX;
	}
	parent->probes = probes < parent->probes ? UINT32_MAX : probes;
	parent->hosts |= child->hosts;
	parent->sketch |= child->sketch;
	for (unsigned int i = 0; i < PROBE_KINDS; i++)
		for (unsigned int n = child->kind[i]; n && parent->kind[i] < UINT8_MAX; n--)
			parent->kind[i]++;
	for (unsigned int i = 0; i < FINGERPRINT_COUNT; i++)
		for (unsigned int n = child->tool[i]; n && parent->tool[i] < UINT8_MAX; n--)
			parent->tool[i]++;
}
