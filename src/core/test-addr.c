/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/addr.h"
#include "core/test-random.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct addr parse(const char *text)
{
	struct addr a;

	if (addr_parse(text, &a))
		fail_msg("does not parse: %s", text);
	return a;
}

static void assert_addr(struct addr a, struct addr b)
{
	assert_int_equal(a.hi, b.hi);
	assert_int_equal(a.lo, b.lo);
}

/* Text ----------------------------------------------------------------------------------------- */

static void text_of_rfcs(void **state)
{
	static const struct {
		const char *in, *out;
	} vectors[] = {
		/* RFC 4291 §2.2 */
		{ "ABCD:EF01:2345:6789:ABCD:EF01:2345:6789",
		  "abcd:ef01:2345:6789:abcd:ef01:2345:6789" },
		{ "2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a" },
		{ "FF01:0:0:0:0:0:0:101", "ff01::101" },
		{ "0:0:0:0:0:0:0:1", "::1" },
		{ "0:0:0:0:0:0:0:0", "::" },
		{ "0:0:0:0:0:0:13.1.68.3", "::13.1.68.3" },
		/* mapped: one address in both notations, shown as people know it */
		{ "0:0:0:0:0:FFFF:129.144.52.38", "129.144.52.38" },
		{ "::FFFF:129.144.52.38", "129.144.52.38" },
		/* RFC 5952 §1, §2 and §4 */
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:db8::1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:0db8::1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:db8:0:0:1::1", "2001:db8::1:0:0:1" },
		{ "2001:db8:0000:0:1::1", "2001:db8::1:0:0:1" },
		{ "2001:DB8:0:0:1::1", "2001:db8::1:0:0:1" },
		{ "2001:db8:aaaa:bbbb:cccc:dddd:0:1", "2001:db8:aaaa:bbbb:cccc:dddd:0:1" },
		{ "2001:db8::aaaa:0:0:1", "2001:db8::aaaa:0:0:1" },
		{ "2001:0db8::0001", "2001:db8::1" },
		{ "2001:db8:0:0:0:0:2:1", "2001:db8::2:1" },
		{ "2001:db8::0:1", "2001:db8::1" },
		{ "2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
		{ "2001:DB8::AAAA:AaAa", "2001:db8::aaaa:aaaa" },
		/* IPv4 */
		{ "0.0.0.0", "0.0.0.0" },
		{ "192.0.2.33", "192.0.2.33" },
		{ "255.255.255.255", "255.255.255.255" },
	};
	char buf[ADDR_STRLEN];

	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++)
		assert_string_equal(addr_format(parse(vectors[i].in), buf), vectors[i].out);
	assert_addr(parse("192.0.2.33"), parse("::ffff:192.0.2.33"));
	assert_true(addr_is_v4(parse("192.0.2.33")));
	assert_false(addr_is_v4(parse("::192.0.2.33")));
	assert_false(addr_is_v4(parse("1::ffff:192.0.2.33")));
}

static void text_that_is_no_address(void **state)
{
	/* clang-format off */
	static const char *const bad[] = {
		"", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "1.2.3.4 ", " 1.2.3.4",
		"01.2.3.4", "0x1.2.3.4", "1..3.4", "1.2.3.4/24", "localhost", ":", ":::", "1:2",
		"1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::", "::1%lo",
		"[::1]", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "::ffff:1.2.3.256", "::1 ",
		"1:2:3:4:5:6:7:",
		"1111:2222:3333:4444:5555:6666:7777:8888:1111:2222:3333:4444:5555:6666:7777:8888",
	};
	/* clang-format on */
	struct addr a = { 1, 2 };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (addr_parse(bad[i], &a) != -EINVAL)
			fail_msg("parses: \"%s\"", bad[i]);
		assert_addr(a, ((struct addr){ 1, 2 }));
	}
}

