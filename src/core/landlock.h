/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving up the file system, and what else Landlock knows (landlock(7), Linux 5.13).
 *
 * What the running kernel cannot restrict is left as it is; the ABI number says what that is. Files
 * that are open stay usable.
 */
#ifndef MIMAMORI_CORE_LANDLOCK_H
#define MIMAMORI_CORE_LANDLOCK_H

#define LANDLOCK_ABI_TRUNCATE 3 /* from here on truncating is restricted too */
#define LANDLOCK_ABI_TCP 4 /* and TCP: bind() and connect() */
#define LANDLOCK_ABI_IOCTL 5 /* and ioctl() of devices opened later */
#define LANDLOCK_ABI_SCOPE 6 /* and signals and abstract UNIX sockets to the outside */

/*
 * A set of rules that forbids all: the descriptor, owned, with the ABI in *abi. -ENOSYS: not in this
 * kernel; -EOPNOTSUPP: there, but switched off at boot; or -errno.
 */
int landlock_begin(int *abi);
/* The same, but TCP stays as it is: for programs whose work is the network. */
int landlock_begin_files(int *abi);
/* Allows what lies in a directory, or this one file, to be read, listed and executed. 0 or -errno. */
int landlock_allow_tree(int ruleset, const char *path);
/* Allows the file that is open as fd to be opened for reading, through /proc/self/fd too. 0 or -errno. */
int landlock_allow_open(int ruleset, int fd);
/* The same for writing too, and for truncating. */
int landlock_allow_write(int ruleset, int fd);
/* Allows this one file to be opened for reading, through whatever name. 0 or -errno. */
int landlock_allow_read(int ruleset, const char *path);
/* From now on, for good, and for what it starts. Needs no_new_privs. ruleset stays the caller's.
 * 0 or -errno. */
int landlock_enforce(int ruleset);

#endif
