/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/serial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct write {
	uv_write_t req;
	char bytes[];
};

void serial_keep(char *kept, size_t *used, size_t size, const char *bytes, size_t n)
{
	if (n > size) {
		bytes += n - size;
		n = size;
	}
	if (n > size - *used) {
		size_t drop = n - (size - *used);

		memmove(kept, kept + drop, *used - drop);
		*used -= drop;
	}
	memcpy(kept + *used, bytes, n);
	*used += n;
}

const char *serial_last_lines_of(const char *kept, size_t used, unsigned int lines, char *out,
				 size_t size)
{
	size_t end = used, start, n = 0;

	while (end && (unsigned char)kept[end - 1] <= ' ')
		end--;
	for (start = end; start; start--)
		if ((kept[start - 1] == '\n' || kept[start - 1] == '\r') && --lines == 0)
			break;
	for (; start < end && n + 1 < size; start++)
		if (kept[start] >= ' ' && kept[start] <= '~')
			out[n++] = kept[start];
		else if (kept[start] == '\n')
			out[n++] = ' ';
	out[n] = '\0';
	return out;
}

const char *serial_last_line(const struct serial *s, char *out, size_t size)
{
	return serial_last_lines_of(s->kept, s->used, 1, out, size);
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	struct serial *s = (struct serial *)handle;

	(void)hint;
	*buf = uv_buf_init(s->read_buf, sizeof(s->read_buf));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct serial *s = (struct serial *)stream;

	if (n < 0) {
		uv_read_stop(stream); /* QEMU has ended: the machine's own watch says so */
		s->open = false;
		return;
	}
	if (n == 0)
		return;
	serial_keep(s->kept, &s->used, sizeof(s->kept), buf->base, (size_t)n);
	if (s->fn)
		s->fn(buf->base, (size_t)n, s->arg);
}

int serial_open(struct serial *s, uv_loop_t *loop, int fd)
{
	int err;

	memset(s, 0, sizeof(*s));
	uv_pipe_init(loop, &s->pipe, 0);
	err = uv_pipe_open(&s->pipe, fd);
	if (err)
		close(fd);
	else
		err = uv_read_start((uv_stream_t *)&s->pipe, on_alloc, on_read);
	s->open = !err;
	return err;
}

static void on_written(uv_write_t *req, int status)
{
	(void)status;
	free(req);
}

int serial_write(struct serial *s, const char *bytes, size_t n)
{
	struct write *w;
	uv_buf_t buf;
	int err;

	if (!s->open)
		return -ENOTCONN;
	if (n > SERIAL_PENDING_MAX ||
	    uv_stream_get_write_queue_size((uv_stream_t *)&s->pipe) > SERIAL_PENDING_MAX - n)
		return -ENOBUFS;
	w = malloc(sizeof(*w) + n);
	if (!w)
		return -ENOMEM;
	memcpy(w->bytes, bytes, n);
	buf = uv_buf_init(w->bytes, (unsigned int)n);
	err = uv_write(&w->req, (uv_stream_t *)&s->pipe, &buf, 1, on_written);
	if (err)
		free(w);
	return err;
}
