/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ladder with sources that do as a test bids: each opens, starts, reads and dies by a row of
 * `will`. What is expected comes from ladder.h's theory of operation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/clock.h"
#include "core/log.h"
#include "sensor/config.h"
#include "sensor/ladder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BEST, MIDDLE, LAST, FAKES };

static struct will {
	int open, start, read, attach, follow; /* 0 or more, or -errno */
	unsigned int opened, started, stopped, attached, detached;
	const char *blind;
} will[FAKES];

static struct told {
	enum ladder_phase phase;
	const char *source, *before;
	char reason[LADDER_REASON_LEN], refused[LADDER_REASON_LEN];
	uint64_t unwatched_ns;
} told[64];
static unsigned int n_told;
static struct clock test_clock;
static struct sensor_config config;
static struct ladder ladder;

static unsigned int rung_of(const struct source *s);

static int fake_start(struct source *s, const struct source_env *env, char *error, size_t error_len)
{
	struct will *w = &will[rung_of(s)];

	if (w->start < 0) {
		snprintf(error, error_len, "no such kernel option");
		return w->start;
	}
	w->started++;
	s->state = w;
	s->lag_ns = 7;
	s->blind = w->blind;
	close(env->privileged_fd);
	return 0;
}

static int fake_read(struct source *s, struct engine *engine)
{
	(void)engine;
	return will[rung_of(s)].read;
}

static int fake_reconfigure(struct source *s)
{
	s->blind = will[rung_of(s)].blind;
	return will[rung_of(s)].follow;
}

static int fake_fd(const struct source *s)
{
	return 1000 + (int)rung_of(s);
}

static void fake_stats(struct source *s, struct source_stats *out)
{
	(void)s;
	*out = (struct source_stats){ .packets = 100, .unasked = 1 };
}

static void fake_stop(struct source *s)
{
	will[rung_of(s)].stopped++;
	s->state = NULL;
}

#define FAKE(n)                                                                    \
	{                                                                          \
		.name = n, .cannot_see = "what " n " cannot", .start = fake_start, \
		.read = fake_read, .reconfigure = fake_reconfigure, .fd = fake_fd, \
		.stats = fake_stats, .stop = fake_stop                             \
	}

static const struct source_ops fakes[FAKES] = { FAKE("best"), FAKE("middle"), FAKE("last") };
static const struct source_ops *const table[] = { &fakes[BEST], &fakes[MIDDLE], &fakes[LAST],
						  NULL };

static unsigned int rung_of(const struct source *s)
{
	return (unsigned int)(s->ops - fakes);
}

static int open_rung(unsigned int i, char reason[LADDER_REASON_LEN], void *arg)
{
	(void)arg;
	will[i].opened++;
	if (will[i].open < 0) {
		snprintf(reason, LADDER_REASON_LEN, "needs CAP_%u", i);
		return will[i].open;
	}
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int attach(int fd, void *arg)
{
	struct will *w = &will[fd - 1000];

	(void)arg;
	w->attached += w->attach == 0;
	return w->attach;
}

static void detach(int fd, void *arg)
{
	(void)arg;
	will[fd - 1000].detached++;
}

static void tell(const struct ladder_change *c, void *arg)
{
	struct told *t = &told[n_told++];

	(void)arg;
	assert_true(n_told < sizeof(told) / sizeof(told[0]));
	*t = (struct told){ .phase = c->phase,
			    .source = c->source->name,
			    .before = c->before ? c->before->name : NULL,
			    .unwatched_ns = c->unwatched_ns };
	if (c->reason)
		snprintf(t->reason, sizeof(t->reason), "%s", c->reason);
	for (unsigned int i = 0; i < c->n_refused; i++)
		snprintf(t->refused + strlen(t->refused), sizeof(t->refused) - strlen(t->refused),
			 "%s: %s;", c->refused[i].source, c->refused[i].why);
}

static int start(const char *wanted)
{
	struct ladder_params params = {
		.table = table,
		.wanted = wanted,
		.env = { .config = &config, .clock = &test_clock },
		.open = open_rung,
		.attach = attach,
		.detach = detach,
		.tell = tell,
	};

	return ladder_start(&ladder, &params);
}

static int setup(void **state)
{
	(void)state;
	memset(will, 0, sizeof(will));
	n_told = 0;
	test_clock = (struct clock){ .read_ns = 1000 * NS_PER_S };
	log_init("test", LOG_TO_STDERR, LOG_LEVEL_ERROR);
	return 0;
}

/* Whatever happened, each descriptor polled is polled no more once its source has stopped. */
static int teardown(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FAKES; i++) {
		assert_int_equal(will[i].attached - will[i].detached,
				 ladder.source.ops == &fakes[i]);
		assert_int_equal(will[i].started - will[i].stopped, ladder.source.ops == &fakes[i]);
	}
	ladder_stop(&ladder);
	return 0;
}

