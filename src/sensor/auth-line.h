/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line of the system's record, and what it says of a login.
 *
 * Theory of operation
 * -------------------
 * A log line is hostile text: the name that somebody tried to log in as is whatever he sent, and
 * it stands in the middle of the line. "Failed password for invalid user x from 9.9.9.9 port 22
 * ssh2 from 192.0.2.7 port 5 ssh2" must accuse 192.0.2.7 and nobody else. So
 *
 * - time, host and program are read from the line's head only, which the logger wrote;
 * - where a message's tail is fixed ("... from A port P ssh2"), it is read from its end; where
 *   its head is ("Accepted password for USER from A"), from its beginning;
 * - where neither is (PAM's "ruser=... rhost=A user=..."), the mark must be there once; a
 *   message with two is doubtful, and believed in nothing;
 * - a failure longer than any honest one is doubtful: loggers cut messages (busybox syslogd
 *   at 256 bytes), and a name of the right length would put the cut behind a forged tail.
 *
 * What is counted as a failed try is a password that was refused, and a login as a user whom there
 * is not where the server tells no more than that (dropbear). Not counted: refused keys (a client
 * offers all it has), connections that ended without a try, sshd's summaries of tries that it told
 * before.
 *
 * Known are OpenSSH (sshd, sshd-session), dropbear, login (util-linux, shadow, busybox), vsftpd,
 * proftpd, pure-ftpd, and what PAM says of these. sshd tells each failure itself: what PAM tells
 * of it is left out. Peers that are told by a host's name only are left out and counted: a name is
 * the peer's own claim.
 */
#ifndef MIMAMORI_SENSOR_AUTH_LINE_H
#define MIMAMORI_SENSOR_AUTH_LINE_H

#include "core/cursor.h"
#include "sensor/auth.h"

#include <stddef.h>

#define AUTH_LINE_MAX 1024 /* a longer line is skipped: none that matters is half of it */
#define AUTH_FAILURE_MAX 200 /* bytes of a message that tells a failure; longer ones are doubtful */

/* Who told it: the same failure may be told by several, each of them once (auth-merge.h). */
enum auth_voice {
	AUTH_VOICE_PROGRAM, /* the server, by its usual words */
	AUTH_VOICE_ASIDE, /* the server, by other words that it may use as well */
	AUTH_VOICE_PAM,
	AUTH_VOICE_BTMP,
	AUTH_VOICES,
};

enum auth_said {
	AUTH_SAID_NOTHING, /* nothing of a login, or nothing known */
	AUTH_SAID, /* the record is filled in, but for its time */
	AUTH_SAID_NAME, /* a login, of a peer that is told by a name */
	AUTH_SAID_DOUBTFUL, /* a login, but its peer could have been forged, or it was cut */
};

struct auth_line {
	struct auth_record record;
	uint8_t voice; /* enum auth_voice */
	struct cursor host; /* borrowed: the host that the line is of; empty when not told */
};

/*
 * A line of a text log, without its end: traditional ("Nov 22 06:41:12 host sshd[1]: ..."), with
 * an RFC 3339 time, of RFC 5424, of busybox syslogd, of OpenWrt's log file, or vsftpd's own. *out
 * is only valid with AUTH_SAID.
 */
enum auth_said auth_line_parse(const void *line, size_t len, struct auth_line *out);

/* The same of a journal's fields: program is SYSLOG_IDENTIFIER. */
enum auth_said auth_message_parse(struct cursor program, struct cursor message,
				  struct auth_line *out);

/*
 * A record of btmp (utmp(5)), of exactly auth_btmp_bytes(): a failed login. Both in this machine's
 * own layout, which is that of its btmp.
 */
size_t auth_btmp_bytes(void);
enum auth_said auth_btmp_parse(const void *bytes, size_t len, struct auth_line *out);

/* Used by the parsers alone: an address as text, with a scope or not. A host's name is no address.
 * */
bool auth_text_addr(struct cursor text, struct addr *out);
/* Never 0. */
uint32_t auth_user_hash(struct cursor name);

#endif
