/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A decoy that says what it likes to who logs in: the first byte is how much of it comes at once, the
 * rest is said from the connection on. Whoever gets that far logs in, runs a command, becomes root, and
 * runs another.
 */
#include "decoy/session.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT_MS 1000000

struct run {
	struct session *session;
	unsigned int steps;
	bool failed;
};

static uv_loop_t loop;
static struct sockaddr_in addr = { .sin_family = AF_INET };

/* One for all inputs. */
static int listening(void)
{
	static int fd = -1;
	socklen_t len = sizeof(addr);

	if (fd >= 0)
		return fd;
	uv_loop_init(&loop);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) < 0 || listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		abort();
	return fd;
}

static void on_done(const struct session_result *r, void *arg)
{
	struct run *run = arg;

	if (r->err) {
		assert(r->err < 0 && r->why[0]);
		for (const char *c = r->why; *c; c++)
			assert(*c >= ' ' && *c <= '~');
		run->failed = true;
		return;
	}
	assert(r->status >= 0 && r->status <= 999);
	assert(r->len <= SESSION_TEXT_MAX);
	switch (run->steps++) {
	case 0:
		session_login(run->session, "user", "secret", LIMIT_MS, on_done, run);
		break;
	case 2:
		assert(!memchr(r->text, '\r', r->len));
		session_su(run->session, "secret", LIMIT_MS, on_done, run);
		break;
	default:
		session_run(run->session, "id", LIMIT_MS, on_done, run);
		break;
	}
}

static void turn(int times)
{
	while (times--)
		uv_run(&loop, UV_RUN_NOWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct linger at_once = { .l_onoff = 1 };
	size_t piece = size ? (size_t)data[0] + 1 : 0;
	int listener = listening(), fd;
	struct run run = { 0 };

	run.session = session_new(&loop, (struct sockaddr *)&addr);
	if (!run.session)
		return 0;
	session_connect(run.session, LIMIT_MS, on_done, &run);
	turn(1);
	fd = accept(listener, NULL, NULL);
	turn(1);
	for (size_t at = 1; at < size && !run.failed; at += piece) {
		size_t n = size - at < piece ? size - at : piece;

		if (send(fd, data + at, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		turn(1);
	}
	turn(2);
	/* Its number is free again at once. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	turn(1);
	session_free(run.session);
	while (uv_run(&loop, UV_RUN_NOWAIT))
		;
	return 0;
}
