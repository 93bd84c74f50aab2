/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Evidence: what a peer's probes add up to, in the fixed bytes of a trie node.
 *
 * Theory of operation
 * -------------------
 * Each first contact in vain adds its weight, in sixteenths of a bit of log2 likelihood ratio
 * (Threshold Random Walk: Jung et al., "Fast Portscan Detection Using Sequential Hypothesis
 * Testing", 2004), to four sums that fade at different speeds: seconds, minutes, hours, a day. A
 * fast scan is decided in the first, a slow one in the last. The sums fade in steps of an eighth
 * of their half-life on an absolute grid, computed when touched: no timer, and touching
 * often neither speeds fading up nor holds it back.
 *
 * The first EVIDENCE_EXACT contacts are remembered exactly, later ones in a sketch of 64 bits.
 */
#ifndef MIMAMORI_SENSOR_EVIDENCE_H
#define MIMAMORI_SENSOR_EVIDENCE_H

#include "sensor/crowd.h"
#include "sensor/fingerprint.h"
#include "sensor/probe.h"

#include <stdbool.h>
#include <stdint.h>

#define EVIDENCE_SCALES 4
#define EVIDENCE_EXACT 8
#define EVIDENCE_BIT 16 /* one bit of log2 likelihood ratio */
#define EVIDENCE_MAX_CREDIT 3
#define EVIDENCE_LEAVES 3 /* connections left unused that are told apart: more say no more */

enum evidence_flag {
	EVIDENCE_VALIDATED = 1, /* the peer completed a handshake: its address is its own */
	EVIDENCE_FINDING = 2, /* it may have a finding: worth a search */
	EVIDENCE_ALERTED = 4, /* and has been alerted */
	EVIDENCE_JOINED = 8, /* its contacts are counted in a finding of unrelated peers */
	EVIDENCE_USED = 16, /* it used a service: that has been credited, once */
};

struct evidence {
	uint8_t trait[CROWD_TRAITS]; /* of the latest contact, */
	uint16_t last_port; /* and its port: for crowd_weigh() */
	uint8_t flags; /* enum evidence_flag */
	uint8_t credit; /* distinct ports that served this peer, at most EVIDENCE_MAX_CREDIT */
	uint64_t last_ns; /* clock time of the last touch, 0: never */
	uint64_t first_ns; /* of the first */
	uint16_t sum[EVIDENCE_SCALES]; /* of weights, in sixteenths of a bit */
	uint64_t sketch; /* contacts beyond the exact ones */
	uint64_t hosts; /* sketch of the addresses tried */
	uint32_t probes; /* packets, repeats included, saturating */
	uint16_t port[EVIDENCE_EXACT];
	uint8_t where[EVIDENCE_EXACT]; /* hash of address and kind of the exact contacts */
	uint8_t exact; /* how many of them are in use */
	uint8_t leaves; /* bits: which exact contacts are probe_is_leave(); they are in no other count */
	uint8_t plain, ambient; /* contacts in vain: to any port, to ports every PC tries */
	uint8_t refused, aborted;
	uint8_t alerts; /* scans found so far, saturating */
	uint8_t kind[PROBE_KINDS]; /* contacts by kind, saturating */
	uint8_t tool[FINGERPRINT_COUNT]; /* contacts by mark, saturating */
};

/* The fading of all sums up to now_ns. */
void evidence_fade(struct evidence *ev, uint64_t now_ns);

/* Has this contact been counted before? Past the exact ones it may say yes wrongly, less than half
 * of the time. */
bool evidence_knows(const struct evidence *ev, const struct probe *p);

/* Is it one of the exact ones? Never wrongly. */
bool evidence_knows_exactly(const struct evidence *ev, const struct probe *p);

/* Remembers the contact and adds its weight. Fade first. */
void evidence_add(struct evidence *ev, const struct probe *p, uint8_t weight, bool ambient);

/* Takes a weight back: the host answered after all. */
void evidence_undo(struct evidence *ev, const struct probe *p, uint8_t weight, bool ambient);

/* Takes back a contact that was added: it was not the peer's doing. The sketch may go on knowing it. */
void evidence_disown(struct evidence *ev, const struct probe *p, uint8_t weight, bool ambient);

/* The peer's scan has ended, and it is back: what it does now is judged and counted anew. */
void evidence_restart(struct evidence *ev, uint64_t now_ns);

/* One more port that served the peer: false when it has all the credit it can get. */
bool evidence_credit(struct evidence *ev);

/* One less. */
void evidence_discredit(struct evidence *ev);

/* All contacts in vain, and those that only knocked, up to 255 of each sort. */
unsigned int evidence_contacts(const struct evidence *ev);

/* How many distinct addresses it tried, estimated from the sketch. */
unsigned int evidence_hosts(const struct evidence *ev);

/* The kind most of its contacts are of; packets that hardly anything else sends name it first. */
enum probe_kind evidence_kind(const struct evidence *ev);

/* What a leaf that folds adds to its parent's. For trie_params.fold. */
void evidence_fold(void *into, const void *from, void *arg);

/* A bit for an address in a sketch of 64. */
uint64_t evidence_host_bit(struct addr a);

/* The hash by which exact contacts tell apart addresses and kinds. */
uint8_t evidence_where(const struct probe *p);

struct newcomer;

/* The evidence that a newcomer's one contact makes. */
void evidence_begin(struct evidence *ev, const struct newcomer *n, uint64_t now_ns);

/* Adds a newcomer that is forgotten to its prefix's: as evidence_fold() would, only faster. */
void evidence_absorb(struct evidence *prefix, const struct newcomer *n, uint64_t now_ns);

#endif
