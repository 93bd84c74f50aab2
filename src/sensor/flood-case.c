/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/flood-internal.h"

#include "core/approx.h"
#include "core/bits.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_PORTS 512 /* ports of so many samples tell whether they are few */
#define MANY_FLOWS 8 /* peers and ports, and half of all */
#define TOP_SHARE 10 /* a prefix is named from one packet in so many on */
#define SCAN_PAYLOAD 256 /* bytes; questions are shorter, floods of datagrams rarely are */
#define SLICE_MOST (6 * 65536 / FLOOD_SLICE)
#define ORDINARY (PACKET_OPT_MSS | PACKET_OPT_SACK | PACKET_OPT_WSCALE)
#define MANY_PEERS 20 /* of fewer, seldom coming again tells nothing */
#define NEARLY_ALL 90 /* per cent: ordinary clients come beside a flood */
#define MOST 80
#define ANSWERED_SAMPLES 128
#define HASTY_SAMPLES 40
#define HASTE 10 /* times what is allowed */
#define CRUMB 600 /* bytes: two fragments of 1280 (RFC 8200 §5) and 28 are 654 on average */
#define DEAF 64 /* QUIC acknowledges one in ten or twenty */
#define SMALL 256 /* bytes */
#define SYSTEM_PORTS 1024 /* RFC 6335 §6 */
#define SCAN_PORTS 4
#define SCAN_UNSEEN \
	4096 /* a scan of which so many were seen, for each sharer, has met the slice: 64 times on average */
#define SCAN_PORTS_MANY 16 /* and has more ports than that */
#define SCAN_SHARERS 32 /* decoys ask for each port one after the other */
#define NODES_MAX (2 * (FLOOD_LEAVES + 2 + FLOOD_AGGREGATES) + 2)
#define WIDE_V4 (ADDR_V4_OFFSET + 8) /* a wider prefix is nobody's own */
#define WIDE_V6 20
#define NEAR_V4 (ADDR_V4_OFFSET + 24)
#define NEAR_V6 64

struct flood_prefixes {
	struct trie *trie;
};

struct shares {
	uint32_t packets[FLOOD_CASES];
};

static void fold(void *into, const void *from, void *arg)
{
	struct shares *to = into;
	const struct shares *s = from;

	(void)arg;
	for (unsigned int i = 0; i < FLOOD_CASES; i++)
		to->packets[i] += s->packets[i];
}

static bool heavy(const void *payload, void *arg)
{
	const struct shares *s = payload;

	(void)arg;
	for (unsigned int i = 0; i < FLOOD_CASES; i++)
		if (s->packets[i] >= FLOOD_LEAVES / 4)
			return true;
	return false;
}

static struct trie_params params(void)
{
	return (struct trie_params){
		.payload_bytes = sizeof(struct shares),
		.quota = { FLOOD_LEAVES, 1, 1 },
		.aggregates = FLOOD_AGGREGATES,
		.fold = fold,
		.heavy = heavy,
	};
}

struct flood_prefixes *flood_prefixes_new(uint64_t seed)
{
	struct flood_prefixes *fp = calloc(1, sizeof(*fp));
	struct trie_params p = params();

	if (!fp)
		return NULL;
	p.seed = seed;
	fp->trie = trie_new(&p);
	if (fp->trie)
		return fp;
	free(fp);
	return NULL;
}

void flood_prefixes_free(struct flood_prefixes *fp)
{
	if (!fp)
		return;
	trie_free(fp->trie);
	free(fp);
}

size_t flood_prefixes_bytes(void)
{
	struct trie_params p = params();

	return sizeof(struct flood_prefixes) + trie_bytes(&p);
}

static bool clear(struct trie_node *n, void *arg)
{
	((struct shares *)n->payload)->packets[*(uint8_t *)arg] = 0;
	return true;
}

void flood_case_forget(struct flood_case *c, struct flood_prefixes *fp)
{
	trie_walk(fp->trie, clear, &c->index);
	memset(&c->samples, 0,
	       offsetof(struct flood_case, slice) - offsetof(struct flood_case, samples));
}

