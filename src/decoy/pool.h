/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machines of one decoy that stand ready, for visits.
 *
 * Theory of operation
 * -------------------
 * The pool keeps `count` ready machines, started one after the other in the background: woken from the
 * decoy's saved state where QEMU can save it (the state is made first if there is none, or if it is of other
 * parts), booted where it cannot: whoever takes one sees no difference. A machine that is taken is the taker's, and is
 * freed by him after the visit: none is used twice. One that ends while it waits is replaced.
 * After a failure the pool waits before it tries again, twice as long each time, and says why.
 */
#ifndef MIMAMORI_DECOY_POOL_H
#define MIMAMORI_DECOY_POOL_H

#include "decoy/machine.h"

#define POOL_MAX 32
#define POOL_RETRY_FIRST_MS 1000
#define POOL_RETRY_MOST_MS 60000

struct pool;

struct pool_options {
	struct machine_options machine; /* tap_fd and ready_fd are not looked at */
	char ready_path[PATH_MAX]; /* of the saved state */
	unsigned int count; /* 1..POOL_MAX */
};

struct pool_handlers {
	/* One more is ready. */
	void (*on_ready)(void *arg);
	/* Something failed, and is tried again. */
	void (*on_trouble)(const char *why, void *arg);
	/* A machine that was taken has ended. May be NULL. */
	void (*on_taken_end)(struct machine *m, int err, const char *why, void *arg);
	void *arg;
};

/* Begins to fill. NULL: no memory. */
struct pool *pool_new(uv_loop_t *loop, const struct pool_options *o, const struct pool_handlers *h);
/* Ends all that wait; those taken must have been given back. */
void pool_free(struct pool *p);

unsigned int pool_ready(const struct pool *p);
/* One that is ready, at once, or NULL while none is. It is to be given back. */
struct machine *pool_take(struct pool *p);
/* After the visit: it is ended, and forgotten. */
void pool_give_back(struct pool *p, struct machine *m);

#endif
