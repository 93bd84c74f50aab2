/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages of systemd's journal, read from its file.
 *
 * Theory of operation
 * -------------------
 * libsystemd would do this too, with half a megabyte of its own memory in a process of its own
 * (docs/measurements.md). Following one file's end needs little of it: the format is documented and
 * kept stable (systemd's JOURNAL_FILE_FORMAT), objects lie one behind the other, and the header says
 * which is the last. So the reader walks from object to object, and of the fields that an entry
 * points to it takes three: program (SYSLOG_IDENTIFIER), user (_UID, which journald asks of the
 * kernel) and MESSAGE. All is read with pread(2) into small buffers and taken apart by the cursor:
 * the file is never mapped, so one that is cut short is an end, not a signal.
 *
 * An entry counts once the header's n_entries includes it: journald raises that when all of it has
 * been written. Compressed fields are long ones (512 bytes and more), so no login's. Messages of
 * ordinary users are left out: anybody may call himself "sshd" towards journald, but not its _UID.
 *
 * journald writes through a mapping, which inotify does not see; it truncates the file to its own
 * length after a change for that reason, at most every 250 ms.
 */
#ifndef MIMAMORI_SENSOR_AUTH_JOURNAL_H
#define MIMAMORI_SENSOR_AUTH_JOURNAL_H

#include "core/cursor.h"

#include <stdbool.h>
#include <stdint.h>

#define AUTH_JOURNAL_SYSTEM_UIDS 1000 /* below: root and services */
#define AUTH_JOURNAL_MESSAGE_MAX 512
#define AUTH_JOURNAL_ITEMS_MAX 64 /* fields of an entry that are looked at; sshd's have some 25 */

/* Most of an entry's fields are those of the entry before: so many are known again without reading. */
#define AUTH_JOURNAL_DULL 32

struct auth_journal {
	bool open; /* the header was read */
	bool compact; /* the file's flag of this name */
	uint64_t next; /* offset of the next object */
	uint64_t entries; /* met so far, and those before the start */
	uint64_t dull[AUTH_JOURNAL_DULL]; /* offsets of fields that are none of the three */
};

/* One message. Both are borrowed until it returns. */
typedef void auth_journal_fn(struct cursor program, struct cursor message, void *arg);

/*
 * Begins with a file: behind its last entry (at_end), or at its first. 0; -EAGAIN when journald has
 * not written the header yet; -EINVAL when it is no journal, or of a form that is not known.
 */
int auth_journal_start(struct auth_journal *j, int fd, bool at_end);

/* Tells the messages since, of at most max_objects objects. True: there may be more. */
bool auth_journal_read(struct auth_journal *j, int fd, unsigned int max_objects,
		       auth_journal_fn *fn, void *arg);

#endif
