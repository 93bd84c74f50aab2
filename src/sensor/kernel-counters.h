/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel counts by itself of what floods move: /proc/net/snmp, snmp6 and netstat (proc(5)).
 *
 * They name no peer, but they are exact, and say what became of the packets: taken, refused, dropped. So they
 * are read when samples leave a doubt, at most once a batch, and never by a timer. The three files are opened
 * once, so that a process that may open nothing more can still read them; a reading of one costs 15 to 35
 * microseconds. IPv4 and IPv6 are added up, as TCP does by itself.
 */
#ifndef MIMAMORI_SENSOR_KERNEL_COUNTERS_H
#define MIMAMORI_SENSOR_KERNEL_COUNTERS_H

#include "core/cursor.h"

#include <stdbool.h>
#include <stdint.h>

/* Names: RFC 4293, RFC 4022, RFC 4113, and net/ipv4/proc.c where they are Linux's own. */
enum kernel_counter {
	KERNEL_IP_IN_RECEIVES,
	KERNEL_IP_IN_DELIVERS,
	KERNEL_IP_FORWARDED,
	KERNEL_IP_REASM_REQDS, /* fragments that came */
	KERNEL_IP_REASM_OKS, /* datagrams that came of them */
	KERNEL_IP_REASM_FAILS,
	KERNEL_ICMP_IN_MSGS,
	KERNEL_TCP_ATTEMPT_FAILS,
	KERNEL_TCP_IN_SEGS,
	KERNEL_TCP_IN_ERRS,
	KERNEL_TCP_OUT_RSTS,
	KERNEL_UDP_IN_DATAGRAMS,
	KERNEL_UDP_NO_PORTS,
	KERNEL_UDP_IN_ERRORS,
	KERNEL_UDP_RCVBUF_ERRORS,
	KERNEL_TCP_SYNCOOKIES_SENT,
	KERNEL_TCP_EMBRYONIC_RSTS,
	KERNEL_TCP_LISTEN_OVERFLOWS,
	KERNEL_TCP_LISTEN_DROPS,
	KERNEL_COUNTERS,
};

struct kernel_counters {
	uint64_t value
		[KERNEL_COUNTERS]; /* enum kernel_counter; since boot; 0: this kernel has no such */
};

enum kernel_counter_file { KERNEL_SNMP, KERNEL_SNMP6, KERNEL_NETSTAT, KERNEL_COUNTER_FILES };

struct kernel_counter_files {
	int fd[KERNEL_COUNTER_FILES]; /* -1: there is none, as snmp6 without IPv6 */
	uint64_t readings, failures; /* counters */
};

/* Opens them, of this process's network namespace. 0, or -errno when not even snmp is there. Embedded. */
int kernel_counters_open(struct kernel_counter_files *f);
void kernel_counters_close(struct kernel_counter_files *f);

#define KERNEL_ALL_FILES ((1U << KERNEL_COUNTER_FILES) - 1)

/* Reads files, a set of 1 << KERNEL_*; what stands in others is 0. 0 or -errno, then *out is untouched. */
int kernel_counters_read(struct kernel_counter_files *f, unsigned int files,
			 struct kernel_counters *out);

/* Adds what the text of one file says, as much as can be read of it. */
void kernel_counters_parse(enum kernel_counter_file file, struct cursor text,
			   struct kernel_counters *to);

/* How much a counter has grown. They are as wide as a long, and wrap. */
uint64_t kernel_counters_grown(const struct kernel_counters *now,
			       const struct kernel_counters *before, enum kernel_counter which);

/* Packets that came and were neither delivered, nor forwarded, nor parts of a datagram that was: what a firewall
 * dropped, in most cases. */
uint64_t kernel_counters_undelivered(const struct kernel_counters *now,
				     const struct kernel_counters *before);

#endif