static void bytes_are_network_order(void **state)
{
	static const uint8_t v4[4] = { 192, 0, 2, 33 };
	static const uint8_t v6[16] = {
		0x20, 0x01, 0x0d, 0xb8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	};
	uint8_t bytes[16];

	(void)state;
	assert_addr(addr_from_bytes4(v4), parse("192.0.2.33"));
	assert_addr(addr_from_v4(0xc0000221), parse("192.0.2.33"));
	assert_addr(addr_from_bytes16(v6), parse("2001:db8:1:203:405:607:809:a0b"));
	addr_to_bytes16(addr_from_bytes16(v6), bytes);
	assert_memory_equal(bytes, v6, sizeof(v6));
}

/* Random addresses with many zero groups, so that every place of "::" occurs. */
static struct addr gappy(void)
{
	struct addr a = { random_u64(), random_u64() };
	uint32_t keep = random_below(256);

	for (unsigned int group = 0; group < 4; group++) {
		a.hi &= keep >> group & 1 ? ~0ULL : ~(0xffffULL << 16 * group);
		a.lo &= keep >> (group + 4) & 1 ? ~0ULL : ~(0xffffULL << 16 * group);
	}
	if (random_below(8) == 0)
		a = addr_from_v4((uint32_t)a.lo);
	return a;
}

static void text_equals_inet_ntop(void **state)
{
	uint64_t count = random_count(3000000);

	(void)state;
	for (uint64_t i = 0; i < count; i++) {
		struct addr a = gappy(), back;
		char expected[INET6_ADDRSTRLEN], got[ADDR_STRLEN];
		uint8_t bytes[16];

		for (unsigned int byte = 0; byte < 8; byte++) {
			bytes[byte] = (uint8_t)(a.hi >> (56 - 8 * byte));
			bytes[byte + 8] = (uint8_t)(a.lo >> (56 - 8 * byte));
		}
		inet_ntop(AF_INET6, bytes, expected, sizeof(expected));
		if (!strncmp(expected, "::ffff:", 7) && strchr(expected, '.'))
			memmove(expected, expected + 7, strlen(expected + 7) + 1);
		if (strcmp(addr_format(a, got), expected))
			fail_msg("%s instead of %s", got, expected);
		if (addr_parse(got, &back) || !addr_eq(a, back))
			fail_msg("%s does not parse to what it was", got);
	}
}

/* Prefixes ------------------------------------------------------------------------------------- */

static void prefixes_from_text(void **state)
{
	static const struct {
		const char *in, *out;
		unsigned int len; /* in mapped bits */
	} vectors[] = {
		{ "192.0.2.0/24", "192.0.2.0/24", 120 },
		{ "10.0.0.0/8", "10.0.0.0/8", 104 },
		{ "0.0.0.0/0", "0.0.0.0/0", 96 },
		{ "192.0.2.1", "192.0.2.1/32", 128 },
		{ "192.0.2.1/32", "192.0.2.1/32", 128 },
		{ "::ffff:192.0.2.0/120", "192.0.2.0/24", 120 },
		{ "::ffff:0:0/96", "0.0.0.0/0", 96 },
		{ "::/0", "::/0", 0 },
		{ "::1", "::1/128", 128 },
		{ "2001:db8::/32", "2001:db8::/32", 32 },
		{ "2000::/3", "2000::/3", 3 },
		{ "fe80::/10", "fe80::/10", 10 },
		/* RFC 4291 §2.3 */
		{ "2001:0DB8:0000:CD30:0000:0000:0000:0000/60", "2001:db8:0:cd30::/60", 60 },
		{ "2001:0DB8::CD30:0:0:0:0/60", "2001:db8:0:cd30::/60", 60 },
		{ "2001:0DB8:0:CD30::/60", "2001:db8:0:cd30::/60", 60 },
	};
	char buf[PREFIX_STRLEN];
	struct prefix p;

	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		assert_int_equal(prefix_parse(vectors[i].in, &p), 0);
		assert_int_equal(p.len, vectors[i].len);
		assert_string_equal(prefix_format(&p, buf), vectors[i].out);
	}
}

