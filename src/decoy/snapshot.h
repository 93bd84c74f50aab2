/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saving and loading a machine's whole state inside its disk image, by QEMU's jobs (snapshot-save and
 * snapshot-load, QEMU 6.0).
 */
#ifndef MIMAMORI_DECOY_SNAPSHOT_H
#define MIMAMORI_DECOY_SNAPSHOT_H

#include "decoy/vm.h"

#define SNAPSHOT_TIMEOUT_MS 30000 /* QEMU takes 0.05 to 0.2 s */

struct snapshot;

/* err 0, or -errno with a sentence. */
typedef void snapshot_fn(int err, const char *why, void *arg);

/* For this machine, which has to outlive its use; freed after the machine, or when nothing is under way.
 * NULL: no memory. */
struct snapshot *snapshot_new(uv_loop_t *loop, struct vm *vm);
void snapshot_free(struct snapshot *s);

/*
 * `tag`: letters, digits, '-'. One at a time; fn comes later, but not when the machine ends before: then
 * its on_end does. Saving leaves the machine as it was, running or not; after loading it is stopped.
 */
void snapshot_save(struct snapshot *s, const char *tag, snapshot_fn *fn, void *arg);
void snapshot_load(struct snapshot *s, const char *tag, snapshot_fn *fn, void *arg);
/* Lets the machine run. */
void snapshot_continue(struct snapshot *s, snapshot_fn *fn, void *arg);

#endif
