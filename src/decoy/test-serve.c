/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The servers of `check`, with clients as BusyBox's are, and with hostile ones. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include "decoy/serve-internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decoy/test-loop.h"

#define BLOCK_BYTES 5000
#define GOT_MAX (64 << 10)

struct bench {
	uv_loop_t loop;
	struct serve *serve;
	uint8_t block[BLOCK_BYTES];
	int fd;
	size_t n_got;
	char got[GOT_MAX + 1];
};

static struct bench *begin(enum serve_kind kind)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct bench *b = calloc(1, sizeof(*b));
	int err = 0;

	assert_non_null(b);
	b->fd = -1;
	for (size_t i = 0; i < BLOCK_BYTES; i++)
		b->block[i] = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(uv_loop_init(&b->loop), 0);
	b->serve = serve_new(&b->loop, kind, (struct sockaddr *)&addr, b->block, BLOCK_BYTES, &err);
	assert_non_null(b->serve);
	return b;
}

static void done(struct bench *b)
{
	serve_free(b->serve);
	if (b->fd >= 0)
		close(b->fd);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&b->loop), 0);
	free(b);
}

static int connect_to(struct bench *b, uint16_t port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				    .sin_port = htons(port) };
	bool udp = b->serve->kind == SERVE_TFTP;
	int fd = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void dial(struct bench *b)
{
	if (b->fd >= 0)
		close(b->fd);
	b->fd = connect_to(b, serve_port(b->serve));
	b->n_got = 0;
}

/* Sends all, as far as it is taken; the loop runs meanwhile. */
static void say_bytes(struct bench *b, int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	for (int turns = 0; n && turns < 100000; turns++) {
		ssize_t w = send(fd, at, n, MSG_DONTWAIT | MSG_NOSIGNAL);

		uv_run(&b->loop, UV_RUN_NOWAIT);
		if (w < 0 && errno != EAGAIN)
			return;
		at += w > 0 ? w : 0;
		n -= w > 0 ? (size_t)w : 0;
	}
}

static void say(struct bench *b, const char *text)
{
	say_bytes(b, b->fd, text, strlen(text));
}

/* Adds what has come to b->got. False once the other side has closed. */
static bool take(struct bench *b, int fd)
{
	ssize_t n = recv(fd, b->got + b->n_got, GOT_MAX - b->n_got, MSG_DONTWAIT);

	b->n_got += n > 0 ? (size_t)n : 0;
	b->got[b->n_got] = '\0';
	return n > 0 || (n < 0 && (errno == EAGAIN));
}

static void hear(struct bench *b, const char *text)
{
	RUN_UNTIL(&b->loop, take(b, b->fd) && memmem(b->got, b->n_got, text, strlen(text)));
}

static void hear_end(struct bench *b, int fd)
{
	RUN_UNTIL(&b->loop, !take(b, fd));
}

static void expect_block(struct bench *b)
{
	assert_true(b->n_got >= BLOCK_BYTES);
	assert_memory_equal(b->got + b->n_got - BLOCK_BYTES, b->block, BLOCK_BYTES);
}

static const uint8_t *received(struct bench *b, size_t *n)
{
	RUN_UNTIL(&b->loop, serve_received(b->serve, n) != NULL);
	return serve_received(b->serve, n);
}

static void test_http(void **state)
{
	struct bench *b = begin(SERVE_HTTP);
	size_t n;

	(void)state;
	dial(b);
	say(b, "GET /any/../thing HTTP/1.1\r\nHost: x\r\n\r\n");
	hear_end(b, b->fd);
	assert_non_null(strstr(b->got, "Content-Length: 5000\r\n"));
	expect_block(b);
	assert_null(serve_received(b->serve, &n));
	dial(b);
	say(b, "POST /x HTTP/1.0\r\nContent-Length: 7\r\n");
	say(b, "\r\nabc");
	say(b, "defgXXX");
	assert_memory_equal(received(b, &n), "abcdefg", 7);
	assert_int_equal(n, 7);
	hear_end(b, b->fd);
	done(b);
}

