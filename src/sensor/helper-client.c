/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's end of the helper's socket: one request, one reply.
 */
#include "sensor/helper-internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int fail(char *error, int err, const char *sentence)
{
	if (error)
		snprintf(error, HELPER_ERROR_LEN, "%s: %s", sentence, strerror(-err));
	return err;
}

/* In one piece: sendmsg() could pass descriptors on, so it is not on the engine's list. */
static int send_request(int fd, const struct helper_message *head, const void *payload)
{
	char message[HELPER_MAX_MESSAGE];
	ssize_t n;

	memcpy(message, head, sizeof(*head));
	if (head->length)
		memcpy(message + sizeof(*head), payload, head->length);
	do
		n = send(fd, message, sizeof(*head) + head->length, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* The descriptor of a control message, or -1. More than one is not part of the protocol. */
static int received_fd(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

int helper_call(struct helper_client *c, enum helper_request request, uint32_t arg,
		const void *payload, size_t payload_len, char error[HELPER_ERROR_LEN])
{
	struct helper_message head = {
		.magic = HELPER_MAGIC,
		.type = (uint16_t)request,
		.arg = arg,
		.length = (uint32_t)payload_len,
	};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	char sentence[HELPER_ERROR_LEN];
	struct iovec iov[2] = { { &head, sizeof(head) }, { sentence, sizeof(sentence) - 1 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
	int fd, err, result;
	ssize_t n;

	if (payload_len > HELPER_MAX_MESSAGE - sizeof(head))
		return fail(error, -EMSGSIZE, "the request to the helper is too long");
	err = send_request(c->fd, &head, payload);
	if (err)
		return fail(error, err == -ECONNRESET ? -EPIPE : err, "the helper is gone");
	do {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return fail(error, -EPIPE, "the helper is gone");
	if (n < 0)
		return fail(error, -errno, "no reply from the helper");
	fd = received_fd(&m);
	result = (int)(int32_t)head.arg;
	if ((size_t)n < sizeof(head) || head.magic != HELPER_MAGIC || head.type != request ||
	    head.length != (size_t)n - sizeof(head) || result > 0 || (fd >= 0 && result != 0)) {
		if (fd >= 0)
			close(fd);
		return fail(error, -EPROTO, "the helper's reply makes no sense");
	}
	sentence[head.length] = '\0';
	if (result < 0 && error)
		memcpy(error, sentence, head.length + 1);
	return result < 0 ? result : fd >= 0 ? fd : 0;
}
