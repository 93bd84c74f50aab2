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

struct replay {
	struct sink sink; /* holds an event's buffer: not for the stack */
	struct sensor_config config;
	struct clock clock;
};

static struct engine *make_engine(const struct cli *cli, struct replay *r)
{
	struct sensor_config *config = &r->config;
	struct engine_params params = {
		.config = config,
		.clock = &r->clock,
		.home = { .mode = cli->home.count ? HOME_GIVEN : HOME_INFERRED,
			  .prefixes = cli->home },
		.contacts = REPLAY_CONTACTS,
		.seed = REPLAY_SEED,
		.emit = sink_emit,
		.emit_flood = sink_emit_flood,
		.emit_guess = sink_emit_guess,
		.arg = &r->sink,
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

/* Every file in turn; an exit status. */
static int replay_files(const struct cli *cli, struct replay *r, struct engine *engine)
{
	struct source_stats stats = { 0 };
	struct engine_stats engine_totals;
	char error[REPLAY_ERROR_LEN];
	int status = EXIT_SUCCESS;

	for (int i = 0; i < cli->n_files; i++) {
		if (cli->files[i] &&
		    replay_file(cli->files[i], engine, &r->clock, &stats, error) < 0) {
			fprintf(stderr, "mimamori-sensor: %s\n", error);
			status = EXIT_FAILURE;
		}
	}
	engine_finish(engine);
	engine_stats(engine, &engine_totals);
	if (!cli->quiet)
		summary_print(stderr, &stats, &engine_totals, &r->sink,
			      r->clock.now_ns - engine_totals.first_ns);
	return r->sink.output[0].stats.lost ? EXIT_FAILURE : status;
}

int replay_main(const struct cli *cli)
{
	struct replay *r = calloc(1, sizeof(*r));
	struct engine *engine = NULL;
	int status = leave_out_missing(cli);

	log_init("mimamori-sensor", LOG_TO_STDERR, LOG_LEVEL_INFO);
	if (r) {
		clock_init_replay(&r->clock);
		r->sink.ctx = (struct eve_context){ &r->clock, "replay", "replay" };
		output_stream_init(sink_add(&r->sink), STDOUT_FILENO, true, false);
		output_stream_wait(&r->sink.output[0], -1);
		engine = make_engine(cli, r);
	}
	if (!engine) {
		fprintf(stderr, "mimamori-sensor: not enough memory to replay\n");
		free(r);
		return EXIT_FAILURE;
	}
	if (sandbox_replay((const char *const *)cli->files, cli->n_files) < 0 ||
	    replay_files(cli, r, engine) != EXIT_SUCCESS)
		status = EXIT_FAILURE;
	sink_close(&r->sink);
	engine_free(engine);
	free(r);
	return status;
}
