/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network's headers: lengths that lie, versions, options, chains of extension headers; and packets cut short
 * anywhere.
 */
#include "sensor/packet-vectors.h"

/* A packet of nothing but its IPv4 header and one more protocol. */
static void test_other_protocols(void **state)
{
	uint8_t v4[] = { V4(20, 0), V4_IN }, v6[] = { V6(0, 0), V6_IN };
	struct packet p;

	(void)state;
	for (unsigned int proto = 0; proto < 256; proto++) {
		v4[9] = v6[6] = (uint8_t)proto;
		if (proto == 132)
			assert_int_equal(parse(v4, sizeof(v4), &p), PACKET_MALFORMED);
		else if (packet_unspoken((uint8_t)proto)) {
			assert_int_equal(parse(v4, sizeof(v4), &p), PACKET_OK);
			assert_int_equal(p.proto, PACKET_IP);
			assert_ports(&p, 0, (uint16_t)proto);
			assert_int_equal(parse(v6, sizeof(v6), &p), PACKET_OK);
			continue;
		} else if (proto != 1 && proto != 6 && proto != 17)
			assert_int_equal(parse(v4, sizeof(v4), &p), PACKET_IGNORED);
		if (proto == 0 || proto == 43 || proto == 44 || proto == 51 || proto == 60 ||
		    proto == 132)
			assert_int_equal(parse(v6, sizeof(v6), &p), PACKET_MALFORMED);
		else if (proto != 6 && proto != 17 && proto != 58)
			assert_int_equal(parse(v6, sizeof(v6), &p), PACKET_IGNORED);
	}
	/* ESP and "no next header" (RFC 4303, RFC 8200 §4.7) are among them */
	assert_int_equal(packet_parse(&parser, 0x0806, v4_syn, sizeof(v4_syn), 60, &p),
			 PACKET_IGNORED);
}

static void test_v4_options(void **state)
{
	/* RFC 791 §3.1: IHL 7, record route with one empty place, end of list */
	uint8_t bytes[] = { 0x47, 0,	 0, 48, 0, 1, 0, 0, 64, 6, 0,
			    0,	  V4_IN, 7, 7,	4, 0, 0, 0, 0,	0, TCP(5, 0x02) };
	struct packet p;

	(void)state;
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_OK);
	assert_ports(&p, 40000, 22);
	bytes[0] =
		0x4f; /* then the header alone is as long as the packet allows, TCP is not there */
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_MALFORMED);
	bytes[0] = 0x44; /* shorter than itself */
	assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_MALFORMED);
}

static void test_lengths(void **state)
{
	uint8_t bytes[64];
	struct packet p;

	(void)state;
	/* Ethernet pads to 60 bytes of frame; what follows the datagram is not payload */
	memset(bytes, 0xff, sizeof(bytes));
	memcpy(bytes, v4_udp, sizeof(v4_udp));
	assert_int_equal(parse(bytes, 46, &p), PACKET_OK);
	assert_int_equal(p.payload, 4);
	/* a total length beyond the wire, before the header's end, of zero */
	bytes[3] = 47;
	assert_int_equal(parse(bytes, 46, &p), PACKET_MALFORMED);
	bytes[3] = 19;
	assert_int_equal(parse(bytes, 46, &p), PACKET_MALFORMED);
	bytes[3] = 0;
	assert_int_equal(parse(bytes, 46, &p), PACKET_MALFORMED);
	/* IPv6's payload length likewise */
	memcpy(bytes, v6_udp, sizeof(v6_udp));
	assert_int_equal(parse(bytes, 60, &p), PACKET_OK);
	assert_int_equal(p.payload, 1);
	bytes[5] = 21;
	assert_int_equal(parse(bytes, 60, &p), PACKET_MALFORMED);
	/* the wire's length decides, not how much of it was captured */
	assert_int_equal(packet_parse(&parser, 0, bytes, 60, 61, &p), PACKET_OK);
	assert_int_equal(p.payload, 13);
	/* TCP's data offset below five words and beyond the packet */
	memcpy(bytes, v4_syn, sizeof(v4_syn));
	bytes[32] = 0x40;
	assert_int_equal(parse(bytes, sizeof(v4_syn), &p), PACKET_MALFORMED);
	bytes[32] = 0xb0;
	assert_int_equal(parse(bytes, sizeof(v4_syn), &p), PACKET_MALFORMED);
	/* nothing at all */
	assert_int_equal(parse(bytes, 0, &p), PACKET_MALFORMED);
	assert_int_equal(packet_parse(&parser, 0, bytes, 0, 60, &p), PACKET_TRUNCATED);
}

