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
 * Whoever wants them on TAP devices gives one for each start, in the network namespace that he is in, up and with IPv6:
 * the logins go to the decoy's link-local address, so that nobody has to give it another to be ready. A state that was
 * saved with QEMU's own network does not wake on one, and the other way round (vm_identity()): each kind wants a file
 * of its own for the state.
 * After a failure the pool waits before it tries again, twice as long each time, and says why.
 *
 * Its limit: a machine's disk is made, and a saved state written, within a turn of the loop, which serves nobody
 * meanwhile: 20 ms for an empty one (qemu-img), 20 to 60 ms for a copy of 50 MB where the file system does not share blocks; on
 * a host with a slow disk much longer, with qemu-img that hangs a minute. What must not wait is in a process of its own.
 */
#ifndef MIMAMORI_DECOY_POOL_H
#define MIMAMORI_DECOY_POOL_H

#include "decoy/machine.h"

#define POOL_MAX 32
#define POOL_RETRY_FIRST_MS 1000
#define POOL_RETRY_MOST_MS 60000

struct pool;

struct pool_tap {
	/* A new TAP device for one machine: its descriptor, which is the pool's from then on, and its index, not 0. Or
	 * -errno: it is tried again later. */
	int (*open)(unsigned int *index, void *arg);
	/* Its machine is gone. May be NULL. */
	void (*gone)(unsigned int index, void *arg);
	void *arg;
};

struct pool_options {
	struct machine_options machine; /* tap_fd, tap_index and ready_fd are not looked at */
	struct pool_tap tap; /* open NULL: QEMU's own network */
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
/* One that is ready, at once, or NULL while none is. It is to be given back. On which TAP device it is:
 * machine_tap_index(). */
struct machine *pool_take(struct pool *p);
/* After the visit: it is ended, and forgotten. */
void pool_give_back(struct pool *p, struct machine *m);

#endif
