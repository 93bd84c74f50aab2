/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A decoy made ready: booted and settled, or woken from a saved state, and proven by a login.
 *
 * Theory of operation
 * -------------------
 * Boot: QEMU is started, a login prompt awaited, user and password tried, then su with root's; it is given the time and
 * entropy (renew.h; those of others keep the clock that their board gave them), the session is closed, and the machine
 * left alone until its network has settled. Such a machine can be saved: its state and
 * what it wrote are one qcow2 file, under a tag that stands for the very parts, profile and QEMU it
 * was made of, so that no other machine is ever woken from it.
 * Wake: a copy of that file becomes the disk of a new QEMU process, which loads the state and runs on. A
 * process never serves twice: what an attacker did to it is gone with it. Time, entropy and MAC are
 * renewed (renew.h; where the decoy has no such program, by a login as root), then a login proves it.
 * Every phase has a time limit, and whatever goes wrong ends the machine with one sentence.
 */
#ifndef MIMAMORI_DECOY_MACHINE_H
#define MIMAMORI_DECOY_MACHINE_H

#include "decoy/vm.h"

#include <sys/socket.h>

#define MACHINE_BOOT_MS 180000 /* to the login prompt: 1 to 15 s on an idle host */
#define MACHINE_WAKE_MS 20000
#define MACHINE_LOGIN_MS 30000 /* of each login */
#define MACHINE_SETTLE_MS 2000 /* IPv6 needs one to two seconds for its addresses */
#define MACHINE_WATCH_MS 5000 /* between two questions whether QEMU still answers */
#define MACHINE_READY_FILE \
	"ready.qcow2" /* in the decoy's folder: the saved state, with user networking */

struct machine;

struct machine_options {
	const struct decoy *decoy; /* borrowed for the machine's life */
	const char *run_dir; /* where its disk, a file without a name, is; borrowed */
	uint64_t writes_max; /* bytes that its disk's file may have; 0: VM_DISK_MAX */
	const char *user; /* NULL: QEMU has a user of its own */
	int tap_fd; /* owned, even on failure; -1: QEMU's own network */
	bool reaches_host; /* on QEMU's own network: vm.h */
	unsigned int
		tap_index; /* of the TAP device: logins go over IPv6 to the decoy's link-local address */
	uint16_t forwards
		[VM_FORWARDS_MAX]; /* of the guest; without TAP, 23 must be among them; 0: unused */
	int ready_fd; /* borrowed: a saved state to wake from; -1: boot */
};

struct machine_handlers {
	void (*on_ready)(void *arg);
	/* It has ended, or never became ready. Once; the machine is to be freed. err: vm.h's, and -ESTALE: QEMU does not
	 * load the saved state, or ends over it. */
	void (*on_end)(int err, const char *why, void *arg);
	/* What the console says, from the start; may be NULL. */
	void (*on_console)(const char *bytes, size_t n, void *arg);
	void *arg;
};

/* NULL with *err and a sentence. */
struct machine *machine_start(uv_loop_t *loop, const struct machine_options *o,
			      const struct machine_handlers *h, int *err,
			      char error[CONF_ERROR_LEN]);
/* Kills it. From any callback; none comes after. */
void machine_free(struct machine *m);

/*
 * Saves a ready machine as this file, which ends it: on_end comes with err 0 when the file is there. Only
 * where the profile says that snapshots work. PowerPC's have to have run a while before (ppc-timer.h). 0 or -errno.
 */
int machine_save(struct machine *m, const char *path);

/* Where its telnet is. */
void machine_address(const struct machine *m, struct sockaddr_storage *out);
unsigned int machine_tap_index(const struct machine *m); /* 0: QEMU's own network */
struct vm *machine_vm(struct machine *m);
/* How long, in ms, from its start to the login prompt, and to the shell behind it; 0: not yet. */
unsigned int machine_prompt_ms(const struct machine *m);
unsigned int machine_shell_ms(const struct machine *m);
/* The same to that prompt, without what QEMU and we waited for a processor (run-delay.h): what counts on a busy
 * host. */
unsigned int machine_prompt_alone_ms(const struct machine *m);

#endif
