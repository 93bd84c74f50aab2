/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which packets matter: what filter.h has the packet socket let through, as a function for where code can be
 * compiled (BPF, a kernel module). Pure: no state but what wire.h shares, no calls but the includer's
  * mimamori_payload().
 *
 * Theory of operation
 * -------------------
 * Only headers at their usual places are read: at once behind IPv4's options or IPv6's fixed header. A chain of
 * extension headers passes whole, for user space to follow; so do the first pieces of a TCP header.
 * All offsets are bounded by constants, and each read by the end of what is there, so that a verifier sees it.
 */
#ifndef MIMAMORI_LOOK_H
#define MIMAMORI_LOOK_H

#include <linux/types.h>
#include <mimamori/wire.h>

#define MIMAMORI_INLINE static inline __attribute__((always_inline))

enum mimamori_what {
	MIMAMORI_NOTHING,
	MIMAMORI_SHORT, /* the headers are not all in reach */
	MIMAMORI_BULK_SEEN, /* of use only to be counted */
	MIMAMORI_PASSES,
	MIMAMORI_DATA_ASKS, /* plain data: begins like a question of service detection */
	MIMAMORI_DATA_KEYS, /* ssh's NEWKEYS */
	MIMAMORI_DATA_LOGIN, /* sent: a login service's words in clear text */
};

/* enum packet type of skbs, <linux/if_packet.h> */
#define MIMAMORI_TO_HOST 0
#define MIMAMORI_BROADCAST 1
#define MIMAMORI_MULTICAST 2

#define MIMAMORI_FIN 0x01
#define MIMAMORI_SYN_FLAG 0x02
#define MIMAMORI_RST_FLAG 0x04
#define MIMAMORI_ACK 0x10
#define MIMAMORI_OPENING_FLAGS 0x17 /* FIN, SYN, RST, ACK: see packet_is_plain_data() */

struct mimamori_sight {
	const __u8 *net, *end; /* the packet from its network header on, as much as is in reach */
	__u32 len; /* of the whole, from the network header on */
	__u32 to; /* MIMAMORI_TO_HOST and the like; of what is sent it does not matter */
	__u16 ethertype;
	__u8 out;
	/* Filled in: */
	__u8 kind; /* enum mimamori_kind */
	__u8 protocol; /* IP's */
	__u8 flags; /* TCP's; else ICMP's type */
	__u8 refusal; /* a RST that only says that nothing listens */
	__u8 whole; /* ports and flags are known */
	__u16 sport, dport, window;
	__u16 transport_len; /* with its header, by the lengths that IP gives */
};

MIMAMORI_INLINE __u16 mimamori_be16(const __u8 *p)
{
	return (__u16)(p[0] << 8 | p[1]);
}

MIMAMORI_INLINE int mimamori_bit(const __u64 *set, __u16 i)
{
	__u64 word = i >> 6;

	/* The compiler knows that it is no more; the verifier of old kernels would not. */
	__asm__ volatile("" : "+r"(word));
	return set[word & 0x3ff] >> (i & 63) & 1;
}

MIMAMORI_INLINE void mimamori_set_bit(__u64 *set, __u16 i)
{
	__u64 word = i >> 6;

	__asm__ volatile("" : "+r"(word));
	set[word & 0x3ff] |= 1ULL << (i & 63);
}

/* As much as MIMAMORI_HEAD bytes of the packet, from this offset of its network header on; the rest stays as it is. */
#define MIMAMORI_HEAD 20
MIMAMORI_INLINE void mimamori_payload(void *packet, __u32 at, __u32 len, __u8 head[MIMAMORI_HEAD]);
/* Four bytes there, which the packet has. */
#define MIMAMORI_AT_MOST 127
MIMAMORI_INLINE __u32 mimamori_payload_word(void *packet, __u32 at);

MIMAMORI_INLINE __u32 mimamori_be32(const __u8 *p)
{
	return (__u32)p[0] << 24 | (__u32)p[1] << 16 | (__u32)p[2] << 8 | p[3];
}

MIMAMORI_INLINE int mimamori_word_is(const struct mimamori_words *words, __u32 first, __u32 at,
				     __u32 then)
{
	const struct mimamori_word *w =
		&words->word[mimamori_word_slot(words->salt, first, at, then)];

	return w->first == first && w->at == at && w->then == then;
}

/* Could a payload with this first byte? */
MIMAMORI_INLINE int mimamori_word_may_match(const struct mimamori_words *words, __u32 first)
{
	return words->first[first >> 30] >> (first >> 24 & 63) & 1;
}

