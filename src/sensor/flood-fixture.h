/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the tests of floods: an engine, and packets that come at a rate.
 */
#ifndef MIMAMORI_SENSOR_FLOOD_FIXTURE_H
#define MIMAMORI_SENSOR_FLOOD_FIXTURE_H

#include "sensor/device-fixture.h"

#define HOME "192.0.2.0/24"
#define ATTACKER "203.0.113.7"

static uint64_t seed;

static inline int begin(void **state)
{
	seed = 42;
	return start(state);
}

/* A packet at its time, in place of the fixture's own steps of 0.1 ms. */
static inline void at(uint64_t t_ns, struct packet p)
{
	clock_advance(&x.clock, t_ns - NS_PER_MS / 10);
	packet(&x, p);
}

static inline struct addr stranger(void)
{
	return addr_from_v4((uint32_t)(20 + next_random(&seed) % 80) << 24 |
			    (uint32_t)(next_random(&seed) & 0xffffff));
}

static inline struct packet syn(struct addr from, uint16_t port)
{
	return (struct packet){ .src = from,
				.dst = ip(DEVICE),
				.sport = (uint16_t)(1024 + next_random(&seed) % 60000),
				.dport = port,
				.proto = PACKET_TCP,
				.tcp_flags = TCP_SYN,
				.tcp_window = 512,
				.tcp_seq = (uint32_t)next_random(&seed),
				.ttl = 57 };
}

/* The same packet, but a segment with these flags. */
static inline struct packet segment(struct packet p, uint8_t flags, uint16_t port)
{
	p.tcp_flags = flags;
	p.dport = port;
	return p;
}

/* The same packet, but of another protocol, whose number stands where ports would. */
static inline struct packet of_protocol(struct packet p, enum packet_proto proto, uint16_t number)
{
	p.proto = proto;
	p.sport = 0;
	p.dport = number;
	return p;
}

/* The first two packets of a client's handshake with port 443. */
static inline void greet(struct addr client, uint16_t from)
{
	tcp(&x, client, from, ip(DEVICE), 443, TCP_SYN, 0);
	tcp(&x, ip(DEVICE), 443, client, from, TCP_SYN | TCP_ACK, 0x1002);
}

typedef struct packet make_fn(unsigned int i);

/* So many a second, for so long. */
static inline void flood(make_fn *make, unsigned int per_second, unsigned int ms)
{
	uint64_t begin_ns = x.clock.now_ns;
	unsigned int n = (unsigned int)((uint64_t)per_second * ms / 1000);

	for (unsigned int i = 0; i < n; i++)
		at(begin_ns + (i + 1) * NS_PER_S / per_second, make(i));
}

static inline unsigned int floods_told(enum finding_phase phase, enum flood_kind kind)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < x.n_floods && i < FIXTURE_FLOODS; i++)
		n += x.flood[i].phase == phase && x.flood[i].f.kind == kind;
	return n;
}

/* The first event of this phase and kind. */
static inline const struct told_flood *told_flood(enum finding_phase phase, enum flood_kind kind)
{
	for (unsigned int i = 0; i < x.n_floods && i < FIXTURE_FLOODS; i++)
		if (x.flood[i].phase == phase && x.flood[i].f.kind == kind)
			return &x.flood[i];
	fail_msg("no such event");
	return NULL;
}

static inline struct packet forged_syn(unsigned int i)
{
	(void)i;
	return syn(stranger(), 80);
}

/* One peer that floods one port: its address may be anybody's. */
static inline struct packet own_syn(unsigned int i)
{
	(void)i;
	return syn(ip(ATTACKER), 80);
}

/* 300 a second are found within two seconds on a device that slept, whatever the kind. */
static inline struct packet forged_closed(unsigned int i)
{
	(void)i;
	return syn(stranger(), 81);
}

static inline struct packet forged_udp(unsigned int i)
{
	struct packet p = forged_closed(i);

	p.proto = PACKET_UDP;
	p.tcp_flags = 0;
	p.dport = 9999;
	p.payload = 512;
	return p;
}

static inline struct packet forged_ping(unsigned int i)
{
	return of_protocol(forged_udp(i), PACKET_ICMP_ECHO, 0);
}

/* A sample of plain data that no connection waits for, behind a firewall. */
static inline struct packet stray_sample(unsigned int i)
{
	struct packet p = segment(forged_closed(i), TCP_ACK, 80);

	p.bulk = 1;
	p.solicited = PACKET_SOLICITED_NO;
	return p;
}

#endif
