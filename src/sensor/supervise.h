/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A daemon without a service manager: the process that starts the sensor, and starts it again.
 *
 * Theory of operation
 * -------------------
 * In the background `run` is its own service manager. One more process, which reads nothing and waits
 * for its child's end alone, keeps root's full rights, so that helper and engine need not: after a
 * crash both are made anew from it. It starts them again after a pause that doubles, so many times an
 * hour; whoever can make the sensor crash that often should not be able to keep a processor busy. What the
 * sensor had learnt and its open findings are lost with each start, which is said.
 *
 * With --foreground, as under systemd, there is no such process: the manager does the same.
 */
#ifndef MIMAMORI_SENSOR_SUPERVISE_H
#define MIMAMORI_SENSOR_SUPERVISE_H

#include <stdint.h>

#define SUPERVISE_MAX_AN_HOUR 5
#define SUPERVISE_FIRST_PAUSE_MS 1000 /* then twice that, up to the hour's last */
#define SUPERVISE_HOUR_MS 3600000

struct supervise_policy {
	unsigned int max_an_hour; /* ≤ SUPERVISE_MAX_AN_HOUR */
	uint64_t first_pause_ms, hour_ms;
};

/*
 * Runs in a child: the exit status. Writes a byte to ready_fd, which it closes, once it is at work; a
 * child that ends before has failed to start.
 */
typedef int supervise_fn(int ready_fd, void *arg);

/*
 * Runs fn until it returns 0, TERM or INT ends it, it fails to start the first time, or it was started
 * too often. HUP, TERM and INT are passed on. ready is called once, when the first is at work. The
 * exit status.
 */
int supervise(const struct supervise_policy *policy, supervise_fn *fn, void (*ready)(void *arg),
	      void *arg);

#endif
