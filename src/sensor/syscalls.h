/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls that each of the sensor's processes may make once it is set up.
 *
 * syscalls.c is the whole list, a line and a reason for each. A process that asks for anything else
 * is killed (SIGSYS). To add a call: a line in the table, with the processes, the narrowest tests that
 * fit, and why; then tests: test-syscalls.c tries every call of the kernel against every process's list.
 */
#ifndef MIMAMORI_SENSOR_SYSCALLS_H
#define MIMAMORI_SENSOR_SYSCALLS_H

#include "core/syscall-filter.h"

#include <stdbool.h>
#include <stddef.h>

enum syscalls_process {
	SYSCALLS_ENGINE = 1, /* after its sockets and outputs are open */
	SYSCALLS_HELPER = 2, /* one that starts no programs */
	SYSCALLS_REPLAY = 4, /* which opens its captures one after another */
	SYSCALLS_HELPER_BPF = 8, /* what a helper needs besides that serves the BPF source */
	SYSCALLS_ENGINE_BPF = 16, /* and an engine that reads it */
};

/* What only the running program knows, for the tests of arguments. -1: nothing matches it. */
struct syscalls_known {
	int self; /* process ids */
	int engine;
};

#define SYSCALLS_MAX 116

/*
 * Descriptors below this number are those that the engine speaks through: they can be sent through, and
 * not be closed, and none of the numbers is free (sandbox_engine()). All others, which can be closed and made
 * anew while it runs, cannot be sent through: so no source that is opened later gives a voice.
 */
#define SYSCALLS_VOICES 32

/* The rules of the processes in the set `process` into `out`, and how many they are. */
size_t syscalls_list(struct syscall_rule out[SYSCALLS_MAX], unsigned int process,
		     const struct syscalls_known *known);

/* Calls that neither a helper that starts on_finding nor its programs ever need: to be refused. loads_bpf: the helper
 * itself needs bpf(2), and its programs have no capability to use it. */
size_t syscalls_list_refused(struct syscall_rule out[SYSCALLS_MAX], bool loads_bpf);

/*
 * What an unlisted call comes to: SYSCALL_KILL. In builds with sanitizers or coverage, whose runtimes
 * have needs of their own at any time, SYSCALL_ALLOW: they are for tests alone.
 */
enum syscall_fate syscalls_otherwise(void);

#endif
