/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The privileged helper's own parts: messages, event files, the on_finding executable.
 */
#ifndef MIMAMORI_SENSOR_HELPER_INTERNAL_H
#define MIMAMORI_SENSOR_HELPER_INTERNAL_H

#include "core/conf.h"
#include "sensor/auth-files.h"
#include "sensor/helper.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HELPER_MAGIC 0x4d31 /* "M1": the version is in it */
#define HELPER_EXEC_MAX_ARGS 32
#define HELPER_EXEC_MAX_CHILDREN 16

/* Head of every message, in both directions. In a reply, arg is 0 or an errno, negated. */
struct helper_message {
	uint16_t magic;
	uint16_t type; /* enum helper_request; a reply repeats it */
	uint32_t arg;
	uint32_t length; /* of what follows: the event, or a reply's sentence (no NUL) */
};

_Static_assert(sizeof(struct helper_message) == 12, "no padding on the wire");
_Static_assert(offsetof(struct helper_message, length) == 8, "no padding on the wire");

struct sensor_config;
struct source_ops;

struct helper_child {
	pid_t pid; /* 0: free; also its process group */
	uint64_t deadline_ns; /* CLOCK_MONOTONIC */
	bool killed;
};

struct helper_exec {
	char words[CONF_TEXT_LEN]; /* argv points into it */
	char *argv[HELPER_EXEC_MAX_ARGS + 1]; /* argv[0] NULL: nothing configured */
	int unusable; /* -errno: why it cannot be started at all */
	bool drop; /* to uid and gid: the helper is root */
	uid_t uid;
	gid_t gid;
	uint64_t timeout_ns;
	unsigned int at_once, running;
	uint64_t start_costs_ns; /* of credit; 0: no limit */
	uint64_t credit_ns, credit_at_ns; /* what there was at that time */
	struct helper_child child[HELPER_EXEC_MAX_CHILDREN];
};

/* A log that the engine follows. */
struct helper_log {
	int watch_fd; /* inotify, the engine has a copy; 0: not asked for */
	int file_wd, before_wd; /* watches on the file and on the one before it; 0: none */
};

struct helper_logs {
	struct helper_log log[AUTH_FILES_MAX];
};

struct helper {
	const struct sensor_config *config;
	const struct source_ops *const *sources; /* NULL-terminated */
	int fd; /* to the engine; -1 once it closed its end */
	int signal_fd;
	void (*ready_fn)(void *arg); /* NULL: nobody waits */
	void *ready_arg;
	bool ready; /* the engine watches */
	const struct source_ops *source; /* opened last; NULL: none */
	pid_t engine;
	bool engine_gone;
	int exit_code;
	unsigned int refused;
	unsigned int reopens; /* how many sources may be opened again at once */
	uint64_t reopened_ns; /* since then no more have been granted */
	uint64_t end_by_ns; /* the engine, then what on_finding left, is killed at this time; 0: never */
	struct helper_exec exec;
	struct helper_logs logs;
};

/* helper_serve() with everything in place but signal_fd and exec. */
int helper_run(struct helper *h);

/*
 * Takes a request of the engine, does it and answers. 0, also when there was none; -EPIPE: the engine hung up; -EPROTO:
 * too many of its requests made no sense.
 */
int helper_take_request(struct helper *h);
/* Lets go of what the source that was opened last holds in this process. */
void helper_close_source(struct helper *h);

/* Opens the configured event file for appending, its directory too when only that is missing.
 * The descriptor, owned, or -errno with a sentence. */
int helper_open_events(const struct sensor_config *config, char error[HELPER_ERROR_LEN]);
/* Rotates when the file is near its limit, else only opens. Nothing recorded is lost on failure. */
int helper_rotate_events(const struct sensor_config *config, char error[HELPER_ERROR_LEN]);

/* An inotify descriptor that tells of the log's directory, and of the file from helper_open_log()
 * on. Owned, or -errno with a sentence. index: below AUTH_FILES_MAX, f's. */
int helper_watch_log(struct helper_logs *logs, const struct auth_file *f, uint32_t index,
		     char error[HELPER_ERROR_LEN]);
/* The log, for reading, as its name stands now. Owned, or -errno with a sentence. */
int helper_open_log(struct helper_logs *logs, const struct auth_file *f, uint32_t index,
		    char error[HELPER_ERROR_LEN]);
/* Before capabilities are given up: joins the groups that may read the logs, where root may not. */
void helper_join_logs(const struct auth_files *files);

/* Splits the command and finds the user. 0, or -errno (logged): then every start will fail. */
int helper_exec_init(struct helper_exec *x, const struct sensor_config *config);
/* 0, -EAGAIN when as many run as may or were started lately, or -errno; with a sentence. */
int helper_exec_start(struct helper_exec *x, uint32_t severity, const char *event, size_t len,
		      char error[HELPER_ERROR_LEN]);
/* A child has ended but is not reaped: ends what it started. True if it was one of on_finding's. */
bool helper_exec_ended(struct helper_exec *x, pid_t pid);
/* Its status after reaping: frees the slot, logs what went wrong. */
void helper_exec_reaped(struct helper_exec *x, pid_t pid, int status);
/* Kills those whose time is up, or all of them. */
void helper_exec_expire(struct helper_exec *x, uint64_t now_ns, bool all);
/* The next deadline, or 0 when none runs. */
uint64_t helper_exec_deadline(const struct helper_exec *x);

uint64_t helper_now_ns(void);

#endif
