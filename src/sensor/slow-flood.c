/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/slow-flood.h"

#include "core/sketch.h"
#include "sensor/detect-flood.h"

#include <string.h>

enum { HALF_OPEN, HELD };

#define USUAL_BITS 4 /* of what is learnt */
#define USUAL_SLOW 3 /* one look counts for an eighth */
#define USUAL_MOST 8 /* times the configured number: who holds more slowly more is found, too */
#define TIMES_USUAL 3
#define UNFINISHED 2 /* SYN/ACKs repeated: 3 s */
#define MANY_PEERS 8 /* whose handshakes are all unfinished: forged */
#define NEIGHBOURS_V4 (96 + 24)
#define NEIGHBOURS_V6 64

static const uint8_t kinds[SLOW_KINDS] = { FLOOD_HALF_OPEN, FLOOD_HELD };

/* The connections of one address and port. */
struct service {
	struct addr self;
	uint16_t port;
	uint64_t all, n[SLOW_KINDS];
};

/* A look at the kernel's table. */
struct look {
	struct slow_floods *s;
	uint64_t all;
	unsigned int used;
	struct service service[SLOW_PORTS];
};

/* Who is behind one service's connections of a kind. */
struct sources {
	struct slow_floods *s;
	const struct service *service;
	unsigned int kind, used;
	uint64_t seed;
	struct addr peer[SLOW_PEERS], last;
	uint16_t last_port;
	struct sketch sketch;
};

void slow_floods_init(struct slow_floods *s, const struct slow_params *params)
{
	memset(s, 0, sizeof(*s));
	s->params = *params;
	if (!params->emit || (!params->least[HALF_OPEN] && !params->least[HELD]))
		s->params.list = NULL;
}

static bool held(const struct tcp_connection *c)
{
	if (c->half_open)
		return false;
	if (c->asked == 0)
		return c->asked_ms >= SLOW_HELD_MS;
	return c->asked < SLOW_LITTLE && c->served == 0 && c->served_ms >= SLOW_HELD_MS;
}

static bool is_of(const struct tcp_connection *c, unsigned int kind)
{
	return kind == HELD ? held(c) : c->half_open && c->repeats >= UNFINISHED;
}

static struct service *service_of(struct look *look, const struct tcp_connection *c)
{
	for (unsigned int i = 0; i < look->used; i++)
		if (look->service[i].port == c->port && addr_eq(look->service[i].self, c->self))
			return &look->service[i];
	if (look->used == SLOW_PORTS) {
		look->s->stats.left_out++;
		return NULL;
	}
	look->service[look->used] = (struct service){ .self = c->self, .port = c->port };
	return &look->service[look->used++];
}

static void count(const struct tcp_connection *c, void *arg)
{
	struct look *look = arg;
	struct service *service;

	if (!look->s->params.ours(c, look->s->params.owner))
		return;
	look->all++;
	service = service_of(look, c);
	if (!service)
		return;
	service->all++;
	for (unsigned int i = 0; i < SLOW_KINDS; i++)
		service->n[i] += is_of(c, i);
}

static bool before(struct addr a, struct addr b)
{
	return a.hi != b.hi ? a.hi < b.hi : a.lo < b.lo;
}

/* Keeps the sample sorted. Not by qsort(), which may allocate and asks the system how much memory there is. */
static void insert(struct sources *to, struct addr peer)
{
	unsigned int i = to->used++;

	for (; i > 0 && before(peer, to->peer[i - 1]); i--)
		to->peer[i] = to->peer[i - 1];
	to->peer[i] = peer;
}

static void gather(const struct tcp_connection *c, void *arg)
{
	struct sources *to = arg;

	if (c->port != to->service->port || !addr_eq(c->self, to->service->self) ||
	    !is_of(c, to->kind) || !to->s->params.ours(c, to->s->params.owner))
		return;
	sketch_add(&to->sketch, addr_hash(c->peer, to->seed));
	if (to->used < SLOW_PEERS)
		insert(to, c->peer);
	to->last = c->peer;
	to->last_port = c->peer_port;
}

