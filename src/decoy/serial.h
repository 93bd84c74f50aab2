/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's end of one of a machine's serial ports.
 *
 * It is always read: a port that nobody reads stops the machine once its socket is full. The last
 * bytes are kept, for errors and for who comes late. What a guest writes is hostile.
 */
#ifndef MIMAMORI_DECOY_SERIAL_H
#define MIMAMORI_DECOY_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define SERIAL_KEPT 4096 /* bytes */
#define SERIAL_PENDING_MAX 65536 /* bytes that wait for a guest that does not read */

typedef void serial_fn(const char *bytes, size_t n, void *arg);

struct serial {
	uv_pipe_t pipe;
	bool open;
	serial_fn *fn; /* NULL: nobody listens */
	void *arg;
	size_t used; /* of kept */
	char kept[SERIAL_KEPT];
	char read_buf[4096];
};

/* fd: one end of a socket pair, taken over even on failure. 0 or -errno. pipe.data stays the caller's. */
int serial_open(struct serial *s, uv_loop_t *loop, int fd);
/* 0, -ENOBUFS when too much waits, -ENOTCONN, -ENOMEM. */
int serial_write(struct serial *s, const char *bytes, size_t n);
/* The last line kept that has any text, with what is no printable ASCII left out. Returns out. */
const char *serial_last_line(const struct serial *s, char *out, size_t size);

/* Keeps the end of a stream: appends n bytes to the *used of a buffer of `size`. */
void serial_keep(char *kept, size_t *used, size_t size, const char *bytes, size_t n);
/* The same for any such buffer, and for its last so many lines, put into one. */
const char *serial_last_lines_of(const char *kept, size_t used, unsigned int lines, char *out,
				 size_t size);

#endif