void flood_case_begin(struct flood_case *c, struct flood_prefixes *fp, struct lane *l,
		      uint64_t now_ns)
{
	uint8_t index = c->index;

	*c = (struct flood_case){ .used = true, .index = index, .lane = l };
	c->f.first_ns = c->f.last_ns = c->hot_ns = now_ns;
	c->f.sampled = c->thinned = 1;
	flood_case_forget(c, fp);
}

/*
 * Services whose answers floods are made of (Rossow: "Amplification Hell", 2014; CISA alert TA14-017A):
 * quote of the day, characters, DNS, portmap, NTP, NetBIOS, SNMP, CLDAP, RIP, SSDP, ARMS, WS-Discovery,
 * mDNS, CoAP, memcached, games.
 */
static const uint16_t reflectors[] = { 17,  19,	  53,	111,  123,  137,  161,	 389,
				       520, 1900, 3283, 3702, 5353, 5683, 11211, 27015 };

bool flood_reflects(uint16_t port)
{
	for (unsigned int i = 0; i < sizeof(reflectors) / sizeof(reflectors[0]); i++)
		if (reflectors[i] == port)
			return true;
	return false;
}

static void vote(struct flood_vote *v, uint64_t value)
{
	if (v->value == value)
		v->votes++;
	else if (v->votes)
		v->votes--;
	else
		*v = (struct flood_vote){ value, 1 };
}

/* More than half of the votes, at the least. */
static bool elected(const struct flood_vote *v, uint32_t of)
{
	return (uint64_t)v->votes * 3 > of;
}

/* Nobody's address: RFC 6890, RFC 1112 §4 (class E), RFC 4291. Private ones are not among them: neighbours
 * have them. */
static bool bogon(struct addr a)
{
	uint32_t top = (uint32_t)a.lo >> 24;

	if (addr_is_multicast(a) || addr_is_loopback(a))
		return true;
	return addr_is_v4(a) ? top == 0 || top >= 240 : addr_is_unspecified(a);
}

void flood_case_way(struct flood_case *c, const struct packet *p)
{
	c->ways++;
	vote(&c->ttl, p->ttl);
	c->ttls[p->ttl / 64] |= 1ULL << p->ttl % 64;
}

void flood_case_sample(struct flood_case *c, struct flood_prefixes *fp, const struct packet *p,
		       bool turned)
{
	struct addr peer = turned ? p->dst : p->src, self = turned ? p->src : p->dst;
	uint16_t port = turned ? p->sport : p->dport, peer_port = turned ? p->dport : p->sport;
	struct trie_node *n = trie_insert(fp->trie, peer, 0, NULL);

	((struct shares *)n->payload)->packets[c->index]++;
	c->samples++;
	vote(&c->port, port);
	vote(&c->peer_port, peer_port);
	/* Once told, it stays: if it moves, that is another flood. */
	if (!c->open && !c->self.votes)
		c->f.self = self;
	if (!c->open)
		vote(&c->self, addr_hash(self, 0));
	vote(&c->now, addr_hash(self, 0));
	c->now_samples++;
	c->answers += p->answer;
	c->ordinary += (p->tcp_options & ORDINARY) == ORDINARY;
	if (!turned)
		flood_case_way(c, p);
	c->bogons += bogon(peer);
	if (c->first_ports < FIRST_PORTS) {
		uint32_t hash = port * 0x9e3779b1u >> 24;

		c->port_bits[hash / 64] |= 1ULL << hash % 64;
		if (!p->met) {
			hash = addr_hash(peer, peer_port) % 512;
			c->flow_bits[hash / 64] |= 1ULL << hash % 64;
			c->first_flows++;
		}
		c->first_ports++;
	}
	if (c->sketched < FLOOD_SAMPLES) {
		sketch_add(&c->peers, addr_hash(peer, c->f.first_ns));
		c->sketched++;
	}
	c->f.last_peer = peer;
	c->f.last_ns = p->t_ns > c->f.last_ns ? p->t_ns : c->f.last_ns;
	if (p->stands_for > c->f.sampled)
		c->f.sampled = p->stands_for;
	if (!p->bulk && p->stands_for > c->thinned)
		c->thinned = p->stands_for;
}

