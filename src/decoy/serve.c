/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/serve-internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct write {
	uv_write_t req;
	struct serve_client *client;
	bool last;
	char bytes[];
};

uint16_t serve_bound_port(const struct sockaddr_storage *a)
{
	return ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port :
						((const struct sockaddr_in *)a)->sin_port);
}

static void release(struct serve *s)
{
	if (s->handles == 0 && s->freed) {
		free(s->received);
		free(s);
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct serve *s = handle->data;

	s->handles--;
	release(s);
}

static void on_client_closed(uv_handle_t *handle)
{
	struct serve_client *c = (struct serve_client *)handle;
	struct serve *s = c->server;

	free(c);
	s->handles--;
	release(s);
}

void serve_close(struct serve_client *c)
{
	struct serve *s = c->server;
	struct serve_client **at = &s->clients;

	if (uv_is_closing((uv_handle_t *)&c->tcp))
		return;
	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
	s->n_clients--;
	if (s->control == c)
		s->control = NULL;
	if (s->giver == c)
		s->giver = NULL;
	for (struct serve_client *other = s->clients; other; other = other->next)
		if (other->data == c)
			other->data = NULL;
	uv_close((uv_handle_t *)&c->tcp, on_client_closed);
}

static void on_written(uv_write_t *req, int status)
{
	struct write *w = (struct write *)req;

	if (w->last && status == 0) {
		bool is_data = w->client->server->kind == SERVE_FTP &&
			       w->client->role != CLIENT_FTP;

		serve_close(w->client);
		if (is_data)
			serve_ftp_data_end(w->client->server);
	}
	free(w);
}

void serve_send(struct serve_client *c, const void *bytes, size_t n, bool last)
{
	bool is_deaf = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp) > SERVE_PENDING_MAX;
	struct write *w = is_deaf ? NULL : malloc(sizeof(*w) + n);
	uv_buf_t buf;

	if (!w) {
		serve_close(c);
		return;
	}
	c->is_ending = last;
	memcpy(w->bytes, bytes, n);
	w->client = c;
	w->last = last;
	buf = uv_buf_init(w->bytes, (unsigned int)n);
	if (uv_write(&w->req, (uv_stream_t *)&c->tcp, &buf, 1, on_written) < 0) {
		free(w);
		serve_close(c);
	}
}

void serve_say(struct serve_client *c, const char *fmt, ...)
{
	char text[SERVE_LINE];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n > 0 && n < (int)sizeof(text))
		serve_send(c, text, (size_t)n, false);
}

void serve_keep(struct serve *s, const void *bytes, size_t n)
{
	if (n > SERVE_MAX - s->n_received)
		n = SERVE_MAX - s->n_received;
	memcpy(s->received + s->n_received, bytes, n);
	s->n_received += n;
}

void serve_take_from(struct serve_client *c)
{
	serve_forget(c->server);
	c->server->giver = c;
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	struct serve_client *c = (struct serve_client *)handle;

	(void)hint;
	*buf = uv_buf_init(c->read_buf, sizeof(c->read_buf));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct serve_client *c = (struct serve_client *)stream;
	struct serve *s = c->server;

	if (n < 0) {
		bool took = s->giver == c && c->role == CLIENT_SINK;

		serve_close(c);
		if (took) {
			s->complete = true;
			if (s->kind == SERVE_FTP)
				serve_ftp_data_end(s);
		}
		return;
	}
	if (c->is_ending)
		return;
	switch (c->role) {
	case CLIENT_HTTP:
		serve_http_bytes(c, buf->base, (size_t)n);
		break;
	case CLIENT_FTP:
		serve_ftp_bytes(c, buf->base, (size_t)n);
		break;
	case CLIENT_SOURCE:
		break;
	case CLIENT_SINK:
		if (s->giver == c)
			serve_keep(s, buf->base, (size_t)n);
		break;
	}
}

