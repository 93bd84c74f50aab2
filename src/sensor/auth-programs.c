/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each program says of a login. The rules by which nobody can be framed are in auth-line.h;
 * `message` is what stands behind the program's "name[process]: ".
 */
#include "sensor/auth-programs.h"

#include "sensor/auth-text.h"
#include "sensor/guess.h"

#define FNV_BASIS 2166136261U
#define FNV_PRIME 16777619U
#define REPEATED_MAX 1000 /* in one "message repeated N times": what logs at most come to */
#define PORT_MAX 65535

uint32_t auth_user_hash(struct cursor name)
{
	uint32_t hash = FNV_BASIS; /* FNV-1a */
	uint8_t byte;

	while (cursor_u8(&name, &byte))
		hash = (hash ^ byte) * FNV_PRIME;
	return hash ? hash : 1;
}

bool auth_text_addr(struct cursor text, struct addr *out)
{
	char buf[ADDR_STRLEN];
	struct cursor address = text;

	text_split(&text, "%", &address); /* fe80::1%eth0 */
	if (!cursor_left(&address) || cursor_left(&address) >= sizeof(buf) ||
	    memchr(address.pos, '\0', cursor_left(&address)))
		return false;
	memcpy(buf, address.pos, cursor_left(&address));
	buf[cursor_left(&address)] = '\0';
	return addr_parse(buf, out) == 0;
}

/* Who can be neither a peer nor its name. */
static bool is_no_peer(struct addr a)
{
	return addr_is_unspecified(a) || addr_is_multicast(a) || addr_is_loopback(a);
}

enum auth_said auth_tell(struct auth_line *out, struct cursor peer, struct cursor user,
			 uint8_t service, uint8_t result)
{
	struct addr addr;

	if (!auth_text_addr(peer, &addr))
		return cursor_left(&peer) ? AUTH_SAID_NAME : AUTH_SAID_NOTHING;
	if (is_no_peer(addr))
		return AUTH_SAID_NOTHING;
	out->record.peer = addr;
	out->record.service = service;
	out->record.result = result;
	out->record.user = cursor_left(&user) ? auth_user_hash(user) : 0;
	return AUTH_SAID;
}

static bool is_long(const struct cursor *message)
{
	return cursor_left(message) > AUTH_FAILURE_MAX;
}

/* The tail "A port P" that sshd writes. */
static enum auth_said tell_ssh(struct auth_line *out, struct cursor peer, struct cursor user,
			       uint8_t result)
{
	struct cursor addr;
	uint32_t port;

	if (!text_split(&peer, " port ", &addr) || !text_number(&peer, PORT_MAX, &port) ||
	    cursor_left(&peer))
		return AUTH_SAID_DOUBTFUL;
	out->record.peer_port = (uint16_t)port;
	return auth_tell(out, addr, user, GUESS_SSH, result);
}

/* auth.c's auth_log(): "Failed METHOD for [invalid user ]USER from A port P ssh2". USER is the
 * peer's. */
static enum auth_said say_sshd_failed(struct cursor c, struct auth_line *out)
{
	struct cursor method, peer;

	if (!text_split(&c, " for ", &method))
		return AUTH_SAID_NOTHING;
	/* Keys are offered one by one, and "none" is how a client asks what there is. */
	if (!text_is(&method, "password") && !text_is(&method, "keyboard-interactive/pam") &&
	    !text_is(&method, "keyboard-interactive/bsdauth"))
		return AUTH_SAID_NOTHING;
	text_skip(&c, "invalid user ");
	if (!text_cut(&c, " ssh2") || !text_split_last(&c, " from ", &peer))
		return AUTH_SAID_DOUBTFUL;
	return tell_ssh(out, peer, c, AUTH_FAILED);
}

/* "Accepted METHOD for USER from A port P ssh2[: KEY]". USER exists, so there is no blank in it; a
 * key may bear a text of its own. */
static enum auth_said say_sshd_accepted(struct cursor c, struct auth_line *out)
{
	struct cursor method, user, peer;

	if (!text_split(&c, " for ", &method) || !text_split(&c, " ", &user) ||
	    !text_skip(&c, "from ") || !text_split(&c, " ssh2", &peer))
		return AUTH_SAID_NOTHING;
	if (text_is(&method, "none"))
		return AUTH_SAID_NOTHING;
	out->record.by_key = !text_is(&method, "password") && !text_has(method, "interactive");
	return tell_ssh(out, peer, user, AUTH_SUCCEEDED);
}

