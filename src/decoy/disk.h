/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoys' disks: qcow2 images (docs/interop/qcow2 of QEMU).
 *
 * The pristine image is never written to. A machine writes into a file of its own that has no name
 * (O_TMPFILE), so that nothing can be left behind, whatever ends us; it is a copy of a template:
 * empty, or a booted machine's state (ready.h). QEMU is told of both files as descriptors.
 */
#ifndef MIMAMORI_DECOY_DISK_H
#define MIMAMORI_DECOY_DISK_H

#include "core/conf.h"

#include <stdint.h>

#define DISK_BYTES_MAX \
	(64ULL << 30) /* of the disk that a guest sees; the older Debian images have 25 GB */
#define DISK_FREE_LEAST (64ULL << 20) /* bytes that must be free for a machine to be started */

/*
 * Runs qemu-img, in a jail (launch.h): it may open `from` (-1: nothing) for reading and `to` for writing, both as
 * /dev/fd/NUMBER, and make no file larger than bytes_max. 0, or -errno with a sentence in why (LAUNCH_WHY_LEN).
 */
int disk_run_img(const char *const *argv, int from, int to, uint64_t bytes_max,
		 unsigned int timeout_ms, char *why);

/*
 * Is the open file an image that a decoy may have: qcow2, whole, standing alone (one that names another file
 * could have anything of this host read)? 0 and the guest's bytes, or -EINVAL/-errno with a sentence;
 * path is for that.
 */
int disk_check(int fd, const char *path, uint64_t *bytes, char error[CONF_ERROR_LEN]);

/* A file without a name in this directory, empty, for reading and writing: the descriptor, owned, or -errno
 * with a sentence (-ENOSPC when less than DISK_FREE_LEAST is free). */
int disk_temporary(const char *dir, char error[CONF_ERROR_LEN]);

/* Such a file with an empty image of so many bytes. The descriptor, owned, or -errno with a sentence. */
int disk_empty(const char *dir, uint64_t bytes, char error[CONF_ERROR_LEN]);

/* Such a file with what `from` contains. Its position moves. The same results. */
int disk_copy(const char *dir, int from, char error[CONF_ERROR_LEN]);

/* Keeps what the file contains under this name, in place of a file that has it: whole, or not at all; of two
 * at once, one. Its position moves. 0 or -errno. */
int disk_name(int fd, const char *path);

#endif
