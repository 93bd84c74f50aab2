/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of the engine: a device, its peers and their packets, on a clock of the test's own.
 *
 * The device is 192.0.2.10/24 and 2001:db8::10/64 (RFC 5737, RFC 3849) and serves TCP ports 22, 80
 * and 443. Packets come as the live filter lets them through: plain data is never among them.
 */
#ifndef MIMAMORI_SENSOR_ENGINE_FIXTURE_H
#define MIMAMORI_SENSOR_ENGINE_FIXTURE_H

#include "core/clock.h"
#include "sensor/config.h"
#include "sensor/engine.h"
#include "sensor/host.h"
#include "sensor/listeners.h"
#include "sensor/packet.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FIXTURE_EVENTS 256
#define FIXTURE_FLOODS 32
#define FIXTURE_GUESSES 32
#define FIXTURE_EPOCH_NS (1700000000 * NS_PER_S)
#define FIXTURE_ISN 0x5eed0000u /* of the device's SYN/ACKs */

#define OPTIONS_USUAL                                                               \
	(PACKET_OPT_ANY | PACKET_OPT_MSS | PACKET_OPT_SACK | PACKET_OPT_TIMESTAMP | \
	 PACKET_OPT_WSCALE) /* of Linux's connect(2) */
#define OPTIONS_RAW (PACKET_OPT_ANY | PACKET_OPT_MSS) /* of Nmap's raw probes */
#define DEVICE "192.0.2.10"
#define DEVICE_V6 "2001:db8::10"

struct told {
	struct finding f;
	enum finding_phase phase;
	uint64_t at_ns;
	uint64_t failed; /* contacts in vain that the engine had counted until then */
};

struct told_flood {
	struct flood f;
	enum finding_phase phase;
	uint64_t at_ns;
};

struct guess_told {
	struct guess g;
	enum finding_phase phase;
	uint64_t at_ns;
};

struct fixture {
	struct clock clock;
	struct host host;
	struct listeners listeners;
	struct sensor_config config;
	struct engine *engine;
	unsigned int n_guesses; /* likewise, of password guessing */
	struct guess_told guess[FIXTURE_GUESSES];
	unsigned int n_told; /* events, those beyond the array counted too */
	struct told told[FIXTURE_EVENTS];
	unsigned int n_floods; /* likewise */
	struct told_flood flood[FIXTURE_FLOODS];
	uint16_t next_port; /* of a peer's ephemeral ports */
};

