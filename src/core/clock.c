/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS_PER_DAY 86400
#define MAX_JITTER_NS 1000000 /* what NTP slews in two seconds at its fastest (adjtimex(2)) */

static uint64_t kernel_clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

void clock_init_replay(struct clock *c)
{
	memset(c, 0, sizeof(*c));
}

void clock_init_live(struct clock *c)
{
	memset(c, 0, sizeof(*c));
	clock_sync_live(c);
	c->now_ns = c->read_ns;
}

void clock_sync_live(struct clock *c)
{
	uint64_t before_ns = kernel_clock_ns(CLOCK_REALTIME);
	uint64_t boot_ns = kernel_clock_ns(CLOCK_BOOTTIME);
	uint64_t after_ns = kernel_clock_ns(CLOCK_REALTIME);
	int64_t offset_ns = (int64_t)(before_ns + (after_ns - before_ns) / 2 - boot_ns);
	int64_t change_ns = offset_ns - c->wall_offset_ns;

	/*
	 * The two clocks are read one after the other, and the process may be held up in between. A
	 * change within what that explains is none: times of packets would jitter by it.
	 */
	if (c->read_ns == 0 || llabs(change_ns) > (int64_t)(after_ns - before_ns) + MAX_JITTER_NS)
		c->wall_offset_ns = offset_ns;
	c->read_ns = boot_ns;
}

uint64_t clock_catch_up(struct clock *c)
{
	clock_sync_live(c);
	return clock_advance(c, c->read_ns);
}

uint64_t clock_advance(struct clock *c, uint64_t t_ns)
{
	if (t_ns < c->now_ns)
		c->backwards++;
	else
		c->now_ns = t_ns;
	return c->now_ns;
}

uint64_t clock_from_wall(const struct clock *c, uint64_t wall_ns)
{
	int64_t t_ns = (int64_t)(wall_ns - (uint64_t)c->wall_offset_ns);

	if (!c->read_ns)
		return (uint64_t)t_ns;
	/* A stamp from before boot, by a clock that was set since, is negative here. */
	if (t_ns < 0 || (uint64_t)t_ns < c->now_ns)
		return c->now_ns;
	if ((uint64_t)t_ns > c->read_ns)
		return c->read_ns > c->now_ns ? c->read_ns : c->now_ns;
	return (uint64_t)t_ns;
}

uint64_t clock_to_wall(const struct clock *c, uint64_t t_ns)
{
	return t_ns + (uint64_t)c->wall_offset_ns;
}

/* Days since 1970-01-01 to a date of the Gregorian calendar, without the C library's time zones. */
static void civil_date(unsigned int days, unsigned int *year, unsigned int *month,
		       unsigned int *day)
{
	static const uint8_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned int y = 1970, m;

	for (;;) {
		bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
		unsigned int length = leap ? 366 : 365;

		if (days >= length) {
			days -= length;
			y++;
			continue;
		}
		for (m = 0; days >= lengths[m] + (m == 1 && leap ? 1u : 0u); m++)
			days -= lengths[m] + (m == 1 && leap ? 1u : 0u);
		break;
	}
	*year = y;
	*month = m + 1;
	*day = days + 1;
}

const char *clock_format(uint64_t wall_ns, char buf[CLOCK_TIMESTAMP_LEN])
{
	unsigned int year, month, day;
	uint64_t seconds = wall_ns / NS_PER_S;
	unsigned int of_day = (unsigned int)(seconds % SECONDS_PER_DAY);
	unsigned int micros = (unsigned int)(wall_ns % NS_PER_S / 1000);

	civil_date((unsigned int)(seconds / SECONDS_PER_DAY), &year, &month, &day);
	snprintf(buf, CLOCK_TIMESTAMP_LEN, "%04u-%02u-%02uT%02u:%02u:%02u.%06u+0000", year % 10000,
		 month % 100, day % 100, of_day / 3600 % 24, of_day / 60 % 60, of_day % 60, micros);
	return buf;
}
