/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink (netlink(7)) as far as the sensor needs it: dumps and notices over a plain socket.
 *
 * No library: the device binary is linked statically. All lengths are checked before use, although
 * they are the kernel's own. One receive buffer serves the whole process, which has one thread.
 */
#ifndef MIMAMORI_SENSOR_NETLINK_H
#define MIMAMORI_SENSOR_NETLINK_H

#include "core/cursor.h"

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel fills a reply to a dump with up to as much as is asked for, 32768 at most; a smaller buffer takes more
 * calls. This much holds any message that is made without asking (NLMSG_GOODSIZE, <linux/netlink.h>). */
#define NETLINK_BUFFER_BYTES 8192
#define NETLINK_TIMEOUT_MS 1000 /* longest wait for the next part of a dump */
#define NETLINK_MAX_READS \
	256 /* datagrams taken in one call: a flood of notices cannot hold it up */

/* One message; payload is what follows its header. Borrowed for the call. */
typedef void netlink_fn(const struct nlmsghdr *header, struct cursor payload, void *arg);

/* A non-blocking socket that joins the legacy multicast groups of this mask. Its fd or -errno. */
int netlink_open(int protocol, uint32_t groups);

/*
 * Sends request (its length and type set; flags and sequence number are filled in) and hands every
 * message of the reply to fn; notices that arrive meanwhile too, in their order. 0; -EINTR when
 * the kernel says that the listing changed under it; -ENOBUFS when notices were lost; the kernel's own
 * error; -ETIMEDOUT; -EBADMSG. On failure fn may have seen a part.
 */
int netlink_dump(int fd, struct nlmsghdr *request, netlink_fn *fn, void *arg);

/*
 * Likewise for a question that one message answers at most. The kernel does its work before sending returns, so
 * this does not wait. -ENOENT: it knows none.
 */
int netlink_ask(int fd, struct nlmsghdr *request, netlink_fn *fn, void *arg);

/* Likewise for an order, with flags such as NLM_F_CREATE: 0 when it was obeyed. */
int netlink_order(int fd, struct nlmsghdr *request, uint16_t flags, netlink_fn *fn, void *arg);

/* Hands all notices that wait to fn. 0, -ENOBUFS when some were lost, or another -errno. */
int netlink_notices(int fd, netlink_fn *fn, void *arg);

/* Takes the next attribute (struct nlattr) off c. False at the end, or where lengths are wrong. */
bool netlink_attr(struct cursor *c, uint16_t *type, struct cursor *value);

/* Attribute values, host order. False unless exactly that long. */
bool netlink_u32(struct cursor value, uint32_t *out);
/* Is the value this text, with or without a NUL at its end? */
bool netlink_text_is(struct cursor value, const char *text);

#endif
