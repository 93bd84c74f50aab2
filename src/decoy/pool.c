/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum state { FREE, STARTING, SAVING, READY, TAKEN };

struct slot {
	struct pool *pool;
	struct machine *machine;
	enum state state;
	unsigned int tap_index; /* 0: none */
};

struct pool {
	uv_loop_t *loop;
	struct pool_options options;
	struct pool_handlers handlers;
	uv_timer_t timer;
	unsigned int retry_ms;
	bool must_save; /* there is no state to wake from */
	bool freed;
	struct slot slots[2 * POOL_MAX]; /* those that wait, and those taken */
};

static void fill(uv_timer_t *timer);

static void fill_after(struct pool *p, unsigned int ms)
{
	if (!p->freed)
		uv_timer_start(&p->timer, fill, ms, 0);
}

static void clear(struct slot *s)
{
	const struct pool_tap *tap = &s->pool->options.tap;
	unsigned int index = s->tap_index;

	machine_free(s->machine);
	s->machine = NULL;
	s->state = FREE;
	s->tap_index = 0;
	if (index && tap->gone)
		tap->gone(index, tap->arg);
}

static void trouble(struct pool *p, const char *why)
{
	fill_after(p, p->retry_ms);
	p->retry_ms = p->retry_ms * 2 < POOL_RETRY_MOST_MS ? p->retry_ms * 2 : POOL_RETRY_MOST_MS;
	p->handlers.on_trouble(why, p->handlers.arg);
}

static void on_ready(void *arg)
{
	struct slot *s = arg;
	struct pool *p = s->pool;
	int err;

	p->retry_ms = POOL_RETRY_FIRST_MS;
	if (!p->must_save) {
		s->state = READY;
		fill_after(p, 0);
		p->handlers.on_ready(p->handlers.arg);
		return;
	}
	s->state = SAVING;
	err = machine_save(s->machine, p->options.ready_path);
	if (err) {
		clear(s);
		trouble(p, strerror(-err));
	}
}

static void on_end(int err, const char *why, void *arg)
{
	struct slot *s = arg;
	struct pool *p = s->pool;

	switch (s->state) {
	case FREE:
		break;
	case SAVING:
		clear(s);
		p->must_save = err != 0;
		if (err)
			trouble(p, why);
		else
			fill_after(p, 0);
		break;
	case STARTING:
		clear(s);
		/* It is of other parts, or damaged, and is made anew. What failed otherwise, as on a busy host or a full
		 * disk, says nothing of it. */
		p->must_save |= err == -ESTALE;
		trouble(p, why);
		break;
	case READY:
		clear(s);
		trouble(p, why);
		break;
	case TAKEN:
		if (p->handlers.on_taken_end)
			p->handlers.on_taken_end(s->machine, err, why, p->handlers.arg);
		break;
	}
}

static unsigned int count_state(const struct pool *p, enum state state)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < 2 * POOL_MAX; i++)
		n += p->slots[i].state == state;
	return n;
}

static void start(struct pool *p, struct slot *s)
{
	const struct machine_handlers h = { .on_ready = on_ready, .on_end = on_end, .arg = s };
	struct machine_options o = p->options.machine;
	char error[CONF_ERROR_LEN];
	bool wakes;
	int err;

	o.tap_fd = o.ready_fd = -1;
	o.tap_index = 0;
	if (p->options.tap.open) {
		o.tap_fd = p->options.tap.open(&o.tap_index, p->options.tap.arg);
		if (o.tap_fd < 0) {
			snprintf(error, sizeof(error), "%s: it gets no TAP device: %s",
				 o.decoy->name, strerror(-o.tap_fd));
			trouble(p, error);
			return;
		}
		s->tap_index = o.tap_index;
	}
	if (o.decoy->profile.snapshot_works && !p->must_save) {
		o.ready_fd = open(p->options.ready_path, O_RDONLY | O_CLOEXEC);
		p->must_save = o.ready_fd < 0;
	}
	wakes = o.ready_fd >= 0;
	s->state = STARTING;
	s->machine = machine_start(p->loop, &o, &h, &err, error);
	if (o.ready_fd >= 0)
		close(o.ready_fd);
	if (!s->machine) {
		clear(s);
		/* It is no image, or a damaged one. */
		p->must_save |= wakes && err == -EINVAL;
		trouble(p, error);
	}
}

/* One at a time: a host that boots all at once boots none quickly. */
static void fill(uv_timer_t *timer)
{
	struct pool *p = timer->data;

	if (count_state(p, STARTING) || count_state(p, SAVING) ||
	    count_state(p, READY) >= p->options.count)
		return;
	for (unsigned int i = 0; i < 2 * POOL_MAX; i++)
		if (p->slots[i].state == FREE) {
			start(p, &p->slots[i]);
			return;
		}
}

struct pool *pool_new(uv_loop_t *loop, const struct pool_options *o, const struct pool_handlers *h)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->loop = loop;
	p->options = *o;
	p->handlers = *h;
	p->retry_ms = POOL_RETRY_FIRST_MS;
	if (p->options.count > POOL_MAX)
		p->options.count = POOL_MAX;
	for (unsigned int i = 0; i < 2 * POOL_MAX; i++)
		p->slots[i].pool = p;
	uv_timer_init(loop, &p->timer);
	p->timer.data = p;
	fill_after(p, 0);
	return p;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	p->freed = true;
	for (unsigned int i = 0; i < 2 * POOL_MAX; i++)
		clear(&p->slots[i]);
	uv_close((uv_handle_t *)&p->timer, on_closed);
}

unsigned int pool_ready(const struct pool *p)
{
	return count_state(p, READY);
}

struct machine *pool_take(struct pool *p)
{
	for (unsigned int i = 0; i < 2 * POOL_MAX; i++)
		if (p->slots[i].state == READY) {
			p->slots[i].state = TAKEN;
			fill_after(p, 0);
			return p->slots[i].machine;
		}
	return NULL;
}

void pool_give_back(struct pool *p, struct machine *m)
{
	for (unsigned int i = 0; i < 2 * POOL_MAX; i++)
		if (p->slots[i].machine == m)
			clear(&p->slots[i]);
	fill_after(p, 0);
}
