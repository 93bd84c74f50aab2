/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/filter-internal.h"

#include <linux/if_packet.h>

void filter_add_bulk(struct assembly *a, const struct filter_params *params)
{
	place(a, BULK_IN);
	if (params->bulk_one_in) {
		load_ancillary(a, SKF_AD_PKTTYPE);
		jump(a, BPF_JEQ, PACKET_HOST, NEXT, DROP);
	}
	place(a, BULK);
	if (!params->bulk_one_in) {
		verdict(a, 0);
		return;
	}
	load_ancillary(a, SKF_AD_RANDOM);
	jump(a, BPF_JSET, params->bulk_one_in - 1, DROP, NEXT);
	add(a, BPF_LDX | BPF_IMM, FILTER_SAMPLE_MARK, NEXT, NEXT);
}

void filter_add_pass(struct assembly *a, const struct filter_params *params)
{
	place(a, PASS);
	if (!params->bulk_one_in) {
		verdict(a, params->snaplen);
		return;
	}
	add(a, BPF_MISC | BPF_TXA, 0, NEXT, NEXT);
	jump(a, BPF_JEQ, FILTER_SAMPLE_MARK, SAMPLED, NEXT);
	verdict(a, params->snaplen);
	place(a, SAMPLED);
	load(a, BPF_W | BPF_LEN, 0);
	add(a, BPF_ALU | BPF_SUB | BPF_K, 1, NEXT, NEXT);
	jump(a, BPF_JGE, params->snaplen, NEXT, KEEP);
	verdict(a, params->snaplen - 1);
	place(a, KEEP);
	add(a, BPF_RET | BPF_A, 0, NEXT, NEXT);
}
