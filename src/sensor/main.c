/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/cli.h"
#include "sensor/replay.h"
#include "sensor/run.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* Started with 0, 1 or 2 closed, the next descriptors opened would take their places, and what is
 * printed would go to a netlink socket or the helper. */
static void hold_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int main(int argc, char **argv)
{
	static struct cli cli;
	int status;

	hold_standard_descriptors();
	status = cli_parse(&cli, argc, argv);
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