/* Keeps the FLOOD_TOP prefixes with the largest shares, the largest first. */
static void add_top(struct flood *f, const struct prefix *prefix, uint8_t share)
{
	unsigned int i = FLOOD_TOP - 1;

	if (f->top_used < FLOOD_TOP)
		i = f->top_used++;
	else if (f->top[i].share >= share)
		return;
	for (; i > 0 && f->top[i - 1].share < share; i--)
		f->top[i] = f->top[i - 1];
	f->top[i].prefix = *prefix;
	f->top[i].share = share;
}

/* Their neighbourhoods: the sample is sorted, so that each stands together. */
static void describe_sources(struct flood *f, struct sources *src)
{
	unsigned int same = 1;

	f->top_used = 0;
	if (!src->used)
		return;
	f->peer.len = (uint8_t)addr_common_len(src->peer[0], src->peer[src->used - 1]);
	f->peer.addr = addr_mask(src->peer[0], f->peer.len);
	f->peers = sketch_count(&src->sketch);
	f->last_peer = src->last;
	f->peer_port = 0;
	if (f->peer.len == 128)
		f->scope = FINDING_HOST;
	else
		f->scope = f->peer.len >= (addr_is_v4(src->last) ? 96 + 16 : 32) ?
				   FINDING_PREFIX :
				   FINDING_DISTRIBUTED;
	for (unsigned int i = 0; i < src->used; i++) {
		uint8_t len = addr_is_v4(src->peer[i]) ? NEIGHBOURS_V4 : NEIGHBOURS_V6;
		struct prefix prefix = { addr_mask(src->peer[i], len), len };

		if (i + 1 < src->used && prefix_contains(&prefix, src->peer[i + 1])) {
			same++;
			continue;
		}
		if (same * 10 >= src->used)
			add_top(f, &prefix, (uint8_t)(same * 100 / src->used));
		same = 1;
	}
}

static void tell(struct slow_floods *s, struct slow_flood *sf, enum finding_phase phase)
{
	sf->f.sequence++;
	s->params.emit(&sf->f, phase, s->params.arg);
}

static uint64_t limit_of(const struct slow_floods *s, unsigned int kind)
{
	uint64_t usual = TIMES_USUAL * s->usual[kind] >> USUAL_BITS, least = s->params.least[kind];

	if (usual > least * USUAL_MOST)
		usual = least * USUAL_MOST;
	return usual > least ? usual : least;
}

static void open_flood(struct slow_floods *s, unsigned int kind, const struct service *service,
		       struct sources *src, uint64_t now_ns)
{
	struct slow_flood *sf = &s->flood[kind];

	sf->f = (struct flood){
		.kind = kinds[kind],
		.self = service->self,
		.port = service->port,
		.first_ns = now_ns,
		.last_ns = now_ns,
		.packets = service->n[kind],
		.normal = s->usual[kind] >> USUAL_BITS,
		.completed = (uint8_t)((service->all - service->n[HALF_OPEN]) * 100 / service->all),
		.sampled = 1,
	};
	describe_sources(&sf->f, src);
	if (kind == HELD)
		sf->f.forged = FLOOD_FORGED_NO;
	else if (sf->f.peers >= MANY_PEERS)
		sf->f.forged = FLOOD_FORGED_YES;
	sf->f.id = addr_hash(service->self, s->params.seed + s->made) |
		   (uint64_t)addr_hash(src->last, s->params.seed ^ now_ns) << 32;
	s->made++;
	sf->open = true;
	sf->peak = service->n[kind];
	sf->report_at = sf->peak * FLOOD_GROWTH;
	s->stats.opened++;
	s->stats.open++;
	tell(s, sf, FINDING_START);
}

static void close_flood(struct slow_floods *s, unsigned int kind)
{
	struct slow_flood *sf = &s->flood[kind];

	sf->f.packets = sf->peak;
	tell(s, sf, FINDING_END);
	sf->open = false;
	s->stats.closed++;
	s->stats.open--;
}

/* Of many idle connections: does one peer hold many, or are they too many for any device? */
static bool too_many(const struct slow_floods *s, unsigned int kind, uint64_t n,
		     const struct sources *src)
{
	uint64_t peers = sketch_count(&src->sketch);

	return kind == HALF_OPEN || n >= SLOW_EACH * peers || n >= SLOW_SPREAD * limit_of(s, kind);
}

