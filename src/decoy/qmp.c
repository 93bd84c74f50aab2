/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/qmp.h"

#include "decoy/qmp-message.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES 16384
#define WHY_LEN 160

struct command {
	char *text; /* owned: with its newline */
	char name[40];
	unsigned int timeout_ms;
	qmp_reply_fn *fn;
	void *arg;
};

struct qmp {
	uv_loop_t *loop;
	uv_pipe_t pipe;
	uv_timer_t timer;
	struct qmp_handlers handlers;
	struct command queue[QMP_QUEUE_MAX]; /* a ring; the one at `first` is at work when `sent` */
	unsigned int first, count;
	uint64_t id; /* of the command at work; each has the next number */
	uint64_t last_id; /* given to a command that waits */
	bool greeted, ready, sent, ended, freed;
	bool half; /* of the time limit is over */
	unsigned int handles; /* not yet closed */
	struct qmp_lines lines;
	char read_buf[READ_BYTES];
};

/* Of uv_write: the bytes have to live until it is done. */
struct write {
	uv_write_t req;
	char *text;
};

static void send_next(struct qmp *q);

static void on_closed(uv_handle_t *handle)
{
	struct qmp *q = handle->data;

	if (--q->handles == 0 && q->freed)
		free(q);
}

static void drop_command(struct command *c)
{
	free(c->text);
	memset(c, 0, sizeof(*c));
}

static void close_handles(struct qmp *q)
{
	if (!uv_is_closing((uv_handle_t *)&q->pipe))
		uv_close((uv_handle_t *)&q->pipe, on_closed);
	if (!uv_is_closing((uv_handle_t *)&q->timer))
		uv_close((uv_handle_t *)&q->timer, on_closed);
}

/* What waits is answered first. A callback may free the client. */
static void end(struct qmp *q, int err, const char *why)
{
	if (q->ended)
		return;
	q->ended = true;
	close_handles(q);
	while (q->count && !q->freed) {
		struct command c = q->queue[q->first];

		memset(&q->queue[q->first], 0, sizeof(c));
		q->first = (q->first + 1) % QMP_QUEUE_MAX;
		q->count--;
		if (c.fn)
			c.fn(err, NULL, why, c.arg);
		drop_command(&c);
	}
	if (!q->freed)
		q->handlers.on_end(err, why, q->handlers.arg);
}

static void on_timer(uv_timer_t *timer)
{
	struct qmp *q = timer->data;
	char why[WHY_LEN];

	/* A host that slept wakes with all its timers run out: nobody has had time to answer. */
	if (!q->half) {
		q->half = true;
		return;
	}
	if (q->sent)
		snprintf(why, sizeof(why), "QEMU has not answered \"%s\" within %u ms: it hangs",
			 q->queue[q->first].name, q->queue[q->first].timeout_ms);
	else
		snprintf(why, sizeof(why), "QEMU has not greeted within %d ms: it hangs",
			 QMP_GREETING_MS);
	end(q, -ETIMEDOUT, why);
}

static void start_limit(struct qmp *q, unsigned int ms)
{
	q->half = false;
	uv_timer_start(&q->timer, on_timer, ms / 2, ms / 2);
}

/* The command at work is done: its callback comes first, and may queue more, or free the client. */
static void finish(struct qmp *q, int err, const json_t *value, const char *why)
{
	struct command c = q->queue[q->first];

	uv_timer_stop(&q->timer);
	memset(&q->queue[q->first], 0, sizeof(c));
	q->first = (q->first + 1) % QMP_QUEUE_MAX;
	q->count--;
	q->sent = false;
	if (c.fn)
		c.fn(err, value, why, c.arg);
	drop_command(&c);
	if (!q->ended && !q->freed)
		send_next(q);
}

/* The command as a line, owned. */
static char *format_command(const char *command, json_t *args, uint64_t id)
{
	json_t *root = json_pack("{s:s, s:I}", "execute", command, "id", (json_int_t)id);
	char *line = NULL, *text = NULL;
	size_t len;

	if (root && (!args || json_object_set(root, "arguments", args) == 0))
		line = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	if (line && (text = malloc((len = strlen(line)) + 2))) {
		memcpy(text, line, len);
		memcpy(text + len, "\n", 2);
	}
	free(line);
	return text;
}

static void on_negotiated(int err, const json_t *value, const char *why, void *arg)
{
	struct qmp *q = arg;

	(void)value;
	if (q->ended)
		return;
	if (err) {
		end(q, err, why);
		return;
	}
	q->ready = true;
	if (q->handlers.on_ready)
		q->handlers.on_ready(q->handlers.arg);
}

/* Puts the negotiation in front of what waits. */
static int negotiate(struct qmp *q)
{
	struct command c = { .text = format_command("qmp_capabilities", NULL, 1),
			     .name = "qmp_capabilities",
			     .timeout_ms = QMP_GREETING_MS,
			     .fn = on_negotiated,
			     .arg = q };

	if (!c.text)
		return -ENOMEM;
	if (q->count == QMP_QUEUE_MAX) {
		free(c.text);
		return -ENOBUFS;
	}
	q->greeted = true;
	q->first = (q->first + QMP_QUEUE_MAX - 1) % QMP_QUEUE_MAX;
	q->queue[q->first] = c;
	q->count++;
	send_next(q);
	return 0;
}

