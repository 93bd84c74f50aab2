/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP (RFC 9112) and FTP (RFC 959, 2428), as far as wget, ftpget and ftpput go. */
#include "decoy/serve-internal.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Takes a line's bytes; *n is what is left of them. True once a line is whole, without its end. A line
 * that is too long closes the connection. */
static bool take_line(struct serve_client *c, const char **bytes, size_t *n)
{
	while (*n) {
		char byte = *(*bytes)++;

		--*n;
		if (byte == '\n') {
			if (c->used && c->line[c->used - 1] == '\r')
				c->used--;
			c->line[c->used] = '\0';
			c->used = 0;
			return true;
		}
		if (c->used + 1 >= sizeof(c->line)) {
			serve_close(c);
			return false;
		}
		c->line[c->used++] = byte;
	}
	return false;
}

/* The empty line that ends a request's head. */
static void on_head_end(struct serve_client *c)
{
	if (c->expects) {
		serve_take_from(c);
		c->in_body = true;
		return;
	}
	serve_say(c,
		  "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\nContent-Type: "
		  "application/octet-stream\r\nConnection: close\r\n\r\n",
		  c->server->block_bytes);
	serve_send(c, c->server->block, c->server->block_bytes, true);
}

static void on_http_line(struct serve_client *c)
{
	if (strncmp(c->line, "POST ", 5) == 0)
		c->expects = true;
	else if (strncasecmp(c->line, "content-length:", 15) == 0)
		c->body_left = strtoul(c->line + 15, NULL, 10);
	else if (!c->line[0])
		on_head_end(c);
}

static void on_body(struct serve_client *c, const char *bytes, size_t n)
{
	static const char ok[] =
		"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

	if (c->server->giver != c) {
		serve_close(c); /* another has begun */
		return;
	}
	if (n > c->body_left)
		n = c->body_left;
	serve_keep(c->server, bytes, n);
	c->body_left -= n;
	if (c->body_left == 0) {
		c->server->complete = true;
		serve_send(c, ok, sizeof(ok) - 1, true);
	}
}

static bool is_done(const struct serve_client *c)
{
	return c->is_ending || uv_is_closing((const uv_handle_t *)&c->tcp);
}

void serve_http_bytes(struct serve_client *c, const char *bytes, size_t n)
{
	while (n && !is_done(c)) {
		if (c->in_body) {
			on_body(c, bytes, n);
			return;
		}
		if (take_line(c, &bytes, &n))
			on_http_line(c);
	}
}

void serve_ftp_greet(struct serve_client *c)
{
	serve_say(c, "220 ready\r\n");
}

static void start_transfer(struct serve_client *c)
{
	struct serve_client *data = c->data;

	if (!data || c->transfer == TRANSFER_NONE)
		return;
	serve_say(c, "150 here it goes\r\n");
	c->data = NULL;
	if (c->transfer == TRANSFER_SEND)
		serve_send(data, c->server->block, c->server->block_bytes, true);
}

void serve_ftp_data_here(struct serve *s, struct serve_client *data)
{
	if (!s->control) {
		serve_close(data);
		return;
	}
	s->control->data = data;
	start_transfer(s->control);
}

void serve_ftp_data_end(struct serve *s)
{
	if (!s->control || s->control->transfer == TRANSFER_NONE)
		return;
	s->control->transfer = TRANSFER_NONE;
	serve_say(s->control, "226 done\r\n");
}

static void on_data_connection(uv_stream_t *listener, int status)
{
	struct serve *s = listener->data;
	struct serve_client *c;

	if (status < 0 || !(c = serve_accept(s, listener, CLIENT_SINK)))
		return;
	serve_take_from(c);
	serve_ftp_data_here(s, c);
}

/* One listening socket for all transfers of a server. */
static void passive(struct serve_client *c, bool extended)
{
	struct serve *s = c->server;
	struct sockaddr_storage bound;
	int len = sizeof(bound);
	uint16_t port = 0;

	if (!s->data.data && serve_listen(s, &s->data, on_data_connection, &port) < 0) {
		serve_say(c, "425 no socket\r\n");
		return;
	}
	if (uv_tcp_getsockname(&s->data, (struct sockaddr *)&bound, &len) == 0)
		port = serve_bound_port(&bound);
	s->control = c;
	/* The address is that of the control connection for every client of today; ours is not the one that the
	 * guest knows, behind QEMU's network. */
	if (extended)
		serve_say(c, "229 ok (|||%u|)\r\n", port);
	else
		serve_say(c, "227 ok (0,0,0,0,%u,%u)\r\n", port >> 8, port & 255);
}

static void on_ftp_line(struct serve_client *c)
{
	static const struct {
		const char *verb, *answer;
	} answers[] = {
		{ "USER", "331 and a password" },
		{ "PASS", "230 come in" },
		{ "TYPE", "200 ok" },
		{ "ALLO", "200 ok" },
	};
	const char *verb = c->line;

	if (strncasecmp(verb, "PASV", 4) == 0 || strncasecmp(verb, "EPSV", 4) == 0) {
		passive(c, (verb[0] | 32) == 'e');
	} else if (strncasecmp(verb, "SIZE", 4) == 0) {
		serve_say(c, "213 %zu\r\n", c->server->block_bytes);
	} else if (strncasecmp(verb, "RETR", 4) == 0 || strncasecmp(verb, "STOR", 4) == 0) {
		c->transfer = (verb[0] | 32) == 'r' ? TRANSFER_SEND : TRANSFER_TAKE;
		start_transfer(c);
	} else if (strncasecmp(verb, "QUIT", 4) == 0) {
		serve_send(c, "221 bye\r\n", 9, true);
	} else {
		for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
			if (strncasecmp(verb, answers[i].verb, 4) == 0) {
				serve_say(c, "%s\r\n", answers[i].answer);
				return;
			}
		serve_say(c, "502 no\r\n");
	}
}

void serve_ftp_bytes(struct serve_client *c, const char *bytes, size_t n)
{
	while (n && !is_done(c))
		if (take_line(c, &bytes, &n))
			on_ftp_line(c);
}
