/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/engine-fixture.h"
#include "sensor/knock.h"

#include <stdio.h>

static void knocking(struct fixture *x)
{
	static const uint16_t served[] = { 22 };

	fixture_init(x);
	fixture_own(x, DEVICE, "192.0.2.0/24");
	fixture_listen(x, served[0], false);
	x->config.knock = (struct conf_sequences){
		.count = 2,
		.sequence = {
			{ 4, { 7000, 7000, 8000, 9000 }, { false } },
			{ 3, { 2222, 40000, 4444 }, { false, true, false } },
		},
	};
	fixture_start(x, HOME_HOST, NULL);
}

static bool step(struct knocks *ks, const char *peer, uint16_t port, bool udp, uint64_t now_s)
{
	struct probe p = {
		.peer = ip(peer),
		.self = ip(DEVICE),
		.port = port,
		.kind = udp ? PROBE_UDP : PROBE_CONNECT,
	};

	return knocks_take(ks, &p, now_s * NS_PER_S);
}

static void given(struct knocks *ks)
{
	struct fixture x;

	knocking(&x);
	knocks_init(ks, &x.config.knock);
	fixture_done(&x);
}

static void test_in_order(void **state)
{
	struct knocks ks;

	(void)state;
	given(&ks);
	for (unsigned int round = 0; round < 3; round++) {
		assert_true(step(&ks, "192.0.2.7", 7000, false, 10));
		assert_true(step(&ks, "192.0.2.7", 8000, false, 11));
		assert_true(step(&ks, "192.0.2.7", 9000, false, 12));
	}
	assert_false(step(&ks, "192.0.2.7", 9000, false, 13));
}

static void test_out_of_order(void **state)
{
	struct knocks ks;

	(void)state;
	given(&ks);
	assert_false(step(&ks, "192.0.2.7", 8000, false, 10));
	assert_true(step(&ks, "192.0.2.7", 7000, false, 10));
	assert_false(step(&ks, "192.0.2.7", 9000, false, 11));
	assert_false(step(&ks, "192.0.2.7", 8000, false, 12));
	assert_false(step(&ks, "192.0.2.7", 23, false, 13));
}

/* Another's steps do not help, and time runs out. */
static void test_each_for_itself(void **state)
{
	struct knocks ks;

	(void)state;
	given(&ks);
	assert_true(step(&ks, "192.0.2.7", 7000, false, 10));
	assert_false(step(&ks, "192.0.2.8", 8000, false, 11));
	assert_false(step(&ks, "192.0.2.7", 8000, false, 41));
}

static void test_udp_may_be_missed(void **state)
{
	struct knocks ks;

	(void)state;
	given(&ks);
	assert_true(step(&ks, "192.0.2.7", 2222, false, 10));
	assert_true(step(&ks, "192.0.2.7", 4444, false, 11));
	assert_true(step(&ks, "192.0.2.7", 2222, false, 12));
	assert_true(step(&ks, "192.0.2.7", 40000, true, 12));
	assert_false(step(&ks, "192.0.2.7", 4444, true, 12));
}

/* A flood of first steps: the table stays as it is, and somebody is always served. */
static void test_many_begin(void **state)
{
	struct knocks ks;
	char peer[32];

	(void)state;
	given(&ks);
	for (unsigned int i = 0; i < 1000; i++) {
		snprintf(peer, sizeof(peer), "10.0.%u.%u", i / 250, i % 250);
		assert_true(step(&ks, peer, 7000, false, 10 + i / 100));
	}
	assert_true(step(&ks, peer, 8000, false, 20));
}

/* Every day, thrice, beside a mistyped port: not a word. */
static void test_silent_for_the_engine(void **state)
{
	static const uint16_t ports[] = { 7000, 8000, 9000 };
	struct fixture x;

	(void)state;
	knocking(&x);
	for (unsigned int day = 0; day < 3; day++) {
		for (unsigned int time = 0; time < 3; time++) {
			for (unsigned int i = 0; i < 3; i++) {
				connect_refused(&x, ip("198.51.100.7"), ip(DEVICE), ports[i]);
				sleep_s(&x, 1);
			}
			sleep_s(&x, 600);
		}
		connect_refused(&x, ip("198.51.100.7"), ip(DEVICE), 7777);
		sleep_s(&x, (uint64_t)24 * 3600);
	}
	assert_int_equal(stats_of(&x).knocks, 27);
	assert_int_equal(stats_of(&x).failed, 1);
	assert_int_equal(x.n_told, 0);
	fixture_done(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_out_of_order),
		cmocka_unit_test(test_each_for_itself),
		cmocka_unit_test(test_udp_may_be_missed),
		cmocka_unit_test(test_many_begin),
		cmocka_unit_test(test_silent_for_the_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
