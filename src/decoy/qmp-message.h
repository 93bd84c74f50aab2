/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One message of QEMU's machine protocol (docs/interop/qmp-spec of QEMU 7.2), from hostile bytes.
 *
 * Whoever breaks out of a guest speaks through this socket. A line is at most QMP_LINE_MAX bytes,
 * nests at most QMP_DEPTH_MAX deep, which is checked before a parser that allocates sees it, and is
 * of one of the four forms that QEMU sends.
 */
#ifndef MIMAMORI_DECOY_QMP_MESSAGE_H
#define MIMAMORI_DECOY_QMP_MESSAGE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define QMP_LINE_MAX 65536 /* bytes of a message; QEMU's longest answer to our questions is 8 kB */
#define QMP_DEPTH_MAX 32

enum qmp_kind { QMP_GREETING, QMP_RETURN, QMP_ERROR, QMP_EVENT };

struct qmp_message {
	enum qmp_kind kind;
	json_t *root; /* owned */
	const json_t *body; /* greeting: version; return: its value; event: data or NULL; of root */
	const char *name; /* event: its name; error: its description; of root */
	uint64_t id; /* return and error; 0: the message has none */
};

/* The message of a line without its end, or -EPROTO, -E2BIG (too deep), -ENOMEM. After 0 the caller
 * calls qmp_message_done(). */
int qmp_message_parse(const char *line, size_t len, struct qmp_message *out);
void qmp_message_done(struct qmp_message *m);

/* Cuts a stream into lines. Zero-initialise `used`. */
struct qmp_lines {
	size_t used;
	char buf[QMP_LINE_MAX];
};

/* Called with each line that has ended; another value than 0 ends the feeding. */
typedef int qmp_line_fn(const char *line, size_t len, void *arg);

/* 0, -EMSGSIZE once a line is longer than QMP_LINE_MAX, or what fn returned. Empty lines are skipped. */
int qmp_lines_feed(struct qmp_lines *l, const char *bytes, size_t len, qmp_line_fn *fn, void *arg);

#endif
