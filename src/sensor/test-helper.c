/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The privileged helper, as a real process: what it does when asked, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/clock.h"
#include "sensor/helper-fixture.h"
#include "sensor/source.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define EVENT "{\"event_type\":\"alert\"}\n"

static int open_good(const struct sensor_config *config, char *error, size_t error_len)
{
	(void)config, (void)error, (void)error_len;
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int open_bad(const struct sensor_config *config, char *error, size_t error_len)
{
	(void)config;
	snprintf(error, error_len, "no such luck");
	return -ENODEV;
}

static const struct source_ops good = { .name = "good", .open_privileged = open_good };
static const struct source_ops bad = { .name = "bad", .open_privileged = open_bad };
static const struct source_ops unprivileged = { .name = "unprivileged" };
static const struct source_ops *const sources[] = { &good, &bad, &unprivileged, NULL };

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));

	if (!f)
		return -1;
	alarm(50);
	fixture_open(f);
	strcpy(f->config.on_finding_user, "nobody");
	f->config.on_finding_at_once = 2;
	f->config.on_finding_timeout_ns = 20 * NS_PER_S;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_close(*state);
	free(*state);
	return 0;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_return_code(chmod(path, mode), errno);
}

/* The file's text in a static buffer; "" when there is none. */
static const char *read_file(const char *path)
{
	static char text[8192];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* A script of the given body, run as on_finding with one argument: the directory. */
static void script(struct fixture *f, const char *body)
{
	char text[1024];

	snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", body);
	write_file(fixture_path(f, "script"), text, 0755);
	snprintf(f->config.on_finding, sizeof(f->config.on_finding), "%s/script %s  two", f->dir,
		 f->dir);
}

static int call(struct fixture *f, enum helper_request request, uint32_t arg)
{
	char error[HELPER_ERROR_LEN] = "";
	int result = helper_call(&f->client, request, arg, NULL, 0, error);

	assert_int_equal(result < 0, error[0] != '\0');
	return result;
}

static int find(struct fixture *f)
{
	return helper_call(&f->client, HELPER_ON_FINDING, 2, EVENT, strlen(EVENT), NULL);
}

static void test_sources(void **state)
{
	struct fixture *f = *state;
	char error[HELPER_ERROR_LEN];
	int fd;

	fixture_serve(f, sources);
	fd = call(f, HELPER_OPEN_SOURCE, 0);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(helper_call(&f->client, HELPER_OPEN_SOURCE, 1, NULL, 0, error), -ENODEV);
	assert_string_equal(error, "no such luck");
	assert_int_equal(call(f, HELPER_OPEN_SOURCE, 2), -EPROTO);
	assert_int_equal(call(f, HELPER_OPEN_SOURCE, 3), -EPROTO);
	assert_int_equal(call(f, HELPER_OPEN_SOURCE, UINT32_MAX), -EPROTO);
	assert_int_equal(fixture_end(f, 0), 0);
}

static void test_only_configured_source(void **state)
{
	struct fixture *f = *state;

	strcpy(f->config.source, "bad");
	fixture_serve(f, sources);
	assert_int_equal(call(f, HELPER_OPEN_SOURCE, 0), -EPROTO);
	assert_int_equal(call(f, HELPER_OPEN_SOURCE, 1), -ENODEV);
}

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

static pid_t pid_in(const struct fixture *f, const char *name)
{
	return (pid_t)atoi(read_file(fixture_path(f, name)));
}

static bool is_running(pid_t pid)
{
	char path[64];
	const char *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	state = strchr(read_file(path), ')');
	return state && state[2] != 'Z'; /* a zombie waits for its reaper only */
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

/* A message of the test's own making; its reply's result. */
static int raw(struct fixture *f, const void *bytes, size_t len, int attach)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (void *)bytes, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct helper_message reply;
	char rest[512];
	struct iovec back[2] = { { &reply, sizeof(reply) }, { rest, sizeof(rest) } };

	if (attach >= 0) {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &attach, sizeof(int));
	}
	assert_int_equal(sendmsg(f->client.fd, &m, MSG_NOSIGNAL), len);
	assert_true(readv(f->client.fd, back, 2) >= (ssize_t)sizeof(reply));
	return (int)reply.arg;
}

