/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A BPF ring as anybody might have filled it: a byte for where reading begins, two for how much was written,
 * then what lies in it. Its records go through the parser.
 */
#include "core/cursor.h"
#include "sensor/bpf-record.h"
#include "sensor/bpf-ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RING_BYTES 4096
#define HEAD_BYTES 8 /* of a record in the ring */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(const uint8_t *record, size_t len, void *arg)
{
	struct packet p = { .t_ns = 11 };
	struct packet_parser *pp = arg;
	uint64_t good = pp->counts[PACKET_OK];
	uint8_t *copy = malloc(len ? len : 1); /* so that reading beyond its end shows */
	enum packet_result r;

	if (!copy)
		return;
	if (len)
		memcpy(copy, record, len);
	bpf_record_time(copy, len);
	r = bpf_record_parse(pp, copy, len, &p);
	assert(r < PACKET_RESULTS);
	assert(pp->counts[PACKET_OK] == good + (r == PACKET_OK));
	if (r == PACKET_OK) {
		assert(p.t_ns == 11 && p.stands_for);
		assert(p.dir == PACKET_DIR_IN || p.dir == PACKET_DIR_OUT);
		assert(p.link_group <= 1 && p.solicited <= PACKET_SOLICITED_NO);
		assert(p.bulk || p.solicited == PACKET_SOLICITED_UNKNOWN);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(8) uint8_t bytes[2 * RING_BYTES];
	struct cursor c = cursor_over(data, size);
	struct packet_parser pp;
	uint16_t written;
	uint8_t start;

	if (!cursor_u8(&c, &start) || !cursor_be16(&c, &written))
		return 0;
	uint64_t from = start * 8ULL;
	uint32_t consumer[2] = { (uint32_t)from, 0 }, producer = (uint32_t)from + written / 8 * 8;
	size_t len = cursor_left(&c);

	if (len > RING_BYTES)
		len = RING_BYTES;
	memset(bytes, 0, sizeof(bytes));
	for (size_t i = 0; i < len; i++) {
		size_t at = (from + i) % RING_BYTES;

		bytes[at] = bytes[at + RING_BYTES] = c.pos[i];
	}
	struct bpf_ring ring = { .consumer = consumer,
				 .producer = &producer,
				 .at = from,
				 .data = bytes,
				 .bytes = RING_BYTES };

	packet_parser_init(&pp);
	pp.bulk = start & 1;
	assert(bpf_ring_read(&ring, take, &pp) <= RING_BYTES / HEAD_BYTES);
	assert(consumer[0] == ring.at && ring.at <= producer && ring.malformed <= 1);
	return 0;
}
