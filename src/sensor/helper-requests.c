/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's requests: checked, done, answered. Theory in helper.h.
 */
#include "sensor/helper.h"

#include "core/clock.h"
#include "core/event.h"
#include "core/log.h"
#include "core/notify.h"
#include "sensor/config.h"
#include "sensor/helper-internal.h"
#include "sensor/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define STATUS_LEN 256

_Static_assert(EVENT_MAX_BYTES + sizeof(struct helper_message) <= HELPER_MAX_MESSAGE,
	       "an event fits into a message");

struct reply {
	int result; /* 0 or -errno */
	bool refused; /* the request made no sense, as opposed to: it could not be done */
	int fd; /* -1: none; closed once sent */
	char error[HELPER_ERROR_LEN];
};

static int refuse(struct reply *r, const char *sentence)
{
	snprintf(r->error, sizeof(r->error), "refused: %s", sentence);
	r->refused = true;
	return -EPROTO;
}

/* A descriptor for the reply, or why there is none. */
static int give(struct reply *r, int fd)
{
	if (fd < 0)
		return fd;
	r->fd = fd;
	return 0;
}

static bool has_source(const struct helper *h, uint32_t index)
{
	for (uint32_t n = 0; h->sources[n]; n++)
		if (n == index)
			return true;
	return false;
}

/* A source may have died, and be asked for again; not in a circle. */
static bool may_reopen(struct helper *h)
{
	uint64_t now = helper_now_ns(), more;

	if (!h->reopened_ns) {
		h->reopens = HELPER_REOPENS;
		h->reopened_ns = now;
	}
	more = (now - h->reopened_ns) / (HELPER_REOPEN_S * NS_PER_S);
	h->reopened_ns += more * HELPER_REOPEN_S * NS_PER_S;
	if (more > HELPER_REOPENS - h->reopens)
		more = HELPER_REOPENS - h->reopens;
	h->reopens += (unsigned int)more;
	if (!h->reopens)
		return false;
	h->reopens--;
	return true;
}

void helper_close_source(struct helper *h)
{
	if (h->source && h->source->close_privileged)
		h->source->close_privileged();
	h->source = NULL;
}

static int open_source(struct helper *h, uint32_t index, struct reply *r)
{
	const char *wanted = h->config->source;

	if (!has_source(h, index) || !h->sources[index]->open_privileged)
		return refuse(r, "no such source");
	if (strcmp(wanted, "auto") != 0 && strcmp(wanted, h->sources[index]->name) != 0)
		return refuse(r, "not the source that is configured");
	/* Before it has read anything, an engine is in nobody's hands. */
	if (h->ready && !may_reopen(h)) {
		snprintf(r->error, sizeof(r->error), "opened too often lately");
		return -EAGAIN;
	}
	helper_close_source(h);
	h->source = h->sources[index];
	return give(r, h->source->open_privileged(h->config, r->error, sizeof(r->error)));
}

static int serve_source(struct helper *h, const struct helper_message *m, struct reply *r)
{
	if (m->type == HELPER_OPEN_SOURCE)
		return open_source(h, m->arg, r);
	if (m->arg != 0)
		return refuse(r, "the request has an argument");
	if (m->type == HELPER_SECOND_FD) {
		if (!h->source || !h->source->second_privileged)
			return refuse(r, "the source has no second descriptor");
		return give(r, h->source->second_privileged(r->error, sizeof(r->error)));
	}
	if (!h->source || !h->source->follow_privileged)
		return refuse(r, "the source has nothing attached");
	return h->source->follow_privileged(h->config, r->error, sizeof(r->error));
}

static int engine_lost(struct helper *h, uint32_t index, struct reply *r)
{
	char status[128];

	if (!has_source(h, index))
		return refuse(r, "no such source");
	snprintf(status, sizeof(status), "STATUS=nothing is watched: source %s was lost",
		 h->sources[index]->name);
	notify_send(status);
	return 0;
}

static int engine_ready(struct helper *h, uint32_t index, struct reply *r)
{
	bool automatic = strcmp(h->config->source, "auto") == 0;
	char status[STATUS_LEN];
	int len;

	if (!has_source(h, index))
		return refuse(r, "no such source");
	len = snprintf(status, sizeof(status), "READY=1\nSTATUS=watching, source %s",
		       h->sources[index]->name);
	for (uint32_t i = 0; automatic && i < index && len < STATUS_LEN; i++)
		len += snprintf(status + len, sizeof(status) - (size_t)len, "%s%s",
				i ? ", " : "; better, but not here: ", h->sources[i]->name);
	notify_send(status);
	if (!h->ready && h->ready_fn)
		h->ready_fn(h->ready_arg);
	h->ready = true;
	return 0;
}

