/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2 */
#endif

#include "decoy/vm-wires.h"

#include "core/isolate.h"
#include "decoy/mips-timer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATA_BYTES \
	(1ULL << 30) /* of QEMU's own memory, stacks and caches included, beside the guest's */

void vm_wires_init(struct vm_wires *s)
{
	memset(s->serial, 0xff, sizeof(s->serial));
	memset(s->qmp, 0xff, sizeof(s->qmp));
	memset(s->output, 0xff, sizeof(s->output));
	memset(s->gdb, 0xff, sizeof(s->gdb));
	s->parts = (struct parts){ .kernel = -1, .initrd = -1, .dtb = -1, .disk = -1 };
}

/* Two connected ends; [1] is QEMU's. */
static int pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}

static void keep_fd(struct vm_wires *s, int fd)
{
	if (fd >= 0)
		s->fds[s->n_fds++] = fd;
}

void vm_wires_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Makes the sockets between us and QEMU. 0 or -errno. */
static int wire(struct vm_wires *s, const struct vm_options *o)
{
	const struct profile *p = &o->decoy->profile;
	int err = pair(s->qmp);

	if (!err && mips_timer_is_due(p))
		err = pair(s->gdb);
	if (!err && pipe2(s->output, O_CLOEXEC | O_NONBLOCK) < 0)
		err = -errno;
	for (unsigned int i = 0; !err && i < p->n_serial; i++)
		if (p->serial[i] != PROFILE_SERIAL_NULL)
			err = pair(s->serial[i]);
	if (err)
		return err;
	s->wiring = (struct vm_wiring){ .qmp_fd = s->qmp[1],
					.disk_fd = o->disk_fd,
					.base_fd = s->parts.disk,
					.kernel_fd = s->parts.kernel,
					.initrd_fd = s->parts.initrd,
					.dtb_fd = s->parts.dtb,
					.gdb_fd = s->gdb[1],
					.tap_fd = o->tap_fd,
					.reaches_host = o->reaches_host,
					.paused = o->paused };
	memcpy(s->wiring.forwards, o->forwards, sizeof(o->forwards));
	memcpy(s->wiring.mac, o->mac, sizeof(o->mac));
	keep_fd(s, s->qmp[1]);
	keep_fd(s, o->disk_fd);
	keep_fd(s, s->parts.disk);
	keep_fd(s, s->parts.kernel);
	keep_fd(s, s->parts.initrd);
	keep_fd(s, s->parts.dtb);
	keep_fd(s, o->tap_fd);
	keep_fd(s, s->gdb[1]);
	for (int i = 0; i < PROFILE_SERIAL_MAX; i++) {
		s->wiring.serial_fd[i] = s->serial[i][1];
		keep_fd(s, s->serial[i][1]);
	}
	return 0;
}

int vm_wires_launch(struct vm_wires *s, const struct vm_options *o, pid_t *pid,
		    char error[CONF_ERROR_LEN])
{
	const struct profile *p = &o->decoy->profile;
	const int readable[] = { s->parts.kernel, s->parts.initrd, s->parts.dtb };
	struct launch_jail jail = { .network = o->tap_fd < 0,
				    .file_bytes = o->disk_bytes_max ? o->disk_bytes_max :
								      VM_DISK_MAX,
				    .data_bytes = DATA_BYTES + ((uint64_t)p->memory_mb << 20) };
	char path[PATH_MAX], why[LAUNCH_WHY_LEN];
	int open_again[3], err;
	struct launch spec = { .path = path,
			       .argv = s->argv.arg,
			       .fds = s->fds,
			       .n_fds = s->n_fds,
			       .output = s->output[1],
			       .jail = &jail };

	jail.readable = open_again;
	for (size_t i = 0; i < 3; i++)
		if (readable[i] >= 0)
			open_again[jail.n_readable++] = readable[i];
	if (o->user) {
		err = isolate_find_user(o->user, &jail.uid, &jail.gid);
		if (err || !jail.uid) {
			conf_refuse(error,
				    "%s: there is no such user, or it is root: QEMU needs an "
				    "unprivileged one",
				    o->user);
			return err ? err : -EINVAL;
		}
		if (geteuid() != 0 && geteuid() != jail.uid) {
			conf_refuse(error,
				    "QEMU cannot run as %s: only root can start it as another user",
				    o->user);
			return -EPERM;
		}
	}
	if (launch_find(p->qemu, path) < 0) {
		conf_refuse(
			error,
			"%s: %s is not installed; on Debian it is in qemu-system-arm, -mips, -ppc, "
			"-sparc or -misc",
			o->decoy->name, p->qemu);
		return -ENOENT;
	}
	err = vm_argv_build(p, &s->wiring, &s->argv);
	if (err) {
		conf_refuse(error, "%s: the profile makes too long a command line", o->decoy->name);
		return err;
	}
	err = launch(&spec, pid, why);
	if (err)
		conf_refuse(error, "%s: %s", o->decoy->name, why);
	return err;
}

int vm_wires_open(struct vm_wires *s, const struct vm_options *o, char error[CONF_ERROR_LEN])
{
	int err = parts_open(o->decoy, &s->parts, error);

	if (err)
		return err;
	err = wire(s, o);
	if (err)
		conf_refuse(error, "%s: its sockets cannot be made: %s", o->decoy->name,
			    strerror(-err));
	return err;
}

void vm_wires_close(struct vm_wires *s)
{
	parts_close(&s->parts);
	for (int side = 0; side < 2; side++) {
		vm_wires_close_fd(&s->qmp[side]);
		vm_wires_close_fd(&s->output[side]);
		vm_wires_close_fd(&s->gdb[side]);
		for (int i = 0; i < PROFILE_SERIAL_MAX; i++)
			vm_wires_close_fd(&s->serial[i][side]);
	}
}
