/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections to login services: what is seen of them, and their ends, for detect-guess.h.
 *
 * Only real connections count. What this host itself sends in one, data or FIN, its kernel sends after the handshake
 * alone, so that it proves the peer's address; a peer's RST has to acknowledge what only who saw the
 * SYN/ACK can know.
 */
#include "sensor/engine-internal.h"

#include "core/clock.h"
#include "sensor/auth.h"
#include "sensor/host.h"
#include "sensor/login.h"
#include "sensor/packet.h"

#define KEYS_WINDOW 8192 /* a key exchange is shorter, either way */
#define END_WINDOW 65536 /* a peer's RST: what was served by then */
#define REFUSALS_DIFFER 16u /* http, rtsp: by so many bytes at most: numbers of requests */
#define TYPED_LEAST 4 /* a name and a password, and the ends of their lines */
#define BODY_BYTES 2048 /* what may follow the head of a refusal */

static struct flow_ends by_peer(const struct packet *p)
{
	return (struct flow_ends){ p->src, p->dst, p->sport, p->dport };
}

static struct flow_ends by_self(const struct packet *p)
{
	return (struct flow_ends){ p->dst, p->src, p->dport, p->sport };
}

static void keyed(struct engine *e, const struct packet *p)
{
	struct flow_ends ends = by_peer(p);
	struct flow *f = flows_find(e->flows, &ends, e->clock->now_ns);

	if (!f || !(f->state & FLOW_ANSWERED) || (f->state & (FLOW_KEYED | FLOW_ENDED)) ||
	    p->tcp_seq - (f->peer_isn + 1) >= KEYS_WINDOW ||
	    p->tcp_ack - (f->self_isn + 1) >= KEYS_WINDOW)
		return;
	f->state |= FLOW_KEYED | FLOW_ASKED;
	f->login = GUESS_SSH + 1;
	f->peer_isn = p->tcp_seq + LOGIN_NEWKEYS_LEN - 1;
	f->self_isn = p->tcp_ack - 1;
}

static struct guess_try try_of(const struct flow *f, const struct flow_ends *ends, uint32_t asked,
			       uint32_t served, uint64_t now_ns)
{
	struct guess_try t = {
		.peer = ends->peer,
		.self = ends->self,
		.peer_port = ends->peer_port,
		.port = ends->port,
		.service = (uint8_t)(f->login - 1),
		.keyed = f->state & FLOW_KEYED,
		.admitted = f->admitted,
		.repeated = f->repeated,
		.refusals = f->refusals,
		.asked = asked,
		.served = served,
		.asked_after = asked,
		.served_after = served,
		.served_early = served,
		.age_ms = flow_age_ms(f, now_ns),
	};

	if (f->refusals) {
		t.asked_after = (uint16_t)(asked - f->refused_asked);
		t.served_after = (uint16_t)(served - f->refused_served);
		t.refused_last = t.asked_after == 0 && t.served_after < BODY_BYTES;
	}
	return t;
}

static bool refuses(const struct flow *f, uint8_t mark)
{
	switch ((enum login_mark)mark) {
	case LOGIN_REFUSED_TELNET:
		return f->login == GUESS_TELNET + 1 || f->login == GUESS_OTHER + 1;
	case LOGIN_REFUSED_FTP:
		return f->login == GUESS_FTP + 1;
	case LOGIN_REFUSED_HTTP:
		return f->login == GUESS_HTTP + 1;
	case LOGIN_REFUSED_RTSP:
		return f->login == GUESS_RTSP + 1;
	case LOGIN_REFUSED_MQTT:
		return f->login == GUESS_MQTT + 1;
	case LOGIN_REFUSED_ADB:
		return f->login == GUESS_ADB + 1;
	case LOGIN_NONE:
	case LOGIN_NEWKEYS:
	case LOGIN_ADMITTED_FTP:
	case LOGIN_ADMITTED_ADB:
	case LOGIN_PROMPT:
		break;
	}
	return false;
}

/* asked: by the peer so far. A prompt is a shell's only after somebody has typed a name and a password. */
static bool admits(const struct flow *f, uint8_t mark, uint32_t asked)
{
	uint32_t typed = f->refusals ? (uint16_t)(asked - f->refused_asked) : asked;

	switch ((enum login_mark)mark) {
	case LOGIN_ADMITTED_FTP:
		return f->login == GUESS_FTP + 1;
	case LOGIN_ADMITTED_ADB:
		return f->login == GUESS_ADB + 1;
	case LOGIN_PROMPT:
		return f->login == GUESS_TELNET + 1 && typed >= TYPED_LEAST;
	default:
		return false;
	}
}

/*
 * http, rtsp: t has been refused by so many bytes, and had been before, with nothing served between but perhaps
 * another such refusal, whose status was not in the segment's first bytes. Who asks, is refused, and asks
 * with a password gets something else between.
 */
static bool refused_again(const struct flow *f, const struct guess_try *t, uint32_t payload)
{
	return (f->login == GUESS_HTTP + 1 || f->login == GUESS_RTSP + 1) && t->refusals &&
	       !t->admitted && t->asked_after &&
	       (t->served_after == 0 ||
		t->served_after + REFUSALS_DIFFER - payload <= 2 * REFUSALS_DIFFER);
}

