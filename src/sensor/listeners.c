/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/listeners.h"

#include "core/clock.h"
#include "sensor/netlink.h"
#include "sensor/sock-dump.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DUMP_TRIES 3

/* A listing while it is read: the one before stays in force until the new one is complete. */
struct listing {
	bool udp; /* what is read now */
	unsigned int count;
	uint64_t left_out, digest;
	struct listener entry[LISTENERS_MAX];
};

#define CLIENT_PORTS \
	32768 /* from here up Linux takes the ports of clients, unless told otherwise */

/* Where the entry of a socket came from: SO_REUSEPORT makes many equal ones. */
static bool same(const struct listener *a, const struct listener *b)
{
	return a->port == b->port && a->udp == b->udp && a->v4 == b->v4 && a->v6only == b->v6only &&
	       addr_eq(a->addr, b->addr);
}

static uint64_t digest_of(const struct listener *e)
{
	uint64_t key = (uint64_t)e->port << 8 | e->udp << 2 | e->v4 << 1 | e->v6only;

	/* Two halves under two seeds; added up, so that the kernel's order does not matter. */
	return (uint64_t)addr_hash(e->addr, key) << 32 | addr_hash(e->addr, ~key);
}

static void add(struct listing *to, const struct listener *e)
{
	unsigned int i;

	for (i = 0; i < to->count; i++) {
		if (same(&to->entry[i], e))
			return;
	}
	if (to->count == LISTENERS_MAX) {
		to->left_out++;
		return;
	}
	to->digest += digest_of(e);
	to->entry[to->count++] = *e;
}

static void take_socket(const struct inet_diag_msg *msg, struct cursor attributes, void *arg)
{
	struct listing *to = arg;
	struct listener e = { 0 };
	struct cursor value;
	uint16_t type;

	e.port = ntohs(msg->id.idiag_sport);
	/* A UDP client that keeps to a port of its own (NTP's 123, say) is at home there as well. */
	if (e.port == 0 || (msg->id.idiag_dport != 0 && e.port >= CLIENT_PORTS))
		return;
	e.udp = to->udp;
	e.addr = sock_dump_addr(msg, msg->id.idiag_src);
	while (netlink_attr(&attributes, &type, &value)) {
		uint8_t v6only;

		if (type == INET_DIAG_SKV6ONLY && cursor_u8(&value, &v6only))
			e.v6only = v6only != 0;
	}
	/* An IPv6 socket may be bound to ::ffff:0.0.0.0: any address, but IPv4 alone. */
	if (addr_is_v4(e.addr) && addr_is_unspecified(e.addr))
		e.v4 = 1;
	if (!addr_is_unspecified(e.addr) || e.v4)
		e.v6only = 0;
	add(to, &e);
}

static int list(struct listeners *l, struct listing *to, uint8_t family, bool udp)
{
	/* An unconnected UDP socket is in TCP_CLOSE; one with a peer in TCP_ESTABLISHED. */
	struct inet_diag_req_v2 wanted = {
		.sdiag_family = family,
		.sdiag_protocol = udp ? IPPROTO_UDP : IPPROTO_TCP,
		.idiag_states = udp ? 1U << TCP_CLOSE | 1U << TCP_ESTABLISHED : 1U << TCP_LISTEN,
	};
	unsigned int tries = DUMP_TRIES;
	int err;

	to->udp = udp;
	do {
		err = sock_dump(l->fd, &wanted, take_socket, to);
	} while (err == -EINTR && --tries); /* add() drops what comes twice */
	return err == -EINTR ? 0 : err;
}

/* What served UDP and is not in the next listing any more; clients' ports are nobody's to ask for. */
static void keep_gone(struct listeners *l, const struct listing *next, uint64_t now_ns)
{
	for (unsigned int i = 0; i < l->count; i++) {
		const struct listener *e = &l->entry[i];
		unsigned int j = 0;

		if (!e->udp || e->port >= CLIENT_PORTS)
			continue;
		while (j < next->count && !same(e, &next->entry[j]))
			j++;
		if (j < next->count)
			continue;
		l->gone[l->gone_next].port = e->port;
		l->gone[l->gone_next].t_ns = now_ns;
		l->gone_next = (l->gone_next + 1) % LISTENERS_GONE_MAX;
		if (l->n_gone < LISTENERS_GONE_MAX)
			l->n_gone++;
	}
}

static int read_listing(struct listeners *l, uint64_t now_ns)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct listing next = { 0 };
	int err = 0;
	size_t i;

	/* Set before, so that a listing that fails is not tried again for every packet. */
	l->read_ns = now_ns;
	for (i = 0; i < sizeof(families) && !err; i++) {
		err = list(l, &next, families[i], false);
		if (!err)
			err = list(l, &next, families[i], true);
	}
	if (err) {
		l->failures++;
		return err;
	}
	l->listings++;
	l->left_out = next.left_out;
	if (l->count == next.count && l->digest == next.digest)
		return 0;
	keep_gone(l, &next, now_ns);
	l->count = next.count;
	l->digest = next.digest;
	memcpy(l->entry, next.entry, next.count * sizeof(next.entry[0]));
	l->generation++;
	return 0;
}

int listeners_init(struct listeners *l, uint64_t now_ns)
{
	int err;

	memset(l, 0, sizeof(*l));
	l->fd = netlink_open(NETLINK_SOCK_DIAG, 0);
	if (l->fd < 0) {
		err = l->fd;
		l->fd = -1;
		return err;
	}
	err = read_listing(l, now_ns);
	if (err)
		listeners_done(l);
	return err;
}

