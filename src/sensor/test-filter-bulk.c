/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the filter passes as samples, and that they are told from all else. */
#include "sensor/filter-fixture.h"

static struct filter_params sampling;

static int setup(void **state)
{
	(void)state;
	sampling = plain;
	sampling.bulk_one_in = 16;
	return 0;
}

/* As the kernel does: no more than there is. */
static uint32_t kept(const struct filter_params *params, const struct metadata *m,
		     const uint8_t *bytes, size_t len)
{
	uint32_t snaplen = run(params, m, bytes, len);

	return snaplen < len ? snaplen : (uint32_t)len;
}

static bool sampled(const struct sample *s, uint32_t random)
{
	struct metadata m = metadata_of(s);
	uint8_t bytes[128];
	size_t len = make(s, bytes);
	uint32_t n;

	m.random = random;
	n = kept(&sampling, &m, bytes, len);
	if (!n)
		return false;
	assert_true(filter_is_sample(SNAPLEN, n, (uint32_t)len));
	return true;
}

/* What passes for itself passes whole, whatever the dice say; the rest one time in sixteen. */
static void test_samples(void **state)
{
	uint8_t bytes[128];

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		bool bulk = !s->passes && (!s->out || s->proto == 17);
		struct metadata m = metadata_of(s);
		size_t len = make(s, bytes);

		for (uint32_t random = 0; random < 64; random++) {
			m.random = random;
			if (s->passes)
				assert_int_equal(kept(&sampling, &m, bytes, len), len);
			else if (sampled(s, random) != (bulk && random % 16 == 0))
				fail_msg("%s", s->what);
		}
	}
}

static void test_bulk_of_every_kind(void **state)
{
	static const struct sample bulk[] = {
		{ "three bytes of data", .proto = 6, .l4 = { TCP_HEAD, 0x10 }, .l4_len = 20 },
		{ "echo reply", .proto = 1, .l4 = { 0, 0 } },
		{ "unreachable", .proto = 1, .l4 = { 3, 3 } },
		{ "time exceeded", .proto = 1, .l4 = { 11, 0 } },
		{ "GRE", .proto = 47 },
		{ "UDP, fragment far out", .proto = 17, .fragment = 0x1fff },
		{ "echo reply, IPv6", .v6 = true, .proto = 58, .l4 = { 129, 0 } },
		{ "unreachable, IPv6", .v6 = true, .proto = 58, .l4 = { 1, 4 } },
		{ "later fragment, IPv6", .v6 = true, .proto = 44, .l4 = { 17, 0, 0, 0x20 } },
		{ "ESP, IPv6", .v6 = true, .proto = 50 },
	};
	static const struct sample others[] = {
		{ "data sent", .out = true, .proto = 6, .l4 = { TCP_HEAD, 0x18 } },
		{ "echo reply sent", .out = true, .proto = 1, .l4 = { 0, 0 } },
		{ "GRE sent", .out = true, .proto = 47 },
		{ "later fragment sent", .out = true, .proto = 17, .fragment = 0x1fff },
		{ "later fragment sent, IPv6", .v6 = true, .out = true, .proto = 44,
		  .l4 = { 17, 0, 0, 0x20 } },
		{ "ESP sent, IPv6", .v6 = true, .out = true, .proto = 50 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bulk) / sizeof(bulk[0]); i++)
		if (!sampled(&bulk[i], 32) || sampled(&bulk[i], 33))
			fail_msg("%s", bulk[i].what);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (sampled(&others[i], 32))
			fail_msg("%s", others[i].what);
}

/* A later fragment that can still hold a header is for the parser, and passes for itself. */
static void test_ipv6_fragments(void **state)
{
	struct sample s = { "fragment, IPv6", .v6 = true, .proto = 44, .l4 = { 6, 0, 0, 0 } };

	(void)state;
	for (unsigned int unit = 0; unit < 8; unit++) {
		struct metadata m = metadata_of(&s);
		uint8_t bytes[128];
		size_t len;

		s.l4[3] = (uint8_t)(unit << 3 | 1);
		m.random = 7;
		len = make(&s, bytes);
		assert_int_equal(kept(&sampling, &m, bytes, len), unit < 4 ? len : 0);
	}
}

/* Of any length, of those that the kernel keeps a part of as well. */
static void test_lengths(void **state)
{
	struct metadata m = { .pkttype = PACKET_HOST,
			      .protocol = ETH_P_IP,
			      .ifindex = TAP_IFINDEX };
	uint8_t bytes[1500] = { 0x45, [9] = 17, [22] = 0xff };

	(void)state;
	for (uint32_t len = 28; len <= sizeof(bytes); len++) {
		uint32_t n;

		bytes[22] = 0xff;
		n = kept(&sampling, &m, bytes, len);
		assert_int_equal(n, (len < SNAPLEN ? len : SNAPLEN) - 1);
		assert_true(filter_is_sample(SNAPLEN, n, len));
		bytes[22] = 0; /* a closed port */
		n = kept(&sampling, &m, bytes, len);
		assert_int_equal(n, len < SNAPLEN ? len : SNAPLEN);
		assert_false(filter_is_sample(SNAPLEN, n, len));
	}
}

static void test_interfaces_and_tags(void **state)
{
	const struct sample *s = &samples[4]; /* plain ACK */
	struct metadata m = metadata_of(s);
	uint8_t bytes[128];
	size_t len = make(s, bytes);

	(void)state;
	assert_int_equal(kept(&sampling, &m, bytes, len), len - 1);
	m.tag_present = 1;
	m.tag = 5;
	assert_int_equal(kept(&sampling, &m, bytes, len), 0);
	m.tag = 0;
	sampling.skip[0] = TAP_IFINDEX;
	sampling.n_skip = 1;
	assert_int_equal(kept(&sampling, &m, bytes, len), 0);
	m = metadata_of(s);
	m.pkttype = PACKET_BROADCAST;
	sampling.n_skip = 0;
	assert_int_equal(kept(&sampling, &m, bytes, len), 0);
}

/* The program may be as long as it likes: no jump of it is too far. */
static void test_fullest(void **state)
{
	uint8_t bytes[128];

	(void)state;
	sampling = fullest();
	sampling.bulk_one_in = 16;
	sampling.gateway = true;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct metadata m = metadata_of(&samples[i]);
		size_t len = make(&samples[i], bytes);
		bool bulk = !samples[i].passes && (!samples[i].out || samples[i].proto == 17);
		uint32_t n;

		m.random = 48;
		n = kept(&sampling, &m, bytes, len);
		if (samples[i].passes)
			assert_int_equal(n, len);
		else
			assert_true(n == (bulk ? len - 1 : 0) ||
				    n == len); /* a gateway sees more */
	}
}

static void test_bad_params(void **state)
{
	struct sock_filter prog[FILTER_MAX_INSNS];

	(void)state;
	sampling.bulk_one_in = 12;
	assert_int_equal(filter_build(&sampling, prog), -EINVAL);
	sampling.bulk_one_in = 1;
	assert_in_range(filter_build(&sampling, prog), 1, FILTER_MAX_INSNS);
	sampling.snaplen = 1;
	assert_int_equal(filter_build(&sampling, prog), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_samples, setup),
		cmocka_unit_test_setup(test_bulk_of_every_kind, setup),
		cmocka_unit_test_setup(test_ipv6_fragments, setup),
		cmocka_unit_test_setup(test_lengths, setup),
		cmocka_unit_test_setup(test_interfaces_and_tags, setup),
		cmocka_unit_test_setup(test_fullest, setup),
		cmocka_unit_test_setup(test_bad_params, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
