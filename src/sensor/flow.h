/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows: how connections to this side began, so that their end tells what happened in between.
 *
 * Theory of operation
 * -------------------
 * Plain data never reaches the engine: only SYN, SYN/ACK, FIN and RST do. But a TCP sequence number
 * counts bytes (RFC 9293 §3.4), so that the numbers at both ends of a connection say how much each
 * side sent: what the peer asked is its sequence number less its initial one, what it was served
 * is what it acknowledges less the initial number of this side.
 *
 * A set-associative table holds the initial numbers, by a hash of the four of addresses and ports.
 * Of a full set gives way what is over: a login takes seconds, in which short connections of others come
 * and go. Else the oldest does: a flood of SYNs to an open port costs one set per SYN, and
 * shortens how long a connection is remembered; those of peers that are known already, by what they
 * tried in vain or by a handshake, give way to each other only, as long as there are others. That a
 * hash of 32 bits takes one connection for another does no harm: the sequence numbers would have to
 * agree as well.
 */
#ifndef MIMAMORI_SENSOR_FLOW_H
#define MIMAMORI_SENSOR_FLOW_H

#include "core/addr.h"

#include <stdbool.h>
#include <stdint.h>

#define FLOWS 512 /* remembered at a time: 16 kB */
#define FLOWS_WAYS 4
#define FLOW_FORGET_MS 3600000 /* older ones are nobody's any more */
#define FLOW_REPEAT_MS 130000 /* Linux repeats a SYN for so long (tcp_syn_retries) */
/*
 * How far past the initial number an ack still proves it seen: a greeting and a short page. Whoever forges
 * has to guess the number, and has one guess a connection. A longer answer's end is this side's to prove.
 */
#define FLOW_PROOF_WINDOW (1u << 12)

enum flow_state {
	FLOW_ANSWERED = 1, /* its SYN/ACK was seen: self_isn holds */
	FLOW_CREDITED = 2, /* it counted in the peer's favour */
	FLOW_SELF_ENDED = 4, /* this side said good-bye first */
	FLOW_ENDED = 8, /* the peer's end was seen */
	FLOW_ASKED = 16, /* its first bytes were seen */
	FLOW_KEPT = 32, /* of a peer that was known when it began */
	FLOW_FINISHED = 64, /* its handshake was, as floods_proven() knows */
	/* ssh's keys are exchanged: the initial numbers are those after it, so that what is counted is the login. */
	FLOW_KEYED = 128,
};

struct flow {
	uint32_t key; /* 0: free */
	uint32_t peer_isn, self_isn; /* initial sequence numbers */
	uint32_t t_ms; /* of the SYN, on the clock */
	uint8_t kind, tools; /* of the SYN, as in struct probe */
	uint8_t state; /* enum flow_state */
	uint8_t login; /* a login service's: enum guess_service and one; else 0 */
	uint8_t refusals; /* logins refused in clear text, saturating */
	uint8_t tried : 1; /* it was counted as a login */
	uint8_t peer_ended : 1; /* the peer said good-bye: its FIN counts in what it sent */
	uint8_t admitted : 1; /* in clear text, too */
	uint8_t repeated : 1; /* it was refused again with nothing else between */
	uint8_t over : 1; /* nothing more will be told by it: it gives way first */
	/* How much had been asked and served when a login was refused last, modulo 2^16. */
	uint16_t refused_asked, refused_served;
};

/* Who asks (peer) whom (self). */
struct flow_ends {
	struct addr peer, self;
	uint16_t peer_port, port;
};

/* What the end of a connection tells. */
struct flow_end {
	uint32_t asked, served; /* bytes of the peer, and those of this side that it acknowledged */
	uint32_t age_ms; /* since its SYN */
	bool by_peer; /* the peer ended it, not this side */
};

struct flows;

/* Owned; NULL with errno. All memory is taken and touched at once. */
struct flows *flows_new(uint64_t seed);
void flows_free(struct flows *fs);

/* The flow, or NULL: never seen, or it gave way. Borrowed until the next flows_begin(). */
struct flow *flows_find(struct flows *fs, const struct flow_ends *ends, uint64_t now_ns);

/* Begins the flow, or finds it when this is a repeat of its SYN. known: the peer. Borrowed likewise. */
struct flow *flows_begin(struct flows *fs, const struct flow_ends *ends, uint32_t peer_isn,
			 bool known, uint64_t now_ns);

uint32_t flow_age_ms(const struct flow *f, uint64_t now_ns);

/* Does this acknowledgement show that the peer saw the SYN/ACK? */
bool flow_proven(const struct flow *f, uint32_t ack);

/* What a FIN or RST of the peer tells, by its own two numbers. The SYN/ACK must have been seen. */
struct flow_end flow_end(const struct flow *f, uint32_t seq, uint32_t ack, uint64_t now_ns);

#endif
