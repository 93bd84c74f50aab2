/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/campaign.h"

#include "core/clock.h"
#include "sensor/group.h"

#include <string.h>

#define STAY_NS (24 * 3600 * NS_PER_S) /* peers further apart are not one campaign's */

/* What mail programs, browsers and messengers look for by themselves. */
static const uint16_t client_ports[] = { 25,   53,   80,   110,	 123,  143,  443,
					 465,  587,  853,  993,	 995,  1883, 3478,
					 5222, 5223, 5228, 5269, 8080, 8443, 8883 };

unsigned int campaign_ports(const struct evidence *ev, uint16_t port[CAMPAIGN_PORTS])
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < ev->exact; i++) {
		unsigned int at = 0;

		if (ev->leaves >> i & 1)
			continue;
		while (at < n && port[at] < ev->port[i])
			at++;
		if (at < n && port[at] == ev->port[i])
			continue;
		if (n == CAMPAIGN_PORTS)
			return 0;
		memmove(&port[at + 1], &port[at], (n - at) * sizeof(port[0]));
		port[at] = ev->port[i];
		n++;
	}
	return n;
}

static bool has_all(const struct campaign *c, const uint16_t *port, unsigned int n)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < CAMPAIGN_PORTS; i++)
		for (unsigned int j = 0; j < n; j++)
			found += c->port[i] == port[j];
	return found == n;
}

static bool of_family(const struct campaign *c, struct addr peer)
{
	return addr_is_v4(c->peer[0]) == addr_is_v4(peer);
}

struct campaign *campaigns_told(struct campaigns *cs, struct findings *fs, struct addr peer,
				const uint16_t *port, unsigned int n)
{
	for (unsigned int i = 0; i < CAMPAIGNS; i++) {
		struct campaign *c = &cs->slot[i];

		if (!c->told.made || !of_family(c, peer) || !has_all(c, port, n))
			continue;
		if (findings_get(fs, c->told))
			return c;
		c->told.made = c->peers = 0;
	}
	return NULL;
}

bool campaign_for_clients(const uint16_t *port, unsigned int n)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < sizeof(client_ports) / sizeof(client_ports[0]); i++)
		for (unsigned int j = 0; j < n; j++)
			found += client_ports[i] == port[j];
	return found == n;
}

/* A free slot, or that of the longest silent; one that is being told stays. */
static struct campaign *place(struct campaigns *cs, struct findings *fs)
{
	struct campaign *oldest = NULL;

	for (unsigned int i = 0; i < CAMPAIGNS; i++) {
		struct campaign *c = &cs->slot[i];

		if (!c->peers)
			return c;
		if (!findings_get(fs, c->told) && (!oldest || c->last_ns < oldest->last_ns))
			oldest = c;
	}
	return oldest;
}

static bool neighbours(struct addr a, struct addr b)
{
	return addr_eq(group_near(a).addr, group_near(b).addr);
}

struct campaign *campaigns_meet(struct campaigns *cs, struct findings *fs, struct addr peer,
				const uint16_t port[CAMPAIGN_PORTS], bool ordinary, uint64_t now_ns)
{
	struct campaign *c = NULL;

	if (ordinary && campaign_for_clients(port, CAMPAIGN_PORTS))
		return NULL;
	for (unsigned int i = 0; i < CAMPAIGNS && !c; i++)
		if (cs->slot[i].peers && now_ns < cs->slot[i].last_ns + STAY_NS &&
		    of_family(&cs->slot[i], peer) && has_all(&cs->slot[i], port, CAMPAIGN_PORTS))
			c = &cs->slot[i];
	if (!c) {
		c = place(cs, fs);
		if (!c)
			return NULL;
		memset(c, 0, sizeof(*c));
		memcpy(c->port, port, sizeof(c->port));
	}
	c->last_ns = now_ns;
	for (unsigned int i = 0; i < c->peers; i++)
		if (neighbours(c->peer[i], peer))
			return NULL;
	if (c->peers < CAMPAIGN_PEERS)
		c->peer[c->peers++] = peer;
	return c->peers == CAMPAIGN_PEERS ? c : NULL;
}
