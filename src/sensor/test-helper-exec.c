/* SPDX-License-Identifier: GPL-2.0-or-later */
/* on_finding as the helper starts it: with what, as whom, how long, how many. */
#include "sensor/helper-script-fixture.h"

static void test_finding_reaches_script(void **state)
{
	struct fixture *f = *state;
	const char *out;

	script(f, "{ cat; env; echo \"args $#: $2\"; echo user `id -u`; pwd; ls -l /proc/$$/fd; "
		  "grep -h -e NoNewPrivs -e CapEff -e CapBnd /proc/$$/status; "
		  "} >$1/part; mv $1/part $1/out");
	setenv("SECRET", "leaks", 1);
	fixture_serve(f, sources);
	assert_int_equal(find(f), 0);
	FIXTURE_AWAIT(access(fixture_path(f, "out"), F_OK) == 0);
	out = read_file(fixture_path(f, "out"));
	assert_ptr_equal(strstr(out, EVENT), out);
	assert_non_null(strstr(out, "\nMIMAMORI_SEVERITY=2\n"));
	assert_non_null(strstr(out, "\nPATH=/"));
	assert_null(strstr(out, "SECRET"));
	assert_non_null(strstr(out, "args 2: two\n"));
	/* Nothing of the helper's is open in it: its socket, its signals, the log. */
	assert_non_null(strstr(out, " 0 -> /memfd:event"));
	assert_null(strstr(out, "socket:"));
	assert_null(strstr(out, "signalfd"));
	assert_null(strstr(out, "/log\n"));
	assert_non_null(strstr(out, "NoNewPrivs:\t1\n"));
	assert_non_null(strstr(out, "CapEff:\t0000000000000000\n"));
	if (getuid() == 0) {
		assert_non_null(strstr(out, "\nuser 65534\n/\n"));
		assert_non_null(strstr(out, "CapBnd:\t0000000000000000\n"));
	}
	assert_int_equal(fixture_end(f, 0), 0);
	assert_int_equal(fixture_logged(f, "on_finding"), 0);
}

static void test_timeout_kills_the_group(void **state)
{
	struct fixture *f = *state;

	script(f, "sleep 600 & echo $! >$1/child; echo $$ >$1/self; sleep 600");
	f->config.on_finding_timeout_ns = 400 * NS_PER_MS;
	fixture_serve(f, sources);
	assert_int_equal(find(f), 0);
	FIXTURE_AWAIT(pid_in(f, "self") > 0);
	FIXTURE_AWAIT(!is_running(pid_in(f, "self")) && !is_running(pid_in(f, "child")));
	FIXTURE_AWAIT(fixture_logged(f, "took too long") == 1);
}

static void test_end_takes_the_group_along(void **state)
{
	struct fixture *f = *state;

	script(f, "sleep 600 & echo $! >$1/child");
	fixture_serve(f, sources);
	assert_int_equal(find(f), 0);
	FIXTURE_AWAIT(pid_in(f, "child") > 0 && !is_running(pid_in(f, "child")));
}

static void test_killed_helper_takes_it_along(void **state)
{
	struct fixture *f = *state;

	script(f, "echo $$ >$1/self; exec sleep 600");
	fixture_serve(f, NULL); /* with its capabilities gone and its system calls filtered */
	assert_int_equal(find(f), 0);
	FIXTURE_AWAIT(pid_in(f, "self") > 0);
	assert_true(is_running(pid_in(f, "self")));
	assert_return_code(kill(f->helper, SIGKILL), errno);
	assert_int_equal(fixture_wait(f), -SIGKILL);
	FIXTURE_AWAIT(!is_running(pid_in(f, "self")));
}

