/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/watch.h"

#include "core/clock.h"
#include "core/footprint.h"
#include "core/log.h"
#include "core/loop.h"
#include "sensor/auth-log.h"
#include "sensor/config.h"
#include "sensor/engine.h"
#include "sensor/helper.h"
#include "sensor/host.h"
#include "sensor/kernel-counters.h"
#include "sensor/ladder.h"
#include "sensor/listeners.h"
#include "sensor/sandbox.h"
#include "sensor/sink.h"
#include "sensor/source.h"
#include "sensor/summary.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define DEVICE_LEN 256
#define STATUS_EVERY_NS (200 * NS_PER_MS) /* shorter than blocks of quiet traffic are apart */

struct watch {
	const struct sensor_config *config;
	bool foreground;
	struct helper_client helper;
	struct loop loop;
	struct clock clock;
	struct host host;
	struct listeners listeners;
	struct kernel_counter_files counters;
	struct ladder ladder;
	struct engine *engine;
	struct sink sink;
	struct auth_logs logs;
	struct watched_log {
		struct watch *w;
		unsigned int index;
	} log[AUTH_FILES_MAX];
	bool ready; /* the helper was told so: from then on it is told of the source, too */
	int heartbeat_fd; /* for the service manager's watchdog */
	uint64_t started_ns;
	uint32_t listeners_seen; /* generation the filter was built for */
	bool said_host, said_listeners; /* that they hold more than fits */
	uint64_t status_ns; /* of the last status line */
	char device[DEVICE_LEN];
};

static struct watch watch; /* one per process; too large for the stack */

static void show_status(struct watch *w, bool force)
{
	char text[STATUS_LEN];
	struct source_stats source;
	struct engine_stats engine;

	if (!w->sink.terminal || (!force && w->clock.read_ns < w->status_ns + STATUS_EVERY_NS &&
				  w->sink.terminal->stream.status_shown))
		return;
	w->status_ns = w->clock.read_ns;
	ladder_stats(&w->ladder, &source);
	engine_stats(w->engine, &engine);
	status_line(text, &source, &engine, engine_open_findings(w->engine));
	output_stream_status(w->sink.terminal,
			     ladder_watches(&w->ladder) ? text : "NOTHING IS WATCHED: see the log");
}

/* The timer follows what the engine waits for, and gives waiting packets the time to arrive. */
static void tick(struct watch *w)
{
	uint64_t due_ns = engine_tick(w->engine), source_ns = ladder_due(&w->ladder);

	if (due_ns)
		due_ns += ladder_lag(&w->ladder);
	if (source_ns && (!due_ns || source_ns < due_ns))
		due_ns = source_ns;
	loop_arm(&w->loop, due_ns);
}

/* Packets that wait in the source are older than the present: the clock must not pass them. */
static void near_present(struct watch *w)
{
	uint64_t lag_ns = ladder_lag(&w->ladder);

	if (w->clock.read_ns > w->clock.now_ns + lag_ns)
		clock_advance(&w->clock, w->clock.read_ns - lag_ns);
}

static void on_timer(uint32_t events, void *arg)
{
	struct watch *w = arg;

	(void)events;
	clock_sync_live(&w->clock);
	ladder_timer(&w->ladder, w->engine);
	near_present(w);
	tick(w);
	show_status(w, true);
}

/* Tables that are too small for this host: said once, since every change would say it again. */
static void say_left_out(struct watch *w)
{
	if (w->host.left_out && !w->said_host)
		log_warning("this host has more than %d addresses or %d interfaces: scans of the "
			    "others are not seen",
			    HOST_MAX_ADDRS, HOST_MAX_LINKS);
	if (w->listeners.left_out && !w->said_listeners)
		log_warning("this host has more than %d listeners: where none is listed, answers "
			    "are waited for",
			    LISTENERS_MAX);
	w->said_host |= w->host.left_out != 0;
	w->said_listeners |= w->listeners.left_out != 0;
}

static void reconfigure(struct watch *w)
{
	int err;

	clock_sync_live(&w->clock);
	err = ladder_reconfigure(&w->ladder);
	w->listeners_seen = w->listeners.generation;
	say_left_out(w);
	if (err < 0)
		log_warning("source %s: cannot follow the change of interfaces or ports: %s",
			    w->ladder.source.ops->name, strerror(-err));
	tick(w); /* a source that has died may be tried again later */
}

static void on_packets(uint32_t events, void *arg)
{
	struct watch *w = arg;

	clock_sync_live(&w->clock);
	ladder_read(&w->ladder, w->engine, events);
	tick(w);
	if (w->listeners.generation != w->listeners_seen)
		reconfigure(w);
	show_status(w, false);
}

static void on_host(uint32_t events, void *arg)
{
	struct watch *w = arg;

	(void)events;
	if (host_update(&w->host))
		reconfigure(w);
}

static void on_login(const struct auth_record *r, void *arg)
{
	struct watch *w = arg;

	/* What came before it is to be judged before it. */
	ladder_catch_up(&w->ladder, w->engine);
	near_present(w);
	engine_auth(w->engine, r);
}

