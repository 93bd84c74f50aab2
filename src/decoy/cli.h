/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line of mimamori-decoy: what is asked for, and the commands.
 */
#ifndef MIMAMORI_DECOY_CLI_H
#define MIMAMORI_DECOY_CLI_H

#include "decoy/machine.h"

#include <uv.h>

#define CLI_IMAGES \
	"/var/lib/mimamori/decoys" /* unless --images or $MIMAMORI_DECOYS say otherwise */
#define CLI_RUN_DIR "/var/tmp" /* unless --run or $TMPDIR: what attackers write can be much */
#define CLI_WRITES_LEAST_MB 16
#define CLI_WRITES_MOST_MB 65536
#define CLI_USAGE 2 /* the exit status of a wrong command line */
#define CLI_NAMES_MAX 32 /* decoys in a folder */

struct cli {
	const char *images, *run_dir, *user;
	const char *kernel, *initrd, *dtb, *profile, *name; /* of import */
	uint64_t writes_max; /* bytes; 0: the default */
	bool network; /* of boot: the guest may reach what this host can */
	const char *argument; /* the decoy, or import's disk */
	uv_loop_t *loop;
};

typedef int cli_command(struct cli *cli);

/* What they return is the exit status; what went wrong has been said on standard error. */
cli_command cli_list, cli_build, cli_boot, cli_snapshot, cli_restore, cli_import, cli_check;

/* main() without the name of the program. */
int cli_main(int argc, char **argv);

/* One line on standard error, after the program's name; control characters shown as \xNN. Returns EXIT_FAILURE. */
int cli_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The decoy named on the command line. 0, or the exit status. */
int cli_load(const struct cli *cli, struct decoy *out);
/* Its usual way to run: user networking, telnet, ssh and the web page forwarded. */
struct machine_options cli_options(const struct cli *cli, const struct decoy *decoy);
/* The saved state, open, or -errno. path has room for PATH_MAX. */
int cli_open_ready(const struct decoy *d, char *path);
/* The names of the folders in --images that have a profile, sorted. Their number, or -errno. */
int cli_names(const struct cli *cli, char names[CLI_NAMES_MAX][PROFILE_NAME_LEN]);

#endif