/* Many requests in one: one answer. A megabyte for each byte sent would be a guest's way to fill this host. */
static void test_http_asks_often(void **state)
{
	struct bench *b = begin(SERVE_HTTP);
	char *lines = malloc(100000);

	(void)state;
	assert_non_null(lines);
	memset(lines, '\n', 100000);
	dial(b);
	say_bytes(b, b->fd, lines, 100000);
	hear_end(b, b->fd);
	assert_true(b->n_got < 2 * BLOCK_BYTES);
	free(lines);
	done(b);
}

static void test_http_sends_too_much(void **state)
{
	static char body[1 << 16];
	struct bench *b = begin(SERVE_HTTP);
	size_t n;

	(void)state;
	dial(b);
	say(b, "POST / HTTP/1.0\r\ncontent-length: 99999999999999999999\r\n\r\n");
	for (int i = 0; i < 80; i++)
		say_bytes(b, b->fd, body, sizeof(body));
	assert_true(b->serve->n_received <= SERVE_MAX);
	assert_null(serve_received(b->serve, &n)); /* it was never whole */
	dial(b);
	say(b, "POST / HTTP/1.0\r\nContent-Length: -1\r\n\r\nx");
	assert_null(serve_received(b->serve, &n));
	done(b);
}

static void test_lines_are_bounded(void **state)
{
	enum serve_kind kinds[] = { SERVE_HTTP, SERVE_FTP };
	char line[2 * SERVE_LINE];

	(void)state;
	memset(line, 'x', sizeof(line));
	for (size_t i = 0; i < 2; i++) {
		struct bench *b = begin(kinds[i]);

		dial(b);
		say_bytes(b, b->fd, line, sizeof(line));
		hear_end(b, b->fd);
		done(b);
	}
}

/* The port of "229 ok (|||PORT|)" or of "227 ok (0,0,0,0,HIGH,LOW)". */
static uint16_t passive(struct bench *b, const char *verb)
{
	unsigned int high, low;

	b->n_got = 0;
	say(b, verb);
	hear(b, ")\r\n");
	if (verb[0] == 'E') {
		assert_int_equal(sscanf(strstr(b->got, "229"), "229 ok (|||%u|)", &low), 1);
		return (uint16_t)low;
	}
	assert_int_equal(sscanf(strstr(b->got, "227"), "227 ok (0,0,0,0,%u,%u)", &high, &low), 2);
	return (uint16_t)(high << 8 | low);
}

static void test_ftp(void **state)
{
	struct bench *b = begin(SERVE_FTP);
	size_t n;
	int data;

	(void)state;
	dial(b);
	hear(b, "220 ");
	say(b, "USER a\r\nPASS b\r\nTYPE I\r\nSIZE x\r\nnonsense\r\n");
	hear(b, "331 and a password\r\n230 come in\r\n200 ok\r\n213 5000\r\n502 no\r\n");
	data = connect_to(b, passive(b, "EPSV\r\n"));
	say(b, "RETR /etc/passwd\r\n");
	b->n_got = 0;
	hear_end(b, data);
	expect_block(b);
	close(data);
	hear(b, "226 done");
	data = connect_to(b, passive(b, "PASV\r\n"));
	say(b, "STOR x\r\n");
	hear(b, "150 ");
	say_bytes(b, data, "taken", 5);
	close(data);
	assert_memory_equal(received(b, &n), "taken", 5);
	assert_int_equal(n, 5);
	hear(b, "226 done");
	say(b, "QUIT\r\nRETR x\r\n");
	hear_end(b, b->fd);
	done(b);
}

