/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include "decoy/vm-space.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* hw/sd/sd.c of QEMU, in all versions from 0.9 to 9. */
static const char complaint[] = "write error on host side";

void vm_space_begin(struct vm_space *s, int fd, uint64_t file_max)
{
	struct stat st;

	*s = (struct vm_space){ .fd = fd, .file_max = file_max };
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