static void text_that_is_no_prefix(void **state)
{
	/* clang-format off */
	static const char *const bad[] = {
		"", "/", "/24", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/+24",
		"192.0.2.0/024", "192.0.2.0/24 ", "192.0.2.0/ 24", "192.0.2.0/24/24",
		"192.0.2.0/2a", "192.0.2.0/4294967320", "192.0.2.0/99999999999999999999",
		"2001:db8::/129", "2001:db8::/", "example/8",
		/* host bits beyond the length */
		"192.0.2.1/24", "128.0.0.0/0", "2001:db8::1/64", "::ffff:192.0.2.0/24",
		/* RFC 4291 §2.3: not legal, or another prefix than meant */
		"2001:0DB8:0:CD3/60", "2001:0DB8::CD30/60", "2001:0DB8::CD3/60",
		"1111:2222:3333:4444:5555:6666:7777:8888:1111:2222:3333:4444/64",
	};
	/* clang-format on */
	struct prefix p = { { 1, 2 }, 3 };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (prefix_parse(bad[i], &p) != -EINVAL)
			fail_msg("parses: \"%s\"", bad[i]);
		assert_addr(p.addr, ((struct addr){ 1, 2 }));
		assert_int_equal(p.len, 3);
	}
}

/* Bits, against an oracle that knows them one by one ------------------------------------------- */

static void to_bits(struct addr a, char bits[ADDR_BITS])
{
	uint8_t bytes[16];

	addr_to_bytes16(a, bytes);
	for (unsigned int i = 0; i < ADDR_BITS; i++)
		bits[i] = bytes[i / 8] >> (7 - i % 8) & 1;
}

static void masks_keep_the_leading_bits(void **state)
{
	uint64_t count = random_count(2000);

	(void)state;
	for (uint64_t i = 0; i < count; i++) {
		struct addr a = { random_u64(), random_u64() };
		char bits[ADDR_BITS], masked[ADDR_BITS];

		to_bits(a, bits);
		for (unsigned int len = 0; len <= ADDR_BITS; len++) {
			to_bits(addr_mask(a, len), masked);
			for (unsigned int bit = 0; bit < ADDR_BITS; bit++)
				assert_int_equal(masked[bit], bit < len ? bits[bit] : 0);
		}
		for (unsigned int bit = 0; bit < ADDR_BITS; bit++)
			assert_int_equal(addr_bit(a, bit), bits[bit]);
	}
}

static void common_length_is_the_first_difference(void **state)
{
	uint64_t count = random_count(1000000);

	(void)state;
	for (uint64_t i = 0; i < count; i++) {
		struct addr a = { random_u64(), random_u64() }, b = { random_u64(), random_u64() };
		unsigned int keep = random_below(ADDR_BITS + 1), len = random_below(ADDR_BITS + 1);
		struct addr high = addr_mask(a, keep), low = addr_mask(b, keep);
		struct prefix p = { addr_mask(a, len), (uint8_t)len };
		char bits_a[ADDR_BITS], bits_b[ADDR_BITS];
		unsigned int common = 0;

		b = (struct addr){ high.hi | (b.hi ^ low.hi), high.lo | (b.lo ^ low.lo) };
		to_bits(a, bits_a);
		to_bits(b, bits_b);
		while (common < ADDR_BITS && bits_a[common] == bits_b[common])
			common++;
		assert_int_equal(addr_common_len(a, b), common);
		assert_int_equal(addr_eq(a, b), common == ADDR_BITS);
		assert_int_equal(prefix_contains(&p, b), common >= len);
	}
}

/* Kinds of addresses: first, last, and the neighbours of both ---------------------------------- */

enum { PRIVATE = 1, LINK_LOCAL = 2, LOOPBACK = 4, MULTICAST = 8, UNSPECIFIED = 16 };

