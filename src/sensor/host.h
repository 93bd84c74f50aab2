/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this host is: its interfaces and addresses, followed over rtnetlink (rtnetlink(7)).
 *
 * Nothing is polled: the kernel tells of changes. Tables are fixed; what does not fit is counted.
 */
#ifndef MIMAMORI_SENSOR_HOST_H
#define MIMAMORI_SENSOR_HOST_H

#include "core/addr.h"

#include <stdbool.h>
#include <stdint.h>

#define HOST_MAX_LINKS 64
#define HOST_MAX_ADDRS 256
#define HOST_NAME_LEN 16
#define HOST_FORWARDING_SWITCHES 2 /* IPv4's and IPv6's */

struct host_link {
	int ifindex;
	int master; /* of the bridge, bond or VRF it is a member of; 0: none */
	int lower; /* of a VLAN, macvlan or ipvlan: the interface below; 0: none */
	uint16_t arphrd; /* ARPHRD_* */
	bool up, loopback;
	bool vrf; /* is itself a VRF */
	bool in_vrf; /* its master is a VRF */
	char name[HOST_NAME_LEN];
};

struct host_addr {
	struct addr addr;
	struct prefix on_link; /* the prefix of its subnet; full length when it has none */
	int ifindex;
};

struct host {
	int fd; /* rtnetlink socket, non-blocking, for the loop */
	unsigned int n_links, n_addrs;
	struct host_link link[HOST_MAX_LINKS];
	struct host_addr addr[HOST_MAX_ADDRS];
	uint64_t left_out; /* links or addresses that found no room, since all were read last */
	uint32_t generation; /* changes whenever links or addresses change */
	uint16_t ephemeral_first, ephemeral_last; /* net.ipv4.ip_local_port_range, read at open */
	int forwarding_fd[HOST_FORWARDING_SWITCHES]; /* of /proc/sys, open for later; -1: none */
	bool forwards; /* or did, in either family: others may answer in its name (DNAT, containers) */
};

/* Opens the socket and reads everything once. 0 or -errno. Embedded; host_done() closes it. */
int host_init(struct host *h);
void host_done(struct host *h);

/* Reads pending notices; true when something changed. A lost notice (ENOBUFS) re-reads all. */
bool host_update(struct host *h);

/* Is this address one of the host's own? Loopback addresses count as own. */
static inline bool host_owns(const struct host *h, struct addr a)
{
	for (unsigned int i = 0; i < h->n_addrs; i++)
		if (addr_eq(h->addr[i].addr, a))
			return true;
	return addr_is_loopback(a);
}

/* Is it a neighbour: within the subnet of one of the host's addresses, or link-local? */
bool host_on_link(const struct host *h, struct addr a);

/* The link of this index or name, or NULL. Borrowed. */
const struct host_link *host_link(const struct host *h, int ifindex);
const struct host_link *host_link_named(const struct host *h, const char *name);

/* Sent by src from a macvlan or ipvlan: the packet was seen there, before it came to this one below. */
bool host_seen_above(const struct host *h, struct addr src, int ifindex);

/*
 * Are its packets seen again on its master (a bridge, bond, team, Open vSwitch)? A VRF is the
 * exception: drivers/net/vrf.c shows packets on the VRF only to who listens on it by name, so there
 * the member is the place to look, and the VRF itself is left out.
 */
static inline bool host_link_enslaved(const struct host_link *l)
{
	return l->vrf || (l->master != 0 && !l->in_vrf);
}

#endif
