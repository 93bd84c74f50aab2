/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strchrnul, pipe2 */
#endif

#include "decoy/launch.h"

#include "core/isolate.h"
#include "core/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* the same on all architectures but Alpha */
#endif

#define PROCESSES_MAX \
	160 /* of a jail's user: QEMU has up to 64 threads for its disk alone, when that is slow, and aborts without */
#define FILES_MAX \
	256 /* descriptors: each of the guest's connections in user networking takes one */

/* Where a jailed program's libraries and data may lie. What is not there is left out. */
static const char *const trees[] = {
	"/lib",
	"/lib64",
	"/usr/lib",
	"/usr/lib64",
	"/usr/local/lib",
	"/usr/share/qemu",
	"/usr/share/seabios",
	"/usr/local/share/qemu",
	"/etc/ld.so.cache",
	"/etc/resolv.conf",
	"/dev/urandom",
};

enum stage { STAGE_FDS, STAGE_LIMITS, STAGE_USER, STAGE_FILES, STAGE_PARENT, STAGE_EXEC };

static const char *const stage_names[] = {
	"its descriptors cannot be set up",
	"its limits cannot be set",
	"it cannot become another user",
	"its files cannot be restricted",
	"its parent has gone",
	"it cannot be executed",
};

struct report {
	int stage, err;
};