static unsigned int kinds(struct addr a)
{
	return (addr_is_private(a) ? PRIVATE : 0) | (addr_is_link_local(a) ? LINK_LOCAL : 0) |
	       (addr_is_loopback(a) ? LOOPBACK : 0) | (addr_is_multicast(a) ? MULTICAST : 0) |
	       (addr_is_unspecified(a) ? UNSPECIFIED : 0);
}

static void kinds_of_the_registries(void **state)
{
	static const struct {
		const char *before, *first, *last, *after;
		unsigned int kinds;
	} blocks[] = {
		{ "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", PRIVATE },
		{ "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", PRIVATE },
		{ "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0", PRIVATE },
		{ "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0", PRIVATE },
		{ "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0",
		  PRIVATE | LOOPBACK },
		{ "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0",
		  PRIVATE | LINK_LOCAL },
		{ "223.255.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", MULTICAST },
		{ "255.255.255.254", "255.255.255.255", "255.255.255.255", "::1:0:0:0", MULTICAST },
		{ "::fffe:ffff:ffff", "0.0.0.0", "0.0.0.0", "0.0.0.1", UNSPECIFIED },
		{ "ffff::", "::1", "::1", "::2", PRIVATE | LOOPBACK },
		{ "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::", PRIVATE },
		{ "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::",
		  "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::", PRIVATE | LINK_LOCAL },
		{ "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", MULTICAST },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(blocks); i++) {
		assert_int_equal(kinds(parse(blocks[i].first)), blocks[i].kinds);
		assert_int_equal(kinds(parse(blocks[i].last)), blocks[i].kinds);
		if (strcmp(blocks[i].before, "ffff::"))
			assert_int_equal(kinds(parse(blocks[i].before)), 0);
		assert_int_equal(kinds(parse(blocks[i].after)), 0);
	}
	assert_int_equal(kinds(parse("::")), UNSPECIFIED);
	assert_int_equal(kinds(parse("8.8.8.8")), 0);
	/* an IPv4-compatible address is not the IPv4 address */
	assert_int_equal(kinds(parse("::10.0.0.1")), 0);
}

/* Chi-square over 256 buckets; 255 degrees of freedom exceed 400 once in ten million times. */
static void assert_spread(struct addr step, unsigned int shift)
{
	enum { BUCKETS = 256, KEYS = 65536 };
	uint64_t seed = random_u64();
	uint32_t count[BUCKETS] = { 0 };
	double chi = 0, expected = (double)KEYS / BUCKETS;

	for (uint64_t i = 0; i < KEYS; i++) {
		struct addr a = { (0x20010db8ULL << 32) + i * step.hi, 1 + i * step.lo };

		count[addr_hash(a, seed) >> shift & (BUCKETS - 1)]++;
	}
	for (unsigned int b = 0; b < BUCKETS; b++)
		chi += (count[b] - expected) * (count[b] - expected) / expected;
	if (chi > 400)
		fail_msg("step %#llx:%#llx, shift %u: chi-square %.0f", (unsigned long long)step.hi,
			 (unsigned long long)step.lo, shift, chi);
}

static void hash_spreads_neighbours(void **state)
{
	(void)state;
	for (unsigned int bit = 0; bit <= 48; bit += 4) {
		for (unsigned int shift = 0; shift <= 24; shift += 8) {
			assert_spread((struct addr){ 0, 1ULL << bit }, shift);
			assert_spread((struct addr){ 1ULL << bit, 0 }, shift);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_rfcs),
		cmocka_unit_test(text_that_is_no_address),
		cmocka_unit_test(bytes_are_network_order),
		cmocka_unit_test(text_equals_inet_ntop),
		cmocka_unit_test(prefixes_from_text),
		cmocka_unit_test(text_that_is_no_prefix),
		cmocka_unit_test(masks_keep_the_leading_bits),
		cmocka_unit_test(common_length_is_the_first_difference),
		cmocka_unit_test(kinds_of_the_registries),
		cmocka_unit_test(hash_spreads_neighbours),
	};

	random_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