/* Beyond 64 KiB the length fields say zero: Linux BIG TCP, RFC 2675 §3. */
static void test_jumbo(void **state)
{
	uint8_t v4[sizeof(v4_syn)];
	uint8_t v6[] = { V6(0, 0), V6_IN, 6, 0, 0xc2, 4, 0, 1, 0x11, 0x70, TCP(5, 0x01) };
	struct packet p;

	(void)state;
	memcpy(v4, v4_syn, sizeof(v4));
	v4[2] = v4[3] = 0;
	assert_int_equal(packet_parse(&parser, 0, v4, sizeof(v4), 70000, &p), PACKET_OK);
	assert_int_equal(p.payload, 65535);
	assert_int_equal(packet_parse(&parser, 0, v6, sizeof(v6), 70040, &p), PACKET_OK);
	assert_int_equal(p.payload, 65535);
	assert_int_equal(parse(v6, sizeof(v6), &p), PACKET_MALFORMED);
}

static void test_versions(void **state)
{
	uint8_t bytes[sizeof(v4_syn)];
	struct packet p;

	(void)state;
	memcpy(bytes, v4_syn, sizeof(bytes));
	for (unsigned int version = 0; version < 16; version++) {
		bytes[0] = (uint8_t)(version << 4 | 5);
		if (version != 4)
			assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_MALFORMED);
	}
	assert_int_equal(packet_parse(&parser, 0x86dd, v4_syn, 60, 60, &p), PACKET_MALFORMED);
	assert_int_equal(packet_parse(&parser, 0x0800, v6_syn, 64, 64, &p), PACKET_MALFORMED);
	assert_int_equal(packet_parse(&parser, 0x86dd, v6_syn, 64, 64, &p), PACKET_OK);
}

/* RFC 4942 §2.2: IPv4-mapped addresses do not belong on a wire; here they would frame an IPv4 peer. */
static void test_mapped(void **state)
{
	uint8_t bytes[sizeof(v6_syn)];
	struct packet p;

	(void)state;
	for (size_t at = 8; at <= 24; at += 16) {
		memcpy(bytes, v6_syn, sizeof(bytes));
		memset(bytes + at, 0, 10);
		memset(bytes + at + 10, 0xff, 2);
		assert_int_equal(parse(bytes, sizeof(bytes), &p), PACKET_MALFORMED);
	}
}

static const struct vector {
	const char *name;
	const uint8_t *bytes;
	size_t len;
	enum packet_result result;
} vectors[] = {
#define VECTOR(name, result)                      \
	{                                         \
#name, name, sizeof(name), result \
	}
	VECTOR(v4_syn, PACKET_OK),	   VECTOR(v4_data, PACKET_IGNORED),
	VECTOR(v4_udp, PACKET_OK),	   VECTOR(v4_echo, PACKET_OK),
	VECTOR(v4_echo_reply, PACKET_OK),  VECTOR(v4_unreachable, PACKET_OK),
	VECTOR(v4_prohibited, PACKET_OK),  VECTOR(v6_syn, PACKET_OK),
	VECTOR(v6_data, PACKET_IGNORED),   VECTOR(v6_udp, PACKET_OK),
	VECTOR(v6_echo, PACKET_OK),	   VECTOR(v6_echo_reply, PACKET_OK),
	VECTOR(v6_unreachable, PACKET_OK), VECTOR(v6_chain, PACKET_OK),
};

/*
 * Cutting a packet never makes another one of it: cut by the capture, it is the same or truncated
 * (plain data may be told before its end); cut on the wire, it is malformed.
 */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct packet whole, cut;
		enum packet_result r;

		assert_int_equal(parse(v->bytes, v->len, &whole), v->result);
		for (size_t len = 0; len < v->len; len++) {
			uint8_t *copy = malloc(len ? len : 1); /* so that ASan sees its end */

			memcpy(copy, v->bytes, len);
			memset(&cut, 0, sizeof(cut));
			r = packet_parse(&parser, 0, copy, len, v->len, &cut);
			if (r != v->result)
				assert_int_equal(r, PACKET_TRUNCATED);
			else
				assert_memory_equal(&cut, &whole, sizeof(cut));
			assert_int_equal(parse(copy, len, &cut), PACKET_MALFORMED);
			free(copy);
		}
	}
}

