/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scanners of one neighbourhood that begin together: their packets alternate, but each scans for itself and
 * is a finding of its own.
 */
#include "sensor/engine-fixture.h"

#define SCANNERS 10
#define EACH 40 /* probes */
#define PORTS 100 /* that they choose from, as of nmap -F */
#define PROCESSORS 2
#define STEP_NS 20000
#define SLICE_STEPS 400 /* mean run of a scanner before another takes its processor */
#define RUNS 1000
/* Now and then the first few packets are in just the order of a shared scan's: nothing tells them apart. */
#define UNLUCKY (RUNS / 100)

static struct fixture x;

struct scanner {
	struct addr peer;
	unsigned int sent;
	uint16_t port[PORTS]; /* in the order in which it asks for them */
	bool on; /* a processor */
};

static int done(void **state)
{
	(void)state;
	fixture_done(&x);
	return 0;
}

static void shuffle(struct scanner *s, uint64_t *seed)
{
	for (uint16_t i = 0; i < PORTS; i++) {
		uint64_t j = next_random(seed) % (i + 1U);

		s->port[i] = s->port[j];
		s->port[j] = 1000 + 7 * i;
	}
}

/* Any scanner that has work to do and no processor; none: SCANNERS. */
static unsigned int waiting(const struct scanner *s, uint64_t *seed)
{
	unsigned int first = next_random(seed) % SCANNERS;

	for (unsigned int i = 0; i < SCANNERS; i++) {
		unsigned int n = (first + i) % SCANNERS;

		if (s[n].sent < EACH && !s[n].on)
			return n;
	}
	return SCANNERS;
}

/* All scanners, to their end, on a machine that runs PROCESSORS of them at a time. */
static void scan(struct scanner *s, struct addr self, bool raw, uint64_t *seed)
{
	unsigned int on[PROCESSORS];

	for (unsigned int i = 0; i < PROCESSORS; i++) {
		on[i] = waiting(s, seed);
		s[on[i]].on = true;
	}
	for (unsigned int left = SCANNERS * EACH; left;) {
		unsigned int *place = &on[next_random(seed) % PROCESSORS];
		struct scanner *now = &s[*place];

		if (now->sent < EACH) {
			if (raw)
				syn_probe(&x, now->peer, self, now->port[now->sent], false);
			else
				connect_refused(&x, now->peer, self, now->port[now->sent]);
			now->sent++;
			left--;
		}
		if (now->sent == EACH || next_random(seed) % SLICE_STEPS == 0) {
			unsigned int next = waiting(s, seed);

			if (next < SCANNERS) {
				now->on = false;
				*place = next;
				s[next].on = true;
			}
		}
		clock_advance(&x.clock, x.clock.now_ns + STEP_NS);
	}
}

/* Has each of them been told, and no group? */
static bool each_told(const struct scanner *s)
{
	if (told_phase(&x, FINDING_START) != SCANNERS)
		return false;
	for (unsigned int i = 0; i < SCANNERS; i++)
		if (told_of(&x, s[i].peer, FINDING_START) != 1)
			return false;
	return true;
}

static void begin_together(const char *first, uint64_t apart, bool raw)
{
	struct addr self = ip(addr_is_v4(ip(first)) ? DEVICE : DEVICE_V6);
	unsigned int unlucky = 0;

	for (uint64_t run = 0; run < RUNS; run++) {
		struct scanner s[SCANNERS] = { 0 };
		uint64_t seed = run;

		fixture_host(&x);
		for (unsigned int i = 0; i < SCANNERS; i++) {
			s[i].peer = ip(first);
			s[i].peer.lo += i * apart;
			shuffle(&s[i], &seed);
		}
		scan(s, self, raw, &seed);
		unlucky += !each_told(s);
		fixture_done(&x);
	}
	assert_in_range(unlucky, 0, UNLUCKY);
}

static void test_v4_raw(void **state)
{
	(void)state;
	begin_together("198.51.100.7", 20, true);
}

static void test_v4_connect(void **state)
{
	(void)state;
	begin_together("198.51.100.7", 20, false);
}

static void test_v6_raw(void **state)
{
	(void)state;
	begin_together("2001:db8:5:6::1001", 4097, true);
}

static void test_v6_connect(void **state)
{
	(void)state;
	begin_together("2001:db8:5:6::1001", 4097, false);
}

#define TEST(name) cmocka_unit_test_teardown(name, done)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_v4_raw), TEST(test_v4_connect),
					    TEST(test_v6_raw), TEST(test_v6_connect) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
