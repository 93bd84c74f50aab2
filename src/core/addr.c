/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/addr.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

_Static_assert(ADDR_STRLEN >= INET6_ADDRSTRLEN, "an address fits its buffer");

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
