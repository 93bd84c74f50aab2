/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program is run three ways: by a small interpreter over hand-made packets, by the kernel's own
 * checker, and, as root, by the kernel on frames that really cross a TAP interface.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif
#include "sensor/filter.h"
#include "sensor/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SNAPLEN 136
#define TAP_IFINDEX 7 /* of the interpreter's packets */

/* What the kernel knows of a packet besides its bytes. */
struct metadata {
	uint32_t pkttype, protocol, ifindex, tag_present, tag;
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
static bool fetch(const uint8_t *bytes, size_t len, uint32_t at, unsigned int size, uint32_t *out)
{
	if (at > len || len - at < size)
		return false;
	*out = 0;
	while (size--)
		*out = *out << 8 | bytes[at++];
	return true;
}

static uint32_t ancillary(const struct metadata *m, uint32_t k)
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
	}
	fail_msg("an ancillary load of %d", (int32_t)k);
	return 0;
}

static uint32_t interpret(const struct sock_filter *prog, unsigned int n, const struct metadata *m,
			  const uint8_t *bytes, size_t len)
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
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			continue;
		case BPF_ALU | BPF_SUB | BPF_X:
			a -= x;
			continue;
		case BPF_ALU | BPF_RSH | BPF_K:
			a >>= f->k;
			continue;
		case BPF_ALU | BPF_ADD | BPF_X:
			a += x;
			continue;
		case BPF_MISC | BPF_TAX:
			x = a;
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
		default:
			fail_msg("an instruction of code %#x at %u", f->code, pc);
		}
		pc += yes ? f->jt : f->jf;
	}
	fail_msg("the program ran off its end");
	return 0;
}

static uint32_t run(const struct filter_params *params, const struct metadata *m, const void *bytes,
		    size_t len)
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
static size_t make(const struct sample *s, uint8_t bytes[128])
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

static struct metadata metadata_of(const struct sample *s)
{
	return (struct metadata){
		.pkttype = s->out ? PACKET_OUTGOING : PACKET_HOST,
		.protocol = s->v6 ? ETH_P_IPV6 : ETH_P_IP,
		.ifindex = TAP_IFINDEX,
	};
}

static void test_samples(void **state)
{
	uint8_t bytes[128];

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		struct metadata m = metadata_of(s);
		size_t len = make(s, bytes);
		uint32_t kept = run(&plain, &m, bytes, len);

		if (kept != (s->passes ? SNAPLEN : 0))
			fail_msg("%s: kept %u bytes", s->what, kept);
	}
}

static void test_other_hosts_and_protocols(void **state)
{
	const uint32_t types[] = { PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST };
	const uint32_t protocols[] = { ETH_P_ARP, ETH_P_8021Q, ETH_P_PPP_SES, 4 };
	struct metadata m;
	uint8_t bytes[128];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		len = make(&samples[i], bytes);
		for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
			m = metadata_of(&samples[i]);
			m.pkttype = types[t];
			assert_int_equal(run(&plain, &m, bytes, len), 0);
		}
		for (size_t p = 0; p < sizeof(protocols) / sizeof(protocols[0]); p++) {
			m = metadata_of(&samples[i]);
			m.protocol = protocols[p];
			assert_int_equal(run(&plain, &m, bytes, len), 0);
		}
	}
}

/* A packet that is too short for its headers is dropped, not read beyond. */
static void test_short_packets(void **state)
{
	uint8_t bytes[128];
	struct metadata m;

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		make(&samples[i], bytes);
		m = metadata_of(&samples[i]);
		for (size_t len = 0; len < 6; len++)
			assert_int_equal(run(&plain, &m, bytes, len), 0);
	}
	make(&samples[0], bytes);
	m = metadata_of(&samples[0]);
	assert_int_equal(run(&plain, &m, bytes, 20 + 13), 0);
	assert_int_equal(run(&plain, &m, bytes, 20 + 14), SNAPLEN);
}

