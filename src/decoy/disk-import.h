/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disk images of others, made into a decoy's own.
 *
 * Theory of operation
 * -------------------
 * An image from elsewhere is hostile. Its first bytes say what it is, and that is then told to qemu-img, whose own
 * guess would take a format that may refer to other files. A qcow2 image is taken when disk_check()
 * finds it standing alone; any other has to begin with a partition table or a file system. qemu-img itself has a jail:
 * an unprivileged user, these two files, limits on what it may write and on its memory. So the worst
 * that an image can do is to come out as another image of at most DISK_IMPORT_BYTES_MAX.
 */
#ifndef MIMAMORI_DECOY_DISK_IMPORT_H
#define MIMAMORI_DECOY_DISK_IMPORT_H

#include "core/conf.h"

#include <stddef.h>
#include <stdint.h>

#define DISK_IMPORT_BYTES_MAX \
	(4ULL << 30) /* of the image that is made: what the disk really holds */
#define DISK_IMPORT_MS 600000
#define DISK_HEAD_BYTES 2048

enum disk_kind {
	DISK_UNKNOWN,
	DISK_RAW, /* a partition table or a file system */
	DISK_QCOW2,
	DISK_OTHER, /* another program's image */
	DISK_PACKED, /* compressed, or an archive */
};

/* What begins with these bytes; *name is what people call it. */
enum disk_kind disk_kind(const uint8_t *head, size_t n, const char **name);

/*
 * Converts the image that is open as `from` into qcow2, in the empty file open as `to`, of at most bytes_max. path is
 * for the sentence. 0, or -errno with a sentence; then what `to` has is of no use.
 */
int disk_import(int from, const char *path, int to, uint64_t bytes_max, char error[CONF_ERROR_LEN]);

/*
 * Makes the disk in the image open as `fd` as large as the next power of two, as QEMU wants SD cards to be; nothing if
 * it is. 0, or -errno with a sentence.
 */
int disk_round_up(int fd, char error[CONF_ERROR_LEN]);

#endif