static void learn(struct slow_floods *s, unsigned int kind, uint64_t n)
{
	uint64_t now = n << USUAL_BITS;

	if (now > s->usual[kind])
		s->usual[kind] += (now - s->usual[kind]) >> USUAL_SLOW;
	else
		s->usual[kind] -= (s->usual[kind] - now) >> USUAL_SLOW;
}

/* Nothing is open of this kind: does the busiest service show a flood? */
static void seek(struct slow_floods *s, unsigned int kind, const struct look *look, uint64_t now_ns)
{
	struct sources src = { .s = s, .kind = kind, .seed = s->params.seed };

	for (unsigned int i = 0; i < look->used; i++)
		if (!src.service || look->service[i].n[kind] > src.service->n[kind])
			src.service = &look->service[i];
	if (!src.service)
		return;
	if (src.service->n[kind] < limit_of(s, kind)) {
		learn(s, kind, src.service->n[kind]);
		return;
	}
	if (kind == HALF_OPEN && s->params.drowned(src.service->self, s->params.owner))
		return;
	if (s->params.list(s->params.owner, gather, &src) < 0)
		s->stats.failures++;
	else if (src.used && too_many(s, kind, src.service->n[kind], &src))
		open_flood(s, kind, src.service, &src, now_ns);
	else
		learn(s, kind, src.service->n[kind]);
}

static void follow(struct slow_floods *s, unsigned int kind, const struct look *look,
		   uint64_t now_ns)
{
	struct slow_flood *sf = &s->flood[kind];
	uint64_t n = 0;

	for (unsigned int i = 0; i < look->used; i++)
		if (look->service[i].port == sf->f.port &&
		    addr_eq(look->service[i].self, sf->f.self))
			n = look->service[i].n[kind];
	if (n > sf->peak)
		sf->peak = n;
	if (n < limit_of(s, kind) / 2) {
		close_flood(s, kind);
		return;
	}
	sf->f.packets = n;
	sf->f.last_ns = now_ns;
	if (n >= sf->report_at) {
		sf->report_at = n * FLOOD_GROWTH;
		tell(s, sf, FINDING_UPDATE);
	}
}

static void look_now(struct slow_floods *s, uint64_t now_ns)
{
	struct look look = { .s = s };

	s->stats.looks++;
	if (s->params.list(s->params.owner, count, &look) < 0) {
		s->stats.failures++;
		return;
	}
	s->known = look.all;
	for (unsigned int i = 0; i < SLOW_KINDS; i++) {
		if (s->flood[i].open)
			follow(s, i, &look, now_ns);
		else if (s->params.least[i])
			seek(s, i, &look, now_ns);
	}
}

static uint64_t open_by_count(const struct slow_floods *s)
{
	uint64_t all = s->known + s->opened;

	return all > s->ended ? all - s->ended : 0;
}

uint64_t slow_floods_tick(struct slow_floods *s, uint64_t now_ns)
{
	uint64_t since = s->opened;

	if (!s->params.list)
		return 0;
	if (!s->look_ns) {
		if (open_by_count(s) < s->calm)
			s->calm = open_by_count(s);
		if (open_by_count(s) < s->calm + SLOW_LOOK)
			return 0;
		s->wait_ns = SLOW_LOOK_NS;
		s->look_ns = now_ns + s->wait_ns;
	}
	if (now_ns < s->look_ns)
		return s->look_ns;
	look_now(s, now_ns);
	s->opened = s->ended = 0;
	if (s->stats.open) {
		s->look_ns = now_ns + SLOW_OPEN_NS;
	} else if (s->wait_ns < SLOW_LOOK_LAST_NS || since >= SLOW_LOOK) {
		s->wait_ns = since >= SLOW_LOOK ? SLOW_LOOK_NS : s->wait_ns * 2;
		s->look_ns = now_ns + s->wait_ns;
	} else {
		s->look_ns = 0;
		s->calm = s->known;
	}
	return s->look_ns;
}

void slow_floods_finish(struct slow_floods *s, uint64_t now_ns)
{
	for (unsigned int i = 0; i < SLOW_KINDS; i++) {
		if (!s->flood[i].open)
			continue;
		s->flood[i].f.last_ns = now_ns;
		close_flood(s, i);
	}
}
