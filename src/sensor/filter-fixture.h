/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of the filter: a small interpreter of classic BPF, and packets of every shape. */
#ifndef MIMAMORI_SENSOR_FILTER_FIXTURE_H
#define MIMAMORI_SENSOR_FILTER_FIXTURE_H

#include "sensor/filter.h"
#include "sensor/packet.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SNAPLEN 136
#define TAP_IFINDEX 7 /* of the interpreter's packets */

/* What the kernel knows of a packet besides its bytes. */
struct metadata {
	uint32_t pkttype, protocol, ifindex, tag_present, tag, random;
};

static const struct filter_params plain = {
	.udp_open = { 53, 5353 },
	.n_udp_open = 2,
	.ephemeral_first = 32768,
	.sample_v4 = 3,
	.sample_v6 = FILTER_NO_SAMPLE,
	.snaplen = SNAPLEN,
};

/* Classic BPF as linux/Documentation/networking/filter.rst describes it; only what may occur. */
static inline bool fetch(const uint8_t *bytes, size_t len, uint32_t at, unsigned int size,
			 uint32_t *out)
{
	if (at > len || len - at < size)
		return false;
	*out = 0;
	while (size--)
		*out = *out << 8 | bytes[at++];
	return true;
}

static inline uint32_t ancillary(const struct metadata *m, uint32_t k)
{
	switch ((int32_t)k - SKF_AD_OFF) {
	case SKF_AD_PKTTYPE:
		return m->pkttype;
	case SKF_AD_PROTOCOL:
		return m->protocol;
	case SKF_AD_IFINDEX:
		return m->ifindex;
	case SKF_AD_VLAN_TAG_PRESENT:
		return m->tag_present;
	case SKF_AD_VLAN_TAG:
		return m->tag;
	case SKF_AD_RANDOM:
		return m->random;
	}
	fail_msg("an ancillary load of %d", (int32_t)k);
	return 0;
}

static inline bool compute(const struct sock_filter *f, uint32_t *a, uint32_t x)
{
	switch (f->code) {
	case BPF_ALU | BPF_AND | BPF_K:
		*a &= f->k;
		return true;
	case BPF_ALU | BPF_SUB | BPF_X:
		*a -= x;
		return true;
	case BPF_ALU | BPF_SUB | BPF_K:
		*a -= f->k;
		return true;
	case BPF_ALU | BPF_RSH | BPF_K:
		*a >>= f->k;
		return true;
	case BPF_ALU | BPF_ADD | BPF_X:
		*a += x;
		return true;
	}
	return false;
}

static inline uint32_t interpret(const struct sock_filter *prog, unsigned int n,
				 const struct metadata *m, const uint8_t *bytes, size_t len)
{
	uint32_t a = 0, x = 0;

	for (unsigned int pc = 0; pc < n; pc++) {
		const struct sock_filter *f = &prog[pc];
		bool yes = false;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = ancillary(m, f->k);
			continue;
		case BPF_LD | BPF_H | BPF_ABS:
		case BPF_LD | BPF_B | BPF_ABS:
			if (!fetch(bytes, len, f->k, BPF_SIZE(f->code) == BPF_H ? 2 : 1, &a))
				return 0;
			continue;
		case BPF_LD | BPF_W | BPF_IND:
			if (!fetch(bytes, len, x + f->k, 4, &a))
				return 0;
			continue;
		case BPF_LD | BPF_H | BPF_IND:
		case BPF_LD | BPF_B | BPF_IND:
			if (!fetch(bytes, len, x + f->k, BPF_SIZE(f->code) == BPF_H ? 2 : 1, &a))
				return 0;
			continue;
		case BPF_LDX | BPF_B | BPF_MSH:
			if (!fetch(bytes, len, f->k, 1, &x))
				return 0;
			x = (x & 0xf) * 4;
			continue;
		case BPF_LDX | BPF_W | BPF_IMM:
			x = f->k;
			continue;
		case BPF_LD | BPF_W | BPF_LEN:
			a = (uint32_t)len;
			continue;
		case BPF_MISC | BPF_TAX:
			x = a;
			continue;
		case BPF_MISC | BPF_TXA:
			a = x;
			continue;
		case BPF_JMP | BPF_JA:
			pc += f->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == f->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= f->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = a & f->k;
			break;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_RET | BPF_A:
			return a;
		default:
			if (!compute(f, &a, x))
				fail_msg("an instruction of code %#x at %u", f->code, pc);
			continue;
		}
		pc += yes ? f->jt : f->jf;
	}
	fail_msg("the program ran off its end");
	return 0;
}

