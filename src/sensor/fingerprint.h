/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Marks that attack tools leave in their packets. Evidence, never proof: a mark can be forged, and
 * many tools send ordinary packets.
 */
#ifndef MIMAMORI_SENSOR_FINGERPRINT_H
#define MIMAMORI_SENSOR_FINGERPRINT_H

#include <stdbool.h>
#include <stdint.h>

struct packet;

enum fingerprint {
	FINGERPRINT_MIRAI, /* TCP sequence number equals the destination's IPv4 address */
	FINGERPRINT_MASSCAN, /* IPv4 id is destination ^ port ^ sequence number, low 16 bits */
	FINGERPRINT_ZMAP, /* IPv4 id 54321; since version 4.1 window 65535 and TTL 255 */
	FINGERPRINT_NMAP, /* raw probes: window 1024, MSS the only option */
	FINGERPRINT_NMAP_OS, /* the odd options and flags of Nmap's OS detection */
	FINGERPRINT_TINY, /* a TCP header cut in pieces: to slip past a filter (RFC 1858) */
	FINGERPRINT_COUNT,
};

extern const char *const fingerprint_names[FINGERPRINT_COUNT];

/* Bit 1 << enum fingerprint for each mark of a TCP packet. */
uint8_t fingerprint_tcp(const struct packet *p);

/* Is FINGERPRINT_NMAP_OS among them? */
bool fingerprint_nmap_os(const struct packet *p);

/* A SYN that no operating system's TCP sends: without SACK, timestamps or window scale. */
bool fingerprint_raw_syn(const struct packet *p);

#endif
