/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's own TCP connections, as the kernel lists them over sock_diag(7): no privilege needed.
 *
 * The kernel walks its whole table of sockets, which takes from microseconds to some milliseconds by its size:
 * for rare questions only.
 */
#ifndef MIMAMORI_SENSOR_CONNECTIONS_H
#define MIMAMORI_SENSOR_CONNECTIONS_H

#include "core/addr.h"

#include <stdbool.h>
#include <stdint.h>

struct tcp_connection {
	struct addr peer, self;
	uint16_t peer_port, port;
	/* Its SYN has been answered, and the answer not yet; else the handshake is finished. */
	bool half_open;
	uint8_t repeats; /* HALF_OPEN: of the SYN/ACK */
	uint64_t asked, served; /* bytes of the peer; bytes of this host that it acknowledged */
	uint32_t asked_ms, served_ms; /* since the latest of them, or since the connection began */
};

/* Borrowed for the call. */
typedef void connection_fn(const struct tcp_connection *c, void *arg);

/* Hands every connection to fn. fd: of netlink_open(NETLINK_SOCK_DIAG, 0). 0 or -errno: fn may have seen some. */
int connections_list(int fd, connection_fn *fn, void *arg);

#endif
