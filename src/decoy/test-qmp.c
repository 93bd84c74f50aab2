/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client against a peer that the test plays, and against a real QEMU without a machine. */
#include "decoy/qmp.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "decoy/test-loop.h"

#define GREETING "{\"QMP\": {\"version\": {\"qemu\": {}}, \"capabilities\": []}}\r\n"

struct peer {
	uv_loop_t loop;
	int fd; /* the peer's end, read without blocking */
	struct qmp *qmp;
	unsigned int readies, events, ends, replies;
	int end_err, reply_err[4];
	char event[32], why[160], reply[4][64];
	bool free_in_reply, free_in_end;
};

static void on_ready(void *arg)
{
	((struct peer *)arg)->readies++;
}

static void on_event(const char *name, const json_t *data, void *arg)
{
	struct peer *p = arg;

	p->events++;
	snprintf(p->event, sizeof(p->event), "%s/%lld", name,
		 (long long)json_integer_value(json_object_get(data, "n")));
}

static void on_end(int err, const char *why, void *arg)
{
	struct peer *p = arg;

	p->ends++;
	p->end_err = err;
	snprintf(p->why, sizeof(p->why), "%s", why);
	if (p->free_in_end) {
		qmp_free(p->qmp);
		p->qmp = NULL;
	}
}

static void on_reply(int err, const json_t *value, const char *why, void *arg)
{
	struct peer *p = arg;
	unsigned int i = p->replies++;

	assert_true(i < 4);
	p->reply_err[i] = err;
	if (err)
		snprintf(p->reply[i], sizeof(p->reply[i]), "%s", why);
	else
		snprintf(p->reply[i], sizeof(p->reply[i]), "%lld",
			 (long long)json_integer_value(json_object_get(value, "v")));
	if (p->free_in_reply) {
		qmp_free(p->qmp);
		p->qmp = NULL;
	}
}

static const struct qmp_handlers handlers = { on_ready, on_event, on_end, NULL };

static void begin(struct peer *p)
{
	struct qmp_handlers h = handlers;
	int fds[2];

	memset(p, 0, sizeof(*p));
	h.arg = p;
	assert_int_equal(uv_loop_init(&p->loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	p->fd = fds[1];
	p->qmp = qmp_new(&p->loop, fds[0], &h);
	assert_non_null(p->qmp);
}

static void done(struct peer *p)
{
	qmp_free(p->qmp);
	if (p->fd >= 0)
		close(p->fd);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&p->loop), 0);
}

static void say(struct peer *p, const char *text)
{
	assert_int_equal(write(p->fd, text, strlen(text)), strlen(text));
}

/* What the client sends, one line at least, within the time. */
static const char *hear(struct peer *p)
{
	static char text[4096];
	size_t len = 0;

	RUN_UNTIL(&p->loop, ({
		ssize_t n = recv(p->fd, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT);

		len += n > 0 ? (size_t)n : 0;
		text[len] = '\0';
		strchr(text, '\n') != NULL;
	}));
	return text;
}

static void negotiated(struct peer *p)
{
	begin(p);
	say(p, GREETING);
	assert_string_equal(hear(p), "{\"execute\":\"qmp_capabilities\",\"id\":1}\n");
	say(p, "{\"return\": {}, \"id\": 1}\r\n");
	RUN_UNTIL(&p->loop, p->readies == 1);
}

/* Nothing is sent before the greeting, nothing but the negotiation before that is answered. */
static void test_negotiates_first(void **state)
{
	struct peer p;
	char byte;

	(void)state;
	begin(&p);
	assert_int_equal(qmp_send(p.qmp, "query-status", NULL, 0, on_reply, &p), 0);
	for (int i = 0; i < 20; i++)
		uv_run(&p.loop, UV_RUN_NOWAIT);
	assert_int_equal(recv(p.fd, &byte, 1, MSG_DONTWAIT), -1);
	say(&p, GREETING);
	assert_string_equal(hear(&p), "{\"execute\":\"qmp_capabilities\",\"id\":1}\n");
	for (int i = 0; i < 20; i++)
		uv_run(&p.loop, UV_RUN_NOWAIT);
	assert_int_equal(recv(p.fd, &byte, 1, MSG_DONTWAIT), -1);
	say(&p, "{\"return\": {}, \"id\": 1}\r\n");
	assert_string_equal(hear(&p), "{\"execute\":\"query-status\",\"id\":2}\n");
	say(&p, "{\"return\": {\"v\": 5}, \"id\": 2}\r\n");
	RUN_UNTIL(&p.loop, p.replies == 1);
	assert_string_equal(p.reply[0], "5");
	done(&p);
}

static void test_one_at_a_time(void **state)
{
	struct peer p;
	char byte;

	(void)state;
	negotiated(&p);
	assert_int_equal(qmp_send(p.qmp, "a", json_pack("{s:i}", "x", 1), 0, on_reply, &p), 0);
	assert_int_equal(qmp_send(p.qmp, "b", NULL, 0, on_reply, &p), 0);
	assert_string_equal(hear(&p), "{\"execute\":\"a\",\"id\":2,\"arguments\":{\"x\":1}}\n");
	assert_int_equal(recv(p.fd, &byte, 1, MSG_DONTWAIT), -1);
	/* An event may come in between, in pieces. */
	say(&p, "{\"event\": \"STOP\", \"da");
	uv_run(&p.loop, UV_RUN_NOWAIT);
	say(&p,
	    "ta\": {\"n\": 3}}\r\n{\"error\": {\"class\": \"X\", \"desc\": \"no\"}, \"id\": 2}\r\n");
	assert_string_equal(hear(&p), "{\"execute\":\"b\",\"id\":3}\n");
	assert_string_equal(p.event, "STOP/3");
	assert_int_equal(p.reply_err[0], -EREMOTEIO);
	assert_string_equal(p.reply[0], "no");
	say(&p, "{\"return\": {\"v\": 9}, \"id\": 3}\r\n");
	RUN_UNTIL(&p.loop, p.replies == 2);
	assert_int_equal(p.reply_err[1], 0);
	assert_string_equal(p.reply[1], "9");
	assert_int_equal(p.ends, 0);
	done(&p);
}