static void test_tags(void **state)
{
	struct metadata m = metadata_of(&samples[0]);
	struct filter_params params = plain;
	uint8_t bytes[128];
	size_t len = make(&samples[0], bytes);

	(void)state;
	m.tag_present = 1;
	m.tag = 0xe000; /* priority 7, id 0 */
	assert_int_equal(run(&params, &m, bytes, len), SNAPLEN);
	m.tag = 0xe001;
	assert_int_equal(run(&params, &m, bytes, len), 0);
	m.tag = 0x0fff;
	assert_int_equal(run(&params, &m, bytes, len), 0);
	params.pass_tagged = true;
	assert_int_equal(run(&params, &m, bytes, len), SNAPLEN);
}

static void test_interfaces(void **state)
{
	struct metadata m = metadata_of(&samples[0]);
	struct filter_params params = plain;
	uint8_t bytes[128];
	size_t len = make(&samples[0], bytes);

	(void)state;
	params.skip[0] = 1;
	params.skip[1] = TAP_IFINDEX;
	params.n_skip = 1;
	assert_int_equal(run(&params, &m, bytes, len), SNAPLEN);
	params.n_skip = 2;
	assert_int_equal(run(&params, &m, bytes, len), 0);

	params = plain;
	params.only[0] = 3;
	params.only[1] = TAP_IFINDEX;
	params.n_only = 1;
	assert_int_equal(run(&params, &m, bytes, len), 0);
	params.n_only = 2;
	assert_int_equal(run(&params, &m, bytes, len), SNAPLEN);
	m.tag_present = 1;
	m.tag = 5;
	assert_int_equal(run(&params, &m, bytes, len), 0);
}

/* Every list full: the longest program. */
static struct filter_params fullest(void)
{
	struct filter_params params = plain;

	params.n_only = FILTER_MAX_INTERFACES / 2;
	params.n_skip = FILTER_MAX_INTERFACES / 2;
	params.n_udp_open = FILTER_MAX_UDP_PORTS;
	params.n_tcp_open = FILTER_MAX_TCP_PORTS;
	params.shed_answers = true;
	for (int i = 0; i < FILTER_MAX_INTERFACES / 2; i++) {
		params.skip[i] = 1000 + i;
		params.only[i] = 2000 + i;
	}
	params.only[FILTER_MAX_INTERFACES / 2 - 1] = TAP_IFINDEX;
	for (uint16_t i = 0; i < FILTER_MAX_UDP_PORTS; i++)
		params.udp_open[i] = (uint16_t)(10000 + i);
	params.udp_open[FILTER_MAX_UDP_PORTS - 2] = 53;
	params.udp_open[FILTER_MAX_UDP_PORTS - 1] = 5353;
	return params;
}

static void test_fullest(void **state)
{
	struct filter_params params = fullest();
	uint8_t bytes[128];
	struct metadata m;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		len = make(&samples[i], bytes);
		m = metadata_of(&samples[i]);
		assert_int_equal(run(&params, &m, bytes, len), samples[i].passes ? SNAPLEN : 0);
		m.ifindex = 1000 + FILTER_MAX_INTERFACES / 2 - 1;
		assert_int_equal(run(&params, &m, bytes, len), 0);
		m.ifindex = 3000;
		assert_int_equal(run(&params, &m, bytes, len), 0);
	}
}

/* RFC 9293 §3.10.7.1: a SYN without ACK is refused with sequence number 0; a connection that is
 * broken off goes on from where it was. */
