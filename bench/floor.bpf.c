/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What bench/bpf.py measures the sensor's program against: one that does nothing, and one that does the least that
 * counting SYNs takes: it finds the header, counts per source in an LRU hash, and looks the listener up.
 */
#include "../bpf/kernel.h"

#define SYN_OF_ALL 0x17
#define SYN 0x02

__attribute__((section("empty"), used)) int do_nothing(struct __sk_buff *skb)
{
	(void)skb;
	return -1;
}

INLINE void count(struct __sk_buff *skb, const void *address, __u32 len, struct bpf_sock_tuple *t,
		  __u32 tuple_len)
{
	__u64 key[2] = {}, one = 1, *seen;
	struct bpf_sock *sk;

	__builtin_memcpy(key, address, len);
	seen = map_lookup(MAP(0), key);
	if (seen)
		++*seen;
	else
		map_update(MAP(0), key, &one, BPF_ANY);
	sk = lookup_tcp(skb, t, tuple_len, (__u64)-1, 0);
	if (sk)
		release(sk);
}

__attribute__((section("floor"), used)) int count_syns(struct __sk_buff *skb)
{
	const __u8 *h = (const __u8 *)(long)skb->data + 14,
		   *end = (const __u8 *)(long)skb->data_end;
	struct bpf_sock_tuple t = {};

	if (skb->protocol == __builtin_bswap16(0x0800)) {
		if (h + 40 > end || h[9] != 6 || (h[33] & SYN_OF_ALL) != SYN)
			return -1;
		__builtin_memcpy(&t.ipv4.saddr, h + 12, 12);
		count(skb, h + 12, 4, &t, sizeof(t.ipv4));
	} else if (skb->protocol == __builtin_bswap16(0x86dd)) {
		if (h + 60 > end || h[6] != 6 || (h[53] & SYN_OF_ALL) != SYN)
			return -1;
		__builtin_memcpy(t.ipv6.saddr, h + 8, 36);
		count(skb, h + 8, 16, &t, sizeof(t.ipv6));
	}
	return -1;
}
