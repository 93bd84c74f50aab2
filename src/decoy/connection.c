/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/connection.h"

#include "decoy/telnet.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 100

/* One attempt to connect: a request lives until its handle is closed. */
struct link {
	uv_tcp_t tcp; /* the first: a handle of it is the link */
	uv_connect_t connect;
};

struct connection {
	uv_loop_t *loop;
	struct sockaddr_storage addr;
	struct connection_handlers handlers;
	struct link *link; /* NULL: between two attempts, or none */
	uv_timer_t retry;
	struct telnet telnet;
	unsigned int handles, try_ms;
	bool connecting, dialling, freed;
	char read_buf[TELNET_FEED_MAX];
};

struct write {
	uv_write_t req;
	char bytes[];
};

static void try_connect(uv_timer_t *timer);

static void on_handle_closed(uv_handle_t *handle)
{
	struct connection *c = handle->data;

	if (--c->handles == 0 && c->freed)
		free(c);
}

static void on_link_closed(uv_handle_t *handle)
{
	struct link *link = (struct link *)handle;

	on_handle_closed(handle);
	free(link);
}

static void close_link(struct connection *c)
{
	if (c->link)
		uv_close((uv_handle_t *)&c->link->tcp, on_link_closed);
	c->link = NULL;
}

static void on_written(uv_write_t *req, int status)
{
	(void)status; /* a connection that is gone is read as such */
	free(req);
}

static int send_raw(struct connection *c, const void *bytes, size_t n)
{
	struct write *w;
	uv_buf_t buf;
	int err;

	if (!c->link || c->connecting)
		return -ENOTCONN;
	w = malloc(sizeof(*w) + n);
	if (!w)
		return -ENOMEM;
	memcpy(w->bytes, bytes, n);
	buf = uv_buf_init(w->bytes, (unsigned int)n);
	err = uv_write(&w->req, (uv_stream_t *)&c->link->tcp, &buf, 1, on_written);
	if (err)
		free(w);
	return err;
}

static void on_bytes(struct connection *c, const uint8_t *bytes, size_t n)
{
	uint8_t text[TELNET_FEED_MAX + 1], replies[TELNET_REPLIES_MAX];
	size_t n_replies, len = telnet_feed(&c->telnet, bytes, n, text, replies, &n_replies);

	if (n_replies)
		send_raw(c, replies, n_replies);
	/* It speaks: on a busy host what is waited for may take long. */
	if (c->dialling)
		uv_timer_start(&c->retry, try_connect, CONNECTION_SPEAKS_MS, 0);
	c->handlers.on_text((const char *)text, len, c->handlers.arg);
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	struct connection *c = handle->data;

	(void)hint;
	*buf = uv_buf_init(c->read_buf, sizeof(c->read_buf));
}

static void retry_soon(struct connection *c)
{
	close_link(c);
	uv_timer_start(&c->retry, try_connect, RETRY_MS, 0);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct connection *c = stream->data;

	if (!c->link || (uv_stream_t *)&c->link->tcp != stream || n == 0)
		return;
	if (n > 0) {
		on_bytes(c, (const uint8_t *)buf->base, (size_t)n);
	} else if (c->dialling) {
		retry_soon(c);
	} else {
		close_link(c);
		c->handlers.on_closed(c->handlers.arg);
	}
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct connection *c = connect->handle->data;

	if (status == UV_ECANCELED || c->freed)
		return;
	c->connecting = false;
	if (status < 0 || uv_read_start(connect->handle, on_alloc, on_read) < 0)
		retry_soon(c);
}

static void try_connect(uv_timer_t *timer)
{
	struct connection *c = timer->data;
	struct link *link = calloc(1, sizeof(*link));

	close_link(c);
	c->handlers.on_attempt(c->handlers.arg);
	memset(&c->telnet, 0, sizeof(c->telnet));
	uv_timer_start(&c->retry, try_connect, c->try_ms, 0);
	if (c->try_ms < CONNECTION_TRY_MOST_MS)
		c->try_ms += c->try_ms / 2;
	if (!link || uv_tcp_init(c->loop, &link->tcp) < 0) {
		free(link);
		return;
	}
	link->tcp.data = c;
	c->link = link;
	c->handles++;
	c->connecting = true;
	uv_tcp_nodelay(&link->tcp, 1);
	if (uv_tcp_connect(&link->connect, &link->tcp, (struct sockaddr *)&c->addr, on_connected) <
	    0)
		close_link(c);
}

struct connection *connection_new(uv_loop_t *loop, const struct sockaddr *addr,
				  const struct connection_handlers *h)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->loop = loop;
	c->handlers = *h;
	memcpy(&c->addr, addr,
	       addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
					     sizeof(struct sockaddr_in));
	uv_timer_init(loop, &c->retry);
	c->retry.data = c;
	c->handles = 1;
	return c;
}

void connection_free(struct connection *c)
{
	if (!c || c->freed)
		return;
	c->freed = true;
	close_link(c);
	uv_close((uv_handle_t *)&c->retry, on_handle_closed);
}

void connection_dial(struct connection *c)
{
	c->dialling = true;
	c->try_ms = CONNECTION_TRY_MS;
	uv_timer_start(&c->retry, try_connect, 0, 0);
}

void connection_hold(struct connection *c)
{
	c->dialling = false;
	uv_timer_stop(&c->retry);
}

void connection_drop(struct connection *c)
{
	connection_hold(c);
	close_link(c);
}

int connection_send(struct connection *c, const char *bytes, size_t n)
{
	uint8_t escaped[2 * CONNECTION_SEND_MAX];

	if (n > CONNECTION_SEND_MAX)
		return -EMSGSIZE;
	return send_raw(c, escaped, telnet_escape((const uint8_t *)bytes, n, escaped));
}
