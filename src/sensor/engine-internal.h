/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the engine's files share: engine.c keeps the books, engine-packet.c reads packets (TCP and UDP;
 * engine-kinds.c the others; engine-reset.c RSTs), engine-judge.c judges contacts, engine-group.c
 * those of groups.
 */
#ifndef MIMAMORI_SENSOR_ENGINE_INTERNAL_H
#define MIMAMORI_SENSOR_ENGINE_INTERNAL_H

#include "sensor/campaign.h"
#include "sensor/contacts.h"
#include "sensor/crowd.h"
#include "sensor/decoys.h"
#include "sensor/detect-flood.h"
#include "sensor/detect-guess.h"
#include "sensor/detect-scan.h"
#include "sensor/engine.h"
#include "sensor/flow.h"
#include "sensor/group.h"
#include "sensor/guess-ports.h"
#include "sensor/knock.h"
#include "sensor/newcomers.h"
#include "sensor/pairs.h"
#include "sensor/routers.h"

#define ENGINE_WIDE 4 /* findings of wide prefixes at a time */

#define ENGINE_BUSIEST \
	16 /* peers of a wide prefix that may prove scanners of their own at a time */

/*
 * A prefix wider than a neighbourhood that has a finding. Whoever makes it his hiding place still has to do
 * his work: the busiest peers are counted as heavy hitters are (Misra, Gries: "Finding repeated
 * elements", 1982), where a peer that comes once takes one from all others.
 */
struct engine_wide {
	struct prefix prefix;
	struct finding_ref told;
	struct addr busiest[ENGINE_BUSIEST];
	uint8_t lead[ENGINE_BUSIEST]; /* 0: free */
};

#define ENGINE_DATA_SEEN 2048
#define ENGINE_PAIRS 8192 /* of a gateway */
#define ENGINE_PINGS 64
#define ENGINE_MET 256
#define ENGINE_PAIRS_REPLAYED 32768

/* So many datagrams more on one port, within the wait for its answer, are a stream; unless all came before
 * an answer could: longer than the way to a host behind this one and back. */
#define ENGINE_STREAM 8
#define ENGINE_STREAM_NS 500000000ULL

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
	struct guess_ports guess_ports;
	struct guesses *guesses;
	struct findings *findings;
	struct floods *floods;
	struct slow_floods slow;
	struct pairs *pairs; /* NULL: this host's own packets alone are watched */
	struct pairs *pings;
	struct pairs *met; /* peers of this host's UDP services */
	uint32_t host_generation; /* as it was last looked at, since when */
	uint64_t host_changed_ns;
	uint64_t refused_ns; /* when this host refused a segment of no connection, the last time */
	uint64_t bulk_ns; /* when the last bulk packet came */
	struct groups *groups;
	unsigned int wide_used;
	struct engine_wide wide[ENGINE_WIDE];
	struct campaigns campaigns;
	struct decoys *decoys;
	struct engine_stats stats;
	struct routers routers;
	uint64_t unwatched_ns; /* nothing was watched shortly before, 0: never */
	uint64_t awaited_ns; /* until then a contact waits for its answer on a host that knows the others' */
	/* Captures alone: hashes of the connections that plain data was seen of lately. */
	uint32_t data_seen[ENGINE_DATA_SEEN];
	uint64_t due_ns; /* when engine_tick() has to run at the latest */
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

/*
 * A packet that opens something: the first contact, or a repeat of it. vain: it gets nothing, whatever
 * listens. Otherwise the host's listing tells, or the answers.
 */
void engine_opening(struct engine *e, const struct packet *p, enum contact_proto proto,
		    uint8_t kind, bool vain);

/* A contact that is judged at once and not remembered: what is a repeat shows in the evidence. */
void engine_passing(struct engine *e, const struct probe *p, enum contact_proto proto);

/*
 * Is it, by the ports, rather something of a connection that self had opened to peer, and has
 * forgotten: given up, or older than the sensor? This host's own clients have ephemeral ports;
 * elsewhere the best guess is that a well-known port serves one that is not.
 */
bool engine_forgotten(const struct engine *e, struct addr self, uint16_t port, uint16_t peer_port);

/* What the host's listing says, where it can speak of the target; else PROBE_UNKNOWN. */
enum probe_outcome engine_listed(struct engine *e, enum contact_proto proto, const struct probe *p);

/* Does the packet, of the side that asked, finish the contact's handshake? One answer of the contact is good
 * for one try: else somebody else could guess. */
bool engine_proves_handshake(struct contact *c, const struct packet *p);

/* RSTs (engine-reset.c), and plain data, which explains some in captures. */
void engine_rst(struct engine *e, const struct packet *p);
void engine_data(struct engine *e, const struct packet *p);

/* Live, connections are watched that stay open (engine-slow.c). After all else is in place. */
void engine_slow_init(struct engine *e, const struct engine_params *params);

/* What may be a flood's (engine-flood.c): openings to what is watched; datagrams; SYN/ACKs and FINs of no
 * connection; plain data; RSTs, both ways; and packets that passed only to be counted. */
void engine_flood_opening(struct engine *e, const struct packet *p, enum contact_proto proto);
void engine_flood_udp(struct engine *e, const struct packet *p);
void engine_flood_stray(struct engine *e, const struct packet *p);
void engine_flood_data(struct engine *e, const struct packet *p);
void engine_flood_fin_sent(struct engine *e, const struct packet *p);
void engine_flood_rst(struct engine *e, const struct packet *p);
void engine_flood_bulk(struct engine *e, const struct packet *p);

