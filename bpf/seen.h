/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A packet as the program has it in hands. */
#ifndef MIMAMORI_BPF_SEEN_H
#define MIMAMORI_BPF_SEEN_H

#include "kernel.h"

#include <mimamori/look.h>
#include <mimamori/wire.h>

#define LINK ((__u32)PARAMETER(PARAMETER_LINK)) /* size of the link header */

struct seen {
	struct __sk_buff *skb;
	struct mimamori_sight sight;
	enum mimamori_what what;
	__u32 weight;
	__u8 flags;
};

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define HOST16(x) ((__u16)(x))
#define HOST32(x) ((__u32)(x))
#else
#define HOST16(x) __builtin_bswap16((__u16)(x))
#define HOST32(x) __builtin_bswap32((__u32)(x))
#endif

MIMAMORI_INLINE void mimamori_payload(void *packet, __u32 at, __u32 len, __u8 head[MIMAMORI_HEAD])
{
	struct __sk_buff *skb = packet;

	if (len > MIMAMORI_HEAD)
		len = MIMAMORI_HEAD;
	len--;
	/* The compiler knows that already; the verifier would not, of old kernels nor that it is not 0. */
	__asm__ volatile("" : "+r"(len));
	if (len < MIMAMORI_HEAD)
		load_bytes(skb, LINK + at, head, len + 1);
}

MIMAMORI_INLINE __u32 mimamori_payload_word(void *packet, __u32 at)
{
	struct __sk_buff *skb = packet;
	const __u8 *word;
	__u8 copy[4] = {};

	/* As the caller has it; the verifier would not know. */
	__asm__ volatile("" : "+r"(at));
	at &= MIMAMORI_AT_MOST;
	word = (const __u8 *)(long)skb->data + LINK + at;
	if (word + 4 <= (const __u8 *)(long)skb->data_end)
		return mimamori_be32(word);
	load_bytes(skb, LINK + at, copy, 4);
	return mimamori_be32(copy);
}

INLINE struct mimamori_shared *shared(void)
{
	return VALUE(MAP_SHARED);
}

#endif