/* Does a payload begin so? The places of the second word: wire.h. */
MIMAMORI_INLINE int mimamori_word_matches(const struct mimamori_words *words, const __u8 *head,
					  __u32 first)
{
	/* 0 is a free slot, and no word. */
	if (!first)
		return 0;
	return mimamori_word_is(words, first, 0, 0) |
	       mimamori_word_is(words, first, 4, mimamori_be32(head + 4)) |
	       mimamori_word_is(words, first, 8, mimamori_be32(head + 8)) |
	       mimamori_word_is(words, first, 10, mimamori_be32(head + 10)) |
	       mimamori_word_is(words, first, 14, mimamori_be32(head + 14));
}

/* Headers at their largest, and a question behind them: as filter-questions.c. */
#define MIMAMORI_ASKED_V4 376
#define MIMAMORI_ASKED_V6 (40 + 316)

#define MIMAMORI_KEYS 0x0000000c /* the length of ssh's NEWKEYS: login.h */

MIMAMORI_INLINE enum mimamori_what mimamori_look_prompt(void *packet, __u32 at, __u32 len)
{
	__u8 head[MIMAMORI_HEAD] = { 0 };
	__u32 end;

	if (len < at + MIMAMORI_PROMPT_LEAST || len > at + MIMAMORI_PROMPT_MOST)
		return MIMAMORI_NOTHING;
	mimamori_payload(packet, len - 2, 2, head);
	end = (__u32)head[0] << 8 | head[1];
	return end == MIMAMORI_PROMPT_USER || end == MIMAMORI_PROMPT_ROOT ||
			       end == MIMAMORI_PROMPT_ASKS ?
		       MIMAMORI_DATA_LOGIN :
		       MIMAMORI_NOTHING;
}

/* Plain data, at `at` of a packet of `len` bytes. own_port: this host's. */
MIMAMORI_INLINE enum mimamori_what mimamori_look_data(const struct mimamori_shared *sh,
						      void *packet, __u32 at, __u32 len, __u32 most,
						      int out, __u16 own_port)
{
	const struct mimamori_words *words = out ? &sh->words_out : &sh->words_in;
	__u8 head[MIMAMORI_HEAD] = { 0 };
	__u32 first;

	if (out) {
		if (!mimamori_bit(sh->login_port, own_port))
			return MIMAMORI_NOTHING;
		if (len < at + 4)
			return mimamori_look_prompt(packet, at, len);
	} else if (len > most || len < at + 4) {
		return MIMAMORI_BULK_SEEN;
	}
	first = mimamori_payload_word(packet, at);
	if (!mimamori_word_may_match(words, first) && (out || first != MIMAMORI_KEYS))
		return out ? mimamori_look_prompt(packet, at, len) : MIMAMORI_BULK_SEEN;
	mimamori_payload(packet, at, len - at, head);
	if (mimamori_word_matches(words, head, first))
		return out ? MIMAMORI_DATA_LOGIN : MIMAMORI_DATA_ASKS;
	if (out)
		return mimamori_look_prompt(packet, at, len);
	return first == MIMAMORI_KEYS && head[4] == 0x0a && head[5] == 0x15 ? MIMAMORI_DATA_KEYS :
									      MIMAMORI_BULK_SEEN;
}

/*
 * Nearly all packets, by the fewest steps: TCP data and bare acknowledgements without anything odd. As
 * mimamori_look() has it; MIMAMORI_SHORT: that has to look. `to` and `out` as in struct mimamori_sight.
 */
MIMAMORI_INLINE enum mimamori_what mimamori_look_plain(const struct mimamori_shared *sh,
						       const __u8 *net, const __u8 *end, __u32 len,
						       __u16 ethertype, __u32 to, int out,
						       void *packet)
{
	__u32 ip = 20, most = MIMAMORI_ASKED_V4;
	const __u8 *tcp = net + 20;

	if (net + 40 > end)
		return MIMAMORI_SHORT;
	if (ethertype == 0x0800) {
		if (net[0] != 0x45 || net[9] != 6 || (net[6] & 0x3f) | net[7])
			return MIMAMORI_SHORT;
	} else if (ethertype == 0x86dd) {
		if (net[6] != 6 || net + 60 > end)
			return MIMAMORI_SHORT;
		tcp = net + 40;
		ip = 40;
		most = MIMAMORI_ASKED_V6;
	} else {
		return MIMAMORI_SHORT;
	}
	if ((tcp[13] & MIMAMORI_OPENING_FLAGS) != MIMAMORI_ACK || (!out && to != MIMAMORI_TO_HOST))
		return MIMAMORI_SHORT;
	return mimamori_look_data(sh, packet, ip + (__u32)(tcp[12] >> 4) * 4, len, most, out,
				  mimamori_be16(tcp));
}