int launch_find(const char *program, char path[PATH_MAX])
{
	const char *dirs = getenv("PATH"), *end;

	if (strchr(program, '/'))
		return -EINVAL;
	for (dirs = dirs ? dirs : "/usr/bin:/bin"; *dirs; dirs = *end ? end + 1 : end) {
		end = strchrnul(dirs, ':');
		/* Not the working directory, which an empty or relative entry means. */
		if (*dirs != '/')
			continue;
		if (snprintf(path, PATH_MAX, "%.*s/%s", (int)(end - dirs), dirs, program) <
			    PATH_MAX &&
		    access(path, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

static int limit(int resource, uint64_t most)
{
	struct rlimit r = { .rlim_cur = most, .rlim_max = most };

	return setrlimit((__rlimit_resource_t)resource, &r) < 0 ? -errno : 0;
}

static int set_limits(const struct launch_jail *jail)
{
	int err = limit(RLIMIT_CORE, 0);

	if (!err)
		err = limit(RLIMIT_NOFILE, FILES_MAX);
	if (!err && jail->file_bytes)
		err = limit(RLIMIT_FSIZE, jail->file_bytes);
	if (!err && jail->data_bytes)
		err = limit(RLIMIT_DATA, jail->data_bytes);
	/* Counted per user: of one that it shares, others' would count too. */
	if (!err && !jail->uid && geteuid() == 0)
		err = limit(RLIMIT_NPROC, PROCESSES_MAX);
	return err;
}

uid_t launch_uid(uint64_t pid_namespace, pid_t pid)
{
	uint64_t first = pid_namespace * 0x9e3779b97f4a7c15ULL >> (64 - LAUNCH_UID_BITS);

	return LAUNCH_UID_BASE + (uid_t)((first + (uint64_t)pid) & ((1U << LAUNCH_UID_BITS) - 1));
}

static uid_t own_uid(void)
{
	struct stat st;

	/* Without /proc all namespaces count as one. */
	return launch_uid(stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0, getpid());
}

static int become_user(const struct launch_jail *jail)
{
	uid_t uid = jail->uid ? jail->uid : own_uid();

	if (geteuid() != 0)
		return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
	for (unsigned int i = 0; i < jail->n_writable; i++)
		if (fchown(jail->writable[i], uid, jail->uid ? jail->gid : uid) < 0)
			return -errno;
	return isolate_drop(uid, jail->uid ? jail->gid : uid);
}

/* As far as the kernel has Landlock. */
static int restrict_files(const struct launch *s)
{
	int abi = 0, err = 0;
	int ruleset = s->jail->network ? landlock_begin_files(&abi) : landlock_begin(&abi);

	if (ruleset < 0)
		return ruleset == -ENOSYS || ruleset == -EOPNOTSUPP ? 0 : ruleset;
	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
		err = landlock_allow_tree(ruleset, trees[i]);
		if (err && err != -ENOENT && err != -EACCES)
			break;
		err = 0;
	}
	if (!err)
		err = landlock_allow_tree(ruleset, s->path);
	/* /dev/null, which QEMU's programs open for writing too, to try locks on. */
	if (!err)
		err = landlock_allow_write(ruleset, STDIN_FILENO);
	for (unsigned int i = 0; !err && i < s->jail->n_readable; i++)
		err = landlock_allow_open(ruleset, s->jail->readable[i]);
	for (unsigned int i = 0; !err && i < s->jail->n_writable; i++)
		err = landlock_allow_write(ruleset, s->jail->writable[i]);
	if (!err)
		err = landlock_enforce(ruleset);
	close(ruleset);
	return err;
}

static int set_descriptors(const struct launch *s, int report_fd)
{
	int keep[LAUNCH_FDS_MAX + 1], null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(s->output, STDOUT_FILENO) < 0 ||
	    dup2(s->output, STDERR_FILENO) < 0)
		return -errno;
	for (unsigned int i = 0; i < s->n_fds; i++) {
		if (fcntl(s->fds[i], F_SETFD, 0) < 0)
			return -errno;
		keep[i] = s->fds[i];
	}
	keep[s->n_fds] = report_fd;
	isolate_close_from(3, keep, s->n_fds + 1);
	return 0;
}

static void reset_signals(void)
{
	sigset_t none;

	for (int signo = 1; signo < NSIG; signo++)
		if (signo != SIGKILL && signo != SIGSTOP)
			signal(signo, SIG_DFL);
	/* A file that grows beyond its limit is an error of the write, no death. */
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child, between fork and exec: system calls only, since the parent may have threads. */
static struct report become(const struct launch *s, pid_t parent, int report_fd)
{
	static const char *const env[] = { "PATH=/usr/bin:/bin", "LANG=C", "QEMU_AUDIO_DRV=none",
					   NULL };
	int err;

	reset_signals();
	setsid(); /* a terminal's Ctrl-C is for us */
	err = set_descriptors(s, report_fd);
	if (err)
		return (struct report){ STAGE_FDS, err };
	if (s->jail) {
		err = set_limits(s->jail);
		if (err)
			return (struct report){ STAGE_LIMITS, err };
		err = become_user(s->jail);
		if (err)
			return (struct report){ STAGE_USER, err };
	}
	/* After the change of user, which forgets it. */
	/* QEMU asks for huge pages for the guest's memory: of a small one, most would be resident for a few bytes in each. */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		return (struct report){ STAGE_PARENT, -ESRCH };
	if (s->jail) {
		err = restrict_files(s);
		if (err)
			return (struct report){ STAGE_FILES, err };
	}
	if (chdir("/") < 0)
		return (struct report){ STAGE_FDS, -errno };
	execve(s->path, (char *const *)s->argv, (char *const *)env);
	return (struct report){ STAGE_EXEC, -errno };
}

int launch(const struct launch *s, pid_t *pid, char why[LAUNCH_WHY_LEN])
{
	struct report report = { 0 };
	pid_t child, parent = getpid();
	int pipe_fds[2];
	ssize_t n;

	if (s->n_fds > LAUNCH_FDS_MAX || pipe2(pipe_fds, O_CLOEXEC) < 0) {
		int err = s->n_fds > LAUNCH_FDS_MAX ? -E2BIG : -errno;

		snprintf(why, LAUNCH_WHY_LEN, "%s cannot be started: %s", s->argv[0],
			 strerror(-err));
		return err;
	}
	child = fork();
	if (child == 0) {
		report = become(s, parent, pipe_fds[1]);
		n = write(pipe_fds[1], &report, sizeof(report));
		_exit(n == sizeof(report) ? 126 : 127);
	}
	n = child < 0 ? -errno : 0;
	close(pipe_fds[1]);
	if (child > 0)
		do {
			n = read(pipe_fds[0], &report, sizeof(report));
		} while (n < 0 && errno == EINTR);
	close(pipe_fds[0]);
	if (child > 0 && n == 0) {
		*pid = child;
		return 0;
	}
	if (child < 0) {
		snprintf(why, LAUNCH_WHY_LEN, "%s cannot be started: %s", s->argv[0],
			 strerror((int)-n));
		return (int)n;
	}
	waitpid(child, NULL, 0);
	/* What root of a user namespace meets, which has few users. */
	snprintf(why, LAUNCH_WHY_LEN, "%s cannot be started: %s: %s%s", s->argv[0],
		 stage_names[report.stage], strerror(-report.err),
		 report.stage == STAGE_USER && geteuid() == 0 && !s->jail->uid ?
			 "; is this a user namespace? It has to be started outside, as an ordinary "
			 "user, or with --user and one that there is" :
			 "");
	return report.err;
}

int launch_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return -errno;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}
