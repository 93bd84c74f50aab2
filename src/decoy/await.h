/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For programs that do one thing after the other: runs the loop until a machine or session is where it is
 * wanted.
 */
#ifndef MIMAMORI_DECOY_AWAIT_H
#define MIMAMORI_DECOY_AWAIT_H

#include "decoy/machine.h"
#include "decoy/session.h"

#define AWAIT_WHY_LEN VM_WHY_LEN

struct await {
	uv_loop_t *loop;
	struct machine *machine; /* NULL before and after */
	bool ready, ended;
	int err; /* of the end */
	char why[AWAIT_WHY_LEN];
	void (*on_console)(const char *bytes, size_t n);
};

/* Starts a machine and waits until it is ready. 0, or -errno with a->why; then it is freed. */
int await_ready(struct await *a, uv_loop_t *loop, const struct machine_options *o);
/* Saves it, which ends it. 0, or -errno with a->why. */
int await_saved(struct await *a, const char *path);
/* Ends it: what is left is waited for. */
void await_free(struct await *a);

/* A session's steps. The status of a command (0..255), 0 for others, or -errno with a->why. The text, if wanted,
 * is cut to size. A machine that ends meanwhile is an error too. */
struct session *await_connect(struct await *a, const struct sockaddr *addr,
			      unsigned int timeout_ms);
int await_login(struct await *a, struct session *s, const char *user, const char *password);
int await_su(struct await *a, struct session *s, const char *password);
int await_run(struct await *a, struct session *s, const char *command, unsigned int timeout_ms,
	      char *text, size_t size);

#endif
