/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pool with real decoys: one that is woken from a saved state, and the two that cannot be saved. One that is ready
 * is handed out at once, takes a login at once, and goes on while another takes its place.
 * As root all is in a network namespace of the test's own, where machines sit on TAP devices as they will for a
 * honeypot: nobody gives them IPv4 addresses there, and the pool's logins go over IPv6. $MIMAMORI_DECOYS has
 * the decoys: what is not built is skipped.
 */
#include "decoy/pool.h"

#include "decoy/await.h"
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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_S 600 /* on a busy host */
#define CLOCK_OFF_S 2
#define HANDED_OUT_MS 200

static uv_loop_t loop;
static bool own_network;
static struct decoy decoy;
static char ready_path[] = "/tmp/test-pool.XXXXXX";

static struct pool *pool;
static struct seen {
	unsigned int readies, troubles, taken_ends;
	char why[VM_WHY_LEN];
} seen; /* by its handlers */

static void on_ready(void *arg)
{
	(void)arg;
	seen.readies++;
}

static void on_trouble(const char *why, void *arg)
{
	(void)arg;
	seen.troubles++;
	snprintf(seen.why, sizeof(seen.why), "%s", why);
	print_message("trouble: %s\n", why);
}

static void on_taken_end(struct machine *m, int err, const char *why, void *arg)
{
	(void)m;
	(void)err;
	(void)arg;
	seen.taken_ends++;
	print_message("ended: %s\n", why);
}

/* Judged between turns of the loop, of which one may run a timer twice: a number that counts on may pass a value by. */
#define RUN_UNTIL(condition)                                           \
	do {                                                           \
		uint64_t until = uv_hrtime() + WAIT_S * 1000000000ULL; \
		while (!(condition) && uv_hrtime() < until)            \
			uv_run(&loop, UV_RUN_ONCE);                    \
		assert_true(condition);                                \
	} while (0)

static bool load(const char *name)
{
	const char *images = getenv("MIMAMORI_DECOYS");
	char error[CONF_ERROR_LEN], path[PATH_MAX];

	return images && decoy_load(images, name, &decoy, error) == 0 &&
	       launch_find(decoy.profile.qemu, path) == 0;
}

static void need(const char *name)
{
	if (load(name))
		return;
	print_message("no %s, or no QEMU of it: make decoys\n", name);
	skip();
}

/* One that can be saved. */
static void need_any(void)
{
	if (!load("mipsel-instant") && !load("arm-instant") && !load("mipsel"))
		need("arm");
}

static void new_pool(unsigned int count, const struct pool_tap *tap)
{
	struct pool_options o = {
		.machine = { .decoy = &decoy, .run_dir = "/var/tmp", .forwards = { 23 } },
		.count = count
	};
	const struct pool_handlers h = { on_ready, on_trouble, on_taken_end, NULL };

	if (tap) {
		o.tap = *tap;
		memset(o.machine.forwards, 0, sizeof(o.machine.forwards));
	}
	snprintf(o.ready_path, sizeof(o.ready_path), "%s", ready_path);
	memset(&seen, 0, sizeof(seen));
	pool = pool_new(&loop, &o, &h);
	assert_non_null(pool);
}

static double since_s(uint64_t begun)
{
	return (double)(uv_hrtime() - begun) / 1e9;
}

/* A visit: root's shell on a machine that was taken. Sessions need a machine only to see its end. */
static struct session *visit(struct machine *m, struct await *a)
{
	uint64_t begun = uv_hrtime();
	struct sockaddr_storage addr;
	struct session *s;
	double prompt_s;

	*a = (struct await){ .loop = &loop };
	machine_address(m, &addr);
	s = await_connect(a, (struct sockaddr *)&addr, MACHINE_LOGIN_MS);
	prompt_s = since_s(begun);
	if (!s || await_login(a, s, "user", decoy.persona.user_password) < 0)
		fail_msg("%s", a->why);
	print_message("%s: once taken, login prompt after %.2f s, shell after %.2f s\n", decoy.name,
		      prompt_s, since_s(begun));
	if (await_su(a, s, decoy.persona.root_password) < 0)
		fail_msg("%s", a->why);
	return s;
}

static void say(struct await *a, struct session *s, const char *command, const char *expected)
{
	char text[64] = "";

	if (await_run(a, s, command, MACHINE_LOGIN_MS, text, sizeof(text)) < 0)
		fail_msg("%s", a->why);
	assert_string_equal(text, expected);
}

/* Booted or woken, of a board with a clock or without: it has this host's time. */
static void tell_time(struct await *a, struct session *s)
{
	time_t before = time(NULL);
	char text[64] = "";
	long long said;

	if (await_run(a, s, "date +%s", MACHINE_LOGIN_MS, text, sizeof(text)) < 0)
		fail_msg("%s", a->why);
	said = atoll(text);
	if (said < before - CLOCK_OFF_S || said > time(NULL) + CLOCK_OFF_S)
		fail_msg("%s: its clock says %lld, and it is %lld", decoy.name, said,
			 (long long)time(NULL));
}

/* At once. */
static struct machine *take(void)
{
	uint64_t begun = uv_hrtime();
	struct machine *m = pool_take(pool);
	double s = since_s(begun);

	assert_non_null(m);
	assert_true(s * 1000 <= HANDED_OUT_MS);
	print_message("%s: taken in %.6f s\n", decoy.name, s);
	assert_null(pool_take(pool));
	return m;
}

