/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE /* O_PATH */
#include "core/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same on all architectures but Alpha. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

/* linux/landlock.h, which C libraries may bring in an older state than the kernel's. */
#define CREATE_RULESET_VERSION 1U
#define RULE_PATH_BENEATH 1
#define ACCESS_FS_EXECUTE (1ULL << 0)
#define ACCESS_FS_WRITE_FILE (1ULL << 1)
#define ACCESS_FS_READ_FILE (1ULL << 2)
#define ACCESS_FS_READ_DIR (1ULL << 3)
#define ACCESS_FS_ABI_1 ((1ULL << 13) - 1) /* execute, write, read, list, remove, make ... */
#define ACCESS_FS_REFER (1ULL << 13) /* ABI 2 */
#define ACCESS_FS_TRUNCATE (1ULL << 14)
#define ACCESS_FS_IOCTL_DEV (1ULL << 15)
#define ACCESS_NET_TCP 3ULL /* bind, connect */
#define SCOPES 3ULL /* abstract UNIX sockets, signals */

struct ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; /* ABI 4 */
	uint64_t scoped; /* ABI 6 */
};

struct path_beneath_attr {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

static int begin(int *abi, uint64_t tcp)
{
	struct ruleset_attr attr = { .handled_access_fs = ACCESS_FS_ABI_1 };
	size_t size = sizeof(attr.handled_access_fs);
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
	long fd;

	if (version < 1)
		return version < 0 ? -errno : -ENOSYS;
	if (version >= 2)
		attr.handled_access_fs |= ACCESS_FS_REFER;
	if (version >= LANDLOCK_ABI_TRUNCATE)
		attr.handled_access_fs |= ACCESS_FS_TRUNCATE;
	if (version >= LANDLOCK_ABI_TCP) {
		attr.handled_access_net = tcp;
		size = offsetof(struct ruleset_attr, scoped);
	}
	if (version >= LANDLOCK_ABI_IOCTL)
		attr.handled_access_fs |= ACCESS_FS_IOCTL_DEV;
	if (version >= LANDLOCK_ABI_SCOPE) {
		attr.scoped = SCOPES;
		size = sizeof(attr);
	}
	fd = syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (fd < 0)
		return -errno;
	*abi = (int)version;
	return (int)fd;
}

int landlock_begin(int *abi)
{
	return begin(abi, ACCESS_NET_TCP);
}

int landlock_begin_files(int *abi)
{
	return begin(abi, 0);
}

static int allow(int ruleset, int fd, uint64_t access)
{
	struct path_beneath_attr attr = { .allowed_access = access, .parent_fd = fd };

	return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &attr, 0) < 0 ? -errno :
											  0;
}

static int allow_path(int ruleset, const char *path, uint64_t access)
{
	int err, fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	err = allow(ruleset, fd, access);
	close(fd);
	return err;
}

int landlock_allow_read(int ruleset, const char *path)
{
	return allow_path(ruleset, path, ACCESS_FS_READ_FILE);
}

int landlock_allow_tree(int ruleset, const char *path)
{
	int err = allow_path(ruleset, path,
			     ACCESS_FS_READ_FILE | ACCESS_FS_READ_DIR | ACCESS_FS_EXECUTE);

	/* Of a file, a right that only directories have is refused. */
	if (err == -EINVAL)
		err = allow_path(ruleset, path, ACCESS_FS_READ_FILE | ACCESS_FS_EXECUTE);
	return err;
}

int landlock_allow_open(int ruleset, int fd)
{
	return allow(ruleset, fd, ACCESS_FS_READ_FILE);
}

int landlock_allow_write(int ruleset, int fd)
{
	int err =
		allow(ruleset, fd, ACCESS_FS_READ_FILE | ACCESS_FS_WRITE_FILE | ACCESS_FS_TRUNCATE);

	/* A right that this kernel's set of rules does not handle is refused. */
	if (err == -EINVAL)
		err = allow(ruleset, fd, ACCESS_FS_READ_FILE | ACCESS_FS_WRITE_FILE);
	return err;
}

int landlock_enforce(int ruleset)
{
	return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}
