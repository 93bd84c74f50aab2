/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients of `check`'s servers. The first byte is the server; then come steps, a byte for what is
 * done and one for how many bytes of what follows are sent: by one of two clients, over FTP's data
 * connection, or a connection is closed.
 */
#include "decoy/serve-internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS 3 /* two, and FTP's data connection */
#define DATA 2
#define BLOCK_BYTES 3000

static uv_loop_t loop;
static uint8_t block[BLOCK_BYTES];

static void turn(int times)
{
	while (times--)
		uv_run(&loop, UV_RUN_NOWAIT);
}

static uint16_t port_of(const struct serve *s, int client)
{
	struct sockaddr_storage bound;
	int len = sizeof(bound);

	if (client != DATA)
		return serve_port(s);
	if (!s->data.data || uv_tcp_getsockname(&s->data, (struct sockaddr *)&bound, &len) < 0)
		return 0;
	return serve_bound_port(&bound);
}

static int dial(const struct serve *s, int client)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				    .sin_port = htons(port_of(s, client)) };
	int type = s->kind == SERVE_TFTP ? SOCK_DGRAM : SOCK_STREAM, fd;

	if (!addr.sin_port)
		return -1;
	fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void hang_up(int *fd)
{
	static const struct linger at_once = { .l_onoff = 1 };

	if (*fd < 0)
		return;
	setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(*fd);
	*fd = -1;
}

static void judge(const struct serve *s)
{
	size_t n;

	assert(s->n_received <= SERVE_MAX && s->n_clients <= SERVE_CLIENTS_MAX);
	assert(s->tftp_bytes <= sizeof(s->tftp_packet));
	if (serve_received(s, &n))
		assert(n <= SERVE_MAX);
	for (const struct serve_client *c = s->clients; c; c = c->next)
		assert(c->used < SERVE_LINE && !uv_is_closing((const uv_handle_t *)&c->tcp));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool has_loop;
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fds[CLIENTS] = { -1, -1, -1 }, err;
	struct serve *s;

	if (!has_loop)
		has_loop = uv_loop_init(&loop) == 0;
	if (size == 0)
		return 0;
	s = serve_new(&loop, (enum serve_kind)(data[0] % SERVE_KINDS), (struct sockaddr *)&addr,
		      block, sizeof(block), &err);
	if (!s)
		return 0;
	for (size_t at = 1; at + 2 <= size;) {
		int client = data[at] % CLIENTS;
		size_t n = data[at + 1];
		char got[4096];

		if (data[at] & 0x80)
			hang_up(&fds[client]);
		at += 2;
		n = n < size - at ? n : size - at;
		if (fds[client] < 0)
			fds[client] = dial(s, client);
		turn(1);
		if (fds[client] >= 0 &&
		    send(fds[client], data + at, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			hang_up(&fds[client]);
		at += n;
		turn(2);
		if (fds[client] >= 0 && recv(fds[client], got, sizeof(got), MSG_DONTWAIT) == 0)
			hang_up(&fds[client]);
		judge(s);
	}
	for (int i = 0; i < CLIENTS; i++)
		hang_up(&fds[i]);
	turn(2);
	judge(s);
	serve_free(s);
	while (uv_run(&loop, UV_RUN_NOWAIT))
		;
	return 0;
}
