/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_PATH, strsignal */
#endif

#include "decoy/staging.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HIDDEN ".making-"
#define NAME_ROOM 128 /* of a path, for names in the folders */
#define DEPTH 2 /* the hidden folder, and the decoy's in it */

struct staging {
	char hidden[PATH_MAX];
	const char *images, *name;
	bool made_images;
	int lock; /* the hidden folder, open and locked */
};

static void path_in(char out[PATH_MAX], const char *folder, const char *name)
{
	snprintf(out, PATH_MAX, "%.*s/%.*s", PATH_MAX - NAME_ROOM, folder, NAME_ROOM - 2, name);
}

/* Removes a folder with what is in it; `depth` folders, no more. */
static void remove_folder(int parent, const char *name, unsigned int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, entry->d_name, 0) < 0 && depth > 1)
			remove_folder(fd, entry->d_name, depth - 1);
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	unlinkat(parent, name, AT_REMOVEDIR);
}

/* Those that nobody works in any more. */
static void remove_stale(int images)
{
	int copy = openat(images, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, HIDDEN, sizeof(HIDDEN) - 1) != 0)
			continue;
		fd = openat(images, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			remove_folder(images, entry->d_name, DEPTH);
		close(fd);
	}
	if (dir)
		closedir(dir);
	else if (copy >= 0)
		close(copy);
}

/* 0 or -errno. IMAGES is locked meanwhile: a folder just made by another is not taken for one left behind. */
static int make_hidden(struct staging *s)
{
	int err = 0, images;
	char folder[PATH_MAX];

	if (snprintf(s->hidden, sizeof(s->hidden), "%s/" HIDDEN "XXXXXX", s->images) >=
	    PATH_MAX - NAME_ROOM)
		return -ENAMETOOLONG;
	s->made_images = mkdir(s->images, 0755) == 0;
	if (!s->made_images && errno != EEXIST)
		return -errno;
	images = open(s->images, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (images < 0 || flock(images, LOCK_EX) < 0) {
		err = -errno;
		if (images >= 0)
			close(images);
		return err;
	}
	remove_stale(images);
	if (!mkdtemp(s->hidden))
		err = -errno;
	if (!err) {
		s->lock = open(s->hidden, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		path_in(folder, s->hidden, s->name);
		if (s->lock < 0 || flock(s->lock, LOCK_EX) < 0 || mkdir(folder, 0755) < 0)
			err = -errno;
		if (err)
			remove_folder(AT_FDCWD, s->hidden, DEPTH);
	}
	close(images);
	return err;
}

/* In the child. */
static int work(const struct staging *s, staging_fn *fn, void *arg, pid_t parent,
		const sigset_t *before)
{
	int status;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		return EXIT_FAILURE;
	sigprocmask(SIG_SETMASK, before, NULL);
	status = fn(s->hidden, s->name, arg);
	fflush(NULL);
	return status;
}

/* Until the child has ended: 0 with its wait status, or -errno; in *asked the signal that asked for an end, or 0. */
static int await_child(pid_t child, const sigset_t *signals, int *status, int *asked)
{
	*asked = 0;
	for (;;) {
		pid_t ended = waitpid(child, status, *asked ? 0 : WNOHANG);
		int signo;

		if (ended == child)
			return 0;
		if (ended < 0 && errno != EINTR)
			return -errno;
		if (*asked)
			continue;
		signo = sigwaitinfo(signals, NULL);
		if (signo > 0 && signo != SIGCHLD) {
			*asked = signo;
			kill(child, SIGKILL);
		}
	}
}

static int put_in_place(const struct staging *s, char error[CONF_ERROR_LEN])
{
	char from[PATH_MAX], to[PATH_MAX];
	int err = 0;

	path_in(from, s->hidden, s->name);
	path_in(to, s->images, s->name);
	/* One that has come there meanwhile has files, so that it is not replaced. */
	if (rename(from, to) < 0) {
		err = -errno;
		conf_refuse(error, "%s: cannot be put in place: %s", to, strerror(-err));
	}
	return err;
}

static int judge(const struct staging *s, int status, char error[CONF_ERROR_LEN])
{
	if (WIFSIGNALED(status))
		return conf_refuse(error, "%s: the process that made it was killed: %s", s->name,
				   strsignal(WTERMSIG(status)));
	return WEXITSTATUS(status) ? WEXITSTATUS(status) : put_in_place(s, error);
}

int staging_run(const char *images, const char *name, staging_fn *fn, void *arg,
		char error[CONF_ERROR_LEN])
{
	struct staging s = { .images = images, .name = name, .lock = -1 };
	pid_t child, parent = getpid();
	int err, status, asked = 0;
	sigset_t signals, before;

	sigemptyset(&signals);
	for (size_t i = 0; i < 4; i++)
		sigaddset(&signals, (const int[]){ SIGINT, SIGTERM, SIGHUP, SIGCHLD }[i]);
	sigprocmask(SIG_BLOCK, &signals, &before);
	err = make_hidden(&s);
	if (err) {
		conf_refuse(error, "%s: a decoy cannot be made there: %s", images, strerror(-err));
	} else {
		fflush(NULL);
		child = fork();
		if (child == 0)
			_exit(work(&s, fn, arg, parent, &before));
		if (child < 0) {
			err = -errno;
			conf_refuse(error, "%s: no process can be started: %s", name,
				    strerror(-err));
		} else {
			err = await_child(child, &signals, &status, &asked);
			if (err)
				conf_refuse(error, "%s: whether it was made cannot be told: %s",
					    name, strerror(-err));
			else
				err = asked ? -EINTR : judge(&s, status, error);
		}
		remove_folder(AT_FDCWD, s.hidden, DEPTH);
		close(s.lock);
	}
	if (err && s.made_images)
		rmdir(images);
	if (asked)
		signal(asked, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (asked)
		raise(asked);
	return err;
}
