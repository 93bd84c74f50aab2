/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decrementer of a PowerPC processor, which wakes with its machine only where it was saved late enough.
 *
 * Theory of operation
 * -------------------
 * QEMU saves neither the decrementer nor the host's timer behind it (7.2 to 10: target/ppc/machine.c, hw/ppc/ppc.c),
 * but for IBM's pSeries. What a woken guest finds instead is that of the new QEMU, which counts down from 2^32 - 1
 * since the start of the guest's time: on a G4 Macintosh, at 100 MHz, 42.9 s. A guest whose own time is less has no timer
 * until then: no sleep ends and nothing is sent again, while interrupts still let most logins through. With one that has
 * run longer before it was saved, loading its time finds the new decrementer run out: it interrupts at once, and Linux,
 * which keeps the time of its next event itself, sets it anew. So it is not saved sooner.
 */
#ifndef MIMAMORI_DECOY_PPC_TIMER_H
#define MIMAMORI_DECOY_PPC_TIMER_H

#include "decoy/profile.h"

#define PPC_TIMER_MAC99_MS 45000 /* 2^32 / 100 MHz */
#define PPC_TIMER_MS 262000 /* the same of the slowest, g3beige: 16.6 MHz */

/* How long a machine must have run before it is saved, ms; 0: of other processors. */
unsigned int ppc_timer_runs_ms(const struct profile *p);

#endif
