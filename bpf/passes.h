/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which packets become records, by the buckets of limits.h. */
#ifndef MIMAMORI_BPF_PASSES_H
#define MIMAMORI_BPF_PASSES_H

#include "limits.h"
#include "seen.h"

/* The other side. 0 when its address is not in reach. */
INLINE int peer_of(const struct seen *s, struct key *k)
{
	const struct mimamori_sight *p = &s->sight;
	const __u8 *h = p->net;

	if (p->ethertype == 0x86dd) {
		if (h + 40 > p->end)
			return 0;
		__builtin_memcpy(k, h + (p->out ? 24 : 8), 16);
		return 1;
	}
	if (h + 28 > p->end && (p->ethertype == 0x0806 || h + 20 > p->end))
		return 0;
	k->hi = 0;
	k->lo = 0;
	__builtin_memcpy((char *)k + 12, h + (p->ethertype == 0x0806 ? 14 : p->out ? 16 : 12), 4);
	((__u8 *)k)[10] = ((__u8 *)k)[11] = 0xff;
	return 1;
}

/* Does this host answer what somebody asked? */
INLINE int answers(const struct mimamori_sight *p)
{
	return p->out && (p->kind == MIMAMORI_SYN_ACK || p->kind == MIMAMORI_ICMP || p->refusal);
}

INLINE __u32 class_of(const struct mimamori_sight *p)
{
	__u8 ttl = 0;

	if (p->ethertype == 0x0800 && p->net + 20 <= p->end)
		ttl = p->net[8];
	else if (p->ethertype == 0x86dd && p->net + 40 <= p->end)
		ttl = p->net[7];
	return hash((__u64)p->window << 48 | (__u64)(p->len & 0xffff) << 32 |
			    (__u64)p->flags << 24 | (__u64)ttl << 16 | (__u64)p->kind << 8 | p->out,
		    shared()->salt) %
	       CLASS_BUCKETS;
}

/* Equal for both ways of a flow. Of what has none, and of samples, each packet has its own. */
INLINE __u32 chance_of(const struct seen *s, const struct key *k, int bulk)
{
	const struct mimamori_sight *p = &s->sight;
	__u32 ends = p->out ? (__u32)p->dport << 16 | p->sport : (__u32)p->sport << 16 | p->dport;

	if (bulk || !p->whole)
		return random_u32();
	return hash(k->hi ^ k->lo, (__u64)ends << 32 | shared()->salt);
}

INLINE struct bucket *prefix_of(const struct key *k)
{
	struct limits *l = VALUE(MAP_LIMITS);
	__u64 network = k->hi ? k->hi : k->lo & HOST_PREFIX;

	return &l->prefix[hash(network, shared()->salt) % PREFIX_BUCKETS];
}

/* Whose bucket of all. */
enum all { ALL_NEW, ALL_AGAIN, ALL_KNOWN };

INLINE struct bucket *all_of(enum all who)
{
	struct limits *l = VALUE(MAP_LIMITS);

	return &l->all[who];
}

/* By which of the three this packet is held back, if it is; else the thinnest. */
INLINE __u32 shift_for(struct bucket *own, struct bucket *prefix, enum all who, __u32 chance,
		       __u32 tick)
{
	__u32 shift = thinned(own, tick), other;

	if (chosen(chance, shift) && (who != ALL_NEW || tick - own->tick < RARE_TICKS)) {
		other = thinned(prefix, tick);
		shift = other > shift ? other : shift;
		other = thinned(all_of(who), tick);
		shift = other > shift ? other : shift;
	}
	return shift;
}

INLINE void charge_all(enum all who, __u32 tick)
{
	charge(all_of(who), tick, PER_TICK(ALL_RATE), ALL_BURST);
}

/* For how many packets this one stands, 0: it is held back. own: of its peer or class. */
INLINE __u32 passes_by(struct bucket *own, const struct key *k, enum all who, __u32 chance,
		       __u32 tick)
{
	struct bucket *prefix = prefix_of(k);
	__u32 n = stand_for(own, chance, shift_for(own, prefix, who, chance, tick));

	if (n) {
		charge(own, tick, PER_TICK(OWN_RATE), OWN_BURST);
		charge(prefix, tick, PER_TICK(PREFIX_RATE), PREFIX_BURST);
		charge_all(who, tick);
	}
	return n;
}

INLINE __u32 passes_peer(struct bucket *peer, const struct key *k, enum all who,
			 const struct seen *s, __u32 tick)
{
	__u32 n, chance = chance_of(s, k, 0);

	/* A refusal of what is bulk is the only one to tell of it: it speaks for itself. */
	if (answers(&s->sight) && (peer->owed || s->sight.kind != MIMAMORI_ICMP)) {
		if (!peer->owed)
			return 0;
		/* Owed to another flow. */
		if (s->sight.protocol == 6 &&
		    !chosen(chance, shift_for(peer, prefix_of(k), who, chance, tick)))
			return 0;
		peer->owed--;
		/* Of most it is the answer to the first packet. */
		charge_all(who == ALL_KNOWN ? ALL_KNOWN : ALL_NEW, tick);
		return 1;
	}
	n = passes_by(peer, k, who, chance, tick);
	if (n && !answers(&s->sight))
		peer->owed++;
	return n;
}

/* This host's own good-bye: the handshake was finished, so the address is no forged one. */
INLINE int proves(const struct mimamori_sight *p)
{
	return p->out && p->kind == MIMAMORI_TCP && (p->flags & MIMAMORI_FIN);
}

/* As passes_by(), of any packet. */
INLINE __u32 passes(const struct seen *s, __u64 now, int bulk)
{
	__u32 tick = (__u32)(now >> TICK_SHIFT), n;
	struct limits *l = VALUE(MAP_LIMITS);
	struct bucket *class = &l->class[class_of(&s->sight)], *peer, fresh = {};
	enum all who = ALL_KNOWN;
	struct key k;

	if (!peer_of(s, &k))
		return 0;
	if (bulk)
		return passes_by(class, &k, ALL_NEW, chance_of(s, &k, 1), tick);
	peer = map_lookup(MAP(MAP_KNOWN), &k);
	if (!peer) {
		who = ALL_AGAIN;
		peer = map_lookup(MAP(MAP_NEWCOMERS), &k);
		if (proves(&s->sight))
			map_update(MAP(MAP_KNOWN), &k, peer ? peer : &fresh, BPF_NOEXIST);
	}
	if (peer)
		return passes_peer(peer, &k, who, s, tick);
	n = passes_by(class, &k, ALL_NEW, chance_of(s, &k, 0), tick);
	/* Who is held back for the looks of a flood pushes nobody out. */
	if ((n || !class->shift) && !answers(&s->sight)) {
		fresh.tick = tick;
		fresh.owed = n != 0;
		map_update(MAP(MAP_NEWCOMERS), &k, &fresh, BPF_ANY);
	}
	return n;
}

#endif
