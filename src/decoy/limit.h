/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time limits that do not run out while this host sleeps, or while we are stopped.
 *
 * Whoever wakes finds all timers run out, though nobody has had time to answer. So a limit is two halves, one after the
 * other: a sleep ends one of them at most, and half of the time is left.
 */
#ifndef MIMAMORI_DECOY_LIMIT_H
#define MIMAMORI_DECOY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* fn has to begin with limit_goes_on(). Stopped by uv_timer_stop(). */
static inline void limit_start(uv_timer_t *timer, uv_timer_cb fn, uint64_t ms)
{
	uv_timer_start(timer, fn, ms / 2, ms / 2);
}

/* Is this the end of the first half? Then there is nothing to do yet. */
static inline bool limit_goes_on(uv_timer_t *timer)
{
	if (!uv_timer_get_repeat(timer))
		return false;
	uv_timer_set_repeat(timer, 0); /* the second half has begun */
	return true;
}

#endif