/* auth-pam.c: "error: PAM: Authentication failure for [illegal user ]USER from A". It stands
 * beside "Failed keyboard-interactive/pam", which only a detailed log has for the first tries of a
 * known user. */
static enum auth_said say_sshd_pam(struct cursor c, struct auth_line *out)
{
	struct cursor why, peer;

	if (!text_split(&c, " for ", &why) ||
	    !(text_is(&why, "Authentication failure") || text_is(&why, "User not known to the "
								       "underlying authentication "
								       "module")))
		return AUTH_SAID_NOTHING;
	text_skip(&c, "illegal user ");
	if (!text_split_last(&c, " from ", &peer))
		return AUTH_SAID_DOUBTFUL;
	out->voice = AUTH_VOICE_ASIDE;
	return auth_tell(out, peer, c, GUESS_SSH, AUTH_FAILED);
}

enum auth_said auth_say_sshd(struct cursor c, struct auth_line *out)
{
	if (text_skip(&c, "Accepted "))
		return say_sshd_accepted(c, out);
	if (is_long(&c))
		return text_skip(&c, "Failed ") ? AUTH_SAID_DOUBTFUL : AUTH_SAID_NOTHING;
	if (text_skip(&c, "Failed "))
		return say_sshd_failed(c, out);
	if (text_skip(&c, "error: PAM: "))
		return say_sshd_pam(c, out);
	return AUTH_SAID_NOTHING;
}

/* The tail "A:P" that dropbear writes, of IPv6 as well. */
static enum auth_said tell_dropbear(struct auth_line *out, struct cursor addr, struct cursor user,
				    uint8_t result)
{
	struct cursor number;
	uint32_t port;

	if (!text_split_last(&addr, ":", &number) || !text_number(&number, PORT_MAX, &port) ||
	    cursor_left(&number))
		return AUTH_SAID_DOUBTFUL;
	out->record.peer_port = (uint16_t)port;
	return auth_tell(out, addr, user, GUESS_SSH, result);
}

/* The name in quotes is of a user who exists; who does not is told once a connection, without it.
 * */
enum auth_said auth_say_dropbear(struct cursor c, struct auth_line *out)
{
	struct cursor user = { c.pos, c.pos }, rest;
	uint8_t result = AUTH_FAILED;

	if (is_long(&c))
		return AUTH_SAID_NOTHING;
	if (text_skip(&c, "Login attempt for nonexistent user from "))
		return tell_dropbear(out, c, user, result);
	if (text_skip(&c, "Password auth succeeded for '")) {
		result = AUTH_SUCCEEDED;
	} else if (text_skip(&c, "Pubkey auth succeeded for '")) {
		result = AUTH_SUCCEEDED;
		out->record.by_key = true;
	} else if (!text_skip(&c, "Bad password attempt for '") &&
		   !text_skip(&c, "Bad PAM password attempt for '")) {
		return AUTH_SAID_NOTHING;
	}
	if (!text_split_last(&c, " from ", &rest) || !text_split(&c, "'", &user))
		return AUTH_SAID_DOUBTFUL;
	return tell_dropbear(out, rest, user, result);
}

/* util-linux and shadow, from the head: "FAILED LOGIN (1) on '/dev/pts/0' from 'A' FOR 'USER',
 * ...". */
static enum auth_said say_failed_login(struct cursor c, struct auth_line *out)
{
	struct cursor skipped, peer, user = { c.pos, c.pos };
	uint32_t count;

	if (text_skip(&c, "(")) {
		if (!text_number(&c, UINT32_MAX, &count) || !text_skip(&c, ") on '") ||
		    !text_split(&c, "'", &skipped))
			return AUTH_SAID_NOTHING;
		if (!text_skip(&c, " from '") || !text_split(&c, "' FOR '", &peer))
			return AUTH_SAID_NOTHING; /* at a console */
		text_split(&c, "'", &user);
		return auth_tell(out, peer, user, GUESS_TELNET, AUTH_FAILED);
	}
	/* Older: "FAILED LOGIN 1 FROM A FOR USER, ...". */
	if (!text_number(&c, UINT32_MAX, &count) || !text_skip(&c, " FROM ") ||
	    !text_split(&c, " FOR ", &peer))
		return AUTH_SAID_NOTHING;
	text_split(&c, ",", &user);
	return auth_tell(out, peer, user, GUESS_TELNET, AUTH_FAILED);
}