static void test_shed(void **state)
{
	static const struct {
		struct sample s;
		bool sheds;
	} cases[] = {
		{ { "refusal", .out = true, .proto = 6,
		    .l4 = { 0, 23, 0x9c, 0x40, [12] = 0x50, 0x14 } },
		  true },
		{ { "refusal, IPv6", .v6 = true, .out = true, .proto = 6,
		    .l4 = { 0, 23, 0x9c, 0x40, [12] = 0x50, 0x14 } },
		  true },
		{ { "refusal behind IP options", .out = true, .proto = 6, .options = 3,
		    .l4 = { 0, 23, 0x9c, 0x40, [12] = 0x50, 0x14 } },
		  true },
		{ { "abort", .out = true, .proto = 6, .l4 = { TCP_HEAD, 0x14 } }, false },
		{ { "refusal that comes in", .proto = 6,
		    .l4 = { 0, 23, 0x9c, 0x40, [12] = 0x50, 0x14 } },
		  false },
		{ { "RST without ACK", .out = true, .proto = 6,
		    .l4 = { 0, 23, 0x9c, 0x40, [12] = 0x50, 0x04 } },
		  false },
		{ { "SYN ACK", .out = true, .proto = 6, .l4 = { TCP_HEAD, 0x12 } }, false },
		{ { "SYN ACK of a listener", .out = true, .proto = 6,
		    .l4 = { 0, 23, 0x9c, 0x40, [12] = 0x50, 0x12 } },
		  true },
		{ { "SYN ACK that comes in from such a port", .proto = 6,
		    .l4 = { 0, 23, 0x9c, 0x40, [12] = 0x50, 0x12 } },
		  false },
		{ { "SYN", .proto = 6, .l4 = { TCP_HEAD, 0x02 } }, false },
	};
	struct filter_params params = plain;
	uint8_t bytes[128];

	(void)state;
	params.tcp_open[0] = 22;
	params.tcp_open[1] = 23;
	params.n_tcp_open = 2;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct metadata m = metadata_of(&cases[i].s);
		size_t len = make(&cases[i].s, bytes);

		params.shed_answers = false;
		assert_int_equal(run(&params, &m, bytes, len), SNAPLEN);
		params.shed_answers = true;
		assert_int_equal(run(&params, &m, bytes, len), cases[i].sheds ? 0 : SNAPLEN);
	}
}

/* A gateway watches pings, and what hosts behind it refuse. */
static void test_gateway(void **state)
{
	static const struct sample passing[] = {
		{ "echo request", .proto = 1, .l4 = { ECHO(8, 77) } },
		{ "echo request, IPv6", .v6 = true, .proto = 58, .l4 = { ECHO(128, 77) } },
		{ "unreachable", .proto = 1, .l4 = { 3, 1 } },
		{ "unreachable, IPv6", .v6 = true, .proto = 58, .l4 = { 1, 3 } },
		{ "parameter problem, IPv6", .v6 = true, .proto = 58, .l4 = { 4, 1 } },
	};
	struct filter_params params = plain;
	uint8_t bytes[128];

	(void)state;
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		struct metadata m = metadata_of(&passing[i]);
		size_t len = make(&passing[i], bytes);

		params.gateway = false;
		assert_int_equal(run(&params, &m, bytes, len), 0);
		params.gateway = true;
		assert_int_equal(run(&params, &m, bytes, len), SNAPLEN);
	}
}

/* Data with timestamps (RFC 7323), to this host or from it. What of it was kept. */
static uint32_t data_of(bool v6, bool out, const char *text, size_t len)
{
	struct metadata m = { .pkttype = out ? PACKET_OUTGOING : PACKET_HOST,
			      .protocol = v6 ? ETH_P_IPV6 : ETH_P_IP,
			      .ifindex = TAP_IFINDEX };
	uint8_t bytes[2048] = { 0 }, *l4 = bytes + (v6 ? 40 : 20);
	size_t size = 32 + len;

	if (v6) {
		bytes[0] = 0x60;
		bytes[4] = (uint8_t)(size >> 8);
		bytes[5] = (uint8_t)size;
		bytes[6] = 6;
	} else {
		bytes[0] = 0x45;
		bytes[2] = (uint8_t)((size + 20) >> 8);
		bytes[3] = (uint8_t)(size + 20);
		bytes[9] = 6;
	}
	l4[12] = 0x80;
	l4[13] = 0x18;
	memcpy(l4 + 32, text, len);
	return run(&plain, &m, bytes, (size_t)(l4 - bytes) + size);
}

#define DATA_OF(v6, out, text) data_of(v6, out, text, sizeof(text) - 1)

