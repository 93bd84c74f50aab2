/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets through one parser, several of them an input, so that fragments find their siblings.
 * Each is: a byte for how it is told to the parser, a byte for its length, its bytes.
 */
#include "core/cursor.h"
#include "sensor/packet.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
	bool arp, sample;
	uint16_t ethertype;
	size_t captured, wire_len;
};

static struct told how(uint8_t byte, size_t captured)
{
	static const uint16_t ethertypes[] = { 0, 0x0800, 0x86dd, 0x88cc };
	static const size_t longer[] = { 0, 1, 40, 70000 };
	struct told t = { .ethertype = ethertypes[byte & 3], .captured = captured };

	t.wire_len = captured + longer[byte >> 2 & 3];
	t.arp = byte & 0x10;
	t.sample = byte & 0x80;
	if (byte & 0x20) /* a capture with its lengths wrong */
		t.wire_len /= 2;
	return t;
}

static enum packet_result parse(struct packet_parser *pp, const struct told *t,
				const uint8_t *bytes, struct packet *p)
{
	if (t->arp)
		return packet_parse_arp(pp, bytes, t->captured, p);
	if (t->sample)
		return packet_parse_sample(pp, t->ethertype, bytes, t->captured, t->wire_len, p);
	return packet_parse(pp, t->ethertype, bytes, t->captured, t->wire_len, p);
}

static void check_ok(const struct packet *p, const struct told *t)
{
	assert(p->t_ns == 11 && p->dir == PACKET_DIR_OUT && p->ifindex == 13);
	assert(p->proto <= PACKET_OTHER && p->quoted_proto <= PACKET_OTHER);
	assert(addr_is_v4(p->src) == addr_is_v4(p->dst));
	assert(p->payload <= (t->captured > t->wire_len ? t->captured : t->wire_len));
	assert(addr_is_v4(p->src) || p->ip_id == 0);
	assert(t->arp == (p->proto == PACKET_ARP_REQUEST));
	assert(p->bulk || !(t->sample && !t->arp));
	assert(p->bulk || (p->proto != PACKET_OTHER && p->proto != PACKET_ICMP));
	assert(p->proto == PACKET_TCP || !(p->tcp_flags || p->tcp_options || p->fragmented));
	assert(!p->tcp_options || p->tcp_options & PACKET_OPT_ANY);
	assert(p->unreachable_port <= 1 &&
	       (!p->unreachable_port || p->proto == PACKET_UNREACHABLE));
	if (p->proto == PACKET_TCP)
		assert(!packet_is_plain_data(p->tcp_flags) || p->question || p->login || p->bulk);
	else if (p->proto == PACKET_IP)
		assert(!p->sport && packet_unspoken((uint8_t)p->dport) && p->dport <= UINT8_MAX);
	else if (p->proto != PACKET_UDP && p->proto != PACKET_UNREACHABLE &&
		 p->proto != PACKET_SCTP && p->proto != PACKET_OTHER)
		assert(!p->sport && !p->dport);
	assert(p->answer <= (p->proto == PACKET_UDP));
}

/* Told a byte less of it, the parser says the same or nothing, whatever waited there before. */
static void check_shorter(const struct packet_parser *before, struct told t, const uint8_t *bytes,
			  const struct packet *whole)
{
	struct packet_parser pp = *before;
	struct packet p = { .t_ns = 11, .dir = PACKET_DIR_OUT, .ifindex = 13 };

	if (t.arp || !t.captured || t.captured > t.wire_len)
		return;
	t.captured--;
	if (parse(&pp, &t, bytes, &p) != PACKET_OK)
		return;
	if (p.bulk && !whole->bulk) /* a question that was cut is data like any other */
		return;
	assert(p.answer <= whole->answer); /* the payload may be cut where it says so */
	assert(p.login == whole->login || !p.login); /* likewise */
	p.answer = whole->answer;
	p.login = whole->login;
	assert(!memcmp(&p, whole, sizeof(p)));
}

static void one_packet(struct packet_parser *pp, uint8_t byte, const uint8_t *bytes, size_t len)
{
	const struct packet untouched = { .t_ns = 11, .dir = PACKET_DIR_OUT, .ifindex = 13 };
	struct packet_parser before = *pp;
	struct packet p = untouched;
	struct told t = how(byte, len);
	uint8_t *copy = malloc(len ? len : 1); /* so that reading beyond its end shows */
	enum packet_result r;

	if (!copy)
		return;
	memcpy(copy, bytes, len);
	before.bulk = pp->bulk = byte & 0x40;
	r = parse(pp, &t, copy, &p);
	assert(r < PACKET_RESULTS);
	assert(pp->counts[r] == before.counts[r] + 1);
	assert(pp->next_slot < PACKET_FRAGMENT_SLOTS);
	if (r == PACKET_OK) {
		check_ok(&p, &t);
		check_shorter(&before, t, copy, &p);
	} else {
		assert(!memcmp(&p, &untouched, sizeof(p)));
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_over(data, size);
	struct packet_parser pp;
	uint8_t byte, len;

	packet_parser_init(&pp);
	while (cursor_u8(&c, &byte) && cursor_u8(&c, &len)) {
		const uint8_t *bytes;

		if (len > cursor_left(&c))
			len = (uint8_t)cursor_left(&c);
		bytes = cursor_take(&c, len);
		one_packet(&pp, byte, bytes, len);
	}
	return 0;
}