/* busybox, from the end: "... on 'pts/0' from 'A'". */
static enum auth_said say_busybox_login(struct cursor c, uint8_t result, struct auth_line *out)
{
	struct cursor peer, tty, none;

	if (!text_cut(&c, "'") || !text_split_last(&c, "'", &peer) || !text_cut(&c, "' from ") ||
	    !text_split_last(&c, "'", &tty) || !text_cut(&c, " on "))
		return AUTH_SAID_NOTHING; /* at a console, or telnetd did not tell whose it is */
	if (result == AUTH_FAILED && !text_cut(&c, "'"))
		return AUTH_SAID_DOUBTFUL;
	none = (struct cursor){ c.pos, c.pos };
	return auth_tell(out, peer, result == AUTH_FAILED ? c : none, GUESS_TELNET, result);
}

enum auth_said auth_say_login(struct cursor c, struct auth_line *out)
{
	struct cursor rest, user;

	if (is_long(&c))
		return AUTH_SAID_NOTHING;
	if (text_skip(&c, "FAILED LOGIN "))
		return say_failed_login(c, out);
	if (text_skip(&c, "invalid password for '"))
		return say_busybox_login(c, AUTH_FAILED, out);
	if (text_skip(&c, "root login"))
		return say_busybox_login(c, AUTH_SUCCEEDED, out);
	if (text_skip(&c, "ROOT LOGIN  on '"))
		return text_split(&c, "'", &rest) && text_skip(&c, " from '") && text_cut(&c, "'") ?
			       auth_tell(out, c, (struct cursor){ c.pos, c.pos }, GUESS_TELNET,
					 AUTH_SUCCEEDED) :
			       AUTH_SAID_NOTHING;
	/* util-linux: "[ROOT ]LOGIN ON pts/0 [BY USER ]FROM A", of a user who is in. */
	text_skip(&c, "ROOT ");
	if (text_skip(&c, "LOGIN ON ") && text_split(&c, " FROM ", &user))
		return auth_tell(out, c, (struct cursor){ c.pos, c.pos }, GUESS_TELNET,
				 AUTH_SUCCEEDED);
	return auth_say_pam(c, out);
}

/* "[USER] FAIL LOGIN: Client "A"", and behind an anonymous success what was given as password. */
enum auth_said auth_say_vsftpd(struct cursor c, struct auth_line *out)
{
	static const char mark[] = " LOGIN: Client \"";
	struct cursor whole = c, before, user;
	uint8_t result;

	if (!text_split(&c, mark, &before))
		return auth_say_pam(whole, out);
	if (text_has(c, mark) || is_long(&whole))
		return AUTH_SAID_DOUBTFUL;
	if (text_cut(&before, "] OK"))
		result = AUTH_SUCCEEDED;
	else if (text_cut(&before, "] FAIL"))
		result = AUTH_FAILED;
	else
		return AUTH_SAID_NOTHING;
	if (!text_split_last(&before, "[", &user))
		return AUTH_SAID_NOTHING;
	if (!text_cut(&c, "\""))
		return AUTH_SAID_NOTHING; /* anonymous */
	return auth_tell(out, c, user, GUESS_FTP, result);
}

/* "HOST (NAME[A]) - USER name ...": what the peer sent comes behind the address. */
enum auth_said auth_say_proftpd(struct cursor c, struct auth_line *out)
{
	struct cursor whole = c, skipped, peer, user;

	if (!text_split(&c, " (", &skipped) || text_has(skipped, " ") ||
	    !text_split(&c, "[", &skipped) || !text_split(&c, "]) - USER ", &peer))
		return auth_say_pam(whole, out);
	if (text_has(peer, "]") || is_long(&whole))
		return AUTH_SAID_DOUBTFUL;
	user = c;
	if (text_split(&c, ": ", &user)) {
		/* Those who exist, so there is no blank in the name. */
		if (text_is(&c, "Login successful."))
			return text_has(user, " ") ?
				       AUTH_SAID_DOUBTFUL :
				       auth_tell(out, peer, user, GUESS_FTP, AUTH_SUCCEEDED);
		if (text_has(c, "no such user found from ") || text_cut(&user, " (Login failed)"))
			return auth_tell(out, peer, user, GUESS_FTP, AUTH_FAILED);
	}
	return AUTH_SAID_NOTHING;
}

