/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the BPF source looks at is what the packet source's filter passes: two programs, one meaning. */
#include "sensor/bpf-words.h"
#include "sensor/filter-fixture.h"
#include "sensor/login.h"
#include "sensor/service-probe.h"

#include "core/test-random.h"

#include <mimamori/look.h>

/* A bare acknowledgement's lengths, which the filter does not look behind (filter-questions.c). */
#define BARE_V4 40
#define STAMPED_V4 52
#define BARE_V6 60
#define STAMPED_V6 72
#define ROUNDS 300000

static struct mimamori_shared shared;

struct bytes {
	const uint8_t *at;
	size_t len;
};

MIMAMORI_INLINE void mimamori_payload(void *packet, __u32 at, __u32 len, __u8 head[MIMAMORI_HEAD])
{
	const struct bytes *b = packet;

	assert_true(at + len <= b->len);
	memcpy(head, b->at + at, len < MIMAMORI_HEAD ? len : MIMAMORI_HEAD);
}

MIMAMORI_INLINE __u32 mimamori_payload_word(void *packet, __u32 at)
{
	const struct bytes *b = packet;

	assert_true(at <= MIMAMORI_AT_MOST && at + 4 <= b->len);
	return mimamori_be32(b->at + at);
}

static enum mimamori_what look(const struct metadata *m, const uint8_t *bytes, size_t len)
{
	struct bytes packet = { bytes, len };
	struct mimamori_sight sight = {
		.net = bytes,
		.end = bytes + len,
		.len = (uint32_t)len,
		.to = m->pkttype,
		.ethertype = (uint16_t)m->protocol,
		.out = m->pkttype == PACKET_OUTGOING,
	};
	enum mimamori_what what, quick;

	what = mimamori_look(&shared, &sight, &packet);
	quick = mimamori_look_plain(&shared, bytes, sight.end, sight.len, sight.ethertype, sight.to,
				    sight.out, &packet);
	if (quick != MIMAMORI_SHORT)
		assert_int_equal(quick, what);
	return what;
}

static bool looks(const struct metadata *m, const uint8_t *bytes, size_t len)
{
	switch (look(m, bytes, len)) {
	case MIMAMORI_NOTHING:
	case MIMAMORI_SHORT:
	case MIMAMORI_BULK_SEEN:
		return false;
	case MIMAMORI_PASSES:
	case MIMAMORI_DATA_ASKS:
	case MIMAMORI_DATA_KEYS:
	case MIMAMORI_DATA_LOGIN:
		break;
	}
	return true;
}

static struct filter_params params;

static int setup(void **state)
{
	static const uint16_t logins[] = { 21, 23, 80, 1883 };

	(void)state;
	params = plain;
	params.sample_v6 = 5;
	shared.ephemeral_first = params.ephemeral_first;
	shared.sample_v4 = params.sample_v4;
	shared.sample_v6 = params.sample_v6;
	for (unsigned int i = 0; i < params.n_udp_open; i++)
		shared.udp_open[params.udp_open[i] / 64] |= 1ULL << params.udp_open[i] % 64;
	for (unsigned int i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
		params.login_port[params.n_login_ports++] = logins[i];
		shared.login_port[logins[i] / 64] |= 1ULL << logins[i] % 64;
	}
	bpf_words_asked(&shared.words_in);
	bpf_words_login(&shared.words_out);
	return 0;
}

static void test_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct metadata m = metadata_of(&samples[i]);
		uint8_t bytes[128];
		size_t len = make(&samples[i], bytes);

		if (looks(&m, bytes, len) != samples[i].passes)
			fail_msg("%s: %d", samples[i].what, look(&m, bytes, len));
	}
}

/* The filter goes by the length that IP gives; where that is another one, the packet is malformed. */
static bool length_lies(const struct metadata *m, const uint8_t *bytes, size_t len)
{
	return m->protocol == ETH_P_IP ? (size_t)(bytes[2] << 8 | bytes[3]) != len :
					 (size_t)(bytes[4] << 8 | bytes[5]) + 40 != len;
}

static bool bare(const struct metadata *m, size_t len)
{
	return m->protocol == ETH_P_IP ? len == BARE_V4 || len == STAMPED_V4 :
					 len == BARE_V6 || len == STAMPED_V6;
}

/* A later fragment of a protocol that nobody speaks passes the filter, and then the parser does not want it. */
static bool unspoken_piece(const struct metadata *m, const uint8_t *bytes)
{
	return m->protocol == ETH_P_IP && packet_unspoken(bytes[9]) &&
	       ((bytes[6] << 8 | bytes[7]) & 0x1fff);
}

/* Fields that decide get values that are likely to matter. */
static void change(uint8_t *bytes, size_t len, struct metadata *m)
{
	static const uint8_t flags[] = { 0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x00, 0x29 };
	static const uint32_t types[] = { PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST,
					  PACKET_OTHERHOST, PACKET_OUTGOING };
	size_t l4 = m->protocol == ETH_P_IP ? (bytes[0] & 15) * 4U : 40;

	switch (random_below(5)) {
	case 0:
		m->pkttype = types[random_below(5)];
		break;
	case 1:
		bytes[m->protocol == ETH_P_IP ? 9 : 6] = (uint8_t)random_below(256);
		break;
	case 2:
		bytes[l4 + 13] = flags[random_below(sizeof(flags))];
		break;
	case 3:
		bytes[random_below((uint32_t)len)] = (uint8_t)random_u64();
		break;
	case 4:
		bytes[l4 + random_below(4)] = (uint8_t)random_below(256);
		break;
	}
}

