/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's own listening ports: the ground truth of a probe's outcome.
 *
 * A cached listing over sock_diag(7), no privilege needed. It is read again only when it could
 * have changed: when it is older than LISTENERS_MIN_AGE_MS and someone asks about a port that it
 * does not hold. A flood of questions costs at most one listing per that time.
 *
 * A UDP port that served until a moment ago counts as open while datagrams still come: senders of media
 * learn late, or never, that a call has ended.
 *
 * TCP: sockets in LISTEN. UDP: bound sockets without a peer; those with one are clients. Nothing
 * is listed, and every answer is CLOSED, when fd is -1: callers with no ground truth look there.
 */
#ifndef MIMAMORI_SENSOR_LISTENERS_H
#define MIMAMORI_SENSOR_LISTENERS_H

#include "core/addr.h"

#include <stdbool.h>
#include <stdint.h>

#define LISTENERS_MAX 256
#define LISTENERS_PUBLISHED_MAX 64
#define LISTENERS_GONE_MAX 64
#define LISTENERS_GONE_MS 120000 /* a port that is asked for again within this time stays excused */
#define LISTENERS_MIN_AGE_MS 1000
/* UDP sockets come and go with every call, and answer nothing that would overturn: so many readings may
 * follow each other at once, four being the contacts that make a scan, and one a second after that. */
#define LISTENERS_BURST 4

enum listeners_answer { LISTENERS_CLOSED, LISTENERS_OPEN };

struct listener {
	struct addr addr; /* unspecified: any address */
	uint16_t port;
	uint8_t udp;
	uint8_t v6only; /* an any-address socket of IPv6 that takes no IPv4 */
	uint8_t v4; /* an any-address socket of IPv4 only */
};

struct listeners {
	int fd; /* sock_diag socket; -1: no ground truth (replay, tests) */
	unsigned int count;
	struct listener entry[LISTENERS_MAX];
	/* Ports that answered without a local listener: published by DNAT or a container. */
	unsigned int n_published, published_next;
	struct {
		struct addr addr;
		uint16_t port;
		uint8_t udp;
	} published[LISTENERS_PUBLISHED_MAX];
	bool sctp; /* the kernel speaks it; as of sctp_read_ns, 0: never looked */
	uint64_t sctp_read_ns;
	/* UDP ports that served until a moment ago: what is sent to a call that was hung up. */
	unsigned int n_gone, gone_next;
	struct {
		uint64_t t_ns; /* clock time of the latest question, or since when it is gone */
		uint16_t port;
	} gone[LISTENERS_GONE_MAX];
	uint64_t read_ns; /* clock time of the last listing */
	uint64_t burst_ns; /* when the burst of readings will be whole again, less one reading */
	uint64_t digest; /* of the last listing, whatever its order */
	uint64_t listings, failures; /* counters */
	uint64_t left_out; /* of the last listing: listeners that found no room */
	uint32_t generation; /* changes when the set of UDP ports or the TCP list changes */
};

/* Opens and reads once. 0 or -errno. Embedded. */
int listeners_init(struct listeners *l, uint64_t now_ns);
void listeners_done(struct listeners *l);

/* Does something on this host serve addr:port? May re-read the listing (see above). */
enum listeners_answer listeners_lookup(struct listeners *l, bool udp, struct addr self,
				       uint16_t port, uint64_t now_ns);

/* The host refused a connection to addr:port: if it was published, it is no more. */
void listeners_withdraw(struct listeners *l, bool udp, struct addr self, uint16_t port);

/* Reads the listing now unless it is younger than LISTENERS_MIN_AGE_MS. 0 or -errno. */
int listeners_refresh(struct listeners *l, uint64_t now_ns);

/* Does the kernel speak SCTP? Looked up at most once in LISTENERS_MIN_AGE_MS. */
bool listeners_sctp(struct listeners *l, uint64_t now_ns);

/* Has the host answered from addr:port without a listener of its own? */
bool listeners_published(const struct listeners *l, bool udp, struct addr self, uint16_t port);

/* The host answered from addr:port: remember it as open. */
void listeners_publish(struct listeners *l, bool udp, struct addr self, uint16_t port);

/* The distinct UDP ports served, published ones included, ascending, for the filter. Returns how many were written. */
unsigned int listeners_udp_ports(const struct listeners *l, uint16_t *ports, unsigned int max);
/* Likewise the TCP ports. */
unsigned int listeners_tcp_ports(const struct listeners *l, uint16_t *ports, unsigned int max);

#endif