/* The data connection goes before its transfer is asked for; or another client asks. */
static void test_ftp_data_connection_goes(void **state)
{
	struct bench *b = begin(SERVE_FTP);
	int data, other;

	(void)state;
	dial(b);
	data = connect_to(b, passive(b, "EPSV\r\n"));
	RUN_UNTIL(&b->loop, b->serve->control && b->serve->control->data);
	close(data);
	RUN_UNTIL(&b->loop, b->serve->n_clients == 1);
	assert_null(b->serve->control->data);
	say(b, "RETR x\r\n");
	data = connect_to(b, passive(b, "EPSV\r\n"));
	hear(b, "226 done"); /* what was asked for waited */
	close(data);
	/* Two controls: that of the first has lost its data connection meanwhile. */
	data = connect_to(b, passive(b, "EPSV\r\n"));
	other = b->fd;
	b->fd = -1;
	dial(b);
	passive(b, "EPSV\r\n");
	close(data);
	RUN_UNTIL(&b->loop, b->serve->n_clients == 2);
	say_bytes(b, other, "RETR x\r\n", 8);
	close(other);
	RUN_UNTIL(&b->loop, b->serve->n_clients == 1);
	done(b);
}

/* One that asks and does not listen is hung up on. */
static void test_ftp_deaf(void **state)
{
	static char lines[1 << 20];
	struct bench *b = begin(SERVE_FTP);

	(void)state;
	for (size_t i = 0; i + 3 <= sizeof(lines); i += 3)
		memcpy(lines + i, "x\r\n", 3);
	dial(b);
	for (int i = 0; i < 40 && (i == 0 || b->serve->n_clients); i++)
		say_bytes(b, b->fd, lines, sizeof(lines));
	assert_int_equal(b->serve->n_clients, 0);
	done(b);
}

static void test_clients_are_bounded(void **state)
{
	struct bench *b = begin(SERVE_FTP);
	int fds[3 * SERVE_CLIENTS_MAX];

	(void)state;
	for (size_t i = 0; i < 3 * SERVE_CLIENTS_MAX; i++) {
		fds[i] = connect_to(b, serve_port(b->serve));
		for (int turn = 0; turn < 3; turn++)
			uv_run(&b->loop, UV_RUN_NOWAIT);
		assert_true(b->serve->n_clients <= SERVE_CLIENTS_MAX);
	}
	assert_int_equal(b->serve->n_clients, SERVE_CLIENTS_MAX);
	for (size_t i = 0; i < 3 * SERVE_CLIENTS_MAX; i++)
		close(fds[i]);
	RUN_UNTIL(&b->loop, b->serve->n_clients == 0);
	done(b);
}

static void test_bare(void **state)
{
	struct bench *b = begin(SERVE_SOURCE);
	size_t n;

	(void)state;
	dial(b);
	hear_end(b, b->fd);
	assert_int_equal(b->n_got, BLOCK_BYTES);
	expect_block(b);
	done(b);
	b = begin(SERVE_SINK);
	dial(b);
	say(b, "thrown away");
	dial(b); /* the last one wins */
	say(b, "kept");
	RUN_UNTIL(&b->loop, b->serve->n_clients == 1 && b->serve->n_received == 4);
	assert_null(serve_received(b->serve, &n));
	close(b->fd);
	b->fd = -1;
	assert_memory_equal(received(b, &n), "kept", 4);
	assert_int_equal(n, 4);
	done(b);
}

/* Sends a packet, and waits for the one that answers it. */
static void ask(struct bench *b, const char *packet, size_t n)
{
	assert_int_equal(send(b->fd, packet, n, 0), n);
	RUN_UNTIL(&b->loop, ({
		b->n_got = 0;
		take(b, b->fd);
		b->n_got > 0;
	}));
}

static void test_tftp_read(void **state)
{
	static const char rrq[] = "\0\1file\0octet\0blksize\0"
				  "1024";
	struct bench *b = begin(SERVE_TFTP);
	char ack[4] = { 0, 4, 0, 0 };
	size_t total = 0;

	(void)state;
	dial(b);
	ask(b, rrq, sizeof(rrq));
	assert_int_equal(b->n_got, 15);
	assert_memory_equal(b->got,
			    "\0\6blksize\0"
			    "1024",
			    15);
	do {
		ask(b, ack, 4);
		assert_int_equal(b->got[1], 3);
		assert_int_equal(b->got[3], ack[3] + 1);
		assert_memory_equal(b->got + 4, b->block + total, b->n_got - 4);
		total += b->n_got - 4;
		ack[3]++;
	} while (b->n_got == 1028);
	assert_int_equal(total, BLOCK_BYTES);
	done(b);
}

