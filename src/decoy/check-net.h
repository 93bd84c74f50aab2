/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network of its own for `check`: a namespace with a loopback device, and a TAP device that a decoy's wire ends in.
 */
#ifndef MIMAMORI_DECOY_CHECK_NET_H
#define MIMAMORI_DECOY_CHECK_NET_H

#include <stdbool.h>
#include <stdint.h>

/* Leaves the host's network for good. False where that is not allowed (it needs root): then ports are the
 * host's, on 127.0.0.1, and the decoy cannot be reached over IPv6. */
bool check_net_leave(void);
/* A TAP device, up; the descriptor, owned, and the device's number, or -errno. */
int check_net_tap(unsigned int *index);

#endif