/* Questions of service detection pass; nothing that clients say every day does. */
static void test_questions(void **state)
{
	char bulk[1448];

	(void)state;
	memset(bulk, '\n', sizeof(bulk));
	for (int v6 = 0; v6 < 2; v6++) {
		assert_int_equal(DATA_OF(v6, false, "GET / HTTP/1.0\r\n\r\n"), SNAPLEN);
		assert_int_equal(DATA_OF(v6, false, "GET /nice%20ports%2C/Tri%6Eity.txt%2ebak"),
				 SNAPLEN);
		assert_int_equal(DATA_OF(v6, false, "\r\n\r\n"), SNAPLEN);
		assert_int_equal(DATA_OF(v6, false, "HELP\r\n"), SNAPLEN);
		assert_int_equal(DATA_OF(v6, false, "OPTIONS / RTSP/1.0\r\n\r\n"), SNAPLEN);
		assert_int_equal(DATA_OF(v6, false, "\x10\x10\x00\x04MQTT"), SNAPLEN);

		assert_int_equal(DATA_OF(v6, true, "GET / HTTP/1.0\r\n\r\n"), 0);
		assert_int_equal(DATA_OF(v6, false, "OPTIONS / HTTP/1.0\r\n\r\n"), 0);
		assert_int_equal(DATA_OF(v6, false, "GET / HTTP/1.1\r\nHost: 192.0.2.10\r\n\r\n"),
				 0);
		assert_int_equal(DATA_OF(v6, false, "SSH-2.0-OpenSSH_9.2p1\r\n"), 0);
		assert_int_equal(DATA_OF(v6, false, "\r\n"), 0);
		assert_int_equal(DATA_OF(v6, false, ""), 0);
		assert_int_equal(data_of(v6, false, bulk, 4), 0);
		assert_int_equal(data_of(v6, false, bulk, sizeof(bulk)), 0);
	}
}

/* RFC 826: a request, operation 1, for 10.0.0.n. */
static uint32_t arp_for(uint8_t operation, uint8_t last)
{
	struct metadata m = { .pkttype = PACKET_BROADCAST,
			      .protocol = ETH_P_ARP,
			      .ifindex = TAP_IFINDEX };
	uint8_t bytes[46] = { 0, 1, 8, 0, 6, 4, 0, operation, [24] = 10, 0, 0, last };

	return run(&plain, &m, bytes, sizeof(bytes));
}

/* RFC 4861 §4.3: a solicitation for 2001:db8::n, sent to its group. */
static uint32_t solicitation_for(const struct filter_params *params, uint8_t type, uint8_t last)
{
	struct metadata m = { .pkttype = PACKET_MULTICAST,
			      .protocol = ETH_P_IPV6,
			      .ifindex = TAP_IFINDEX };
	uint8_t bytes[72] = { 0x60,	   [5] = 32, [6] = 58, [7] = 255, [40] = type,
			      [48] = 0x20, 0x01,     0x0d,     0xb8,	  [63] = last };

	return run(params, &m, bytes, sizeof(bytes));
}

static void test_link_sweeps(void **state)
{
	struct filter_params params = plain;

	(void)state;
	params.sample_v6 = 5;
	for (unsigned int last = 0; last < 256; last++) {
		assert_int_equal(arp_for(1, (uint8_t)last), last % 8 == 3 ? SNAPLEN : 0);
		assert_int_equal(arp_for(2, (uint8_t)last), 0);
		assert_int_equal(solicitation_for(&params, 135, (uint8_t)last),
				 last % 8 == 5 ? SNAPLEN : 0);
		assert_int_equal(solicitation_for(&params, 136, (uint8_t)last), 0);
		assert_int_equal(solicitation_for(&plain, 135, (uint8_t)last), 0);
	}
}

static void test_bad_params(void **state)
{
	struct sock_filter prog[FILTER_MAX_INSNS];
	struct filter_params params;

	(void)state;
	params = plain;
	params.n_only = FILTER_MAX_INTERFACES + 1;
	assert_int_equal(filter_build(&params, prog), -EINVAL);
	params = plain;
	params.n_skip = FILTER_MAX_INTERFACES + 1;
	assert_int_equal(filter_build(&params, prog), -EINVAL);
	params.n_only = 1;
	params.n_skip = FILTER_MAX_INTERFACES;
	assert_int_equal(filter_build(&params, prog), -EINVAL);
	params = plain;
	params.n_udp_open = FILTER_MAX_UDP_PORTS + 1;
	assert_int_equal(filter_build(&params, prog), -EINVAL);
	params = plain;
	params.n_tcp_open = FILTER_MAX_TCP_PORTS + 1;
	assert_int_equal(filter_build(&params, prog), -EINVAL);
	params = plain;
	params.snaplen = 0;
	assert_int_equal(filter_build(&params, prog), -EINVAL);
}

