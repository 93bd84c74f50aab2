/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/host.h"

#include "sensor/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DUMP_TRIES 5 /* while interfaces come and go a listing may be interrupted again and again */
#define EPHEMERAL_FIRST 32768 /* Linux's defaults */
#define EPHEMERAL_LAST 60999

/* The kinds whose IFLA_LINK is the interface below; of a veth it is the other end. */
static const char *const stacked_kinds[] = { "vlan", "macvlan", "macvtap", "ipvlan", "ipvtap" };

static void read_ephemeral(struct host *h)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned int first = 0, last = 0;

	h->ephemeral_first = EPHEMERAL_FIRST;
	h->ephemeral_last = EPHEMERAL_LAST;
	if (!f)
		return;
	if (fscanf(f, "%u %u", &first, &last) == 2 && first >= 1 && first <= last &&
	    last <= UINT16_MAX) {
		h->ephemeral_first = (uint16_t)first;
		h->ephemeral_last = (uint16_t)last;
	}
	fclose(f);
}

#define GROUP(g) (1U << ((g)-1)) /* the multicast groups without an RTMGRP_ name */

static const char *const switch_path[HOST_FORWARDING_SWITCHES] = {
	"/proc/sys/net/ipv4/ip_forward",
	"/proc/sys/net/ipv6/conf/all/forwarding",
};

static bool read_switch(int fd)
{
	char on;

	return fd >= 0 && pread(fd, &on, 1, 0) == 1 && on != '0';
}

/* Never taken back: packets that wait in the ring may be older than the end of forwarding. */
static void read_forwarding(struct host *h)
{
	for (unsigned int i = 0; i < HOST_FORWARDING_SWITCHES; i++)
		h->forwards |= read_switch(h->forwarding_fd[i]);
}

/* Does this say that IPv4 is forwarded for an interface, whatever holds for all? */
static bool forwards_there(struct cursor payload)
{
	const uint8_t *p = cursor_take(&payload, NLMSG_ALIGN(sizeof(struct netconfmsg)));
	uint32_t ifindex = (uint32_t)NETCONFA_IFINDEX_DEFAULT, on = 0;
	struct cursor value;
	uint16_t type;

	if (!p || p[0] != AF_INET)
		return false;
	while (netlink_attr(&payload, &type, &value)) {
		if (type == NETCONFA_IFINDEX)
			netlink_u32(value, &ifindex);
		else if (type == NETCONFA_FORWARDING)
			netlink_u32(value, &on);
	}
	return on && ifindex != (uint32_t)NETCONFA_IFINDEX_DEFAULT;
}

static void parse_linkinfo(struct cursor info, struct host_link *link, bool *stacked)
{
	struct cursor value;
	uint16_t type;

	while (netlink_attr(&info, &type, &value)) {
		if (type == IFLA_INFO_KIND) {
			size_t i;

			link->vrf = netlink_text_is(value, "vrf");
			for (i = 0; i < sizeof(stacked_kinds) / sizeof(stacked_kinds[0]); i++)
				*stacked |= netlink_text_is(value, stacked_kinds[i]);
		} else if (type == IFLA_INFO_SLAVE_KIND) {
			link->in_vrf = netlink_text_is(value, "vrf");
		}
	}
}

static bool parse_link(struct cursor c, struct host_link *link)
{
	bool stacked = false, elsewhere = false;
	uint32_t u32, below = 0;
	struct ifinfomsg info;
	struct cursor value;
	const uint8_t *p;
	uint16_t type;

	memset(link, 0, sizeof(*link));
	p = cursor_take(&c, NLMSG_ALIGN(sizeof(info)));
	if (!p)
		return false;
	memcpy(&info, p, sizeof(info));
	/* Bridges tell of their ports in messages of AF_BRIDGE: a port that leaves is not gone. */
	if (info.ifi_family != AF_UNSPEC || info.ifi_index <= 0)
		return false;
	link->ifindex = info.ifi_index;
	link->arphrd = info.ifi_type;
	link->up = info.ifi_flags & IFF_UP;
	link->loopback = info.ifi_flags & IFF_LOOPBACK;

	while (netlink_attr(&c, &type, &value)) {
		size_t len = cursor_left(&value);

		if (type == IFLA_IFNAME && len > 0 && len <= sizeof(link->name)) {
			memcpy(link->name, value.pos, len);
			link->name[sizeof(link->name) - 1] = '\0';
		} else if (type == IFLA_MASTER && netlink_u32(value, &u32)) {
			link->master = (int)u32;
		} else if (type == IFLA_LINK && netlink_u32(value, &u32)) {
			below = u32;
		} else if (type == IFLA_LINK_NETNSID) {
			elsewhere = true; /* below is an index of another namespace */
		} else if (type == IFLA_LINKINFO) {
			parse_linkinfo(value, link, &stacked);
		}
	}
	if (stacked && !elsewhere)
		link->lower = (int)below;
	return true;
}