/* "(USER@A) [LEVEL] ...": USER is "?" until somebody is in. */
enum auth_said auth_say_pureftpd(struct cursor c, struct auth_line *out)
{
	struct cursor whole = c, user, peer;

	if (!text_skip(&c, "(") || !text_split(&c, "@", &user) || !text_split(&c, ") [", &peer))
		return auth_say_pam(whole, out);
	if (is_long(&whole))
		return AUTH_SAID_DOUBTFUL;
	if (text_skip(&c, "WARNING] Authentication failed for user [") && text_cut(&c, "]"))
		return auth_tell(out, peer, c, GUESS_FTP, AUTH_FAILED);
	if (text_skip(&c, "INFO] ") && text_cut(&c, " is now logged in"))
		return auth_tell(out, peer, c, GUESS_FTP, AUTH_SUCCEEDED);
	return AUTH_SAID_NOTHING;
}

/* The service behind "pam_unix(SERVICE:auth): ", as far as it is one of ours. */
static bool pam_service(struct cursor name, uint8_t *service)
{
	static const char *const ftp[] = { "vsftpd", "proftpd", "pure-ftpd", "ftp", "ftpd" };

	if (text_is(&name, "login") || text_is(&name, "remote")) {
		*service = GUESS_TELNET;
		return true;
	}
	for (size_t i = 0; i < sizeof(ftp) / sizeof(ftp[0]); i++)
		if (text_is(&name, ftp[i])) {
			*service = GUESS_FTP;
			return true;
		}
	return false;
}

/*
 * "pam_MODULE(SERVICE:auth): authentication failure; logname=.. uid=.. euid=.. tty=.. ruser=..
 * rhost=A[  user=..]". ruser may be the peer's text, user too with some modules: so "rhost=" has
 * to be there once.
 */
enum auth_said auth_say_pam(struct cursor c, struct auth_line *out)
{
	struct cursor module, name, peer, rest, user;
	uint8_t service;

	if (!text_skip(&c, "pam_") || !text_split(&c, "(", &module) ||
	    !text_split(&c, ":auth): ", &name) || text_has(module, " ") ||
	    !pam_service(name, &service) || !text_skip(&c, "authentication failure;"))
		return AUTH_SAID_NOTHING;
	if (!text_split(&c, " rhost=", &rest))
		return AUTH_SAID_NOTHING;
	if (is_long(&c) || text_has(c, "rhost="))
		return AUTH_SAID_DOUBTFUL;
	user = (struct cursor){ c.end, c.end };
	peer = c;
	if (text_split(&c, " ", &peer)) {
		text_skip(&c, " ");
		if (text_skip(&c, "user="))
			user = c;
	}
	out->voice = AUTH_VOICE_PAM;
	return auth_tell(out, peer, user, service, AUTH_FAILED);
}

/* rsyslog: "message repeated N times: [ MESSAGE]". */
static void take_repetition(struct cursor *c, struct auth_line *out)
{
	struct cursor at = *c;
	uint32_t times;

	if (text_skip(&at, "message repeated ") && text_number(&at, REPEATED_MAX, &times) &&
	    times && text_skip(&at, " times: [ ") && text_cut(&at, "]")) {
		out->record.times = (uint16_t)times;
		*c = at;
	}
}

enum auth_said auth_message_parse(struct cursor program, struct cursor message,
				  struct auth_line *out)
{
	static const struct {
		const char *program;
		auth_message_fn *say;
	} programs[] = {
		{ "sshd", auth_say_sshd },	 { "sshd-session", auth_say_sshd },
		{ "sshd-auth", auth_say_sshd },	 { "dropbear", auth_say_dropbear },
		{ "login", auth_say_login },	 { "vsftpd", auth_say_vsftpd },
		{ "proftpd", auth_say_proftpd }, { "pure-ftpd", auth_say_pureftpd },
		{ "ftpd", auth_say_pam },
	};
	struct auth_line line = { .record.times = 1 };
	enum auth_said said = AUTH_SAID_NOTHING;

	take_repetition(&message, &line);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (text_is(&program, programs[i].program)) {
			said = programs[i].say(message, &line);
			break;
		}
	*out = line;
	return said;
}
