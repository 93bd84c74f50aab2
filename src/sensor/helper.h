/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The privileged helper: the small process that keeps what privilege the sensor needs.
 *
 * Theory of operation
 * -------------------
 * `run` starts as root and forks. The parent becomes the helper; the child, the engine, gives up
 * everything. They speak over a SOCK_SEQPACKET socketpair: fixed-size typed requests, at most
 * HELPER_MAX_MESSAGE bytes, each answered by one reply, with a descriptor where one was asked for.
 * No request carries a path, a command or an interface: what may be opened, rotated or started is
 * fixed by the configuration that the helper read before it forked, so that an engine in an
 * attacker's hands gains nothing but what is configured anyway.
 *
 * The helper distrusts its client: a message of wrong size, unknown type, with descriptors or out
 * of order is refused and counted; more than HELPER_MAX_REFUSED of them end the sensor.
 */
#ifndef MIMAMORI_SENSOR_HELPER_H
#define MIMAMORI_SENSOR_HELPER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sensor_config;

#define HELPER_MAX_MESSAGE 4352 /* an event and the message header */
#define HELPER_MAX_REFUSED 16
#define HELPER_ERROR_LEN 256
#define HELPER_REOPENS 24 /* of sources that died: a whole ladder, some times over */
#define HELPER_REOPEN_S 10

enum helper_request {
	/* arg: index in source_table; reply carries the descriptor. Once HELPER_READY has been said, at
	 * most HELPER_REOPENS at once and one more every HELPER_REOPEN_S: beyond, -EAGAIN. */
	HELPER_OPEN_SOURCE = 1,
	HELPER_OPEN_EVENTS, /* the event file, opened for appending; reply carries it */
	/* Rename FILE to FILE.1 .. FILE.keep and open anew; reply carries it. A file that is not near
	 * its limit is only opened: to rotate the records away, an engine in wrong hands has to fill the
	 * file each time, and that it can. */
	HELPER_ROTATE_EVENTS,
	HELPER_ON_FINDING, /* arg: severity; payload: the event line. Starts the executable */
	/* arg: index of a log (auth-files.h); reply carries an inotify descriptor, then the log's own. */
	HELPER_WATCH_LOG,
	HELPER_OPEN_LOG,
	HELPER_READY, /* arg: index of the source. All is open: at the start, after HUP, once more */
	HELPER_ALIVE, /* the engine's loop runs: for the service manager's watchdog */
	HELPER_LOST, /* arg: index of the source that died. Nothing is watched until HELPER_READY */
	HELPER_SECOND_FD, /* the second descriptor of the source that is open, if it has one */
	HELPER_FOLLOW_LINKS, /* interfaces came or went: what the open source has attached to them follows */
};

/* Client side: the engine's end. Embedded. */
struct helper_client {
	int fd;
};

/*
 * Sends a request and waits for its reply. A descriptor that comes with it, >= 0, is the caller's;
 * 0 for requests that give none; -errno from the helper with its sentence in error (which may be
 * NULL). -EPIPE: the helper is gone. HELPER_ON_FINDING: -EAGAIN when as many run already as may, or
 * were started lately.
 */
int helper_call(struct helper_client *c, enum helper_request request, uint32_t arg,
		const void *payload, size_t payload_len, char error[HELPER_ERROR_LEN]);

/*
 * Serves the engine until it closes its end or exits, then reaps it, with signals: TERM and INT are
 * passed on (unless the terminal sent them to both), HUP too; the engine's death by signal is
 * logged. on_finding children get argv, the event on standard input, a clean environment, the
 * user configured, no descriptors but 0-2, and are killed after config's timeout, with what they
 * started, or when the helper dies, without what they started; at most config's number run at a
 * time, and of starts it takes twice config's number at once and that number a minute: an honest
 * engine asks for no more. Gives up all capabilities it does not need.
 * fd stays the caller's. Returns the exit code for the process: the engine's, or non-zero when it
 * died. ready, which may be NULL, is called once, when the engine first says that it watches; the
 * service manager is told of that, of HUP, TERM and of the end (core/notify.h).
 */
int helper_serve(const struct sensor_config *config, int fd, pid_t engine, void (*ready)(void *arg),
		 void *arg);

#endif