static bool parse_addr(struct cursor c, struct host_addr *out)
{
	struct cursor value, local = { 0 }, address = { 0 };
	struct ifaddrmsg info;
	struct addr subnet;
	const uint8_t *p;
	uint16_t type;
	size_t len;

	p = cursor_take(&c, NLMSG_ALIGN(sizeof(info)));
	if (!p)
		return false;
	memcpy(&info, p, sizeof(info));
	if (info.ifa_family != AF_INET && info.ifa_family != AF_INET6)
		return false;
	len = info.ifa_family == AF_INET ? 4 : 16;
	if (info.ifa_prefixlen > len * 8)
		return false;

	while (netlink_attr(&c, &type, &value)) {
		if (cursor_left(&value) != len)
			continue;
		if (type == IFA_LOCAL)
			local = value;
		else if (type == IFA_ADDRESS)
			address = value;
	}
	/* On a point-to-point link ADDRESS is the other end, and the subnet is of that. */
	if (!local.pos)
		local = address;
	if (!address.pos)
		address = local;
	if (!local.pos)
		return false;

	memset(out, 0, sizeof(*out));
	out->addr = len == 4 ? addr_from_bytes4(local.pos) : addr_from_bytes16(local.pos);
	subnet = len == 4 ? addr_from_bytes4(address.pos) : addr_from_bytes16(address.pos);
	out->on_link.len = (uint8_t)(info.ifa_prefixlen + (len == 4 ? ADDR_V4_OFFSET : 0));
	out->on_link.addr = addr_mask(subnet, out->on_link.len);
	out->ifindex = (int)info.ifa_index;
	return true;
}

static void set_link(struct host *h, const struct host_link *link)
{
	unsigned int i;

	for (i = 0; i < h->n_links && h->link[i].ifindex != link->ifindex; i++)
		;
	if (i == HOST_MAX_LINKS) {
		h->left_out++;
		return;
	}
	if (i < h->n_links && !memcmp(&h->link[i], link, sizeof(*link)))
		return; /* statistics, wireless events: nothing for us */
	if (i == h->n_links)
		h->n_links++;
	h->link[i] = *link;
	h->generation++;
}

static unsigned int find_addr(const struct host *h, const struct host_addr *a)
{
	unsigned int i;

	for (i = 0; i < h->n_addrs; i++) {
		const struct host_addr *have = &h->addr[i];

		if (have->ifindex == a->ifindex && addr_eq(have->addr, a->addr) &&
		    have->on_link.len == a->on_link.len &&
		    addr_eq(have->on_link.addr, a->on_link.addr))
			break;
	}
	return i;
}

static void set_addr(struct host *h, const struct host_addr *a)
{
	unsigned int i = find_addr(h, a);

	if (i == HOST_MAX_ADDRS) {
		h->left_out++;
		return;
	}
	if (i < h->n_addrs)
		return; /* a lifetime was extended */
	h->addr[h->n_addrs++] = *a;
	h->generation++;
}

static void remove_addr(struct host *h, unsigned int i)
{
	h->addr[i] = h->addr[--h->n_addrs];
	h->generation++;
}

static void remove_link(struct host *h, int ifindex)
{
	unsigned int i;

	for (i = h->n_addrs; i-- > 0;) {
		if (h->addr[i].ifindex == ifindex)
			remove_addr(h, i);
	}
	for (i = 0; i < h->n_links; i++) {
		if (h->link[i].ifindex == ifindex) {
			h->link[i] = h->link[--h->n_links];
			h->generation++;
			break;
		}
	}
}

static void take_message(const struct nlmsghdr *header, struct cursor payload, void *arg)
{
	struct host *h = arg;
	struct host_link link;
	struct host_addr a;
	unsigned int i;

	switch (header->nlmsg_type) {
	case RTM_NEWLINK:
		if (parse_link(payload, &link))
			set_link(h, &link);
		break;
	case RTM_DELLINK:
		if (parse_link(payload, &link))
			remove_link(h, link.ifindex);
		break;
	case RTM_NEWADDR:
		if (parse_addr(payload, &a))
			set_addr(h, &a);
		break;
	case RTM_DELADDR:
		if (!parse_addr(payload, &a))
			break;
		i = find_addr(h, &a);
		if (i < h->n_addrs)
			remove_addr(h, i);
		break;
	case RTM_DELQDISC:
	case RTM_DELTFILTER:
		/* Perhaps a source's: it has to look. */
		if (cursor_take(&payload, sizeof(struct tcmsg)))
			h->generation++;
		break;
	case RTM_NEWNETCONF:
		read_forwarding(h);
		h->forwards |= forwards_there(payload);
		break;
	}
}