static void pass(uint64_t ns)
{
	test_clock.read_ns += ns;
}

static void dies(unsigned int i)
{
	will[i].read = -ENETDOWN;
	ladder_read(&ladder, NULL, EPOLLIN);
}

static void expect(unsigned int i, enum ladder_phase phase, const char *source)
{
	assert_true(i < n_told);
	assert_string_equal(ladder_phase_name(told[i].phase), ladder_phase_name(phase));
	assert_string_equal(told[i].source, source);
}

static void test_best(void **state)
{
	(void)state;
	assert_int_equal(start("auto"), 0);
	assert_int_equal(n_told, 1);
	expect(0, LADDER_STARTED, "best");
	assert_string_equal(told[0].refused, "");
	assert_int_equal(will[MIDDLE].opened + will[LAST].opened, 0);
	assert_true(ladder_watches(&ladder));
	assert_int_equal(ladder_lag(&ladder), 7);
	assert_int_equal(ladder_due(&ladder), 0); /* no timer */
}

/* Refused by the helper, and by the kernel when started: both are told. */
static void test_refused(void **state)
{
	(void)state;
	will[BEST].open = -EPERM;
	will[MIDDLE].start = -EOPNOTSUPP;
	assert_int_equal(start("auto"), 0);
	expect(0, LADDER_STARTED, "last");
	assert_string_equal(told[0].refused, "best: needs CAP_0;middle: no such kernel option;");
}

static void test_named(void **state)
{
	(void)state;
	assert_int_equal(start("middle"), 0);
	expect(0, LADDER_STARTED, "middle");
	assert_string_equal(told[0].refused, "");
	assert_int_equal(will[BEST].opened + will[LAST].opened, 0);
	dies(MIDDLE); /* at once it is tried again, and no other */
	expect(1, LADDER_RESTORED, "middle");
	dies(MIDDLE);
	expect(2, LADDER_LOST, "middle");
	assert_int_equal(will[BEST].opened + will[LAST].opened, 0);
}

static void test_none_works(void **state)
{
	(void)state;
	will[BEST].open = will[MIDDLE].open = -EPERM;
	will[LAST].attach = -ENOSPC;
	assert_int_equal(start("auto"), -ENODEV);
	assert_int_equal(n_told, 0);
	assert_int_equal(will[LAST].stopped, 1);
	assert_null(ladder.source.ops);
}

/* It has lived long, dies, and comes again at once. */
static void test_restored(void **state)
{
	struct source_stats stats;

	(void)state;
	assert_int_equal(start("auto"), 0);
	pass(2 * LADDER_SETTLED_NS);
	dies(BEST);
	will[BEST].read = 0;
	assert_int_equal(n_told, 2);
	expect(1, LADDER_RESTORED, "best");
	assert_string_equal(told[1].reason, strerror(ENETDOWN));
	assert_int_equal(will[BEST].started, 2);
	ladder_stats(&ladder, &stats);
	assert_int_equal(stats.packets, 200); /* of both its lives */
	assert_int_equal(stats.unasked, 2);
}

