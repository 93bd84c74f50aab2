/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_TMPFILE, copy_file_range */
#endif

#include "decoy/disk.h"

#include "core/cursor.h"
#include "decoy/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The qcow2 header: all numbers big-endian. */
#define QCOW2_MAGIC 0x514649fbU
#define QCOW2_HEAD_BYTES 104
#define QCOW2_V2_BYTES 72
#define QCOW2_INCOMPATIBLE_DATA_FILE 0x4U
#define QCOW2_INCOMPATIBLE_KNOWN \
	0x1U /* dirty refcounts; not: corrupt, external data, extended L2 */
#define IMG_TIMEOUT_MS 60000 /* it takes 20 ms, on a very busy host a thousand times that */
#define IMG_DATA_BYTES \
	(1ULL << 30) /* of qemu-img's own memory: tables, buffers, 8 MB of stack for each thread */

static uint64_t be64(uint32_t high, uint32_t low)
{
	return (uint64_t)high << 32 | low;
}

int disk_check(int fd, const char *path, uint64_t *bytes, char error[CONF_ERROR_LEN])
{
	uint32_t magic = 0, version = 0, backing[2] = { 0 }, cluster_bits = 0, size[2] = { 0 };
	uint32_t crypt = 0, l1_entries = 0, l1[2] = { 0 }, features[2] = { 0 };
	uint8_t head[QCOW2_HEAD_BYTES];
	ssize_t n = pread(fd, head, sizeof(head), 0);
	struct cursor c = cursor_over(head, n > 0 ? (size_t)n : 0);
	struct stat st;
	bool whole;

	if (n < 0 || fstat(fd, &st) < 0)
		return conf_refuse(error, "%s: cannot be read: %s", path, strerror(errno));
	whole = cursor_be32(&c, &magic) && cursor_be32(&c, &version) &&
		cursor_be32(&c, &backing[0]) && cursor_be32(&c, &backing[1]) &&
		cursor_skip(&c, 4) && cursor_be32(&c, &cluster_bits) && cursor_be32(&c, &size[0]) &&
		cursor_be32(&c, &size[1]) && cursor_be32(&c, &crypt) &&
		cursor_be32(&c, &l1_entries) && cursor_be32(&c, &l1[0]) &&
		cursor_be32(&c, &l1[1]) && cursor_skip(&c, QCOW2_V2_BYTES - 48);
	if (!whole || magic != QCOW2_MAGIC || version < 2 || version > 3 || cluster_bits < 9 ||
	    cluster_bits > 21)
		return conf_refuse(
			error, "%s: is damaged, or no qcow2 image: build or import it again", path);
	if (version == 3 && (!cursor_be32(&c, &features[0]) || !cursor_be32(&c, &features[1])))
		return conf_refuse(
			error, "%s: is damaged: it ends too early; build or import it again", path);
	if (backing[0] || backing[1] || features[1] & QCOW2_INCOMPATIBLE_DATA_FILE)
		return conf_refuse(error,
				   "%s: refers to another file; a decoy's disk stands alone: "
				   "qemu-img convert -O qcow2 makes such a one",
				   path);
	if (features[0] || features[1] & ~QCOW2_INCOMPATIBLE_KNOWN)
		return conf_refuse(
			error,
			"%s: is marked as damaged, or uses what decoys do not; qemu-img "
			"check tells the first, qemu-img convert -O qcow2 helps with the "
			"second",
			path);
	*bytes = be64(size[0], size[1]);
	if (crypt || *bytes == 0 || *bytes > DISK_BYTES_MAX)
		return conf_refuse(error, "%s: is encrypted, empty, or larger than %llu GB", path,
				   DISK_BYTES_MAX >> 30);
	if (be64(l1[0], l1[1]) > (uint64_t)st.st_size ||
	    8ULL * l1_entries > (uint64_t)st.st_size - be64(l1[0], l1[1]))
		return conf_refuse(
			error, "%s: is damaged: it ends too early; build or import it again", path);
	return 0;
}

int disk_run_img(const char *const *argv, int from, int to, uint64_t bytes_max,
		 unsigned int timeout_ms, char *why)
{
	const int fds[] = { to, from };
	const struct launch_jail jail = { .readable = &fds[1],
					  .n_readable = from >= 0,
					  .writable = &fds[0],
					  .n_writable = 1,
					  .file_bytes = bytes_max,
					  .data_bytes = IMG_DATA_BYTES };

	return launch_run(argv, fds, from >= 0 ? 2 : 1, &jail, timeout_ms, why);
}

