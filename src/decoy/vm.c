/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2 */
#endif

#include "decoy/vm.h"

#include "decoy/launch.h"
#include "decoy/limit.h"
#include "decoy/usernet.h"
#include "decoy/vm-refused.h"
#include "decoy/vm-space.h"
#include "decoy/vm-wires.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAID_LINES 2 /* of these, in an error */
#define SAID_KEPT 2048 /* bytes of what QEMU printed */
#define DEATH_WAIT_MS 1000 /* from the end of its connection to that of the process */

struct vm {
	uv_loop_t *loop;
	const struct decoy *decoy;
	struct vm_handlers handlers;
	uint64_t identity;
	pid_t pid; /* 0: gone */
	int pidfd, disk_fd;
	struct qmp *qmp;
	struct vm_space space;
	uv_poll_t death;
	uv_timer_t timer; /* until it is up; while it dies; between questions */
	uv_pipe_t output; /* QEMU's stdout and stderr */
	struct serial serial[PROFILE_SERIAL_MAX];
	bool has_serial[PROFILE_SERIAL_MAX];
	struct serial gdb;
	bool has_gdb;
	unsigned int watch_ms, handles;
	bool up, asked, quitting, ended, freed;
	uint16_t forwards[VM_FORWARDS_MAX], ports[VM_FORWARDS_MAX];
	size_t said_used;
	char said[SAID_KEPT], read_buf[1024];
};

static void on_closed(uv_handle_t *handle)
{
	struct vm *vm = handle->data;

	if (--vm->handles == 0 && vm->freed)
		free(vm);
}

static void close_handle(uv_handle_t *handle)
{
	if (handle->data && !uv_is_closing(handle))
		uv_close(handle, on_closed);
}

/* Counts a handle that is set up: it is to be closed. */
static void own_handle(struct vm *vm, uv_handle_t *handle)
{
	handle->data = vm;
	vm->handles++;
}

/* Whatever the process does, it is killed and waited for. 0 with its wait status, or -errno. */
static int reap(struct vm *vm, bool do_kill, int *status)
{
	pid_t pid;

	*status = 0;
	if (!vm->pid)
		return 0;
	if (do_kill)
		kill(vm->pid, SIGKILL); /* not yet waited for, so the number is still its own */
	do {
		pid = waitpid(vm->pid, status, 0);
	} while (pid < 0 && errno == EINTR);
	vm->pid = 0;
	return pid < 0 ? -errno : 0;
}

static void close_all(struct vm *vm)
{
	qmp_free(vm->qmp);
	vm->qmp = NULL;
	close_handle((uv_handle_t *)&vm->death);
	close_handle((uv_handle_t *)&vm->timer);
	close_handle((uv_handle_t *)&vm->output);
	for (int i = 0; i < PROFILE_SERIAL_MAX; i++)
		if (vm->has_serial[i])
			close_handle((uv_handle_t *)&vm->serial[i].pipe);
	if (vm->has_gdb)
		close_handle((uv_handle_t *)&vm->gdb.pipe);
	if (vm->pidfd >= 0)
		close(vm->pidfd);
	vm_space_end(&vm->space);
	if (vm->disk_fd >= 0)
		close(vm->disk_fd);
	vm->pidfd = vm->disk_fd = -1;
}

static void vm_end(struct vm *vm, int err, const char *why)
{
	char sentence[VM_WHY_LEN];
	int status;

	if (vm->ended)
		return;
	vm->ended = true;
	reap(vm, true, &status);
	snprintf(sentence, sizeof(sentence), "%s: %s", vm->decoy->name, why);
	close_all(vm);
	vm->handlers.on_end(err, sentence, vm->handlers.arg);
}

/* What it printed last, before its pipe is closed. */
static void read_last_words(struct vm *vm)
{
	char buf[512];
	uv_os_fd_t fd;
	ssize_t n;

	if (uv_fileno((uv_handle_t *)&vm->output, &fd) == 0)
		while ((n = read(fd, buf, sizeof(buf))) > 0)
			serial_keep(vm->said, &vm->said_used, sizeof(vm->said), buf, (size_t)n);
}

