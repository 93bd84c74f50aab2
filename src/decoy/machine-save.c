/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/limit.h"
#include "decoy/machine-internal.h"
#include "decoy/ppc-timer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PARK_MS 30000 /* a processor with nothing to do sleeps for 13 s at the most */
#define PARKS 100 /* attempts: most often the first one does */
#define PARK_AGAIN_MS 20

static void on_saved(int err, const char *why, void *arg)
{
	struct machine *m = arg;

	if (!err) {
		m->phase = PHASE_QUIT;
		err = vm_quit(m->vm);
		why = "QEMU cannot be ended";
	}
	if (err)
		machine_end(m, err, why);
}

static void save_now(struct machine *m)
{
	snapshot_save(m->snapshot, m->tag, on_saved, m);
}

static void park(uv_timer_t *timer);

static void on_runs_again(int err, const char *why, void *arg)
{
	struct machine *m = arg;

	if (err)
		machine_end(m, err, why);
	else if (++m->parks < PARKS)
		uv_timer_start(&m->timer, park, PARK_AGAIN_MS, 0);
	else
		save_now(
			m); /* it never sleeps: its timer may be lost, as in one state of many on a calm host */
}

static void on_parked(int err, const char *why, void *arg)
{
	struct machine *m = arg;

	uv_timer_stop(&m->timer);
	if (err == -EAGAIN)
		snapshot_continue(m->snapshot, on_runs_again, m);
	else if (err)
		machine_fail(m, err, why);
	else
		save_now(m);
}

static void on_park_limit(uv_timer_t *timer)
{
	if (!limit_goes_on(timer))
		machine_fail(timer->data, -ETIMEDOUT, "its processor's timer does not come");
}

static void park(uv_timer_t *timer)
{
	struct machine *m = timer->data;
	struct serial *gdb = vm_gdb(m->vm);
	int err;

	if (!gdb) {
		save_now(m);
		return;
	}
	limit_start(timer, on_park_limit, PARK_MS);
	err = mips_timer_park(&m->mips_timer, gdb, m->decoy->profile.big_endian, on_parked, m);
	if (err)
		machine_fail(m, err, "QEMU's debugger interface cannot be asked");
}

int machine_save(struct machine *m, const char *path)
{
	uint64_t from_ms = m->up_ms + (m->wakes ? 0 : ppc_timer_runs_ms(&m->decoy->profile));

	if (m->phase != PHASE_READY || m->ended)
		return -EBUSY;
	if (!m->decoy->profile.snapshot_works)
		return -EOPNOTSUPP;
	m->kept_fd = dup(vm_disk_fd(m->vm));
	if (m->kept_fd < 0)
		return -errno;
	snprintf(m->path, sizeof(m->path), "%s", path);
	m->phase = PHASE_SAVE;
	uv_update_time(m->loop);
	uv_timer_start(&m->timer, park, from_ms > uv_now(m->loop) ? from_ms - uv_now(m->loop) : 0,
		       0);
	return 0;
}