void flood_case_slice(struct flood_case *c, const struct packet *p, bool turned)
{
	struct addr peer = turned ? p->dst : p->src, self = turned ? p->src : p->dst;
	uint16_t port = turned ? p->sport : p->dport;

	/* All ports of one address several times over: whoever goes on is judged anew. */
	if (c->slice_looks == SLICE_MOST) {
		memset(&c->slice, 0, sizeof(c->slice));
		c->slice_looks = 0;
		c->slice_packets = 0;
	}
	c->slice_looks++;
	c->slice_packets += p->bulk ? 1 : p->stands_for;
	sketch_add(&c->slice, addr_hash(peer, addr_hash(self, 0) ^ (uint64_t)port << 32));
}

/* How many different ones there are if n draws from them gave d: solved by bisection. */
static uint64_t population(unsigned int d, uint32_t n, uint64_t most)
{
	double low = d, high = (double)most;

	/* So few came twice that chance says nothing: as many as there were packets. */
	if (d >= most || (uint64_t)d * 10 >= (uint64_t)n * 9)
		return n ? (uint64_t)((double)most * (d < n ? d : n) / n) : 0;
	for (int i = 0; i < 40; i++) {
		double middle = (low + high) / 2;
		/* 1.4427: log2(e) */
		double expected = middle * (1 - approx_exp2(-1.4426950408889634 * n / middle));

		if (expected < d)
			low = middle;
		else
			high = middle;
	}
	return (uint64_t)(low + 0.5);
}

/* How many peers, addresses and ports the slice has: some are not seen where packets stand for others. */
static uint64_t slice_targets(const struct flood_case *c)
{
	unsigned int seen = sketch_count(&c->slice);

	return c->slice_looks == c->slice_packets ?
		       seen :
		       population(seen, c->slice_looks, c->slice_packets);
}

bool flood_case_scans(const struct flood_case *c)
{
	bool datagrams = c->lane->kind == FLOOD_LANE_UDP || c->lane->kind == FLOOD_LANE_PROTOCOL;
	unsigned int ports = sketch_linear(c->port_bits, 4), peers = sketch_count(&c->peers);
	unsigned int sharers = peers < 1 ? 1 : peers > SCAN_SHARERS ? SCAN_SHARERS : peers;

	if (c->lane->kind != FLOOD_LANE_SYN && c->lane->kind != FLOOD_LANE_RST &&
	    c->lane->kind != FLOOD_LANE_ACK && !datagrams)
		return false;
	if (peers > FLOOD_SCANNERS || elected(&c->port, c->samples) || ports < SCAN_PORTS ||
	    ports * sharers * 4 < c->first_ports)
		return false;
	if (datagrams && c->f.bytes > c->f.packets * SCAN_PAYLOAD)
		return false;
	if (ports < SCAN_PORTS_MANY && c->first_ports >= FIRST_PORTS / 2 &&
	    c->f.packets >= SCAN_UNSEEN)
		return false;
	if (c->slice_looks < 16)
		return c->f.packets < (uint64_t)SCAN_UNSEEN * sharers * c->thinned;
	return c->slice_packets < FLOOD_SCAN_TRIES * slice_targets(c);
}

bool flood_case_crumbs(const struct flood_case *c)
{
	return c->f.bytes < c->f.packets * CRUMB;
}

bool flood_case_deaf(const struct flood_case *c)
{
	if (c->answered * DEAF >= c->f.packets)
		return false;
	return c->f.bytes < c->f.packets * SMALL ||
	       (elected(&c->port, c->samples) && c->port.value < SYSTEM_PORTS);
}

/* Of a hundred so many or more come once, and all the same way. */
static bool one_way_each(const struct flood_case *c, unsigned int peers, unsigned int share)
{
	return peers >= MANY_PEERS && peers * 100ULL >= (uint64_t)c->sketched * share && c->ways &&
	       elected(&c->ttl, c->ways);
}

