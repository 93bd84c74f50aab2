/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/machine-internal.h"

#include "decoy/disk.h"
#include "decoy/parts.h"
#include "decoy/run-delay.h"
#include "decoy/vm-space.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TELNET 23
#define NUDGE_MS 25 /* between questions that turn QEMU's loop */

static const char *const phases[] = {
	"starting QEMU",
	"loading the saved state",
	"renewing time, entropy and MAC",
	"waiting for a login prompt",
	"logging in",
	"becoming root",
	"renewing time, entropy and MAC",
	"settling",
	"ready",
	"saving the state",
	"closing the saved state",
};

static void on_closed(uv_handle_t *handle)
{
	struct machine *m = handle->data;

	m->closed = true;
	if (m->freed)
		free(m);
}

static void release(struct machine *m)
{
	session_free(m->session);
	vm_free(m->vm);
	snapshot_free(m->snapshot);
	if (m->kept_fd >= 0)
		close(m->kept_fd);
	m->session = NULL;
	m->vm = NULL;
	m->snapshot = NULL;
	m->kept_fd = -1;
	uv_close((uv_handle_t *)&m->timer, on_closed);
}

void machine_end(struct machine *m, int err, const char *why)
{
	char sentence[VM_WHY_LEN];

	if (m->ended)
		return;
	m->ended = true;
	snprintf(sentence, sizeof(sentence), "%s", why);
	release(m);
	m->handlers.on_end(err, sentence, m->handlers.arg);
}

/* A failure of one of our own steps: with what the guest's console said last, where that may help. */
void machine_fail(struct machine *m, int err, const char *why)
{
	struct serial *console = m->vm ? vm_serial(m->vm, PROFILE_SERIAL_CONSOLE) : NULL;
	char sentence[VM_WHY_LEN], said[100] = "";

	if (console)
		serial_last_line(console, said, sizeof(said));
	snprintf(sentence, sizeof(sentence), "%s: while %s: %s%s%s%s", m->decoy->name,
		 phases[m->phase], why, said[0] ? "; the console said \"" : "", said,
		 said[0] ? "\"" : "");
	machine_end(m, err, sentence);
}

static void on_settled(uv_timer_t *timer)
{
	struct machine *m = timer->data;

	m->phase = PHASE_READY;
	m->handlers.on_ready(m->handlers.arg);
}

/* All that has to be shown is shown: a booted machine has a moment of rest, a woken one had it. */
void machine_settle(struct machine *m)
{
	session_free(m->session);
	m->session = NULL;
	m->phase = PHASE_SETTLE;
	vm_watch(m->vm, MACHINE_WATCH_MS);
	uv_timer_start(&m->timer, on_settled, m->wakes ? 0 : MACHINE_SETTLE_MS, 0);
}

static unsigned int since_start(const struct machine *m)
{
	uv_update_time(m->loop);
	return (unsigned int)(uv_now(m->loop) - m->begun_ms);
}

static void on_forgotten(const struct session_result *r, void *arg)
{
	struct machine *m = arg;

	if (r->err)
		machine_fail(m, r->err, r->why);
	else if (m->wakes || m->decoy->profile.renew_by_login)
		machine_settle(m);
	else
		machine_renew_booted(m);
}

/*
 * The logins leave nothing that a visitor could read. And what is written before a state is saved need
 * not be written by each machine that wakes from it.
 */
void machine_forget(struct machine *m)
{
	session_forget(m->session, m->wakes ? "" : "sync", MACHINE_LOGIN_MS, on_forgotten, m);
}

static void on_root(const struct session_result *r, void *arg)
{
	struct machine *m = arg;

	if (r->err)
		machine_fail(m, r->err, r->why);
	else if (m->wakes)
		machine_renew_by_login(m);
	else
		machine_forget(m);
}

