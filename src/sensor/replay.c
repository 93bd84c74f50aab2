/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/replay.h"

#include "core/clock.h"
#include "core/log.h"
#include "sensor/cli.h"
#include "sensor/engine.h"
#include "sensor/replay-source.h"
#include "sensor/sandbox.h"
#include "sensor/sink.h"
#include "sensor/summary.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Roomier than on a device, as a capture of a network holds many peers, yet within a processor's
 * cache: speed is what a long capture needs. */
#define REPLAY_CONTACTS 8192
#define REPLAY_PEERS_NEW 1024
#define REPLAY_PEERS 2048
#define REPLAY_FINDINGS 512

/* Fixed, so that the same capture gives the same lines. */
#define REPLAY_SEED 0x72706c79

static struct sink sink; /* holds an event's buffer: not for the stack */

static struct engine *make_engine(const struct cli *cli, struct sensor_config *config,
				  struct clock *clock)
{
	struct engine_params params = {
		.config = config,
		.clock = clock,
		.home = { .mode = cli->home.count ? HOME_GIVEN : HOME_INFERRED,
			  .prefixes = cli->home },
		.contacts = REPLAY_CONTACTS,
		.seed = REPLAY_SEED,
		.emit = sink_emit,
		.emit_flood = sink_emit_flood,
		.emit_guess = sink_emit_guess,
		.arg = &sink,
	};

	*config = cli->config;
	config->peers_new = REPLAY_PEERS_NEW;
	config->peers_near = config->peers_suspect = config->peers_known = REPLAY_PEERS;
	config->findings = REPLAY_FINDINGS;
	return engine_new(&params);
}

/* Captures that are not there: said while it can still be known, and left out. */
static int leave_out_missing(const struct cli *cli)
{
	int status = EXIT_SUCCESS;

	for (int i = 0; i < cli->n_files; i++) {
		if (!strcmp(cli->files[i], "-") || access(cli->files[i], F_OK) == 0)
			continue;
		fprintf(stderr, "mimamori-sensor: %s: %s\n", cli->files[i], strerror(errno));
		cli->files[i] = NULL;
		status = EXIT_FAILURE;
	}
	return status;
}

int replay_main(const struct cli *cli)
{
	static struct sensor_config config;
	struct clock clock;
	struct source_stats stats = { 0 };
	struct engine_stats engine_totals;
	struct engine *engine;
	char error[REPLAY_ERROR_LEN];
	int status = leave_out_missing(cli);

	log_init("mimamori-sensor", LOG_TO_STDERR, LOG_LEVEL_INFO);
	clock_init_replay(&clock);
	sink.ctx = (struct eve_context){ &clock, "replay", "replay" };
	output_stream_init(sink_add(&sink), STDOUT_FILENO, true, false);
	output_stream_wait(&sink.output[0], -1);
	engine = make_engine(cli, &config, &clock);
	if (!engine) {
		fprintf(stderr, "mimamori-sensor: not enough memory to replay\n");
		return EXIT_FAILURE;
	}
	if (sandbox_replay((const char *const *)cli->files, cli->n_files) < 0)
		return EXIT_FAILURE;
	for (int i = 0; i < cli->n_files; i++) {
		if (cli->files[i] &&
		    replay_file(cli->files[i], engine, &clock, &stats, error) < 0) {
			fprintf(stderr, "mimamori-sensor: %s\n", error);
			status = EXIT_FAILURE;
		}
	}
	engine_finish(engine);
	engine_stats(engine, &engine_totals);
	if (!cli->quiet)
		summary_print(stderr, &stats, &engine_totals, &sink,
			      clock.now_ns - engine_totals.first_ns);
	if (sink.output[0].stats.lost)
		status = EXIT_FAILURE;
	sink_close(&sink);
	engine_free(engine);
	return status;
}