/* Bytes that are mostly a packet: headers from the table, with some of their bytes spoilt. */
static size_t random_packet(const struct sample *s, uint8_t bytes[128])
{
	size_t len = make(s, bytes);

	for (long n = random() % 4; n > 0; n--)
		bytes[(size_t)random() % len] = (uint8_t)random();
	return len;
}

/* What the parser would hand to the engine must not have been dropped by the filter. */
static void test_agrees_with_parser(void **state)
{
	static struct packet_parser pp;
	struct sock_filter prog[FILTER_MAX_INSNS];
	int n = filter_build(&plain, prog);
	unsigned int agreed = 0;
	uint8_t bytes[128];
	struct packet p;

	(void)state;
	assert_true(n > 0);
	srandom(1);
	packet_parser_init(&pp);
	for (int round = 0; round < 300000; round++) {
		const struct sample *s =
			&samples[(size_t)random() % (sizeof(samples) / sizeof(samples[0]))];
		struct metadata m = metadata_of(s);
		size_t len = random_packet(s, bytes);

		m.pkttype = PACKET_HOST;
		if (packet_parse(&pp, (uint16_t)m.protocol, bytes, len, len, &p) != PACKET_OK)
			continue;
		if (p.proto != PACKET_TCP && p.proto != PACKET_SCTP && p.proto != PACKET_IP &&
		    p.proto != PACKET_ICMP_QUERY)
			continue;
		assert_int_equal(interpret(prog, (unsigned int)n, &m, bytes, len), SNAPLEN);
		agreed++;
	}
	assert_true(agreed > 30000);
}

static void test_kernel_accepts(void **state)
{
	struct filter_params full = fullest();
	int fd[2];
	char c;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(filter_attach(fd[1], &plain), 0);
	assert_int_equal(filter_attach(fd[1], &full), 0);
	assert_int_equal(filter_attach_closed(fd[1]), 0);
	(void)!send(fd[0], "x", 1, 0);
	assert_int_equal(recv(fd[1], &c, 1, 0), -1);
	close(fd[0]);
	assert_int_equal(filter_attach(fd[0], &plain), -EBADF);
	close(fd[1]);
}

/*
 * The real thing, in a network namespace of its own:
 *
 *	test ── frames ──► [ tap0 ] ◄── frames ── a second packet socket, as this host's stack
 *	                      │
 *	                 packet socket with the filter ──► what arrived
 */
struct lab {
	int tap, out, in;
	int ifindex;
	uint8_t mac[6];
	bool failed;
};

/* Runs in a child: says what went wrong, for the parent only sees an exit code. */
static bool lab_check(struct lab *lab, bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "lab: %s (%s)\n", what, strerror(errno));
		lab->failed = true;
	}
	return ok;
}

static bool lab_open(struct lab *lab)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct timeval patience = { .tv_sec = 5 };

	strcpy(ifr.ifr_name, "tap0");
	lab->tap = open("/dev/net/tun", O_RDWR);
	if (lab->tap < 0 || ioctl(lab->tap, TUNSETIFF, &ifr) < 0)
		return false;
	lab->out = socket(AF_PACKET, SOCK_DGRAM, 0);
	lab->in = socket(AF_PACKET, SOCK_DGRAM, 0);
	if (lab->out < 0 || lab->in < 0 || ioctl(lab->out, SIOCGIFHWADDR, &ifr) < 0)
		return false;
	memcpy(lab->mac, ifr.ifr_hwaddr.sa_data, sizeof(lab->mac));
	ifr.ifr_flags = IFF_UP;
	if (ioctl(lab->out, SIOCSIFFLAGS, &ifr) < 0 || ioctl(lab->out, SIOCGIFINDEX, &ifr) < 0)
		return false;
	lab->ifindex = ifr.ifr_ifindex;
	setsockopt(lab->in, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return filter_attach_closed(lab->in) == 0 &&
	       bind(lab->in, (struct sockaddr *)&ll, sizeof(ll)) == 0 &&
	       filter_attach(lab->in, &plain) == 0;
}

