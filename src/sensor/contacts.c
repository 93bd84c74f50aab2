/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/contacts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Slots are numbered from 1, so that 0 ends a chain. Slot i lives at ring[i - 1]. */
struct contacts {
	uint64_t seed;
	unsigned int capacity, used, oldest; /* oldest: ring position */
	uint32_t bucket_mask;
	uint16_t *bucket;
	struct contact *ring;
};

struct contacts *contacts_new(unsigned int capacity, uint64_t seed)
{
	struct contacts *cs;
	uint32_t buckets = 16;

	if (capacity < 16 || capacity > UINT16_MAX) {
		errno = EINVAL;
		return NULL;
	}
	/* Four buckets to a contact: most lookups of a newcomer end at an empty one, without
	 * touching the ring. */
	while (buckets < 4 * capacity)
		buckets *= 2;

	cs = calloc(1, sizeof(*cs));
	if (!cs)
		return NULL;
	cs->ring = malloc(capacity * sizeof(*cs->ring));
	cs->bucket = malloc(buckets * sizeof(*cs->bucket));
	if (!cs->ring || !cs->bucket) {
		contacts_free(cs);
		errno = ENOMEM;
		return NULL;
	}
	/* Written, not merely zeroed by the kernel on demand: no page is added later. */
	memset(cs->ring, 0, capacity * sizeof(*cs->ring));
	memset(cs->bucket, 0, buckets * sizeof(*cs->bucket));
	cs->capacity = capacity;
	cs->bucket_mask = buckets - 1;
	cs->seed = seed;
	return cs;
}

void contacts_free(struct contacts *cs)
{
	if (!cs)
		return;
	free(cs->ring);
	free(cs->bucket);
	free(cs);
}

static uint16_t *bucket_of(struct contacts *cs, struct addr peer, struct addr self, uint8_t proto,
			   uint16_t port)
{
	uint64_t salt = cs->seed ^ (uint64_t)port << 8 ^ proto ^ self.lo * 0x9e3779b97f4a7c15ULL ^
			self.hi;

	return &cs->bucket[addr_hash(peer, salt) & cs->bucket_mask];
}

static bool matches(const struct contact *c, struct addr peer, struct addr self, uint8_t proto,
		    uint16_t port)
{
	return c->probe.port == port && c->proto == proto && addr_eq(c->probe.peer, peer) &&
	       addr_eq(c->probe.self, self);
}

struct contact *contacts_find(struct contacts *cs, struct addr peer, struct addr self,
			      enum contact_proto proto, uint16_t port)
{
	uint16_t slot = *bucket_of(cs, peer, self, proto, port);

	while (slot) {
		struct contact *c = &cs->ring[slot - 1];

		if (matches(c, peer, self, proto, port))
			return c;
		slot = c->chain;
	}
	return NULL;
}

struct contact *contacts_find_kind(struct contacts *cs, struct addr peer, struct addr self,
				   enum contact_proto proto, uint16_t port, uint8_t kind)
{
	uint16_t slot = *bucket_of(cs, peer, self, proto, port);

	while (slot) {
		struct contact *c = &cs->ring[slot - 1];

		if (c->probe.kind == kind && matches(c, peer, self, proto, port))
			return c;
		slot = c->chain;
	}
	return NULL;
}

bool contacts_full(const struct contacts *cs)
{
	return cs->used == cs->capacity;
}

struct contact *contacts_oldest(struct contacts *cs)
{
	return cs->used ? &cs->ring[cs->oldest] : NULL;
}

struct contact *contacts_oldest_due(struct contacts *cs, uint64_t now_ns, uint64_t wait_ns)
{
	struct contact *c = contacts_oldest(cs);

	if (!c || (!contacts_full(cs) && c->t_ns + wait_ns > now_ns))
		return NULL;
	return c;
}

void contacts_drop_oldest(struct contacts *cs)
{
	struct contact *c = &cs->ring[cs->oldest];
	uint16_t slot = cs->oldest + 1;
	uint16_t *link = bucket_of(cs, c->probe.peer, c->probe.self, c->proto, c->probe.port);

	assert(cs->used);
	while (*link != slot)
		link = &cs->ring[*link - 1].chain;
	*link = c->chain;
	cs->used--;
	cs->oldest = (cs->oldest + 1) % cs->capacity;
}

struct contact *contacts_renew_oldest(struct contacts *cs, uint64_t t_ns)
{
	struct contact old = cs->ring[cs->oldest], *c;

	contacts_drop_oldest(cs);
	c = contacts_add(cs, &old.probe, old.proto, t_ns);
	c->isn = old.isn;
	c->node = old.node;
	c->weight = old.weight;
	c->answered = old.answered;
	c->unlisted = old.unlisted;
	return c;
}

struct contact *contacts_add(struct contacts *cs, const struct probe *probe,
			     enum contact_proto proto, uint64_t t_ns)
{
	unsigned int at = (cs->oldest + cs->used) % cs->capacity;
	uint16_t *bucket = bucket_of(cs, probe->peer, probe->self, proto, probe->port);
	struct contact *c = &cs->ring[at];

	assert(!contacts_full(cs));
	*c = (struct contact){
		.probe = *probe,
		.t_ns = t_ns,
		.proto = proto,
		.chain = *bucket,
	};
	*bucket = at + 1;
	cs->used++;
	return c;
}
