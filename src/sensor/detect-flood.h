/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floods: when there are more packets of a kind than this device is used to.
 *
 * Theory of operation
 * -------------------
 * Packets that could be a flood's are counted by lane: a kind of packet, towards this host (elsewhere:
 * towards one of FLOOD_VICTIMS sets of addresses). Every FLOOD_WINDOW_NS a window ends, when the next
 * packet comes; no timer is needed. What a window holds beyond what is allowed adds to the lane's
 * excess, what it lacks is taken off: y = max(0, y + x - a), CUSUM (Page: "Continuous Inspection Schemes",
 * 1954; Wang, Zhang, Shin: "Detecting SYN Flooding Attacks", 2002). Where one packet explains another
 * (a finished handshake its SYN) x is their difference. A flood is suspected while y > 0 and told
 * when it passes a limit.
 *
 * Allowed is what the configuration says at the least, and beyond it what was learnt: thrice the mean and
 * four mean deviations, which count up to half the mean: ten times the mean is always too much. Only windows that raise no suspicion
 * teach, with a time constant of 17 minutes; and the mean passes the configured rate only slowly, by a
 * factor e in 4.5 hours, and 64 times it never: whoever ramps up slowly waits long for little.
 *
 * What a flood looks like comes from a sample (flood-case.h): the lane's mark says at which count a packet
 * is looked at next, so that a packet which is not costs a counter and a comparison.
 *
 * Much that is ordinary comes fast, but from few: media, tunnels, a ping that floods, what is still on its way when
 * a download is given up. So the configured rates are for what comes from many peers and ports, as floods that
 * forge addresses do, and most others; where they are few, some kinds are allowed several times as much.
 *
 * One peer that asks for thousands of ports, each a few times at the most, scans, however fast: see
 * flood_case_scans(). An excess made by that waits until it looks otherwise.
 */
#ifndef MIMAMORI_SENSOR_DETECT_FLOOD_H
#define MIMAMORI_SENSOR_DETECT_FLOOD_H

#include "core/addr.h"
#include "sensor/flood.h"
#include "sensor/packet.h"

#include <stdbool.h>
#include <stdint.h>

#define FLOOD_WINDOW_NS 250000000ULL
#define FLOOD_WINDOWS 4 /* of the latest second */
#define FLOOD_VICTIMS \
	8 /* sets of addresses, where more than one host is watched: 3 bits of a hash */
#define FLOOD_CASES \
	8 /* suspected or open at a time: who floods mixes kinds, and a flood stays open a while */
#define FLOOD_GROWTH 10 /* told again when its packets have grown by this factor */
#define FLOOD_SLICE 64 /* one in so many ports is watched without gaps, to tell scans */

/* What is counted apart. Their order is that of the configured rates. */
enum flood_lane {
	FLOOD_LANE_SYN,
	FLOOD_LANE_SYN_ACK,
	FLOOD_LANE_ACK,
	FLOOD_LANE_RST,
	FLOOD_LANE_UDP, /* to ports that serve nothing */
	FLOOD_LANE_SERVED, /* UDP to ports that serve */
	FLOOD_LANE_AMPLIFIED,
	FLOOD_LANE_ICMP,
	FLOOD_LANE_FRAGMENT,
	FLOOD_LANE_PROTOCOL, /* that nobody ordinary speaks */
	FLOOD_LANE_TUNNEL, /* that somebody speaks, and so perhaps this host */
	FLOOD_LANES,
};

/* Is it a port of services whose answers floods are made of? */
bool flood_reflects(uint16_t port);

struct sensor_config;
struct flood_case;
struct floods;

struct lane {
	/* Of this window. */
	uint64_t count, bytes;
	uint64_t credit; /* of them explained */
	uint32_t grain; /* packets that one sample has explained of late */
	uint64_t mark; /* the count at which a packet is looked at next */
	uint16_t slice; /* while suspected: ports with this remainder are always looked at; else beyond any */
	uint8_t kind; /* enum flood_lane */
	uint8_t windows; /* since it is suspected, saturating */
	uint32_t allowed; /* packets a window */
	uint64_t excess; /* CUSUM */
	/* Learnt, in 1/65536 packets a window. */
	uint64_t mean, deviation, ceiling;
	struct flood_case *suspect; /* or NULL */
	uint64_t over_ns; /* the end of its latest flood, 0: there was none */
	struct {
		uint64_t packets, bytes;
	} recent[FLOOD_WINDOWS]; /* the latest first */
};