static void on_log(uint32_t events, void *arg)
{
	struct watched_log *l = arg;

	(void)events;
	if (auth_logs_read(&l->w->logs, l->index))
		tick(l->w);
}

static void on_helper(uint32_t events, void *arg)
{
	struct watch *w = arg;

	(void)events;
	/* It never speaks unasked: this is its end. */
	log_error("the privileged helper has ended; so does the sensor");
	loop_stop(&w->loop, EXIT_FAILURE);
}

/* All is open, at the start or anew. */
static int say_ready(struct watch *w)
{
	char error[HELPER_ERROR_LEN];
	int err = helper_call(&w->helper, HELPER_READY, w->ladder.index, NULL, 0, error);

	if (err < 0)
		log_error("%s", error);
	return err;
}

static void on_signal(int signo, void *arg)
{
	struct watch *w = arg;

	if (signo == SIGHUP) {
		sink_reopen(&w->sink);
		say_ready(w);
	} else {
		loop_stop(&w->loop, EXIT_SUCCESS);
	}
}

/* Those that speak through sockets of their own come first, see sandbox_take_voices(). */
static int add_outputs(struct watch *w)
{
	int err = sink_add_syslog(&w->sink, w->config, w->device);

	if (!err)
		err = sandbox_take_voices();
	if (!err)
		err = sink_add_file(&w->sink, w->config, &w->helper);
	if (err < 0)
		return err;
	if (w->foreground)
		sink_add_stdout(&w->sink, w->config);
	if (w->config->on_finding[0])
		output_exec_init(sink_add(&w->sink), &w->helper, w->config->on_finding_per_minute);
	return 0;
}

static int open_source(unsigned int index, char reason[LADDER_REASON_LEN], void *arg)
{
	struct watch *w = arg;

	return helper_call(&w->helper, HELPER_OPEN_SOURCE, index, NULL, 0, reason);
}

static int attach_source(int fd, void *arg)
{
	struct watch *w = arg;

	clock_sync_live(&w->clock); /* opening it may have taken long */
	return loop_add(&w->loop, fd, EPOLLIN, on_packets, w);
}

static void detach_source(int fd, void *arg)
{
	struct watch *w = arg;

	loop_del(&w->loop, fd);
}

/* The service manager hears of it, and whoever reads events. */
static void on_source(const struct ladder_change *change, void *arg)
{
	struct watch *w = arg;

	w->sink.ctx.source = change->source->name;
	sink_emit_source(&w->sink, change);
	if (change->phase == LADDER_STARTED)
		return;
	if (change->phase != LADDER_LOST)
		engine_unwatched(w->engine);
	if (!w->ready)
		return;
	if (change->phase == LADDER_LOST)
		helper_call(&w->helper, HELPER_LOST, w->ladder.watched, NULL, 0, NULL);
	else
		say_ready(w);
}

static int start_source(struct watch *w)
{
	struct ladder_params params = {
		.table = source_table,
		.wanted = w->config->source,
		.env = { .config = w->config,
			 .host = &w->host,
			 .listeners = &w->listeners,
			 .clock = &w->clock,
			 .counters = &w->counters,
			 .helper = &w->helper },
		.open = open_source,
		.attach = attach_source,
		.detach = detach_source,
		.tell = on_source,
		.arg = w,
	};

	if (getrandom(&params.env.seed, sizeof(params.env.seed), 0) != sizeof(params.env.seed)) {
		log_error("no random numbers: %s", strerror(errno));
		return -EIO;
	}
	return ladder_start(&w->ladder, &params);
}

static int start_engine(struct watch *w)
{
	struct engine_params params = {
		.config = w->config,
		.clock = &w->clock,
		.listeners = &w->listeners,
		.home = { .mode = w->config->scope == CONFIG_SCOPE_GATEWAY ? HOME_GATEWAY :
									     HOME_HOST,
			  .host = &w->host,
			  .prefixes = w->config->home },
		.emit = sink_emit,
		.emit_flood = sink_emit_flood,
		.emit_guess = sink_emit_guess,
		.arg = &w->sink,
	};

	if (getrandom(&params.seed, sizeof(params.seed), 0) != sizeof(params.seed))
		return -errno;
	w->engine = engine_new(&params);
	if (w->engine)
		return 0;
	log_error("not enough memory for the tables that [memory] asks for");
	return -ENOMEM;
}

static int start_loop(struct watch *w)
{
	sigset_t signals;
	int err;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	err = loop_init(&w->loop);
	if (!err)
		err = loop_signals(&w->loop, &signals, on_signal, w);
	if (!err)
		err = loop_timer(&w->loop, on_timer, w);
	if (!err)
		err = loop_add(&w->loop, w->helper.fd, EPOLLRDHUP, on_helper, w);
	if (!err)
		err = loop_add(&w->loop, w->host.fd, EPOLLIN, on_host, w);
	if (err < 0)
		log_error("cannot set up the event loop: %s", strerror(-err));
	return err;
}