static void on_login(const struct session_result *r, void *arg)
{
	struct machine *m = arg;

	if (r->err) {
		machine_fail(m, r->err, r->why);
		return;
	}
	m->shell_ms = since_start(m);
	if (m->wakes && !m->decoy->profile.renew_by_login) {
		machine_forget(m);
		return;
	}
	m->phase = PHASE_SU;
	session_su(m->session, m->decoy->persona.root_password, MACHINE_LOGIN_MS, on_root, m);
}

static void on_prompt(const struct session_result *r, void *arg)
{
	struct machine *m = arg;

	if (r->err) {
		machine_fail(m, r->err, r->why);
		return;
	}
	m->prompt_ms = since_start(m);
	m->prompt_alone_ms = run_delay_less(
		m->prompt_ms, run_delay_ms(vm_pid(m->vm)) + run_delay_own_ms() - m->waited_ms,
		vm_cpu_ms(m->vm));
	m->phase = PHASE_LOGIN;
	session_login(m->session, "user", m->decoy->persona.user_password, MACHINE_LOGIN_MS,
		      on_login, m);
}

void machine_address(const struct machine *m, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	const uint8_t *mac = m->mac;

	memset(out, 0, sizeof(*out));
	if (!m->tap_index) {
		four->sin_family = AF_INET;
		four->sin_port = htons(vm_port(m->vm, TELNET));
		four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return;
	}
	/* RFC 4291, appendix A: the modified EUI-64 of its MAC. */
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(TELNET);
	six->sin6_scope_id = m->tap_index;
	memcpy(six->sin6_addr.s6_addr,
	       (const uint8_t[16]){ 0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff,
				    0xfe, mac[3], mac[4], mac[5] },
	       16);
}

void machine_await_prompt(struct machine *m)
{
	struct sockaddr_storage addr;

	machine_address(m, &addr);
	/* QEMU's own network looks at a new connection's socket when its loop turns next, which an idle machine lets
	 * wait for half a second: questions turn it. */
	if (!m->tap_index)
		vm_watch(m->vm, NUDGE_MS);
	m->phase = PHASE_PROMPT;
	m->session = session_new(m->loop, (struct sockaddr *)&addr);
	if (!m->session)
		machine_fail(m, -ENOMEM, "no memory");
	else
		session_connect(m->session, m->wakes ? MACHINE_WAKE_MS : MACHINE_BOOT_MS, on_prompt,
				m);
}

static void on_console(const char *bytes, size_t n, void *arg)
{
	struct machine *m = arg;

	if (m->handlers.on_console)
		m->handlers.on_console(bytes, n, m->handlers.arg);
	machine_console_says(m, bytes, n);
}

static void on_up(void *arg)
{
	struct machine *m = arg;

	m->up_ms = uv_now(m->loop);
	vm_watch(m->vm, MACHINE_WATCH_MS);
	snprintf(m->tag, sizeof(m->tag), "ready-%016" PRIx64, vm_identity(m->vm));
	if (!m->wakes) {
		machine_await_prompt(m);
		return;
	}
	machine_wake(m);
}

/* The file is complete only when QEMU has closed it. */
static void on_vm_end(int err, const char *why, void *arg)
{
	struct machine *m = arg;
	char sentence[VM_WHY_LEN];

	if (m->phase == PHASE_QUIT && !err) {
		err = disk_name(m->kept_fd, m->path);
		if (err) {
			snprintf(sentence, sizeof(sentence),
				 "%.400s: the state cannot be written: %s", m->path,
				 strerror(-err));
			why = sentence;
		}
	}
	if (m->wakes && m->phase <= PHASE_LOAD && err == -ECHILD)
		err = -ESTALE;
	machine_end(m, err, why);
}