/* to: the last byte of the destination, 0 for this host's own address. tag: -1 for none. */
static void lab_come_in(struct lab *lab, uint8_t to, int tag, uint16_t protocol,
			const uint8_t *bytes, size_t len)
{
	uint8_t frame[256], *p = frame;

	memcpy(p, lab->mac, 6);
	if (to == 0xff)
		memset(p, 0xff, 6);
	else if (to)
		p[5] ^= to;
	memcpy(p + 6, (const uint8_t[]){ 2, 0, 0, 0, 0, 9 }, 6);
	p += 12;
	if (tag >= 0) {
		*p++ = 0x81;
		*p++ = 0x00;
		*p++ = (uint8_t)(tag >> 8);
		*p++ = (uint8_t)tag;
	}
	*p++ = (uint8_t)(protocol >> 8);
	*p++ = (uint8_t)protocol;
	memcpy(p, bytes, len);
	p += len;
	lab_check(lab, write(lab->tap, frame, (size_t)(p - frame)) == p - frame,
		  "write to the tap");
}

static void lab_send(struct lab *lab, uint16_t protocol, const uint8_t *bytes, size_t len)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = lab->ifindex,
		.sll_halen = 6,
		.sll_addr = { 2, 0, 0, 0, 0, 9 },
	};

	lab_check(lab, sendto(lab->out, bytes, len, 0, (struct sockaddr *)&to, sizeof(to)) >= 0,
		  "send a packet");
}

/* Did these bytes arrive, before the sentinel that is sent behind them? */
static bool lab_arrived(struct lab *lab, const uint8_t *bytes, size_t len)
{
	uint8_t sentinel[128], got[256];
	size_t sentinel_len = make(&samples[0], sentinel);
	bool arrived = false;
	ssize_t n;

	sentinel[sentinel_len - 1] = 0xee;
	lab_come_in(lab, 0, -1, ETH_P_IP, sentinel, sentinel_len);
	for (;;) {
		n = recv(lab->in, got, sizeof(got), 0);
		if (!lab_check(lab, n > 0, "the sentinel did not arrive"))
			return false;
		if ((size_t)n >= sentinel_len && !memcmp(got, sentinel, sentinel_len))
			return arrived;
		if ((size_t)n >= len && !memcmp(got, bytes, len))
			arrived = true;
		else
			lab_check(lab, false, "something else arrived");
	}
}

static void lab_run(struct lab *lab)
{
	uint8_t bytes[128];
	size_t len;

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		uint16_t protocol = s->v6 ? ETH_P_IPV6 : ETH_P_IP;

		len = make(s, bytes);
		if (s->out)
			lab_send(lab, protocol, bytes, len);
		else
			lab_come_in(lab, 0, -1, protocol, bytes, len);
		lab_check(lab, lab_arrived(lab, bytes, len) == s->passes, s->what);
	}
	len = make(&samples[0], bytes);
	lab_come_in(lab, 0xff, -1, ETH_P_IP, bytes, len);
	lab_check(lab, !lab_arrived(lab, bytes, len), "a broadcast passes");
	lab_come_in(lab, 1, -1, ETH_P_IP, bytes, len);
	lab_check(lab, !lab_arrived(lab, bytes, len), "another host's frame passes");
	lab_come_in(lab, 0, 0x2005, ETH_P_IP, bytes, len);
	lab_check(lab, !lab_arrived(lab, bytes, len), "a frame of VLAN 5 passes");
	lab_come_in(lab, 0, 0xa000, ETH_P_IP, bytes, len);
	lab_check(lab, lab_arrived(lab, bytes, len), "a frame with a priority tag is dropped");
}

static void test_on_real_frames(void **state)
{
	struct lab lab = { 0 };
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0) {
		print_message("needs root, for a network namespace\n");
		skip();
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) < 0 || !lab_open(&lab))
			_exit(77);
		lab_run(&lab);
		_exit(lab.failed);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("needs a network namespace and /dev/net/tun\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_other_hosts_and_protocols),
		cmocka_unit_test(test_short_packets),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_fullest),
		cmocka_unit_test(test_shed),
		cmocka_unit_test(test_gateway),
		cmocka_unit_test(test_link_sweeps),
		cmocka_unit_test(test_bad_params),
		cmocka_unit_test(test_agrees_with_parser),
		cmocka_unit_test(test_kernel_accepts),
		cmocka_unit_test(test_on_real_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
