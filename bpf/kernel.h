/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a BPF program needs of the kernel, without libbpf: helpers by their numbers, and maps and parameters
 * that the loader puts in (load.h).
 *
 * A map is an ld_imm64 instruction whose first half holds BPF_MARK_* and whose second its number. The compiler may copy
 * the value but not look into it; so no relocations are left to be done by anybody.
 */
#ifndef MIMAMORI_BPF_KERNEL_H
#define MIMAMORI_BPF_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>

#include "marks.h"

#define INLINE static inline __attribute__((always_inline))

#define MARKED(mark, n)                                                                      \
	({                                                                                   \
		void *_marked;                                                               \
		__asm__("%0 = %1 ll" : "=r"(_marked) : "i"((__u64)(n) << 32 | (__u64)mark)); \
		_marked;                                                                     \
	})
#define MAP(n) MARKED(MARK_MAP, n) /* for a helper */
#define VALUE(n) MARKED(MARK_VALUE, n) /* of an array of one: where it is */
#define PARAMETER(n) ((__u64)MARKED(MARK_PARAMETER, n)) /* a constant, known when it is loaded */

static void *(*map_lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*map_update)(void *map, const void *key, const void *value,
			  __u64 flags) = (void *)BPF_FUNC_map_update_elem;
static __u64 (*boot_ns)(void) = (void *)BPF_FUNC_ktime_get_boot_ns;
static __u32 (*random_u32)(void) = (void *)BPF_FUNC_get_prandom_u32;
static long (*load_bytes)(const void *skb, __u32 at, void *to,
			  __u32 len) = (void *)BPF_FUNC_skb_load_bytes;
static long (*pull_data)(struct __sk_buff *skb, __u32 len) = (void *)BPF_FUNC_skb_pull_data;
static struct bpf_sock *(*lookup_tcp)(void *ctx, struct bpf_sock_tuple *tuple, __u32 size,
				      __u64 netns, __u64 flags) = (void *)BPF_FUNC_skc_lookup_tcp;
static struct bpf_sock *(*lookup_udp)(void *ctx, struct bpf_sock_tuple *tuple, __u32 size,
				      __u64 netns, __u64 flags) = (void *)BPF_FUNC_sk_lookup_udp;
static struct bpf_tcp_sock *(*tcp_of)(struct bpf_sock *sk) = (void *)BPF_FUNC_tcp_sock;
static long (*release)(void *sk) = (void *)BPF_FUNC_sk_release;
static long (*ring_output)(void *ring, void *data, __u64 size,
			   __u64 flags) = (void *)BPF_FUNC_ringbuf_output;
static __u64 (*ring_query)(void *ring, __u64 flags) = (void *)BPF_FUNC_ringbuf_query;

#endif