static void on_death(uv_poll_t *poll, int status, int events)
{
	struct vm *vm = poll->data;
	char why[VM_WHY_LEN], said[200];
	int result, err;

	(void)status;
	(void)events;
	if (vm->ended)
		return;
	err = reap(vm, false, &result);
	read_last_words(vm);
	serial_last_lines_of(vm->said, vm->said_used, SAID_LINES, said, sizeof(said));
	if (!vm->up && vm_refused(vm->decoy, vm->said, vm->said_used, why, sizeof(why))) {
		vm_end(vm, -EINVAL, why);
		return;
	}
	if (!err && WIFEXITED(result) && WEXITSTATUS(result) == 0 && vm->quitting) {
		vm_end(vm, 0, "QEMU has ended as it was asked to");
		return;
	}
	if (err)
		snprintf(why, sizeof(why), "how QEMU ended cannot be told: %s", strerror(-err));
	else if (WIFSIGNALED(result))
		snprintf(why, sizeof(why), "QEMU was killed by signal %d (%s)%s%s",
			 WTERMSIG(result), strsignal(WTERMSIG(result)),
			 said[0] ? "; it said: " : "", said);
	else
		snprintf(why, sizeof(why), "QEMU ended with status %d%s%s", WEXITSTATUS(result),
			 said[0] ? "; it said: " : " and without a word", said);
	vm_end(vm, -ECHILD, why);
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	struct vm *vm = handle->data;

	(void)hint;
	*buf = uv_buf_init(vm->read_buf, sizeof(vm->read_buf));
}

static void look_at_space(struct vm *vm, bool failed)
{
	const char *why;
	int err = vm_space_look(&vm->space, failed, &why);

	if (err)
		vm_end(vm, err, why);
}

static void on_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct vm *vm = stream->data;

	if (n < 0) {
		uv_read_stop(stream);
		return;
	}
	serial_keep(vm->said, &vm->said_used, sizeof(vm->said), buf->base, (size_t)n);
	if (vm_space_complains(vm->said, vm->said_used))
		look_at_space(vm, true);
}

static void on_gone_silent(uv_timer_t *timer)
{
	if (!limit_goes_on(timer))
		vm_end(timer->data, -ECHILD, "QEMU has closed its control connection and lives on");
}

static void on_qmp_end(int err, const char *why, void *arg)
{
	struct vm *vm = arg;

	if (vm->ended)
		return;
	/* Most often it has just ended: how, the process itself tells in a moment. */
	if (err == -ECONNRESET)
		limit_start(&vm->timer, on_gone_silent, DEATH_WAIT_MS);
	else
		vm_end(vm, err, why);
}

static void on_qmp_event(const char *name, const json_t *data, void *arg)
{
	struct vm *vm = arg;

	/* QEMU stops a guest whose write finds no room (werror=enospc, its default). */
	if (strcmp(name, "BLOCK_IO_ERROR") == 0 && json_is_true(json_object_get(data, "nospace"))) {
		vm_end(vm, -ENOSPC, "disk full: what the guest writes has no room on this host");
		return;
	}
	if (vm->handlers.on_event)
		vm->handlers.on_event(name, data, vm->handlers.arg);
}

static void on_usernet(int err, const json_t *value, const char *why, void *arg)
{
	struct vm *vm = arg;
	const char *text = json_string_value(value);

	if (vm->ended)
		return;
	for (int i = 0; !err && text && i < VM_FORWARDS_MAX; i++)
		if (vm->forwards[i])
			vm->ports[i] = usernet_port(text, vm->forwards[i]);
	for (int i = 0; i < VM_FORWARDS_MAX; i++)
		if (vm->forwards[i] && !vm->ports[i]) {
			vm_end(vm, err ? err : -EPROTO,
			       err ? why : "QEMU does not say which of this host's ports it took");
			return;
		}
	vm->up = true;
	uv_timer_stop(&vm->timer);
	if (vm->watch_ms)
		vm_watch(vm, vm->watch_ms);
	if (vm->handlers.on_up)
		vm->handlers.on_up(vm->handlers.arg);
}

