/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/await.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void on_ready(void *arg)
{
	((struct await *)arg)->ready = true;
}

static void on_end(int err, const char *why, void *arg)
{
	struct await *a = arg;

	a->ended = true;
	a->err = err;
	snprintf(a->why, sizeof(a->why), "%s", why);
}

static void on_console(const char *bytes, size_t n, void *arg)
{
	struct await *a = arg;

	if (a->on_console)
		a->on_console(bytes, n);
}

int await_ready(struct await *a, uv_loop_t *loop, const struct machine_options *o)
{
	const struct machine_handlers h = { on_ready, on_end, on_console, a };
	int err = 0;

	a->loop = loop;
	a->ready = a->ended = false;
	a->machine = machine_start(loop, o, &h, &err, a->why);
	if (!a->machine)
		return err;
	while (!a->ready && !a->ended)
		uv_run(loop, UV_RUN_ONCE);
	if (a->ready && !a->ended)
		return 0;
	err = a->err;
	await_free(a);
	return err;
}

int await_saved(struct await *a, const char *path)
{
	int err = machine_save(a->machine, path);

	if (err) {
		snprintf(a->why, sizeof(a->why), "the state cannot be saved: %s", strerror(-err));
	} else {
		while (!a->ended)
			uv_run(a->loop, UV_RUN_ONCE);
		err = a->err;
	}
	await_free(a);
	return err;
}

void await_free(struct await *a)
{
	machine_free(a->machine);
	a->machine = NULL;
	/* Its handles close in the next turn, their memory goes in the one after. */
	for (int i = 0; i < 3; i++)
		uv_run(a->loop, UV_RUN_NOWAIT);
}

/* A step of a session. */
struct step {
	bool done;
	int err, status;
	char *text;
	size_t size;
	char why[AWAIT_WHY_LEN];
};

static void on_step(const struct session_result *r, void *arg)
{
	struct step *step = arg;

	step->done = true;
	step->err = r->err;
	step->status = r->status;
	if (r->err)
		snprintf(step->why, sizeof(step->why), "%s", r->why);
	else if (step->text)
		snprintf(step->text, step->size, "%s", r->text);
}

static int finish(struct await *a, struct session *s, struct step *step)
{
	while (!step->done && !a->ended)
		uv_run(a->loop, UV_RUN_ONCE);
	if (a->ended) {
		session_cancel(s); /* it must not tell a step that is gone */
		return a->err ? a->err : -ECHILD;
	}
	if (step->err)
		memcpy(a->why, step->why, sizeof(a->why));
	return step->err ? step->err : step->status;
}

struct session *await_connect(struct await *a, const struct sockaddr *addr, unsigned int timeout_ms)
{
	struct session *s = session_new(a->loop, addr);
	struct step step = { 0 };

	if (!s) {
		snprintf(a->why, sizeof(a->why), "no memory");
		return NULL;
	}
	session_connect(s, timeout_ms, on_step, &step);
	if (finish(a, s, &step) < 0) {
		session_free(s);
		return NULL;
	}
	return s;
}

int await_login(struct await *a, struct session *s, const char *user, const char *password)
{
	struct step step = { 0 };

	session_login(s, user, password, MACHINE_LOGIN_MS, on_step, &step);
	return finish(a, s, &step);
}

int await_su(struct await *a, struct session *s, const char *password)
{
	struct step step = { 0 };

	session_su(s, password, MACHINE_LOGIN_MS, on_step, &step);
	return finish(a, s, &step);
}

int await_run(struct await *a, struct session *s, const char *command, unsigned int timeout_ms,
	      char *text, size_t size)
{
	struct step step = { .text = text, .size = size };

	session_run(s, command, timeout_ms, on_step, &step);
	return finish(a, s, &step);
}
