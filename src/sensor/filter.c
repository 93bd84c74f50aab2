/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 * -------------------
 * The program is written as a list of steps whose jumps name labels; when all labels have their
 * place, names become distances. A conditional jump of classic BPF reaches 255 instructions forward, so
 * that labels at the far end have a second place on the way: a way station, from where an
 * unconditional jump, which reaches any distance, goes on.
 *
 * What ends most packets comes first: the direction, then the flags of TCP. Interfaces and VLAN
 * tags are looked at only when a packet would pass otherwise. What is of no use but to be counted goes to
 * BULK (filter-bulk.c).
 */
#include "sensor/filter.h"

#include "sensor/filter-internal.h"
#include "sensor/packet.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Only what came to this host, or only what it sent, goes on. */
static void require_direction(struct assembly *a, uint32_t pkttype)
{
	load_ancillary(a, SKF_AD_PKTTYPE);
	jump(a, BPF_JEQ, pkttype, NEXT, DROP);
}

/* From the IPv4 header, unless it begins a later fragment, to X: where the next header starts. */
static void find_transport(struct assembly *a)
{
	load(a, BPF_H | BPF_ABS, 6);
	jump(a, BPF_JSET, 0x1fff, BULK_IN, NEXT);
	add(a, BPF_LDX | BPF_B | BPF_MSH, 0, NEXT, NEXT);
}

static void add_ipv4(struct assembly *a)
{
	load(a, BPF_B | BPF_ABS, 9); /* protocol */
	jump(a, BPF_JEQ, IPPROTO_TCP, IPV4_TCP, NEXT);
	jump(a, BPF_JEQ, IPPROTO_UDP, IPV4_UDP, NEXT);
	jump(a, BPF_JEQ, IPPROTO_ICMP, IPV4_ICMP, NEXT);
	jump(a, BPF_JEQ, IPPROTO_SCTP, IPV4_SCTP, UNSPOKEN);

	place(a, IPV4_TCP);
	load(a, BPF_H | BPF_ABS, 6); /* fragment flags and offset */
	jump(a, BPF_JSET, 0x1fff, IPV4_TCP_LATER, NEXT);
	jump(a, BPF_JSET, 0x2000, INTERFACE, NEXT);
	add(a, BPF_LDX | BPF_B | BPF_MSH, 0, NEXT, NEXT);
	load(a, BPF_B | BPF_IND, 13);
	go(a, TCP_FLAGS);

	place(a, IPV4_TCP_LATER);
	mask(a, 0x1fff);
	jump(a, BPF_JGT, 3, BULK_IN, INTERFACE);

	place(a, IPV4_UDP);
	find_transport(a);
	go(a, UDP_PORT);

	place(a, IPV4_SCTP);
	find_transport(a);
	go(a, SCTP_CHUNK);
}

/* ICMP errors are of interest when this host refuses, or a host behind it; those this host gets itself
 * concern its own requests. Types: RFC 792; address mask: RFC 950. */
static void add_ipv4_icmp(struct assembly *a, bool gateway)
{
	place(a, IPV4_ICMP);
	find_transport(a);
	load_ancillary(a, SKF_AD_PKTTYPE);
	jump(a, BPF_JEQ, PACKET_OUTGOING, IPV4_ICMP_SENT, NEXT);
	load(a, BPF_B | BPF_IND, 0);
	jump(a, BPF_JEQ, 8, IPV4_ECHO, NEXT);
	jump(a, BPF_JEQ, 13, INTERFACE, NEXT);
	jump(a, BPF_JEQ, 15, INTERFACE, NEXT);
	if (gateway)
		jump(a, BPF_JEQ, 3, INTERFACE, NEXT);
	jump(a, BPF_JEQ, 17, INTERFACE, BULK);

	place(a, IPV4_ICMP_SENT);
	load(a, BPF_B | BPF_IND, 0);
	jump(a, BPF_JEQ, 3, INTERFACE, DROP);

	place(a, IPV4_ECHO);
	if (gateway) {
		go(a, INTERFACE);
		return;
	}
	load(a, BPF_H | BPF_IND, 6); /* sequence number */
	jump(a, BPF_JGT, 1, NEXT, INTERFACE);
	load(a, BPF_H | BPF_ABS, 2); /* total length */
	add(a, BPF_ALU | BPF_SUB | BPF_X, 0, NEXT, NEXT);
	jump(a, BPF_JEQ, 8, INTERFACE, BULK);
}

