/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The assembler that filter.c, filter-questions.c and filter-bulk.c write their parts of the program with.
 */
#ifndef MIMAMORI_SENSOR_FILTER_INTERNAL_H
#define MIMAMORI_SENSOR_FILTER_INTERNAL_H

#include "sensor/filter.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#define FILTER_WORDS 8 /* beginnings of questions that need a second look, at most */
#define FILTER_PLACES 2

enum label {
	NEXT, /* the following step */
	PROTOCOL,
	IPV4_TCP,
	IPV4_TCP_LATER,
	IPV4_UDP,
	IPV4_SCTP,
	IPV4_ICMP,
	IPV4_ICMP_SENT,
	IPV4_ECHO,
	IPV6,
	IPV6_TCP,
	IPV6_UDP,
	IPV6_SCTP,
	IPV6_ICMP,
	IPV6_ICMP_SENT,
	IPV6_ECHO,
	IPV6_FRAGMENT,
	IPV6_EXTENSIONS,
	TCP_FLAGS,
	SYN_ACK,
	SHED_IF_SENT,
	UDP_PORT,
	UDP_SENT,
	UDP_KNOWN,
	SCTP_CHUNK,
	UNSPOKEN,
	DATA,
	DATA_IPV6,
	PAYLOAD,
	ASKED,
	BULK_IN, /* bulk, unless this host sent it */
	BULK,
	SAMPLED,
	KEEP,
	NEWKEYS,
	LOGIN,
	LOGIN_PAYLOAD,
	PROMPT,
	ARP,
	NEIGHBOUR,
	INTERFACE,
	TAG,
	PASS,
	DROP,
	WORD, /* and FILTER_WORDS more */
	LOGIN_WORD = WORD + FILTER_WORDS, /* likewise of login.h */
	LABELS = LOGIN_WORD + FILTER_WORDS,
};

struct step {
	uint16_t code;
	uint8_t yes, no; /* enum label; of BPF_JA: yes */
	uint32_t k;
};

struct assembly {
	unsigned int count;
	bool full;
	/* The steps that a label stands before: the first one ahead is meant. 0: none. */
	uint16_t label[LABELS][FILTER_PLACES];
	struct step step[FILTER_MAX_INSNS];
};

static inline void add(struct assembly *a, uint16_t code, uint32_t k, enum label yes, enum label no)
{
	if (a->count == FILTER_MAX_INSNS) {
		a->full = true;
		return;
	}
	a->step[a->count++] = (struct step){ .code = code, .k = k, .yes = yes, .no = no };
}

static inline void load(struct assembly *a, uint16_t code, uint32_t k)
{
	add(a, BPF_LD | code, k, NEXT, NEXT);
}

static inline void load_ancillary(struct assembly *a, uint32_t what)
{
	load(a, BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + what);
}

static inline void mask(struct assembly *a, uint32_t k)
{
	add(a, BPF_ALU | BPF_AND | BPF_K, k, NEXT, NEXT);
}

/* op: BPF_JEQ, BPF_JGT, BPF_JGE or BPF_JSET */
static inline void jump(struct assembly *a, uint16_t op, uint32_t k, enum label yes, enum label no)
{
	add(a, BPF_JMP | op | BPF_K, k, yes, no);
}

static inline void go(struct assembly *a, enum label l)
{
	add(a, BPF_JMP | BPF_JA, 0, l, NEXT);
}

static inline void verdict(struct assembly *a, uint32_t snaplen)
{
	add(a, BPF_RET | BPF_K, snaplen, NEXT, NEXT);
}

static inline void place(struct assembly *a, enum label l)
{
	a->label[l][a->label[l][0] ? 1 : 0] = (uint16_t)a->count;
}

/* From X, where the TCP header starts, to X where its payload does, and A: the first word of it. A packet that
 * ends before goes to `empty`. */
void filter_to_payload(struct assembly *a, enum label empty);

/*
 * Plain TCP data that comes in: passes when it is short and begins like a question of service detection
 * (service-probe.h), or is ssh's NEWKEYS (login.h). Bulk data costs six steps, a bare acknowledgement seven.
 */
void filter_add_questions(struct assembly *a);

/*
 * What is of no use but to be counted: one in params->bulk_one_in goes on to INTERFACE, which has to follow,
 * with FILTER_SAMPLE_MARK in X. Elsewhere X is 0, or where a header starts, a multiple of four.
 */
#define FILTER_SAMPLE_MARK 1
void filter_add_bulk(struct assembly *a, const struct filter_params *params);

/* The verdict on what passes: samples are kept without their last byte. */
void filter_add_pass(struct assembly *a, const struct filter_params *params);

/*
 * Plain TCP data that this host sends: passes when it comes from a login port and begins as login.h
 * knows. What a client of this host sends costs four steps, what a login service sends some twenty.
 */
void filter_add_login(struct assembly *a, const struct filter_params *params);

#endif
