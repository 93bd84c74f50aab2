/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/iid-pattern.h"

#include <stdbool.h>

const char *const iid_pattern_names[IID_PATTERNS] = {
	[IID_LOW_BYTE] = "low-byte",
	[IID_EUI64] = "eui-64",
	[IID_EMBEDDED_V4] = "embedded-ipv4",
	[IID_EMBEDDED_PORT] = "embedded-port",
	[IID_WORDY] = "wordy",
	[IID_RANDOM] = "random",
};

/* Ports that people write into addresses, where the probe itself had none or another. */
static const uint16_t service_ports[] = { 21,  22,  23,	 25,  53,  80,	 110,  123, 143,
					  389, 443, 445, 993, 995, 5060, 8080, 8443 };

/* Hexadecimal digits that read as words, as administrators choose them. */
static const uint16_t words[] = { 0xabba, 0xacce, 0xaffe, 0xb00b, 0xb00c, 0xb0b0, 0xb1ff, 0xbabe,
				  0xbad0, 0xbead, 0xbeef, 0xc01a, 0xc0ca, 0xc0de, 0xcade, 0xcafe,
				  0xceed, 0xd00d, 0xdada, 0xdead, 0xdeaf, 0xdec0, 0xdeca, 0xdeed,
				  0xf001, 0xf00d, 0xfab0, 0xface, 0xfade, 0xfed0, 0xfee1, 0xfeed };

/* The value whose decimal digits these hexadecimal digits look like, or -1. */
static int as_decimal(uint16_t hex)
{
	int value = 0;

	for (int shift = 12; shift >= 0; shift -= 4) {
		int digit = hex >> shift & 15;

		if (digit > 9)
			return -1;
		value = value * 10 + digit;
	}
	return value;
}

static bool service(int value, uint16_t port)
{
	if (value <= 0)
		return false;
	if (value == port)
		return true;
	for (unsigned int i = 0; i < sizeof(service_ports) / sizeof(service_ports[0]); i++)
		if (service_ports[i] == value)
			return true;
	return false;
}

/* ::80, ::50 (the same in hexadecimal), ::1:80, ::80:1 */
static bool embedded_port(uint64_t iid, uint16_t port)
{
	uint16_t low = (uint16_t)iid, high = (uint16_t)(iid >> 16);

	if (iid >> 32)
		return false;
	if (high == 0)
		return service(as_decimal(low), port) || (port && low == port);
	return (low <= 0xff && service(as_decimal(high), port)) ||
	       (high <= 0xff && service(as_decimal(low), port));
}

/* Four groups that are an address's four numbers, in decimal digits. */
static bool v4_in_groups(uint64_t iid)
{
	for (int shift = 48; shift >= 0; shift -= 16) {
		int value = as_decimal((uint16_t)(iid >> shift));

		if (value < 0 || value > 255)
			return false;
	}
	return iid >> 48 != 0;
}

/* ::192.0.2.1: 32 bits, of which the first number is one that networks begin with. */
static bool v4_in_bits(uint64_t iid)
{
	unsigned int first = (unsigned int)(iid >> 24);

	return iid >> 32 == 0 && first >= 1 && first < 224 && first != 127;
}

static bool word(uint16_t group)
{
	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i] == group)
			return true;
	return false;
}

static bool wordy(uint64_t iid)
{
	unsigned int found = 0, other = 0;

	for (int shift = 48; shift >= 0; shift -= 16) {
		uint16_t group = (uint16_t)(iid >> shift);

		if (word(group))
			found++;
		else if (group > 0xff)
			other++;
	}
	return found && !other;
}

/* RFC 7707 §4.1.1.3: all zero but the last group, and a small second last. */
static bool low_byte(uint64_t iid)
{
	return iid >> 32 == 0 && (iid >> 16 & 0xffff) <= 0xff && (iid & 0xffff) <= 0xff;
}

enum iid_pattern iid_pattern(struct addr a, uint16_t port)
{
	uint64_t iid = a.lo;

	if (addr_is_v4(a))
		return IID_RANDOM;
	if ((iid >> 24 & 0xffff) == 0xfffe)
		return IID_EUI64;
	if (embedded_port(iid, port))
		return IID_EMBEDDED_PORT;
	if (low_byte(iid))
		return IID_LOW_BYTE;
	if (wordy(iid))
		return IID_WORDY;
	if (v4_in_groups(iid) || v4_in_bits(iid))
		return IID_EMBEDDED_V4;
	return IID_RANDOM;
}