MIMAMORI_INLINE enum mimamori_what mimamori_look_tcp(const struct mimamori_shared *sh,
						     struct mimamori_sight *s, void *packet,
						     __u32 at)
{
	const __u8 *h = s->net + at;
	__u8 flags;

	if (h + 20 > s->end)
		return MIMAMORI_SHORT;
	s->kind = MIMAMORI_TCP;
	s->whole = 1;
	s->sport = mimamori_be16(h);
	s->dport = mimamori_be16(h + 2);
	s->window = mimamori_be16(h + 14);
	s->flags = h[13];
	flags = s->flags & MIMAMORI_OPENING_FLAGS;
	if (flags == MIMAMORI_ACK)
		return mimamori_look_data(sh, packet, at + (__u32)(h[12] >> 4) * 4, s->len,
					  s->ethertype == 0x86dd ? MIMAMORI_ASKED_V6 :
								   MIMAMORI_ASKED_V4,
					  s->out, s->sport);
	if (flags & MIMAMORI_RST_FLAG) {
		s->kind = MIMAMORI_RST;
		/* RFC 9293 §3.10.7.1 */
		s->refusal = flags == (MIMAMORI_RST_FLAG | MIMAMORI_ACK) &&
			     !(h[4] | h[5] | h[6] | h[7]);
	} else if (flags & MIMAMORI_SYN_FLAG) {
		s->kind = flags & MIMAMORI_ACK ? MIMAMORI_SYN_ACK : MIMAMORI_SYN;
	}
	return MIMAMORI_PASSES;
}

MIMAMORI_INLINE enum mimamori_what mimamori_look_udp(const struct mimamori_shared *sh,
						     struct mimamori_sight *s, __u32 at)
{
	const __u8 *h = s->net + at;
	__u16 port;

	if (h + 8 > s->end)
		return MIMAMORI_SHORT;
	s->kind = MIMAMORI_UDP;
	s->whole = 1;
	s->sport = mimamori_be16(h);
	s->dport = mimamori_be16(h + 2);
	/* The one on this side: asked for, or answering without a socket of its own, published by DNAT. */
	port = s->out ? s->sport : s->dport;
	return port >= sh->ephemeral_first || mimamori_bit(sh->udp_open, port) ?
		       MIMAMORI_BULK_SEEN :
		       MIMAMORI_PASSES;
}

/* RFC 9260 §3: the first chunk's type follows the common header. */
MIMAMORI_INLINE enum mimamori_what mimamori_look_sctp(struct mimamori_sight *s, __u32 at)
{
	const __u8 *h = s->net + at;

	if (h + 13 > s->end)
		return MIMAMORI_SHORT;
	return h[12] == 1 || h[12] == 2 || h[12] == 6 || h[12] == 10 ? MIMAMORI_PASSES :
	       s->out						     ? MIMAMORI_NOTHING :
								       MIMAMORI_BULK_SEEN;
}

/* Ranges of packet_unspoken(). */
MIMAMORI_INLINE enum mimamori_what mimamori_look_unspoken(struct mimamori_sight *s)
{
	__u8 p = s->protocol;

	if ((p >= 7 && p <= 16) || (p >= 18 && p <= 40) || (p >= 61 && p <= 87) ||
	    (p >= 116 && p <= 131) || p >= 146)
		return MIMAMORI_PASSES;
	return s->out ? MIMAMORI_NOTHING : MIMAMORI_BULK_SEEN;
}

/* RFC 792; address mask: RFC 950. */
MIMAMORI_INLINE enum mimamori_what mimamori_look_icmp(const struct mimamori_shared *sh,
						      struct mimamori_sight *s, __u32 at)
{
	int gateway = sh->options & MIMAMORI_GATEWAY;
	const __u8 *h = s->net + at;

	if (h + 8 > s->end)
		return MIMAMORI_SHORT;
	s->kind = MIMAMORI_ICMP;
	s->flags = h[0];
	if (s->out)
		return h[0] == 3 ? MIMAMORI_PASSES : MIMAMORI_NOTHING;
	if (h[0] == 8)
		return gateway || mimamori_be16(h + 6) <= 1 || s->transport_len == 8 ?
			       MIMAMORI_PASSES :
			       MIMAMORI_BULK_SEEN;
	if (h[0] == 13 || h[0] == 15 || h[0] == 17 || (h[0] == 3 && gateway))
		return MIMAMORI_PASSES;
	return MIMAMORI_BULK_SEEN;
}

/* RFC 4443; node information: RFC 4620; neighbour solicitations: RFC 4861 §4.3. */
MIMAMORI_INLINE enum mimamori_what mimamori_look_icmp6(const struct mimamori_shared *sh,
						       struct mimamori_sight *s)
{
	int gateway = sh->options & MIMAMORI_GATEWAY;
	const __u8 *h = s->net + 40;

