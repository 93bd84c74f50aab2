/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Findings: what the detectors conclude, from the first suspicion to the closing totals.
 *
 * A finding is about one peer, or about a group of peers: a prefix whose addresses work together,
 * unrelated peers that ask for the same ports, or one scanner behind forged addresses (decoys). Those
 * who recognise a group hold its finding by reference, since it has no address to be found by.
 *
 * A finding lives in one of a fixed number of slots. Suspected: enough for a notice, and an alert if
 * it goes on. Open: alerted; re-alerted as the evidence grows tenfold; closed with totals after a
 * silence that is long against the pace of the probes. When all slots are in use, the suspicion, and
 * failing that the finding, that has been silent longest is closed early: of those whose packets are a
 * flood's (crowd.h), if there are any. Those are refused a slot that another of them still uses.
 */
#ifndef MIMAMORI_SENSOR_FINDING_H
#define MIMAMORI_SENSOR_FINDING_H

#include "core/sketch.h"
#include "sensor/crowd.h"
#include "sensor/evidence.h"
#include "sensor/iid-pattern.h"
#include "sensor/probe.h"

#include <stdbool.h>
#include <stdint.h>

#define FINDING_SAMPLE 16
#define FINDING_PEER_SAMPLE 8
#define FINDING_GROWTH 10 /* a re-alert when the contacts in vain have grown by this factor */
#define FINDING_SUSPECT_QUIET_NS 10000000000ULL
#define FINDING_MAX_QUIET_NS (24 * 3600ULL * 1000000000ULL)
#define FINDING_MAX_DOUBLINGS 10

enum finding_phase { FINDING_NOTICE, FINDING_START, FINDING_UPDATE, FINDING_END };

enum finding_scope {
	FINDING_HOST, /* one peer */
	FINDING_PREFIX, /* addresses of one prefix that work together */
	FINDING_DISTRIBUTED, /* unrelated peers, the same ports */
	FINDING_DECOYS, /* one scanner among forged addresses */
};

struct finding {
	bool used, alerted;
	uint8_t scope; /* enum finding_scope */
	bool real_known; /* DECOYS: last.peer and peer are the one address that reacted */
	bool secondary; /* another kind beside the peer's first: closed without a word if never alerted */
	bool spoofable; /* nothing has shown yet that the peer's address is its own */
	uint8_t kind; /* enum probe_kind: a peer's scans of several kinds are findings of their own */
	uint8_t quiet_doublings; /* a peer that comes back again and again gets more patience */
	uint32_t sequence; /* events so far */
	uint32_t made; /* how many the findings had made when they made this one */
	uint64_t id;
	struct prefix peer; /* of a group: the most specific that holds all its peers */
	uint8_t peers_sampled;
	struct addr peer_sample[FINDING_PEER_SAMPLE]; /* of a group: the first peers */
	uint64_t peers[4]; /* of a group: sketch of its peers, see sketch_linear() */
	struct probe last; /* the contact that the next event shows */
	uint64_t first_ns, last_ns;
	uint64_t report_at; /* contacts in vain at which it is told again */
	uint64_t probes; /* packets */
	uint64_t failed; /* contacts in vain, those that fell together in the sketch left out */
	uint64_t refused, open; /* contacts by answer */
	uint64_t aborted; /* with what serves, broken off or not used as a client does */
	uint64_t unseen; /* closed ports whose answers were not looked at */
	uint32_t tool[FINGERPRINT_COUNT]; /* contacts by mark */
	uint64_t hosts_before; /* sketch (evidence_host_bit) of the addresses tried before the finding */
	uint16_t pattern[IID_PATTERNS]; /* IPv6 addresses tried, by how they are made, saturating */
	float llr; /* log2 likelihood ratio, the highest so far */
	uint8_t sampled;
	uint16_t sample[FINDING_SAMPLE]; /* the first distinct ports */
	/* Sketches: the contacts (address, port, kind), the ports, the addresses not in hosts_before. */
	struct sketch contacts, ports, hosts;
};

struct findings;

typedef void finding_emit_fn(const struct finding *f, enum finding_phase phase, void *arg);

struct finding_stats {
	uint64_t opened, notices, closed;
	uint64_t evicted; /* closed early for want of a slot */
	uint64_t refused; /* not begun for want of a slot: peers of a flood */
};

