/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A decoy's folder while it is being made: out of sight, and gone if it does not become whole.
 *
 * Theory of operation
 * -------------------
 * The folder is made inside a hidden one, IMAGES/.making-XXXXXX, and moved to its name when all is done. A child process
 * does the work; its parent waits, and removes what is half made however the child ended: by a refusal, a crash, or a
 * signal that asks for an end (SIGINT, SIGTERM, SIGHUP), which the parent takes for both. A parent that is killed
 * outright takes the child along (PR_SET_PDEATHSIG), and what it leaves is removed by the next that makes
 * a decoy in IMAGES: a hidden folder that is being worked in is locked (flock(2)).
 */
#ifndef MIMAMORI_DECOY_STAGING_H
#define MIMAMORI_DECOY_STAGING_H

#include "core/conf.h"

/* The work: fills the folder `name` in `images`, which is the hidden one. The child's exit status; what went
 * wrong has been said. */
typedef int staging_fn(const char *images, const char *name, void *arg);

/*
 * Makes IMAGES/NAME by this work; IMAGES is made if it is not there. The work's exit status, 0 when the folder is in
 * place; or -errno with a sentence. Ends the process by the signal that asked for an end.
 */
int staging_run(const char *images, const char *name, staging_fn *fn, void *arg,
		char error[CONF_ERROR_LEN]);

#endif