/* It dies again and again: the next one takes over, and stays. */
static void test_replaced(void **state)
{
	(void)state;
	assert_int_equal(start("auto"), 0);
	pass(2 * LADDER_SETTLED_NS);
	dies(BEST);
	pass(NS_PER_S);
	dies(BEST);
	assert_int_equal(n_told, 3);
	expect(2, LADDER_REPLACED, "middle");
	assert_string_equal(told[2].before, "best");
	assert_non_null(strstr(told[2].refused, strerror(ENETDOWN)));
	/* Settled, it dies too: the better one is tried first again. */
	pass(2 * LADDER_SETTLED_NS);
	will[BEST].read = 0;
	dies(MIDDLE);
	expect(3, LADDER_REPLACED, "best");
}

/* An interface came that it cannot watch: another does; without another it stays, and says so. */
static void test_cannot_follow(void **state)
{
	(void)state;
	assert_int_equal(start("auto"), 0);
	will[BEST].follow = -EBUSY;
	will[BEST].open = -EBUSY;
	assert_int_equal(ladder_reconfigure(&ladder), 0);
	assert_int_equal(n_told, 2);
	expect(1, LADDER_REPLACED, "middle");
	assert_non_null(strstr(told[1].reason, strerror(EBUSY)));
	ladder_stop(&ladder);
	setup(NULL);
	will[BEST].follow = -EBUSY;
	assert_int_equal(start("best"), 0);
	assert_int_equal(ladder_reconfigure(&ladder), -EBUSY);
	assert_int_equal(n_told, 1);
	assert_true(ladder_watches(&ladder));
}

/* The only one that works dies as soon as it runs: pauses double, each loss is told, time runs while down. */
static void test_pauses(void **state)
{
	uint64_t pause = LADDER_PAUSE_NS, before;

	(void)state;
	assert_int_equal(start("last"), 0);
	dies(LAST);
	expect(1, LADDER_RESTORED, "last");
	dies(LAST);
	expect(2, LADDER_LOST, "last");
	for (unsigned int i = 0; i < 12; i++) {
		unsigned int opened = will[LAST].opened;

		assert_false(ladder_watches(&ladder));
		assert_int_equal(ladder_lag(&ladder), 0);
		before = ladder_due(&ladder) - test_clock.read_ns;
		assert_true(before >= pause && before <= LADDER_PAUSE_MAX_NS);
		pass(before - 1);
		ladder_timer(&ladder, NULL);
		assert_int_equal(will[LAST].opened, opened); /* not yet */
		pass(1);
		ladder_timer(&ladder, NULL);
		assert_int_equal(will[LAST].opened, opened + 1);
		expect(n_told - 1, LADDER_RESTORED, "last");
		assert_int_equal(told[n_told - 1].unwatched_ns, before);
		assert_int_equal(ladder_due(&ladder), 0);
		dies(LAST);
		expect(n_told - 1, LADDER_LOST, "last");
		pause = pause * 2 < LADDER_PAUSE_MAX_NS ? pause * 2 : LADDER_PAUSE_MAX_NS;
	}
	/* Once it has lived long it is as new. */
	pass(LADDER_PAUSE_MAX_NS);
	ladder_timer(&ladder, NULL);
	pass(LADDER_SETTLED_NS);
	dies(LAST);
	expect(n_told - 1, LADDER_RESTORED, "last");
}

/* All die at once, whichever is taken: no circle without a pause. */
static void test_all_die(void **state)
{
	unsigned int tries = 0;

	(void)state;
	assert_int_equal(start("auto"), 0);
	for (unsigned int i = 0; i < FAKES; i++)
		will[i].read = -EIO;
	while (ladder.source.ops && tries++ < 100)
		ladder_read(&ladder, NULL, EPOLLIN);
	assert_true(tries <= LADDER_AT_ONCE + 1);
	assert_true(ladder_due(&ladder) > test_clock.read_ns);
	expect(n_told - 1, LADDER_LOST, told[n_told - 1].source);
}

