/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's requests: which the helper does, and which it refuses. */
#include "sensor/helper-script-fixture.h"

#include <sys/uio.h>

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
		{ 1, "{\r}\n", 4 },
		{ 1, "{\033[2J}\n", 7 },
		{ 1, "{\t}\n", 4 },
		{ 1, "{\n}\n", 4 },
		{ 1, "{}}", 3 },
		{ 1, "{}\n", 2 },
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_sources),
		CASE(test_only_configured_source),
		CASE(test_garbage_is_refused),
		CASE(test_bad_events_are_refused),
		CASE(test_descriptors_are_refused),
		CASE(test_too_much_garbage_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
