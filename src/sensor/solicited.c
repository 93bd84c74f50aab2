/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/solicited.h"

#include "core/clock.h"
#include "sensor/host.h"
#include "sensor/listeners.h"
#include "sensor/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

/* Where what is looked at stands. */
#define COUNTED (1U << KERNEL_SNMP | 1U << KERNEL_SNMP6)

struct question {
	struct nlmsghdr header;
	struct inet_diag_req_v2 diag;
};

struct reply {
	uint32_t seq;
	bool udp;
	enum solicited_socket socket;
};

void solicited_init(struct solicited *s, const struct host *host, const struct listeners *listeners,
		    struct kernel_counter_files *files, uint64_t now_ns)
{
	*s = (struct solicited){ .host = host, .listeners = listeners, .files = files };
	s->fd = listeners->fd;
	s->base_ns = now_ns;
	if (files && kernel_counters_read(files, COUNTED, &s->base))
		s->files = NULL;
}

static void take_reply(const struct nlmsghdr *header, struct cursor payload, void *arg)
{
	struct reply *r = arg;
	struct inet_diag_msg msg;
	const uint8_t *p = cursor_take(&payload, NLMSG_ALIGN(sizeof(msg)));

	if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || !p)
		return;
	memcpy(&msg, p, sizeof(msg));
	if (r->udp)
		r->socket = msg.id.idiag_dport ? SOLICITED_PEER : SOLICITED_SERVER;
	else if (msg.idiag_state != TCP_LISTEN && msg.idiag_state != TCP_CLOSE)
		r->socket = SOLICITED_PEER;
}

static void put_address(__be32 out[4], struct addr a)
{
	uint8_t bytes[16];

	addr_to_bytes16(a, bytes);
	if (addr_is_v4(a))
		memcpy(out, bytes + 12, 4);
	else
		memcpy(out, bytes, 16);
}

/* inet_diag's source is this side; but UDP has it the other way round, "for historical reasons"
 * (net/ipv4/udp_diag.c). */
static enum solicited_socket look_up(struct solicited *s, const struct packet *p)
{
	bool udp = p->proto == PACKET_UDP;
	struct question q = {
		.header = { .nlmsg_len = sizeof(q), .nlmsg_type = SOCK_DIAG_BY_FAMILY },
		.diag = {
			.sdiag_family = addr_is_v4(p->src) ? AF_INET : AF_INET6,
			.sdiag_protocol = udp ? IPPROTO_UDP : IPPROTO_TCP,
			.idiag_states = UINT32_MAX,
			.id = {
				.idiag_sport = htons(udp ? p->sport : p->dport),
				.idiag_dport = htons(udp ? p->dport : p->sport),
				.idiag_if = (uint32_t)p->ifindex,
				.idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE },
			},
		},
	};
	struct reply r = { .udp = udp, .socket = SOLICITED_NONE };
	int err;

	put_address(q.diag.id.idiag_src, udp ? p->src : p->dst);
	put_address(q.diag.id.idiag_dst, udp ? p->dst : p->src);
	s->asked++;
	err = netlink_ask(s->fd, &q.header, take_reply, &r);
	if (!err || err == -ENOENT)
		return r.socket;
	s->failures++;
	return SOLICITED_FAILED;
}

static bool allowed(struct solicited *s, uint64_t now_ns)
{
	if (now_ns >= s->second_ns + NS_PER_S || !s->second_ns) {
		s->second_ns = now_ns;
		s->left = SOLICITED_PER_SECOND;
	}
	if (!s->left) {
		s->limited++;
		return false;
	}
	s->left--;
	return true;
}

enum solicited_socket solicited_socket(struct solicited *s, const struct packet *p, uint64_t now_ns)
{
	bool udp = p->proto == PACKET_UDP;
	unsigned int slot = addr_hash(p->src, (uint32_t)p->sport << 16 | p->dport) % SOLICITED_KEPT;