static void test_garbage_is_refused(void **state)
{
	struct fixture *f = *state;
	struct {
		struct helper_message head;
		char rest[5000];
	} m = { .head = { HELPER_MAGIC, HELPER_OPEN_EVENTS, 0, 0 } };
	struct helper_message *h = &m.head;

	fixture_serve(f, sources);
	assert_int_equal(raw(f, "abc", 3, -1), -EPROTO);
	assert_int_equal(raw(f, h, sizeof(*h) - 1, -1), -EPROTO);
	assert_int_equal(raw(f, h, sizeof(*h) + 1, -1), -EPROTO); /* longer than it says */
	h->length = 5000;
	assert_int_equal(raw(f, &m, sizeof(m), -1), -EPROTO); /* oversized */
	assert_int_equal(raw(f, h, sizeof(*h), -1), -EPROTO); /* shorter than it says */
	h->length = UINT32_MAX;
	assert_int_equal(raw(f, h, sizeof(*h), -1), -EPROTO);
	h->length = 4;
	assert_int_equal(raw(f, h, sizeof(*h) + 4, -1), -EPROTO); /* a payload where none belongs */
	h->length = 0;
	h->magic++;
	assert_int_equal(raw(f, h, sizeof(*h), -1), -EPROTO);
	h->magic--;
	h->type = 0;
	assert_int_equal(raw(f, h, sizeof(*h), -1), -EPROTO);
	h->type = 99;
	assert_int_equal(raw(f, h, sizeof(*h), -1), -EPROTO);
	h->type = HELPER_OPEN_EVENTS;
	h->arg = 1;
	assert_int_equal(raw(f, h, sizeof(*h), -1), -EPROTO);
	FIXTURE_AWAIT(fixture_logged(f, "refused") == 11);
	/* After all that, an honest request is served still. */
	assert_true(call(f, HELPER_OPEN_EVENTS, 0) >= 0);
}

static void test_bad_events_are_refused(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint32_t severity;
		const char *text;
		size_t len;
	} cases[] = {
		{ 0, EVENT, sizeof(EVENT) - 1 },
		{ 5, EVENT, sizeof(EVENT) - 1 },
		{ 1, "{}", 2 },
		{ 1, "{}\n{}\n", 6 },
		{ 1, "[]\n", 3 },
		{ 1, "{\0}\n", 4 },
		{ 1, "", 0 },
	};
	size_t i;

	script(f, "echo >$1/done");
	fixture_serve(f, sources);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(helper_call(&f->client, HELPER_ON_FINDING, cases[i].severity,
					     cases[i].text, cases[i].len, NULL),
				 -EPROTO);
	fixture_end(f, 0);
	assert_int_equal(access(fixture_path(f, "done"), F_OK), -1);
}

static void test_descriptors_are_refused(void **state)
{
	struct fixture *f = *state;
	struct helper_message h = { HELPER_MAGIC, HELPER_OPEN_EVENTS, 0, 0 };
	int ends[2];
	char byte;

	fixture_serve(f, sources);
	assert_return_code(pipe(ends), errno);
	assert_int_equal(raw(f, &h, sizeof(h), ends[1]), -EPROTO);
	close(ends[1]);
	/* End of file: the helper has not kept its copy of the writing end. */
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
}

static void test_too_much_garbage_ends_it(void **state)
{
	struct fixture *f = *state;
	int i;

	fixture_serve(f, sources);
	for (i = 0; i <= HELPER_MAX_REFUSED; i++)
		assert_int_equal(raw(f, "x", 1, -1), -EPROTO);
	assert_true(fixture_wait(f) > 0);
	assert_int_equal(fixture_logged(f, "too many requests"), 1);
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

/* helper_serve() itself: it holds exactly CAP_NET_RAW (13) and CAP_KILL (5) when nothing is started. */
static void test_capabilities(void **state)
{
	struct fixture *f = *state;
	char path[64];
	int fd;

	if (getuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
	fixture_serve(f, NULL);
	fd = call(f, HELPER_OPEN_EVENTS, 0);
	assert_true(fd >= 0);
	close(fd);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)f->helper);
	assert_non_null(strstr(read_file(path), "CapEff:\t0000000000002020\n"));
	assert_non_null(strstr(read_file(path), "CapBnd:\t0000000000002020\n"));
	assert_int_equal(fixture_end(f, 0), 0);

	/* With on_finding it can still change to its user, and kill it. */
	script(f, "echo $$ >$1/self; sleep 600");
	f->config.on_finding_timeout_ns = 300 * NS_PER_MS;
	fixture_serve(f, NULL);
	assert_int_equal(find(f), 0);
	FIXTURE_AWAIT(pid_in(f, "self") > 0 && !is_running(pid_in(f, "self")));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_sources),
		CASE(test_only_configured_source),
		CASE(test_event_file),
		CASE(test_torn_line_is_ended),
		CASE(test_event_file_traps),
		CASE(test_missing_directories),
		CASE(test_finding_reaches_script),
		CASE(test_timeout_kills_the_group),
		CASE(test_end_takes_the_group_along),
		CASE(test_at_once),
		CASE(test_failures_are_logged),
		CASE(test_never_as_root),
		CASE(test_garbage_is_refused),
		CASE(test_bad_events_are_refused),
		CASE(test_descriptors_are_refused),
		CASE(test_too_much_garbage_ends_it),
		CASE(test_engine_end),
		CASE(test_helper_end),
		CASE(test_capabilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
