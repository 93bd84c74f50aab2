/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a process has waited for a processor: what a busy host adds to the time that it took.
 *
 * Source: /proc/PID/task/TID/schedstat, whose second number is ns that the thread was ready and did not run
 * (Documentation/scheduler/sched-stats.rst). A kernel without it says "0 0 0", or has no such file: then nobody
 * has waited. Threads that have ended are forgotten, with what they waited.
 */
#ifndef MIMAMORI_DECOY_RUN_DELAY_H
#define MIMAMORI_DECOY_RUN_DELAY_H

#include <stdint.h>
#include <sys/types.h>

#define RUN_DELAY_TASKS_MAX 1024 /* threads that are looked at: QEMU has 160 at most */

/* Of all threads of a process, and of the one that calls; ms. */
unsigned int run_delay_ms(pid_t pid);
unsigned int run_delay_own_ms(void);

/*
 * What something would have taken on a host with nothing else to do, ms: without the waiting. Two that waited at the same
 * time are subtracted twice, so it is no less than the processor time that was used.
 */
unsigned int run_delay_less(unsigned int wall_ms, unsigned int waited_ms, unsigned int cpu_ms);

/* For tests: of a folder like /proc/PID/task, and of a text like that of schedstat; ns. */
uint64_t run_delay_folder(const char *path);
uint64_t run_delay_text(const char *text);

#endif
