/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of decoys at the engine: a scanner that forges addresses beside its own.
 *
 * What Nmap 7.93 sends with -D, seen on the wire: for each port, one packet from each address in the
 * same order, 10 us apart, with the same source port and sequence number for all ports of a round.
 */
#ifndef MIMAMORI_SENSOR_DECOYS_FIXTURE_H
#define MIMAMORI_SENSOR_DECOYS_FIXTURE_H

#include "sensor/device-fixture.h"

#define ATTACKER "203.0.113.7"
#define NEAR_ATTACKER "192.0.2.66"
#define CLIENT "192.0.2.77"
#define MAC_ATTACKER 0xaaaa0001
#define MAC_CLIENT 0xcccc0001
#define MAC_ROUTER 0xbbbb0001

/* One run of a scanner: addresses in their order, and the one that is real. */
struct run {
	const char *const *from;
	unsigned int n, real;
	uint16_t sport;
	uint32_t seq, link;
	uint8_t flags;
	const char *target;
};

static const char *const six[] = { "198.51.100.11",  "203.0.113.99", ATTACKER,
				   "198.51.100.200", "203.0.113.4",  "100.64.3.2" };

static inline struct run run_of(const char *const *from, unsigned int n, unsigned int real)
{
	return (struct run){ .from = from,
			     .n = n,
			     .real = real,
			     .sport = 44181,
			     .seq = 90265791,
			     .flags = TCP_SYN,
			     .target = DEVICE };
}

static inline void inject(struct packet p)
{
	clock_advance(&x.clock, x.clock.now_ns + 10000);
	p.t_ns = x.clock.now_ns;
	p.dir = host_owns(&x.host, p.src) ? PACKET_DIR_OUT : PACKET_DIR_IN;
	engine_packet(x.engine, &p);
}

static inline void copy(const struct run *r, unsigned int i, uint16_t port)
{
	inject((struct packet){ .src = ip(r->from[i]),
				.dst = ip(r->target),
				.sport = r->sport,
				.dport = port,
				.proto = PACKET_TCP,
				.tcp_flags = r->flags,
				.tcp_options = r->flags == TCP_SYN ? OPTIONS_RAW : 0,
				.tcp_window = 1024,
				.tcp_seq = r->seq,
				.link = r->link,
				.ttl = 44 });
}

static inline void answer(const struct run *r, unsigned int i, uint16_t port, uint8_t flags)
{
	inject((struct packet){ .src = ip(r->target),
				.dst = ip(r->from[i]),
				.sport = port,
				.dport = r->sport,
				.proto = PACKET_TCP,
				.tcp_flags = flags,
				.tcp_seq = flags & TCP_SYN ? FIXTURE_ISN : 0,
				.tcp_ack = r->seq + 1,
				.ttl = 64 });
}

/* The kernel behind an address refuses a SYN/ACK that it did not ask for. */
static inline void reset(const struct run *r, unsigned int i, uint16_t port, uint32_t link)
{
	inject((struct packet){ .src = ip(r->from[i]),
				.dst = ip(r->target),
				.sport = r->sport,
				.dport = port,
				.proto = PACKET_TCP,
				.tcp_flags = TCP_RST,
				.tcp_seq = r->seq + 1,
				.link = link,
				.ttl = 60 });
}

static inline void closed(const struct run *r, uint16_t port)
{
	for (unsigned int i = 0; i < r->n; i++) {
		copy(r, i, port);
		answer(r, i, port, TCP_RST | TCP_ACK);
	}
}

static inline void open_port(const struct run *r, uint16_t port)
{
	for (unsigned int i = 0; i < r->n; i++) {
		copy(r, i, port);
		answer(r, i, port, TCP_SYN | TCP_ACK);
	}
}

/* Exactly one alert, of this kind, about a group; and nothing else, ever. */
static const struct finding *the_one(enum probe_kind kind)
{
	const struct told *alert;

	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(told_phase(&x, FINDING_NOTICE), 0);
	assert_int_equal(told_phase(&x, FINDING_END), 1);
	for (unsigned int i = 0; i < x.n_told; i++) {
		assert_int_equal(x.told[i].f.scope, FINDING_DECOYS);
		assert_true(x.told[i].f.id == x.told[0].f.id);
	}
	alert = told_nth(&x, FINDING_START, 0);
	assert_int_equal(alert->f.kind, kind);
	assert_true(alert->failed <= 5);
	return &told_nth(&x, FINDING_END, 0)->f;
}

#endif
