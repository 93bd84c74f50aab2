/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program that watches an interface, one way: tells the sensor of packets that matter, and wakes it for
 * those that are suspicious.
 *
 * Theory of operation
 * -------------------
 * mimamori_look() says what a packet is; most are over then. Bulk is looked at one in so many, at random; where
 * the kernel has a socket for it with this very peer, that was asked for. What matters becomes a
 * record, if limits.h lets it pass; an answer of this host passes when what it answers has. Bulk has the buckets of
 * classes alone: no peer is known or forgotten for it.
 *
 * Records wait in the ring without waking anybody while they are such as ordinary life makes: of openings, a
 * socket that listens shows that; of ends, the socket that they belong to. Each such record weighs
 * something, and the sensor is woken when too much waits, or the ring fills up. It puts itself to sleep
 * (shared->asleep) and is woken once; while it is awake it comes back by itself.
 *
 * Never more than it looks at: the packet goes on as if nobody had (TC_ACT_UNSPEC).
 */
#include "passes.h"
#include "seen.h"
#include "socket.h"

#define UNSPEC (-1) /* TC_ACT_UNSPEC, TCX_NEXT: on to whoever else looks */
#define HEADERS 128 /* brought into reach when they lie scattered */
#define NO_WAKEUP 1
#define FORCE_WAKEUP 2
#define AVAILABLE 0

/* How much a record weighs; LOUD wakes at once. */
#define WAKE_AT 64
#define LOUD WAKE_AT
#define WEIGHS_NOTHING 0
#define WEIGHS_LITTLE 1
#define WEIGHS_SOME 4
#define WEIGHS_MUCH 16
#define BEGUN_MOST 24 /* as many as make the engine look for slow floods (slow-flood.h) */

/* Of a connection in which the peer has spoken. */
INLINE __u32 weigh_end(const struct mimamori_sight *p)
{
	return mimamori_bit(shared()->shaped_login, p->dport) ? WEIGHS_MUCH : WEIGHS_NOTHING;
}

/* Connections that begin and do not end are told of: some, since the sensor has last looked. */
INLINE __u32 weigh_opening(enum socket found)
{
	struct mimamori_shared *sh = shared();
	__u32 begun = sh->begun;

	if (found == SOCKET_NONE)
		return LOUD;
	sh->begun = begun + 1;
	return begun < BEGUN_MOST ? WEIGHS_NOTHING : LOUD;
}

INLINE void note_end(void)
{
	struct mimamori_shared *sh = shared();
	__u32 begun = sh->begun;

	if (begun)
		sh->begun = begun - 1;
}

INLINE __u32 weigh_segment(const struct mimamori_sight *p, enum socket found)
{
	if (found == SOCKET_UNASKED && (shared()->options & MIMAMORI_GATEWAY))
		return LOUD;
	if (p->flags & (MIMAMORI_FIN | MIMAMORI_RST_FLAG))
		note_end();
	switch (p->flags & MIMAMORI_OPENING_FLAGS) {
	case MIMAMORI_SYN_FLAG:
		return weigh_opening(found);
	case MIMAMORI_FIN | MIMAMORI_ACK:
		if (found != SOCKET_PEERS)
			return LOUD;
		return weigh_end(p);
	case MIMAMORI_RST_FLAG | MIMAMORI_ACK:
		if (found == SOCKET_NONE)
			return WEIGHS_SOME;
		return found == SOCKET_PEERS ? weigh_end(p) : LOUD;
	case MIMAMORI_SYN_FLAG | MIMAMORI_ACK:
		return found == SOCKET_NONE ? WEIGHS_SOME : WEIGHS_NOTHING;
	}
	return LOUD;
}

INLINE __u32 weigh_sent(const struct mimamori_sight *p)
{
	/* A RST without ACK: it answers a segment of no connection. */
	if (p->kind == MIMAMORI_RST && !(p->flags & MIMAMORI_ACK))
		return LOUD;
	/* Where logins fail without a word, their ends are told soon, whichever side is the first. */
	if (p->kind == MIMAMORI_TCP && (p->flags & MIMAMORI_FIN) &&
	    mimamori_bit(shared()->shaped_login, p->sport))
		return WEIGHS_MUCH;
	return p->protocol == 6 ? WEIGHS_NOTHING : WEIGHS_LITTLE;
}

/* What a record weighs that passes by itself. */
INLINE __u32 weigh(const struct seen *s, enum socket found)
{
	const struct mimamori_sight *p = &s->sight;

	if (s->what == MIMAMORI_DATA_KEYS)
		return WEIGHS_NOTHING;
	if (s->what == MIMAMORI_DATA_LOGIN)
		return WEIGHS_MUCH;
	if (s->what == MIMAMORI_DATA_ASKS)
		return LOUD;
	if (p->out)
		return weigh_sent(p);
	if (p->whole && p->protocol == 6)
		return weigh_segment(p, found);
	if (p->ethertype == 0x0806 || p->kind == MIMAMORI_ICMP)
		return WEIGHS_SOME;
	return LOUD;
}

