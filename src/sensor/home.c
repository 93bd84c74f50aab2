/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/home.h"

#include "sensor/host.h"

#define ON_LINK_V4_BITS (ADDR_V4_OFFSET + 24) /* a guess where no netmask is known */
#define ON_LINK_V6_BITS 64

static bool within(const struct conf_prefixes *set, struct addr a)
{
	for (unsigned int i = 0; i < set->count; i++)
		if (prefix_contains(&set->prefix[i], a))
			return true;
	return false;
}

static bool is_home(const struct home *h, struct addr a)
{
	switch (h->mode) {
	case HOME_HOST:
		return host_owns(h->host, a);
	case HOME_GATEWAY:
		if (host_owns(h->host, a))
			return true;
		/* Behind a home router IPv4 is private; IPv6 must be named, or be on one of its links. */
		return h->prefixes.count ? within(&h->prefixes, a) :
					   addr_is_private(a) || host_on_link(h->host, a);
	case HOME_GIVEN:
		return within(&h->prefixes, a);
	case HOME_INFERRED:
		return true;
	}
	return false;
}

enum home_side home_side(const struct home *h, struct addr initiator, struct addr target)
{
	bool own;

	/* The common case first: no address of one's own is multicast. */
	if (h->mode == HOME_HOST && host_owns(h->host, target))
		return host_owns(h->host, initiator) || addr_is_unspecified(initiator) ?
			       HOME_ELSEWHERE :
			       HOME_INBOUND;
	if (addr_is_multicast(target) || addr_is_unspecified(target) ||
	    addr_is_unspecified(initiator) || addr_eq(initiator, target))
		return HOME_ELSEWHERE;
	/* From a private address out to a public one: a client, whoever it is. */
	if (h->mode == HOME_INFERRED)
		return addr_is_private(initiator) && !addr_is_private(target) ? HOME_OUTBOUND :
										HOME_INBOUND;
	own = is_home(h, initiator);
	if (h->mode != HOME_HOST && is_home(h, target))
		return HOME_INBOUND;
	return own ? HOME_OUTBOUND : HOME_ELSEWHERE;
}

bool home_one_host(const struct home *h)
{
	if (h->mode != HOME_GIVEN)
		return h->mode == HOME_HOST;
	for (unsigned int i = 0; i < h->prefixes.count; i++)
		if (h->prefixes.prefix[i].len != ADDR_BITS)
			return false;
	return true;
}

bool home_is_self(const struct home *h, struct addr target)
{
	return (h->mode == HOME_HOST || h->mode == HOME_GATEWAY) && host_owns(h->host, target);
}

bool home_on_link(const struct home *h, struct addr peer, struct addr self)
{
	if (h->host)
		return host_on_link(h->host, peer);
	if (addr_is_link_local(peer))
		return true;
	return addr_is_private(peer) &&
	       addr_common_len(peer, self) >=
		       (addr_is_v4(peer) ? ON_LINK_V4_BITS : ON_LINK_V6_BITS);
}

bool home_own(const struct home *h, struct addr peer, struct addr self)
{
	return addr_is_private(peer) || (h->mode != HOME_INFERRED && is_home(h, peer)) ||
	       addr_common_len(peer, self) >=
		       (addr_is_v4(peer) ? ON_LINK_V4_BITS : ON_LINK_V6_BITS);
}
