/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Telling a service manager how the service is (sd_notify(3) documents the protocol): a datagram of
 * "NAME=value" lines to the socket that $NOTIFY_SOCKET names. Without it all of this does nothing.
 */
#ifndef MIMAMORI_CORE_NOTIFY_H
#define MIMAMORI_CORE_NOTIFY_H

#include <stdint.h>

/* Opens the socket, a path or, with "@" in front, an abstract name. Descriptor and environment are this
 * process's alone. 0; -ENOENT: nobody asks; or -errno. */
int notify_open(void);
/* Best effort: a manager that does not listen holds nobody up. */
void notify_send(const char *state) __attribute__((nonnull));

/* How often at least the manager wants to hear of this process ($WATCHDOG_USEC), 0: not at all. */
uint64_t notify_watchdog_ns(void);

#endif