/* Less than what is to stay free is as good as none. */
static bool is_full(int fd)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < DISK_FREE_LEAST;
}

int disk_temporary(const char *dir, char error[CONF_ERROR_LEN])
{
	char path[PATH_MAX];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), err;

	/* Not every file system can. */
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
		snprintf(path, sizeof(path), "%.*s/decoy.XXXXXX", PATH_MAX - 16, dir);
		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			unlink(path);
	}
	err = fd < 0 ? -errno : is_full(fd) ? -ENOSPC : 0;
	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	if (err == -ENOSPC)
		conf_refuse(error,
			    "%s: disk full: a decoy needs %llu MB there; free some space, or name "
			    "another directory with --run",
			    dir, DISK_FREE_LEAST >> 20);
	else
		conf_refuse(error, "%s: the decoys' disks cannot be written there: %s", dir,
			    strerror(-err));
	return err;
}

int disk_empty(const char *dir, uint64_t bytes, char error[CONF_ERROR_LEN])
{
	int fd = disk_temporary(dir, error), err;
	char path[32], size[32], why[LAUNCH_WHY_LEN];
	const char *argv[] = { "qemu-img", "create", "-q", "-f", "qcow2", path, size, NULL };

	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	snprintf(size, sizeof(size), "%" PRIu64, bytes);
	err = disk_run_img(argv, -1, fd, DISK_FREE_LEAST, IMG_TIMEOUT_MS, why);
	if (err) {
		close(fd);
		conf_refuse(error, "an empty disk cannot be made in %s: %s%s", dir, why,
			    err == -ENOENT ? ": apt-get install qemu-utils" : "");
		return err;
	}
	return fd;
}

/* 0 or -errno. */
static int copy_all(int from, int to)
{
	char buf[65536];
	ssize_t n;

	if (lseek(from, 0, SEEK_SET) < 0)
		return -errno;
	/* Within the kernel where it can: a reflink, even. */
	do {
		n = copy_file_range(from, NULL, to, NULL, 1U << 30, 0);
	} while (n > 0);
	if (n == 0)
		return 0;
	if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
		return -errno;
	while ((n = read(from, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0, w; done < n; done += w)
			if ((w = write(to, buf + done, (size_t)(n - done))) <= 0)
				return w < 0 ? -errno : -EIO;
	return n < 0 ? -errno : 0;
}

int disk_copy(const char *dir, int from, char error[CONF_ERROR_LEN])
{
	int fd = disk_temporary(dir, error), err;

	if (fd < 0)
		return fd;
	err = copy_all(from, fd);
	if (err) {
		close(fd);
		conf_refuse(error, "%s: a decoy's disk cannot be copied there: %s", dir,
			    strerror(-err));
		return err;
	}
	return fd;
}

/*
 * A file beside this one, without a name where the file system can: then one that is killed leaves nothing. Its name,
 * or that which it is to get, is nobody else's.
 */
static int open_beside(const char *path, char name[PATH_MAX], bool *has_name)
{
	const char *slash = strrchr(path, '/');
	uint64_t number;
	char dir[PATH_MAX];
	int fd;

	if (getentropy(&number, sizeof(number)) < 0)
		return -errno;
	if (snprintf(name, PATH_MAX, "%s.%016" PRIx64, path, number) >= PATH_MAX)
		return -ENAMETOOLONG;
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	*has_name = fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR);
	if (*has_name)
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

int disk_name(int fd, const char *path)
{
	char name[PATH_MAX], self[32];
	bool has_name = false;
	int err, to = open_beside(path, name, &has_name);

	if (to < 0)
		return to;
	err = copy_all(fd, to);
	if (!err && fsync(to) < 0)
		err = -errno;
	if (!err && !has_name) {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", to);
		has_name = linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
		err = has_name ? 0 : -errno;
	}
	if (close(to) < 0 && !err)
		err = -errno;
	if (!err && rename(name, path) < 0)
		err = -errno;
	if (err && has_name)
		unlink(name);
	return err;
}
