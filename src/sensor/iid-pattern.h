/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How an IPv6 address was made, by the look of its interface identifier: scanners of IPv6 walk patterns, since
 * nobody can walk 2^64 addresses (RFC 7707 §4.1).
 */
#ifndef MIMAMORI_SENSOR_IID_PATTERN_H
#define MIMAMORI_SENSOR_IID_PATTERN_H

#include "core/addr.h"

#include <stdint.h>

enum iid_pattern {
	IID_LOW_BYTE, /* ::1, ::a:2 */
	IID_EUI64, /* from a link address, with ff:fe in the middle */
	IID_EMBEDDED_V4, /* ::192.0.2.1 or ::192:0:2:1 */
	IID_EMBEDDED_PORT, /* ::80, ::22: the port it serves, in decimal digits or in hexadecimal */
	IID_WORDY, /* ::dead:beef */
	IID_RANDOM,
	IID_PATTERNS,
};

extern const char *const iid_pattern_names[IID_PATTERNS];

/* port: that was asked for at this address, or 0. IPv4 addresses are IID_RANDOM. */
enum iid_pattern iid_pattern(struct addr a, uint16_t port);

#endif