struct flood_stats {
	uint64_t opened, closed;
	uint64_t crowded; /* suspicions that found no place */
	unsigned int open; /* now */
};

/* All that the inlined counting needs stands open here; the rest is the module's own. */
struct floods_front {
	uint64_t window_end_ns; /* then floods_roll() */
	uint32_t victims; /* sets in use: 1 or FLOOD_VICTIMS */
	bool enabled;
	struct lane *lane; /* [victims][FLOOD_LANES] */
};

/* several: more than one host is watched. emit: NULL: none is looked for. Owned; NULL with errno. */
struct floods *floods_new(const struct sensor_config *config, bool several, uint64_t seed,
			  flood_emit_fn *emit, void *arg);
void floods_free(struct floods *fs);

/* How many bytes it takes, all in all. */
size_t floods_bytes(bool several);

static inline struct lane *floods_lane(struct floods *fs, enum flood_lane lane, struct addr self)
{
	struct floods_front *front = (struct floods_front *)fs;
	uint64_t set = front->victims == 1 ? 0 : (self.hi ^ self.lo) * 0x9e3779b97f4a7c15ULL >> 61;

	return &front->lane[set * FLOOD_LANES + lane];
}

/* Looks at a packet of the lane. turned: it is the answer to the one that is meant. */
void floods_look(struct floods *fs, struct lane *l, const struct packet *p, bool turned);

/* Counts a packet towards its destination; turned: its source, who has answered such a packet. */
static inline void floods_count(struct floods *fs, enum flood_lane lane, const struct packet *p,
				bool turned)
{
	struct lane *l = floods_lane(fs, lane, turned ? p->src : p->dst);

	l->count += p->stands_for;
	l->bytes += (uint64_t)p->wire_len * p->stands_for;
	if (l->count >= l->mark || (turned ? p->sport : p->dport) % FLOOD_SLICE == l->slice)
		floods_look(fs, l, p, turned);
}

/* This packet is not counted, since its answer is: but it shows the way it came. */
void floods_came(struct floods *fs, enum flood_lane lane, const struct packet *p);

/* So many packets of the lane to self are explained after all. */
static inline void floods_credit(struct floods *fs, enum flood_lane lane, struct addr self,
				 uint32_t packets)
{
	struct lane *l = floods_lane(fs, lane, self);

	l->credit += packets;
	l->grain = packets;
}

/* Is there an excess of this lane towards self? */
static inline bool floods_suspects(struct floods *fs, enum flood_lane lane, struct addr self)
{
	return floods_lane(fs, lane, self)->suspect != NULL;
}

/* When the latest flood of this lane towards self was over, 0: there was none. */
static inline uint64_t floods_over_ns(struct floods *fs, enum flood_lane lane, struct addr self)
{
	return floods_lane(fs, lane, self)->over_ns;
}

/* So many handshakes with self were finished. */
void floods_proven(struct floods *fs, struct addr self, uint32_t handshakes);

/* Self has answered a datagram to a port that serves. */
void floods_answered(struct floods *fs, const struct packet *p);

/* A peer's kernel has reset what self answered to its SYN: it is at home there. */
void floods_reset(struct floods *fs, const struct packet *p);

/* Ends the windows that have passed. */
void floods_roll(struct floods *fs, uint64_t now_ns);

static inline void floods_advance(struct floods *fs, uint64_t now_ns)
{
	if (now_ns >= ((struct floods_front *)fs)->window_end_ns)
		floods_roll(fs, now_ns);
}

/* Closes what is over. When to call again even if no packet comes (clock time), 0: never. */
uint64_t floods_tick(struct floods *fs, uint64_t now_ns);

/* The end: closes all. */
void floods_finish(struct floods *fs, uint64_t now_ns);

void floods_stats(const struct floods *fs, struct flood_stats *out);

#endif