/* Likewise of a sample. */
INLINE __u32 weigh_bulk(const struct mimamori_sight *p, enum socket found)
{
	return p->out || found == SOCKET_SERVES ? WEIGHS_LITTLE : WEIGHS_SOME;
}

/* packet_link() of the sender's Ethernet address. */
INLINE __u32 sender(const struct seen *s)
{
	const __u8 *mac = (const __u8 *)(long)s->skb->data + 6;
	__u64 a;

	if (LINK != 14 || s->sight.out || mac + 6 > (const __u8 *)(long)s->skb->data_end)
		return 0;
	a = (__u64)mac[0] << 40 | (__u64)mac[1] << 32 | (__u64)mac[2] << 24 | (__u64)mac[3] << 16 |
	    (__u64)mac[4] << 8 | mac[5];
	return a ? (__u32)(a * 0x9e3779b97f4a7c15ULL >> 32) | 1 : 0;
}

/* Is the sensor to be woken for a record of this weight? */
INLINE __u64 wakeup(__u32 weight)
{
	struct mimamori_shared *sh = shared();
	__u32 pressure = sh->pressure + weight;

	sh->pressure = pressure;
	if (sh->asleep == MIMAMORI_AWAKE || (sh->asleep == MIMAMORI_ASLEEP && pressure < WAKE_AT)) {
		if (ring_query(MAP(MAP_RING), AVAILABLE) < sh->wake_bytes)
			return NO_WAKEUP;
	} else if (sh->asleep != MIMAMORI_ASLEEP) {
		return NO_WAKEUP;
	}
	sh->asleep = MIMAMORI_WOKEN;
	sh->woken++;
	return FORCE_WAKEUP;
}

INLINE void tell(struct seen *s, __u64 now, __u32 stands_for)
{
	__u64 space[(sizeof(struct mimamori_record) + MIMAMORI_SNAPLEN) / sizeof(__u64)] = {};
	struct mimamori_record *r = (struct mimamori_record *)space;
	__u32 captured = s->sight.len;

	r->boot_ns = now;
	r->ifindex = s->skb->ifindex;
	r->link = sender(s);
	r->stands_for = stands_for;
	r->wire_len = s->sight.len;
	r->ethertype = s->sight.ethertype;
	r->flags = s->flags;
	if (captured > MIMAMORI_SNAPLEN)
		captured = MIMAMORI_SNAPLEN;
	captured--;
	/* The compiler knows that already; the verifier would not, of old kernels nor that it is not 0. */
	__asm__ volatile("" : "+r"(captured));
	if (captured >= MIMAMORI_SNAPLEN || load_bytes(s->skb, LINK, r->bytes, captured + 1))
		return;
	captured++;
	r->captured = (__u16)captured;
	if (ring_output(MAP(MAP_RING), r, sizeof(*r) + captured, wakeup(s->weight))) {
		shared()->lost++;
		shared()->held_back[s->sight.kind]++;
	}
}

/* Headers that lie scattered are brought into reach: then a second look is all there is. */
INLINE enum mimamori_what look(struct seen *s)
{
	struct __sk_buff *skb = s->skb;

#pragma clang loop unroll(disable)
	for (int i = 0;; i++) {
		s->sight.net = (const __u8 *)(long)skb->data + LINK;
		s->sight.end = (const __u8 *)(long)skb->data_end;
		s->what = mimamori_look(shared(), &s->sight, skb);
		if (s->what != MIMAMORI_SHORT)
			return s->what;
		if (i || pull_data(skb, skb->len < HEADERS ? skb->len : HEADERS))
			return MIMAMORI_NOTHING;
	}
}

/* What was seen, without pointers. */
struct plain_sight {
	__u32 len, to;
	__u16 ethertype, sport, dport, window;
	__u8 kind, protocol, flags, refusal, whole, what;
};

_Static_assert(sizeof(struct plain_sight) <= SIGHT_BYTES, "as the loader has it");

/*
 * The verifier follows every way through mimamori_look() on to the end, as long as it remembers what was found: seconds on
 * a slow processor. What comes back from a map could be anything, so that from here on the ways are one.
 */