/* The record sharpens what is seen: without it the sensor watches all the same. */
static void follow_logs(struct watch *w)
{
	auth_logs_init(&w->logs, &w->config->auth_files, &w->helper, &w->clock, on_login, w);
	for (unsigned int i = 0; i < AUTH_FILES_MAX; i++) {
		int fd = auth_logs_fd(&w->logs, i);

		w->log[i] = (struct watched_log){ w, i };
		if (fd >= 0 && loop_add(&w->loop, fd, EPOLLIN, on_log, &w->log[i]) < 0)
			log_warning("logins are not read from %s: too many descriptors",
				    w->config->auth_files.file[i].path);
	}
}

static void on_heartbeat(uint32_t events, void *arg)
{
	struct watch *w = arg;
	uint64_t expirations;

	(void)events;
	if (read(w->heartbeat_fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		helper_call(&w->helper, HELPER_ALIVE, 0, NULL, 0, NULL);
}

/* Only where the service manager asked for it: every beat wakes both processes. */
static int start_heartbeat(struct watch *w, uint64_t every_ns)
{
	struct itimerspec spec = { 0 };
	int err = 0;

	if (!every_ns)
		return 0;
	spec.it_value.tv_sec = spec.it_interval.tv_sec = (time_t)(every_ns / NS_PER_S);
	spec.it_value.tv_nsec = spec.it_interval.tv_nsec = (long)(every_ns % NS_PER_S);
	w->heartbeat_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (w->heartbeat_fd < 0 || timerfd_settime(w->heartbeat_fd, 0, &spec, NULL) < 0)
		err = -errno;
	else
		err = loop_add(&w->loop, w->heartbeat_fd, EPOLLIN, on_heartbeat, w);
	if (err < 0)
		log_error("no timer for the watchdog: %s", strerror(-err));
	return err;
}

static int start(struct watch *w)
{
	int err;

	clock_init_live(&w->clock);
	w->started_ns = w->clock.now_ns;
	sensor_config_device(w->config, w->device, sizeof(w->device));
	err = host_init(&w->host);
	if (err < 0) {
		log_error("cannot read this host's interfaces (rtnetlink): %s", strerror(-err));
		return err;
	}
	err = listeners_init(&w->listeners, w->clock.now_ns);
	if (err < 0) {
		log_error("cannot list this host's listening ports (sock_diag; is the kernel built "
			  "with INET_DIAG?): %s",
			  strerror(-err));
		return err;
	}
	w->listeners_seen = w->listeners.generation;
	w->sink.ctx = (struct eve_context){ &w->clock, "", w->device };
	err = add_outputs(w);
	if (err < 0)
		return err;
	err = kernel_counters_open(&w->counters);
	if (err < 0) {
		log_error("cannot open the kernel's counters, /proc/net/snmp: %s", strerror(-err));
		return err;
	}
	err = start_engine(w);
	if (!err)
		err = start_loop(w);
	if (!err)
		err = start_source(w);
	if (!err)
		follow_logs(w);
	return err;
}

static void finish(struct watch *w)
{
	struct source_stats source;
	struct engine_stats engine;

	if (w->ladder.source.ops)
		w->ladder.source.ops->read(&w->ladder.source, w->engine);
	clock_catch_up(&w->clock);
	engine_finish(w->engine);
	if (w->sink.terminal)
		output_stream_status(w->sink.terminal, NULL);
	ladder_stats(&w->ladder, &source);
	engine_stats(w->engine, &engine);
	if (w->foreground) {
		summary_print(stderr, &source, &engine, &w->sink, w->clock.now_ns - w->started_ns);
		summary_logs(stderr, &w->logs.stats);
	}
	sink_close(&w->sink);
	ladder_stop(&w->ladder);
}

/* Everything is open: the rest is given up, then the helper told. */
static int settle(struct watch *w, int null_fd)
{
	int err;

	if (null_fd >= 0) { /* the helper holds the terminal until the start has worked */
		for (int fd = 0; fd <= STDERR_FILENO; fd++)
			dup2(null_fd, fd);
		close(null_fd);
		log_init("mimamori-sensor", LOG_TO_SYSLOG, LOG_LEVEL_INFO);
	}
	err = sandbox_engine(source_may_be(w->config->source, "bpf"));
	if (!err)
		err = say_ready(w);
	w->ready = !err;
	return err;
}

int watch_main(const struct watch_params *params)
{
	struct watch *w = &watch;
	int status;

	w->config = params->config;
	w->foreground = params->foreground;
	w->helper.fd = params->helper_fd;
	if (start(w) < 0 || start_heartbeat(w, params->alive_every_ns) < 0 ||
	    settle(w, params->null_fd) < 0)
		return EXIT_FAILURE;
	say_left_out(w);
	show_status(w, true);
	footprint_touch_data();
	footprint_drop_code();
	status = loop_run(&w->loop);
	if (status < 0) {
		log_error("the event loop failed: %s", strerror(-status));
		status = EXIT_FAILURE;
	}
	finish(w);
	auth_logs_done(&w->logs);
	engine_free(w->engine);
	kernel_counters_close(&w->counters);
	listeners_done(&w->listeners);
	host_done(&w->host);
	loop_done(&w->loop);
	return status;
}
