/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The contract between what watches inside the kernel and the sensor: fixed width, versioned, sizes asserted.
 *
 * The kernel's side sends struct mimamori_record through a ring, one for each packet that may matter, with the
 * packet's first bytes: there is one parser of packets, the sensor's (packet.h). Both sides share one struct
 * mimamori_shared: the sensor writes what to look for, the kernel counts. Neither trusts the other's values: an
 * index is bounded before use.
 *
 * Integers are the machine's own but where they are said to be the network's. Stands alone: for BPF, for a kernel module, for user space.
 */
#ifndef MIMAMORI_WIRE_H
#define MIMAMORI_WIRE_H

#include <linux/types.h>

#define MIMAMORI_WIRE_VERSION 1
#define MIMAMORI_SNAPLEN 136 /* bytes of a packet, from its network header, in a record at most */
#define MIMAMORI_WORD_BITS 7 /* beginnings of payloads are kept in 2^7 slots */
#define MIMAMORI_PORTS 65536

/* struct mimamori_record's flags */
#define MIMAMORI_OUT 1 /* sent by this host */
#define MIMAMORI_BULK 2 /* a sample of what is only counted */
#define MIMAMORI_GROUP 4 /* it came to a broadcast or multicast link address */
#define MIMAMORI_UNSOLICITED 8 /* bulk: nobody here has a socket that takes it */

struct mimamori_record {
	__u64 boot_ns; /* CLOCK_BOOTTIME */
	__u32 ifindex;
	__u32 link; /* packet_link() of the sender's Ethernet address, 0: none */
	__u32 stands_for; /* packets: itself, and those that were held back for it */
	__u32 wire_len; /* bytes at the network header */
	__u16 ethertype; /* host order */
	__u16 captured; /* bytes that follow */
	__u8 flags;
	__u8 unused[3];
	__u8 bytes[]; /* from the network header on */
};

/* The first word of a payload, and another at `at` unless 0: 4, 8, 10 or 14. Host order. */
struct mimamori_word {
	__u32 first, at, then;
};

/* A set of them; the salt is such that no two meet in a slot. */
struct mimamori_words {
	__u64 first[4]; /* a bit for each byte that one begins with */
	__u32 salt, unused;
	struct mimamori_word word[1 << MIMAMORI_WORD_BITS];
};

/* Where an entry stands. */
static inline __u32 mimamori_word_slot(__u32 salt, __u32 first, __u32 at, __u32 then)
{
	return (first ^ (then + at) * 0x9e3779b1U) * salt >> (32 - MIMAMORI_WORD_BITS);
}

/* What is counted in the kernel, by the kind of packet. */
enum mimamori_kind {
	MIMAMORI_SYN,
	MIMAMORI_SYN_ACK,
	MIMAMORI_RST,
	MIMAMORI_TCP, /* all other TCP that is looked at */
	MIMAMORI_UDP,
	MIMAMORI_ICMP,
	MIMAMORI_OTHER,
	MIMAMORI_KINDS,
};

/* struct mimamori_shared's asleep: the sensor comes back by itself, and is woken only when the ring fills up; it
 * sleeps, and is to be woken; it was. */
#define MIMAMORI_AWAKE 0
#define MIMAMORI_ASLEEP 1
#define MIMAMORI_WOKEN 2

/* struct mimamori_shared's options */
#define MIMAMORI_GATEWAY 1 /* what is forwarded is watched, too */
#define MIMAMORI_TAGGED 2 /* frames with a VLAN tag are looked at */

/* What this host says is a shell's prompt if it is so long and ends so: login.h. */
#define MIMAMORI_PROMPT_LEAST 2
#define MIMAMORI_PROMPT_MOST 48
#define MIMAMORI_PROMPT_USER 0x2420 /* "$ " */
#define MIMAMORI_PROMPT_ROOT 0x2320 /* "# " */
#define MIMAMORI_PROMPT_ASKS 0x366e /* the end of "where is the cursor?" */

/* One page-aligned mapping for both sides. */
struct mimamori_shared {
	/* Written by the sensor. */
	__u32 version; /* 0: nothing is looked at yet */
	__u32 options;
	__u32 ephemeral_first; /* UDP from this port up is bulk */
	__u32 bulk_mask; /* one bulk packet in bulk_mask + 1, a power of two, is looked at; ~0: none */
	__u32 sample_v4,
		sample_v6; /* link sweeps: addresses' last byte modulo 8; 8: not looked for */
	__u32 wake_bytes; /* so much waits in the ring at the most before the sensor is woken */
	__u32 salt; /* random: of hashes that nobody outside may guess */
	__u32 bulk_left; /* the kernel's: bulk packets until the next one that is looked at */
	__u32 begun; /* the kernel's: connections that began and have not ended; the sensor clears it */
	struct mimamori_words words_in; /* of what comes in, short and plain */
	struct mimamori_words words_out; /* of what login ports send */
	__u64 udp_open[MIMAMORI_PORTS / 64]; /* a bit a port: served */
	__u64 login_port[MIMAMORI_PORTS / 64]; /* a bit a port: a login service in clear text */
	__u64 shaped_login[MIMAMORI_PORTS /
			   64]; /* a bit a port: logins that only connections' shapes tell of */
	/* Written by both. */
	__u32 asleep; /* MIMAMORI_AWAKE and the like */
	__u32 pressure; /* what waits weighs so much; the sensor clears it */
	/* Written by the kernel. Lossy: processors do not wait for each other. */
	__u64 looked[MIMAMORI_KINDS]; /* packets that could matter */
	__u64 held_back[MIMAMORI_KINDS]; /* of them: others stand for them */
	__u64 lost; /* records for which the ring had no room */
	__u64 woken;
};

_Static_assert(sizeof(struct mimamori_record) == 32, "the same on every machine");
_Static_assert(sizeof(struct mimamori_word) == 12, "the same on every machine");
_Static_assert(sizeof(struct mimamori_words) == 1576, "the same on every machine");
_Static_assert(__builtin_offsetof(struct mimamori_shared, udp_open) == 40 + 2 * 1576,
	       "the same on every machine");
_Static_assert(sizeof(struct mimamori_shared) ==
		       40 + 2 * 1576 + 3 * 8192 + 8 + 16 * MIMAMORI_KINDS + 16,
	       "the same on every machine");

#endif
