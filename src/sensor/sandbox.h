/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process gives up once it is set up, beyond its privileges (core/isolate.h): system calls by
 * syscalls.h, files and more by Landlock. docs/threat-model.md says what for.
 *
 * Landlock is taken as far as the kernel has it; a kernel without either is said in the log, and the
 * sensor runs: devices with old kernels are those that need watching most.
 */
#ifndef MIMAMORI_SENSOR_SANDBOX_H
#define MIMAMORI_SENSOR_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Of the engine, before it opens a source, the event file, or whatever else it may close later: all
 * that it will speak through is open. What comes afterwards has no voice (SYSCALLS_VOICES). 0 or -errno
 * (logged).
 */
int sandbox_take_voices(void);

/* Of the engine: no file can be opened, nothing be sent but through its voices. After isolate_drop(), with
 * all that it needs open. 0 or -errno (logged): then the process has to end. */
int sandbox_engine(bool reads_bpf);

/* Of the helper; starts_programs: on_finding is configured. The same result. */
int sandbox_helper(pid_t engine, bool starts_programs, bool loads_bpf);

/*
 * Of replay: only these captures can be opened, only for reading ("-" is standard input, NULL is left out). The
 * same result. Where the kernel lacks something nothing is said.
 */
int sandbox_replay(const char *const *captures, int n);

#endif