static void test_random(void **state)
{
	uint64_t rounds = random_count(ROUNDS), passed = 0, compared = 0;

	(void)state;
	for (uint64_t i = 0; i < rounds; i++) {
		const struct sample *s =
			&samples[random_below(sizeof(samples) / sizeof(samples[0]))];
		struct metadata m = metadata_of(s);
		uint8_t bytes[128];
		size_t len = make(s, bytes);
		bool wanted;

		for (unsigned int n = random_below(4); n; n--)
			change(bytes, len, &m);
		/* A header of no possible size, or longer than the packet, is malformed to the parser. */
		if (m.protocol == ETH_P_IP &&
		    ((bytes[0] & 15) < 5 || (bytes[0] & 15) * 4U + 20 > len))
			continue;
		if (length_lies(&m, bytes, len) || bare(&m, len) || unspoken_piece(&m, bytes))
			continue;
		wanted = run(&params, &m, bytes, len) != 0;
		compared++;
		passed += wanted;
		if (looks(&m, bytes, len) != wanted)
			fail_msg("%s, changed: filter %d, look %d; protocol %d, type %d", s->what,
				 wanted, look(&m, bytes, len),
				 bytes[m.protocol == ETH_P_IP ? 9 : 6], (int)m.pkttype);
	}
	assert_true(passed > compared / 10 && passed < compared * 9 / 10);
}

/* Every beginning that the filter knows, and the same with its last byte changed. */
static void expect_word(const uint8_t *word, uint8_t at, uint32_t then, bool out)
{
	struct metadata m = { .pkttype = out ? PACKET_OUTGOING : PACKET_HOST,
			      .protocol = ETH_P_IP };
	uint8_t bytes[80] = { 0x45, 0, 0, 80, [8] = 64, [9] = 6, [32] = 0x50, [33] = 0x18 };

	bytes[out ? 21 : 23] = 80;
	bytes[out ? 22 : 20] = 0x9c;
	memcpy(bytes + 40, word, 4);
	for (int i = 0; at && i < 4; i++)
		bytes[40 + at + i] = (uint8_t)(then >> (24 - 8 * i));
	assert_int_equal(look(&m, bytes, sizeof(bytes)),
			 out ? MIMAMORI_DATA_LOGIN : MIMAMORI_DATA_ASKS);
	assert_true(run(&params, &m, bytes, sizeof(bytes)));
	bytes[40 + (at ? at : 0) + 3] ^= 0x55;
	assert_int_equal(looks(&m, bytes, sizeof(bytes)),
			 run(&params, &m, bytes, sizeof(bytes)) != 0);
}

static void test_words(void **state)
{
	unsigned int n;
	const struct service_word *in = service_words(&n);
	const struct login_word *out;

	(void)state;
	for (unsigned int i = 0; i < n; i++)
		expect_word((const uint8_t[]){ (uint8_t)(in[i].first >> 24),
					       (uint8_t)(in[i].first >> 16),
					       (uint8_t)(in[i].first >> 8), (uint8_t)in[i].first },
			    in[i].at, in[i].then, false);
	out = login_words(&n);
	for (unsigned int i = 0; i < n; i++)
		expect_word((const uint8_t[]){ (uint8_t)(out[i].first >> 24),
					       (uint8_t)(out[i].first >> 16),
					       (uint8_t)(out[i].first >> 8),
					       (uint8_t)out[i].first },
			    out[i].at, out[i].then, true);
}

static void test_newkeys(void **state)
{
	struct metadata m = { .pkttype = PACKET_HOST, .protocol = ETH_P_IP };
	uint8_t bytes[56] = {
		0x45,	   0,		0,	     56,	[8] = 64,    [9] = 6,
		[23] = 22, [32] = 0x50, [33] = 0x18, [43] = 12, [44] = 0x0a, [45] = 0x15
	};

	(void)state;
	assert_int_equal(look(&m, bytes, sizeof(bytes)), MIMAMORI_DATA_KEYS);
	bytes[45] = 0x14;
	assert_int_equal(look(&m, bytes, sizeof(bytes)), MIMAMORI_BULK_SEEN);
}

/* Of each length, with each of the two last bytes right or wrong: as the filter has it. */
static void test_prompts(void **state)
{
	static const uint8_t ends[][2] = { "$ ", "# ", "6n", "> ", "$x", "x " };
	struct metadata m = { .pkttype = PACKET_OUTGOING, .protocol = ETH_P_IP };
	unsigned int passed = 0;

	(void)state;
	for (unsigned int n = 1; n < 56; n++) {
		uint8_t bytes[40 + 56] = {
			0x45,	 0,	    0,		 (uint8_t)(40 + n), [8] = 64,
			[9] = 6, [21] = 23, [22] = 0x9c, [32] = 0x50,	    [33] = 0x18
		};

		memset(bytes + 40, 'a', n);
		for (unsigned int i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
			size_t len = 40 + n;
			bool wanted;

			if (n >= 2)
				memcpy(bytes + len - 2, ends[i], 2);
			wanted = run(&params, &m, bytes, len) != 0;
			passed += wanted;
			if (looks(&m, bytes, len) != wanted)
				fail_msg("%u bytes that end \"%.2s\": filter %d", n, ends[i],
					 wanted);
		}
	}
	assert_int_equal(passed, 3 * (LOGIN_PROMPT_MOST - LOGIN_PROMPT_LEAST + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples), cmocka_unit_test(test_random),
		cmocka_unit_test(test_words),	cmocka_unit_test(test_newkeys),
		cmocka_unit_test(test_prompts),
	};

	random_seed();
	return cmocka_run_group_tests(tests, setup, NULL);
}