static int serve_log(struct helper *h, const struct helper_message *m, struct reply *r)
{
	const struct auth_files *files = &h->config->auth_files;

	if (m->arg >= files->count)
		return refuse(r, "no such log");
	if (m->type == HELPER_WATCH_LOG)
		return give(r, helper_watch_log(&h->logs, &files->file[m->arg], m->arg, r->error));
	return give(r, helper_open_log(&h->logs, &files->file[m->arg], m->arg, r->error));
}

/* One line in braces, with no control character but the newline at its end: nothing else reaches the
 * executable. What is between them is the engine's word. */
static bool is_event(const char *text, uint32_t len)
{
	if (len < 3 || len > EVENT_MAX_BYTES)
		return false;
	for (uint32_t i = 0; i < len - 1; i++)
		if ((unsigned char)text[i] < ' ')
			return false;
	return text[0] == '{' && text[len - 2] == '}' && text[len - 1] == '\n';
}

/* Checks everything that the engine says again, then does it. */
static int serve_request(struct helper *h, const struct helper_message *m, const char *payload,
			 struct reply *r)
{
	if (m->type < HELPER_OPEN_SOURCE || m->type > HELPER_FOLLOW_LINKS)
		return refuse(r, "unknown request");
	if (m->type != HELPER_ON_FINDING && m->length != 0)
		return refuse(r, "the request has a payload");
	switch ((enum helper_request)m->type) {
	case HELPER_WATCH_LOG:
	case HELPER_OPEN_LOG:
		return serve_log(h, m, r);
	case HELPER_READY:
		return engine_ready(h, m->arg, r);
	case HELPER_LOST:
		return engine_lost(h, m->arg, r);
	case HELPER_ALIVE:
		if (m->arg != 0)
			return refuse(r, "the request has an argument");
		notify_send("WATCHDOG=1");
		return 0;
	case HELPER_OPEN_SOURCE:
	case HELPER_SECOND_FD:
	case HELPER_FOLLOW_LINKS:
		return serve_source(h, m, r);
	case HELPER_OPEN_EVENTS:
	case HELPER_ROTATE_EVENTS:
		if (m->arg != 0)
			return refuse(r, "the request has an argument");
		if (h->config->event_file[0] == '\0')
			return refuse(r, "no event file is configured");
		if (m->type == HELPER_OPEN_EVENTS)
			return give(r, helper_open_events(h->config, r->error));
		return give(r, helper_rotate_events(h->config, r->error));
	case HELPER_ON_FINDING:
		if (!h->exec.argv[0])
			return refuse(r, "no on_finding is configured");
		if (m->arg < 1 || m->arg > 4)
			return refuse(r, "no such severity");
		if (!is_event(payload, m->length))
			return refuse(r, "not an event");
		return helper_exec_start(&h->exec, m->arg, payload, m->length, r->error);
	}
	return -EPROTO;
}

static void send_reply(struct helper *h, uint16_t type, const struct reply *r)
{
	struct helper_message head = {
		.magic = HELPER_MAGIC,
		.type = type,
		.arg = (uint32_t)r->result,
		.length = r->result ? (uint32_t)strlen(r->error) : 0,
	};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov[2] = { { &head, sizeof(head) }, { (void *)r->error, head.length } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	if (r->fd >= 0) {
		struct cmsghdr *c = (struct cmsghdr *)control;

		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &r->fd, sizeof(int));
	}
	/* An engine that asks and does not read the answers makes its own trouble, not the helper's. */
	if (sendmsg(h->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("helper: reply not taken: %s", strerror(errno));
}

/* Closes descriptors that came with a message; true when there were any. */
static bool close_attached(struct msghdr *m)
{
	bool any = m->msg_flags & MSG_CTRUNC;
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int), i;
		int fd;

		any = true;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			close(fd);
		}
	}
	return any;
}

int helper_take_request(struct helper *h)
{
	_Alignas(struct helper_message) char buf[HELPER_MAX_MESSAGE];
	/* Room for a few: what does not fit is closed by the kernel and flagged. */
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct reply r = { .fd = -1 };
	struct helper_message head = { 0 };
	bool attached;
	ssize_t n;

	n = recvmsg(h->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -EPIPE;
	attached = close_attached(&m);
	if ((size_t)n >= sizeof(head))
		memcpy(&head, buf, sizeof(head));
	if (attached)
		r.result = refuse(&r, "it came with descriptors");
	else if ((m.msg_flags & MSG_TRUNC) || (size_t)n < sizeof(head) ||
		 head.magic != HELPER_MAGIC || head.length != (size_t)n - sizeof(head))
		r.result = refuse(&r, "malformed");
	else
		r.result = serve_request(h, &head, buf + sizeof(head), &r);
	send_reply(h, head.type, &r);
	if (r.fd >= 0)
		close(r.fd);
	if (!r.refused)
		return 0;
	h->refused++;
	log_warning("helper: a request of the engine is %s (%u so far)", r.error, h->refused);
	return h->refused > HELPER_MAX_REFUSED ? -EPROTO : 0;
}
