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

static void on_renew_limit(uv_timer_t *timer)
{
	if (!limit_goes_on(timer))
		machine_fail(timer->data, -ETIMEDOUT, "its console has not answered");
}

static void on_running(int err, const char *why, void *arg)
{
	struct machine *m = arg;

	if (!err && m->decoy->profile.renew_by_login) {
		machine_await_prompt(m);
		return;
	}
	if (!err) {
		m->phase = PHASE_RENEW;
		limit_start(&m->timer, on_renew_limit, RENEW_MS);
		err = persona_new_mac(&m->decoy->persona, m->mac);
		if (!err)
			err = renew_send(m->vm, m->mac, !m->tap_index);
		why = "its console cannot be written to";
	}
	if (err)
		machine_fail(m, err, why);
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
	snprintf(
		sentence, sizeof(sentence),
		"%s; if its parts or QEMU have changed since it was saved: mimamori-decoy snapshot "
		"%s",
		why, m->decoy->name);
	machine_end(m, err, sentence);
}

void machine_wake(struct machine *m)
{
	m->phase = PHASE_LOAD;
	snapshot_load(m->snapshot, m->tag, on_loaded, m);
}

void machine_console_says(struct machine *m, const char *bytes, size_t n)
{
	if (m->phase == PHASE_RENEW && renew_answered(&m->answer, bytes, n)) {
		uv_timer_stop(&m->timer);
		machine_await_prompt(m);
	}
}