static void test_tftp_write(void **state)
{
	static const char wrq[] = "\0\2file\0octet";
	struct bench *b = begin(SERVE_TFTP);
	char data[4 + 512] = { 0, 3, 0, 1 };
	size_t n;

	(void)state;
	memset(data + 4, 'd', 512);
	dial(b);
	ask(b, wrq, sizeof(wrq));
	assert_memory_equal(b->got, "\0\4\0\0", 4);
	ask(b, data, sizeof(data));
	assert_memory_equal(b->got, "\0\4\0\1", 4);
	ask(b, data, sizeof(data)); /* again: it was lost on the way */
	assert_memory_equal(b->got, "\0\4\0\1", 4);
	data[3] = 7; /* one that is not due */
	ask(b, data, sizeof(data));
	assert_memory_equal(b->got, "\0\4\0\1", 4);
	assert_null(serve_received(b->serve, &n));
	data[3] = 2;
	ask(b, data, 4 + 10);
	received(b, &n);
	assert_int_equal(n, 522);
	done(b);
}

static void test_tftp_hostile(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} packets[] = {
		{ "", 0 },
		{ "\0", 1 },
		{ "\0\1\0", 3 },
		{ "\0\3\0\1data before any request", 27 },
		{ "\0\4\0\0", 4 },
		{ "\0\4\xff\xff", 4 },
		{ "\0\5\0\1", 4 },
		{ "\0\6\0\0", 4 },
		{ "\xff\xff\xff\xff", 4 },
		{ "\0\2no end, no mode", 17 },
		{ "\0\1\0\0\0\0\0\0\0\0\0\0", 12 },
		{ "\0\1f\0octet\0blksize\0-1", 20 },
		{ "\0\1f\0octet\0blksize\0"
		  "0",
		  20 },
		{ "\0\1f\0octet\0blksize", 17 },
		{ "\0\2f\0octet\0blksize\0"
		  "99999999999999999999",
		  38 },
	};
	struct bench *b = begin(SERVE_TFTP);

	(void)state;
	dial(b);
	for (int order = 0; order < 2; order++)
		for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
			size_t at = order ? sizeof(packets) / sizeof(packets[0]) - 1 - i : i;

			send(b->fd, packets[at].bytes, packets[at].n, 0);
			for (int turn = 0; turn < 3; turn++)
				uv_run(&b->loop, UV_RUN_NOWAIT);
			assert_true(b->serve->tftp_bytes <= sizeof(b->serve->tftp_packet));
			assert_true(b->serve->n_received < 100);
		}
	done(b);
}

static void test_nowhere_to_listen(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201) };
	uv_loop_t loop;
	int err = 0;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	for (int kind = 0; kind < SERVE_KINDS; kind++) {
		assert_null(serve_new(&loop, (enum serve_kind)kind, (struct sockaddr *)&addr,
				      (const uint8_t *)"", 0, &err));
		assert_int_equal(err, -EADDRNOTAVAIL);
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_http_asks_often),
		cmocka_unit_test(test_http_sends_too_much),
		cmocka_unit_test(test_lines_are_bounded),
		cmocka_unit_test(test_ftp),
		cmocka_unit_test(test_ftp_data_connection_goes),
		cmocka_unit_test(test_ftp_deaf),
		cmocka_unit_test(test_clients_are_bounded),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_tftp_read),
		cmocka_unit_test(test_tftp_write),
		cmocka_unit_test(test_tftp_hostile),
		cmocka_unit_test(test_nowhere_to_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
