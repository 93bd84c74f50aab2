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

static FILE *open_table(const char *path, char buffer[ROUTERS_BUFFER_BYTES])
{
	FILE *f = fopen(path, "re");

	if (f)
		setvbuf(f, buffer, _IOFBF, ROUTERS_BUFFER_BYTES);
	return f;
}

void routers_init(struct routers *rs)
{
	memset(rs, 0, sizeof(*rs));
	rs->v4 = open_table("/proc/net/route", rs->buffer[0]);
	rs->v6 = open_table("/proc/net/ipv6_route", rs->buffer[1]);
}

void routers_done(struct routers *rs)
{
	if (rs->v4)
		fclose(rs->v4);
	if (rs->v6)
		fclose(rs->v6);
	rs->v4 = rs->v6 = NULL;
}

static void read_table(struct routers *rs, FILE *table,
		       void (*read)(struct routers *rs, FILE *from))
{
	if (!table)
		return;
	rewind(table); /* the kernel writes it anew from its beginning */
	read(rs, table);
}

bool routers_hold(struct routers *rs, struct addr a, uint64_t now_ns)
{
	if (rs->read_ns == 0 || now_ns - rs->read_ns >= ROUTERS_MIN_AGE_S * NS_PER_S) {
		rs->read_ns = now_ns;
		rs->count = 0;
		read_table(rs, rs->v4, routers_read_v4);
		read_table(rs, rs->v6, routers_read_v6);
	}
	for (unsigned int i = 0; i < rs->count; i++)
		if (addr_eq(rs->router[i], a))
			return true;
	return false;
}