static int dump_links(struct host *h)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
		struct nlattr attr;
		uint32_t mask;
	} request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETLINK },
		.attr = { .nla_len = NLA_HDRLEN + sizeof(uint32_t), .nla_type = IFLA_EXT_MASK },
		.mask = RTEXT_FILTER_SKIP_STATS,
	};

	return netlink_dump(h->fd, &request.header, take_message, h);
}

static int dump_addrs(struct host *h)
{
	struct {
		struct nlmsghdr header;
		struct ifaddrmsg info;
	} request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETADDR },
	};

	return netlink_dump(h->fd, &request.header, take_message, h);
}

/* IPv6 forwards nowhere unless it does everywhere (net.ipv6.conf.all.forwarding). */
static int dump_forwarding(struct host *h)
{
	struct {
		struct nlmsghdr header;
		struct netconfmsg netconf;
	} request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETNETCONF },
		.netconf = { .ncm_family = AF_INET },
	};

	return netlink_dump(h->fd, &request.header, take_message, h);
}

/* Notices that were queued before come before the listing, in order: none of them is stale. */
static int read_all(struct host *h)
{
	unsigned int tries = DUMP_TRIES;
	int err;

	do {
		h->n_links = h->n_addrs = 0;
		h->left_out = 0;
		h->generation++;
		err = dump_links(h);
		if (!err)
			err = dump_addrs(h);
		if (!err)
			err = dump_forwarding(h);
	} while ((err == -EINTR || err == -ENOBUFS) && --tries);
	/* Still interrupted: what was read is complete but for changes that notices will bring. */
	return err == -EINTR ? 0 : err;
}

int host_init(struct host *h)
{
	int err;

	memset(h, 0, sizeof(*h));
	for (unsigned int i = 0; i < HOST_FORWARDING_SWITCHES; i++)
		h->forwarding_fd[i] = open(switch_path[i], O_RDONLY | O_CLOEXEC);
	h->fd = netlink_open(NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
						    RTMGRP_TC | GROUP(RTNLGRP_IPV4_NETCONF) |
						    GROUP(RTNLGRP_IPV6_NETCONF));
	if (h->fd < 0) {
		err = h->fd;
		host_done(h);
		return err;
	}
	read_ephemeral(h);
	read_forwarding(h);
	err = read_all(h);
	if (err)
		host_done(h);
	return err;
}

void host_done(struct host *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
	for (unsigned int i = 0; i < HOST_FORWARDING_SWITCHES; i++) {
		if (h->forwarding_fd[i] >= 0)
			close(h->forwarding_fd[i]);
		h->forwarding_fd[i] = -1;
	}
}

bool host_update(struct host *h)
{
	uint32_t before = h->generation;
	unsigned int had = h->n_links + h->n_addrs;
	int err = netlink_notices(h->fd, take_message, h);

	/* Notices were lost; or something left, so that what found no room may find it now. */
	if (err || (h->left_out && h->n_links + h->n_addrs < had))
		read_all(h);
	return h->generation != before;
}

bool host_on_link(const struct host *h, struct addr a)
{
	unsigned int i;

	for (i = 0; i < h->n_addrs; i++) {
		if (prefix_contains(&h->addr[i].on_link, a))
			return true;
	}
	return addr_is_link_local(a);
}

const struct host_link *host_link(const struct host *h, int ifindex)
{
	unsigned int i;

	for (i = 0; i < h->n_links; i++) {
		if (h->link[i].ifindex == ifindex)
			return &h->link[i];
	}
	return NULL;
}

const struct host_link *host_link_named(const struct host *h, const char *name)
{
	unsigned int i;

	for (i = 0; i < h->n_links; i++) {
		if (!strcmp(h->link[i].name, name))
			return &h->link[i];
	}
	return NULL;
}

bool host_seen_above(const struct host *h, struct addr src, int ifindex)
{
	bool above = false;

	for (unsigned int i = 0; i < h->n_addrs; i++) {
		const struct host_link *link;

		if (!addr_eq(h->addr[i].addr, src))
			continue;
		if (h->addr[i].ifindex == ifindex)
			return false;
		link = host_link(h, h->addr[i].ifindex);
		above |= link && link->lower == ifindex;
	}
	return above;
}
