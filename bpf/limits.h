/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which packets that matter become records, and for how many each stands.
 *
 * Theory of operation
 * -------------------
 * Token buckets. A peer that comes again has one of its own; one that comes for the first time shares that
 * of its class, the looks of its packet (TTL, window, kind): a flood of forged addresses is of a few classes, and leaves those
 * of others alone. Above both stand that of the peer's prefix, in an array where a hash decides and strangers
 * may meet, and that of all: one of those who come for the first time, one of those who come again, one of those who have
 * finished a handshake, so that a flood of one sort takes nothing from others. Newcomers push out newcomers; who has
 * finished a handshake is known, and kept apart. Looks that nobody has had for a while (RARE_TICKS) pass whatever all of
 * them have spent: somebody who asks now and then is seen through a flood of forged addresses.
 *
 * A bucket that runs dry is thinned: of its flows one in 2^shift passes from then on, chosen by a salted hash of
 * the flow's ends. So an opening and its end pass both or neither, and each stands for itself and for what was held
 * back, 2^shift on average and never more than there was: rates, and what one packet explains of another, stay right. Full again, it is thinned less; after a second
 * without a record not at all. A flood can be one flow, and the hash may be against it: so a bucket counts what it has
 * held back beyond what records stand for, and when that is more than chance explains, the next packet
 * passes and stands for all of it.
 *
 * Processors do not wait for each other: a count may be lost.
 */
#ifndef MIMAMORI_BPF_LIMITS_H
#define MIMAMORI_BPF_LIMITS_H

#include "kernel.h"
#include "limits-size.h"

#define TOKEN 1024 /* parts of one */
#define TICK_SHIFT 20 /* nanoseconds to ticks of about a millisecond */
#define PER_TICK(per_second) ((per_second)*1024ULL * 1048576 / 1000000000)

/* Records a second, and at once: a fast scan of some thousand ports, with decoys, passes whole. */
#define OWN_RATE 2000
#define OWN_BURST 8192
#define PREFIX_RATE 4000
#define PREFIX_BURST 16384
#define ALL_RATE 4000
#define ALL_BURST 16384
#define RARE_TICKS 64 /* at most one record of each class in so long: 4000 a second */
#define SHIFT_MOST 16
#define SECOND 1024 /* ticks */
/* What is held back falls by an eighth more than chance has it; by chance, this many times 2^shift pile up once in
 * e to the 32nd. */
#define HELD_MOST 128
#define HELD_DRIFT 3

struct bucket {
	__u32 tick, spent; /* of its latest record; parts of tokens that are missing */
	__u32 held; /* packets that no record stands for */
	__u16 shift;
	__u16 owed; /* of a peer: answers to openings that passed */
};

struct limits {
	struct bucket prefix[PREFIX_BUCKETS], class[CLASS_BUCKETS], all[ALL_BUCKETS];
};

/* The first three bytes of an IPv4 address at the end of a key, as lo has them. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define HOST_PREFIX 0xffffffffffffff00ULL
#else
#define HOST_PREFIX 0x00ffffffffffffffULL
#endif

struct key {
	__u64 hi, lo; /* the bytes of an IPv6 address; of IPv4 ::ffff:a.b.c.d */
};

_Static_assert(sizeof(struct limits) == LIMITS_BYTES, "as the loader has it");
_Static_assert(sizeof(struct bucket) == PEER_BYTES && sizeof(struct key) == KEY_BYTES,
	       "as the loader has it");

/* How thin it is now. */
INLINE __u32 thinned(struct bucket *b, __u32 tick)
{
	if (b->shift && tick - b->tick >= SECOND)
		b->shift = 0;
	return b->shift & 31;
}

/* A record passes. Of a bucket of zeros all tokens are there. */
INLINE void charge(struct bucket *b, __u32 tick, __u32 per_tick, __u32 burst)
{
	__u64 back = (__u64)(tick - b->tick) * per_tick;
	__u32 spent = b->spent;

	spent = back >= spent ? 0 : spent - (__u32)back;
	if (!spent && b->shift) {
		b->shift--;
		spent = burst * TOKEN / 2;
	}
	spent += TOKEN;
	if (spent > burst * TOKEN) {
		spent -= burst * TOKEN / 4;
		if (b->shift < SHIFT_MOST)
			b->shift++;
	}
	b->tick = tick;
	b->spent = spent;
}

INLINE int chosen(__u32 chance, __u32 shift)
{
	return !(chance & ((1U << shift) - 1));
}

/* For how many packets this one stands; 0: it is held back. What passes stands for itself and for what was held back:
 * never for more than there was. */
INLINE __u32 stand_for(struct bucket *b, __u32 chance, __u32 shift)
{
	__u32 most = 1U << shift, held = b->held;

	if (chosen(chance, shift)) {
		most += (most >> HELD_DRIFT) - 1;
		if (held < most)
			most = held;
		if (held)
			b->held = held - most;
		return 1 + most;
	}
	held++;
	if (held < (__u32)HELD_MOST << shift) {
		b->held = held;
		return 0;
	}
	b->held = 0;
	return held;
}

INLINE __u32 hash(__u64 a, __u64 b)
{
	__u64 h = (a ^ b * 0x9e3779b97f4a7c15ULL) * 0xd6e8feb86659fd93ULL;

	/* A bit of a product knows only those below it: once more, or the low bits of the result know little. */
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ULL;
	return (__u32)(h >> 32);
}

#endif
