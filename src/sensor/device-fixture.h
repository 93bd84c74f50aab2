/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of the engine that all begin alike: one device, new for each.
 */
#ifndef MIMAMORI_SENSOR_DEVICE_FIXTURE_H
#define MIMAMORI_SENSOR_DEVICE_FIXTURE_H

#include "sensor/engine-fixture.h"

static struct fixture x;

static inline int start(void **state)
{
	(void)state;
	fixture_host(&x);
	return 0;
}

static inline int done(void **state)
{
	(void)state;
	fixture_done(&x);
	return 0;
}

/* Another one, within a test. */
static inline void again(void)
{
	fixture_done(&x);
	fixture_host(&x);
}

/* In vain, by a scanner's raw SYN or by connect(2). */
static inline void probe(struct addr peer, uint16_t port, bool raw)
{
	struct addr self = ip(addr_is_v4(peer) ? DEVICE : DEVICE_V6);

	if (raw)
		syn_probe(&x, peer, self, port, false);
	else
		connect_refused(&x, peer, self, port);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, done)

#endif
