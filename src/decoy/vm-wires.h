/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lies between a machine and its QEMU: parts, sockets, pipes, and how QEMU is started with its ends.
 */
#ifndef MIMAMORI_DECOY_VM_WIRES_H
#define MIMAMORI_DECOY_VM_WIRES_H

#include "decoy/launch.h"
#include "decoy/parts.h"
#include "decoy/vm.h"

/* Each pair's second descriptor is QEMU's; -1: none, or taken over. */
struct vm_wires {
	struct parts parts;
	struct vm_wiring wiring;
	int qmp[2], output[2], gdb[2], serial[PROFILE_SERIAL_MAX][2];
	int fds[LAUNCH_FDS_MAX];
	unsigned int n_fds;
	struct vm_argv argv;
};

void vm_wires_init(struct vm_wires *s);
/* Opens parts, sockets and pipes. 0, or -errno with a sentence; what is open then is closed by vm_wires_close(). */
int vm_wires_open(struct vm_wires *s, const struct vm_options *o, char error[CONF_ERROR_LEN]);
/* Starts QEMU with its ends, jailed. 0, or -errno with a sentence. */
int vm_wires_launch(struct vm_wires *s, const struct vm_options *o, pid_t *pid,
		    char error[CONF_ERROR_LEN]);
/* Closes what nobody took over. */
void vm_wires_close(struct vm_wires *s);
void vm_wires_close_fd(int *fd);

#endif
