/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/guess-ports.h"

#include "sensor/config.h"
#include "sensor/guess.h"

static void add(struct guess_ports *gp, const struct conf_ports *ports, enum guess_service service)
{
	for (unsigned int i = 0; i < ports->count && gp->count < GUESS_PORTS_MAX; i++) {
		gp->port[gp->count] = ports->port[i];
		gp->service[gp->count++] = (uint8_t)service;
		gp->mask |= 1ULL << (ports->port[i] & 63);
	}
}

void guess_ports_init(struct guess_ports *gp, const struct sensor_config *config)
{
	*gp = (struct guess_ports){ 0 };
	for (unsigned int i = 0; i < GUESS_SERVICES; i++)
		add(gp, &config->guess_ports[i], (enum guess_service)i);
}

uint8_t guess_ports_find(const struct guess_ports *gp, uint16_t port)
{
	if (!(gp->mask >> (port & 63) & 1))
		return 0;
	for (unsigned int i = 0; i < gp->count; i++)
		if (gp->port[i] == port)
			return gp->service[i] + 1;
	return 0;
}

uint16_t guess_ports_first(const struct guess_ports *gp, uint8_t service)
{
	for (unsigned int i = 0; i < gp->count; i++)
		if (gp->service[i] == service)
			return gp->port[i];
	return 0;
}