/* The disk that it writes: empty, or the saved one's copy. The descriptor, owned, or -errno with a sentence. */
static int make_disk(const struct machine_options *o, char *error)
{
	struct parts parts;
	uint64_t bytes;
	int err = vm_space_ask(o->run_dir, o->writes_max ? o->writes_max : VM_DISK_MAX, error);

	if (err)
		return err;

	if (o->ready_fd >= 0) {
		err = disk_check(o->ready_fd, MACHINE_READY_FILE, &bytes, error);
		return err ? err : disk_copy(o->run_dir, o->ready_fd, error);
	}
	err = parts_open(o->decoy, &parts, error);
	if (err)
		return err;
	bytes = parts.disk_bytes;
	parts_close(&parts);
	return disk_empty(o->run_dir, bytes, error);
}

struct machine *machine_start(uv_loop_t *loop, const struct machine_options *o,
			      const struct machine_handlers *h, int *err,
			      char error[CONF_ERROR_LEN])
{
	const struct vm_handlers vm_handlers = { .on_up = on_up, .on_end = on_vm_end };
	struct vm_options vm_options = {
		.decoy = o->decoy, .tap_fd = o->tap_fd, .paused = o->ready_fd >= 0, .user = o->user
	};
	struct vm_handlers with_arg = vm_handlers;
	struct machine *m = calloc(1, sizeof(*m));
	struct serial *console;

	*err = m ? 0 : -ENOMEM;
	if (m && o->decoy->profile.renew_by_login)
		renew_first_mac(&o->decoy->persona, o->decoy->name, vm_options.mac);
	else if (m)
		*err = persona_new_mac(&o->decoy->persona, vm_options.mac);
	if (*err) {
		conf_refuse(error, "%s: %s", o->decoy->name, strerror(-*err));
		goto failed;
	}
	m->loop = loop;
	m->decoy = o->decoy;
	m->handlers = *h;
	m->wakes = o->ready_fd >= 0;
	m->kept_fd = -1;
	m->tap_index = o->tap_fd >= 0 ? o->tap_index : 0;
	memcpy(m->mac, vm_options.mac, sizeof(m->mac));
	uv_update_time(loop);
	m->begun_ms = uv_now(loop);
	m->waited_ms = run_delay_own_ms();
	vm_options.reaches_host = o->reaches_host;
	vm_options.disk_bytes_max = o->writes_max;
	memcpy(vm_options.forwards, o->forwards, sizeof(o->forwards));
	vm_options.disk_fd = make_disk(o, error);
	*err = vm_options.disk_fd < 0 ? vm_options.disk_fd : 0;
	if (*err)
		goto failed;
	with_arg.arg = m;
	m->vm = vm_start(loop, &vm_options, &with_arg, err, error);
	if (!m->vm) {
		free(m);
		return NULL;
	}
	m->snapshot = snapshot_new(loop, m->vm);
	uv_timer_init(loop, &m->timer);
	m->timer.data = m;
	console = vm_serial(m->vm, PROFILE_SERIAL_CONSOLE);
	if (!m->snapshot || !console) {
		*err = -ENOMEM;
		conf_refuse(error, "%s: no memory", o->decoy->name);
		m->ended = true;
		release(m);
		m->freed = true;
		return NULL;
	}
	console->fn = on_console;
	console->arg = m;
	return m;
failed:
	if (o->tap_fd >= 0)
		close(o->tap_fd);
	free(m);
	return NULL;
}

void machine_free(struct machine *m)
{
	if (!m || m->freed)
		return;
	if (!m->ended) {
		m->ended = true;
		release(m);
	}
	m->freed = true;
	if (m->closed)
		free(m);
}

unsigned int machine_tap_index(const struct machine *m)
{
	return m->tap_index;
}

struct vm *machine_vm(struct machine *m)
{
	return m->vm;
}

unsigned int machine_prompt_ms(const struct machine *m)
{
	return m->prompt_ms;
}

unsigned int machine_shell_ms(const struct machine *m)
{
	return m->shell_ms;
}

unsigned int machine_prompt_alone_ms(const struct machine *m)
{
	return m->prompt_alone_ms;
}
