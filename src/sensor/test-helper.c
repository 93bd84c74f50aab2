/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The privileged helper, as a real process: event files, ends, and what it keeps of its rights. */
#include "sensor/helper-script-fixture.h"
#include "sensor/source.h"

static void test_event_file(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	int fd;

	snprintf(f->config.event_file, sizeof(f->config.event_file), "%s/sub/eve.json", f->dir);
	fixture_serve(f, sources);
	fd = call(f, HELPER_OPEN_EVENTS, 0);
	assert_true(fd >= 0);
	assert_return_code(stat(fixture_path(f, "sub"), &st), errno);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_return_code(fstat(fd, &st), errno);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_true(fcntl(fd, F_GETFL) & O_APPEND);
	assert_int_equal(read(fd, &st, 1), -1); /* for writing only */
	close(fd);

	/* A file that is not near its limit is not rotated away, however often one asks. */
	write_file(fixture_path(f, "sub/eve.json"), EVENT, 0640);
	close(call(f, HELPER_ROTATE_EVENTS, 0));
	assert_string_equal(read_file(fixture_path(f, "sub/eve.json")), EVENT);
	assert_int_equal(access(fixture_path(f, "sub/eve.json.1"), F_OK), -1);
}

static void test_torn_line_is_ended(void **state)
{
	struct fixture *f = *state;
	int fd;

	write_file(f->config.event_file, EVENT "{\"torn\":", 0640);
	fixture_serve(f, sources);
	fd = call(f, HELPER_OPEN_EVENTS, 0);
	assert_int_equal(write(fd, EVENT, strlen(EVENT)), strlen(EVENT));
	close(fd);
	close(call(f, HELPER_OPEN_EVENTS, 0));
	assert_string_equal(read_file(f->config.event_file), EVENT "{\"torn\":\n" EVENT);
}

static void test_event_file_traps(void **state)
{
	struct fixture *f = *state;
	const char *other = fixture_path(f, "other");

	write_file(other, "", 0600);
	fixture_serve(f, sources);
	assert_return_code(symlink(other, f->config.event_file), errno);
	assert_int_equal(call(f, HELPER_OPEN_EVENTS, 0), -ELOOP);
	unlink(f->config.event_file);
	assert_return_code(link(other, f->config.event_file), errno);
	assert_int_equal(call(f, HELPER_OPEN_EVENTS, 0), -EMLINK);
	unlink(f->config.event_file);
	assert_return_code(mkfifo(f->config.event_file, 0600), errno);
	assert_true(call(f, HELPER_OPEN_EVENTS, 0) < 0); /* and does not hang */
	unlink(f->config.event_file);
	assert_return_code(mkdir(f->config.event_file, 0700), errno);
	assert_int_equal(call(f, HELPER_OPEN_EVENTS, 0), -EISDIR);
}

static void test_missing_directories(void **state)
{
	struct fixture *f = *state;

	/* Only the last component is made: a path mistyped higher up is an error. */
	snprintf(f->config.event_file, sizeof(f->config.event_file), "%s/a/b/eve.json", f->dir);
	fixture_serve(f, sources);
	assert_int_equal(call(f, HELPER_OPEN_EVENTS, 0), -ENOENT);
}

static void test_engine_end(void **state)
{
	struct fixture *f = *state;

	fixture_serve(f, sources);
	assert_int_equal(fixture_end(f, 7), 7);
	fixture_serve(f, sources);
	assert_int_equal(fixture_end(f, FIXTURE_DIE + SIGSEGV), 128 + SIGSEGV);
	assert_int_equal(fixture_logged(f, "died of signal 11"), 1);
	/* The helper passes TERM on, and tells how the engine took it. */
	fixture_serve(f, sources);
	assert_int_equal(call(f, HELPER_OPEN_SOURCE, 1), -ENODEV); /* it is up */
	kill(f->helper, SIGTERM);
	assert_int_equal(fixture_wait(f), 128 + SIGTERM);
}

static void test_helper_end(void **state)
{
	struct fixture *f = *state;

	fixture_serve(f, sources);
	kill(f->helper, SIGKILL);
	FIXTURE_AWAIT(call(f, HELPER_OPEN_EVENTS, 0) == -EPIPE);
	assert_int_equal(fixture_wait(f), -SIGKILL);
}

/* With this source configured. */
static void expect_caps(struct fixture *f, const char *source, const char *caps)
{
	char path[64], line[64];
	int fd;

	strcpy(f->config.source, source);
	fixture_serve(f, NULL);
	fd = call(f, HELPER_OPEN_EVENTS, 0);
	assert_true(fd >= 0);
	close(fd);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)f->helper);
	snprintf(line, sizeof(line), "CapEff:\t%s\n", caps);
	assert_non_null(strstr(read_file(path), line));
	snprintf(line, sizeof(line), "CapBnd:\t%s\n", caps);
	assert_non_null(strstr(read_file(path), line));
	assert_int_equal(fixture_end(f, 0), 0);
}

/*
 * helper_serve() itself: it holds exactly CAP_NET_RAW (13) and CAP_KILL (5) when nothing is started, and where BPF may
 * be loaded CAP_NET_ADMIN (12), CAP_PERFMON (38) and CAP_BPF (39).
 */
static void test_capabilities(void **state)
{
	struct fixture *f = *state;

	if (getuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
	expect_caps(f, "packet", "0000000000002020");
	expect_caps(f, "auto", source_named("bpf") ? "000000c000003020" : "0000000000002020");

	/* With on_finding it can still change to its user, and kill it. */
	script(f, "echo $$ >$1/self; sleep 600");
	f->config.on_finding_timeout_ns = 300 * NS_PER_MS;
	fixture_serve(f, NULL);
	assert_int_equal(find(f), 0);
	FIXTURE_AWAIT(pid_in(f, "self") > 0 && !is_running(pid_in(f, "self")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_event_file),	     CASE(test_torn_line_is_ended),
		CASE(test_event_file_traps), CASE(test_missing_directories),
		CASE(test_engine_end),	     CASE(test_helper_end),
		CASE(test_capabilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