	if (h + 8 > s->end)
		return MIMAMORI_SHORT;
	s->kind = MIMAMORI_ICMP;
	s->flags = h[0];
	if (s->out)
		return h[0] == 1 || h[0] == 4 ? MIMAMORI_PASSES : MIMAMORI_NOTHING;
	if (s->to == MIMAMORI_MULTICAST) {
		if (h + 24 > s->end)
			return MIMAMORI_SHORT;
		return h[0] == 135 && (h[23] & 7) == sh->sample_v6 ? MIMAMORI_PASSES :
								     MIMAMORI_NOTHING;
	}
	if (h[0] == 128)
		return gateway || mimamori_be16(h + 6) <= 1 || s->transport_len == 8 ?
			       MIMAMORI_PASSES :
			       MIMAMORI_BULK_SEEN;
	if (h[0] == 139 || (gateway && (h[0] == 1 || h[0] == 4)))
		return MIMAMORI_PASSES;
	return MIMAMORI_BULK_SEEN;
}

/* To *at: where the transport header starts; 0: *what says all. */
MIMAMORI_INLINE void mimamori_look_v4(struct mimamori_sight *s, __u32 *at, enum mimamori_what *what)
{
	const __u8 *h = s->net;
	__u32 fragment;

	if (h + 20 > s->end) {
		*what = MIMAMORI_SHORT;
		return;
	}
	if (!s->out && s->to != MIMAMORI_TO_HOST)
		return;
	fragment = mimamori_be16(h + 6);
	s->protocol = h[9];
	if (fragment & 0x1fff) {
		if (s->protocol == 6 && (fragment & 0x1fff) <= 3)
			*what = MIMAMORI_PASSES;
		else
			*what = s->out ? MIMAMORI_NOTHING : MIMAMORI_BULK_SEEN;
	} else if (s->protocol == 6 && (fragment & 0x2000)) {
		*what = MIMAMORI_PASSES;
	} else {
		*at = (h[0] & 0x0f) * 4U;
		s->transport_len = (__u16)(mimamori_be16(h + 2) - *at);
	}
}

MIMAMORI_INLINE void mimamori_look_v6(struct mimamori_sight *s, __u32 *at, enum mimamori_what *what)
{
	const __u8 *h = s->net;

	if (h + 40 > s->end) {
		*what = MIMAMORI_SHORT;
		return;
	}
	s->protocol = h[6];
	s->transport_len = mimamori_be16(h + 4);
	if (!s->out && s->to != MIMAMORI_TO_HOST &&
	    (s->to != MIMAMORI_MULTICAST || s->protocol != 58))
		return;
	switch (s->protocol) {
	case 44: /* fragment: later ones that can hold no header are bulk */
		if (h + 44 > s->end)
			*what = MIMAMORI_SHORT;
		else if (!s->out)
			*what = mimamori_be16(h + 42) >= 4 << 3 ? MIMAMORI_BULK_SEEN :
								  MIMAMORI_PASSES;
		return;
	case 0:
	case 43:
	case 51:
	case 60:
		/* This host's own answers carry none. */
		if (!s->out)
			*what = MIMAMORI_PASSES;
		return;
	}
	*at = 40;
}

MIMAMORI_INLINE enum mimamori_what mimamori_look_ip(const struct mimamori_shared *sh,
						    struct mimamori_sight *s, void *packet)
{
	enum mimamori_what what = MIMAMORI_NOTHING;
	__u32 at = 0;

	if (s->ethertype == 0x0800)
		mimamori_look_v4(s, &at, &what);
	else
		mimamori_look_v6(s, &at, &what);
	if (!at)
		return what;
	if (s->protocol == 6)
		return mimamori_look_tcp(sh, s, packet, at);
	if (s->protocol == 17)
		return mimamori_look_udp(sh, s, at);
	if (s->protocol == 1 && s->ethertype == 0x0800)
		return mimamori_look_icmp(sh, s, at);
	if (s->protocol == 58 && s->ethertype == 0x86dd)
		return mimamori_look_icmp6(sh, s);
	if (s->protocol == 132)
		return mimamori_look_sctp(s, at);
	return mimamori_look_unspoken(s);
}

/* packet: for mimamori_payload(). */
MIMAMORI_INLINE enum mimamori_what mimamori_look(const struct mimamori_shared *sh,
						 struct mimamori_sight *s, void *packet)
{
	s->kind = MIMAMORI_OTHER;
	s->whole = 0;
	if (s->ethertype == 0x0800 || s->ethertype == 0x86dd)
		return mimamori_look_ip(sh, s, packet);
	if (s->ethertype != 0x0806 || s->out || s->to != MIMAMORI_BROADCAST)
		return MIMAMORI_NOTHING;
	/* A broadcast ARP request (RFC 826). */
	if (s->net + 28 > s->end)
		return MIMAMORI_SHORT;
	return mimamori_be16(s->net + 6) == 1 && (s->net[27] & 7) == sh->sample_v4 ?
		       MIMAMORI_PASSES :
		       MIMAMORI_NOTHING;
}

#endif