void listeners_done(struct listeners *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static bool serves(const struct listener *e, struct addr self)
{
	if (!addr_is_unspecified(e->addr))
		return addr_eq(e->addr, self);
	return addr_is_v4(self) ? !e->v6only : !e->v4;
}

static bool listed(const struct listeners *l, bool udp, struct addr self, uint16_t port)
{
	unsigned int i;

	for (i = 0; i < l->count; i++) {
		const struct listener *e = &l->entry[i];

		if (e->port == port && e->udp == udp && serves(e, self))
			return true;
	}
	return false;
}

bool listeners_published(const struct listeners *l, bool udp, struct addr self, uint16_t port)
{
	unsigned int i;

	for (i = 0; i < l->n_published; i++) {
		if (l->published[i].port == port && l->published[i].udp == udp &&
		    addr_eq(l->published[i].addr, self))
			return true;
	}
	return false;
}

/* Did it serve a moment ago? At whatever address: the filter goes by ports alone. */
static bool just_gone(struct listeners *l, uint16_t port, uint64_t now_ns)
{
	for (unsigned int i = 0; i < l->n_gone; i++) {
		if (l->gone[i].port != port ||
		    l->gone[i].t_ns + LISTENERS_GONE_MS * NS_PER_MS < now_ns)
			continue;
		l->gone[i].t_ns = now_ns;
		return true;
	}
	return false;
}

/* A bucket of LISTENERS_BURST readings that one a LISTENERS_MIN_AGE_MS refills. */
static bool burst_allows(struct listeners *l, uint64_t now_ns)
{
	const uint64_t one_ns = LISTENERS_MIN_AGE_MS * NS_PER_MS;

	if (l->burst_ns > now_ns + (LISTENERS_BURST - 1) * one_ns)
		return false;
	l->burst_ns = (l->burst_ns > now_ns ? l->burst_ns : now_ns) + one_ns;
	return true;
}

enum listeners_answer listeners_lookup(struct listeners *l, bool udp, struct addr self,
				       uint16_t port, uint64_t now_ns)
{
	uint64_t before = l->listings;

	if (l->fd < 0)
		return LISTENERS_CLOSED;
	if (listed(l, udp, self, port) || listeners_published(l, udp, self, port) ||
	    (udp && just_gone(l, port, now_ns)))
		return LISTENERS_OPEN;
	if (udp && burst_allows(l, now_ns))
		read_listing(l, now_ns);
	else
		listeners_refresh(l, now_ns);
	if (l->listings == before)
		return LISTENERS_CLOSED;
	if (listed(l, udp, self, port) || (udp && just_gone(l, port, now_ns)))
		return LISTENERS_OPEN;
	return LISTENERS_CLOSED;
}

int listeners_refresh(struct listeners *l, uint64_t now_ns)
{
	if (l->fd < 0)
		return -EBADF;
	if (now_ns - l->read_ns < LISTENERS_MIN_AGE_MS * NS_PER_MS)
		return 0;
	return read_listing(l, now_ns);
}

/* The directory is there when the protocol is: looking for it loads no module, as a socket would. */
bool listeners_sctp(struct listeners *l, uint64_t now_ns)
{
	struct stat st;

	if (l->sctp_read_ns == 0 || now_ns - l->sctp_read_ns >= LISTENERS_MIN_AGE_MS * NS_PER_MS) {
		l->sctp_read_ns = now_ns;
		l->sctp = stat("/proc/net/sctp", &st) == 0;
	}
	return l->sctp;
}

void listeners_publish(struct listeners *l, bool udp, struct addr self, uint16_t port)
{
	unsigned int i = l->published_next;

	if (listed(l, udp, self, port) || listeners_published(l, udp, self, port))
		return;
	l->published[i].addr = self;
	l->published[i].port = port;
	l->published[i].udp = udp;
	l->published_next = (i + 1) % LISTENERS_PUBLISHED_MAX;
	if (l->n_published < LISTENERS_PUBLISHED_MAX)
		l->n_published++;
	l->generation++;
}

void listeners_withdraw(struct listeners *l, bool udp, struct addr self, uint16_t port)
{
	unsigned int i;

	for (i = 0; i < l->n_published; i++) {
		if (l->published[i].port != port || l->published[i].udp != udp ||
		    !addr_eq(l->published[i].addr, self))
			continue;
		l->published[i] = l->published[--l->n_published];
		l->published_next = l->n_published;
		l->generation++;
		return;
	}
}

/* Inserts in order, once; when full the highest gives way. Returns the new count. */
static unsigned int insert_port(uint16_t *ports, unsigned int count, unsigned int max,
				uint16_t port)
{
	unsigned int at;

	for (at = 0; at < count && ports[at] < port; at++)
		;
	if (at == max || (at < count && ports[at] == port))
		return count;
	if (count < max)
		count++;
	memmove(&ports[at + 1], &ports[at], (count - 1 - at) * sizeof(*ports));
	ports[at] = port;
	return count;
}

static unsigned int ports_of(const struct listeners *l, bool udp, uint16_t *ports, unsigned int max)
{
	unsigned int count = 0, i;

	for (i = 0; i < l->count; i++) {
		if (l->entry[i].udp == udp)
			count = insert_port(ports, count, max, l->entry[i].port);
	}
	for (i = 0; i < l->n_published; i++) {
		if (l->published[i].udp == udp)
			count = insert_port(ports, count, max, l->published[i].port);
	}
	return count;
}

unsigned int listeners_udp_ports(const struct listeners *l, uint16_t *ports, unsigned int max)
{
	return ports_of(l, true, ports, max);
}

unsigned int listeners_tcp_ports(const struct listeners *l, uint16_t *ports, unsigned int max)
{
	return ports_of(l, false, ports, max);
}