/* ICMP that came in, a sample of it or not: replies to this side's own pings are welcome. */
void engine_flood_icmp(struct engine *e, const struct packet *p);

/* Somebody of this side pings. */
void engine_flood_ping(struct engine *e, const struct packet *p);

/* The target refused what the contact asked for. */
void engine_refused(struct engine *e, struct contact *c);

/* Packets other than TCP and UDP (engine-kinds.c). kind: PROBE_ARP or PROBE_NEIGHBOUR. */
void engine_sctp(struct engine *e, const struct packet *p);
void engine_ip_protocol(struct engine *e, const struct packet *p);
void engine_icmp_query(struct engine *e, const struct packet *p);
void engine_echo(struct engine *e, const struct packet *p);
void engine_neighbour(struct engine *e, const struct packet *p, enum probe_kind kind);
void engine_unreachable(struct engine *e, const struct packet *p);

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

/* The peer finished a handshake: its address is its own. used: and made use of the connection. link:
 * of its packets, 0: unknown. */
void engine_proven(struct engine *e, struct addr peer, uint32_t link, bool used);

/* What was counted against the peer of this evidence for a probe, of this weight, was not its doing. */
void engine_take_back(struct engine *e, struct evidence *ev, const struct probe *p, uint8_t weight);

/* A contact in vain: was it one of a scanner with decoys? Then that is all that comes of it. */
bool engine_among_decoys(struct engine *e, struct contact *c);

/* A SYN that serves, or may: it shows who its scanner is as well. */
void engine_decoys_seen(struct engine *e, const struct probe *p);

/* A contact of such a scanner was tried again, was refused, was answered after all. */
void engine_decoys_repeated(struct engine *e, const struct contact *c);
void engine_decoys_refused(struct engine *e, const struct contact *c);
void engine_decoys_answered(struct engine *e, const struct contact *c);

/* What may tell the real one of its addresses: a RST from outside, a finished handshake. */
void engine_decoys_reset(struct engine *e, const struct packet *p);
void engine_decoys_proven(struct engine *e, struct addr peer, uint32_t link, bool newcomer);

/* Names those that time has told; when to ask again, 0: never. */
uint64_t engine_decoys_tick(struct engine *e);

/* There is no more time: names those that can be named. */
void engine_decoys_finish(struct engine *e);

/* A SYN to what serves, or may serve: its flow begins. */
void engine_flow_syn(struct engine *e, const struct packet *p, const struct probe *probe);

/* Its SYN/ACK. credited: it counted in the peer's favour. */
void engine_flow_answered(struct engine *e, const struct packet *p, const struct contact *c,
			  bool credited);

/* This side ends the flow. */
void engine_flow_self_ended(struct engine *e, const struct packet *p);

/* Plain data of the peer: it has finished the handshake. */
void engine_flow_used(struct engine *e, const struct packet *p);

/* A RST without ACK: true when it breaks a flow off half open, which is evidence. */
bool engine_flow_aborted(struct engine *e, const struct packet *p);

/* Plain data that the parser knows: was it the flow's first, and right for the port? */
void engine_flow_asked(struct engine *e, const struct packet *p);

/* A FIN or RST with ACK: true when it proves, and ends, a flow of its sender. */
bool engine_flow_ended(struct engine *e, const struct packet *p);

/* Plain data that login.h knows (engine-guess.c). */
void engine_guess_data(struct engine *e, const struct packet *p);

/* A FIN or RST, whoever sent it: perhaps of a connection to a login service. */
void engine_guess_end(struct engine *e, const struct packet *p);

/* UDP that has come again and again without a refusal: nobody scans so. */
static inline bool engine_streams(const struct contact *c, uint64_t now_ns)
{
	return c->proto == CONTACT_UDP && c->probe.outcome == PROBE_UNKNOWN &&
	       c->repeats >= ENGINE_STREAM && now_ns >= c->t_ns + ENGINE_STREAM_NS;
}

/* One more packet of a contact that is still waited for or was just settled. */
void engine_repeated(struct engine *e, struct contact *c);

/* What the peer's neighbours are to be told apart by, besides their neighbourhood: see struct group. */
uint32_t engine_link(const struct engine *e, const struct probe *p);

/* The group of the peer's neighbourhood, or NULL. Borrowed. */
struct group *engine_group(struct engine *e, const struct probe *p);

/* Is the contact of a group whose finding is open? Then that is all that comes of it. ev: the peer's
 * own, or NULL. */
bool engine_group_takes(struct engine *e, struct contact *c, struct group *g,
			const struct evidence *ev);

/* A first contact in vain goes to the group, which begins with it if there is none. True when it
 * makes the group's case: a finding has been told. ev: the peer's own; NULL only if there is a group. */
bool engine_group_add(struct engine *e, struct contact *c, struct group *g,
		      const struct evidence *ev, bool ambient);

/* The peer has been alerted by itself. */
void engine_group_disown(struct engine *e, const struct probe *p, const struct evidence *ev);

/* As engine_confirm_refused() and engine_answered(), for the group. */
void engine_group_refused(struct engine *e, const struct probe *p);
void engine_group_undo(struct engine *e, const struct contact *c);

/* Is a contact, which the peer's evidence holds already, a campaign's? Then no more comes of it. */
bool engine_campaign_takes(struct engine *e, const struct contact *c, struct evidence *ev,
			   bool ambient);

/* As engine_confirm_refused(), for a campaign. */
void engine_campaign_refused(struct engine *e, const struct probe *p, const struct evidence *ev);

/* Forgets findings that have ended. */
void engine_group_tick(struct engine *e);

#endif