/* RFC 4443; node information: RFC 4620. */
static void add_ipv6_icmp(struct assembly *a, bool gateway)
{
	place(a, IPV6_ICMP);
	load_ancillary(a, SKF_AD_PKTTYPE);
	jump(a, BPF_JEQ, PACKET_OUTGOING, IPV6_ICMP_SENT, NEXT);
	load(a, BPF_B | BPF_ABS, 40);
	jump(a, BPF_JEQ, 128, IPV6_ECHO, NEXT);
	jump(a, BPF_JEQ, 139, INTERFACE, gateway ? IPV6_ICMP_SENT : BULK);

	place(a, IPV6_ICMP_SENT);
	load(a, BPF_B | BPF_ABS, 40);
	jump(a, BPF_JEQ, 1, INTERFACE, NEXT);
	/* parameter problem: a header nobody here knows */
	jump(a, BPF_JEQ, 4, INTERFACE, gateway ? BULK_IN : DROP);

	place(a, IPV6_ECHO);
	if (gateway) {
		go(a, INTERFACE);
		return;
	}
	load(a, BPF_H | BPF_ABS, 46);
	jump(a, BPF_JGT, 1, NEXT, INTERFACE);
	load(a, BPF_H | BPF_ABS, 4); /* payload length */
	jump(a, BPF_JEQ, 8, INTERFACE, BULK);
}

/* The host's own answers carry no extension headers, so only what comes in is followed further. */
static void add_ipv6(struct assembly *a)
{
	place(a, IPV6);
	load(a, BPF_B | BPF_ABS, 6); /* next header */
	jump(a, BPF_JEQ, IPPROTO_TCP, IPV6_TCP, NEXT);
	jump(a, BPF_JEQ, IPPROTO_UDP, IPV6_UDP, NEXT);
	jump(a, BPF_JEQ, IPPROTO_ICMPV6, IPV6_ICMP, NEXT);
	jump(a, BPF_JEQ, IPPROTO_HOPOPTS, IPV6_EXTENSIONS, NEXT);
	jump(a, BPF_JEQ, IPPROTO_ROUTING, IPV6_EXTENSIONS, NEXT);
	jump(a, BPF_JEQ, IPPROTO_FRAGMENT, IPV6_FRAGMENT, NEXT);
	jump(a, BPF_JEQ, IPPROTO_DSTOPTS, IPV6_EXTENSIONS, NEXT);
	jump(a, BPF_JEQ, IPPROTO_AH, IPV6_EXTENSIONS, NEXT);
	jump(a, BPF_JEQ, IPPROTO_SCTP, IPV6_SCTP, UNSPOKEN);

	place(a, IPV6_FRAGMENT);
	load(a, BPF_H | BPF_ABS, 42); /* offset, in units of eight bytes, and three bits */
	jump(a, BPF_JGE, 4 << 3, BULK_IN, NEXT);

	place(a, IPV6_EXTENSIONS);
	require_direction(a, PACKET_HOST);
	go(a, INTERFACE);

	place(a, IPV6_SCTP);
	add(a, BPF_LDX | BPF_IMM, 40, NEXT, NEXT);
	go(a, SCTP_CHUNK);

	place(a, IPV6_UDP);
	add(a, BPF_LDX | BPF_IMM, 40, NEXT, NEXT);
	go(a, UDP_PORT);

	place(a, IPV6_TCP);
	add(a, BPF_LDX | BPF_IMM, 40, NEXT, NEXT);
	load(a, BPF_B | BPF_IND, 13);
}

static void add_tcp_flags(struct assembly *a, const struct filter_params *params)
{
	place(a, TCP_FLAGS); /* A: the flags; X: where the TCP header starts */
	mask(a, 0x17); /* ACK, RST, SYN, FIN: see packet_is_plain_data() */
	if (!params->shed_refusals && !params->n_shed_ports) {
		jump(a, BPF_JEQ, 0x10, DATA, INTERFACE);
		return;
	}
	jump(a, BPF_JEQ, 0x10, DATA, NEXT);
	if (params->n_shed_ports)
		jump(a, BPF_JEQ, 0x12, SYN_ACK, params->shed_refusals ? NEXT : INTERFACE);
	if (params->shed_refusals) {
		jump(a, BPF_JEQ, 0x14, NEXT, INTERFACE);
		load(a, BPF_W | BPF_IND, 4); /* sequence number */
		jump(a, BPF_JEQ, 0, SHED_IF_SENT, INTERFACE);
	}
	if (params->n_shed_ports) {
		place(a, SYN_ACK);
		load(a, BPF_H | BPF_IND, 0); /* source port */
		for (unsigned int i = 0; i < params->n_shed_ports; i++)
			jump(a, BPF_JEQ, params->shed_port[i], SHED_IF_SENT, NEXT);
		go(a, INTERFACE);
	}
	place(a, SHED_IF_SENT);
	load_ancillary(a, SKF_AD_PKTTYPE);
	jump(a, BPF_JEQ, PACKET_OUTGOING, DROP, INTERFACE);
}