static int on_line(const char *line, size_t len, void *arg)
{
	struct qmp *q = arg;
	struct qmp_message m;
	int err = qmp_message_parse(line, len, &m);

	if (err)
		return err;
	switch (m.kind) {
	case QMP_GREETING:
		err = q->greeted ? -EPROTO : negotiate(q);
		break;
	case QMP_RETURN:
	case QMP_ERROR:
		if (!q->sent || m.id != q->id)
			err = -EPROTO;
		else if (m.kind == QMP_RETURN)
			finish(q, 0, m.body, NULL);
		else
			finish(q, -EREMOTEIO, NULL, m.name);
		break;
	case QMP_EVENT:
		/* Before its greeting QEMU sends none. */
		if (!q->greeted)
			err = -EPROTO;
		else if (q->handlers.on_event)
			q->handlers.on_event(m.name, m.body, q->handlers.arg);
		break;
	}
	qmp_message_done(&m);
	return q->ended || q->freed ? -ECANCELED : err;
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	struct qmp *q = handle->data;

	(void)hint;
	*buf = uv_buf_init(q->read_buf, sizeof(q->read_buf));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct qmp *q = stream->data;
	int err;

	if (n == 0 || q->ended)
		return;
	if (n < 0) {
		end(q, -ECONNRESET, "QEMU has closed its control connection");
		return;
	}
	err = qmp_lines_feed(&q->lines, buf->base, (size_t)n, on_line, q);
	if (err == -ECANCELED)
		return;
	if (err == -ENOMEM)
		end(q, err, "no memory to read what QEMU says");
	else if (err == -EMSGSIZE)
		end(q, err, "QEMU says more in one message than it may");
	else if (err)
		end(q, -EPROTO, "QEMU says what is not its protocol");
}

static void on_written(uv_write_t *req, int status)
{
	struct write *w = (struct write *)req;

	/* A connection that cannot be written to is read as ended, too. */
	(void)status;
	free(w->text);
	free(w);
}

static void send_next(struct qmp *q)
{
	struct command *c = &q->queue[q->first];
	struct write *w;
	uv_buf_t buf;

	if (!q->count || q->sent || !q->greeted)
		return;
	w = calloc(1, sizeof(*w));
	if (!w) {
		end(q, -ENOMEM, "no memory to ask QEMU");
		return;
	}
	w->text = c->text;
	c->text = NULL;
	buf = uv_buf_init(w->text, (unsigned int)strlen(w->text));
	q->id++;
	q->sent = true;
	if (uv_write(&w->req, (uv_stream_t *)&q->pipe, &buf, 1, on_written) < 0) {
		free(w->text);
		free(w);
		end(q, -ECONNRESET, "QEMU's control connection cannot be written to");
		return;
	}
	start_limit(q, c->timeout_ms);
}

struct qmp *qmp_new(uv_loop_t *loop, int fd, const struct qmp_handlers *handlers)
{
	struct qmp *q = calloc(1, sizeof(*q));
	int err;

	if (!q) {
		close(fd);
		return NULL;
	}
	q->loop = loop;
	q->handlers = *handlers;
	uv_pipe_init(loop, &q->pipe, 0);
	uv_timer_init(loop, &q->timer);
	q->pipe.data = q->timer.data = q;
	q->handles = 2;
	q->last_id = 1; /* the negotiation's */
	err = uv_pipe_open(&q->pipe, fd);
	if (err)
		close(fd);
	else
		err = uv_read_start((uv_stream_t *)&q->pipe, on_alloc, on_read);
	if (err) {
		qmp_free(q);
		return NULL;
	}
	start_limit(q, QMP_GREETING_MS);
	return q;
}

void qmp_free(struct qmp *q)
{
	if (!q || q->freed)
		return;
	q->ended = q->freed = true;
	while (q->count) {
		drop_command(&q->queue[q->first]);
		q->first = (q->first + 1) % QMP_QUEUE_MAX;
		q->count--;
	}
	if (q->handles)
		close_handles(q);
	else
		free(q);
}

int qmp_send(struct qmp *q, const char *command, json_t *args, unsigned int timeout_ms,
	     qmp_reply_fn *fn, void *arg)
{
	struct command *c = &q->queue[(q->first + q->count) % QMP_QUEUE_MAX];
	int err = 0;

	if (q->ended)
		err = -ENOTCONN;
	else if (q->count >= QMP_QUEUE_MAX - 1) /* one is kept for the negotiation */
		err = -ENOBUFS;
	else if (!(c->text = format_command(command, args, q->last_id + 1)))
		err = -ENOMEM;
	json_decref(args);
	if (err)
		return err;
	q->last_id++;
	snprintf(c->name, sizeof(c->name), "%s", command);
	c->timeout_ms = timeout_ms ? timeout_ms : QMP_TIMEOUT_MS;
	c->fn = fn;
	c->arg = arg;
	q->count++;
	if (q->ready)
		send_next(q);
	return 0;
}
