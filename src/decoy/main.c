/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/cli.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd;

	/* Started with 0, 1 or 2 closed, the next descriptors opened would take their places. */
	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	signal(SIGPIPE, SIG_IGN);
	/* Whoever started us may ignore it; then how a child ended could not be told. */
	signal(SIGCHLD, SIG_DFL);
	return cli_main(argc, argv);
}
