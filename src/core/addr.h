/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses and prefixes: one 128-bit number for both families.
 *
 * IPv4 is mapped as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), so that one trie and one comparison serve
 * both. An address is kept as two host-order words, most significant first: masks, comparisons and
 * bit tests are then plain arithmetic.
 */
#ifndef MIMAMORI_CORE_ADDR_H
#define MIMAMORI_CORE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDR_BITS 128
#define ADDR_V4_OFFSET 96 /* a mapped IPv4 /24 has length 96 + 24 */
#define ADDR_STRLEN 46 /* the longest text of an address, with its NUL */
#define PREFIX_STRLEN 50 /* the longest text of a prefix, with its NUL */

struct addr {
	uint64_t hi, lo;
};

struct prefix {
	struct addr addr; /* bits beyond len are zero */
	uint8_t len; /* 0..128, in mapped bits */
};

static inline struct addr addr_from_v4(uint32_t host_order)
{
	return (struct addr){ 0, 0x0000ffff00000000ULL | host_order };
}

static inline bool addr_is_v4(struct addr a)
{
	return a.hi == 0 && (a.lo >> 32) == 0xffff;
}

static inline bool addr_eq(struct addr a, struct addr b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

/* Bit i of a, counted from the most significant (0..127). */
static inline unsigned int addr_bit(struct addr a, unsigned int i)
{
	return (i < 64 ? a.hi >> (63 - i) : a.lo >> (127 - i)) & 1;
}

/* a with all bits beyond the first len (0..128) cleared. */
static inline struct addr addr_mask(struct addr a, unsigned int len)
{
	if (len < 64)
		return (struct addr){ len ? a.hi & ~(~0ULL >> len) : 0, 0 };
	if (len < 128)
		return (struct addr){ a.hi, len > 64 ? a.lo & ~(~0ULL >> (len - 64)) : 0 };
	return a;
}

/* How many leading bits a and b share, 0..128. */
static inline unsigned int addr_common_len(struct addr a, struct addr b)
{
	if (a.hi != b.hi)
		return __builtin_clzll(a.hi ^ b.hi);
	if (a.lo != b.lo)
		return 64 + __builtin_clzll(a.lo ^ b.lo);
	return 128;
}

static inline bool prefix_contains(const struct prefix *p, struct addr a)
{
	return addr_eq(addr_mask(a, p->len), p->addr);
}

/* A well-mixed 32-bit hash of a under seed (seeded so that nobody can aim at a bucket). Steele, Lea,
 * Flood: "Fast Splittable Pseudorandom Number Generators", 2014, has the mixing. */
static inline uint32_t addr_hash(struct addr a, uint64_t seed)
{
	uint64_t h = (a.hi ^ seed) * 0x9e3779b97f4a7c15ULL;

	h ^= h >> 32 ^ a.lo;
	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9ULL;
	h = (h ^ h >> 27) * 0x94d049bb133111ebULL;
	return (uint32_t)(h >> 32);
}

/* Arithmetic, no tables: some of these are asked several times for each packet. */
static inline bool addr_is_loopback(struct addr a)
{
	if (addr_is_v4(a))
		return (a.lo >> 24 & 0xff) == 127; /* RFC 1122 §3.2.1.3 */
	return a.hi == 0 && a.lo == 1; /* RFC 4291 §2.5.3 */
}

static inline bool addr_is_link_local(struct addr a)
{
	if (addr_is_v4(a))
		return (uint32_t)a.lo >> 16 == 0xa9fe; /* 169.254.0.0/16: RFC 3927 */
	return a.hi >> 54 == 0xfe80 >> 6; /* RFC 4291 §2.5.6 */
}

/* Loopback, RFC 1918, RFC 6598 (carriers' own), link-local or ULA (RFC 4193). */
static inline bool addr_is_private(struct addr a)
{
	uint32_t v4 = (uint32_t)a.lo;

	if (!addr_is_v4(a))
		return a.hi >> 57 == 0xfc >> 1 || addr_is_link_local(a) || addr_is_loopback(a);
	return v4 >> 24 == 10 || v4 >> 20 == (172 << 4 | 1) || v4 >> 16 == (192 << 8 | 168) ||
	       v4 >> 22 == (100 << 2 | 1) || addr_is_link_local(a) || addr_is_loopback(a);
}

/* Multicast of either family (RFC 5771, RFC 4291 §2.7), and IPv4's limited broadcast (RFC 919 §7). */
static inline bool addr_is_multicast(struct addr a)
{
	uint32_t v4 = (uint32_t)a.lo;

	return addr_is_v4(a) ? v4 >> 28 == 14 || v4 == UINT32_MAX : a.hi >> 56 == 0xff;
}

/* 0.0.0.0 (RFC 1122 §3.2.1.3) and :: (RFC 4291 §2.5.2). */
static inline bool addr_is_unspecified(struct addr a)
{
	return a.hi == 0 && (a.lo == 0 || a.lo == 0xffffULL << 32);
}

/* From network-order bytes: 4 or 16 of them. */
struct addr addr_from_bytes4(const uint8_t bytes[4]);
struct addr addr_from_bytes16(const uint8_t bytes[16]);
void addr_to_bytes16(struct addr a, uint8_t bytes[16]);

/* Text to address, either family, no scope id. 0 or -EINVAL; *out untouched on failure. */
int addr_parse(const char *text, struct addr *out);
/* RFC 5952 text, as inet_ntop(3) writes it; a mapped address prints as plain IPv4. Returns buf. */
const char *addr_format(struct addr a, char buf[ADDR_STRLEN]);

/*
 * "192.0.2.0/24", "2001:db8::/32" or a bare address (a full-length prefix). Host bits set beyond
 * the length are an error, since they are usually a typing mistake. 0 or -EINVAL; *out untouched
 * on failure.
 */
int prefix_parse(const char *text, struct prefix *out);
/*
 * As written by people: an IPv4 prefix prints with its own 0..32 length. The length is always
 * there, "192.0.2.1/32" included. Returns buf.
 */
const char *prefix_format(const struct prefix *p, char buf[PREFIX_STRLEN]);

#endif
