/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/routers.h"

#include "core/clock.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#define LINE_LEN 256
#define RTF_GATEWAY 2 /* linux/route.h */

static void add(struct routers *rs, struct addr a)
{
	for (unsigned int i = 0; i < rs->count; i++)
		if (addr_eq(rs->router[i], a))
			return;
	if (rs->count < ROUTERS_MAX)
		rs->router[rs->count++] = a;
}

/* Interface, destination, gateway, flags; addresses as the machine's own 32-bit numbers. */
void routers_read_v4(struct routers *rs, FILE *from)
{
	char line[LINE_LEN];
	uint32_t gateway;
	unsigned int flags;

	for (unsigned int n = 0; n < ROUTERS_MAX_LINES && fgets(line, sizeof(line), from); n++)
		if (sscanf(line, "%*s %*x %" SCNx32 " %x", &gateway, &flags) == 2 &&
		    (flags & RTF_GATEWAY))
			add(rs, addr_from_v4(ntohl(gateway)));
}

/* Destination, its length, source, its length, next hop, metric, two counters, flags. */
void routers_read_v6(struct routers *rs, FILE *from)
{
	char line[LINE_LEN];
	uint64_t hi, lo;
	unsigned int flags;

	for (unsigned int n = 0; n < ROUTERS_MAX_LINES && fgets(line, sizeof(line), from); n++)
		if (sscanf(line, "%*s %*x %*s %*x %16" SCNx64 "%16" SCNx64 " %*x %*x %*x %x", &hi,
			   &lo, &flags) == 3 &&
		    (flags & RTF_GATEWAY))
			add(rs, (struct addr){ hi, lo });
}

static void read_file(struct routers *rs, const char *path,
		      void (*read)(struct routers *rs, FILE *from))
{
	FILE *from = fopen(path, "re");

	if (!from)
		return;
	read(rs, from);
	fclose(from);
}

bool routers_hold(struct routers *rs, struct addr a, uint64_t now_ns)
{
	if (rs->read_ns == 0 || now_ns - rs->read_ns >= ROUTERS_MIN_AGE_S * NS_PER_S) {
		rs->read_ns = now_ns;
		rs->count = 0;
		read_file(rs, "/proc/net/route", routers_read_v4);
		read_file(rs, "/proc/net/ipv6_route", routers_read_v6);
	}
	for (unsigned int i = 0; i < rs->count; i++)
		if (addr_eq(rs->router[i], a))
			return true;
	return false;
}
