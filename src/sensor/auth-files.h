/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which files hold the system's record of logins: what [guess] logs means on this machine.
 *
 * Found once, with the configuration, before the processes part: so that the engine can ask the
 * helper for the n-th of them, and for nothing else.
 */
#ifndef MIMAMORI_SENSOR_AUTH_FILES_H
#define MIMAMORI_SENSOR_AUTH_FILES_H

#include "core/conf.h"

#include <stdint.h>

#define AUTH_FILES_MAX 4

enum auth_kind {
	AUTH_TEXT, /* lines, as syslog daemons write them */
	AUTH_BTMP,
	AUTH_JOURNAL, /* a file of systemd-journald */
};

struct auth_files {
	uint32_t count;
	struct auth_file {
		uint8_t kind; /* enum auth_kind */
		char path[CONF_TEXT_LEN]; /* absolute */
	} file[AUTH_FILES_MAX];
};

/*
 * `logs`: "none"; "auto", which takes the journal, or else the first of /var/log/auth.log, secure
 * and messages that there is, and btmp with either; or a list of absolute paths and "journal",
 * separated by blanks or commas, of which none needs to exist yet but the journal. `root` is put
 * before all but listed paths (for tests; ""). 0, or -EINVAL with a sentence; *out untouched on
 * failure.
 */
int auth_files_find(const char *logs, const char *root, struct auth_files *out,
		    char error[CONF_ERROR_LEN]);

/* As people say it: "the journal", "btmp", "a text log". */
const char *auth_kind_name(uint8_t kind);

#endif
