/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/sock-dump.h"

#include "sensor/netlink.h"

#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 diag;
};

struct listing {
	const struct request *request;
	sock_dump_fn *fn;
	void *arg;
};

static void take_socket(const struct nlmsghdr *header, struct cursor payload, void *arg)
{
	const struct listing *to = arg;
	struct inet_diag_msg msg;
	const uint8_t *p;

	/* What is left of a listing that was given up is not ours. */
	if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    header->nlmsg_seq != to->request->header.nlmsg_seq)
		return;
	p = cursor_take(&payload, NLMSG_ALIGN(sizeof(msg)));
	if (!p)
		return;
	memcpy(&msg, p, sizeof(msg));
	if (msg.idiag_family == AF_INET || msg.idiag_family == AF_INET6)
		to->fn(&msg, payload, to->arg);
}

int sock_dump(int fd, const struct inet_diag_req_v2 *wanted, sock_dump_fn *fn, void *arg)
{
	struct request request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = SOCK_DIAG_BY_FAMILY },
		.diag = *wanted,
	};
	struct listing to = { .request = &request, .fn = fn, .arg = arg };

	return netlink_dump(fd, &request.header, take_socket, &to);
}

struct addr sock_dump_addr(const struct inet_diag_msg *msg, const __be32 bytes[4])
{
	return msg->idiag_family == AF_INET ? addr_from_bytes4((const uint8_t *)bytes) :
					      addr_from_bytes16((const uint8_t *)bytes);
}