/* Nothing opens any more: it is told once, and tried for ever. */
static void test_down_for_long(void **state)
{
	(void)state;
	assert_int_equal(start("auto"), 0);
	for (unsigned int i = 0; i < FAKES; i++)
		will[i].open = -EMFILE;
	dies(BEST);
	assert_int_equal(n_told, 2);
	expect(1, LADDER_LOST, "best");
	assert_string_equal(told[1].reason, strerror(ENETDOWN));
	for (unsigned int i = 0; i < 300; i++) {
		test_clock.read_ns = ladder_due(&ladder);
		ladder_timer(&ladder, NULL);
	}
	assert_int_equal(n_told, 2);
	will[LAST].open = 0;
	test_clock.read_ns = ladder_due(&ladder);
	ladder_timer(&ladder, NULL);
	expect(2, LADDER_REPLACED, "last");
	assert_string_equal(told[2].before, "best");
	assert_string_equal(told[2].refused, "best: needs CAP_0;middle: needs CAP_1;");
	assert_int_equal(told[2].unwatched_ns, test_clock.read_ns - 1000 * NS_PER_S);
}

/* A descriptor that hangs up, and one whose error does not go away, wake the loop for ever. */
static void test_descriptor(void **state)
{
	unsigned int reads = 0;

	(void)state;
	assert_int_equal(start("auto"), 0);
	ladder_read(&ladder, NULL, EPOLLHUP);
	expect(1, LADDER_RESTORED, "best");
	pass(LADDER_SETTLED_NS);
	for (; n_told == 2 && reads < 100; reads++)
		ladder_read(&ladder, NULL, EPOLLERR);
	assert_int_equal(reads, LADDER_ERRORS_MAX + 1);
	expect(2, LADDER_RESTORED, "best");
	/* One that goes away, or packets with it, are nothing. */
	for (reads = 0; reads < 100; reads++) {
		will[BEST].read = reads % 3 == 0;
		ladder_read(&ladder, NULL, EPOLLERR);
	}
	assert_int_equal(n_told, 3);
}

static void test_blind(void **state)
{
	(void)state;
	will[BEST].blind = "gone";
	assert_int_equal(start("auto"), 0);
	expect(0, LADDER_STARTED, "best");
	expect(1, LADDER_LOST, "best");
	assert_string_equal(told[1].reason, "gone");
	assert_false(ladder_watches(&ladder));
	assert_int_equal(ladder_due(&ladder), 0); /* its own affair */
	assert_int_equal(ladder_reconfigure(&ladder), 0);
	assert_int_equal(n_told, 2);
	pass(5);
	will[BEST].blind = NULL;
	ladder_reconfigure(&ladder);
	expect(2, LADDER_RESTORED, "best");
	assert_int_equal(told[2].unwatched_ns, 5);
	will[BEST].blind = "gone";
	ladder_reconfigure(&ladder);
	expect(3, LADDER_LOST, "best");
	/* It dies as well, and the next one sees: lost since it went blind. */
	pass(LADDER_SETTLED_NS);
	will[BEST].open = -EPERM;
	dies(BEST);
	assert_int_equal(n_told, 5);
	expect(4, LADDER_REPLACED, "middle");
	assert_int_equal(told[4].unwatched_ns, LADDER_SETTLED_NS);
	/* What comes in its place is blind, too. */
	pass(LADDER_SETTLED_NS);
	will[MIDDLE].blind = "gone, too";
	dies(MIDDLE);
	expect(5, LADDER_LOST, "middle");
	assert_string_equal(told[5].reason, "gone, too");
	assert_int_equal(n_told, 6);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_best),       CASE(test_refused),  CASE(test_named),
		CASE(test_none_works), CASE(test_restored), CASE(test_replaced),
		CASE(test_pauses),     CASE(test_all_die),  CASE(test_down_for_long),
		CASE(test_descriptor), CASE(test_blind),    CASE(test_cannot_follow),
	};

	return cmocka_run_group_tests_name("ladder", tests, NULL, NULL);
}
