/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scan detector: how much a contact weighs, and when a peer's evidence is a scan.
 *
 * Theory of operation
 * -------------------
 * Threshold Random Walk with host truth: a first contact in vain is four times as likely (two bits
 * of log2) to come from a scanner as from anyone else; the walk decides past log2(99). A port
 * that served the peer takes one bit back, at most three, so that a scanner that meets the open ports
 * first is still found by its fifth contact in vain.
 *
 * Ambient contacts, which every PC on the link makes by itself, weigh an eighth of a bit each and one
 * bit at most, until the peer has tried three other closed ports: nothing ambient does that, so
 * then they weigh in full.
 *
 * A ping weighs little: it is an everyday thing. Pings of several of one host's own addresses weigh in
 * full but for the first. Of ARP requests and neighbour solicitations a live source sees every
 * eighth address, so that each stands for eight.
 *
 * Where only answers tell the outcome (replay, gateway scope), silence weighs one bit, not two: it may
 * be a lost packet or a dead service as well as a filter.
 */
#ifndef MIMAMORI_SENSOR_DETECT_SCAN_H
#define MIMAMORI_SENSOR_DETECT_SCAN_H

#include "core/conf.h"
#include "sensor/evidence.h"
#include "sensor/home.h"
#include "sensor/probe.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Three probes: what can be no more than a suspicion by the walk is a scan nevertheless when it shows a
 * scanner's hand: marks of tools that make raw SYNs, kinds that no TCP sends, or ports for logging
 * in and managing. Two of the three have to: a person may try ssh where there is none.
 *
 * Served ports: an unfinished handshake of a raw SYN weighs in full; of an ordinary SYN, which a client may
 * give up, half a bit. A finished one that asked nothing is what monitors, balancers and port
 * checks do: three of them at most count, a quarter of a bit each, and one bit each only beside a
 * question that no client of the service asks (service-probe.h).
 */
struct scan_policy {
	uint32_t failures; /* contacts in vain, each of full weight, that make a scan */
	uint8_t ambient_port[65536 / 8]; /* bit set of the ambient ports */
	struct conf_ports login; /* ports for logging in and managing */
	bool live; /* a packet source's filter has chosen what of echo requests and ARP is seen */
	bool own_only; /* only this host's own addresses are watched */
	bool homes_inferred; /* any address may be protected: horizontal verdicts need more */
};

enum scan_verdict { SCAN_NO, SCAN_SUSPECT, SCAN_YES };

void scan_policy_init(struct scan_policy *policy, uint32_t failures,
		      const struct conf_ports *ambient, const struct conf_ports *login,
		      const struct home *home);

/* Whether any PC on the link does this by itself, or a traceroute; raw SYNs of tools never are. */
bool scan_ambient(const struct scan_policy *policy, const struct probe *p, const struct home *home);

/* The weight of a first contact in vain, in sixteenths of a bit. ev: what the peer has tried before, or
 * NULL, nothing. */
uint8_t scan_weight(const struct scan_policy *policy, const struct probe *p,
		    const struct evidence *ev, bool ambient);

/* Where the walk stands; its value (log2 likelihood ratio) goes to *llr. */
enum scan_verdict scan_judge(const struct scan_policy *policy, const struct evidence *ev,
			     float *llr);

#endif
