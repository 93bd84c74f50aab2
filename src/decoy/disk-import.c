/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/disk-import.h"

#include "decoy/disk.h"
#include "decoy/launch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SECTOR 512

/* Where which bytes stand, from the programs' own documents and file(1). */
static const struct signature {
	enum disk_kind kind;
	unsigned int at, len;
	const char *bytes, *name;
} signatures[] = {
	{ DISK_QCOW2, 0, 4, "QFI\xfb", "qcow2" },
	{ DISK_OTHER, 0, 4, "KDMV", "VMDK" },
	{ DISK_OTHER, 0, 21, "# Disk DescriptorFile", "VMDK" },
	{ DISK_OTHER, 0, 4, "COWD", "VMDK" },
	{ DISK_OTHER, 0, 4, "QED\0", "QED" },
	{ DISK_OTHER, 0, 4, "OOOM", "COW" },
	{ DISK_OTHER, 0, 8, "conectix", "VHD" },
	{ DISK_OTHER, 0, 8, "vhdxfile", "VHDX" },
	{ DISK_OTHER, 0, 16, "WithoutFreeSpace", "Parallels" },
	{ DISK_OTHER, 64, 4, "\x7f\x10\xda\xbe", "VDI" },
	{ DISK_PACKED, 0, 2, "\x1f\x8b", "gzip" },
	{ DISK_PACKED, 0, 6,
	  "\xfd"
	  "7zXZ\0",
	  "xz" },
	{ DISK_PACKED, 0, 3, "BZh", "bzip2" },
	{ DISK_PACKED, 0, 4, "\x28\xb5\x2f\xfd", "zstd" },
	{ DISK_PACKED, 0, 4, "PK\3\4", "zip" },
	{ DISK_PACKED, 0, 6, "7z\xbc\xaf\x27\x1c", "7z" },
	{ DISK_PACKED, 257, 5, "ustar", "tar" },
	{ DISK_RAW, 510, 2, "\x55\xaa", "DOS partition table" },
	{ DISK_RAW, 508, 2, "\xda\xbe", "Sun disk label" },
	{ DISK_RAW, 0, 4, "\x0b\xe5\xa9\x41", "SGI disk label" },
	{ DISK_RAW, 0, 2, "ER", "Apple partition map" },
	{ DISK_RAW, 512, 2, "PM", "Apple partition map" },
	{ DISK_RAW, 1080, 2, "\x53\xef", "ext2, ext3 or ext4" },
	{ DISK_RAW, 1080, 2, "\xef\x53", "ext2 of a big-endian machine" },
	{ DISK_RAW, 0, 4, "hsqs", "squashfs" },
	{ DISK_RAW, 0, 4, "sqsh", "squashfs" },
	{ DISK_RAW, 0, 4, "XFSB", "XFS" },
	{ DISK_RAW, 0, 4, "\x45\x3d\xcd\x28", "cramfs" },
	{ DISK_RAW, 0, 4, "\x28\xcd\x3d\x45", "cramfs" },
	{ DISK_RAW, 0, 8, "-rom1fs-", "romfs" },
	{ DISK_RAW, 1024, 4, "\x10\x20\xf5\xf2", "F2FS" },
};

enum disk_kind disk_kind(const uint8_t *head, size_t n, const char **name)
{
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		const struct signature *s = &signatures[i];

		if (s->at + s->len <= n && memcmp(head + s->at, s->bytes, s->len) == 0) {
			*name = s->name;
			return s->kind;
		}
	}
	*name = "unknown";
	return DISK_UNKNOWN;
}

static int check_raw(const struct stat *st, const char *path, char error[CONF_ERROR_LEN])
{
	if (st->st_size % SECTOR)
		return conf_refuse(error,
				   "%s: has %lld bytes, which are no whole sectors: it is cut off, "
				   "or no disk image",
				   path, (long long)st->st_size);
	if ((uint64_t)st->st_size > DISK_BYTES_MAX)
		return conf_refuse(error, "%s: is larger than %llu GB", path, DISK_BYTES_MAX >> 30);
	return 0;
}

/* By its first bytes: may it be converted, and as what? */
static int check_kind(int fd, const struct stat *st, const char *path, bool *is_qcow2,
		      char error[CONF_ERROR_LEN])
{
	uint8_t head[DISK_HEAD_BYTES];
	ssize_t n = pread(fd, head, sizeof(head), 0);
	uint64_t bytes;
	const char *name;

	if (n < 0) {
		int err = -errno;

		conf_refuse(error, "%s: cannot be read: %s", path, strerror(-err));
		return err;
	}
	*is_qcow2 = false;
	switch (disk_kind(head, (size_t)n, &name)) {
	case DISK_QCOW2:
		*is_qcow2 = true;
		return disk_check(fd, path, &bytes, error);
	case DISK_RAW:
		return check_raw(st, path, error);
	case DISK_OTHER:
		return conf_refuse(error,
				   "%s: is a %s image; qemu-img convert -O qcow2 makes one of it "
				   "that can be imported",
				   path, name);
	case DISK_PACKED:
		return conf_refuse(error, "%s: is packed (%s): unpack it first", path, name);
	case DISK_UNKNOWN:
		break;
	}
	return conf_refuse(
		error,
		"%s: is no disk image: it begins with no partition table and no file "
		"system that is known; if it is one, qemu-img convert -O qcow2 makes one "
		"of it that can be imported",
		path);
}