static void test_at_once(void **state)
{
	static const uint8_t code = 0;
	struct fixture *f = *state;

	script(f, "while ! test -e $1/go; do echo >$1/waits; sleep 0.05; done; echo >$1/done");
	fixture_serve(f, sources);
	assert_int_equal(find(f), 0);
	assert_int_equal(find(f), 0);
	assert_int_equal(find(f), -EAGAIN);
	write_file(fixture_path(f, "go"), "", 0644);
	FIXTURE_AWAIT(access(fixture_path(f, "done"), F_OK) == 0 && find(f) == 0);
	/* Those that still saw "go" are about to end: one that waits again has to be among the last. */
	unlink(fixture_path(f, "go"));
	unlink(fixture_path(f, "waits"));
	FIXTURE_AWAIT(find(f) == -EAGAIN && access(fixture_path(f, "waits"), F_OK) == 0);
	unlink(fixture_path(f, "done"));
	/* The last ones may finish although the engine is gone. */
	assert_int_equal(write(f->engine_fd, &code, 1), 1);
	write_file(fixture_path(f, "go"), "", 0644);
	assert_int_equal(fixture_wait(f), 0);
	assert_int_equal(access(fixture_path(f, "done"), F_OK), 0);
}

/* An engine in wrong hands does not keep the minute's number: the helper does, with room for one
 * whose minutes begin at other times. */
static void test_forged_starts(void **state)
{
	struct fixture *f = *state;
	unsigned int i, refused = 0;

	script(f, "echo >>$1/starts");
	f->config.on_finding_per_minute = 3;
	f->config.on_finding_at_once = HELPER_EXEC_MAX_CHILDREN;
	fixture_serve(f, sources);
	for (i = 0; i < 6; i++)
		assert_int_equal(find(f), 0);
	for (i = 0; i < 50; i++) /* one more each 20 s */
		refused += find(f) == -EAGAIN;
	assert_true(refused >= 49);
	assert_int_equal(fixture_end(f, 0), 0);
	assert_in_range(strlen(read_file(fixture_path(f, "starts"))), 6, 7);
}

/* It comes back with time. */
static void test_credit(void **state)
{
	static const struct sensor_config config = {
		.on_finding = "/nonexistent",
		.on_finding_user = "nobody",
		.on_finding_at_once = 8,
		.on_finding_per_minute = 2,
	};
	char error[HELPER_ERROR_LEN];
	struct helper_exec x;
	int started = 0, i;

	(void)state;
	assert_int_equal(helper_exec_init(&x, &config), 0);
	for (i = 0; i < 8; i++)
		started += helper_exec_start(&x, 1, EVENT, strlen(EVENT), error) == 0;
	assert_int_equal(started, 4);
	x.credit_at_ns -= 61 * NS_PER_S;
	for (i = 0; i < 4; i++)
		started += helper_exec_start(&x, 1, EVENT, strlen(EVENT), error) == 0;
	assert_int_equal(started, 6);
	assert_non_null(strstr(error, "too often"));
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static void test_failures_are_logged(void **state)
{
	struct fixture *f = *state;

	script(f, "exit 3");
	fixture_serve(f, sources);
	assert_int_equal(find(f), 0);
	FIXTURE_AWAIT(fixture_logged(f, "ended with status 3") == 1);
	unlink(fixture_path(f, "script"));
	assert_int_equal(find(f), 0);
	FIXTURE_AWAIT(fixture_logged(f, "could not be started") == 1);
}

static void test_never_as_root(void **state)
{
	struct fixture *f = *state;

	if (getuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
	script(f, "echo >$1/done");
	strcpy(f->config.on_finding_user, "root");
	fixture_serve(f, sources);
	assert_int_equal(find(f), -EPERM);
	assert_int_equal(fixture_logged(f, "never runs as root"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_finding_reaches_script),
		CASE(test_timeout_kills_the_group),
		CASE(test_end_takes_the_group_along),
		CASE(test_at_once),
		CASE(test_failures_are_logged),
		CASE(test_never_as_root),
		CASE(test_forged_starts),
		CASE(test_credit),
		CASE(test_killed_helper_takes_it_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
