/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet source that dies is opened again as it would be on a device: by a helper and for an engine
 * that are both restricted to their lists of system calls by then.
 *
 *      the test ── forks ──► helper (helper_serve())
 *          │                    ▲ requests
 *          └────── forks ──► engine: ladder, source `packet` on its own loopback interface
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/clock.h"
#include "core/conf.h"
#include "sensor/engine.h"
#include "sensor/helper-fixture.h"
#include "sensor/host.h"
#include "sensor/ladder.h"
#include "sensor/listeners.h"
#include "sensor/sandbox.h"
#include "sensor/source.h"
#include "sensor/syscalls.h"
#include "sensor/test-netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>

#define WAIT_MS 5000

static struct fixture fixture;
static struct host host;
static struct listeners listeners;
static struct clock live_clock;
static struct ladder ladder;
static unsigned int n_seen, n_lost, n_restored;
static int sender = -1;

/* Stands for the engine's core. */
void engine_packet(struct engine *e, const struct packet *p)
{
	(void)e, (void)p;
	n_seen++;
}

static int open_rung(unsigned int i, char reason[LADDER_REASON_LEN], void *arg)
{
	(void)arg;
	return helper_call(&fixture.client, HELPER_OPEN_SOURCE, i, NULL, 0, reason);
}

static int attach(int fd, void *arg)
{
	(void)arg;
	/* It must have no voice, or who has the engine could send. */
	return fd < SYSCALLS_VOICES ? -EBADF : 0;
}

static void detach(int fd, void *arg)
{
	(void)fd, (void)arg;
}

static void tell(const struct ladder_change *c, void *arg)
{
	(void)arg;
	n_lost += c->phase == LADDER_LOST;
	n_restored += c->phase == LADDER_RESTORED;
}

/* Sends a datagram to a port that nobody serves, until the ladder's source has seen one. */
static bool sees(void)
{
	unsigned int before = n_seen;

	for (int ms = 0; ms < WAIT_MS && n_seen == before; ms += 50) {
		struct pollfd p = { .fd = ladder.source.ops->fd(&ladder.source), .events = POLLIN };

		if (send(sender, "x", 1, MSG_NOSIGNAL) < 0 && errno != ECONNREFUSED)
			return false;
		if (poll(&p, 1, 50) > 0) {
			clock_sync_live(&live_clock);
			ladder_read(&ladder, NULL, EPOLLIN);
		}
	}
	return n_seen > before;
}

/* The exit status says how far it came. */
static int engine_main(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(7),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct ladder_params params = {
		.table = source_table,
		.wanted = "packet",
		.env = { .config = &fixture.config,
			 .host = &host,
			 .listeners = &listeners,
			 .clock = &live_clock,
			 .seed = 1 },
		.open = open_rung,
		.attach = attach,
		.detach = detach,
		.tell = tell,
	};

	clock_init_live(&live_clock);
	sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (connect(sender, (struct sockaddr *)&to, sizeof(to)) || host_init(&host) ||
	    listeners_init(&listeners, live_clock.now_ns) || sandbox_take_voices())
		return 1;
	if (ladder_start(&ladder, &params) || !sees())
		return 2;
	if (sandbox_engine(false))
		return 3;
	ladder_read(&ladder, NULL, EPOLLHUP);
	if (n_restored != 1 || n_lost != 0)
		return 4;
	if (!sees())
		return 5;
	/* So soon once more, it has to wait. */
	ladder_read(&ladder, NULL, EPOLLHUP);
	if (n_restored != 1 || n_lost != 1)
		return 6;
	while (!ladder.source.ops && live_clock.read_ns < ladder_due(&ladder)) {
		poll(NULL, 0, 50);
		clock_sync_live(&live_clock);
	}
	ladder_timer(&ladder, NULL);
	if (n_restored != 2 || !sees())
		return 7;
	return 0;
}

static void test_opened_again(void **state)
{
	struct fixture *f = &fixture;
	pid_t engine;
	int status;

	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		print_message("skipped: needs root, for a network namespace\n");
		skip();
	}
	assert_int_equal(run("ip link set lo up"), 0);
	alarm(50);
	fixture_open(f);
	conf_defaults(&sensor_config_table, &f->config);
	strcpy(f->config.interfaces.name[0], "lo");
	f->config.interfaces.count = 1;
	f->config.block_retire_ns = 20 * NS_PER_MS;
	fixture_serve(f, NULL);
	assert_int_equal(helper_call(&f->client, HELPER_READY, 0, NULL, 0, NULL), 0);
	engine = fork();
	if (engine == 0) {
		alarm(0);
		_exit(engine_main());
	}
	assert_int_equal(waitpid(engine, &status, 0), engine);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("status %#x", (unsigned int)status);
	assert_int_equal(fixture_end(f, 0), 0);
	fixture_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_opened_again) };

	return cmocka_run_group_tests_name("ladder-live", tests, NULL, NULL);
}
