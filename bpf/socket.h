/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's ground truth: which socket takes a packet. A look-up costs more than all else, so few are asked for. */
#ifndef MIMAMORI_BPF_SOCKET_H
#define MIMAMORI_BPF_SOCKET_H

#include "seen.h"

#define TCP_LISTENS 10 /* enum of <net/tcp_states.h> */
#define THIS_NETNS ((__u64)-1)

enum socket {
	SOCKET_UNASKED,
	SOCKET_NONE,
	SOCKET_SERVES, /* it listens, or is a UDP socket without a peer */
	SOCKET_SILENT, /* a connection in which the peer has said nothing */
	SOCKET_PEERS, /* a connection, or a UDP socket with this peer */
};

INLINE enum socket kind_of(struct bpf_sock *sk, int udp)
{
	struct bpf_tcp_sock *tcp;

	if (udp)
		return sk->dst_port ? SOCKET_PEERS : SOCKET_SERVES;
	if (sk->state == TCP_LISTENS)
		return SOCKET_SERVES;
	tcp = tcp_of(sk);
	return tcp && !tcp->bytes_received ? SOCKET_SILENT : SOCKET_PEERS;
}

/* Which socket takes a packet that came in. */
INLINE enum socket socket_of(const struct seen *s)
{
	struct bpf_sock_tuple t = {};
	enum socket found = SOCKET_NONE;
	const __u8 *h = s->sight.net;
	struct bpf_sock *sk;
	__u32 size;

	if (s->sight.ethertype == 0x0800) {
		if (h + 20 > s->sight.end)
			return SOCKET_NONE;
		__builtin_memcpy(&t.ipv4.saddr, h + 12, 8);
		t.ipv4.sport = HOST16(s->sight.sport);
		t.ipv4.dport = HOST16(s->sight.dport);
		size = sizeof(t.ipv4);
	} else {
		if (h + 40 > s->sight.end)
			return SOCKET_NONE;
		__builtin_memcpy(t.ipv6.saddr, h + 8, 32);
		t.ipv6.sport = HOST16(s->sight.sport);
		t.ipv6.dport = HOST16(s->sight.dport);
		size = sizeof(t.ipv6);
	}
	if (s->sight.protocol == 17) {
		sk = lookup_udp(s->skb, &t, size, THIS_NETNS, 0);
		if (sk) {
			found = kind_of(sk, 1);
			release(sk);
		}
	} else {
		sk = lookup_tcp(s->skb, &t, size, THIS_NETNS, 0);
		if (sk) {
			found = kind_of(sk, 0);
			release(sk);
		}
	}
	return found;
}

/* Is it of interest which socket takes it? Of bulk always; else of what opens or ends something. */
INLINE int to_be_asked(const struct seen *s)
{
	const struct mimamori_sight *p = &s->sight;
	__u8 flags = p->flags & MIMAMORI_OPENING_FLAGS;

	if (p->out || !p->whole || (shared()->options & MIMAMORI_GATEWAY))
		return 0;
	return p->protocol == 17 || s->what == MIMAMORI_BULK_SEEN ||
	       (s->what == MIMAMORI_PASSES &&
		(flags == MIMAMORI_SYN_FLAG || flags == (MIMAMORI_FIN | MIMAMORI_ACK) ||
		 flags == (MIMAMORI_SYN_FLAG | MIMAMORI_ACK) ||
		 flags == (MIMAMORI_RST_FLAG | MIMAMORI_ACK)));
}

INLINE enum socket ask(const struct seen *s)
{
	return to_be_asked(s) ? socket_of(s) : SOCKET_UNASKED;
}

/* Nobody here has a connection, or a UDP socket, for it. */
INLINE int unsolicited(const struct mimamori_sight *p, enum socket found)
{
	return found == SOCKET_NONE || (found == SOCKET_SERVES && p->protocol == 6);
}

#endif
