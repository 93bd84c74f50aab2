/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system's record of logins, opened and watched with the helper's rights. Nothing of it is
 * read here.
 *
 * The engine gets a descriptor to read from, and one that tells when to read: an inotify instance
 * with a watch on the file and one on its directory, since a log's name goes to another file when
 * it is rotated. The helper keeps a copy of the instance, so that it can put a watch on that file
 * when the engine asks for it; an instance of its own for each request would have the engine's
 * loop change. There is one instance a log, however often the engine asks: they are few, and counted
 * against the helper's user.
 */
#include "sensor/helper-internal.h"

#include "core/log.h"
#include "sensor/config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* Only names that come: what is written to the directory's other files is nobody's business here.
 * */
#define DIRECTORY_EVENTS (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
#define FILE_EVENTS (IN_MODIFY | IN_DONT_FOLLOW)
#define OPEN_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static int fail(char *error, const char *what, const char *path)
{
	int err = -errno;

	snprintf(error, HELPER_ERROR_LEN, "%s %.160s: %s", what, path, strerror(-err));
	return err;
}

int helper_watch_log(struct helper_logs *logs, const struct auth_file *f, uint32_t index,
		     char error[HELPER_ERROR_LEN])
{
	const char *slash = strrchr(f->path, '/');
	struct helper_log *log = &logs->log[index];
	bool first = log->watch_fd <= 0;
	char dir[CONF_TEXT_LEN];
	int fd;

	if (first)
		*log = (struct helper_log){ .watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC) };
	if (log->watch_fd < 0)
		return fail(error, "cannot watch the log", f->path);
	snprintf(dir, sizeof(dir), "%.*s", slash == f->path ? 1 : (int)(slash - f->path), f->path);
	/* Each time: the directory's name may be another one's by now. */
	if (inotify_add_watch(log->watch_fd, dir, DIRECTORY_EVENTS) < 0) {
		int err = fail(error, "cannot watch the log's directory", dir);

		if (first) { /* else the engine may have a copy, and closing this one frees nothing */
			close(log->watch_fd);
			log->watch_fd = -1;
		}
		return err;
	}
	fd = fcntl(log->watch_fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? fail(error, "cannot watch the log", f->path) : fd;
}

/* The watch on the file before stays, as its last lines may be written after it was renamed; the
 * one on the file before that goes. */
static void watch_file(struct helper_log *log, const char *path)
{
	int wd = inotify_add_watch(log->watch_fd, path, FILE_EVENTS);

	if (wd < 0) {
		log_warning("the log %s cannot be watched: %s", path, strerror(errno));
		return;
	}
	if (wd == log->file_wd)
		return;
	if (log->before_wd > 0)
		inotify_rm_watch(log->watch_fd, log->before_wd);
	log->before_wd = log->file_wd;
	log->file_wd = wd;
}

int helper_open_log(struct helper_logs *logs, const struct auth_file *f, uint32_t index,
		    char error[HELPER_ERROR_LEN])
{
	struct helper_log *log = &logs->log[index];
	struct stat st;
	int fd;

	/* The watch first: what is written in between is then read, or told. */
	if (log->watch_fd > 0)
		watch_file(log, f->path);
	fd = open(f->path, OPEN_FLAGS);
	if (fd < 0 && errno == ELOOP) {
		snprintf(error, HELPER_ERROR_LEN,
			 "the log %.160s is a symbolic link; name the file itself in [guess] logs",
			 f->path);
		return -ELOOP;
	}
	if (fd < 0)
		return fail(error, "cannot open the log", f->path);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	snprintf(error, HELPER_ERROR_LEN, "the log %.160s is not a regular file", f->path);
	return -EINVAL;
}

/* On some systems the logs are a syslog user's: readable for a group, of which the helper becomes a
 * member. That is less than CAP_DAC_READ_SEARCH. */
void helper_join_logs(const struct auth_files *files)
{
	gid_t groups[AUTH_FILES_MAX];
	unsigned int count = 0;
	struct stat st;

	for (uint32_t i = 0; i < files->count; i++)
		if (stat(files->file[i].path, &st) == 0 && st.st_mode & S_IRGRP && st.st_uid != 0)
			groups[count++] = st.st_gid;
	if (count && setgroups(count, groups) < 0)
		log_warning("the helper cannot join the groups that may read the logs: %s",
			    strerror(errno));
}