static void on_qmp_ready(void *arg)
{
	struct vm *vm = arg;
	json_t *args;

	if (!vm->forwards[0]) {
		on_usernet(0, NULL, NULL, vm);
		return;
	}
	args = json_pack("{s:s}", "command-line", "info usernet");
	if (!args || qmp_send(vm->qmp, "human-monitor-command", args, 0, on_usernet, vm) < 0)
		vm_end(vm, -ENOMEM, "no memory to ask QEMU for its ports");
}

static void on_slow_start(uv_timer_t *timer)
{
	if (!limit_goes_on(timer))
		vm_end(timer->data, -ETIMEDOUT, "QEMU has not come up in time");
}

static void on_watch_reply(int err, const json_t *value, const char *why, void *arg)
{
	(void)err;
	(void)value;
	(void)why;
	((struct vm *)arg)->asked = false; /* a missing answer is the connection's end */
}

static void on_watch(uv_timer_t *timer)
{
	struct vm *vm = timer->data;

	look_at_space(vm, false);
	if (!vm->ended && !vm->asked &&
	    qmp_send(vm->qmp, "query-status", NULL, VM_WATCH_TIMEOUT_MS, on_watch_reply, vm) == 0)
		vm->asked = true;
}

void vm_watch(struct vm *vm, unsigned int interval_ms)
{
	vm->watch_ms = interval_ms;
	if (vm->ended || !vm->up || vm->quitting)
		return;
	if (interval_ms)
		uv_timer_start(&vm->timer, on_watch, interval_ms, interval_ms);
	else
		uv_timer_stop(&vm->timer);
}

/* From here on the loop knows of it; what fails is told through on_end. */
static int adopt(struct vm *vm, struct vm_wires *s, char *error)
{
	const struct qmp_handlers h = { on_qmp_ready, on_qmp_event, on_qmp_end, vm };
	int err = 0;

	uv_timer_init(vm->loop, &vm->timer);
	own_handle(vm, (uv_handle_t *)&vm->timer);
	uv_pipe_init(vm->loop, &vm->output, 0);
	own_handle(vm, (uv_handle_t *)&vm->output);
	if (s->gdb[0] >= 0) {
		err = serial_open(&vm->gdb, vm->loop, s->gdb[0]);
		s->gdb[0] = -1;
		own_handle(vm, (uv_handle_t *)&vm->gdb.pipe);
		vm->has_gdb = true;
	}
	for (int i = 0; !err && i < PROFILE_SERIAL_MAX; i++) {
		if (s->serial[i][0] < 0)
			continue;
		err = serial_open(&vm->serial[i], vm->loop, s->serial[i][0]);
		s->serial[i][0] = -1;
		own_handle(vm, (uv_handle_t *)&vm->serial[i].pipe);
		vm->has_serial[i] = true;
	}
	if (!err)
		err = uv_pipe_open(&vm->output, s->output[0]);
	if (!err) {
		s->output[0] = -1;
		err = uv_read_start((uv_stream_t *)&vm->output, on_alloc, on_output);
	}
	vm->pidfd = launch_pidfd(vm->pid);
	if (!err && vm->pidfd < 0)
		err = vm->pidfd;
	if (!err)
		err = uv_poll_init(vm->loop, &vm->death, vm->pidfd);
	if (!err) {
		own_handle(vm, (uv_handle_t *)&vm->death);
		err = uv_poll_start(&vm->death, UV_READABLE, on_death);
	}
	if (!err) {
		vm->qmp = qmp_new(vm->loop, s->qmp[0], &h);
		s->qmp[0] = -1;
		if (!vm->qmp)
			err = -ENOMEM;
	}
	if (!err)
		limit_start(&vm->timer, on_slow_start, VM_START_TIMEOUT_MS);
	else
		conf_refuse(error, "%s: QEMU cannot be watched: %s", vm->decoy->name,
			    strerror(-err));
	return err;
}

