/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the tests of password guessing: connections to login services, and what is told of them. Sizes are those
 * that were measured (docs/guessing.md).
 */
#ifndef MIMAMORI_SENSOR_GUESS_FIXTURE_H
#define MIMAMORI_SENSOR_GUESS_FIXTURE_H

#include "sensor/auth.h"
#include "sensor/device-fixture.h"
#include "sensor/login.h"

#define PEER_ISN 0x1000u
#define KEX_ASKED 1500 /* of a key exchange, NEWKEYS included */
#define KEX_SERVED 2000

/* What an ssh login asks and serves after NEWKEYS. */
struct shape {
	uint32_t asked, served;
	bool by_self;
};

static const struct shape openssh_one = { 196, 196, false };
static const struct shape openssh_three = { 364, 348, false };
static const struct shape openssh_job = { 916, 1412, false }; /* a key, and "true" */
static const struct shape dropbear_one = { 196, 148, false };
static const struct shape dropbear_job = { 776, 436, false };

struct connection {
	struct addr peer, self;
	uint16_t from, port;
	uint32_t asked, served; /* the next numbers of both sides */
};

static inline void send_peer(struct connection *c, uint8_t flags, uint8_t login, uint16_t payload)
{
	packet(&x, (struct packet){ .src = c->peer,
				    .dst = c->self,
				    .sport = c->from,
				    .dport = c->port,
				    .proto = PACKET_TCP,
				    .tcp_flags = flags,
				    .tcp_options = flags & TCP_SYN ? OPTIONS_USUAL : 0,
				    .tcp_window = 64240,
				    .tcp_seq = c->asked,
				    .tcp_ack = flags & TCP_ACK ? c->served : 0,
				    .login = login,
				    .payload = payload,
				    .ttl = 57 });
	c->asked += payload + !!(flags & (TCP_SYN | TCP_FIN));
}

static inline void send_self(struct connection *c, uint8_t flags, uint8_t login, uint16_t payload)
{
	packet(&x, (struct packet){ .src = c->self,
				    .dst = c->peer,
				    .sport = c->port,
				    .dport = c->from,
				    .proto = PACKET_TCP,
				    .tcp_flags = flags,
				    .tcp_window = 64240,
				    .tcp_seq = c->served,
				    .tcp_ack = c->asked,
				    .login = login,
				    .payload = payload,
				    .ttl = 64 });
	c->served += payload + !!(flags & (TCP_SYN | TCP_FIN));
}

static inline struct connection open_from(struct addr peer, uint16_t port, uint32_t peer_isn,
					  uint32_t self_isn)
{
	struct connection c = { .peer = peer,
				.self = ip(addr_is_v4(peer) ? DEVICE : DEVICE_V6),
				.from = x.next_port++,
				.port = port,
				.asked = peer_isn,
				.served = self_isn };

	send_peer(&c, TCP_SYN, 0, 0);
	send_self(&c, TCP_SYN | TCP_ACK, 0, 0);
	return c;
}

static inline struct connection open_to(struct addr peer, uint16_t port)
{
	return open_from(peer, port, PEER_ISN, FIXTURE_ISN);
}

static inline void exchange_keys(struct connection *c)
{
	c->asked += KEX_ASKED - LOGIN_NEWKEYS_LEN;
	c->served += KEX_SERVED;
	send_peer(c, TCP_ACK, LOGIN_NEWKEYS, LOGIN_NEWKEYS_LEN);
}

static inline void end(struct connection *c, bool by_self)
{
	if (by_self)
		send_self(c, TCP_FIN | TCP_ACK, 0, 0);
	send_peer(c, TCP_FIN | TCP_ACK, 0, 0);
	if (!by_self)
		send_self(c, TCP_FIN | TCP_ACK, 0, 0);
}

static inline void ssh_at(struct addr peer, uint16_t port, struct shape s)
{
	struct connection c = open_to(peer, port);

	exchange_keys(&c);
	pass_ms(&x, 500);
	c.asked += s.asked;
	c.served += s.served;
	end(&c, s.by_self);
}

static inline void ssh(const char *peer, struct shape s)
{
	ssh_at(ip(peer), 22, s);
}

static inline unsigned int told_guess(enum finding_phase phase)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < x.n_guesses && i < FIXTURE_GUESSES; i++)
		n += x.guess[i].phase == phase;
	return n;
}

static inline void assert_silent(void)
{
	sleep_s(&x, 600);
	assert_int_equal(x.n_guesses, 0);
	assert_int_equal(told_phase(&x, FINDING_START), 0);
}

/* The n-th of these is what opens the finding. */
static inline const struct guess *assert_found_at(unsigned int n, unsigned int i)
{
	if (i < n) {
		assert_int_equal(x.n_guesses, 0);
		return NULL;
	}
	assert_true(x.n_guesses >= 1);
	assert_int_equal(x.guess[0].phase, FINDING_START);
	return &x.guess[0].g;
}

static inline void logged(const char *peer, uint8_t result)
{
	struct auth_record r = {
		.peer = ip(peer), .service = GUESS_SSH, .result = result, .times = 1
	};

	pass_ms(&x, 10);
	r.t_ns = x.clock.now_ns;
	engine_auth(x.engine, &r);
}

#endif
