/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is told of password guessing, from its opening to its closing totals.
 */
#ifndef MIMAMORI_SENSOR_GUESS_H
#define MIMAMORI_SENSOR_GUESS_H

#include "core/addr.h"
#include "sensor/finding.h"

#include <stdbool.h>
#include <stdint.h>

/* In the order of the signature ids (mimamori-events(7)). */
enum guess_service {
	GUESS_TELNET,
	GUESS_SSH,
	GUESS_FTP,
	GUESS_HTTP,
	GUESS_MQTT,
	GUESS_RTSP,
	GUESS_ADB,
	GUESS_OTHER, /* a configured login port */
	GUESS_SERVICES,
};

enum guess_outcome {
	GUESS_FAILING, /* every try has failed */
	GUESS_ONGOING, /* it goes on, and nothing shows how the latest tries ended */
	GUESS_SUCCEEDED, /* after failures a session unlike them, or the system's record says so */
};

struct guess {
	uint64_t id; /* as a finding's */
	uint32_t sequence; /* events so far */
	uint8_t service; /* enum guess_service */
	uint8_t outcome; /* enum guess_outcome */
	uint8_t scope; /* FINDING_HOST, PREFIX or DISTRIBUTED (spraying) */
	struct prefix peer; /* of a group: the most specific that holds all its peers */
	uint32_t peers;
	uint8_t peers_sampled;
	struct addr peer_sample[FINDING_PEER_SAMPLE];
	struct addr last_peer;
	uint16_t last_port; /* of the newest connection, the peer's */
	struct addr self;
	uint16_t port;
	uint64_t attempts; /* tries, each counted once however it was learnt */
	uint64_t connections; /* of them seen as connections that ended like a failure */
	uint64_t failures_seen; /* in clear text */
	uint64_t failures_logged; /* in the system's record */
	uint64_t first_ns, last_ns;
	struct addr winner; /* SUCCEEDED: whose session */
	bool success_logged; /* the system's record says so, not only the shape of a session */
	float llr; /* log2 likelihood ratio, the highest so far */
};

/* A notice is never told of guessing. SUCCEEDED: FINDING_START or _UPDATE, with severity 1. */
typedef void guess_emit_fn(const struct guess *g, enum finding_phase phase, void *arg);

#endif
