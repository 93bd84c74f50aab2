/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include "decoy/vm-space.h"

#include "decoy/disk.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define BLOCK 512 /* of st_blocks */

/* hw/sd/sd.c of QEMU, in all versions from 0.9 to 9. */
static const char complaint[] = "write error on host side";

static struct vm_space *running;

/* Bytes that those which run may still write on this file system. */
static uint64_t promised(dev_t device)
{
	uint64_t sum = 0;

	for (const struct vm_space *s = running; s; s = s->next) {
		struct stat st;

		if (fstat(s->fd, &st) == 0 && st.st_dev == device &&
		    (uint64_t)st.st_blocks * BLOCK < s->file_max)
			sum += s->file_max - (uint64_t)st.st_blocks * BLOCK;
	}
	return sum;
}

int vm_space_ask(const char *dir, uint64_t file_max, char error[CONF_ERROR_LEN])
{
	uint64_t free_bytes, others;
	struct statvfs fs;
	struct stat st;

	if (stat(dir, &st) < 0 || statvfs(dir, &fs) < 0) {
		int err = -errno;

		conf_refuse(error, "%s: the decoys' disks cannot be written there: %s", dir,
			    strerror(-err));
		return err;
	}
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	others = promised(st.st_dev);
	if (!fs.f_blocks || free_bytes >= others + file_max + DISK_FREE_LEAST)
		return 0; /* one without blocks is none to write to: that is said when it is tried */
	conf_refuse(error,
		    "%s: disk full: %llu MB are free, a decoy may write %llu MB, those that run "
		    "%llu MB more, and %llu MB have to stay; free some space, allow less with "
		    "--writes, or name another directory with --run",
		    dir, (unsigned long long)(free_bytes >> 20),
		    (unsigned long long)(file_max >> 20), (unsigned long long)(others >> 20),
		    DISK_FREE_LEAST >> 20);
	return -ENOSPC;
}

void vm_space_end(struct vm_space *s)
{
	struct vm_space **at = &running;

	while (*at && *at != s)
		at = &(*at)->next;
	if (*at)
		*at = s->next;
}

void vm_space_begin(struct vm_space *s, int fd, uint64_t file_max)
{
	struct stat st;

	*s = (struct vm_space){ .fd = fd, .file_max = file_max, .next = running };
	running = s;
	if (fstat(fd, &st) == 0)
		s->blocks = (uint64_t)st.st_blocks;
}

int vm_space_look(struct vm_space *s, bool failed, const char **why)
{
	struct statvfs fs;
	struct stat st;
	bool writes;

	if (fstat(s->fd, &st) < 0 || fstatvfs(s->fd, &fs) < 0) {
		*why = "its disk cannot be looked at any more";
		return -errno;
	}
	writes = failed || (uint64_t)st.st_blocks > s->blocks;
	s->blocks = (uint64_t)st.st_blocks;
	if (writes && (uint64_t)fs.f_bavail * fs.f_frsize < VM_SPACE_LEAST) {
		*why = "disk full: what the guest writes has no room on this host";
		return -ENOSPC;
	}
	if (failed && (uint64_t)st.st_size + VM_SPACE_LEAST > s->file_max) {
		*why = "the guest has written all that a machine may";
		return -EFBIG;
	}
	if (failed) {
		*why = "what the guest writes cannot be written on this host";
		return -EIO;
	}
	return 0;
}

bool vm_space_complains(const char *said, size_t n)
{
	return memmem(said, n, complaint, sizeof(complaint) - 1) != NULL;
}
