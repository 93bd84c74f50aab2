/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/limit.h"
#include "decoy/machine-internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RENEW_MS \
	15000 /* for the console's answer: a guest takes 0.4 s of a processor, a busy host has less */
#define BOOTED_RENEWALS 4 /* times that a booted one is asked */
#define PIECE 8 /* bytes */
#define PIECE_MS 50 /* after each */

static void on_renewed_by_login(const struct session_result *r, void *arg)
{
	struct machine *m = arg;

	if (r->err || r->status)
		machine_fail(m, r->err ? r->err : -EIO, r->err ? r->why : "a command of it failed");
	else
		machine_forget(m);
}

void machine_renew_by_login(struct machine *m)
{
	char line[RENEW_LOGIN_LINE_MAX];
	uint8_t mac[PROFILE_MAC_LEN], seed[RENEW_SEED_BYTES];

	m->phase = PHASE_RENEW_BY_LOGIN;
	if (persona_new_mac(&m->decoy->persona, mac) < 0 || getentropy(seed, sizeof(seed)) < 0) {
		machine_fail(m, -errno, "no random numbers");
		return;
	}
	renew_login_line(line, time(NULL), mac, seed);
	memcpy(m->mac, mac, sizeof(m->mac));
	session_run(m->session, line, MACHINE_LOGIN_MS, on_renewed_by_login, m);
}

static void renew(struct machine *m, bool keep_lease);

/* One that boots may not listen yet when a login is possible already, and what it is told then may be lost. */
static void on_not_renewed(struct machine *m, int err, const char *why)
{
	if (!m->wakes && ++m->renewals < BOOTED_RENEWALS)
		renew(m, true);
	else
		machine_fail(m, err, why);
}

static void on_renew_limit(uv_timer_t *timer)
{
	if (!limit_goes_on(timer))
		on_not_renewed(timer->data, -ETIMEDOUT,
			       "its console has not answered (without the program for that, its "
			       "profile.conf wants renew = login)");
}

static unsigned int pause_ms(const struct machine *m)
{
	return PIECE_MS << m->renewals;
}

/* The next piece of the line; then its answer is waited for. */
static void on_send(uv_timer_t *timer)
{
	struct machine *m = timer->data;
	struct serial *console = vm_serial(m->vm, PROFILE_SERIAL_CONSOLE);
	size_t left = m->line_used - m->line_sent, n = m->wakes || left < PIECE ? left : PIECE;
	int err = console ? serial_write(console, m->line + m->line_sent, n) : -ENODEV;

	m->line_sent += n;
	if (err)
		machine_fail(m, err, "its console cannot be written to");
	else if (m->line_sent < m->line_used)
		uv_timer_start(timer, on_send, pause_ms(m), 0);
	else
		limit_start(timer, on_renew_limit, RENEW_MS);
}

/*
 * Over the console. QEMU's SH4 loses what is more than its serial port's buffer of 16 bytes and comes faster than the
 * guest takes it: one that boots is sent small pieces, slower each time. What it had of a line before is ended.
 */
static void renew(struct machine *m, bool keep_lease)
{
	int n = renew_compose(m->line + 1, m->wakes ? 0 : RENEW_LINE_MAX / PIECE * pause_ms(m),
			      m->mac, keep_lease);

	if (n < 0) {
		machine_fail(m, n, "no random numbers");
		return;
	}
	m->phase = PHASE_RENEW;
	m->answer.used = 0;
	m->line[0] = '\n';
	m->line_used = 1 + (size_t)n;
	m->line_sent = 0;
	on_send(&m->timer);
}

void machine_renew_booted(struct machine *m)
{
	renew(m, true);
}

static void on_running(int err, const char *why, void *arg)
{
	struct machine *m = arg;

	if (err) {
		machine_fail(m, err, why);
		return;
	}
	if (m->decoy->profile.renew_by_login) {
		machine_await_prompt(m);
		return;
	}
	err = persona_new_mac(&m->decoy->persona, m->mac);
	if (err)
		machine_fail(m, err, "no random numbers");
	else
		renew(m, !m->tap_index);
}

static void on_timer_limit(uv_timer_t *timer)
{
	if (!limit_goes_on(timer))
		machine_fail(timer->data, -ETIMEDOUT, "QEMU's debugger interface has not answered");
}

static void on_timer_set(int err, const char *why, void *arg)
{
	struct machine *m = arg;

	uv_timer_stop(&m->timer);
	if (err)
		machine_fail(m, err, why);
	else
		snapshot_continue(m->snapshot, on_running, m);
}

static void on_loaded(int err, const char *why, void *arg)
{
	struct machine *m = arg;
	struct serial *gdb = vm_gdb(m->vm);
	char sentence[VM_WHY_LEN];

	if (!err && gdb) {
		limit_start(&m->timer, on_timer_limit, RENEW_MS);
		err = mips_timer_start(&m->mips_timer, gdb, m->decoy->profile.big_endian,
				       on_timer_set, m);
		if (err)
			machine_fail(m, err, "QEMU's debugger interface cannot be asked");
		return;
	}
	if (!err) {
		snapshot_continue(m->snapshot, on_running, m);
		return;
	}
	if (err != -EIO && err != -EREMOTEIO) {
		machine_end(m, err, why);
		return;
	}
	snprintf(
		sentence, sizeof(sentence),
		"%s; if its parts or QEMU have changed since it was saved: mimamori-decoy snapshot "
		"%s",
		why, m->decoy->name);
	machine_end(m, -ESTALE, sentence);
}

void machine_wake(struct machine *m)
{
	m->phase = PHASE_LOAD;
	snapshot_load(m->snapshot, m->tag, on_loaded, m);
}

void machine_console_says(struct machine *m, const char *bytes, size_t n)
{
	char why[RENEW_FAILED_MAX];
	int failed = m->phase == PHASE_RENEW ? renew_answered(&m->answer, bytes, n) : RENEW_SILENT;

	/* While it is sent, it is a former line's, which the new one has ended. */
	if (failed == RENEW_SILENT || m->line_sent < m->line_used)
		return;
	uv_timer_stop(&m->timer);
	if (failed) {
		renew_failed(failed, why);
		on_not_renewed(m, -EIO, why);
	} else if (m->wakes) {
		machine_await_prompt(m);
	} else {
		machine_settle(m);
	}
}