/* How much may be written where the file is: what others may need stays free. 0 or -errno with a sentence. */
static int find_room(int fd, uint64_t *room, char error[CONF_ERROR_LEN])
{
	struct statvfs fs;
	uint64_t bytes;

	if (fstatvfs(fd, &fs) < 0) {
		int err = -errno;

		conf_refuse(error, "the decoy's disk cannot be written: %s", strerror(-err));
		return err;
	}
	bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (bytes <= DISK_FREE_LEAST) {
		conf_refuse(error, "disk full: a decoy's folder needs more than %llu MB",
			    DISK_FREE_LEAST >> 20);
		return -ENOSPC;
	}
	*room = bytes - DISK_FREE_LEAST;
	return 0;
}

/* The result has to pass the tests that each start of the decoy makes. */
static int convert(int from, const char *path, bool is_qcow2, int to, uint64_t bytes_max,
		   char error[CONF_ERROR_LEN])
{
	char source[32], target[32], why[LAUNCH_WHY_LEN];
	const char *argv[] = { "qemu-img", "convert", "-q",   "-f",   is_qcow2 ? "qcow2" : "raw",
			       "-O",	   "qcow2",   source, target, NULL };
	uint64_t bytes, room = 0;
	struct stat st;
	int err = find_room(to, &room, error);

	if (err)
		return err;
	if (room > bytes_max)
		room = bytes_max;
	snprintf(source, sizeof(source), "/dev/fd/%d", from);
	snprintf(target, sizeof(target), "/dev/fd/%d", to);
	err = disk_run_img(argv, from, to, room, DISK_IMPORT_MS, why);
	if (err && room < bytes_max && fstat(to, &st) == 0 && (uint64_t)st.st_size >= room)
		conf_refuse(error,
			    "%s: disk full: it holds more than the %llu MB that can be used where "
			    "the decoys are",
			    path, (unsigned long long)room >> 20);
	else if (err && fstat(to, &st) == 0 && (uint64_t)st.st_size >= bytes_max)
		conf_refuse(error, "%s: holds more than %llu MB, which no decoy's disk may", path,
			    (unsigned long long)bytes_max >> 20);
	else if (err)
		conf_refuse(error, "%s: cannot be converted: %s%s", path, why,
			    err == -ENOENT ? ": apt-get install qemu-utils" : "");
	return err ? err : disk_check(to, path, &bytes, error);
}

int disk_import(int from, const char *path, int to, uint64_t bytes_max, char error[CONF_ERROR_LEN])
{
	bool is_qcow2 = false;
	struct stat st;
	int err;

	if (fstat(from, &st) < 0) {
		err = -errno;
		conf_refuse(error, "%s: cannot be read: %s", path, strerror(-err));
		return err;
	}
	if (!S_ISREG(st.st_mode))
		return conf_refuse(error, "%s: is no file", path);
	if (!(st.st_mode & S_IROTH) && geteuid() == 0)
		return conf_refuse(error,
				   "%s: qemu-img runs as an unprivileged user and may not read it: "
				   "chmod a+r %s",
				   path, path);
	err = check_kind(from, &st, path, &is_qcow2, error);
	return err ? err : convert(from, path, is_qcow2, to, bytes_max, error);
}

int disk_round_up(int fd, char error[CONF_ERROR_LEN])
{
	char path[32], size[32], why[LAUNCH_WHY_LEN];
	const char *argv[] = { "qemu-img", "resize", "-q", "-f", "qcow2", path, size, NULL };
	uint64_t bytes, wanted = SECTOR;
	int err = disk_check(fd, "the converted disk", &bytes, error);

	if (err)
		return err;
	while (wanted < bytes)
		wanted *= 2;
	if (wanted == bytes)
		return 0;
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	snprintf(size, sizeof(size), "%" PRIu64, wanted);
	err = disk_run_img(argv, -1, fd, DISK_IMPORT_BYTES_MAX + DISK_FREE_LEAST, DISK_IMPORT_MS,
			   why);
	if (err)
		conf_refuse(error, "the converted disk cannot be made larger: %s", why);
	return err;
}
