/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving up privileges for good.
 */
#ifndef MIMAMORI_CORE_ISOLATE_H
#define MIMAMORI_CORE_ISOLATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Looks a user up in /etc/passwd (no NSS: it must work in a static binary). 0 or -ENOENT/-errno. */
int isolate_find_user(const char *name, uid_t *uid, gid_t *gid);

/*
 * Becomes uid:gid, neither of them 0, with no supplementary groups, no capability in any set
 * (bounding and ambient included) and no_new_privs, and proves it. Needs CAP_SETUID, CAP_SETGID and
 * CAP_SETPCAP. The process must have one thread. 0 or -errno: on failure the caller must exit.
 */
int isolate_drop(uid_t uid, gid_t gid);

/*
 * Keeps only these capabilities (bit n: capability n), of those it has, in the permitted and
 * effective sets, none inheritable or ambient, and drops all others from the bounding set. For the
 * privileged helper; to isolate_drop() its children later it must keep SETUID, SETGID and SETPCAP.
 * 0 or -errno: -EPERM without CAP_SETPCAP while the bounding set holds more than is to be kept.
 */
int isolate_limit_caps(uint64_t keep);

/*
 * The same two for a process that was started as an ordinary user with a few capabilities, as a service
 * manager does: keeps these, of those it has; none is inheritable or ambient. Sets no_new_privs, and
 * makes the process one that others of its user cannot trace. The bounding set stays: without root, and with
 * no_new_privs, nothing comes of it. 0 or -errno: on failure the caller must exit.
 */
int isolate_shed_caps(uint64_t keep);

/* Does this process have it, in effect? */
bool isolate_has_cap(int cap);

/* Closes every descriptor from `first` up, except those listed (n ≤ 16). */
void isolate_close_from(int first, const int *keep, unsigned int n);

#endif
