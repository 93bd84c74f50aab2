/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events to a terminal, pipe or file that the user gave: readable lines or JSON.
 *
 * The descriptor is shared with whoever started the sensor, so it does not stay non-blocking:
 * that would change the user's shell. poll() tells before each write whether it would block. A
 * pipe that polls writable takes a whole line (pipe(7): PIPE_BUF); a terminal may take less, so
 * it is opened once more, non-blocking. Where that is not allowed, since the engine is another
 * user by then, the shared one is made so for the time of the write.
 */
#include "sensor/output.h"

#include "core/event.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLEAR_LINE "\r\033[K"
#define COLOUR_RESET "\033[0m"
#define DEFAULT_COLUMNS 80
#define LINE_ROOM 64 /* for what surrounds an event: clearing, colour, newline */

_Static_assert(EVENT_MAX_BYTES <= PIPE_BUF, "a pipe takes an event as a whole");

static const char what[] = "standard output";

static int stream_fd(const struct output *o)
{
	return o->stream.own_fd >= 0 ? o->stream.own_fd : o->stream.fd;
}

static ssize_t write_some(const struct output *o, const char *bytes, size_t len)
{
	int fd = stream_fd(o), flags, err;
	ssize_t n;

	/* A stream socket polls writable with room for less than a line. */
	if (o->stream.socket)
		return send(fd, bytes, len,
			    MSG_NOSIGNAL | (o->stream.wait_ms < 0 ? 0 : MSG_DONTWAIT));
	if (!o->stream.terminal || o->stream.own_fd >= 0 || o->stream.wait_ms < 0)
		return write(fd, bytes, len);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return -1;
	n = write(fd, bytes, len);
	err = errno;
	fcntl(fd, F_SETFL, flags);
	errno = err;
	return n;
}

/* All of it or an error. What was written in part is cut off again, or remembered as torn. */
static int put(struct output *o, const char *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct pollfd p = { .fd = stream_fd(o), .events = POLLOUT };
		int ready = poll(&p, 1, o->stream.wait_ms);
		ssize_t n = ready > 0 ? write_some(o, bytes + done, len - done) : -1;
		int64_t start;
		int err;

		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		err = ready == 0 ? EAGAIN : n == 0 ? EIO : errno;
		if (err == EINTR || (err == EAGAIN && o->stream.wait_ms < 0))
			continue;
		if (done)
			o->stream.torn = output_cut_back(p.fd, done, &start) != 0;
		return -err;
	}
	o->stream.torn = bytes[len - 1] != '\n';
	return 0;
}

/* Worst loud, notices calm, closing events quiet. */
static const char *colour_of(const struct output_record *r)
{
	if (r->end)
		return "\033[2m";
	if (!r->alert)
		return "\033[36m";
	switch (r->severity) {
	case 1:
		return "\033[1;31m";
	case 2:
		return "\033[31m";
	default:
		return "\033[33m";
	}
}

static void stream_write(struct output *o, const struct output_record *r)
{
	char line[EVENT_MAX_BYTES + LINE_ROOM];
	const char *body = o->stream.json ? r->json : r->text;
	bool colour = o->stream.colour && !o->stream.json;
	const char *before = "";
	size_t body_len;
	int len, err;

	if (!body)
		return;
	if (o->stream.status_shown)
		before = CLEAR_LINE;
	else if (o->stream.torn)
		before = "\n";
	body_len = o->stream.json ? r->json_len - 1 : strnlen(body, EVENT_MAX_BYTES - LINE_ROOM);
	len = snprintf(line, sizeof(line), "%s%s%.*s%s\n", before, colour ? colour_of(r) : "",
		       (int)body_len, body, colour ? COLOUR_RESET : "");
	if (len < 0 || (size_t)len >= sizeof(line)) {
		output_failed(o, what, EMSGSIZE);
		return;
	}
	err = put(o, line, (size_t)len);
	if (err) {
		output_failed(o, what, -err);
		return;
	}
	o->stream.status_shown = false;
	output_succeeded(o, what);
}

static unsigned int columns(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) || size.ws_col == 0)
		return DEFAULT_COLUMNS;
	return size.ws_col;
}

/* How many bytes of text fit in `width` columns, counting UTF-8 characters and never splitting one. */
static size_t bytes_within(const char *text, unsigned int width)
{
	size_t i;

	for (i = 0; text[i]; i++) {
		if ((text[i] & 0xc0) == 0x80)
			continue;
		if (width-- == 0)
			break;
	}
	return i;
}

void output_stream_status(struct output *o, const char *text)
{
	char line[1024];
	size_t bytes;
	int len;

	if (!o->stream.terminal || (!text && !o->stream.status_shown))
		return;
	/* One column less than there are: a terminal that wraps would keep a line behind. */
	bytes = text ? bytes_within(text, columns(stream_fd(o)) - 1) : 0;
	if (bytes > sizeof(line) - LINE_ROOM)
		bytes = sizeof(line) - LINE_ROOM;
	len = snprintf(line, sizeof(line), CLEAR_LINE "%.*s", (int)bytes, text ? text : "");
	/* A status line that cannot be drawn is no loss: the next one replaces it. */
	if (len > 0 && put(o, line, (size_t)len) == 0) {
		o->stream.status_shown = bytes > 0;
		o->stream.torn = false;
	}
}

void output_stream_wait(struct output *o, int timeout_ms)
{
	o->stream.wait_ms = timeout_ms;
}

static void stream_close(struct output *o)
{
	output_stream_status(o, NULL);
	if (o->stream.own_fd >= 0)
		close(o->stream.own_fd);
	o->stream.own_fd = -1;
}

static const struct output_ops stream_ops = {
	.name = what,
	.write = stream_write,
	.close = stream_close,
};

void output_stream_init(struct output *o, int fd, bool json, bool colour)
{
	struct stat st;

	*o = (struct output){ .ops = &stream_ops };
	o->stream.fd = fd;
	o->stream.own_fd = -1;
	o->stream.json = json;
	o->stream.colour = colour;
	o->stream.terminal = isatty(fd);
	o->stream.socket = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
	if (o->stream.terminal) {
		char path[32];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		o->stream.own_fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	}
}
