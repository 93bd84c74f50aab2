/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the filter of the packet source should be now: of which interfaces, for which ports.
 */
#include "sensor/source-packet-internal.h"

#include "sensor/config.h"
#include "sensor/host.h"
#include "sensor/links.h"
#include "sensor/listeners.h"
#include "sensor/packet.h"

#include <string.h>

/* Is this interface's master or the one below it named as well? */
static bool index_named(const struct packet_source *ps, int ifindex)
{
	const struct host_link *link = ifindex ? host_link(ps->env.host, ifindex) : NULL;

	return link && link_named(ps->env.config, link->name);
}

static void choose_links(struct packet_source *ps, struct filter_params *f)
{
	const struct sensor_config *config = ps->env.config;
	const struct host *h = ps->env.host;
	unsigned int i;

	ps->n_dropped = ps->n_lowers = 0;
	f->pass_tagged = config->interfaces.count > 0;
	for (i = 0; i < h->n_links; i++) {
		const struct host_link *link = &h->link[i];

		if (link->loopback)
			ps->loopback = link->ifindex;
		if (link->lower)
			ps->lower[ps->n_lowers++] = link->lower;
		if (config->interfaces.count) {
			if (!link_named(config, link->name) || index_named(ps, link->master) ||
			    f->n_only == FILTER_MAX_INTERFACES)
				continue;
			f->only[f->n_only++] = link->ifindex;
			if (index_named(ps, link->lower))
				f->pass_tagged = false;
		} else if (link->loopback || host_link_enslaved(link)) {
			if (f->n_skip < FILTER_MAX_INTERFACES)
				f->skip[f->n_skip++] = link->ifindex;
			else
				ps->dropped[ps->n_dropped++] = link->ifindex;
		}
	}
	ps->closed = config->interfaces.count && !f->n_only;
}

uint8_t filter_sample(const struct host *h, bool v4)
{
	static const uint8_t order[FILTER_SAMPLE] = { 3, 5, 4, 7, 2, 0, 6, 1 };
	unsigned int own = 0, i;

	for (i = 0; i < h->n_addrs; i++) {
		if (addr_is_v4(h->addr[i].addr) == v4)
			own |= 1U << h->addr[i].addr.lo % FILTER_SAMPLE;
	}
	for (i = 0; i < FILTER_SAMPLE - 1 && own >> order[i] & 1; i++)
		;
	return order[i];
}

/* The flooded ports that are served still. */
static void choose_shed_ports(const struct packet_source *ps, struct filter_params *f)
{
	uint16_t served[PACKET_SOURCE_SERVED_MAX];
	unsigned int n, i = 0;

	if (!ps->shed.n_ports)
		return;
	n = listeners_tcp_ports(ps->env.listeners, served, PACKET_SOURCE_SERVED_MAX);
	for (unsigned int j = 0; j < ps->shed.n_ports; j++) {
		while (i < n && served[i] < ps->shed.port[j])
			i++;
		if (i < n && served[i] == ps->shed.port[j])
			f->shed_port[f->n_shed_ports++] = served[i];
	}
}

/* Ports of login services that speak in clear text. */
static void choose_login_ports(const struct packet_source *ps, struct filter_params *f)
{
	const struct conf_ports *ports = ps->env.config->guess_ports;

	for (unsigned int i = 0; i < GUESS_SERVICES; i++)
		for (unsigned int j = 0; i != GUESS_SSH && j < ports[i].count; j++)
			if (f->n_login_ports < FILTER_MAX_LOGIN_PORTS)
				f->login_port[f->n_login_ports++] = ports[i].port[j];
}

void packet_source_filter(struct packet_source *ps, struct filter_params *f)
{
	const struct host *h = ps->env.host;

	memset(f, 0, sizeof(*f));
	choose_links(ps, f);
	f->n_udp_open = listeners_udp_ports(ps->env.listeners, f->udp_open, FILTER_MAX_UDP_PORTS);
	/* From the ephemeral range up nothing passes anyway: no room is spent on those ports. */
	while (f->n_udp_open && f->udp_open[f->n_udp_open - 1] >= h->ephemeral_first)
		f->udp_open[--f->n_udp_open] = 0;
	f->ephemeral_first = h->ephemeral_first;
	f->shed_refusals = ps->shed.refusals;
	choose_shed_ports(ps, f);
	choose_login_ports(ps, f);
	f->gateway = ps->env.config->scope == CONFIG_SCOPE_GATEWAY;
	f->sample_v4 = f->sample_v6 = FILTER_NO_SAMPLE;
	if (ps->env.config->link_sweeps) {
		f->sample_v4 = filter_sample(h, true);
		f->sample_v6 = filter_sample(h, false);
	}
	f->bulk_one_in = ps->sample.one_in;
	f->snaplen = PACKET_SNAPLEN;
}
