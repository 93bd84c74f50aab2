/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/parts.h"

#include "decoy/disk.h"
#include "decoy/launch.h"
#include "decoy/vm-argv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* FNV-1a (Fowler, Noll, Vo): tells changes, is no protection. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
	for (const uint8_t *b = bytes; len; len--)
		hash = (hash ^ *b++) * 0x100000001b3ULL;
	return hash;
}

static uint64_t mix_file(const struct stat *st, uint64_t hash)
{
	hash = mix(hash, &st->st_size, sizeof(st->st_size));
	hash = mix(hash, &st->st_mtim.tv_sec, sizeof(st->st_mtim.tv_sec));
	return mix(hash, &st->st_mtim.tv_nsec, sizeof(st->st_mtim.tv_nsec));
}

/* The descriptor of a part, -1 for an empty name, or -errno with a sentence. */
static int open_part(const struct decoy *d, const char *name, struct parts *p,
		     char error[CONF_ERROR_LEN])
{
	char path[PATH_MAX];
	struct stat st;
	int fd, err;

	if (!name[0])
		return -1;
	snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - CONF_TEXT_LEN - 2, d->dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		err = -errno;
		conf_refuse(error, "%s: cannot be opened: %s%s", path, strerror(-err),
			    err == -ENOENT ? ": the decoy is not whole; build or import it again" :
					     "");
		if (fd >= 0)
			close(fd);
		return err;
	}
	err = 0;
	if (!S_ISREG(st.st_mode))
		err = conf_refuse(error, "%s: is no file", path);
	else if (strcmp(name, PROFILE_DISK_FILE) != 0 &&
		 (st.st_size == 0 || (uint64_t)st.st_size > PARTS_KERNEL_MAX))
		err = conf_refuse(error,
				  "%s: has %lld bytes, which no such part has: build or import "
				  "the decoy again",
				  path, (long long)st.st_size);
	/* QEMU opens it once more, as nobody in particular. */
	else if (!(st.st_mode & S_IROTH) && geteuid() == 0 && strcmp(name, PROFILE_DISK_FILE) != 0)
		err = conf_refuse(
			error,
			"%s: QEMU runs as an unprivileged user and may not read it: chmod a+r "
			"%s",
			path, path);
	if (err) {
		close(fd);
		return err;
	}
	p->identity = mix_file(&st, p->identity);
	return fd;
}

/* What QEMU is told of the machine, with all descriptors alike, and which QEMU it is. */
static uint64_t mix_profile(const struct profile *p, uint64_t hash)
{
	char path[PATH_MAX];
	struct stat st;
	struct vm_wiring same = { .tap_fd = -1, .gdb_fd = -1, .initrd_fd = -1, .dtb_fd = -1 };
	struct vm_argv argv;

	if (vm_argv_build(p, &same, &argv) == 0)
		hash = mix(hash, argv.text, argv.used);
	if (launch_find(p->qemu, path) == 0 && stat(path, &st) == 0)
		hash = mix_file(&st, hash);
	return hash;
}

int parts_open(const struct decoy *d, struct parts *out, char error[CONF_ERROR_LEN])
{
	const struct profile *p = &d->profile;
	struct parts parts = { -1, -1, -1, -1, 0, mix_profile(p, 0xcbf29ce484222325ULL) };
	int err = 0;

	parts.kernel = open_part(d, p->kernel, &parts, error);
	if (parts.kernel < 0)
		return parts.kernel;
	parts.initrd = open_part(d, p->initrd, &parts, error);
	if (parts.initrd < 0 && p->initrd[0])
		err = parts.initrd;
	if (!err) {
		parts.dtb = open_part(d, p->dtb, &parts, error);
		if (parts.dtb < 0 && p->dtb[0])
			err = parts.dtb;
	}
	if (!err) {
		parts.disk = open_part(d, PROFILE_DISK_FILE, &parts, error);
		if (parts.disk < 0)
			err = parts.disk;
	}
	if (!err) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - 32, d->dir, PROFILE_DISK_FILE);
		err = disk_check(parts.disk, path, &parts.disk_bytes, error);
	}
	if (err)
		parts_close(&parts);
	else
		*out = parts;
	return err;
}

void parts_close(struct parts *p)
{
	int *fds[] = { &p->kernel, &p->initrd, &p->dtb, &p->disk };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}