static inline uint32_t run(const struct filter_params *params, const struct metadata *m,
			   const void *bytes, size_t len)
{
	struct sock_filter prog[FILTER_MAX_INSNS];
	int n = filter_build(params, prog);

	assert_in_range(n, 1, FILTER_MAX_INSNS);
	return interpret(prog, (unsigned int)n, m, bytes, len);
}

/* A packet of the table: an IP header made of its parts, and the transport bytes. */
struct sample {
	const char *what;
	bool v6, out;
	uint8_t proto;
	uint8_t options; /* IPv4: words of options */
	uint16_t fragment; /* IPv4: flags and offset */
	uint8_t l4[20];
	uint8_t l4_len; /* 0: all of it */
	bool passes;
};

#define TCP_HEAD 0x9c, 0x40, 0, 22, 0, 0, 0, 1, 0, 0, 0, 0, 0x50
#define SCTP_HEAD 0x9c, 0x40, 0, 22, 0, 0, 0, 0, 0, 0, 0, 0
#define ECHO(type, number) type, 0, 0, 0, 0, 7, (number) >> 8, (number)&0xff
#define UDP_TO(port)                                       \
	{                                                  \
		0x9c, 0x40, (port) >> 8, (port)&0xff, 0, 8 \
	}

/* Ports, flags and types: RFC 9293 §3.1, RFC 768, RFC 792, RFC 4443 §3.1; what passes: filter.h. */
static const struct sample samples[] = {
	{ "SYN", .proto = 6, .l4 = { TCP_HEAD, 0x02 }, .passes = true },
	{ "SYN with ECE and CWR", .proto = 6, .l4 = { TCP_HEAD, 0xc2 }, .passes = true },
	{ "SYN behind IP options", .proto = 6, .options = 10, .l4 = { TCP_HEAD, 0x02 },
	  .passes = true },
	{ "plain ACK behind IP options", .proto = 6, .options = 10, .l4 = { TCP_HEAD, 0x10 } },
	{ "plain ACK", .proto = 6, .l4 = { TCP_HEAD, 0x10 } },
	{ "data with PSH", .proto = 6, .l4 = { TCP_HEAD, 0x18 } },
	{ "data with URG", .proto = 6, .l4 = { TCP_HEAD, 0x30 } },
	{ "FIN ACK", .proto = 6, .l4 = { TCP_HEAD, 0x11 }, .passes = true },
	{ "RST", .proto = 6, .l4 = { TCP_HEAD, 0x04 }, .passes = true },
	{ "NULL", .proto = 6, .l4 = { TCP_HEAD, 0x00 }, .passes = true },
	{ "Xmas", .proto = 6, .l4 = { TCP_HEAD, 0x29 }, .passes = true },
	{ "SYN sent", .out = true, .proto = 6, .l4 = { TCP_HEAD, 0x02 }, .passes = true },
	{ "SYN ACK sent", .out = true, .proto = 6, .l4 = { TCP_HEAD, 0x12 }, .passes = true },
	{ "RST ACK sent", .out = true, .proto = 6, .l4 = { TCP_HEAD, 0x14 }, .passes = true },
	{ "plain ACK sent", .out = true, .proto = 6, .l4 = { TCP_HEAD, 0x10 } },
	{ "TCP, first fragment", .proto = 6, .fragment = 0x2000, .l4 = { TCP_HEAD, 0x10 },
	  .passes = true },
	{ "TCP, DF alone is no fragment", .proto = 6, .fragment = 0x4000,
	  .l4 = { TCP_HEAD, 0x10 } },
	{ "TCP, fragment at 8 bytes", .proto = 6, .fragment = 0x2001, .passes = true },
	{ "TCP, last fragment at 16 bytes", .proto = 6, .fragment = 0x0002, .passes = true },
	{ "TCP, fragment at 24 bytes", .proto = 6, .fragment = 0x2003, .passes = true },
	{ "TCP, fragment at 32 bytes", .proto = 6, .fragment = 0x2004 },
	{ "TCP, fragment far out", .proto = 6, .fragment = 0x1fff },
	{ "UDP to a closed port", .proto = 17, .l4 = UDP_TO(161), .passes = true },
	{ "UDP to port 0", .proto = 17, .l4 = UDP_TO(0), .passes = true },
	{ "UDP behind IP options", .proto = 17, .options = 1, .l4 = UDP_TO(161), .passes = true },
	{ "UDP to an open port", .proto = 17, .l4 = UDP_TO(53) },
	{ "UDP to the last open port", .proto = 17, .l4 = UDP_TO(5353) },
	{ "UDP to the last port below the ephemeral ones", .proto = 17, .l4 = UDP_TO(32767),
	  .passes = true },
	{ "UDP to the first ephemeral port", .proto = 17, .l4 = UDP_TO(32768) },
	{ "UDP to the last port", .proto = 17, .l4 = UDP_TO(65535) },
	{ "UDP sent from an ephemeral port", .out = true, .proto = 17, .l4 = UDP_TO(161) },
	{ "UDP sent from an open port", .out = true, .proto = 17, .l4 = { 0, 53, 0, 161, 0, 8 } },
	{ "UDP sent from a closed port", .out = true, .proto = 17, .l4 = { 0, 54, 0, 161, 0, 8 },
	  .passes = true },
	{ "UDP, first fragment", .proto = 17, .fragment = 0x2000, .l4 = UDP_TO(161),
	  .passes = true },
	{ "UDP, later fragment", .proto = 17, .fragment = 0x2001, .l4 = UDP_TO(161) },
	{ "port unreachable sent", .out = true, .proto = 1, .l4 = { 3, 3 }, .passes = true },
	{ "port unreachable sent behind IP options", .out = true, .proto = 1, .options = 2,
	  .l4 = { 3, 3 }, .passes = true },
	{ "port unreachable that comes in", .proto = 1, .l4 = { 3, 3 } },
	{ "first echo request", .proto = 1, .l4 = { ECHO(8, 0) }, .passes = true },
	{ "echo request of number 1 behind IP options", .proto = 1, .options = 2,
	  .l4 = { ECHO(8, 1) }, .passes = true },
	{ "third echo request", .proto = 1, .l4 = { ECHO(8, 2) } },
	{ "echo request without payload", .proto = 1, .l4 = { ECHO(8, 999) }, .l4_len = 8,
	  .passes = true },
	{ "echo request without payload behind IP options", .proto = 1, .options = 3,
	  .l4 = { ECHO(8, 999) }, .l4_len = 8, .passes = true },
	{ "echo request sent", .out = true, .proto = 1, .l4 = { ECHO(8, 0) } },
	{ "timestamp request", .proto = 1, .l4 = { 13, 0 }, .passes = true },
	{ "timestamp reply", .proto = 1, .l4 = { 14, 0 } },
	{ "information request", .proto = 1, .l4 = { 15, 0 }, .passes = true },
	{ "address mask request", .proto = 1, .l4 = { 17, 0 }, .passes = true },
	{ "timestamp request sent", .out = true, .proto = 1, .l4 = { 13, 0 } },
	{ "later fragment of an echo request", .proto = 1, .fragment = 0x0001,
	  .l4 = { ECHO(8, 0) } },
	{ "echo reply sent", .out = true, .proto = 1, .l4 = { 0, 0 } },
	{ "time exceeded sent", .out = true, .proto = 1, .l4 = { 11, 0 } },
	{ "later fragment of an ICMP message sent", .out = true, .proto = 1, .fragment = 0x0001,
	  .l4 = { 3, 3 } },
	{ "SCTP INIT", .proto = 132, .l4 = { SCTP_HEAD, 1 }, .passes = true },
	{ "SCTP INIT behind IP options", .proto = 132, .options = 1, .l4 = { SCTP_HEAD, 1 },
	  .passes = true },
	{ "SCTP INIT ACK sent", .out = true, .proto = 132, .l4 = { SCTP_HEAD, 2 }, .passes = true },
	{ "SCTP ABORT sent", .out = true, .proto = 132, .l4 = { SCTP_HEAD, 6 }, .passes = true },
	{ "SCTP COOKIE ECHO", .proto = 132, .l4 = { SCTP_HEAD, 10 }, .passes = true },
	{ "SCTP DATA", .proto = 132, .l4 = { SCTP_HEAD, 0 } },
	{ "SCTP SACK", .proto = 132, .l4 = { SCTP_HEAD, 3 } },
	{ "SCTP HEARTBEAT", .proto = 132, .l4 = { SCTP_HEAD, 4 } },
	{ "SCTP, later fragment", .proto = 132, .fragment = 0x0001, .l4 = { SCTP_HEAD, 1 } },
	{ "IGMP", .proto = 2 },
	{ "CBT", .proto = 7, .passes = true },
	{ "IRTP sent", .out = true, .proto = 28, .passes = true },
	{ "GRE", .proto = 47 },
	{ "OSPF", .proto = 89 },
	{ "VRRP", .proto = 112 },
	{ "UDP-Lite", .proto = 136 },
	{ "a protocol without a name", .proto = 200, .passes = true },
	{ "the last protocol", .proto = 255, .passes = true },
	{ "ICMPv6 in IPv4", .out = true, .proto = 58, .l4 = { 1, 4 } },

	{ "SYN, IPv6", .v6 = true, .proto = 6, .l4 = { TCP_HEAD, 0x02 }, .passes = true },
	{ "plain ACK, IPv6", .v6 = true, .proto = 6, .l4 = { TCP_HEAD, 0x10 } },
	{ "NULL, IPv6", .v6 = true, .proto = 6, .l4 = { TCP_HEAD, 0x00 }, .passes = true },
	{ "RST ACK sent, IPv6", .v6 = true, .out = true, .proto = 6, .l4 = { TCP_HEAD, 0x14 },
	  .passes = true },
	{ "plain ACK sent, IPv6", .v6 = true, .out = true, .proto = 6, .l4 = { TCP_HEAD, 0x10 } },
	{ "UDP to a closed port, IPv6", .v6 = true, .proto = 17, .l4 = UDP_TO(161),
	  .passes = true },
	{ "UDP to an open port, IPv6", .v6 = true, .proto = 17, .l4 = UDP_TO(5353) },
	{ "UDP to an ephemeral port, IPv6", .v6 = true, .proto = 17, .l4 = UDP_TO(40000) },
	{ "UDP sent from an ephemeral port, IPv6", .v6 = true, .out = true, .proto = 17,
	  .l4 = UDP_TO(161) },
	{ "UDP sent from a closed port, IPv6", .v6 = true, .out = true, .proto = 17,
	  .l4 = { 0, 54, 0, 161, 0, 8 }, .passes = true },
	{ "unreachable sent, IPv6", .v6 = true, .out = true, .proto = 58, .l4 = { 1, 4 },
	  .passes = true },
	{ "unreachable that comes in, IPv6", .v6 = true, .proto = 58, .l4 = { 1, 4 } },
	{ "neighbour solicitation sent", .v6 = true, .out = true, .proto = 58, .l4 = { 135, 0 } },
	{ "protocol not known sent, IPv6", .v6 = true, .out = true, .proto = 58, .l4 = { 4, 1 },
	  .passes = true },
	{ "first echo request, IPv6", .v6 = true, .proto = 58, .l4 = { ECHO(128, 1) },
	  .passes = true },
	{ "third echo request, IPv6", .v6 = true, .proto = 58, .l4 = { ECHO(128, 2) } },
	{ "echo request without payload, IPv6", .v6 = true, .proto = 58, .l4 = { ECHO(128, 999) },
	  .l4_len = 8, .passes = true },
	{ "echo reply, IPv6", .v6 = true, .proto = 58, .l4 = { ECHO(129, 0) } },
	{ "node information query", .v6 = true, .proto = 58, .l4 = { 139, 0 }, .passes = true },
	{ "neighbour solicitation to this host alone", .v6 = true, .proto = 58, .l4 = { 135, 0 } },
	{ "SCTP INIT, IPv6", .v6 = true, .proto = 132, .l4 = { SCTP_HEAD, 1 }, .passes = true },
	{ "SCTP DATA, IPv6", .v6 = true, .proto = 132, .l4 = { SCTP_HEAD, 0 } },
	{ "mobility header", .v6 = true, .proto = 135 },
	{ "a protocol without a name, IPv6", .v6 = true, .proto = 200, .passes = true },
	{ "hop-by-hop options", .v6 = true, .proto = 0, .passes = true },
	{ "routing header", .v6 = true, .proto = 43, .passes = true },
	{ "fragment header", .v6 = true, .proto = 44, .passes = true },
	{ "authentication header", .v6 = true, .proto = 51, .passes = true },
	{ "destination options", .v6 = true, .proto = 60, .passes = true },
	{ "hop-by-hop options sent", .v6 = true, .out = true, .proto = 0 },
	{ "ESP", .v6 = true, .proto = 50 },
	{ "no next header", .v6 = true, .proto = 59 },
	{ "ICMP in IPv6", .v6 = true, .out = true, .proto = 1, .l4 = { 3, 3 } },
};

