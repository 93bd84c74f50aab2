/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_FIRST_MS 5
#define POLL_MS 30
#define WHY_LEN 256

/*
 * Theory of operation
 * -------------------
 * The command only begins a job: the job is asked for until it is concluded, its error is read, and it is
 * dismissed. QEMU saves in its main loop, so most often the first question is answered when all is done.
 */
struct snapshot {
	struct vm *vm;
	uv_timer_t timer;
	const char *doing;
	snapshot_fn *fn;
	void *arg;
	uint64_t looked_ms, left_ms; /* when was it asked for last; of its time limit */
	int err;
	char why[WHY_LEN];
};

static void done(struct snapshot *s, int err, const char *why)
{
	char sentence[VM_WHY_LEN] = "";
	snapshot_fn *fn = s->fn;

	/* QEMU calls it an input/output error. */
	if (err && vm_lacks_room(s->vm)) {
		err = -ENOSPC;
		why = "disk full: it has no room on this host";
	}
	if (err)
		snprintf(sentence, sizeof(sentence), "%s: %s: %s", vm_decoy(s->vm)->name, s->doing,
			 why);
	s->fn = NULL;
	fn(err, sentence, s->arg);
}

/* Has the connection ended? Then the machine has, and its own end says why. */
static bool is_gone(int err)
{
	return err && err != -EREMOTEIO;
}

/* 0, or done with. */
static void ask(struct snapshot *s, const char *command, json_t *args, qmp_reply_fn *fn)
{
	int err = qmp_send(vm_qmp(s->vm), command, args, SNAPSHOT_TIMEOUT_MS, fn, s);

	if (err)
		done(s, err, "QEMU cannot be asked");
}

static void on_dismissed(int err, const json_t *value, const char *why, void *arg)
{
	struct snapshot *s = arg;

	(void)value;
	if (is_gone(err))
		return;
	if (s->err)
		done(s, s->err, s->why);
	else
		done(s, err, why);
}

static void poll_job(uv_timer_t *timer);

/* Half of the limit is the most that counts at once, as in limit.h: this host may have slept. */
static bool is_over(struct snapshot *s)
{
	uint64_t passed = uv_now(s->timer.loop) - s->looked_ms;

	s->looked_ms += passed;
	if (passed > SNAPSHOT_TIMEOUT_MS / 2)
		passed = SNAPSHOT_TIMEOUT_MS / 2;
	s->left_ms -= passed < s->left_ms ? passed : s->left_ms;
	return s->left_ms == 0;
}

/* The list of jobs has one of ours, and nobody else begins any. */
static void on_jobs(int err, const json_t *jobs, const char *why, void *arg)
{
	struct snapshot *s = arg;
	const json_t *job = json_array_get(jobs, 0);
	const char *status = json_string_value(json_object_get(job, "status"));
	const char *error = json_string_value(json_object_get(job, "error"));

	if (is_gone(err))
		return;
	if (err || !status) {
		done(s, err ? err : -EPROTO, err ? why : "QEMU knows nothing of it");
	} else if (strcmp(status, "concluded") == 0) {
		s->err = error ? -EIO : 0;
		snprintf(s->why, sizeof(s->why), "%s", error ? error : "");
		ask(s, "job-dismiss", json_pack("{s:s}", "id", "state"), on_dismissed);
	} else if (is_over(s)) {
		done(s, -ETIMEDOUT, "QEMU was not done in time");
	} else {
		uv_timer_start(&s->timer, poll_job, POLL_MS, 0);
	}
}

static void poll_job(uv_timer_t *timer)
{
	struct snapshot *s = timer->data;

	if (vm_qmp(s->vm))
		ask(s, "query-jobs", NULL, on_jobs);
}

static void on_begun(int err, const json_t *value, const char *why, void *arg)
{
	struct snapshot *s = arg;

	(void)value;
	if (is_gone(err))
		return;
	if (err)
		done(s, err, why);
	else
		uv_timer_start(&s->timer, poll_job, POLL_FIRST_MS, 0);
}

struct snapshot *snapshot_new(uv_loop_t *loop, struct vm *vm)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->vm = vm;
	uv_timer_init(loop, &s->timer);
	s->timer.data = s;
	return s;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void snapshot_free(struct snapshot *s)
{
	if (s)
		uv_close((uv_handle_t *)&s->timer, on_closed);
}

static void begin(struct snapshot *s, const char *command, const char *doing, const char *tag,
		  snapshot_fn *fn, void *arg)
{
	json_t *args = json_pack("{s:s, s:s, s:s, s:[s]}", "job-id", "state", "tag", tag, "vmstate",
				 "disk0", "devices", "disk0");

	s->doing = doing;
	s->fn = fn;
	s->arg = arg;
	s->looked_ms = uv_now(s->timer.loop);
	s->left_ms = SNAPSHOT_TIMEOUT_MS;
	ask(s, command, args, on_begun);
}

void snapshot_save(struct snapshot *s, const char *tag, snapshot_fn *fn, void *arg)
{
	begin(s, "snapshot-save", "its state cannot be saved", tag, fn, arg);
}

void snapshot_load(struct snapshot *s, const char *tag, snapshot_fn *fn, void *arg)
{
	begin(s, "snapshot-load", "its saved state cannot be loaded", tag, fn, arg);
}

static void on_continued(int err, const json_t *value, const char *why, void *arg)
{
	(void)value;
	if (!is_gone(err))
		done(arg, err, why);
}

void snapshot_continue(struct snapshot *s, snapshot_fn *fn, void *arg)
{
	s->doing = "it cannot be let run";
	s->fn = fn;
	s->arg = arg;
	ask(s, "cont", NULL, on_continued);
}