static void expect_end(const char *said, int err)
{
	struct peer p;

	negotiated(&p);
	qmp_send(p.qmp, "a", NULL, 0, on_reply, &p);
	hear(&p);
	say(&p, said);
	RUN_UNTIL(&p.loop, p.ends == 1);
	assert_int_equal(p.end_err, err);
	assert_int_equal(p.replies, 1);
	assert_int_equal(p.reply_err[0], err);
	assert_int_equal(qmp_send(p.qmp, "b", NULL, 0, on_reply, &p), -ENOTCONN);
	done(&p);
}

static void test_hostile_peer(void **state)
{
	char *flood = malloc(70001);

	(void)state;
	expect_end("nonsense\n", -EPROTO);
	expect_end("{\"return\": {}, \"id\": 77}\n", -EPROTO); /* an answer to no question */
	expect_end("{\"return\": {}}\n", -EPROTO);
	expect_end(GREETING, -EPROTO);
	assert_non_null(flood);
	memset(flood, ' ', 70000);
	flood[70000] = '\0';
	expect_end(flood, -EMSGSIZE);
	free(flood);
}

static void test_hang(void **state)
{
	struct peer p;

	(void)state;
	negotiated(&p);
	qmp_send(p.qmp, "query-status", NULL, 50, on_reply, &p);
	qmp_send(p.qmp, "never-sent", NULL, 50, on_reply, &p);
	RUN_UNTIL(&p.loop, p.ends == 1);
	assert_int_equal(p.end_err, -ETIMEDOUT);
	assert_non_null(strstr(p.why, "\"query-status\" within 50 ms"));
	assert_int_equal(p.replies, 2);
	assert_int_equal(p.reply_err[1], -ETIMEDOUT);
	done(&p);
}

static void test_death(void **state)
{
	struct peer p;

	(void)state;
	negotiated(&p);
	p.free_in_end = true;
	close(p.fd);
	p.fd = -1;
	RUN_UNTIL(&p.loop, p.ends == 1);
	assert_int_equal(p.end_err, -ECONNRESET);
	done(&p);
}

static void test_freed_by_its_answer(void **state)
{
	struct peer p;

	(void)state;
	negotiated(&p);
	p.free_in_reply = true;
	qmp_send(p.qmp, "a", NULL, 0, on_reply, &p);
	qmp_send(p.qmp, "b", NULL, 0, on_reply, &p);
	hear(&p);
	say(&p, "{\"return\": {}, \"id\": 2}\n{\"event\": \"STOP\"}\n");
	RUN_UNTIL(&p.loop, p.replies == 1);
	done(&p);
	assert_int_equal(p.events, 0);
	assert_int_equal(p.ends, 0);
}

static void test_queue_is_bounded(void **state)
{
	struct peer p;
	int n = 0;

	(void)state;
	begin(&p);
	while (qmp_send(p.qmp, "a", NULL, 0, NULL, NULL) == 0)
		n++;
	assert_int_equal(n, QMP_QUEUE_MAX - 1);
	assert_int_equal(qmp_send(p.qmp, "a", NULL, 0, NULL, NULL), -ENOBUFS);
	say(&p, GREETING);
	hear(&p);
	assert_int_equal(p.ends, 0);
	done(&p);
}

extern char **environ;

/* A real one, that has no machine: greeting, negotiation, refusal, quit. */
static void test_real_qemu(void **state)
{
	char fd_text[64];
	const char *argv[] = { "qemu-system-arm",
			       "-nodefaults",
			       "-no-user-config",
			       "-display",
			       "none",
			       "-machine",
			       "none",
			       "-S",
			       "-chardev",
			       fd_text,
			       "-mon",
			       "chardev=q,mode=control",
			       NULL };
	struct peer p;
	pid_t pid;
	int twin;

	(void)state;
	begin(&p);
	twin = dup(p.fd); /* not close-on-exec */
	snprintf(fd_text, sizeof(fd_text), "socket,id=q,fd=%d", twin);
	if (posix_spawnp(&pid, argv[0], NULL, NULL, (char **)argv, environ) != 0) {
		close(twin);
		done(&p);
		print_message("qemu-system-arm is not installed\n");
		skip();
	}
	close(twin);
	close(p.fd);
	p.fd = -1;
	RUN_UNTIL(&p.loop, p.readies == 1);
	qmp_send(p.qmp, "query-status", NULL, 0, on_reply, &p);
	qmp_send(p.qmp, "no-such-command", NULL, 0, on_reply, &p);
	qmp_send(p.qmp, "quit", NULL, 0, on_reply, &p);
	RUN_UNTIL(&p.loop, p.ends == 1);
	assert_int_equal(p.reply_err[0], 0);
	assert_int_equal(p.reply_err[1], -EREMOTEIO);
	assert_int_equal(p.reply_err[2], 0);
	assert_int_equal(p.end_err, -ECONNRESET);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_negotiates_first),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_hostile_peer),
		cmocka_unit_test(test_hang),
		cmocka_unit_test(test_death),
		cmocka_unit_test(test_freed_by_its_answer),
		cmocka_unit_test(test_queue_is_bounded),
		cmocka_unit_test(test_real_qemu),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
