/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/addr.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

_Static_assert(ADDR_STRLEN >= INET6_ADDRSTRLEN, "an address fits its buffer");

#define V4_WORD(a, b, c, d) (0xffff00000000ULL | (a) << 24 | (b) << 16 | (c) << 8 | (d))
#define V4(a, b, c, d, bits)                                        \
	{                                                           \
		{ 0, V4_WORD(a, b, c, d) }, ADDR_V4_OFFSET + (bits) \
	}
#define V6(hi, lo, bits)               \
	{                              \
		{ (hi), (lo) }, (bits) \
	}
#define IN_ANY(table, a) in_any(table, sizeof(table) / sizeof((table)[0]), a)

static const struct prefix link_local[] = {
	V4(169U, 254U, 0U, 0U, 16), /* RFC 3927 */
	V6(0xfe80ULL << 48, 0, 10), /* RFC 4291 §2.5.6 */
};

static const struct prefix site[] = {
	V4(10U, 0U, 0U, 0U, 8), /* RFC 1918 */
	V4(172U, 16U, 0U, 0U, 12), V4(192U, 168U, 0U, 0U, 16),
	V4(100U, 64U, 0U, 0U, 10), /* RFC 6598: carriers' own */
	V6(0xfcULL << 56, 0, 7), /* RFC 4193 */
};

static const struct prefix multicast[] = {
	V4(224U, 0U, 0U, 0U, 4), /* RFC 5771 */
	V4(255U, 255U, 255U, 255U, 32), /* RFC 919 §7 */
	V6(0xffULL << 56, 0, 8), /* RFC 4291 §2.7 */
};

static const struct prefix unspecified[] = {
	V4(0U, 0U, 0U, 0U, 32), /* RFC 1122 §3.2.1.3 */
	V6(0, 0, 128), /* RFC 4291 §2.5.2 */
};

static bool in_any(const struct prefix *table, size_t count, struct addr a)
{
	for (size_t i = 0; i < count; i++) {
		if (prefix_contains(&table[i], a))
			return true;
	}
	return false;
}

bool addr_is_loopback(struct addr a)
{
	if (addr_is_v4(a))
		return (a.lo >> 24 & 0xff) == 127; /* RFC 1122 §3.2.1.3 */
	return a.hi == 0 && a.lo == 1; /* RFC 4291 §2.5.3 */
}

bool addr_is_link_local(struct addr a)
{
	return IN_ANY(link_local, a);
}

bool addr_is_private(struct addr a)
{
	return IN_ANY(site, a) || addr_is_link_local(a) || addr_is_loopback(a);
}

bool addr_is_multicast(struct addr a)
{
	return IN_ANY(multicast, a);
}

bool addr_is_unspecified(struct addr a)
{
	return IN_ANY(unspecified, a);
}

struct addr addr_from_bytes4(const uint8_t bytes[4])
{
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return addr_from_v4(be32toh(word));
}

struct addr addr_from_bytes16(const uint8_t bytes[16])
{
	uint64_t words[2];

	memcpy(words, bytes, sizeof(words));
	return (struct addr){ be64toh(words[0]), be64toh(words[1]) };
}

void addr_to_bytes16(struct addr a, uint8_t bytes[16])
{
	uint64_t words[2] = { htobe64(a.hi), htobe64(a.lo) };

	memcpy(bytes, words, sizeof(words));
}

int addr_parse(const char *text, struct addr *out)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		*out = addr_from_bytes4(bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		*out = addr_from_bytes16(bytes);
	else
		return -EINVAL;
	return 0;
}

const char *addr_format(struct addr a, char buf[ADDR_STRLEN])
{
	uint8_t bytes[16];

	addr_to_bytes16(a, bytes);
	if (addr_is_v4(a))
		inet_ntop(AF_INET, bytes + 12, buf, ADDR_STRLEN);
	else
		inet_ntop(AF_INET6, bytes, buf, ADDR_STRLEN);
	return buf;
}

/* Decimal digits only, no sign, blank or leading zero. The number, or -EINVAL beyond max. */
static int parse_len(const char *text, unsigned int max)
{
	unsigned int len = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		len = 10 * len + (unsigned int)(*text - '0');
		if (len > max)
			return -EINVAL;
	}
	return (int)len;
}

int prefix_parse(const char *text, struct prefix *out)
{
	const char *slash = strchr(text, '/');
	size_t addr_len = slash ? (size_t)(slash - text) : strlen(text);
	char buf[ADDR_STRLEN];
	struct addr a;
	int len = ADDR_BITS;

	if (addr_len >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, text, addr_len);
	buf[addr_len] = '\0';
	if (addr_parse(buf, &a))
		return -EINVAL;
	if (slash) {
		/* The notation decides what the length counts: ::ffff:192.0.2.0/120 is a /24. */
		unsigned int offset = strchr(buf, ':') ? 0 : ADDR_V4_OFFSET;

		len = parse_len(slash + 1, ADDR_BITS - offset);
		if (len < 0)
			return len;
		len += (int)offset;
	}
	if (!addr_eq(addr_mask(a, (unsigned int)len), a))
		return -EINVAL;
	*out = (struct prefix){ a, (uint8_t)len };
	return 0;
}

const char *prefix_format(const struct prefix *p, char buf[PREFIX_STRLEN])
{
	/* The last bit of ::ffff is the 96th, so that a mapped prefix is never shorter. */
	unsigned int len = addr_is_v4(p->addr) ? p->len - ADDR_V4_OFFSET : p->len;
	size_t used = strlen(addr_format(p->addr, buf));

	snprintf(buf + used, PREFIX_STRLEN - used, "/%u", len);
	return buf;
}
