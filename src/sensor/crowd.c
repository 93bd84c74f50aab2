/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/crowd.h"

#include "sensor/packet.h"

#include <string.h>

#define STEP_SHIFT 35 /* 34 s, as a power of two nanoseconds: no packet costs a division */
#define COUNT_MAX (UINT32_MAX / 2)

enum { SHAPE, WINDOW, PATH, NET, PORT };

_Static_assert(PORT == CROWD_TRAITS, "the port is not kept among the traits");

/* Counters begin at one, whose logarithm is nothing. */
void crowd_init(struct crowd *c)
{
	memset(c, 0, sizeof(*c));
	for (unsigned int i = 0; i <= CROWD_TRAITS; i++)
		for (unsigned int j = 0; j < 256; j++)
			c->count[i][j] = 1;
}

/* Knuth's multiplicative hash. */
static uint8_t byte_of(uint32_t value)
{
	return (uint8_t)(value * 2654435769u >> 24);
}

void crowd_traits(const struct packet *p, struct addr peer, uint8_t kind,
		  uint8_t trait[CROWD_TRAITS])
{
	bool v4 = addr_is_v4(peer);
	uint64_t net = v4 ? peer.lo >> 16 : peer.hi >> 16;

	trait[SHAPE] = byte_of((uint32_t)kind << 9 | (uint32_t)p->tcp_options << 1 | v4);
	trait[WINDOW] = byte_of(p->proto == PACKET_TCP ? p->tcp_window : p->payload);
	trait[PATH] = byte_of(p->link ^ p->ttl);
	trait[NET] = byte_of((uint32_t)(net ^ net >> 32));
}

static void fade(struct crowd *c, uint64_t step)
{
	uint64_t steps = step - c->step;
	unsigned int shift = steps < 31 ? (unsigned int)steps : 31;

	c->step = step;
	for (unsigned int i = 0; i <= CROWD_TRAITS; i++)
		for (unsigned int j = 0; j < 256; j++) {
			uint8_t bits = c->bits[i][j];

			c->bits[i][j] = bits > shift ? (uint8_t)(bits - shift) : 0;
			c->count[i][j] = bits > shift ? c->count[i][j] >> shift : 1;
		}
}

static void bump(struct crowd *c, unsigned int trait, uint8_t value)
{
	uint32_t count = c->count[trait][value];

	if (count == COUNT_MAX)
		return;
	c->count[trait][value] = ++count;
	if ((count & (count - 1)) == 0) {
		c->bits[trait][value]++;
		c->raised++;
	}
}

void crowd_count(struct crowd *c, const uint8_t trait[CROWD_TRAITS], uint16_t port, uint64_t now_ns)
{
	if (now_ns >> STEP_SHIFT != c->step)
		fade(c, now_ns >> STEP_SHIFT);
	for (unsigned int i = 0; i < CROWD_TRAITS; i++)
		bump(c, i, trait[i]);
	bump(c, PORT, crowd_port(port));
}
