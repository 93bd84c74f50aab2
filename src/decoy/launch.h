/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting another program with argv, chosen descriptors, and as little as it needs.
 *
 * Theory of operation
 * -------------------
 * The child keeps the listed descriptors under their numbers, /dev/null as standard input, and one
 * descriptor for both outputs; it is killed when the thread that started it ends, however that comes, so that
 * none is left behind. With a jail it becomes a user of its own: without a name for it, launch_uid() makes a
 * number of its process number and PID namespace, in the range that systemd's list of user numbers
 * (UIDS-GIDS) calls unused, so that no two programs of ours share a user and none can signal or
 * trace another. Then resource limits, no_new_privs and Landlock follow; files come in as
 * descriptors, so that it needs no path but its own libraries. A process that is not root stays the
 * user it is, and has the rest.
 */
#ifndef MIMAMORI_DECOY_LAUNCH_H
#define MIMAMORI_DECOY_LAUNCH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LAUNCH_UID_BASE 0x70000000U /* launch_uid(): 0x70000000 to 0x7fffffff */
#define LAUNCH_UID_BITS 28
#define LAUNCH_FDS_MAX 14
#define LAUNCH_WHY_LEN 256

struct launch_jail {
	uid_t uid; /* 0: a user number of its own */
	gid_t gid;
	const int *readable; /* descriptors whose files it may open again, n_readable of them */
	unsigned int n_readable;
	const int *
		writable; /* the same for writing; root makes them its own, and launch_run() back */
	unsigned int n_writable;
	bool network; /* may use TCP */
	uint64_t file_bytes; /* the largest file it may write; beyond, writing fails */
	uint64_t data_bytes; /* of memory that it may write, its heap and stacks included */
};

struct launch {
	const char *path; /* of the program: launch_find() */
	const char *const *argv; /* NULL-terminated */
	const int *fds; /* to keep, above 2 */
	unsigned int n_fds;
	int output; /* becomes standard output and error */
	const struct launch_jail *jail; /* NULL: stays as privileged as its parent */
};

/* Finds a program in $PATH. 0, -ENOENT, or -EINVAL for a name with a slash. */
int launch_find(const char *program, char path[PATH_MAX]);

/*
 * The user number of this process of a PID namespace, which is told by its inode in /proc/self/ns (nsfs). All
 * of one namespace differ. Those of two, of which one sees the other's where it is its parent, begin at places far apart
 * (multiplicative hashing: Knuth, The Art of Computer Programming 3, 6.4): two given processes share one by a chance of
 * about 2^-28.
 */
uid_t launch_uid(uint64_t pid_namespace, pid_t pid);

/*
 * Starts it, and returns once it is executing. 0 with *pid, or -errno with a sentence in why; then no
 * process is left.
 */
int launch(const struct launch *s, pid_t *pid, char why[LAUNCH_WHY_LEN]);

/*
 * Runs a program to its end, in a jail unless NULL: 0, or -errno with a sentence in why, which has the last of
 * what it printed. It is killed after timeout_ms (-ETIMEDOUT).
 */
int launch_run(const char *const *argv, const int *fds, unsigned int n_fds,
	       const struct launch_jail *jail, unsigned int timeout_ms, char why[LAUNCH_WHY_LEN]);

/* A descriptor that becomes readable when the process ends (pidfd_open(2), Linux 5.3); -errno. */
int launch_pidfd(pid_t pid);

#endif
