/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line: mimamori-sensor(8) describes it; it is stable.
 */
#ifndef MIMAMORI_SENSOR_CLI_H
#define MIMAMORI_SENSOR_CLI_H

#include "sensor/config.h"

#include <stdbool.h>

#define EXIT_USAGE 2

enum cli_command { CLI_RUN, CLI_REPLAY, CLI_CHECK, CLI_SHOWN /* help or version: nothing to do */ };

struct cli {
	enum cli_command command;
	const char *config_path; /* NULL: the default, if it exists */
	bool foreground, quiet;
	struct sensor_config config; /* the file's, overridden by the flags */
	struct conf_prefixes home; /* replay --home */
	char **files; /* replay; borrowed from argv */
	int n_files;
};

/* 0, or the exit status after having said on stderr what is wrong. */
int cli_parse(struct cli *cli, int argc, char **argv);

#endif
