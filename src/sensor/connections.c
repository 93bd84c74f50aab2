/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/connections.h"

#include "sensor/netlink.h"
#include "sensor/sock-dump.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

/* Of include/net/tcp_states.h; the kernel's <linux/tcp.h> and libc's <netinet/tcp.h> exclude each other. */
#define STATE_ESTABLISHED 1
#define STATE_SYN_RECV 3

struct listing {
	connection_fn *fn;
	void *arg;
};

/* The structure has grown with every kernel: what an older one does not tell stays zero. */
static void take_info(struct tcp_connection *c, struct cursor value)
{
	struct tcp_info info = { 0 };
	size_t len = cursor_left(&value) < sizeof(info) ? cursor_left(&value) : sizeof(info);

	memcpy(&info, cursor_take(&value, len), len);
	c->asked = info.tcpi_bytes_received;
	c->served = info.tcpi_bytes_acked;
	c->asked_ms = info.tcpi_last_data_recv;
	c->served_ms = info.tcpi_last_data_sent;
}

static void take_socket(const struct inet_diag_msg *msg, struct cursor attributes, void *arg)
{
	const struct listing *to = arg;
	struct tcp_connection c = { 0 };
	struct cursor value;
	uint16_t type;

	c.self = sock_dump_addr(msg, msg->id.idiag_src);
	c.peer = sock_dump_addr(msg, msg->id.idiag_dst);
	c.port = ntohs(msg->id.idiag_sport);
	c.peer_port = ntohs(msg->id.idiag_dport);
	c.half_open = msg->idiag_state == STATE_SYN_RECV;
	c.repeats = c.half_open ? msg->idiag_retrans : 0;
	while (netlink_attr(&attributes, &type, &value))
		if (type == INET_DIAG_INFO)
			take_info(&c, value);
	to->fn(&c, to->arg);
}

int connections_list(int fd, connection_fn *fn, void *arg)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct listing to = { .fn = fn, .arg = arg };
	int err = 0;

	for (unsigned int i = 0; !err && i < sizeof(families); i++) {
		struct inet_diag_req_v2 wanted = {
			.sdiag_family = families[i],
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_ext = 1U << (INET_DIAG_INFO - 1),
			.idiag_states = 1U << STATE_ESTABLISHED | 1U << STATE_SYN_RECV,
		};

		err = sock_dump(fd, &wanted, take_socket, &to);
		/* It changed meanwhile, as it does all the time. */
		if (err == -EINTR)
			err = 0;
	}
	return err;
}