/* This side said something in clear text. */
static void said(struct engine *e, const struct packet *p)
{
	struct flow_ends ends = by_self(p);
	struct flow *f = flows_find(e->flows, &ends, e->clock->now_ns);
	uint32_t asked, served;
	struct guess_try t;
	bool again;

	if (!f || !f->login || !(f->state & FLOW_ANSWERED))
		return;
	asked = p->tcp_ack - (f->peer_isn + 1);
	served = p->tcp_seq - (f->self_isn + 1);
	if (admits(f, p->login, asked))
		f->admitted = 1;
	if (!refuses(f, p->login))
		return;
	/* Sent again: it was not acknowledged in time. */
	if (f->refusals && (int16_t)(uint16_t)(served - f->refused_served) < 0)
		return;
	if (f->login == GUESS_TELNET + 1)
		f->admitted = 0; /* what looked like a shell's prompt was none */
	t = try_of(f, &ends, asked, served, e->clock->now_ns);
	again = refused_again(f, &t, p->payload);
	f->refusals += f->refusals < UINT8_MAX;
	f->refused_asked = (uint16_t)asked;
	f->refused_served = (uint16_t)(served + p->payload);
	if (f->login == GUESS_TELNET + 1 || f->login == GUESS_FTP + 1 || again)
		guesses_refused(e->guesses, &t, e->clock->now_ns);
	else if (f->login == GUESS_HTTP + 1 && !t.refusals && t.served_after) {
		f->admitted = 1;
		guesses_served(e->guesses, &t, e->clock->now_ns);
	}
	f->repeated |= again;
}

void engine_guess_data(struct engine *e, const struct packet *p)
{
	if (p->login == LOGIN_NEWKEYS && p->dir != PACKET_DIR_OUT)
		keyed(e, p);
	else if (p->login != LOGIN_NEWKEYS && p->dir != PACKET_DIR_IN)
		said(e, p);
}

static bool count(struct engine *e, struct flow *f, const struct flow_ends *ends, uint32_t asked,
		  uint32_t served, bool self_first)
{
	struct guess_try t;

	if (f->tried)
		return false;
	/* A number before the first: of a connection whose keys were exchanged meanwhile. */
	if (asked > INT32_MAX || served > INT32_MAX)
		return false;
	f->tried = 1;
	t = try_of(f, ends, asked, served, e->clock->now_ns);
	t.by_self = self_first;
	if (t.keyed && f->peer_ended && f->refused_asked == (uint16_t)asked &&
	    (uint16_t)(served - f->refused_served) < END_WINDOW / 2)
		t.served_early = served - (uint16_t)(served - f->refused_served);
	guesses_ended(e->guesses, &t, e->clock->now_ns);
	return true;
}

/* A FIN or RST of this side: sequence numbers are those of its kernel. */
static void ended_by_self(struct engine *e, const struct packet *p)
{
	struct flow_ends ends = by_self(p);
	struct flow *f = flows_find(e->flows, &ends, e->clock->now_ns);
	uint32_t asked, served;

	if (!f || !(f->state & FLOW_ANSWERED))
		return;
	f->over = 1;
	if (!f->login || !(p->tcp_flags & TCP_ACK))
		return;
	asked = p->tcp_ack - (f->peer_isn + 1);
	served = p->tcp_seq + p->payload - (f->self_isn + 1);
	count(e, f, &ends, asked - f->peer_ended, served, !f->peer_ended);
}

/*
 * A FIN is followed by this side's; a RST by nothing. A RST without ACK is a kernel's whose program has closed before
 * all was read: what had been served by its FIN is what counts.
 */
static void ended_by_peer(struct engine *e, const struct packet *p)
{
	struct flow_ends ends = by_peer(p);
	struct flow *f = flows_find(e->flows, &ends, e->clock->now_ns);
	uint32_t asked, served;

	if (!f || !(f->state & FLOW_ANSWERED))
		return;
	asked = p->tcp_seq + p->payload - (f->peer_isn + 1);
	/* Who asked nothing is engine_flow_aborted()'s, whose RST may come again. */
	if ((p->tcp_flags & TCP_RST) && asked - 1 < END_WINDOW)
		f->over = 1;
	if (!f->login)
		return;
	served = p->tcp_ack - (f->self_isn + 1);
	if (!(p->tcp_flags & TCP_ACK)) {
		if (f->peer_ended && (f->state & FLOW_KEYED) &&
		    (uint16_t)(asked - 1) == f->refused_asked)
			count(e, f, &ends, asked - 1, f->refused_served, false);
		return;
	}
	if (asked >= END_WINDOW || served >= END_WINDOW) {
		f->peer_ended |= (p->tcp_flags & TCP_FIN) != 0;
		return;
	}
	if (p->tcp_flags & TCP_RST)
		count(e, f, &ends, asked - f->peer_ended, served, false);
	else if (!f->peer_ended && (f->state & FLOW_KEYED)) {
		f->refused_asked = (uint16_t)asked;
		f->refused_served = (uint16_t)served;
	}
	f->peer_ended |= (p->tcp_flags & TCP_FIN) != 0;
}

void engine_guess_end(struct engine *e, const struct packet *p)
{
	/* So a SYN is refused (RFC 9293 §3.10.7.1). */
	if ((p->tcp_flags & TCP_RST) && p->tcp_seq == 0)
		return;
	if (p->dir != PACKET_DIR_IN || e->home.mode == HOME_GATEWAY)
		ended_by_self(e, p);
	if (p->dir != PACKET_DIR_OUT)
		ended_by_peer(e, p);
}

void engine_auth(struct engine *e, const struct auth_record *r)
{
	uint16_t port = guess_ports_first(&e->guess_ports, r->service);
	struct addr self = { 0, 0 };

	if (engine_ignores(e, r->peer))
		return;
	for (unsigned int i = 0; e->home.host && i < e->home.host->n_addrs; i++) {
		struct addr own = e->home.host->addr[i].addr;

		if (addr_is_v4(own) != addr_is_v4(r->peer) || addr_is_loopback(own))
			continue;
		self = own;
		break;
	}
	guesses_logged(e->guesses, r, self, port, e->clock->now_ns);
}
