/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * btmp: each failed login as a record of utmp(5), by login, sshd and some FTP servers.
 */
#include "sensor/auth-line.h"

#include "sensor/auth-programs.h"
#include "sensor/auth-text.h"
#include "sensor/guess.h"

#include <utmp.h>

size_t auth_btmp_bytes(void)
{
	return sizeof(struct utmp);
}

/* A field that is filled to its end has no NUL. */
static struct cursor field(const void *bytes, size_t len)
{
	return cursor_over(bytes, strnlen(bytes, len));
}

/* "ftpd812" is some FTP servers' line; else it is a terminal. */
static uint8_t service_of(struct cursor line)
{
	return text_skip(&line, "ftp") ? GUESS_FTP : GUESS_TELNET;
}

enum auth_said auth_btmp_parse(const void *bytes, size_t len, struct auth_line *out)
{
	struct cursor c = cursor_over(bytes, len), host, user, line;
	const uint8_t *record = cursor_take(&c, sizeof(struct utmp));
	static const uint8_t zero[12];
	char text[ADDR_STRLEN];
	struct addr peer;
	struct utmp u;

	*out = (struct auth_line){ .record.times = 1, .voice = AUTH_VOICE_BTMP };
	if (!record || cursor_left(&c))
		return AUTH_SAID_NOTHING;
	memcpy(&u, record, sizeof(u));
	if (u.ut_type != LOGIN_PROCESS && u.ut_type != USER_PROCESS)
		return AUTH_SAID_NOTHING;
	host = field(u.ut_host, sizeof(u.ut_host));
	user = field(u.ut_user, sizeof(u.ut_user));
	line = field(u.ut_line, sizeof(u.ut_line));
	/* sshd writes two for one try of a user whom there is not, and tells each in words as
	 * well. */
	if (text_has(line, "ssh"))
		return AUTH_SAID_NOTHING;
	/* Whoever writes the record may leave the address out, and give its text as the host. */
	if (memcmp(&u.ut_addr_v6[1], zero, sizeof(zero)) == 0) {
		if (!u.ut_addr_v6[0])
			return auth_tell(out, host, user, service_of(line), AUTH_FAILED);
		peer = addr_from_bytes4((const uint8_t *)u.ut_addr_v6);
	} else {
		peer = addr_from_bytes16((const uint8_t *)u.ut_addr_v6);
	}
	addr_format(peer, text);
	return auth_tell(out, cursor_over(text, strlen(text)), user, service_of(line), AUTH_FAILED);
}