/* Takes one for a visit, which goes on while another takes its place; takes that as well, which knows nothing of it. */
static void take_two(void)
{
	struct sockaddr_storage first, second;
	struct machine *m = take(), *other;
	struct session *s, *s2;
	uint64_t begun = uv_hrtime();
	struct await a, a2;

	s = visit(m, &a);
	say(&a, s, "echo been >/root/here; id -u", "0\n");
	tell_time(&a, s);
	RUN_UNTIL(pool_ready(pool) == 1);
	print_message("%s: another was ready after %.1f s\n", decoy.name, since_s(begun));
	say(&a, s, "cat /root/here", "been\n");
	other = take();
	machine_address(m, &first);
	machine_address(other, &second);
	assert_memory_not_equal(&first, &second, sizeof(first));
	s2 = visit(other, &a2);
	say(&a2, s2, "cat /root/here 2>/dev/null; id -u", "0\n");
	/* One's death leaves the other as it is. */
	kill(vm_pid(machine_vm(m)), SIGKILL);
	RUN_UNTIL(seen.taken_ends == 1);
	say(&a2, s2, "echo alive", "alive\n");
	session_free(s);
	session_free(s2);
	pool_give_back(pool, m);
	pool_give_back(pool, other);
}

static void finish(void)
{
	pool_free(pool);
	pool = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_false(uv_loop_alive(&loop));
}

/* What a case that has failed leaves does not go on beside the next. */
static int clean_up(void **state)
{
	(void)state;
	pool_free(pool);
	pool = NULL;
	return 0;
}

static void test_saved(void **state)
{
	(void)state;
	need_any();
	/* There is no state yet: what stands there is no image, and is made anew. */
	new_pool(1, NULL);
	RUN_UNTIL(pool_ready(pool) == 1);
	assert_true(seen.troubles >= 1);
	assert_int_equal(access(ready_path, R_OK), 0);
	take_two();
	finish();
}

static struct taps {
	unsigned int opened, gone, last;
	bool refuse;
} taps;

static int open_tap(unsigned int *index, void *arg)
{
	int fd = taps.refuse ? -EMFILE : check_net_tap(index);

	(void)arg;
	if (fd >= 0) {
		taps.opened++;
		taps.last = *index;
	}
	return fd;
}

static void on_gone(unsigned int index, void *arg)
{
	(void)arg;
	assert_int_not_equal(index, 0);
	taps.gone++;
}

static const struct pool_tap tap = { open_tap, on_gone, NULL };

/* Each machine has a TAP device of its own; a state saved without is made anew. */
static void test_taps(void **state)
{
	struct machine *m;
	unsigned int index;

	(void)state;
	need_any();
	if (!own_network) {
		print_message("a network namespace needs root\n");
		skip();
	}
	taps = (struct taps){ .refuse = true };
	new_pool(1, &tap);
	RUN_UNTIL(seen.troubles >= 1);
	assert_non_null(strstr(seen.why, "no TAP device"));
	taps.refuse = false;
	RUN_UNTIL(pool_ready(pool) == 1);
	index = taps.last;
	take_two();
	assert_int_not_equal(index, taps.last);
	RUN_UNTIL(pool_ready(pool) == 1);
	m = pool_take(pool);
	assert_non_null(m);
	assert_int_equal(machine_tap_index(m), taps.last);
	print_message("%s: woken, its prompt came after %.2f s\n", decoy.name,
		      machine_prompt_ms(m) / 1000.0);
	pool_give_back(pool, m);
	assert_int_equal(taps.gone, taps.opened);
	finish();
	assert_int_equal(taps.gone, taps.opened);
}

/* Those that QEMU cannot save: booted, one after the other. */
static void test_spares(void **state)
{
	uint64_t begun = uv_hrtime();

	need(*state);
	assert_false(decoy.profile.snapshot_works);
	taps = (struct taps){ 0 };
	new_pool(1, own_network ? &tap : NULL);
	RUN_UNTIL(pool_ready(pool) == 1);
	print_message("%s: ready after %.1f s\n", decoy.name, since_s(begun));
	take_two();
	RUN_UNTIL(pool_ready(pool) == 1);
	assert_int_equal(seen.troubles, 0);
	finish();
	assert_int_equal(taps.gone, taps.opened);
}

static void test_trouble(void **state)
{
	(void)state;
	need_any();
	snprintf(decoy.profile.machine, sizeof(decoy.profile.machine), "toaster");
	new_pool(2, NULL);
	RUN_UNTIL(seen.troubles >= 3);
	assert_non_null(strstr(seen.why, "has no such machine"));
	assert_int_equal(pool_ready(pool), 0);
	assert_null(pool_take(pool));
	finish();
}

/* A test that takes too long is ended from outside. */
static void on_terminated(int signo)
{
	(void)signo;
	unlink(ready_path);
	_exit(1);
}

/* usage: test-decoy-pool [CASE]; it may have a * */
int main(int argc, char **argv)
{
	static char sparc[] = "sparc", sh4[] = "sh4";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_trouble, clean_up),
		{ "test_spares_sparc", test_spares, NULL, clean_up, sparc },
		{ "test_spares_sh4", test_spares, NULL, clean_up, sh4 },
		cmocka_unit_test_teardown(test_saved, clean_up),
		cmocka_unit_test_teardown(test_taps, clean_up),
	};
	int fd = mkstemp(ready_path), status;

	if (fd < 0 || write(fd, "none", 4) != 4)
		return 1;
	close(fd);
	own_network = check_net_leave();
	uv_loop_init(&loop);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_terminated);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	uv_loop_close(&loop);
	unlink(ready_path);
	return status;
}