/* Extension headers, one of each kind, eight bytes (AH: 24, RFC 4302), and what follows them. */
static size_t append_header(uint8_t *at, uint8_t kind, uint8_t next)
{
	size_t size = kind == 51 ? 24 : 8;

	memset(at, 0, size);
	at[0] = next;
	if (kind == 51)
		at[1] = 4; /* in words, less two */
	else if (kind != 44)
		at[2] = 1, at[3] = 4; /* PadN; a routing header of type 1 */
	return size;
}

static enum packet_result parse_chain(const uint8_t *kinds, unsigned int n, uint8_t last,
				      struct packet *p)
{
	uint8_t bytes[512] = { V6(0, 0), V6_IN };
	const uint8_t tcp[] = { TCP(5, 0x02) };
	size_t len = 40;

	bytes[6] = n ? kinds[0] : last;
	for (unsigned int i = 0; i < n; i++)
		len += append_header(bytes + len, kinds[i], i + 1 < n ? kinds[i + 1] : last);
	memcpy(bytes + len, tcp, sizeof(tcp));
	len += sizeof(tcp);
	bytes[4] = (uint8_t)((len - 40) >> 8);
	bytes[5] = (uint8_t)(len - 40);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_not_equal(packet_parse(&parser, 0, bytes, cut, len, p), PACKET_OK);
	return parse(bytes, len, p);
}

/* Every chain of up to four; RFC 8200 §4.1: hop-by-hop first, fragment once. */
static void test_chains(void **state)
{
	static const uint8_t all[] = { 0, 43, 44, 51, 60 };
	uint8_t kinds[4];
	struct packet p;

	(void)state;
	for (unsigned int n = 0, total = 1; n <= 4; n++, total *= LEN(all)) {
		for (unsigned int code = 0; code < total; code++) {
			unsigned int fragments = 0, late = 0;

			for (unsigned int i = 0, c = code; i < n; i++, c /= LEN(all)) {
				kinds[i] = all[c % LEN(all)];
				fragments += kinds[i] == 44;
				late += i > 0 && kinds[i] == 0;
			}
			if (late || fragments > 1) {
				assert_int_equal(parse_chain(kinds, n, 6, &p), PACKET_MALFORMED);
				continue;
			}
			assert_int_equal(parse_chain(kinds, n, 6, &p), PACKET_OK);
			assert_v6(&p, 1, 2);
			assert_ports(&p, 40000, 22);
			assert_int_equal(parse_chain(kinds, n, 50, &p), PACKET_IGNORED);
			assert_int_equal(parse_chain(kinds, n, 59, &p), PACKET_IGNORED);
		}
	}
}

static void test_long_chains(void **state)
{
	uint8_t kinds[PACKET_MAX_EXTENSIONS + 1];
	struct packet p;

	(void)state;
	memset(kinds, 60, sizeof(kinds));
	assert_int_equal(parse_chain(kinds, PACKET_MAX_EXTENSIONS, 6, &p), PACKET_OK);
	assert_int_equal(parse_chain(kinds, PACKET_MAX_EXTENSIONS + 1, 6, &p), PACKET_MALFORMED);
	kinds[PACKET_MAX_EXTENSIONS] = 44;
	assert_int_equal(parse_chain(kinds, PACKET_MAX_EXTENSIONS + 1, 6, &p), PACKET_MALFORMED);
	kinds[PACKET_MAX_EXTENSIONS - 1] = 44;
	assert_int_equal(parse_chain(kinds, PACKET_MAX_EXTENSIONS, 6, &p), PACKET_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_other_protocols, setup),
		cmocka_unit_test_setup(test_v4_options, setup),
		cmocka_unit_test_setup(test_lengths, setup),
		cmocka_unit_test_setup(test_jumbo, setup),
		cmocka_unit_test_setup(test_versions, setup),
		cmocka_unit_test_setup(test_mapped, setup),
		cmocka_unit_test_setup(test_truncated, setup),
		cmocka_unit_test_setup(test_chains, setup),
		cmocka_unit_test_setup(test_long_chains, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