INLINE int forget_how(struct seen *s)
{
	struct mimamori_sight *p = &s->sight;
	struct plain_sight *m;
	__u32 zero = 0;

	m = map_lookup(MAP(MAP_SIGHT), &zero);
	if (!m)
		return 0;
	*m = (struct plain_sight){
		.len = p->len,
		.to = p->to,
		.ethertype = p->ethertype,
		.sport = p->sport,
		.dport = p->dport,
		.window = p->window,
		.kind = p->kind,
		.protocol = p->protocol,
		.flags = p->flags,
		.refusal = p->refusal,
		.whole = p->whole,
		.what = (__u8)s->what,
	};
	__asm__ volatile("" ::: "memory");
	p->len = m->len;
	p->to = m->to;
	p->ethertype = m->ethertype;
	p->sport = m->sport;
	p->dport = m->dport;
	p->window = m->window;
	p->kind = m->kind < MIMAMORI_KINDS ? m->kind : MIMAMORI_OTHER;
	p->protocol = m->protocol;
	p->flags = m->flags;
	p->refusal = m->refusal;
	p->whole = m->whole;
	s->what = m->what;
	p->net = (const __u8 *)(long)s->skb->data + LINK;
	p->end = (const __u8 *)(long)s->skb->data_end;
	return 1;
}

/* One bulk packet in bulk_mask + 1 on average, at distances that nobody foresees. */
INLINE int drawn(struct mimamori_shared *sh)
{
	__u32 left = sh->bulk_left, mask = sh->bulk_mask, random;

	if (left) {
		sh->bulk_left = left - 1;
		return 0;
	}
	if (mask == ~0U)
		return 0;
	random = random_u32();
	sh->bulk_left = (random & mask) + (random >> 16 & mask);
	return 1;
}

/* Sees a packet that is worth it. bulk: it is, and was drawn. */
INLINE int look_closer(struct __sk_buff *skb, int bulk)
{
	struct seen s = {
		.skb = skb,
		.sight = { .out = PARAMETER(PARAMETER_OUT) != 0 },
	};
	struct mimamori_shared *sh = shared();
	enum socket found = SOCKET_UNASKED;
	__u32 stands_for;
	__u64 now;

	if (skb->pkt_type > MIMAMORI_MULTICAST && !s.sight.out)
		return UNSPEC;
	if (skb->len <= LINK || !sh->version)
		return UNSPEC;
	s.sight.to = skb->pkt_type;
	s.sight.ethertype = HOST16(skb->protocol);
	s.sight.len = skb->len - LINK;
	if (look(&s) == MIMAMORI_NOTHING || !forget_how(&s))
		return UNSPEC;
	if (s.what == MIMAMORI_BULK_SEEN && !bulk) {
		if ((s.sight.out && s.sight.protocol != 17) || !drawn(sh))
			return UNSPEC;
		bulk = 1;
	}
	/* Seen again on the VLAN's own interface, or not for this host. Id 0 only gives a priority. */
	if (skb->vlan_present && (skb->vlan_tci & 0x0fff) && !(sh->options & MIMAMORI_TAGGED))
		return UNSPEC;
	/* Of a datagram or a sample the socket says what it is, of others how urgent they are. */
	if (bulk || s.sight.protocol == 17)
		found = ask(&s);
	/* The sensor does not know yet that this port serves: it is told once, and looks itself. */
	if (!bulk && found > SOCKET_NONE)
		mimamori_set_bit(sh->udp_open, s.sight.dport);
	if (bulk && found >= SOCKET_SILENT)
		return UNSPEC;
	now = boot_ns();
	sh->looked[s.sight.kind]++;
	stands_for = passes(&s, now, bulk);
	if (!stands_for) {
		sh->held_back[s.sight.kind]++;
		return UNSPEC;
	}
	if (!bulk && s.sight.protocol != 17)
		found = ask(&s);
	s.weight = bulk ? weigh_bulk(&s.sight, found) : weigh(&s, found);
	s.flags |= bulk && unsolicited(&s.sight, found) ? MIMAMORI_UNSOLICITED : 0;
	s.flags |= s.sight.out ? MIMAMORI_OUT : 0;
	s.flags |= bulk ? MIMAMORI_BULK : 0;
	s.flags |= !s.sight.out && s.sight.to != MIMAMORI_TO_HOST ? MIMAMORI_GROUP : 0;
	tell(&s, now, bulk ? (sh->bulk_mask + 1) * stands_for : stands_for);
	return UNSPEC;
}

__attribute__((section("watch"), used)) int watch_packets(struct __sk_buff *skb)
{
	const __u8 *net = (const __u8 *)(long)skb->data + LINK;
	int out = PARAMETER(PARAMETER_OUT) != 0, bulk = 0;

	switch (mimamori_look_plain(shared(), net, (const __u8 *)(long)skb->data_end,
				    skb->len - LINK, HOST16(skb->protocol), out ? 0 : skb->pkt_type,
				    out, skb)) {
	case MIMAMORI_NOTHING:
		return UNSPEC;
	case MIMAMORI_BULK_SEEN:
		if (!drawn(shared()))
			return UNSPEC;
		bulk = 1;
		break;
	case MIMAMORI_PASSES:
	case MIMAMORI_SHORT:
	case MIMAMORI_DATA_ASKS:
	case MIMAMORI_DATA_KEYS:
	case MIMAMORI_DATA_LOGIN:
		break;
	}
	return look_closer(skb, bulk);
}
