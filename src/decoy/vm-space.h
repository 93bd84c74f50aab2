/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Has what a machine writes still room?
 *
 * Theory of operation
 * -------------------
 * QEMU tells of a write without room only for disks whose controller asks it to (IDE, SCSI, virtio: the event
 * BLOCK_IO_ERROR). For an SD card it prints a line, and the guest goes on with a disk that loses what it
 * writes. So two more things are looked at. That line, as soon as it comes: a failed write ends the machine, and
 * the disk tells why. And the room itself, whenever QEMU is asked whether it lives: where less than
 * VM_SPACE_LEAST is left, the machine that has written since the last look ends. One that only
 * waits beside it is left alone.
 * So that none ends for the others' sake, one more is started only where there is room for all that it may write,
 * and for what those of this process that run may still write.
 */
#ifndef MIMAMORI_DECOY_VM_SPACE_H
#define MIMAMORI_DECOY_VM_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/conf.h"

#define VM_SPACE_LEAST (256ULL << 10) /* bytes: four clusters of qcow2 */

struct vm_space {
	int fd; /* borrowed: the file that it writes */
	uint64_t file_max; /* bytes that this file may have */
	uint64_t blocks; /* at the last look */
	struct vm_space *next; /* of those begun and not ended, in this process: one thread */
};

/* The struct stays where it is until vm_space_end(), before which fd is not closed. Ending twice does no harm. */
void vm_space_begin(struct vm_space *s, int fd, uint64_t file_max);
void vm_space_end(struct vm_space *s);

/*
 * May one more machine be started that writes so much into this directory? 0, -ENOSPC or another -errno, with a
 * sentence.
 */
int vm_space_ask(const char *dir, uint64_t file_max, char error[CONF_ERROR_LEN]);

/*
 * failed: QEMU says that a write has failed. 0: all is well. Else the machine has to end, with a sentence in
 * *why (static): -ENOSPC no room on this host, -EFBIG it has written all that it may, -EIO another failure.
 */
int vm_space_look(struct vm_space *s, bool failed, const char **why);

/* Does the end of what QEMU prints say that a write has failed? Hostile text, which may come in pieces. */
bool vm_space_complains(const char *said, size_t n);

#endif