struct serve_client *serve_accept(struct serve *s, uv_stream_t *listener, enum serve_role role)
{
	struct serve_client *c = calloc(1, sizeof(*c));

	if (!c || uv_tcp_init(s->loop, &c->tcp) < 0) {
		free(c);
		return NULL;
	}
	c->server = s;
	c->role = role;
	s->handles++;
	s->n_clients++;
	c->next = s->clients;
	s->clients = c;
	if (uv_accept(listener, (uv_stream_t *)&c->tcp) < 0 || s->n_clients > SERVE_CLIENTS_MAX ||
	    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) < 0) {
		serve_close(c);
		return NULL;
	}
	return c;
}

static void on_connection(uv_stream_t *listener, int status)
{
	static const enum serve_role roles[] = { CLIENT_HTTP, CLIENT_FTP, CLIENT_SINK,
						 CLIENT_SOURCE, CLIENT_SINK };
	struct serve *s = listener->data;
	struct serve_client *c = status < 0 ? NULL : serve_accept(s, listener, roles[s->kind]);

	if (!c)
		return;
	if (c->role == CLIENT_SINK)
		serve_take_from(c);
	if (c->role == CLIENT_SOURCE)
		serve_send(c, s->block, s->block_bytes, true);
	if (c->role == CLIENT_FTP)
		serve_ftp_greet(c);
}

int serve_listen(struct serve *s, uv_tcp_t *tcp, uv_connection_cb fn, uint16_t *port)
{
	struct sockaddr_storage bound;
	int len = sizeof(bound), err = uv_tcp_init(s->loop, tcp);

	if (err)
		return err;
	tcp->data = s;
	s->handles++;
	err = uv_tcp_bind(tcp, (struct sockaddr *)&s->addr, 0);
	if (!err)
		err = uv_listen((uv_stream_t *)tcp, 8, fn);
	if (!err)
		err = uv_tcp_getsockname(tcp, (struct sockaddr *)&bound, &len);
	if (!err)
		*port = serve_bound_port(&bound);
	return err;
}

struct serve *serve_new(uv_loop_t *loop, enum serve_kind kind, const struct sockaddr *addr,
			const uint8_t *block, size_t block_bytes, int *err)
{
	struct serve *s = calloc(1, sizeof(*s));

	*err = -ENOMEM;
	if (!s || !(s->received = malloc(SERVE_MAX))) {
		free(s);
		return NULL;
	}
	s->loop = loop;
	s->kind = kind;
	s->block = block;
	s->block_bytes = block_bytes;
	memcpy(&s->addr, addr,
	       addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
					     sizeof(struct sockaddr_in));
	if (addr->sa_family == AF_INET6)
		((struct sockaddr_in6 *)&s->addr)->sin6_port = 0;
	else
		((struct sockaddr_in *)&s->addr)->sin_port = 0;
	*err = kind == SERVE_TFTP ? serve_tftp_start(s) :
				    serve_listen(s, &s->listener, on_connection, &s->port);
	if (!*err)
		return s;
	serve_free(s);
	return NULL;
}

static void close_one(uv_handle_t *handle)
{
	if (handle->data && !uv_is_closing(handle))
		uv_close(handle, on_closed);
}

void serve_free(struct serve *s)
{
	if (!s)
		return;
	s->freed = true;
	while (s->clients)
		serve_close(s->clients);
	close_one((uv_handle_t *)&s->listener);
	close_one((uv_handle_t *)&s->data);
	close_one((uv_handle_t *)&s->udp);
	close_one((uv_handle_t *)&s->again);
	release(s);
}

uint16_t serve_port(const struct serve *s)
{
	return s->port;
}

const uint8_t *serve_received(const struct serve *s, size_t *n)
{
	*n = s->n_received;
	return s->complete ? s->received : NULL;
}

void serve_forget(struct serve *s)
{
	s->n_received = 0;
	s->complete = false;
}
