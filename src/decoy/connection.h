/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A telnet connection to a decoy: what a session speaks over.
 *
 * Theory of operation
 * -------------------
 * QEMU's forwarding takes connections before the guest is up; these come to nothing, and the guest hears late of
 * them. So a connection is dialled again and again: one that ends, or in which nothing is said for a while, is given up
 * for another, until the caller holds on to the one that shows him what he waits for. From then on its end
 * is an end. Telnet's options are answered here (telnet.h); text goes on as it comes, hostile, for the caller to limit.
 */
#ifndef MIMAMORI_DECOY_CONNECTION_H
#define MIMAMORI_DECOY_CONNECTION_H

#include <stddef.h>
#include <sys/socket.h>
#include <uv.h>

#define CONNECTION_TRY_MS \
	1500 /* of the first attempt to connect; each next one has half as much again, */
#define CONNECTION_TRY_MOST_MS 6000 /* up to this */
#define CONNECTION_SPEAKS_MS 15000 /* of one in which the other side has said something */
#define CONNECTION_SEND_MAX 8192 /* bytes of one call */

struct connection;

struct connection_handlers {
	/* Another attempt begins: what an earlier one has said counts no more. */
	void (*on_attempt)(void *arg);
	void (*on_text)(const char *text, size_t n, void *arg); /* borrowed */
	/* The other side has closed the one that was held. */
	void (*on_closed)(void *arg);
	void *arg;
};

/* addr: copied. NULL: no memory. */
struct connection *connection_new(uv_loop_t *loop, const struct sockaddr *addr,
				  const struct connection_handlers *h);
/* From any callback; none comes after. Closes it. */
void connection_free(struct connection *c);

/* Begins, at the loop's next turn, and goes on until it is held or dropped. */
void connection_dial(struct connection *c);
/* This one it is. */
void connection_hold(struct connection *c);
/* Closes it, and dials no more. */
void connection_drop(struct connection *c);
/* Sends it, escaped for telnet. 0, -ENOTCONN, -EMSGSIZE, -ENOMEM or libuv's. */
int connection_send(struct connection *c, const char *bytes, size_t n);

#endif