/* 192.0.2.1 to 192.0.2.2, 2001:db8::1 to 2001:db8::2, or the other way. */
static inline size_t make(const struct sample *s, uint8_t bytes[128])
{
	size_t head = s->v6 ? 40 : 20U + 4U * s->options;
	size_t l4_len = s->l4_len ? s->l4_len : sizeof(s->l4), len = head + l4_len;

	memset(bytes, 0, 128);
	if (s->v6) {
		const uint8_t net[] = { 0x20, 0x01, 0x0d, 0xb8 };

		bytes[0] = 0x60;
		bytes[5] = (uint8_t)l4_len;
		bytes[6] = s->proto;
		bytes[7] = 64;
		memcpy(bytes + 8, net, 4);
		bytes[23] = s->out ? 2 : 1;
		memcpy(bytes + 24, net, 4);
		bytes[39] = s->out ? 1 : 2;
	} else {
		const uint8_t net[] = { 192, 0, 2 };

		bytes[0] = (uint8_t)(0x45 + s->options);
		bytes[3] = (uint8_t)len;
		bytes[6] = (uint8_t)(s->fragment >> 8);
		bytes[7] = (uint8_t)s->fragment;
		bytes[8] = 64;
		bytes[9] = s->proto;
		memcpy(bytes + 12, net, 3);
		bytes[15] = s->out ? 2 : 1;
		memcpy(bytes + 16, net, 3);
		bytes[19] = s->out ? 1 : 2;
		memset(bytes + 20, 1, 4U * s->options); /* no operation */
	}
	memcpy(bytes + head, s->l4, l4_len);
	return len;
}

