/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* setresuid, fgetpwent */
#endif

#include "core/isolate.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436 /* the same on all architectures but Alpha */
#endif

#define CAPS_MAX 64 /* bits of the kernel's sets */
#define KEEP_MAX 16

int isolate_find_user(const char *name, uid_t *uid, gid_t *gid)
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *pw;
	int err = -ENOENT;

	if (!f)
		return -errno;
	while ((pw = fgetpwent(f)))
		if (strcmp(pw->pw_name, name) == 0) {
			*uid = pw->pw_uid;
			*gid = pw->pw_gid;
			err = 0;
			break;
		}
	fclose(f);
	return err;
}

/* capget(2) and capset(2) have no wrapper in libc; version 3 has two words of 32 bits a set. */
static int get_caps(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };

	return syscall(SYS_capget, &header, data) < 0 ? -errno : 0;
}

static int set_caps(uint64_t caps)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)caps, .permitted = (uint32_t)caps },
		{ .effective = (uint32_t)(caps >> 32), .permitted = (uint32_t)(caps >> 32) },
	};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* Drops all but keep from the bounding set. */
static int drop_bounding(uint64_t keep)
{
	for (int cap = 0; cap < CAPS_MAX; cap++) {
		int held = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (held < 0)
			break; /* beyond what this kernel knows */
		if (held && !(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

static int clear_ambient(void)
{
	/* Before Linux 4.3 there was no ambient set. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	return 0;
}

/* Are exactly these capabilities, or fewer, left? */
static bool caps_within(uint64_t keep)
{
	struct __user_cap_data_struct data[2];
	uint64_t held, inheritable;

	if (get_caps(data) < 0)
		return false;
	held = (uint64_t)(data[1].permitted | data[1].effective) << 32 | data[0].permitted |
	       data[0].effective;
	inheritable = (uint64_t)data[1].inheritable << 32 | data[0].inheritable;
	if (held & ~keep || inheritable)
		return false;
	for (int cap = 0; cap < CAPS_MAX; cap++) {
		int bounding = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (bounding < 0)
			break;
		if (bounding && !(keep >> cap & 1))
			return false;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1)
			return false;
	}
	return true;
}

/* Reads everything again, and tries to get back: what a kernel says is not what it does. */
static bool is_dropped(uid_t uid, gid_t gid)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	if (getresuid(&ru, &eu, &su) < 0 || getresgid(&rg, &eg, &sg) < 0)
		return false;
	if (ru != uid || eu != uid || su != uid || rg != gid || eg != gid || sg != gid)
		return false;
	if (getgroups(0, NULL) != 0 || !caps_within(0))
		return false;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return false;
	return setresuid((uid_t)-1, 0, (uid_t)-1) < 0 && setresgid((gid_t)-1, 0, (gid_t)-1) < 0;
}

int isolate_drop(uid_t uid, gid_t gid)
{
	int err;

	if (uid == 0 || gid == 0 || uid == (uid_t)-1 || gid == (gid_t)-1)
		return -EINVAL;
	/* The bounding set first, while CAP_SETPCAP is there; the user before the last capabilities. */
	err = drop_bounding(0);
	if (!err)
		err = clear_ambient();
	if (err)
		return err;
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	err = set_caps(0);
	if (err)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return is_dropped(uid, gid) ? 0 : -EPERM;
}

int isolate_limit_caps(uint64_t keep)
{
	struct __user_cap_data_struct data[2];
	int err = get_caps(data);

	if (!err)
		err = drop_bounding(keep);
	if (!err)
		err = clear_ambient();
	if (!err)
		err = set_caps(keep & ((uint64_t)data[1].permitted << 32 | data[0].permitted));
	if (err)
		return err;
	return caps_within(keep) ? 0 : -EPERM;
}

int isolate_shed_caps(uint64_t keep)
{
	struct __user_cap_data_struct data[2];
	uint64_t held;
	int err = get_caps(data);

	if (!err)
		err = clear_ambient();
	if (!err)
		err = set_caps(keep & ((uint64_t)data[1].permitted << 32 | data[0].permitted));
	if (!err &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0))
		err = -errno;
	if (!err)
		err = get_caps(data);
	if (err)
		return err;
	held = (uint64_t)(data[1].permitted | data[1].effective | data[1].inheritable) << 32 |
	       data[0].permitted | data[0].effective | data[0].inheritable;
	return geteuid() != 0 && !(held & ~keep) ? 0 : -EPERM;
}

bool isolate_has_cap(int cap)
{
	struct __user_cap_data_struct data[2];

	return get_caps(data) == 0 && data[cap / 32].effective >> cap % 32 & 1;
}

/* Closes first..last. */
static int close_span(unsigned int first, unsigned int last)
{
	if (first > last)
		return 0;
	return syscall(SYS_close_range, first, last, 0) < 0 ? -errno : 0;
}

static bool is_listed(int fd, const int *list, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (list[i] == fd)
			return true;
	return false;
}

static int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Before Linux 5.9: whatever /proc lists; without /proc, every number there could be. */
static void close_each(int first, const int *keep, unsigned int n)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	struct rlimit limit;

	if (dir) {
		/* Closing while reading is well-defined here: procfs lists by number, ascending. */
		while ((entry = readdir(dir))) {
			int fd = atoi(entry->d_name);

			if (entry->d_name[0] != '.' && fd >= first && fd != dirfd(dir) &&
			    !is_listed(fd, keep, n))
				close(fd);
		}
		closedir(dir);
		return;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > 65536)
		limit.rlim_cur = 65536;
	for (int fd = first; fd < (int)limit.rlim_cur; fd++)
		if (!is_listed(fd, keep, n))
			close(fd);
}

void isolate_close_from(int first, const int *keep, unsigned int n)
{
	unsigned int from = (unsigned int)first;
	int sorted[KEEP_MAX];

	if (n > KEEP_MAX)
		n = KEEP_MAX;
	if (n)
		memcpy(sorted, keep, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_ints);
	for (unsigned int i = 0; i < n; i++) {
		if (sorted[i] < (int)from)
			continue;
		if (close_span(from, (unsigned int)sorted[i] - 1) < 0) {
			close_each((int)from, sorted, n);
			return;
		}
		from = (unsigned int)sorted[i] + 1;
	}
	if (close_span(from, UINT_MAX) < 0)
		close_each((int)from, sorted, n);
}
