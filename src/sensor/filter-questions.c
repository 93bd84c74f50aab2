/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/filter-internal.h"

#include "sensor/login.h"
#include "sensor/service-probe.h"

#include <linux/if_packet.h>

/* Headers at their largest, and a question behind them. */
#define TOTAL_V4 (60 + 60 + SERVICE_PROBE_MAX)
#define TOTAL_V6 (60 + SERVICE_PROBE_MAX) /* without the fixed header */
/* A bare acknowledgement, without and with timestamps (RFC 7323 §3.2, as Linux and others pad them) */
#define BARE_V4 40
#define STAMPED_V4 52
#define BARE_V6 20
#define STAMPED_V6 32

static void add_length(struct assembly *a, uint32_t at, uint32_t most, uint32_t bare,
		       uint32_t stamped)
{
	load(a, BPF_H | BPF_ABS, at);
	jump(a, BPF_JGT, most, BULK_IN, NEXT);
	jump(a, BPF_JEQ, stamped, BULK_IN, NEXT);
	jump(a, BPF_JEQ, bare, BULK_IN, PAYLOAD);
}

/* A: the first four bytes; X: where they are. */
static void add_words(struct assembly *a)
{
	unsigned int n, i = 0, group = 0;
	const struct service_word *w = service_words(&n);

	while (i < n) {
		uint32_t first = w[i].first;

		if (!w[i].at) {
			jump(a, BPF_JEQ, first, ASKED, NEXT);
			i++;
			continue;
		}
		jump(a, BPF_JEQ, first, NEXT, WORD + group);
		for (; i < n && w[i].first == first; i++) {
			load(a, BPF_W | BPF_IND, w[i].at);
			jump(a, BPF_JEQ, w[i].then, ASKED, NEXT);
		}
		go(a, BULK_IN);
		place(a, WORD + group++);
	}
}

void filter_to_payload(struct assembly *a, enum label empty)
{
	load(a, BPF_B | BPF_IND, 12); /* data offset */
	mask(a, 0xf0);
	add(a, BPF_ALU | BPF_RSH | BPF_K, 2, NEXT, NEXT);
	add(a, BPF_ALU | BPF_ADD | BPF_X, 0, NEXT, NEXT);
	add(a, BPF_MISC | BPF_TAX, 0, NEXT, NEXT);
	load(a, BPF_W | BPF_LEN, 0);
	add(a, BPF_ALU | BPF_SUB | BPF_X, 0, NEXT, NEXT);
	jump(a, BPF_JGE, 4, NEXT, empty); /* a load beyond the end drops the packet */
	load(a, BPF_W | BPF_IND, 0);
}

void filter_add_questions(struct assembly *a)
{
	place(a, DATA); /* X: where the TCP header starts */
	load_ancillary(a, SKF_AD_PKTTYPE);
	jump(a, BPF_JEQ, PACKET_OUTGOING, LOGIN, NEXT);
	load(a, BPF_B | BPF_ABS, 0); /* version */
	jump(a, BPF_JGE, 0x60, DATA_IPV6, NEXT);
	add_length(a, 2, TOTAL_V4, BARE_V4, STAMPED_V4);
	place(a, DATA_IPV6);
	add_length(a, 4, TOTAL_V6, BARE_V6, STAMPED_V6);

	place(a, PAYLOAD);
	filter_to_payload(a, BULK_IN);
	jump(a, BPF_JEQ, LOGIN_NEWKEYS_WORD, NEWKEYS, NEXT);
	add_words(a);
	go(a, BULK_IN);

	place(a, NEWKEYS);
	load(a, BPF_H | BPF_IND, 4);
	jump(a, BPF_JEQ, LOGIN_NEWKEYS_HALF, ASKED, BULK_IN);

	place(a, ASKED);
	load_ancillary(a, SKF_AD_PKTTYPE);
	jump(a, BPF_JEQ, PACKET_HOST, INTERFACE, DROP);
}
