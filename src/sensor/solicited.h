/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is a packet that came in one that somebody here waits for? Asked of samples of bulk traffic (packet-sample.h).
 *
 * Theory of operation
 * -------------------
 * The kernel is asked for the very socket, by addresses and ports (sock_diag(7), no privilege needed): a
 * connection, or a UDP socket with this peer, is a yes. A UDP socket without a peer is a server, or a client
 * that asks many: unknown. Only where there is none, no is possible; but a sample is looked at up to a
 * second after it came, and by then a name server's answer has been read and its socket closed. So a no
 * needs the kernel's own count besides (kernel-counters.h): datagrams to no port, RSTs sent, packets that a firewall
 * dropped. Of what it has counted since the last batch, less what the source has seen of it otherwise, each
 * no uses up as much as the sample stands for: there are never more packets unsolicited than the
 * kernel has turned away.
 *
 * Unknown, too: what is not for this host's own addresses; where this host forwards or has a VRF, or is known
 * to serve the port without a socket of its own, since others may have it; and beyond the limit.
 */
#ifndef MIMAMORI_SENSOR_SOLICITED_H
#define MIMAMORI_SENSOR_SOLICITED_H

#include "core/addr.h"
#include "sensor/kernel-counters.h"
#include "sensor/packet.h"

#include <stdbool.h>
#include <stdint.h>

#define SOLICITED_PER_SECOND 256 /* questions to the kernel; of about 4 microseconds each */
#define SOLICITED_KEPT 16 /* answers */
#define SOLICITED_KEPT_MS 500 /* how long: a connection's end shows soon */
#define SOLICITED_COUNT_MS 100 /* between two readings of the kernel's counters, at the least */
#define SOLICITED_OLD_MS 5000 /* since a longer time ago, only rates are compared */

struct host;
struct listeners;

enum solicited_socket { SOLICITED_NONE, SOLICITED_SERVER, SOLICITED_PEER, SOLICITED_FAILED };

struct solicited {
	int fd; /* sock_diag, borrowed; -1: all is unknown */
	const struct host *host;
	const struct listeners *listeners;
	struct kernel_counter_files *files; /* NULL: there is never a no */
	struct kernel_counters base;
	uint64_t base_ns;
	bool counted; /* in this batch */
	uint64_t turned_away[2]; /* TCP, UDP: as many packets may still be said to be unsolicited */
	uint64_t seen[2]; /* since base: packets not bulk whose refusal moves the same counters */
	uint64_t second_ns; /* the limit's */
	uint32_t left;
	uint64_t asked, limited, failures; /* counters */
	struct {
		uint64_t t_ns;
		struct addr peer, self;
		uint16_t peer_port, port;
		uint8_t udp, socket;
	} kept[SOLICITED_KEPT];
};

/* All borrowed; files may be NULL. */
void solicited_init(struct solicited *s, const struct host *host, const struct listeners *listeners,
		    struct kernel_counter_files *files, uint64_t now_ns);

/* A batch begins. */
static inline void solicited_batch(struct solicited *s)
{
	s->counted = false;
}

/* Counts a packet that is judged by itself. */
static inline void solicited_see(struct solicited *s, const struct packet *p)
{
	if (p->proto == PACKET_UDP)
		s->seen[1] += p->dir == PACKET_DIR_IN;
	else if (p->proto == PACKET_TCP && (p->tcp_flags & TCP_RST))
		s->seen[0] += p->dir == PACKET_DIR_OUT && (p->tcp_flags & TCP_ACK);
}

/* The kind of socket that takes what peer sends to self. May ask the kernel. */
enum solicited_socket solicited_socket(struct solicited *s, const struct packet *p,
				       uint64_t now_ns);

/* Of a bulk packet; stands_for is set. */
enum packet_solicited solicited_ask(struct solicited *s, const struct packet *p, uint64_t now_ns);

#endif