/* Of a service that answers. Peers that ask in turn look alike until each has come twice: where there is no haste
 * more of them are waited for. */
static bool strangers(const struct flood_case *c)
{
	bool haste = floods_lately(c->lane) >=
		     (uint64_t)c->lane->allowed * FLOOD_WINDOWS_PER_S * HASTE;

	return c->sketched >= (haste ? HASTY_SAMPLES : ANSWERED_SAMPLES) &&
	       one_way_each(c, sketch_count(&c->peers), NEARLY_ALL);
}

bool flood_case_many(const struct flood_case *c)
{
	unsigned int flows = sketch_linear(c->flow_bits, 8);

	if (c->lane->kind == FLOOD_LANE_SYN)
		return c->ordinary * 4 < c->samples * 3;
	/* What a service answers is welcome, unless the addresses look forged: of a few dozen peers many
	 * have come only once among the first packets. */
	if (c->lane->kind == FLOOD_LANE_SERVED && c->answered * 2 >= c->f.packets)
		return c->bogons * 64ULL > c->samples || strangers(c);
	/* Nobody ordinary forges even one. */
	if (c->bogons * 2 >= c->samples && c->samples)
		return true;
	return flows >= MANY_FLOWS && flows * 2 >= c->first_flows;
}

struct gathered {
	struct trie_node *node[NODES_MAX];
	uint64_t sum[NODES_MAX]; /* with what is within */
	uint64_t rest[NODES_MAX]; /* less what is named within */
	uint16_t parent[NODES_MAX]; /* its place here */
	unsigned int n;
	uint8_t index;
};

static bool gather(struct trie_node *n, void *arg)
{
	struct gathered *g = arg;

	if (g->n == NODES_MAX)
		return false;
	g->sum[g->n] = g->rest[g->n] = ((struct shares *)n->payload)->packets[g->index];
	g->node[g->n++] = n;
	return true;
}

/* Keeps the FLOOD_TOP largest, the largest first. */
static void name(struct flood *f, struct prefix prefix, uint8_t share)
{
	unsigned int i = f->top_used;

	if (i == FLOOD_TOP && f->top[i - 1].share >= share)
		return;
	if (i < FLOOD_TOP)
		f->top_used++;
	else
		i--;
	for (; i > 0 && f->top[i - 1].share < share; i--)
		f->top[i] = f->top[i - 1];
	f->top[i].prefix = prefix;
	f->top[i].share = share;
}

/* Within one network's usual size parts are not named, but the whole. */
static bool neighbourhood(const struct trie_node *n)
{
	return n->len >= (addr_is_v4(n->addr) ? NEAR_V4 : NEAR_V6);
}

static void describe_prefixes(struct flood_case *c, struct flood_prefixes *fp)
{
	struct gathered g = { .index = c->index };
	unsigned int best = 0;
	uint64_t all;

	trie_walk(fp->trie, gather, &g);
	/* Parents come before children. */
	for (unsigned int i = g.n; i-- > 1;) {
		g.parent[i] = (uint16_t)(i - 1);
		while (g.parent[i] > 0 && g.node[g.parent[i]]->index != g.node[i]->parent)
			g.parent[i]--;
		g.sum[g.parent[i]] += g.sum[i];
	}
	for (unsigned int i = g.n; i-- > 1;) {
		bool nearly_all = g.sum[i] * 10 >= g.sum[g.parent[i]] * 9;

		if (g.rest[i] * TOP_SHARE >= c->samples &&
		    (nearly_all || !neighbourhood(g.node[g.parent[i]])))
			continue;
		g.rest[g.parent[i]] += g.rest[i];
		g.rest[i] = 0;
	}
	all = g.n ? g.sum[0] : 0;
	c->f.top_used = 0;
	for (unsigned int i = 0; i < g.n && all; i++) {
		struct prefix prefix = trie_node_prefix(g.node[i]);

		if (g.sum[i] * 20 >= all * 19 && prefix.len >= g.node[best]->len)
			best = i;
		if (g.rest[i] && g.rest[i] * TOP_SHARE >= c->samples && g.node[i]->len > 0)
			name(&c->f, prefix, (uint8_t)(g.rest[i] * 100 / all));
	}
	if (g.n)
		c->f.peer = trie_node_prefix(g.node[best]);
}

