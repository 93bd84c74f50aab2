/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/vm-argv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The numbers of QEMU's descriptor sets. */
#define SET_DISK 1
#define SET_BASE 2

__attribute__((format(printf, 2, 3))) static void add(struct vm_argv *a, const char *fmt, ...)
{
	size_t room = sizeof(a->text) - a->used;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(a->text + a->used, room, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room || a->count == VM_ARGS_MAX) {
		a->full = true;
		return;
	}
	a->arg[a->count++] = a->text + a->used;
	a->arg[a->count] = NULL;
	a->used += (size_t)n + 1;
}

static void add_machine(struct vm_argv *a, const struct profile *p)
{
	add(a, "%s", p->qemu);
	add(a, "-name");
	add(a, "mimamori-%s", p->name);
	for (const char *const *word =
		     (const char *const[]){ "-nodefaults", "-no-user-config", "-display", "none",
					    "-monitor", "none", "-parallel", "none", NULL };
	     *word; word++)
		add(a, "%s", *word);
	add(a, "-sandbox");
	add(a, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	add(a, "-accel");
	add(a, "tcg,tb-size=%d", VM_TB_MB);
	add(a, "-machine");
	add(a, "%s", p->machine);
	if (p->cpu[0]) {
		add(a, "-cpu");
		add(a, "%s", p->cpu);
	}
	add(a, "-m");
	add(a, "%u", p->memory_mb);
}

static void add_boot(struct vm_argv *a, const struct profile *p, const struct vm_wiring *w)
{
	add(a, "-kernel");
	add(a, "/dev/fd/%d", w->kernel_fd);
	if (w->initrd_fd >= 0) {
		add(a, "-initrd");
		add(a, "/dev/fd/%d", w->initrd_fd);
	}
	if (w->dtb_fd >= 0) {
		add(a, "-dtb");
		add(a, "/dev/fd/%d", w->dtb_fd);
	}
	if (p->append[0]) {
		add(a, "-append");
		add(a, "%s", p->append);
	}
}

/* QEMU's own would tell: "QEMU HARDDISK", "QM00001", its version. */
static void add_disk_text(struct vm_argv *a, const char *property, const char *value)
{
	if (!value[0])
		return;
	add(a, "-global");
	add(a, "ide-hd.%s=%s", property, value);
}

/* Formats are named, never guessed: a guest may write another format's header into its disk. */
static void add_disk(struct vm_argv *a, const struct profile *p, const struct vm_wiring *w)
{
	add(a, "-add-fd");
	add(a, "fd=%d,set=%d", w->disk_fd, SET_DISK);
	add(a, "-add-fd");
	add(a, "fd=%d,set=%d", w->base_fd, SET_BASE);
	add(a, "-drive");
	add(a,
	    "if=%s,id=drive0,node-name=disk0,driver=qcow2,read-only=off,auto-read-only=off,"
	    "cache.no-flush=on,file.driver=file,file.filename=/dev/fdset/%d,"
	    "backing.driver=qcow2,backing.read-only=on,backing.auto-read-only=off,"
	    "backing.file.driver=file,backing.file.filename=/dev/fdset/%d",
	    p->disk_is_device ? "none" : p->disk_word, SET_DISK, SET_BASE);
	if (p->disk_is_device) {
		add(a, "-device");
		add(a, "%s,drive=drive0", p->disk_word);
	}
	add_disk_text(a, "model", p->disk_model);
	add_disk_text(a, "ver", p->disk_firmware);
	add_disk_text(a, "serial", p->disk_serial);
}

/* One NIC. Never on a wire with both: QEMU's own network takes whatever it sees there as for itself. */
static void add_network(struct vm_argv *a, const struct profile *p, const struct vm_wiring *w)
{
	const uint8_t *m = w->mac;
	char forwards[VM_FORWARDS_MAX * 40] = "", mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
		 m[5]);
	for (int i = 0; i < VM_FORWARDS_MAX; i++)
		if (w->forwards[i])
			/* Port 0: the kernel chooses one that is free. */
			snprintf(forwards + strlen(forwards), sizeof(forwards) - strlen(forwards),
				 ",hostfwd=tcp:127.0.0.1:0-:%u", w->forwards[i]);
	add(a, "-netdev");
	if (w->tap_fd >= 0)
		add(a, "tap,id=net0,fd=%d", w->tap_fd);
	else
		add(a, "user,id=net0%s%s", w->reaches_host ? "" : ",restrict=on", forwards);
	if (p->nic_is_device) {
		add(a, "-device");
		add(a, "%s,netdev=net0,mac=%s", p->nic_word, mac);
	} else {
		add(a, "-net");
		add(a, "nic,model=%s,netdev=net0,macaddr=%s", p->nic_word, mac);
	}
}

static void add_sockets(struct vm_argv *a, const struct profile *p, const struct vm_wiring *w)
{
	add(a, "-chardev");
	add(a, "socket,id=qmp0,fd=%d", w->qmp_fd);
	add(a, "-mon");
	add(a, "chardev=qmp0,mode=control");
	if (w->gdb_fd >= 0) {
		add(a, "-chardev");
		add(a, "socket,id=gdb0,fd=%d", w->gdb_fd);
		add(a, "-gdb");
		add(a, "chardev:gdb0");
	}
	for (unsigned int i = 0; i < p->n_serial; i++) {
		bool is_device = p->serial[i] == PROFILE_SERIAL_RECORDER && p->recorder_word;

		if (w->serial_fd[i] < 0) {
			add(a, "-serial");
			add(a, "null");
			continue;
		}
		add(a, "-chardev");
		add(a, "socket,id=serial%u,fd=%d", i, w->serial_fd[i]);
		add(a, is_device ? "-device" : "-serial");
		if (is_device)
			add(a, "%s,chardev=serial%u", p->recorder_word, i);
		else
			add(a, "chardev:serial%u", i);
	}
}

int vm_argv_build(const struct profile *p, const struct vm_wiring *w, struct vm_argv *out)
{
	memset(out, 0, sizeof(*out));
	add_machine(out, p);
	add_boot(out, p, w);
	add_disk(out, p, w);
	add_network(out, p, w);
	add_sockets(out, p, w);
	if (w->paused)
		add(out, "-S");
	return out->full ? -E2BIG : 0;
}
