/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's own network, as its monitor's "info usernet" tells it (there is no other way to learn which ports the
 * kernel chose).
 */
#ifndef MIMAMORI_DECOY_USERNET_H
#define MIMAMORI_DECOY_USERNET_H

#include <stdint.h>

/* The host's port that is forwarded to the guest's TCP port, or 0. The text is hostile. */
uint16_t usernet_port(const char *text, uint16_t guest_port);

#endif
