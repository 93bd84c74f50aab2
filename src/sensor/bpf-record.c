/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/bpf-record.h"

#include "core/cursor.h"

#include <linux/if_ether.h>
#include <mimamori/wire.h>
#include <string.h>

_Static_assert(MIMAMORI_SNAPLEN == PACKET_SNAPLEN, "a record has what the parser can use");

/* Its head into *r, and where the bytes are; NULL: its lengths are wrong. */
static const uint8_t *split(const uint8_t *record, size_t len, struct mimamori_record *r)
{
	struct cursor c = cursor_over(record, len);
	const uint8_t *head = cursor_take(&c, sizeof(*r));

	if (!head)
		return NULL;
	memcpy(r, head, sizeof(*r));
	return cursor_take(&c, r->captured);
}

uint64_t bpf_record_time(const uint8_t *record, size_t len)
{
	struct mimamori_record r;

	return split(record, len, &r) ? r.boot_ns : 0;
}

enum packet_result bpf_record_parse(struct packet_parser *pp, const uint8_t *record, size_t len,
				    struct packet *out)
{
	enum packet_result result;
	struct mimamori_record r;
	const uint8_t *bytes = split(record, len, &r);

	if (!bytes) {
		pp->counts[PACKET_MALFORMED]++;
		return PACKET_MALFORMED;
	}
	out->dir = r.flags & MIMAMORI_OUT ? PACKET_DIR_OUT : PACKET_DIR_IN;
	out->ifindex = (int32_t)r.ifindex;
	if (r.ethertype == ETH_P_ARP)
		result = packet_parse_arp(pp, bytes, r.captured, out);
	else if (r.flags & MIMAMORI_BULK)
		result = packet_parse_sample(pp, r.ethertype, bytes, r.captured, r.wire_len, out);
	else
		result = packet_parse(pp, r.ethertype, bytes, r.captured, r.wire_len, out);
	if (result != PACKET_OK)
		return result;
	out->link_group = (r.flags & MIMAMORI_GROUP) != 0;
	out->link = r.link;
	out->answers_shed = 0;
	out->stands_for = r.stands_for ? r.stands_for : 1;
	if (out->bulk)
		out->solicited = r.flags & MIMAMORI_UNSOLICITED ? PACKET_SOLICITED_NO :
								  PACKET_SOLICITED_UNKNOWN;
	return PACKET_OK;
}
