/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When a pool makes the saved state anew: once QEMU has refused it, and for no other reason. The machines are this
 * test's own, which end as it says.
 */
#include "decoy/pool.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define STARTS_MAX 8

struct machine {
	struct machine_handlers handlers;
	bool wakes;
};

static uv_loop_t loop;
static char ready_path[] = "/tmp/test-pool-state.XXXXXX";
static const struct decoy decoy = { .name = "none", .profile = { .snapshot_works = true } };
static struct machine *machine; /* the one that there is */
static unsigned int starts, troubles;
static bool woke[STARTS_MAX]; /* of each start: from the saved state? */
static int refuse; /* of machine_start() */

struct machine *machine_start(uv_loop_t *l, const struct machine_options *o,
			      const struct machine_handlers *h, int *err,
			      char error[CONF_ERROR_LEN])
{
	(void)l;
	assert_true(starts < STARTS_MAX);
	woke[starts++] = o->ready_fd >= 0;
	*err = refuse;
	if (refuse) {
		conf_refuse(error, "refused");
		return NULL;
	}
	assert_null(machine);
	machine = calloc(1, sizeof(*machine));
	assert_non_null(machine);
	machine->handlers = *h;
	machine->wakes = o->ready_fd >= 0;
	return machine;
}

void machine_free(struct machine *m)
{
	if (m)
		machine = NULL;
	free(m);
}

int machine_save(struct machine *m, const char *path)
{
	assert_false(m->wakes);
	assert_string_equal(path, ready_path);
	return 0;
}

static void on_ready(void *arg)
{
	(void)arg;
}

static void on_trouble(const char *why, void *arg)
{
	(void)why;
	(void)arg;
	troubles++;
}

static struct pool *new_pool(void)
{
	struct pool_options o = { .machine = { .decoy = &decoy }, .count = 1 };
	const struct pool_handlers h = { .on_ready = on_ready, .on_trouble = on_trouble };
	struct pool *p;

	starts = troubles = 0;
	refuse = 0;
	snprintf(o.ready_path, sizeof(o.ready_path), "%s", ready_path);
	p = pool_new(&loop, &o, &h);
	assert_non_null(p);
	return p;
}

static void await_start(unsigned int n)
{
	while (starts < n)
		uv_run(&loop, UV_RUN_ONCE);
}

static void finish(struct pool *p)
{
	pool_free(p);
	uv_run(&loop, UV_RUN_DEFAULT);
}

static void test_kept(void **state)
{
	static const int errors[] = { -ENOSPC, -ETIMEDOUT };
	struct pool *p;

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		p = new_pool();
		await_start(1);
		machine->handlers.on_end(errors[i], "it has ended", machine->handlers.arg);
		assert_int_equal(troubles, 1);
		await_start(2);
		assert_true(woke[0] && woke[1]);
		finish(p);
	}
	p = new_pool();
	refuse = -EMFILE;
	await_start(2);
	assert_true(woke[0] && woke[1]);
	finish(p);
}

static void test_made_anew(void **state)
{
	struct pool *p = new_pool();

	(void)state;
	await_start(1);
	machine->handlers.on_end(-ESTALE, "it is of other parts", machine->handlers.arg);
	await_start(2);
	/* What a boot dies of does not make the old state good. */
	machine->handlers.on_end(-ETIMEDOUT, "a busy host", machine->handlers.arg);
	await_start(3);
	machine->handlers.on_ready(machine->handlers.arg);
	machine->handlers.on_end(0, "saved", machine->handlers.arg);
	await_start(4);
	machine->handlers.on_ready(machine->handlers.arg);
	assert_int_equal(pool_ready(p), 1);
	assert_true(woke[0] && !woke[1] && !woke[2] && woke[3]);
	finish(p);
}

static void test_no_image(void **state)
{
	struct pool *p = new_pool();

	(void)state;
	refuse = -EINVAL;
	await_start(2);
	assert_true(woke[0] && !woke[1]);
	finish(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_made_anew),
		cmocka_unit_test(test_no_image),
	};
	int fd = mkstemp(ready_path), status;

	if (fd < 0)
		return 1;
	close(fd);
	uv_loop_init(&loop);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	uv_loop_close(&loop);
	unlink(ready_path);
	return status;
}
