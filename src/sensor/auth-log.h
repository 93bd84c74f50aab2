/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system's record of logins, followed: the files of auth-files.h, from their ends on.
 *
 * Theory of operation
 * -------------------
 * The engine may not open the logs, nor watch them. The helper does both, and hands out for each
 * an inotify descriptor and one to read. Nothing is polled: while nobody logs anything, nothing
 * wakes. A wakeup reads what is there, at most AUTH_LOG_ROUNDS times AUTH_LOG_CHUNK bytes of each
 * log; what is more than that at once is left out and counted.
 *
 * Rotation comes in two ways. When the name goes to a new file (rename and create), the
 * directory's watch tells and the helper is asked for it; the file before is read further until
 * the new one has its first bytes, since loggers write to the old one until they are told. When
 * the file is cut short and goes on (copytruncate), it is shorter than what was read. A new file
 * is read from its beginning, unless it is long already: then it is an old one that came back.
 *
 * What a line says of time is not used: it is read when it is written (a journal's up to 250 ms
 * later), in the host's own time zone, and by others than whoever set the clock. A record's time
 * is when it was read. Lines that name another host are left out and counted: on a host that
 * collects logs they are about others.
 */
#ifndef MIMAMORI_SENSOR_AUTH_LOG_H
#define MIMAMORI_SENSOR_AUTH_LOG_H

#include "sensor/auth-files.h"
#include "sensor/auth-journal.h"
#include "sensor/auth-merge.h"

#include <stdbool.h>
#include <sys/types.h>

#define AUTH_LOG_CHUNK 65536
#define AUTH_LOG_ROUNDS 16
#define AUTH_LOG_OLD 65536 /* a file of this length is not one that has just been begun */
#define AUTH_LOG_HOST_LEN 65

struct clock;
struct helper_client;

typedef void auth_log_fn(const struct auth_record *r, void *arg);

struct auth_log_stats {
	uint64_t failures, successes; /* told, each once */
	uint64_t repeated; /* told again by another voice */
	uint64_t named; /* the peer was told by a name */
	uint64_t doubtful; /* the peer could have been forged, or the line was cut */
	uint64_t foreign; /* of another host */
	uint64_t overlong; /* lines longer than AUTH_LINE_MAX */
	uint64_t skipped; /* bytes, or a journal's entries, left out for being too many at once */
	uint64_t rotated;
};

/* One file, as far as it has been read. */
struct auth_tail {
	int fd; /* -1: none */
	dev_t dev;
	ino_t ino;
	uint64_t offset; /* of the first line or record not read whole */
	bool overlong; /* within a line that is, or whose beginning was not read */
	struct auth_journal journal;
};

struct auth_log {
	const struct auth_file *file; /* NULL: not followed */
	const char *base; /* the file's name in its directory */
	int watch_fd;
	struct auth_tail now, before; /* before: a rotated one that may still be written to */
};

struct auth_logs {
	struct helper_client *helper;
	struct clock *clock;
	auth_log_fn *fn;
	void *arg;
	char host[AUTH_LOG_HOST_LEN]; /* this host's name, up to its first dot */
	struct auth_log log[AUTH_FILES_MAX];
	struct auth_merge merge;
	struct auth_log_stats stats;
};

/*
 * Asks the helper for each file and goes to its end; says (log_info) which are followed. One that
 * is not there yet is followed once it comes; one that cannot be followed at all is warned of. fn
 * is given each login once, with the present as its time (of `clock`, which is read anew). Helper,
 * clock and files are borrowed. Embedded: auth_logs_done() releases it.
 */
void auth_logs_init(struct auth_logs *a, const struct auth_files *files,
		    struct helper_client *helper, struct clock *clock, auth_log_fn *fn, void *arg);
void auth_logs_done(struct auth_logs *a);

/* The descriptor to wait at (readable) for log i, below AUTH_FILES_MAX; -1: none. It never
 * changes. */
int auth_logs_fd(const struct auth_logs *a, unsigned int i);
/* Reads what log i has. Returns how many records were told. */
unsigned int auth_logs_read(struct auth_logs *a, unsigned int i);

#endif
