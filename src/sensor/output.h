/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where events go: a table of functions behind one struct.
 *
 * Outputs never block the engine and never grow: what cannot be written is counted as lost, and
 * said once it works again.
 */
#ifndef MIMAMORI_SENSOR_OUTPUT_H
#define MIMAMORI_SENSOR_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_MAX 8

/* One event in the forms that outputs want. Borrowed for the call. */
struct output_record {
	const char *json; /* one line with its newline */
	size_t json_len;
	const char *text; /* one readable line without newline, no colour, safe to show */
	uint8_t severity; /* 1 worst .. 4, as in EVE */
	bool alert; /* else a notice */
	bool end; /* closes a finding */
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
	union {
		struct {
			int fd;
			uint64_t bytes; /* in the file now */
			uint64_t max_bytes; /* rotate beyond; 0: never */
			uint64_t hourly_bytes; /* budget; 0: none */
			uint64_t hour_started_ns, hour_bytes;
			bool budget_said;
			struct helper_client *helper;
		} file;
		struct {
			int fd;
			bool json, colour;
			/* The status line is on screen and has to be cleared before a finding. */
			bool status_shown;
		} stream;
		struct {
			int fd;
			uint8_t facility;
			char host[64], app[32];
		} syslog;
		struct {
			struct helper_client *helper;
			uint32_t per_minute;
			uint64_t minute_started_ns;
			uint32_t used;
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
/* JSON lines, or readable lines (coloured when colour), to a descriptor that stays the caller's. */
void output_stream_init(struct output *o, int fd, bool json, bool colour);
/* RFC 5424 datagrams to a local syslog socket ("/dev/log") or udp:ADDR:PORT. 0 or -errno. */
int output_syslog_init(struct output *o, int fd, uint8_t facility, const char *host, const char *app);
/* The executable of on_finding, started by the helper with the event on its standard input. */
void output_exec_init(struct output *o, struct helper_client *helper, uint32_t per_minute);

static inline void output_write(struct output *o, const struct output_record *r)
{
	o->ops->write(o, r);
}

#endif