static void add_udp_port(struct assembly *a, const struct filter_params *params)
{
	/* X: where the UDP header starts. The port on this side: the one asked, or the one that answers
	 * without a socket of its own, published by DNAT. */
	place(a, UDP_PORT);
	load_ancillary(a, SKF_AD_PKTTYPE);
	jump(a, BPF_JEQ, PACKET_OUTGOING, UDP_SENT, NEXT);
	load(a, BPF_H | BPF_IND, 2);
	go(a, UDP_KNOWN);
	place(a, UDP_SENT);
	load(a, BPF_H | BPF_IND, 0);
	place(a, UDP_KNOWN);
	jump(a, BPF_JGE, params->ephemeral_first, BULK, NEXT);
	for (unsigned int i = 0; i < params->n_udp_open; i++)
		jump(a, BPF_JEQ, params->udp_open[i], BULK, NEXT);
	go(a, INTERFACE);
}

/* X: where the SCTP header starts; its first chunk's type follows 12 bytes of it (RFC 9260 §3). */
static void add_sctp(struct assembly *a)
{
	place(a, SCTP_CHUNK);
	load(a, BPF_B | BPF_IND, 12);
	jump(a, BPF_JEQ, PACKET_SCTP_INIT, INTERFACE, NEXT);
	jump(a, BPF_JEQ, PACKET_SCTP_INIT_ACK, INTERFACE, NEXT);
	jump(a, BPF_JEQ, PACKET_SCTP_ABORT, INTERFACE, NEXT);
	jump(a, BPF_JEQ, PACKET_SCTP_COOKIE_ECHO, INTERFACE, BULK_IN);
}

/* A: the protocol. The ranges of packet_unspoken(), from above. */
static void add_unspoken(struct assembly *a)
{
	place(a, UNSPOKEN);
	jump(a, BPF_JGE, 146, INTERFACE, NEXT);
	jump(a, BPF_JGE, 132, BULK_IN, NEXT);
	jump(a, BPF_JGE, 116, INTERFACE, NEXT);
	jump(a, BPF_JGE, 88, BULK_IN, NEXT);
	jump(a, BPF_JGE, 61, INTERFACE, NEXT);
	jump(a, BPF_JGE, 41, BULK_IN, NEXT);
	jump(a, BPF_JGE, 18, INTERFACE, NEXT);
	jump(a, BPF_JGE, 17, BULK_IN, NEXT);
	jump(a, BPF_JGE, 7, INTERFACE, BULK_IN);
}

/* A broadcast ARP request (RFC 826), a multicast neighbour solicitation (RFC 4861 §4.3). */
static void add_link_sweeps(struct assembly *a, const struct filter_params *params)
{
	place(a, ARP);
	load_ancillary(a, SKF_AD_PROTOCOL);
	jump(a, BPF_JEQ, ETH_P_ARP, NEXT, DROP);
	load(a, BPF_H | BPF_ABS, 6);
	jump(a, BPF_JEQ, 1, NEXT, DROP);
	load(a, BPF_B | BPF_ABS, 27);
	mask(a, FILTER_SAMPLE - 1);
	jump(a, BPF_JEQ, params->sample_v4, INTERFACE, DROP);

	place(a, NEIGHBOUR);
	load_ancillary(a, SKF_AD_PROTOCOL);
	jump(a, BPF_JEQ, ETH_P_IPV6, NEXT, DROP);
	load(a, BPF_B | BPF_ABS, 6);
	jump(a, BPF_JEQ, IPPROTO_ICMPV6, NEXT, DROP);
	load(a, BPF_B | BPF_ABS, 40);
	jump(a, BPF_JEQ, 135, NEXT, DROP);
	load(a, BPF_B | BPF_ABS, 63);
	mask(a, FILTER_SAMPLE - 1);
	jump(a, BPF_JEQ, params->sample_v6, INTERFACE, DROP);
}

/* Everything that comes before has its labels within reach. */
static void add_way_stations(struct assembly *a)
{
	place(a, DROP);
	verdict(a, 0);
	place(a, INTERFACE);
	go(a, INTERFACE);
	place(a, BULK_IN);
	go(a, BULK_IN);
	place(a, BULK);
	go(a, BULK);
}

