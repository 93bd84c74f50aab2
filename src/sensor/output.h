/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where events go: a table of functions behind one struct.
 *
 * Outputs never block the engine and never grow: what cannot be written is counted as lost, and
 * said once it works again.
 */
#ifndef MIMAMORI_SENSOR_OUTPUT_H
#define MIMAMORI_SENSOR_OUTPUT_H

#include "core/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_MAX 8

/* One event in the forms that outputs want. Borrowed for the call. */
struct output_record {
	const char *json; /* one line with its newline */
	size_t json_len;
	/* One readable line without newline, no colour, safe to show; NULL: it is in the log already. */
	const char *text;
	uint8_t severity; /* 1 worst .. 4, as in EVE */
	bool alert; /* else a notice, or of the sensor itself */
	bool own; /* of the sensor itself */
	bool end; /* closes a finding, or must not be left out by a budget either */
	uint64_t now_ns; /* clock time */
};

struct output_stats {
	uint64_t written; /* events */
	uint64_t lost; /* could not be written: disk full, broken pipe */
	uint64_t over_budget; /* left out by a rate or budget limit */
};

struct output;

struct output_ops {
	const char *name;
	void (*write)(struct output *o, const struct output_record *r);
	void (*reopen)(struct output *o); /* SIGHUP; may be NULL */
	void (*close)(struct output *o);
};

struct output {
	const struct output_ops *ops;
	struct output_stats stats;
	bool failing; /* the last write failed: said once */
	uint64_t lost_before; /* stats.lost when the failing began */
	struct log_limit failures; /* a disk that hovers at full must not fill the log too */
	union {
		struct {
			int fd;
			uint64_t bytes; /* in the file now */
			uint64_t max_bytes; /* rotate beyond; 0: never */
			uint64_t rotate_at; /* max_bytes, doubled each time a rotation fails */
			int64_t torn_at; /* a partial line starts here and could not be cut; -1: none */
			uint64_t hourly_bytes; /* budget; 0: none */
			uint64_t hour_started_ns, hour_bytes, hour_left_out;
			bool rotation_failed; /* said once */
			struct helper_client *helper;
		} file;
		struct {
			int fd;
			int own_fd; /* a non-blocking descriptor of the same terminal; -1: none */
			int wait_ms; /* how long a write may wait for the reader */
			bool json, colour, terminal, socket;
			bool torn; /* half a line is out: the next one starts with a newline */
			/* The status line is on screen and has to be cleared before a finding. */
			bool status_shown;
		} stream;
		struct {
			int fd;
			uint8_t facility;
			char path[108], host[64], app[32];
		} syslog;
		struct {
			struct helper_client *helper;
			uint32_t per_minute; /* 0: no limit */
			uint64_t minute_started_ns;
			uint32_t used;
			bool limit_said;
		} exec;
	};
};

struct helper_client;

/*
 * Events as JSON lines to a descriptor that the helper opened; rotation and reopening go through
 * the helper. A line is written whole or not at all: a partial write (disk full) is cut off again.
 */
void output_file_init(struct output *o, int fd, uint64_t max_bytes, uint64_t hourly_bytes,
		      struct helper_client *helper);

/*
 * JSON lines, or readable lines (coloured when colour), to a descriptor that stays the caller's.
 * A reader that does not keep up loses events (counted) unless output_stream_wait() says otherwise.
 */
void output_stream_init(struct output *o, int fd, bool json, bool colour);
/* How long a write may wait for the reader: 0 (live, the default), or -1: for ever (replay). */
void output_stream_wait(struct output *o, int timeout_ms);
/* Redraws the status line in place, cut to the terminal's width; NULL takes it away. Nothing
 * happens where there is no terminal. It is cleared before each event: draw it again after. */
void output_stream_status(struct output *o, const char *text);

#define SYSLOG_FACILITY_DAEMON 3 /* RFC 5424 §6.2.1 */

/*
 * A non-blocking datagram socket connected to a local syslog socket ("/dev/log") or, as
 * "udp:ADDR:PORT" or "udp:[ADDR]:PORT", to a syslog server (RFC 5426). Owned, or -errno.
 */
int output_syslog_open(const char *path);
/*
 * RFC 5424 messages, the event as MSG, to a socket of output_syslog_open(), now the output's.
 * path: where to connect again when the daemon restarts; NULL: nowhere. 0 or -EINVAL.
 */
int output_syslog_init(struct output *o, int fd, const char *path, uint8_t facility,
		       const char *host, const char *app);

/* The executable of on_finding, started by the helper with the event on its standard input:
 * for alerts, not for notices. */
void output_exec_init(struct output *o, struct helper_client *helper, uint32_t per_minute);

/* For outputs: counts, and says once when `what` starts failing and once when it works again. */
void output_failed(struct output *o, const char *what, int errnum);
void output_succeeded(struct output *o, const char *what);

static inline void output_write(struct output *o, const struct output_record *r)
{
	o->ops->write(o, r);
}

static inline void output_reopen(struct output *o)
{
	if (o->ops->reopen)
		o->ops->reopen(o);
}

/* Releases what the output owns, and says what was lost when it ends failing. */
void output_close(struct output *o);

/*
 * Takes the `partial` bytes just written at the end of fd off again. 0, or -errno with *start set
 * to where they begin (-1 when even that is unknown).
 */
int output_cut_back(int fd, size_t partial, int64_t *start);

#endif