static enum flood_forged forged(const struct flood_case *c, unsigned int seen)
{
	unsigned int ways = 0;

	for (unsigned int i = 0; i < 4; i++)
		ways += bits_count(c->ttls[i]);
	if (c->bogons * 64ULL > c->samples)
		return FLOOD_FORGED_YES;
	if (c->handshakes * 5 >= c->f.packets || c->resets * 2 >= c->f.packets)
		return FLOOD_FORGED_NO;
	if (c->lane->kind == FLOOD_LANE_AMPLIFIED && c->answers * 2ULL >= c->samples)
		return FLOOD_FORGED_NO;
	if (c->handshakes * 10 > c->f.packets)
		return FLOOD_FORGED_UNKNOWN;
	/* Hosts all over the world are 5 to 30 hops away, in three kinds of TTL. Random TTLs are no host's. */
	return one_way_each(c, seen, MOST) || (seen >= MANY_PEERS && ways > 100) ?
		       FLOOD_FORGED_YES :
		       FLOOD_FORGED_UNKNOWN;
}

void flood_case_describe(struct flood_case *c, struct flood_prefixes *fp)
{
	static const uint8_t kinds[FLOOD_LANES] = {
		[FLOOD_LANE_SYN] = FLOOD_SYN,
		[FLOOD_LANE_SYN_ACK] = FLOOD_SYN_ACK,
		[FLOOD_LANE_ACK] = FLOOD_ACK,
		[FLOOD_LANE_RST] = FLOOD_RST,
		[FLOOD_LANE_UDP] = FLOOD_UDP,
		[FLOOD_LANE_SERVED] = FLOOD_UDP,
		[FLOOD_LANE_AMPLIFIED] = FLOOD_AMPLIFIED,
		[FLOOD_LANE_ICMP] = FLOOD_ICMP,
		[FLOOD_LANE_FRAGMENT] = FLOOD_FRAGMENT,
		[FLOOD_LANE_PROTOCOL] = FLOOD_PROTOCOL,
		[FLOOD_LANE_TUNNEL] = FLOOD_PROTOCOL,
	};
	unsigned int seen = sketch_count(&c->peers);
	struct flood *f = &c->f;
	bool v4;

	f->kind = kinds[c->lane->kind];
	if (c->lane->kind == FLOOD_LANE_SERVED && elected(&c->peer_port, c->samples) &&
	    flood_reflects((uint16_t)c->peer_port.value) &&
	    !flood_reflects((uint16_t)c->port.value))
		f->kind = FLOOD_AMPLIFIED;
	f->port = elected(&c->port, c->samples) ? (uint16_t)c->port.value : 0;
	f->peer_port = f->kind == FLOOD_AMPLIFIED && elected(&c->peer_port, c->samples) ?
			       (uint16_t)c->peer_port.value :
			       0;
	f->peers = population(seen, c->sketched, f->packets);
	describe_prefixes(c, fp);
	v4 = f->peer.len >= ADDR_V4_OFFSET && addr_is_v4(f->peer.addr);
	if (f->peer.len == ADDR_BITS)
		f->scope = FINDING_HOST;
	else
		f->scope = f->peer.len >= (v4 ? WIDE_V4 : WIDE_V6) ? FINDING_PREFIX :
								     FINDING_DISTRIBUTED;
	f->forged = (uint8_t)forged(c, seen);
	if (f->kind == FLOOD_SYN)
		f->completed = (uint8_t)(f->packets && c->handshakes < f->packets ?
						 c->handshakes * 100 / f->packets :
						 (c->handshakes ? 100 : 0));
}