/* capacity slots, each told through emit. quiet_ns: the shortest silence that ends a finding. */
struct findings *findings_new(unsigned int capacity, uint64_t quiet_ns, uint64_t seed,
			      finding_emit_fn *emit, void *arg);
void findings_free(struct findings *fs);

/* Whom to ask what is a flood's, borrowed; without, nothing is. */
void findings_set_crowd(struct findings *fs, const struct crowd *crowd);

/* The peer's finding of this kind, or NULL. Borrowed. O(capacity), over packed addresses. */
struct finding *findings_of(struct findings *fs, struct addr peer, enum probe_kind kind);

/* Has the peer a finding of any kind? `alerted`: only those that count. */
bool findings_any(const struct findings *fs, struct addr peer, bool alerted);

/* Begins a suspicion of a scan of this kind from what the peer's evidence holds. Borrowed; NULL when
 * its packets are a flood's, and there is no slot for such. */
struct finding *findings_suspect(struct findings *fs, const struct probe *p, enum probe_kind kind,
				 const struct evidence *ev, uint64_t now_ns);

/* Likewise, of another kind beside the peer's findings: it begins with this contact alone. */
struct finding *findings_suspect_too(struct findings *fs, const struct probe *p, uint64_t now_ns);

/*
 * Begins a suspicion of a group, empty: contacts follow by finding_contact(), and every peer by
 * finding_member(). It is found again by findings_ref() and findings_get() only. Borrowed.
 */
struct finding *findings_suspect_group(struct findings *fs, enum finding_scope scope,
				       const struct probe *p, enum probe_kind kind,
				       uint64_t now_ns);

/* Gives an empty finding what the evidence holds, without its peers. */
void finding_begin_with(struct finding *f, const struct evidence *ev);

/* This peer belongs to the group: widens the prefix, unless the real one is known. */
void finding_member(struct finding *f, struct addr peer);

/* This is the one of the group's addresses that is real. */
void finding_name_real(struct finding *f, struct addr peer);

/* How many peers a group has, estimated beyond some dozens; 1 for a host. */
unsigned int finding_peers(const struct finding *f);

/* What outlives the pointer: the slot, and which of its findings. Zero refers to none. */
struct finding_ref {
	uint32_t slot, made;
};

struct finding_ref findings_ref(const struct findings *fs, const struct finding *f);
struct finding *findings_get(struct findings *fs, struct finding_ref ref); /* NULL: it has ended */

/* One more packet of a contact that was counted before, or that the sketch takes for such a one. */
void finding_repeat(struct finding *f, const struct probe *p, uint64_t now_ns);

/* Has the finding counted this contact already? */
bool finding_knows(const struct finding *f, const struct probe *p);

/* One more contact in vain. */
void finding_contact(struct finding *f, const struct probe *p, uint64_t now_ns);

/* Alerts, or re-alerts when it has grown enough. True when it is a new alert. */
bool findings_tell(struct findings *fs, struct finding *f, float llr);

/* Tells an alerted finding again: something about it is new. */
void findings_update(struct findings *fs, struct finding *f);

/* Ends a suspicion without a word: what it was built on has been taken back. */
void findings_withdraw(struct findings *fs, struct finding *f);

/* Likewise every suspicion of a single peer of this prefix: a group's finding speaks for them now. */
void findings_withdraw_within(struct findings *fs, const struct prefix *prefix);

/* The peer finished a handshake: its address is no forgery. */
void findings_proven(struct findings *fs, struct addr peer);

/* Closes what has been silent long enough. Returns when to call again (clock time), 0: never. */
uint64_t findings_expire(struct findings *fs, uint64_t now_ns);

/* Closes all: the end of a capture, or of the sensor. */
void findings_close_all(struct findings *fs);

/* Open findings, and the counters. */
unsigned int findings_open(const struct findings *fs);
void findings_stats(const struct findings *fs, struct finding_stats *out);

/* The pattern that most of the IPv6 addresses it tried follow; IID_PATTERNS: none, or too few. */
enum iid_pattern finding_pattern(const struct finding *f);

/* From the sketches: see sketch.h for how exact they are. */
uint64_t finding_failed(const struct finding *f);
unsigned int finding_ports(const struct finding *f);
unsigned int finding_hosts(const struct finding *f);

/* The chance that it is what it says, 0..1, for people: a likelihood ratio against long odds. */
double finding_confidence(const struct finding *f);

#endif
