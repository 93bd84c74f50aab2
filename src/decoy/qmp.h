/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of QEMU's machine protocol (QMP) over a connected socket, on a libuv loop.
 *
 * Theory of operation
 * -------------------
 * QEMU greets, the client answers with qmp_capabilities, and only then sends what was asked for, one
 * command at a time, in order. Each command has a time limit: a QEMU that is stopped or hung does not
 * answer, and after a missed answer nothing that comes can be trusted to belong to a question. So a
 * time limit, a malformed or over-long message, and the end of the connection all are the end of
 * the client: what waits is answered with the reason, then on_end is called once.
 * QEMU is not trusted (qmp-message.h); what it says is text that may be shown escaped only.
 */
#ifndef MIMAMORI_DECOY_QMP_H
#define MIMAMORI_DECOY_QMP_H

#include <jansson.h>
#include <uv.h>

#define QMP_QUEUE_MAX 32 /* commands that wait */
#define QMP_TIMEOUT_MS 10000 /* of a command, unless it says otherwise */
#define QMP_GREETING_MS \
	30000 /* of the greeting and the negotiation: programs start slowly on a busy host */

struct qmp;

struct qmp_handlers {
	/* Commands are taken from the start; this says that they are being sent. May be NULL. */
	void (*on_ready)(void *arg);
	/* data: borrowed, NULL when the event has none. May be NULL. */
	void (*on_event)(const char *name, const json_t *data, void *arg);
	/* The connection is of no use any more; why: a sentence, borrowed. Once. The client is to be freed. */
	void (*on_end)(int err, const char *why, void *arg);
	void *arg;
};

/*
 * err 0: value is what the command returned, borrowed. -EREMOTEIO: QEMU refused, why is its reason.
 * Others: the client has ended (-ETIMEDOUT, -ECONNRESET, -EPROTO ...), why is a sentence.
 */
typedef void qmp_reply_fn(int err, const json_t *value, const char *why, void *arg);

/* fd: a connected socket, taken over even on failure. NULL: no memory, or no socket. */
struct qmp *qmp_new(uv_loop_t *loop, int fd, const struct qmp_handlers *handlers);
/* May be called from any of its callbacks. Of what still waits nobody is told. */
void qmp_free(struct qmp *q);

/*
 * args: an object, owned by the call even on failure, or NULL. timeout_ms counts from when it is sent;
 * 0: QMP_TIMEOUT_MS. fn (may be NULL) is called later, never from here. 0, -ENOTCONN after the end,
 * -ENOBUFS when too many wait, -ENOMEM.
 */
int qmp_send(struct qmp *q, const char *command, json_t *args, unsigned int timeout_ms,
	     qmp_reply_fn *fn, void *arg);

#endif
