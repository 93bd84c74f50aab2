/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The session with a decoy that the test plays, and that is hostile. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* accept4 */
#endif

#include "decoy/await.h"
#include "decoy/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decoy/test-loop.h"

#define LIMIT_MS 20000

struct peer {
	uv_loop_t loop;
	int listener, fd; /* fd: the decoy's end of the connection; -1: none */
	struct sockaddr_in addr;
	struct session *session;
	unsigned int calls, heard;
	int err, status;
	size_t len;
	char text[64], why[256];
	bool free_in_callback;
};

static void on_done(const struct session_result *r, void *arg)
{
	struct peer *p = arg;

	p->calls++;
	p->err = r->err;
	p->status = r->status;
	p->len = r->len;
	snprintf(p->text, sizeof(p->text), "%s", r->err ? "" : r->text);
	snprintf(p->why, sizeof(p->why), "%s", r->err ? r->why : "");
	if (p->free_in_callback) {
		session_free(p->session);
		p->session = NULL;
	}
}

static void begin(struct peer *p)
{
	socklen_t len = sizeof(p->addr);

	memset(p, 0, sizeof(*p));
	p->fd = -1;
	p->addr.sin_family = AF_INET;
	p->addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(uv_loop_init(&p->loop), 0);
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&p->addr, len), 0);
	assert_int_equal(listen(p->listener, 8), 0);
	assert_int_equal(getsockname(p->listener, (struct sockaddr *)&p->addr, &len), 0);
	p->session = session_new(&p->loop, (struct sockaddr *)&p->addr);
	assert_non_null(p->session);
}

static void done(struct peer *p)
{
	session_free(p->session);
	if (p->fd >= 0)
		close(p->fd);
	close(p->listener);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&p->loop), 0);
}

