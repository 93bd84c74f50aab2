/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/links.h"

#include "sensor/config.h"

#include <string.h>

bool link_named(const struct sensor_config *config, const char *name)
{
	for (unsigned int i = 0; i < config->interfaces.count; i++)
		if (!strcmp(config->interfaces.name[i], name))
			return true;
	return false;
}

bool link_watched(const struct sensor_config *config, const struct host *h,
		  const struct host_link *link)
{
	const struct host_link *master = link->master ? host_link(h, link->master) : NULL;

	if (config->interfaces.count)
		return link_named(config, link->name) &&
		       !(master && link_named(config, master->name));
	return !link->loopback && !host_link_enslaved(link);
}