struct vm *vm_start(uv_loop_t *loop, const struct vm_options *o, const struct vm_handlers *handlers,
		    int *err, char error[CONF_ERROR_LEN])
{
	struct vm_wires *s = calloc(1, sizeof(*s));
	struct vm *vm = calloc(1, sizeof(*vm));
	int disk_fd = o->disk_fd, tap_fd = o->tap_fd;

	*err = s && vm ? 0 : -ENOMEM;
	if (*err) {
		conf_refuse(error, "%s: no memory", o->decoy->name);
		goto out;
	}
	vm_wires_init(s);
	*err = vm_wires_open(s, o, error);
	if (*err)
		goto out;
	vm->loop = loop;
	vm->decoy = o->decoy;
	vm->handlers = *handlers;
	/* A state saved with one network is none with another. */
	vm->identity = s->parts.identity ^ (o->tap_fd >= 0 ? 1 : o->reaches_host ? 2 : 0);
	vm->pidfd = vm->disk_fd = -1;
	if (o->tap_fd < 0)
		memcpy(vm->forwards, o->forwards, sizeof(o->forwards));
	*err = vm_wires_launch(s, o, &vm->pid, error);
	if (*err)
		goto out;
	vm->disk_fd = disk_fd;
	vm_space_begin(&vm->space, disk_fd, o->disk_bytes_max ? o->disk_bytes_max : VM_DISK_MAX);
	disk_fd = -1;
	*err = adopt(vm, s, error);
	if (*err) {
		vm_free(vm);
		vm = NULL;
	}
out:
	if (s)
		vm_wires_close(s);
	if (*err && vm) {
		free(vm);
		vm = NULL;
	}
	free(s);
	vm_wires_close_fd(&disk_fd);
	vm_wires_close_fd(&tap_fd);
	return vm;
}

void vm_free(struct vm *vm)
{
	int status;

	if (!vm || vm->freed)
		return;
	vm->ended = vm->freed = true;
	reap(vm, true, &status);
	close_all(vm);
	if (!vm->handles)
		free(vm);
}

static void on_slow_end(uv_timer_t *timer)
{
	if (!limit_goes_on(timer))
		vm_end(timer->data, -ETIMEDOUT, "QEMU has not ended in time, as it was asked to");
}

int vm_quit(struct vm *vm)
{
	int err = vm->ended ? -ENOTCONN : qmp_send(vm->qmp, "quit", NULL, 0, NULL, NULL);

	if (err)
		return err;
	vm->quitting = true;
	limit_start(&vm->timer, on_slow_end, VM_QUIT_MS);
	return 0;
}

struct qmp *vm_qmp(struct vm *vm)
{
	return vm->qmp;
}

uint16_t vm_port(const struct vm *vm, uint16_t guest_port)
{
	for (int i = 0; i < VM_FORWARDS_MAX; i++)
		if (vm->forwards[i] == guest_port)
			return vm->ports[i];
	return 0;
}

pid_t vm_pid(const struct vm *vm)
{
	return vm->pid;
}

unsigned int vm_cpu_ms(const struct vm *vm)
{
	struct timespec used = { 0 };
	clockid_t clock;

	if (!vm->pid || clock_getcpuclockid(vm->pid, &clock) != 0 ||
	    clock_gettime(clock, &used) < 0)
		return 0;
	return (unsigned int)(used.tv_sec * 1000 + used.tv_nsec / 1000000);
}

const struct decoy *vm_decoy(const struct vm *vm)
{
	return vm->decoy;
}

uint64_t vm_identity(const struct vm *vm)
{
	return vm->identity;
}

int vm_disk_fd(const struct vm *vm)
{
	return vm->disk_fd;
}

bool vm_lacks_room(struct vm *vm)
{
	const char *why;

	return vm->disk_fd >= 0 && vm_space_look(&vm->space, true, &why) == -ENOSPC;
}

struct serial *vm_serial(struct vm *vm, enum profile_serial role)
{
	for (unsigned int i = 0; i < vm->decoy->profile.n_serial; i++)
		if (vm->has_serial[i] && vm->decoy->profile.serial[i] == role)
			return &vm->serial[i];
	return NULL;
}

struct serial *vm_gdb(struct vm *vm)
{
	return vm->has_gdb ? &vm->gdb : NULL;
}
