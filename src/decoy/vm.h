/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One running machine: a QEMU process, its control connection, its serial ports, its end.
 *
 * Theory of operation
 * -------------------
 * vm_start() opens the decoy's parts, wires sockets, and starts QEMU jailed (launch.h); on_up follows
 * once QEMU has answered and said where its ports are. The machine ends in one of these ways, and
 * on_end says which, once: QEMU ended or was killed (its pidfd tells, and its last words on stderr are
 * in the sentence), its control connection closed, or it did not answer in time: then it is killed, stopped or
 * not. A QEMU without questions is not asked any: whoever wants a hang noticed calls vm_watch(). A
 * guest's write that the host has no room for ends the machine with that reason (vm-space.h); a profile that
 * QEMU does not take is told by its file and key (vm-refused.h).
 * Nothing outlives the machine: its disk has no name, and QEMU is killed when this process ends.
 */
#ifndef MIMAMORI_DECOY_VM_H
#define MIMAMORI_DECOY_VM_H

#include "decoy/profile.h"
#include "decoy/qmp.h"
#include "decoy/serial.h"
#include "decoy/vm-argv.h"

#include <sys/types.h>

#define VM_WHY_LEN 512
#define VM_WATCH_TIMEOUT_MS 10000 /* a QEMU that takes longer to answer hangs */
#define VM_START_TIMEOUT_MS 45000 /* until on_up: 0.1 to 0.3 s; on a busy host much longer */
#define VM_QUIT_MS 30000 /* from "quit" to its end: most often some ms */

struct vm;

struct vm_options {
	const struct decoy *decoy; /* borrowed for the machine's life */
	int disk_fd; /* owned, even on failure: an image to write, over the pristine one (disk.h) */
	int tap_fd; /* owned, even on failure: a TAP device; -1: QEMU's own network, with ports on 127.0.0.1 */
	uint16_t forwards[VM_FORWARDS_MAX]; /* of the guest, first the used ones; 0: unused */
	uint8_t mac[PROFILE_MAC_LEN];
	bool reaches_host; /* without TAP: the guest may connect to whatever this host can; else to nothing */
	bool paused;
	const char *user; /* QEMU runs as this user; NULL: one of its own */
	uint64_t disk_bytes_max; /* that the machine may write; 0: VM_DISK_MAX */
};

#define VM_DISK_MAX (512ULL << 20)

struct vm_handlers {
	void (*on_up)(void *arg);
	void (*on_event)(const char *name, const json_t *data, void *arg); /* QMP's; may be NULL */
	/* err: -ETIMEDOUT hung, -ENOSPC no room for its disk, -EINVAL QEMU refuses the profile, -ECHILD it ended,
	 * others. */
	void (*on_end)(int err, const char *why, void *arg);
	void *arg;
};

/* NULL with *err set and a sentence in error: then nothing is left, and no callback comes. */
struct vm *vm_start(uv_loop_t *loop, const struct vm_options *options,
		    const struct vm_handlers *handlers, int *err, char error[CONF_ERROR_LEN]);

/* Kills QEMU if it lives, and waits until it is gone. From any callback. No callback comes after. */
void vm_free(struct vm *vm);

/* Asks QEMU to end by itself, with its images closed: on_end comes with err 0 when it has, and is not watched meanwhile.
 * 0 or -errno. */
int vm_quit(struct vm *vm);

/* Asks every interval_ms whether QEMU still answers; 0: no longer. */
void vm_watch(struct vm *vm, unsigned int interval_ms);

/* All borrowed; the port is one of this host's on 127.0.0.1, 0 when the guest's is not forwarded. */
struct qmp *vm_qmp(struct vm *vm);
uint16_t vm_port(const struct vm *vm, uint16_t guest_port);
pid_t vm_pid(const struct vm *vm);
/* Processor time that QEMU has used, ms; 0 when it is gone. */
unsigned int vm_cpu_ms(const struct vm *vm);
const struct decoy *vm_decoy(const struct vm *vm);
uint64_t vm_identity(const struct vm *vm); /* parts.h */
int vm_disk_fd(const struct vm *vm);
/* When something has failed: is there no room left for what it writes? */
bool vm_lacks_room(struct vm *vm);
/* NULL when the machine has no port of this role. */
struct serial *vm_serial(struct vm *vm, enum profile_serial role);
/* QEMU's debugger interface, of a machine started paused that needs it (mips-timer.h); or NULL. */
struct serial *vm_gdb(struct vm *vm);

#endif
