/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sensor's event loop: epoll, signals by signalfd, and one timer that ticks only when armed.
 */
#ifndef MIMAMORI_CORE_LOOP_H
#define MIMAMORI_CORE_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define LOOP_MAX_FDS 16

typedef void loop_fn(uint32_t epoll_events, void *arg);
typedef void loop_signal_fn(int signo, void *arg);

struct loop_watch {
	int fd; /* -1: free */
	uint32_t generation; /* tells an event for the watch before from one for this */
	loop_fn *fn;
	void *arg;
};

struct loop {
	int epoll_fd, timer_fd, signal_fd;
	bool running;
	int exit_code;
	struct loop_watch watch[LOOP_MAX_FDS];
	loop_signal_fn *signal_fn;
	void *signal_arg;
	loop_fn *timer_fn;
	void *timer_arg;
	uint64_t armed_ns; /* boot time the timer is set to, 0: not armed */
};

/* 0 or -errno. Embedded: loop_done() releases it. */
int loop_init(struct loop *l);
void loop_done(struct loop *l);

/*
 * Watches fd, which stays the caller's and is to be deleted before it is closed. Level-triggered
 * unless epoll_events says otherwise. Callbacks may add and delete any watch, their own included:
 * what was pending for a deleted watch is not delivered. 0, -ENOSPC beyond LOOP_MAX_FDS, -EEXIST,
 * or -errno.
 */
int loop_add(struct loop *l, int fd, uint32_t epoll_events, loop_fn *fn, void *arg);
void loop_del(struct loop *l, int fd);

/*
 * Blocks these signals and delivers them to fn from the loop; a child that executes another program
 * has to unblock them. 0 or -errno.
 */
int loop_signals(struct loop *l, const sigset_t *set, loop_signal_fn *fn, void *arg);

/* fn runs when the timer set by loop_arm() expires. Call once. 0 or -errno. */
int loop_timer(struct loop *l, loop_fn *fn, void *arg);
/*
 * CLOCK_BOOTTIME, absolute; 0 disarms. Setting the time already set costs no system call. A time
 * that has passed expires at once. Expired, the timer is disarmed before fn runs.
 */
void loop_arm(struct loop *l, uint64_t boot_ns);

/* Runs until loop_stop(); returns its exit code, or -errno when epoll fails. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l, int exit_code);

#endif