static inline struct addr ip(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static inline struct prefix net(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static inline void fixture_emit(const struct finding *f, enum finding_phase phase, void *arg)
{
	struct fixture *x = arg;
	struct engine_stats stats;

	if (x->n_told++ >= FIXTURE_EVENTS)
		return;
	engine_stats(x->engine, &stats);
	x->told[x->n_told - 1] = (struct told){ *f, phase, x->clock.now_ns, stats.failed };
}

static inline void fixture_emit_flood(const struct flood *f, enum finding_phase phase, void *arg)
{
	struct fixture *x = arg;

	if (x->n_floods++ < FIXTURE_FLOODS)
		x->flood[x->n_floods - 1] = (struct told_flood){ *f, phase, x->clock.now_ns };
}

static inline void fixture_emit_guess(const struct guess *g, enum finding_phase phase, void *arg)
{
	struct fixture *x = arg;

	if (x->n_guesses++ < FIXTURE_GUESSES)
		x->guess[x->n_guesses - 1] = (struct guess_told){ *g, phase, x->clock.now_ns };
}

static inline void fixture_own(struct fixture *x, const char *address, const char *on_link)
{
	x->host.addr[x->host.n_addrs++] = (struct host_addr){ ip(address), net(on_link), 2 };
}

static inline void fixture_listen(struct fixture *x, uint16_t port, bool udp)
{
	x->listeners.entry[x->listeners.count++] = (struct listener){ .port = port, .udp = udp };
}

/* Defaults, and a clock; nothing of a host yet. */
static inline void fixture_init(struct fixture *x)
{
	memset(x, 0, sizeof(*x));
	conf_defaults(&sensor_config_table, &x->config);
	clock_init_replay(&x->clock);
	clock_advance(&x->clock, FIXTURE_EPOCH_NS);
	x->host.fd = -1;
	x->host.ephemeral_first = 32768;
	x->host.ephemeral_last = 60999;
	x->next_port = 40000;
	/* A descriptor that cannot be listed: what the test entered stays in force. */
	x->listeners.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	x->listeners.read_ns = x->clock.now_ns;
}

static inline void fixture_start(struct fixture *x, enum home_mode mode,
				 const struct conf_prefixes *home)
{
	bool live = mode == HOME_HOST || mode == HOME_GATEWAY;
	struct engine_params params = {
		.config = &x->config,
		.clock = &x->clock,
		.listeners = live ? &x->listeners : NULL,
		.home = { .mode = mode, .host = live ? &x->host : NULL },
		.seed = 0x1234567,
		.emit = fixture_emit,
		.emit_flood = fixture_emit_flood,
		.emit_guess = fixture_emit_guess,
		.arg = x,
	};

	if (home)
		params.home.prefixes = *home;
	x->engine = engine_new(&params);
	assert_non_null(x->engine);
}

/* The device of the head of this file, watching itself. */
static inline void fixture_host(struct fixture *x)
{
	static const uint16_t served[] = { 22, 80, 443 };

	fixture_init(x);
	fixture_own(x, DEVICE, "192.0.2.0/24");
	fixture_own(x, DEVICE_V6, "2001:db8::/64");
	for (unsigned int i = 0; i < sizeof(served) / sizeof(served[0]); i++)
		fixture_listen(x, served[i], false);
	fixture_start(x, HOME_HOST, NULL);
}

/* A capture; home is one prefix, or NULL: inferred. */
static inline void fixture_replay(struct fixture *x, const char *home)
{
	struct conf_prefixes prefixes = { 0 };

	fixture_init(x);
	if (home)
		prefixes.prefix[prefixes.count++] = net(home);
	fixture_start(x, home ? HOME_GIVEN : HOME_INFERRED, &prefixes);
}

static inline void fixture_done(struct fixture *x)
{
	engine_free(x->engine);
	x->engine = NULL;
	if (x->listeners.fd >= 0)
		close(x->listeners.fd);
	x->listeners.fd = -1;
}

static inline void pass_ms(struct fixture *x, uint64_t ms)
{
	clock_advance(&x->clock, x->clock.now_ns + ms * NS_PER_MS);
}

/* Lets time pass without packets, as the timer would: at each time the engine asked for. */
static inline void sleep_s(struct fixture *x, uint64_t s)
{
	uint64_t until_ns = x->clock.now_ns + s * NS_PER_S;
	uint64_t due_ns = engine_tick(x->engine);

	while (due_ns && due_ns <= until_ns) {
		clock_advance(&x->clock, due_ns);
		due_ns = engine_tick(x->engine);
	}
	clock_advance(&x->clock, until_ns);
	engine_tick(x->engine);
}

/* The same numbers in each run. Steele, Lea, Flood 2014: SplitMix64. */
static inline uint64_t next_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* One packet, 0.1 ms after the one before. Its direction follows from the device's addresses. */
static inline void packet(struct fixture *x, struct packet p)
{
	clock_advance(&x->clock, x->clock.now_ns + NS_PER_MS / 10);
	p.t_ns = x->clock.now_ns;
	p.stands_for = p.stands_for ? p.stands_for : 1;
	p.wire_len = p.wire_len ? p.wire_len : 40u + p.payload;
	if (x->host.n_addrs)
		p.dir = host_owns(&x->host, p.src) ? PACKET_DIR_OUT : PACKET_DIR_IN;
	else
		p.dir = PACKET_DIR_UNKNOWN;
	engine_packet(x->engine, &p);
}

static inline void tcp(struct fixture *x, struct addr src, uint16_t sport, struct addr dst,
		       uint16_t dport, uint8_t flags, uint32_t ack)
{
	packet(x, (struct packet){ .src = src,
				   .dst = dst,
				   .sport = sport,
				   .dport = dport,
				   .proto = PACKET_TCP,
				   .tcp_flags = flags,
				   .tcp_options = flags & TCP_SYN ? OPTIONS_USUAL : 0,
				   .tcp_window = 64240,
				   .tcp_seq = (flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) ?
						      FIXTURE_ISN :
						      0x1001,
				   .tcp_ack = ack,
				   .ttl = 57 });
}

static inline void udp(struct fixture *x, struct addr src, uint16_t sport, struct addr dst,
		       uint16_t dport)
{
	packet(x, (struct packet){ .src = src,
				   .dst = dst,
				   .sport = sport,
				   .dport = dport,
				   .proto = PACKET_UDP,
				   .payload = 12,
				   .ttl = 57 });
}

/* "Port unreachable" from self for what peer:sport had sent to self:dport (see packet.h). */
static inline void port_unreachable(struct fixture *x, struct addr peer, uint16_t sport,
				    struct addr self, uint16_t dport)
{
	packet(x, (struct packet){ .src = self,
				   .dst = peer,
				   .sport = dport,
				   .dport = sport,
				   .proto = PACKET_UNREACHABLE,
				   .quoted_proto = PACKET_UDP,
				   .unreachable_port = 1,
				   .ttl = 64 });
}

/* connect(2) to a closed port: the target's answer is RST,ACK (RFC 9293 §3.5.2, group 1). */
static inline void connect_refused(struct fixture *x, struct addr peer, struct addr self,
				   uint16_t port)
{
	uint16_t from = x->next_port++;

	tcp(x, peer, from, self, port, TCP_SYN, 0);
	tcp(x, self, port, peer, from, TCP_RST | TCP_ACK, 0x1002);
}

/* connect(2) to a port behind a filter that drops. */
static inline void connect_dropped(struct fixture *x, struct addr peer, struct addr self,
				   uint16_t port)
{
	tcp(x, peer, x->next_port++, self, port, TCP_SYN, 0);
}

/* A whole connection: both sides say good-bye. */
static inline void connect_served(struct fixture *x, struct addr peer, struct addr self,
				  uint16_t port)
{
	uint16_t from = x->next_port++;

	tcp(x, peer, from, self, port, TCP_SYN, 0);
	tcp(x, self, port, peer, from, TCP_SYN | TCP_ACK, 0x1002);
	tcp(x, peer, from, self, port, TCP_FIN | TCP_ACK, FIXTURE_ISN + 101);
	tcp(x, self, port, peer, from, TCP_FIN | TCP_ACK, 0x1003);
}

/* Nmap's raw SYN, and what follows: RST,ACK, or SYN/ACK and the scanner's kernel's bare RST. */
static inline void syn_probe(struct fixture *x, struct addr peer, struct addr self, uint16_t port,
			     bool open)
{
	uint32_t seq = addr_hash(peer, 1); /* two scanners have two */

	packet(x, (struct packet){ .src = peer,
				   .dst = self,
				   .sport = 51234,
				   .dport = port,
				   .proto = PACKET_TCP,
				   .tcp_flags = TCP_SYN,
				   .tcp_options = OPTIONS_RAW,
				   .tcp_window = 1024,
				   .tcp_seq = seq,
				   .ttl = 44 });
	if (open) {
		tcp(x, self, port, peer, 51234, TCP_SYN | TCP_ACK, seq + 1);
		tcp(x, peer, 51234, self, port, TCP_RST, 0);
	} else {
		tcp(x, self, port, peer, 51234, TCP_RST | TCP_ACK, seq + 1);
	}
}

/* How many events of this phase about this peer there were. */
static inline unsigned int told_of(const struct fixture *x, struct addr peer,
				   enum finding_phase phase)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < x->n_told && i < FIXTURE_EVENTS; i++)
		n += x->told[i].phase == phase && addr_eq(x->told[i].f.peer.addr, peer);
	return n;
}

/* The n-th event of this phase, or NULL. Borrowed. */
static inline const struct told *told_nth(const struct fixture *x, enum finding_phase phase,
					  unsigned int n)
{
	for (unsigned int i = 0; i < x->n_told && i < FIXTURE_EVENTS; i++)
		if (x->told[i].phase == phase && n-- == 0)
			return &x->told[i];
	return NULL;
}

static inline unsigned int told_phase(const struct fixture *x, enum finding_phase phase)
{
	unsigned int n = 0;

	while (told_nth(x, phase, n))
		n++;
	return n;
}

static inline struct engine_stats stats_of(const struct fixture *x)
{
	struct engine_stats stats;

	engine_stats(x->engine, &stats);
	return stats;
}

#endif
