/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event file, opened and rotated with the helper's rights.
 *
 * The directory may be writable by someone the helper should not serve, so the file itself is
 * never followed through a symbolic link, is a regular file, and has one name only (a hard link
 * would let another's file be appended to).
 */
#define _GNU_SOURCE /* O_PATH */
#include "sensor/helper-internal.h"

#include "core/event.h"
#include "core/log.h"
#include "sensor/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_MODE 0750
#define FILE_MODE 0640
#define NAME_LEN (CONF_TEXT_LEN + 16) /* the file's name and ".4294967295" or ".new" */
#define OPEN_FLAGS (O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

__attribute__((format(printf, 3, 4))) static int fail(char *error, int err, const char *fmt, ...)
{
	int len;
	va_list ap;

	va_start(ap, fmt);
	len = vsnprintf(error, HELPER_ERROR_LEN, fmt, ap);
	va_end(ap);
	if (len >= 0 && len < HELPER_ERROR_LEN)
		snprintf(error + len, HELPER_ERROR_LEN - (size_t)len, ": %s", strerror(-err));
	return err;
}

/* The directory of the event file, made when only its last component is missing; *base is the name
 * in it, borrowed from config. */
static int open_directory(const struct sensor_config *config, const char **base, char *error)
{
	const char *slash = strrchr(config->event_file, '/');
	char dir[CONF_TEXT_LEN];
	int fd;

	if (!slash || slash[1] == '\0')
		return fail(error, -EINVAL, "no event file is configured by its full path");
	*base = slash + 1;
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - config->event_file), config->event_file);
	if (dir[0] == '\0')
		strcpy(dir, "/");
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && mkdir(dir, DIR_MODE) == 0)
		fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(error, -errno, "cannot open the event file's directory %s", dir);
	return fd;
}

/* After a power failure the last line may be torn: the next event begins on a line of its own. */
static void end_last_line(int dir, const char *base, int fd, const struct stat *st)
{
	int reader = openat(dir, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat same;
	char last;

	if (reader < 0)
		return;
	if (fstat(reader, &same) == 0 && same.st_dev == st->st_dev && same.st_ino == st->st_ino &&
	    pread(reader, &last, 1, st->st_size - 1) == 1 && last != '\n' &&
	    write(fd, "\n", 1) != 1)
		log_warning("event file: its last line is torn and cannot be ended: %s",
			    strerror(errno));
	close(reader);
}

static int open_file(int dir, const char *base, int flags, struct stat *st, char *error)
{
	int fd = openat(dir, base, OPEN_FLAGS | flags, FILE_MODE);
	int err = 0;

	if (fd < 0 && errno == ELOOP)
		return fail(error, -ELOOP, "the event file %s is a symbolic link", base);
	if (fd < 0)
		return fail(error, -errno, "cannot open the event file %s in its directory", base);
	if (fstat(fd, st))
		err = fail(error, -errno, "cannot examine the event file %s", base);
	else if (!S_ISREG(st->st_mode))
		err = fail(error, -EINVAL, "the event file %s is not a regular file", base);
	else if (st->st_nlink > 1)
		err = fail(error, -EMLINK, "the event file %s has another name as well", base);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

int helper_open_events(const struct sensor_config *config, char error[HELPER_ERROR_LEN])
{
	const char *base = "";
	struct stat st = { 0 };
	int dir, fd;

	dir = open_directory(config, &base, error);
	if (dir < 0)
		return dir;
	fd = open_file(dir, base, 0, &st, error);
	if (fd >= 0 && st.st_size > 0)
		end_last_line(dir, base, fd, &st);
	close(dir);
	return fd;
}

static const char *numbered(char name[NAME_LEN], const char *base, uint32_t n)
{
	snprintf(name, NAME_LEN, "%s.%u", base, n);
	return name;
}

/*
 * Moves FILE.1 up to FILE.2 and so on, the oldest first, to make FILE.1 free. Only as far as the
 * first number that is free: so a rotation that failed half-way, and is tried again, does not push
 * a second file over the edge.
 */
static int make_room(int dir, const char *base, uint32_t keep)
{
	char from[NAME_LEN], to[NAME_LEN];
	struct stat st;
	uint32_t n;

	for (n = 1; n < keep; n++) {
		if (fstatat(dir, numbered(to, base, n), &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (errno != ENOENT)
			return -errno;
		break;
	}
	for (; n > 1; n--)
		if (renameat(dir, numbered(from, base, n - 1), dir, numbered(to, base, n)))
			return -errno;
	return 0;
}

/* The new file exists before anything moves: a full disk leaves all as it was. */
static int rotate(int dir, const char *base, uint32_t keep, char *error)
{
	char fresh[NAME_LEN], first[NAME_LEN];
	struct stat st;
	int fd, err;

	snprintf(fresh, sizeof(fresh), "%s.new", base);
	if (unlinkat(dir, fresh, 0) && errno != ENOENT)
		return fail(error, -errno, "cannot remove %s", fresh);
	fd = open_file(dir, fresh, O_EXCL, &st, error);
	if (fd < 0)
		return fd;
	numbered(first, base, 1);
	/* To keep none is to let the new file take the place of the old one. */
	err = keep ? make_room(dir, base, keep) : 0;
	if (err == 0 && keep && renameat(dir, base, dir, first))
		err = -errno;
	if (err == 0 && renameat(dir, fresh, dir, base)) {
		err = -errno;
		if (keep && renameat(dir, first, dir, base))
			log_error("event file: %s is now %s and cannot be renamed back: %s", base,
				  first, strerror(errno));
	}
	if (err) {
		close(fd);
		unlinkat(dir, fresh, 0);
		return fail(error, err, "cannot rename the event file %s", base);
	}
	return fd;
}

int helper_rotate_events(const struct sensor_config *config, char error[HELPER_ERROR_LEN])
{
	uint64_t limit = config->file_max_bytes;
	const char *base = "";
	struct stat st = { 0 };
	int dir, fd, fresh;

	dir = open_directory(config, &base, error);
	if (dir < 0)
		return dir;
	fd = open_file(dir, base, 0, &st, error);
	/* Not near its limit: logrotate was here first, or the engine asks for no good reason. */
	if (fd >= 0 && limit && (uint64_t)st.st_size + EVENT_MAX_BYTES > limit) {
		fresh = rotate(dir, base, config->file_keep, error);
		close(fd);
		fd = fresh;
	}
	close(dir);
	return fd;
}