	if (s->kept[slot].t_ns && now_ns < s->kept[slot].t_ns + SOLICITED_KEPT_MS * NS_PER_MS &&
	    s->kept[slot].udp == udp && s->kept[slot].port == p->dport &&
	    s->kept[slot].peer_port == p->sport && addr_eq(s->kept[slot].peer, p->src) &&
	    addr_eq(s->kept[slot].self, p->dst))
		return s->kept[slot].socket;
	if (s->fd < 0 || !allowed(s, now_ns))
		return SOLICITED_FAILED;
	s->kept[slot].socket = look_up(s, p);
	s->kept[slot].t_ns = now_ns;
	s->kept[slot].peer = p->src;
	s->kept[slot].self = p->dst;
	s->kept[slot].peer_port = p->sport;
	s->kept[slot].port = p->dport;
	s->kept[slot].udp = udp;
	return s->kept[slot].socket;
}

/* Of a counter that has grown since long ago, what falls to the time that samples are of. */
static uint64_t lately(uint64_t grown, uint64_t elapsed_ns)
{
	const uint64_t old_ns = SOLICITED_OLD_MS * NS_PER_MS;

	return elapsed_ns <= old_ns ? grown : grown / (elapsed_ns / old_ns + 1);
}

static void count(struct solicited *s, uint64_t now_ns)
{
	static const enum kernel_counter counters[2] = { KERNEL_TCP_OUT_RSTS, KERNEL_UDP_NO_PORTS };
	struct kernel_counters now;
	uint64_t dropped;

	s->counted = true;
	s->turned_away[0] = s->turned_away[1] = 0;
	if (kernel_counters_read(s->files, COUNTED, &now))
		return;
	dropped = lately(kernel_counters_undelivered(&now, &s->base), now_ns - s->base_ns);
	for (int udp = 0; udp < 2; udp++) {
		uint64_t n = kernel_counters_grown(&now, &s->base, counters[udp]);

		n = n > s->seen[udp] ? n - s->seen[udp] : 0;
		/* And half as many again: samples are drawn at random. */
		s->turned_away[udp] = (n + dropped) * 3 / 2;
		s->seen[udp] = 0;
	}
	s->base = now;
	s->base_ns = now_ns;
}

static bool turned_away(struct solicited *s, bool udp, uint32_t packets, uint64_t now_ns)
{
	if (!s->files)
		return false;
	if (!s->counted && now_ns >= s->base_ns + SOLICITED_COUNT_MS * NS_PER_MS)
		count(s, now_ns);
	if (s->turned_away[udp] < packets)
		return false;
	s->turned_away[udp] -= packets;
	return true;
}

/* May somebody have the socket whom sock_diag does not know? */
static bool others_may(const struct solicited *s, const struct packet *p)
{
	const struct host_link *link = host_link(s->host, p->ifindex);

	return s->host->forwards || (link && link->in_vrf) ||
	       listeners_published(s->listeners, p->proto == PACKET_UDP, p->dst, p->dport);
}

enum packet_solicited solicited_ask(struct solicited *s, const struct packet *p, uint64_t now_ns)
{
	if (p->dir != PACKET_DIR_IN || p->link_group ||
	    (p->proto != PACKET_TCP && p->proto != PACKET_UDP) || !host_owns(s->host, p->dst))
		return PACKET_SOLICITED_UNKNOWN;
	switch (solicited_socket(s, p, now_ns)) {
	case SOLICITED_PEER:
		return PACKET_SOLICITED_YES;
	case SOLICITED_SERVER:
	case SOLICITED_FAILED:
		break;
	case SOLICITED_NONE:
		if (!others_may(s, p) &&
		    turned_away(s, p->proto == PACKET_UDP, p->stands_for, now_ns))
			return PACKET_SOLICITED_NO;
		break;
	}
	return PACKET_SOLICITED_UNKNOWN;
}