static inline struct metadata metadata_of(const struct sample *s)
{
	return (struct metadata){
		.pkttype = s->out ? PACKET_OUTGOING : PACKET_HOST,
		.protocol = s->v6 ? ETH_P_IPV6 : ETH_P_IP,
		.ifindex = TAP_IFINDEX,
	};
}

/* Every list full: the longest program. */
static inline struct filter_params fullest(void)
{
	struct filter_params params = plain;

	params.n_only = FILTER_MAX_INTERFACES / 2;
	params.n_skip = FILTER_MAX_INTERFACES / 2;
	params.n_udp_open = FILTER_MAX_UDP_PORTS;
	params.n_shed_ports = FILTER_MAX_TCP_PORTS;
	params.shed_refusals = true;
	for (int i = 0; i < FILTER_MAX_INTERFACES / 2; i++) {
		params.skip[i] = 1000 + i;
		params.only[i] = 2000 + i;
	}
	params.only[FILTER_MAX_INTERFACES / 2 - 1] = TAP_IFINDEX;
	for (uint16_t i = 0; i < FILTER_MAX_UDP_PORTS; i++)
		params.udp_open[i] = (uint16_t)(10000 + i);
	params.udp_open[FILTER_MAX_UDP_PORTS - 2] = 53;
	params.udp_open[FILTER_MAX_UDP_PORTS - 1] = 5353;
	for (unsigned int i = 0; i < FILTER_MAX_LOGIN_PORTS; i++)
		params.login_port[i] = (uint16_t)(21 + i);
	params.n_login_ports = FILTER_MAX_LOGIN_PORTS;
	return params;
}

#endif
