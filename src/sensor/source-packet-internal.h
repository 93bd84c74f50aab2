/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the packet source's files share. */
#ifndef MIMAMORI_SENSOR_SOURCE_PACKET_INTERNAL_H
#define MIMAMORI_SENSOR_SOURCE_PACKET_INTERNAL_H

#include "sensor/filter.h"
#include "sensor/host.h"
#include "sensor/listeners.h"
#include "sensor/packet-ring.h"
#include "sensor/packet-sample.h"
#include "sensor/packet-shed.h"
#include "sensor/packet.h"
#include "sensor/solicited.h"
#include "sensor/source.h"

#include <stdbool.h>
#include <stdint.h>

#define PACKET_SOURCE_SERVED_MAX (LISTENERS_MAX + LISTENERS_PUBLISHED_MAX)

struct packet_source {
	struct source_env env;
	struct engine *engine; /* of the read that is under way */
	struct packet_ring ring;
	struct filter_params filter;
	struct packet_shed shed;
	struct packet_sample sample;
	struct solicited solicited;
	bool closed; /* interfaces are named, and none of them exists: nothing may pass */
	unsigned int n_dropped; /* links to leave out that found no room in the filter */
	int dropped[HOST_MAX_LINKS];
	unsigned int n_lowers; /* below a macvlan or ipvlan */
	int lower[HOST_MAX_LINKS];
	int loopback;
	struct packet_parser parser;
	uint64_t ignored, seen_above, lost;
};

/* What the filter should be now. The caller compares it bytewise, so all of it is set. */
void packet_source_filter(struct packet_source *ps, struct filter_params *f);

#endif