static void add_interface(struct assembly *a, const struct filter_params *params)
{
	place(a, INTERFACE);
	if (params->n_only || params->n_skip)
		load_ancillary(a, SKF_AD_IFINDEX);
	for (unsigned int i = 0; i < params->n_skip; i++)
		jump(a, BPF_JEQ, (uint32_t)params->skip[i], DROP, NEXT);
	for (unsigned int i = 0; i < params->n_only; i++)
		jump(a, BPF_JEQ, (uint32_t)params->only[i], TAG, NEXT);
	if (params->n_only)
		verdict(a, 0);
	place(a, TAG);
	if (params->pass_tagged)
		return;
	load_ancillary(a, SKF_AD_VLAN_TAG_PRESENT);
	jump(a, BPF_JEQ, 0, PASS, NEXT);
	load_ancillary(a, SKF_AD_VLAN_TAG);
	/* Id 0 only gives a priority: the frame stays on its interface (IEEE 802.1Q §9.6). */
	jump(a, BPF_JSET, 0x0fff, DROP, PASS);
}

/* How far step i has to jump to reach the label. */
static unsigned int distance(const struct assembly *a, unsigned int i, uint8_t l)
{
	const uint16_t *at = a->label[l];

	return l == NEXT ? 0 : (at[0] > i ? at[0] : at[1]) - i - 1U;
}

/* False when the jump is too far. */
static bool emit(const struct assembly *a, unsigned int i, struct sock_filter *out)
{
	const struct step *s = &a->step[i];

	*out = (struct sock_filter)BPF_STMT(s->code, s->k);
	if (BPF_CLASS(s->code) != BPF_JMP)
		return true;
	if (BPF_OP(s->code) == BPF_JA) {
		out->k = distance(a, i, s->yes);
		return true;
	}
	out->jt = (uint8_t)distance(a, i, s->yes);
	out->jf = (uint8_t)distance(a, i, s->no);
	return distance(a, i, s->yes) <= UINT8_MAX && distance(a, i, s->no) <= UINT8_MAX;
}

int filter_build(const struct filter_params *params, struct sock_filter prog[FILTER_MAX_INSNS])
{
	struct assembly a = { 0 };

	if (params->n_only > FILTER_MAX_INTERFACES ||
	    params->n_skip > FILTER_MAX_INTERFACES - params->n_only ||
	    params->n_udp_open > FILTER_MAX_UDP_PORTS ||
	    params->n_shed_ports > FILTER_MAX_TCP_PORTS ||
	    params->n_login_ports > FILTER_MAX_LOGIN_PORTS || params->snaplen == 0 ||
	    (params->bulk_one_in & (params->bulk_one_in - 1)) || params->snaplen == 1)
		return -EINVAL;

	load_ancillary(&a, SKF_AD_PKTTYPE);
	jump(&a, BPF_JEQ, PACKET_HOST, PROTOCOL, NEXT);
	jump(&a, BPF_JEQ, PACKET_OUTGOING, PROTOCOL, NEXT);
	jump(&a, BPF_JEQ, PACKET_BROADCAST, ARP, NEXT);
	jump(&a, BPF_JEQ, PACKET_MULTICAST, NEIGHBOUR, DROP);
	place(&a, PROTOCOL);
	load_ancillary(&a, SKF_AD_PROTOCOL);
	jump(&a, BPF_JEQ, ETH_P_IPV6, IPV6, NEXT);
	jump(&a, BPF_JEQ, ETH_P_IP, NEXT, DROP);
	add_ipv4(&a);
	add_ipv4_icmp(&a, params->gateway);
	add_ipv6(&a);
	add_tcp_flags(&a, params);
	add_ipv6_icmp(&a, params->gateway);
	add_sctp(&a);
	add_unspoken(&a);
	add_link_sweeps(&a, params);
	add_way_stations(&a);
	filter_add_questions(&a);
	filter_add_login(&a, params);
	add_udp_port(&a, params);
	/* Falls through to INTERFACE: */
	filter_add_bulk(&a, params);
	add_interface(&a, params);
	filter_add_pass(&a, params);
	place(&a, DROP);
	verdict(&a, 0);
	if (a.full)
		return -E2BIG;

	for (unsigned int i = 0; i < a.count; i++)
		if (!emit(&a, i, &prog[i]))
			return -E2BIG;
	return (int)a.count;
}

static int attach(int fd, struct sock_filter *prog, unsigned int len)
{
	struct sock_fprog fprog = { .len = (unsigned short)len, .filter = prog };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof(fprog)) < 0)
		return -errno;
	return 0;
}

int filter_attach(int fd, const struct filter_params *params)
{
	struct sock_filter prog[FILTER_MAX_INSNS];
	int len = filter_build(params, prog);

	return len < 0 ? len : attach(fd, prog, (unsigned int)len);
}

int filter_attach_closed(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);

	return attach(fd, &drop, 1);
}
