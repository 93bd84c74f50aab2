/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's own sockets, as the kernel lists them over sock_diag(7): no privilege needed.
 */
#ifndef MIMAMORI_SENSOR_SOCK_DUMP_H
#define MIMAMORI_SENSOR_SOCK_DUMP_H

#include "core/addr.h"
#include "core/cursor.h"

#include <linux/inet_diag.h>

/* One socket, of AF_INET or AF_INET6; attributes: for netlink_attr(). Borrowed for the call. */
typedef void sock_dump_fn(const struct inet_diag_msg *msg, struct cursor attributes, void *arg);

/*
 * Hands every socket that answers to `wanted` to fn. fd: of netlink_open(NETLINK_SOCK_DIAG, 0). 0; -EINTR when the
 * listing changed under it; or another error of netlink_dump(). On failure fn may have seen a part.
 */
int sock_dump(int fd, const struct inet_diag_req_v2 *wanted, sock_dump_fn *fn, void *arg);

/* bytes: idiag_src (this side) or idiag_dst of msg->id. */
struct addr sock_dump_addr(const struct inet_diag_msg *msg, const __be32 bytes[4]);

#endif
