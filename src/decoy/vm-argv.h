/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's command line, from a profile and the descriptors that the machine is wired with.
 *
 * Everything is off that is not asked for (-nodefaults, no display, no monitor, no user's configuration), and
 * QEMU's own sandbox is on. Disks, kernel, sockets and TAP devices are descriptors: the machine has
 * no path, no listening socket but its forwarded ports, and nothing to clean up.
 */
#ifndef MIMAMORI_DECOY_VM_ARGV_H
#define MIMAMORI_DECOY_VM_ARGV_H

#include "decoy/profile.h"

#define VM_ARGS_MAX 80
#define VM_ARGS_BYTES 8192
#define VM_FORWARDS_MAX 4
#define VM_TB_MB 32 /* of translated code: what a small guest needs; QEMU's own default is 1 GB */

struct vm_wiring {
	int qmp_fd, serial_fd[PROFILE_SERIAL_MAX]; /* serial: -1 where the role is null */
	int disk_fd, base_fd, kernel_fd, initrd_fd, dtb_fd; /* the last two: -1 without */
	int gdb_fd; /* of the debugger's interface; -1: none */
	int tap_fd; /* the network; -1: QEMU's own, with the ports below forwarded from 127.0.0.1 */
	uint16_t forwards[VM_FORWARDS_MAX]; /* the guest's; 0: unused */
	uint8_t mac[PROFILE_MAC_LEN];
	bool reaches_host; /* QEMU's own network also lets the guest out */
	bool paused; /* starts stopped, for a state to be loaded */
};

struct vm_argv {
	const char *arg[VM_ARGS_MAX + 1]; /* NULL-terminated; point into text */
	unsigned int count;
	size_t used;
	bool full; /* something did not fit */
	char text[VM_ARGS_BYTES];
};

/* 0, or -E2BIG when it does not fit. The result is not to be copied. */
int vm_argv_build(const struct profile *p, const struct vm_wiring *w, struct vm_argv *out);

#endif
