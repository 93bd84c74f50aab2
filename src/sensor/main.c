/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/cli.h"
#include "sensor/replay.h"
#include "sensor/run.h"

#include <signal.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	static struct cli cli;
	int status = cli_parse(&cli, argc, argv);

	if (status)
		return status;
	/* A reader that goes away is an error of the write, to be counted, not a death. */
	signal(SIGPIPE, SIG_IGN);
	switch (cli.command) {
	case CLI_RUN:
		return run_main(&cli);
	case CLI_REPLAY:
		return replay_main(&cli);
	case CLI_CHECK:
		return run_check(&cli);
	case CLI_SHOWN:
		break;
	}
	return EXIT_SUCCESS;
}
