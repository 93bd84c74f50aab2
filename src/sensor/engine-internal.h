/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the engine's files share: engine.c keeps the books, engine-packet.c reads packets,
 * engine-judge.c judges contacts.
 */
#ifndef MIMAMORI_SENSOR_ENGINE_INTERNAL_H
#define MIMAMORI_SENSOR_ENGINE_INTERNAL_H

#include "sensor/contacts.h"
#include "sensor/crowd.h"
#include "sensor/detect-scan.h"
#include "sensor/engine.h"
#include "sensor/flow.h"
#include "sensor/knock.h"
#include "sensor/newcomers.h"

struct engine {
	struct clock *clock;
	struct listeners *listeners;
	struct home home;
	struct conf_prefixes ignore;
	struct scan_policy policy;
	struct knocks knocks;
	struct crowd crowd;
	struct newcomers *newcomers;
	struct trie *trie;
	struct contacts *contacts;
	struct flows *flows;
	struct findings *findings;
	struct engine_stats stats;
	uint64_t due_ns; /* when engine_tick() has to run at the latest, 0: open */
};

/* Is this peer configured never to be judged? */
bool engine_ignores(const struct engine *e, struct addr peer);

/* Is a contact from peer to self to be judged? */
bool engine_watches(const struct engine *e, struct addr peer, struct addr self);

/*
 * May somebody answer where this host's own listing knows no listener: containers behind DNAT, or
 * listeners that found no room in the listing? Then "closed" has to wait for the answer.
 */
bool engine_awaits(const struct engine *e);

/* Enters a contact into the table, making room when it is full. Borrowed. */
struct contact *engine_contact(struct engine *e, const struct probe *p, enum contact_proto proto);

/* The contact got nothing: evidence, and perhaps a finding. Its outcome says how. */
void engine_in_vain(struct engine *e, struct contact *c);

/* A contact already taken to be in vain has now been refused. */
void engine_confirm_refused(struct engine *e, struct contact *c);

/* The contact was served: takes back what was counted against the peer for it. Whether it now counts
 * in the peer's favour. */
bool engine_answered(struct engine *e, struct contact *c);

/* What had counted in the peer's favour does no longer. */
void engine_discredit(struct engine *e, struct addr peer);

/* A port of this host answered a contact that is not in the table. */
void engine_answered_unremembered(struct engine *e, bool udp, struct addr self, uint16_t port,
				  struct addr peer);

/* The peer finished a handshake: its address is its own. used: and made use of the connection. */
void engine_proven(struct engine *e, struct addr peer, bool used);

/* A SYN to what serves, or may serve: its flow begins. */
void engine_flow_syn(struct engine *e, const struct packet *p, const struct probe *probe);

/* Its SYN/ACK. credited: it counted in the peer's favour. */
void engine_flow_answered(struct engine *e, const struct packet *p, const struct contact *c,
			  bool credited);

/* This side ends the flow. */
void engine_flow_self_ended(struct engine *e, const struct packet *p);

/* A RST without ACK: true when it breaks a flow off half open, which is evidence. */
bool engine_flow_aborted(struct engine *e, const struct packet *p);

/* A FIN or RST with ACK: true when it proves, and ends, a flow of its sender. */
bool engine_flow_ended(struct engine *e, const struct packet *p);

/* One more packet of a contact that is still waited for or was just settled. */
void engine_repeated(struct engine *e, struct contact *c);

#endif
