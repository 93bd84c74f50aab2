/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/netlink.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static _Alignas(NLMSG_ALIGNTO) uint8_t receive_buffer[NETLINK_BUFFER_BYTES];

/* What one dump waits for. */
struct dump {
	uint32_t seq;
	bool done, interrupted;
	int error;
};

int netlink_open(int protocol, uint32_t groups)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&local, sizeof(local))) {
		int err = errno;

		close(fd);
		return -err;
	}
	return fd;
}

/* DONE and ERROR end the dump that they answer; both carry an error number, 0 for success. */
static void end_of_dump(struct dump *dump, const struct nlmsghdr *header, struct cursor payload)
{
	const uint8_t *p = cursor_take(&payload, sizeof(int));
	int error = 0;

	if (header->nlmsg_seq != dump->seq)
		return;
	if (p)
		memcpy(&error, p, sizeof(error));
	dump->done = true;
	if (error < 0)
		dump->error = error;
}

static int walk(struct cursor c, struct dump *dump, netlink_fn *fn, void *arg)
{
	while (cursor_left(&c) >= NLMSG_HDRLEN) {
		struct nlmsghdr header;
		struct cursor payload;

		memcpy(&header, c.pos, sizeof(header));
		if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > cursor_left(&c))
			return -EBADMSG;
		payload = cursor_over(c.pos + NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN);
		/* The last message need not be padded. */
		if (!cursor_skip(&c, NLMSG_ALIGN(header.nlmsg_len)))
			c.pos = c.end;

		if (dump && header.nlmsg_seq == dump->seq && (header.nlmsg_flags & NLM_F_DUMP_INTR))
			dump->interrupted = true;
		if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
			if (dump)
				end_of_dump(dump, &header, payload);
		} else if (header.nlmsg_type >= NLMSG_MIN_TYPE) {
			fn(&header, payload, arg);
		}
	}
	return cursor_left(&c) ? -EBADMSG : 0;
}

/* Reads one datagram. 0, -EAGAIN when none waits, -EMSGSIZE when it was cut, or another -errno. */
static int receive(int fd, struct dump *dump, netlink_fn *fn, void *arg)
{
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	struct iovec iov = { receive_buffer, sizeof(receive_buffer) };
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	ssize_t n;

	do {
		n = recvmsg(fd, &msg, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	/* Any process may send to a netlink socket; the kernel alone has port 0. */
	if (msg.msg_namelen != sizeof(from) || from.nl_pid != 0)
		return 0;
	if (msg.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	return walk(cursor_over(receive_buffer, (size_t)n), dump, fn, arg);
}

static int exchange(int fd, struct nlmsghdr *request, uint16_t flags, netlink_fn *fn, void *arg)
{
	static uint32_t last_seq;
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct dump dump = { .seq = ++last_seq };
	bool lost = false;

	request->nlmsg_flags = NLM_F_REQUEST | flags;
	request->nlmsg_seq = dump.seq;
	request->nlmsg_pid = 0;
	if (sendto(fd, request, request->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) <
	    0)
		return -errno;

	while (!dump.done) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		int err = receive(fd, &dump, fn, arg);

		if (err == -EAGAIN) {
			int n = poll(&pfd, 1, NETLINK_TIMEOUT_MS);

			if (n == 0)
				return -ETIMEDOUT;
			if (n < 0 && errno != EINTR)
				return -errno;
		} else if (err == -ENOBUFS) {
			lost = true; /* the dump itself goes on */
		} else if (err) {
			return err;
		}
	}
	if (dump.error)
		return dump.error;
	if (lost)
		return -ENOBUFS;
	return dump.interrupted ? -EINTR : 0;
}

int netlink_dump(int fd, struct nlmsghdr *request, netlink_fn *fn, void *arg)
{
	return exchange(fd, request, NLM_F_DUMP, fn, arg);
}

int netlink_ask(int fd, struct nlmsghdr *request, netlink_fn *fn, void *arg)
{
	return exchange(fd, request, NLM_F_ACK, fn, arg); /* asked for, it ends the answer */
}

int netlink_order(int fd, struct nlmsghdr *request, uint16_t flags, netlink_fn *fn, void *arg)
{
	return exchange(fd, request, NLM_F_ACK | flags, fn, arg);
}

int netlink_notices(int fd, netlink_fn *fn, void *arg)
{
	int err = 0, first = 0;
	unsigned int i;

	/* An error must not leave the rest of the queue unread: it would wake the loop for ever. */
	for (i = 0; i < NETLINK_MAX_READS; i++) {
		err = receive(fd, NULL, fn, arg);
		if (err == -EAGAIN)
			break;
		if (err && !first)
			first = err;
	}
	return first;
}

bool netlink_attr(struct cursor *c, uint16_t *type, struct cursor *value)
{
	struct nlattr attr;

	if (cursor_left(c) < NLA_HDRLEN)
		return false;
	memcpy(&attr, c->pos, sizeof(attr));
	if (attr.nla_len < NLA_HDRLEN || attr.nla_len > cursor_left(c))
		return false;
	*type = attr.nla_type & NLA_TYPE_MASK;
	*value = cursor_over(c->pos + NLA_HDRLEN, attr.nla_len - NLA_HDRLEN);
	if (!cursor_skip(c, NLA_ALIGN(attr.nla_len)))
		c->pos = c->end;
	return true;
}

bool netlink_u32(struct cursor value, uint32_t *out)
{
	if (cursor_left(&value) != sizeof(*out))
		return false;
	memcpy(out, value.pos, sizeof(*out));
	return true;
}

bool netlink_text_is(struct cursor value, const char *text)
{
	size_t len = cursor_left(&value);

	if (len && value.pos[len - 1] == '\0')
		len--;
	return len == strlen(text) && !memcmp(value.pos, text, len);
}
