/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pool with a real decoy: of one that is saved, and of the same as one that cannot be. One that is ready is handed
 * out at once, and another takes its place. On TAP devices of a network namespace of the test as well, as root. $MIMAMORI_DECOYS has the decoys; without, all is skipped.
 */
#include "decoy/pool.h"

#include "decoy/check-net.h"
#include "decoy/launch.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_S 300 /* on a busy host */
#define HANDED_OUT_MS 200

static uv_loop_t loop;
static struct decoy decoy;
static char ready_path[] = "/tmp/test-pool.XXXXXX";

struct seen {
	unsigned int readies, troubles, taken_ends;
	char why[VM_WHY_LEN];
};

static void on_ready(void *arg)
{
	((struct seen *)arg)->readies++;
}

static void on_trouble(const char *why, void *arg)
{
	struct seen *seen = arg;

	seen->troubles++;
	snprintf(seen->why, sizeof(seen->why), "%s", why);
}

static void on_taken_end(struct machine *m, int err, const char *why, void *arg)
{
	(void)m;
	(void)err;
	(void)why;
	((struct seen *)arg)->taken_ends++;
}

#define RUN_UNTIL(condition)                                           \
	do {                                                           \
		uint64_t until = uv_hrtime() + WAIT_S * 1000000000ULL; \
		while (!(condition) && uv_hrtime() < until)            \
			uv_run(&loop, UV_RUN_ONCE);                    \
		assert_true(condition);                                \
	} while (0)

static bool find_decoy(void)
{
	static const char *const names[] = { "mipsel-instant", "arm-instant", "mipsel", "arm" };
	const char *images = getenv("MIMAMORI_DECOYS");
	char error[CONF_ERROR_LEN], path[PATH_MAX];

	for (size_t i = 0; images && i < sizeof(names) / sizeof(names[0]); i++)
		if (decoy_load(images, names[i], &decoy, error) == 0 &&
		    launch_find(decoy.profile.qemu, path) == 0)
			return true;
	print_message("no decoys in %s: make decoys\n", images ? images : "$MIMAMORI_DECOYS");
	return false;
}

static struct pool *new_pool_on(struct seen *seen, unsigned int count, const struct pool_tap *tap)
{
	struct pool_options o = {
		.machine = { .decoy = &decoy, .run_dir = "/var/tmp", .forwards = { 23 } },
		.count = count
	};
	const struct pool_handlers h = { on_ready, on_trouble, on_taken_end, seen };
	struct pool *p;

	if (tap) {
		o.tap = *tap;
		memset(o.machine.forwards, 0, sizeof(o.machine.forwards));
	}
	snprintf(o.ready_path, sizeof(o.ready_path), "%s", ready_path);
	p = pool_new(&loop, &o, &h);
	assert_non_null(p);
	return p;
}

static struct pool *new_pool(struct seen *seen, unsigned int count)
{
	return new_pool_on(seen, count, NULL);
}

/* Takes one, and finds it alive; another takes its place. */
static void take_one(struct pool *p, struct seen *seen)
{
	uint64_t begun = uv_hrtime();
	struct machine *m = pool_take(p), *other;
	double ms = (double)(uv_hrtime() - begun) / 1e6;

	assert_non_null(m);
	assert_true(ms <= HANDED_OUT_MS);
	assert_int_equal(kill(vm_pid(machine_vm(m)), 0), 0);
	assert_null(pool_take(p));
	RUN_UNTIL(pool_ready(p) == 1);
	other = pool_take(p);
	assert_non_null(other);
	assert_ptr_not_equal(m, other);
	/* One's death leaves the other as it is. */
	kill(vm_pid(machine_vm(m)), SIGKILL);
	RUN_UNTIL(seen->taken_ends == 1);
	assert_int_equal(kill(vm_pid(machine_vm(other)), 0), 0);
	pool_give_back(p, m);
	pool_give_back(p, other);
}

static void finish(struct pool *p)
{
	pool_free(p);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_false(uv_loop_alive(&loop));
}

static void test_saved(void **state)
{
	struct seen seen = { 0 };
	struct pool *p;

	(void)state;
	if (!find_decoy())
		skip();
	/* There is no state yet: what stands there is no image, and is made anew. */
	p = new_pool(&seen, 1);
	RUN_UNTIL(pool_ready(p) == 1);
	assert_true(seen.troubles >= 1);
	assert_int_equal(access(ready_path, R_OK), 0);
	take_one(p, &seen);
	finish(p);
}

struct taps {
	unsigned int opened, gone, last;
	bool refuse;
};

static int open_tap(unsigned int *index, void *arg)
{
	struct taps *taps = arg;
	int fd = taps->refuse ? -EMFILE : check_net_tap(index);

	if (fd >= 0) {
		taps->opened++;
		taps->last = *index;
	}
	return fd;
}

static void on_gone(unsigned int index, void *arg)
{
	assert_int_not_equal(index, 0);
	((struct taps *)arg)->gone++;
}

/* Each machine has a TAP device of its own; a state saved without is made anew. */
static void test_taps(void **state)
{
	struct taps taps = { .refuse = true };
	const struct pool_tap tap = { open_tap, on_gone, &taps };
	struct seen seen = { 0 };
	struct machine *m;
	struct pool *p;

	(void)state;
	if (!find_decoy())
		skip();
	if (!check_net_leave()) {
		print_message("a network namespace needs root\n");
		skip();
	}
	p = new_pool_on(&seen, 1, &tap);
	RUN_UNTIL(seen.troubles == 1);
	assert_non_null(strstr(seen.why, "no TAP device"));
	taps.refuse = false;
	RUN_UNTIL(pool_ready(p) == 1);
	m = pool_take(p);
	assert_non_null(m);
	assert_int_equal(machine_tap_index(m), taps.last);
	RUN_UNTIL(pool_ready(p) == 1);
	assert_int_not_equal(machine_tap_index(m), taps.last);
	pool_give_back(p, m);
	assert_int_equal(taps.gone, taps.opened - 1);
	finish(p);
	assert_int_equal(taps.gone, taps.opened);
}

static void test_spares(void **state)
{
	struct seen seen = { 0 };
	struct pool *p;

	(void)state;
	if (!find_decoy())
		skip();
	decoy.profile.snapshot_works = false;
	p = new_pool(&seen, 1);
	RUN_UNTIL(pool_ready(p) == 1);
	take_one(p, &seen);
	RUN_UNTIL(pool_ready(p) == 1);
	finish(p);
}

static void test_trouble(void **state)
{
	struct seen seen = { 0 };
	struct pool *p;

	(void)state;
	if (!find_decoy())
		skip();
	snprintf(decoy.profile.machine, sizeof(decoy.profile.machine), "toaster");
	p = new_pool(&seen, 2);
	RUN_UNTIL(seen.troubles == 3);
	assert_non_null(strstr(seen.why, "has no such machine"));
	assert_int_equal(pool_ready(p), 0);
	assert_null(pool_take(p));
	finish(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_saved), cmocka_unit_test(test_spares),
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_taps), /* the last: it leaves the network */
	};
	int fd = mkstemp(ready_path), status;

	if (fd < 0 || write(fd, "none", 4) != 4)
		return 1;
	close(fd);
	uv_loop_init(&loop);
	signal(SIGPIPE, SIG_IGN);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	uv_loop_close(&loop);
	unlink(ready_path);
	return status;
}