static void accept_it(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	RUN_UNTIL(&p->loop,
		  (p->fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0);
}

/* A session that reads no more is a test that waits no longer. */
static void say_bytes(struct peer *p, const char *bytes, size_t n)
{
	unsigned int calls = p->calls;

	for (size_t at = 0; at < n && p->calls == calls;) {
		ssize_t w = send(p->fd, bytes + at, n - at, MSG_NOSIGNAL);

		at += w > 0 ? (size_t)w : 0;
		uv_run(&p->loop, UV_RUN_NOWAIT);
	}
}

/* The text, with the session's mark in place of each '@'. */
static const char *marked(const struct peer *p, const char *text)
{
	static char out[1024];
	size_t n = 0;

	for (; *text; text++)
		if (*text == '@')
			n += (size_t)snprintf(out + n, sizeof(out) - n, "%s",
					      session_mark(p->session));
		else
			out[n++] = *text;
	assert_true(n < sizeof(out));
	out[n] = '\0';
	return out;
}

static void say(struct peer *p, const char *text)
{
	text = marked(p, text);
	say_bytes(p, text, strlen(text));
}

/* Waits until the session has sent this. */
static void hear(struct peer *p, const char *expected)
{
	char got[8192];
	size_t len = 0;

	expected = marked(p, expected);
	RUN_UNTIL(&p->loop, ({
		ssize_t n = recv(p->fd, got + len, sizeof(got) - 1 - len, 0);

		len += n > 0 ? (size_t)n : 0;
		got[len] = '\0';
		strstr(got, expected) != NULL;
	}));
}

static void wait_for(struct peer *p, unsigned int calls)
{
	RUN_UNTIL(&p->loop, p->calls == calls);
}

static void at_the_prompt(struct peer *p)
{
	begin(p);
	session_connect(p->session, LIMIT_MS, on_done, p);
	accept_it(p);
	say(p, "\xff\xfd\x01\xff\xfb\x01 welcome\r\n host log");
	assert_int_equal(p->calls, 0);
	say(p, "in: ");
	wait_for(p, 1);
	assert_int_equal(p->err, 0);
}

static void in_a_shell(struct peer *p)
{
	at_the_prompt(p);
	session_login(p->session, "user", "secret", LIMIT_MS, on_done, p);
	hear(p, "user\r");
	say(p, "user\r\nPassword: ");
	hear(p, "secret\r");
	say(p, "\r\n~ $ ");
	hear(p, "echo @''-1; unset HISTFILE; echo @''-1-$?-\r");
	say(p, "echo @''-1; unset HISTFILE; echo @''-1-$?-\r\n@-1\r\n@-1-0-\r\n~ $ ");
	wait_for(p, 2);
	assert_int_equal(p->err, 0);
}

static void test_commands(void **state)
{
	struct peer p;

	(void)state;
	in_a_shell(&p);
	session_run(p.session, "false", LIMIT_MS, on_done, &p);
	hear(&p, "echo @''-2; false; echo @''-2-$?-\r");
	say(&p, "echo @''-2; false; echo @''-2-$?-\r\n@");
	say(&p, "-2\r\none\r\ntwo\r\n@-2-");
	assert_int_equal(p.calls, 2);
	say(&p, "17-");
	wait_for(&p, 3);
	assert_int_equal(p.status, 17);
	assert_string_equal(p.text, "one\ntwo\n");
	session_su(p.session, "rootpw", LIMIT_MS, on_done, &p);
	hear(&p, "su #@\r");
	say(&p, "Password: ");
	hear(&p, "rootpw\r");
	say(&p, "\r\n/root # \x1b[6n");
	hear(&p, "echo @''-3; unset HISTFILE; echo @''-3-$?-\r");
	say(&p, "@-3-0-\r\n");
	wait_for(&p, 4);
	assert_int_equal(p.err, 0);
	done(&p);
}

/* Asked again before it has answered: each answer is to a question that is not the newest any more. */
static void test_a_slow_shell(void **state)
{
	struct peer p;

	(void)state;
	at_the_prompt(&p);
	session_login(p.session, "user", "secret", LIMIT_MS, on_done, &p);
	hear(&p, "user\r");
	say(&p, "Password: ");
	hear(&p, "secret\r");
	say(&p, "\r\n~ $ ");
	hear(&p, "echo @''-1-$?-\r");
	hear(&p, "echo @''-2-$?-\r");
	say(&p, "@-1\r\n@-1");
	assert_int_equal(p.calls, 1);
	say(&p, "-0-\r\n");
	wait_for(&p, 2);
	assert_int_equal(p.err, 0);
	/* What comes late is no answer to another question. */
	session_run(p.session, "false", LIMIT_MS, on_done, &p);
	hear(&p, "echo @''-3-$?-\r");
	say(&p, "@-2\r\n@-2-0-\r\n");
	assert_int_equal(p.calls, 2);
	say(&p, "@-3\r\nx\r\n@-3-1-\r\n");
	wait_for(&p, 3);
	assert_int_equal(p.status, 1);
	assert_string_equal(p.text, "x\n");
	done(&p);
}

/* What it types has its mark in each line, so that a line with the mark takes all out of the histories. */
static void test_forgets(void **state)
{
	char mark[16];
	struct peer p;

	(void)state;
	in_a_shell(&p);
	snprintf(mark, sizeof(mark), "%s", session_mark(p.session));
	assert_int_equal(strlen(mark), 8);
	assert_int_equal(strspn(mark, "0123456789abcdef"), 8);
	session_forget(p.session, "sync", LIMIT_MS, on_done, &p);
	hear(&p,
	     "for f in /var/log/lastlog /var/log/wtmp; do [ -s $f ] && [ -w $f ] && : >$f; done; "
	     "for f in /root/.*sh_history /home/*/.*sh_history; do [ -w $f ] && grep -q @ $f && "
	     "sed -i /@/d $f && { [ -s $f ] || rm -f $f; }; done; sync; echo @''-2-$?-\r");
	say(&p, "@-2\r\n@-2-0-\r\n");
	wait_for(&p, 3);
	assert_int_equal(p.err, 0);
	done(&p);
	in_a_shell(&p);
	assert_string_not_equal(mark, session_mark(p.session));
	done(&p);
}

/* A status is three digits; a guest that says otherwise has not answered. */
static void test_statuses_that_are_none(void **state)
{
	static const char *const forged[] = { "@-2--1-", "@-2-+1-", "@-2-1234-", "@-2-\x80-",
					      "@-22-0-", "@-2- 1-", "@-2--" };
	struct peer p;

	(void)state;
	in_a_shell(&p);
	session_run(p.session, "x", LIMIT_MS, on_done, &p);
	hear(&p, "-2-$?-\r");
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
		say(&p, forged[i]);
	for (int i = 0; i < 20; i++)
		uv_run(&p.loop, UV_RUN_NOWAIT);
	assert_int_equal(p.calls, 2);
	done(&p);
}

static void test_refused(void **state)
{
	struct peer p;

	(void)state;
	at_the_prompt(&p);
	session_login(p.session, "user", "wrong", LIMIT_MS, on_done, &p);
	hear(&p, "user\r");
	say(&p, "Password: ");
	hear(&p, "wrong\r");
	say(&p, "\r\nLogin incorrect\r\n\x1b]0;evil\x07login: ");
	wait_for(&p, 2);
	assert_int_equal(p.err, -EACCES);
	assert_non_null(strstr(p.why, "refused"));
	for (const char *c = p.why; *c; c++)
		assert_in_range(*c, ' ', '~');
	done(&p);
}

static void test_says_too_much(void **state)
{
	char *flood = malloc(SESSION_TEXT_MAX + 4096);
	struct peer p;

	(void)state;
	assert_non_null(flood);
	memset(flood, 'x', SESSION_TEXT_MAX + 4096);
	in_a_shell(&p);
	session_run(p.session, "cat big", LIMIT_MS, on_done, &p);
	hear(&p, "-2-$?-\r");
	say_bytes(&p, flood, SESSION_TEXT_MAX + 4096);
	wait_for(&p, 3);
	assert_int_equal(p.err, -EMSGSIZE);
	done(&p);
	/* The same before it is logged in. */
	begin(&p);
	session_connect(p.session, LIMIT_MS, on_done, &p);
	accept_it(&p);
	say_bytes(&p, flood, SESSION_TEXT_MAX + 4096);
	wait_for(&p, 1);
	assert_int_equal(p.err, -EMSGSIZE);
	done(&p);
	free(flood);
}

static void test_time_limits(void **state)
{
	struct peer p;

	(void)state;
	begin(&p);
	session_connect(p.session, 60, on_done, &p);
	wait_for(&p, 1);
	assert_int_equal(p.err, -ETIMEDOUT);
	assert_non_null(strstr(p.why, "no login prompt"));
	done(&p);
	/* One that goes on talking gains nothing by it. */
	in_a_shell(&p);
	session_run(p.session, "x", 200, on_done, &p);
	while (p.calls == 2) {
		say(&p, "x");
		usleep(1000);
	}
	assert_int_equal(p.err, -ETIMEDOUT);
	assert_non_null(strstr(p.why, "a command was not done in time"));
	done(&p);
}

/* What QEMU's network takes before the guest is up comes to nothing: it is tried again. */
static void test_tries_again(void **state)
{
	struct peer p;

	(void)state;
	begin(&p);
	session_connect(p.session, LIMIT_MS, on_done, &p);
	accept_it(&p);
	accept_it(&p); /* the first was closed */
	accept_it(&p);
	say(&p, "login: ");
	wait_for(&p, 1);
	assert_int_equal(p.err, 0);
	done(&p);
}

static void test_closed(void **state)
{
	struct peer p;

	(void)state;
	in_a_shell(&p);
	session_run(p.session, "x", LIMIT_MS, on_done, &p);
	close(p.fd);
	p.fd = -1;
	wait_for(&p, 3);
	assert_int_equal(p.err, -ECONNRESET);
	/* Whatever is asked of it from now on fails, at once. */
	session_run(p.session, "y", LIMIT_MS, on_done, &p);
	wait_for(&p, 4);
	assert_int_equal(p.err, -ECONNRESET);
	done(&p);
}

static void test_cancelled(void **state)
{
	struct peer p;

	(void)state;
	in_a_shell(&p);
	session_run(p.session, "x", 50, on_done, &p);
	session_cancel(p.session);
	for (int i = 0; i < 100; i++, usleep(1000))
		uv_run(&p.loop, UV_RUN_NOWAIT);
	assert_int_equal(p.calls, 2);
	done(&p);
}

static void machine_ends(uv_timer_t *timer)
{
	struct await *a = timer->data;

	a->ended = true;
	a->err = -ECHILD;
}

/* The machine ends before its connections do: whoever waited has gone when they end. */
static void test_the_machine_ends_first(void **state)
{
	struct await a = { 0 };
	struct peer p;
	uv_timer_t timer;
	char byte;

	(void)state;
	in_a_shell(&p);
	a.loop = &p.loop;
	uv_timer_init(&p.loop, &timer);
	timer.data = &a;
	uv_timer_start(&timer, machine_ends, 10, 0);
	assert_int_equal(await_run(&a, p.session, "x", LIMIT_MS, NULL, 0), -ECHILD);
	hear(&p, "x; echo");
	say(&p, "@-2\r\n@-2-0-\r\n");
	RUN_UNTIL(&p.loop, recv(p.fd, &byte, 1, 0) != 1 && errno != EAGAIN);
	uv_close((uv_handle_t *)&timer, NULL);
	done(&p);
}

static void test_freed_by_its_callback(void **state)
{
	struct peer p;

	(void)state;
	in_a_shell(&p);
	p.free_in_callback = true;
	session_run(p.session, "x", LIMIT_MS, on_done, &p);
	hear(&p, "-2-$?-\r");
	say(&p, "@-2\r\n@-2-0-\r\nmore");
	wait_for(&p, 3);
	done(&p);
	/* And by the one that tells of a line that cannot be sent. */
	begin(&p);
	p.free_in_callback = true;
	session_login(p.session, "user", "x", LIMIT_MS, on_done, &p);
	wait_for(&p, 1);
	assert_int_equal(p.err, -ECONNRESET);
	done(&p);
}

static void test_lines_are_bounded(void **state)
{
	static char line[9000];
	struct peer p;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	in_a_shell(&p);
	session_run(p.session, line, LIMIT_MS, on_done, &p);
	wait_for(&p, 3);
	assert_int_equal(p.err, -EMSGSIZE);
	assert_int_equal(session_send(p.session, line, sizeof(line)), -EMSGSIZE);
	done(&p);
}

static void on_heard(const char *bytes, size_t n, void *arg)
{
	(void)bytes;
	((struct peer *)arg)->heard += (unsigned int)n;
}

static void test_listener(void **state)
{
	struct peer p;

	(void)state;
	in_a_shell(&p);
	session_listen(p.session, on_heard, &p);
	say(&p, "hello\xff\xfb\x01");
	RUN_UNTIL(&p.loop, p.heard == 5);
	assert_int_equal(session_send(p.session, "a\xff", 2), 0);
	hear(&p, "a\xff\xff");
	done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_a_slow_shell),
		cmocka_unit_test(test_forgets),
		cmocka_unit_test(test_statuses_that_are_none),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_says_too_much),
		cmocka_unit_test(test_time_limits),
		cmocka_unit_test(test_tries_again),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_the_machine_ends_first),
		cmocka_unit_test(test_freed_by_its_callback),
		cmocka_unit_test(test_lines_are_bounded),
		cmocka_unit_test(test_listener),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
