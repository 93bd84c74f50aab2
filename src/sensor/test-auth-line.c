/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines as real programs wrote them (OpenSSH 9.2, dropbear 2022.83, vsftpd 3.0.3, busybox 1.35
 * and shadow's login, through rsyslog 8.2302), and what attackers would like them to say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sensor/auth-line.h"
#include "sensor/guess.h"

#include <stdio.h>
#include <string.h>
#include <utmp.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static enum auth_said said(const char *text, struct auth_line *line)
{
	return auth_line_parse(text, strlen(text), line);
}

static void check_peer(const struct auth_line *line, const char *peer)
{
	char text[ADDR_STRLEN];

	assert_string_equal(addr_format(line->record.peer, text), peer);
}

/* A line that tells one login of peer. */
struct login {
	const char *text;
	enum guess_service service;
	enum auth_result result;
	const char *peer;
	uint16_t port;
};

static void tells(const struct login *login)
{
	struct auth_line line;

	if (said(login->text, &line) != AUTH_SAID)
		fail_msg("tells nothing: %s", login->text);
	check_peer(&line, login->peer);
	assert_int_equal(line.record.service, login->service);
	assert_int_equal(line.record.result, login->result);
	assert_int_equal(line.record.peer_port, login->port);
}

static void is_said(const char *text, enum auth_said expected)
{
	struct auth_line line;

	if (said(text, &line) != expected)
		fail_msg("not %d: %s", expected, text);
}

static void test_sshd(void **state)
{
	static const struct login logins[] = {
		{ "Nov 22 06:52:46 vm sshd[126]: Failed password for anna from 10.9.9.1 port 47550 ssh2",
		  GUESS_SSH, AUTH_FAILED, "10.9.9.1", 47550 },
		{ "Nov 22 06:52:50 vm sshd[130]: Failed password for invalid user nobody9 from 10.9.9.1 port 50332 ssh2",
		  GUESS_SSH, AUTH_FAILED, "10.9.9.1", 50332 },
		{ "Nov 22 06:52:50 vm sshd-session[130]: Failed password for anna from fe80::2%eth0 port 50332 ssh2",
		  GUESS_SSH, AUTH_FAILED, "fe80::2", 50332 },
		{ "Nov 22 06:56:46 vm sshd[132]: error: PAM: Authentication failure for illegal user nobody9 from 10.9.9.1",
		  GUESS_SSH, AUTH_FAILED, "10.9.9.1", 0 },
		{ "Nov 22 06:56:46 vm sshd[132]: Failed keyboard-interactive/pam for invalid user nobody9 from 10.9.9.1 port 35234 ssh2",
		  GUESS_SSH, AUTH_FAILED, "10.9.9.1", 35234 },
		{ "Nov 22 06:53:03 vm sshd[150]: error: PAM: Authentication failure for anna from 2001:db8:9::1",
		  GUESS_SSH, AUTH_FAILED, "2001:db8:9::1", 0 },
		{ "Nov 22 06:53:00 vm sshd[140]: Accepted password for anna from 10.9.9.1 port 53108 ssh2",
		  GUESS_SSH, AUTH_SUCCEEDED, "10.9.9.1", 53108 },
		{ "Nov 22 06:53:05 vm sshd[157]: Accepted keyboard-interactive/pam for anna from ::ffff:10.9.9.1 port 53118 ssh2",
		  GUESS_SSH, AUTH_SUCCEEDED, "10.9.9.1", 53118 },
	};
	struct auth_line line;

	(void)state;
	for (size_t i = 0; i < LEN(logins); i++)
		tells(&logins[i]);
	assert_int_equal(
		said("Nov  2 06:53:05 vm sshd[157]: Accepted publickey for anna from 10.9.9.1 port 53118 "
		     "ssh2: ED25519 SHA256:uNiVztksCsDhcc0u9e8BrqO7cmIuMYkN2dYgUbGGdz8",
		     &line),
		AUTH_SAID);
	assert_true(line.record.by_key);
	assert_int_equal(line.record.times, 1);
	assert_int_equal(line.voice, AUTH_VOICE_PROGRAM);
}

/* What is no guess, or told by another line as well. */
static void test_sshd_silent(void **state)
{
	static const char *const lines[] = {
		"Nov 22 06:52:44 vm sshd[77]: Server listening on 0.0.0.0 port 22.",
		"Nov 22 06:52:44 vm sshd[126]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.9.9.1  user=anna",
		"Nov 22 06:52:47 vm sshd[126]: Connection closed by authenticating user anna 10.9.9.1 port 47550 [preauth]",
		"Nov 22 06:52:48 vm sshd[130]: Invalid user nobody9 from 10.9.9.1 port 50332",
		"Nov 22 06:52:48 vm sshd[130]: pam_unix(sshd:auth): check pass; user unknown",
		"Nov 22 06:53:00 vm sshd[134]: PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.9.9.1  user=anna",
		"Nov 22 06:53:00 vm sshd[147]: Received disconnect from 10.9.9.1 port 53108:11: disconnected by user",
		"Nov 22 06:53:00 vm sshd[147]: error: maximum authentication attempts exceeded for root from 10.9.9.1 port 53108 ssh2 [preauth]",
		"Nov 22 06:53:00 vm sshd[147]: Failed publickey for root from 10.9.9.1 port 53108 ssh2: ED25519 SHA256:uNiVztksCsDhcc0u9e8BrqO7cmIuMYkN2dYgUbGGdz8",
		"Nov 22 06:53:00 vm sshd[147]: Failed none for invalid user x from 10.9.9.1 port 53108 ssh2",
		"Nov 22 06:53:00 vm sudo[1]: pam_unix(sudo:auth): authentication failure; logname=anna uid=1000 euid=0 tty=/dev/pts/0 ruser=anna rhost=  user=anna",
		"Nov 22 06:53:00 vm sshd[1]: Failed password for anna from 127.0.0.1 port 47550 ssh2",
		"Nov 22 06:53:00 vm notsshd[1]: Failed password for anna from 10.9.9.1 port 47550 ssh2",
		"sshd[1]: Failed password for anna from 10.9.9.1 port 47550 ssh2",
		"",
		" ",
		"<",
		"<38>",
		"<38>1 ",
		"Nov 22 06:53:00",
		"Nov 22 06:53:00 ",
	};

	(void)state;
	for (size_t i = 0; i < LEN(lines); i++)
		is_said(lines[i], AUTH_SAID_NOTHING);
	is_said("Nov 22 06:53:00 vm sshd[1]: Failed password for anna from evil.example.org port 4 ssh2",
		AUTH_SAID_NAME);
}

/* The forms of a head, around one message. */
static void test_heads(void **state)
{
	static const struct {
		const char *head, *host;
	} heads[] = {
		{ "Nov 22 06:52:46 vm sshd[126]: ", "vm" },
		{ "<38>Nov 22 06:52:46 vm sshd: ", "vm" },
		{ "2026-11-22T06:56:36.672851+00:00 vm.example.org sshd[126]: ", "vm.example.org" },
		{ "2026-11-22T06:56:36Z vm sshd[126]: ", "vm" },
		{ "<38>1 2026-11-22T06:56:36.672851+00:00 vm sshd 126 - -  ", "vm" },
		{ "<38>1 2026-11-22T06:56:36.672851+00:00 - sshd 126 - [a b=\"x\\]y\"][c] ", "" },
		{ "<38>1 2026-11-22T06:56:36Z vm sshd 126 - - \xef\xbb\xbf", "vm" },
		{ "Nov 22 06:52:46 vm auth.info sshd[126]: ", "vm" },
		{ "Nov 22 06:52:46 sshd[126]: ", "" },
		{ "Sun Nov 22 06:52:46 2026 auth.info sshd[126]: ", "" },
	};
	struct auth_line line;
	char text[256];

	(void)state;
	for (size_t i = 0; i < LEN(heads); i++) {
		snprintf(text, sizeof(text), "%sFailed password for a from 10.9.9.1 port 4 ssh2",
			 heads[i].head);
		tells(&(struct login){ text, GUESS_SSH, AUTH_FAILED, "10.9.9.1", 4 });
		assert_int_equal(said(text, &line), AUTH_SAID);
		assert_int_equal(cursor_left(&line.host), strlen(heads[i].host));
		if (heads[i].host[0])
			assert_memory_equal(line.host.pos, heads[i].host, strlen(heads[i].host));
	}
}

static void test_repeated(void **state)
{
	struct auth_line line;

	(void)state;
	assert_int_equal(
		said("Nov 22 06:52:46 vm sshd[126]: message repeated 2 times: [ Failed password for anna from 10.9.9.1 port 47550 ssh2]",
		     &line),
		AUTH_SAID);
	assert_int_equal(line.record.times, 2);
	is_said("Nov 22 06:52:46 vm sshd[126]: message repeated 70000 times: [ Failed password for anna from 10.9.9.1 port 47550 ssh2]",
		AUTH_SAID_NOTHING);
	is_said("Nov 22 06:52:46 vm sshd[126]: message repeated 0 times: [ Failed password for anna from 10.9.9.1 port 47550 ssh2]",
		AUTH_SAID_NOTHING);
}

static void test_others(void **state)
{
	static const struct login logins[] = {
		{ "Nov 22 06:56:49 vm dropbear[145]: Bad password attempt for 'anna' from 2001:db8:9::1:52164",
		  GUESS_SSH, AUTH_FAILED, "2001:db8:9::1", 52164 },
		{ "Sun Nov 22 06:56:49 2026 authpriv.warn dropbear[145]: Login attempt for nonexistent user from 192.0.2.7:4242",
		  GUESS_SSH, AUTH_FAILED, "192.0.2.7", 4242 },
		{ "Nov 22 06:56:50 vm dropbear[149]: Password auth succeeded for 'anna' from 10.9.9.1:46558",
		  GUESS_SSH, AUTH_SUCCEEDED, "10.9.9.1", 46558 },
		{ "Nov 22 06:56:50 vm dropbear[149]: Pubkey auth succeeded for 'anna' with ssh-ed25519 key SHA256:abc from 10.9.9.1:46558",
		  GUESS_SSH, AUTH_SUCCEEDED, "10.9.9.1", 46558 },
		{ "Nov 22 06:53:22 vm login[196]: invalid password for 'anna' on 'pts/0' from '10.9.9.7'",
		  GUESS_TELNET, AUTH_FAILED, "10.9.9.7", 0 },
		{ "Nov 22 06:53:22 vm login[196]: root login on 'pts/0' from '10.9.9.7'",
		  GUESS_TELNET, AUTH_SUCCEEDED, "10.9.9.7", 0 },
		{ "Nov 22 06:53:40 vm login[199]: FAILED LOGIN (1) on '/dev/pts/0' from '10.9.9.7' FOR 'anna', Authentication failure",
		  GUESS_TELNET, AUTH_FAILED, "10.9.9.7", 0 },
		{ "Nov 22 06:53:40 vm login[199]: FAILED LOGIN 1 FROM 10.9.9.7 FOR anna, Authentication failure",
		  GUESS_TELNET, AUTH_FAILED, "10.9.9.7", 0 },
		{ "Nov 22 06:53:40 vm login[199]: LOGIN ON pts/0 BY anna FROM 10.9.9.7",
		  GUESS_TELNET, AUTH_SUCCEEDED, "10.9.9.7", 0 },
		{ "Nov 22 06:53:40 vm login[199]: ROOT LOGIN  on '/dev/pts/0' from '10.9.9.7'",
		  GUESS_TELNET, AUTH_SUCCEEDED, "10.9.9.7", 0 },
		{ "Nov 22 06:53:37 vm login[199]: pam_unix(login:auth): authentication failure; logname= uid=0 euid=0 tty=/dev/pts/0 ruser= rhost=10.9.9.7  user=anna",
		  GUESS_TELNET, AUTH_FAILED, "10.9.9.7", 0 },
		{ "Nov 22 06:53:09 vm vsftpd: pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=anna rhost=::ffff:10.9.9.1  user=anna",
		  GUESS_FTP, AUTH_FAILED, "10.9.9.1", 0 },
		{ "Sun Nov 22 06:53:15 2026 [pid 189] [anna] FAIL LOGIN: Client \"2001:db8:9::1\"",
		  GUESS_FTP, AUTH_FAILED, "2001:db8:9::1", 0 },
		{ "Sun Nov 22 06:53:12 2026 [pid 184] [anna] OK LOGIN: Client \"::ffff:10.9.9.1\"",
		  GUESS_FTP, AUTH_SUCCEEDED, "10.9.9.1", 0 },
		{ "Nov 22 06:53:12 vm vsftpd[12]: [anna] FAIL LOGIN: Client \"10.9.9.1\"",
		  GUESS_FTP, AUTH_FAILED, "10.9.9.1", 0 },
		{ "Nov 22 06:53:12 vm proftpd[12]: 127.0.0.1 (host.example.org[10.9.9.1]) - USER anna (Login failed): Incorrect password",
		  GUESS_FTP, AUTH_FAILED, "10.9.9.1", 0 },
		{ "Nov 22 06:53:12 vm proftpd[12]: 127.0.0.1 (10.9.9.1[10.9.9.1]) - USER bob: no such user found from 10.9.9.1 [10.9.9.1] to ::ffff:10.0.0.2:21",
		  GUESS_FTP, AUTH_FAILED, "10.9.9.1", 0 },
		{ "Nov 22 06:53:12 vm proftpd[12]: 127.0.0.1 (10.9.9.1[10.9.9.1]) - USER anna: Login successful.",
		  GUESS_FTP, AUTH_SUCCEEDED, "10.9.9.1", 0 },
		{ "Nov 22 06:53:12 vm pure-ftpd: (?@10.9.9.1) [WARNING] Authentication failed for user [anna]",
		  GUESS_FTP, AUTH_FAILED, "10.9.9.1", 0 },
		{ "Nov 22 06:53:12 vm pure-ftpd: (?@10.9.9.1) [INFO] anna is now logged in",
		  GUESS_FTP, AUTH_SUCCEEDED, "10.9.9.1", 0 },
	};
	static const char *const silent[] = {
		"Nov 22 06:56:49 vm dropbear[142]: Login attempt for nonexistent user",
		"Nov 22 06:53:28 vm login[197]: invalid password for 'UNKNOWN' on 'pts/0'",
		"Nov 22 06:53:40 vm login[199]: FAILED LOGIN (1) on '/dev/tty1' FOR 'anna', Authentication failure",
	};

	(void)state;
	for (size_t i = 0; i < LEN(logins); i++)
		tells(&logins[i]);
	for (size_t i = 0; i < LEN(silent); i++)
		is_said(silent[i], AUTH_SAID_NOTHING);
}

/* Names that attackers gave, where 9.9.9.9 is whom they would like to see accused, 10.9.9.1 they
 * themselves. */
static void test_injection(void **state)
{
	static const char *const names[] = {
		"x from 9.9.9.9 port 22 ssh2",
		"x from 9.9.9.9",
		"invalid user x from 9.9.9.9 port 1 ssh2",
		"' from '9.9.9.9'",
		"x' on 'pts/0' from '9.9.9.9",
		"x' from 9.9.9.9:22",
		"x FROM 9.9.9.9 FOR y,",
		"x' FOR 'y' from '9.9.9.9'",
		"x] FAIL LOGIN: Client \"9.9.9.9\"",
		"x\" OK LOGIN: Client \"9.9.9.9",
		"x rhost=9.9.9.9",
		"x  user=root rhost=9.9.9.9",
		"x (9.9.9.9[9.9.9.9]) - USER y: Login successful.",
		"x: Login successful.",
		"(?@9.9.9.9) [INFO] x is now logged in",
		"x: sshd[1]: Failed password for x from 9.9.9.9 port 1 ssh2",
		"message repeated 900 times: [ Failed password for x from 9.9.9.9 port 1 ssh2]",
		"x\\012Nov 22 06:52:46 vm sshd[1]: Failed password for x from 9.9.9.9 port 1 ssh2",
	};
	static const char *const forms[] = {
		"Nov 22 06:52:46 vm sshd[1]: Failed password for invalid user %s from 10.9.9.1 port 5 ssh2",
		"Nov 22 06:52:46 vm sshd[1]: Invalid user %s from 10.9.9.1 port 5",
		"Nov 22 06:52:46 vm sshd[1]: Connection closed by invalid user %s 10.9.9.1 port 5 [preauth]",
		"Nov 22 06:52:46 vm sshd[1]: error: PAM: Authentication failure for illegal user %s from 10.9.9.1",
		"Nov 22 06:52:46 vm sshd[1]: message repeated 2 times: [ Failed password for invalid user %s from 10.9.9.1 port 5 ssh2]",
		"Nov 22 06:52:46 vm dropbear[1]: Bad password attempt for '%s' from 10.9.9.1:5",
		"Nov 22 06:52:46 vm dropbear[1]: Exit before auth (user '%s', 3 fails): Max auth tries reached - user '%s' from 10.9.9.1:5",
		"Nov 22 06:52:46 vm login[1]: invalid password for '%s' on 'pts/0' from '10.9.9.1'",
		"Nov 22 06:52:46 vm login[1]: invalid password for '%s' on 'pts/0'",
		"Nov 22 06:52:46 vm login[1]: FAILED LOGIN (1) on '/dev/pts/0' from '10.9.9.1' FOR '%s', Authentication failure",
		"Nov 22 06:52:46 vm login[1]: FAILED LOGIN 1 FROM 10.9.9.1 FOR %s, Authentication failure",
		"Nov 22 06:52:46 vm login[1]: pam_unix(login:auth): authentication failure; logname= uid=0 euid=0 tty=/dev/pts/0 ruser=%s rhost=10.9.9.1  user=%s",
		"Nov 22 06:52:46 vm vsftpd[1]: pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=%s rhost=10.9.9.1",
		"Sun Nov 22 06:52:46 2026 [pid 1] [%s] FAIL LOGIN: Client \"10.9.9.1\"",
		"Sun Nov 22 06:52:46 2026 [pid 1] [ftp] OK LOGIN: Client \"10.9.9.1\", anon password \"%s\"",
		"Nov 22 06:52:46 vm vsftpd[1]: [%s] FAIL LOGIN: Client \"10.9.9.1\"",
		"Nov 22 06:52:46 vm proftpd[1]: 127.0.0.1 (10.9.9.1[10.9.9.1]) - USER %s: no such user found from 10.9.9.1 [10.9.9.1] to 10.0.0.2:21",
		"Nov 22 06:52:46 vm proftpd[1]: 127.0.0.1 (10.9.9.1[10.9.9.1]) - USER %s (Login failed): Incorrect password",
		"Nov 22 06:52:46 vm pure-ftpd: (?@10.9.9.1) [WARNING] Authentication failed for user [%s]",
		"Nov 22 06:52:46 vm su: FAILED SU (to %s) anna on pts/0",
	};
	unsigned int told = 0;
	struct auth_line line;
	char text[600];

	(void)state;
	for (size_t f = 0; f < LEN(forms); f++)
		for (size_t n = 0; n < LEN(names); n++) {
			/* Forms have one place or two. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the forms above are literals */
			snprintf(text, sizeof(text), forms[f], names[n], names[n]);
#pragma GCC diagnostic pop
			if (said(text, &line) != AUTH_SAID)
				continue;
			told++;
			check_peer(&line, "10.9.9.1");
			assert_int_equal(line.record.result, AUTH_FAILED);
			assert_in_range(line.record.times, 1, 2);
		}
	assert_true(told > 100);
}

/* A logger cuts messages, and the name has the length that puts the cut behind its forged tail.
 * sshd itself cuts a name at 100 characters, but writes four for each control. */
static void test_cut(void **state)
{
	static const char head[] = "Nov 22 06:52:46 vm sshd[1]: ";
	static const char begin[] = "Failed password for invalid user ";
	static const char forged[] = " from 9.9.9.9 port 22 ssh2";
	struct auth_line line;
	char text[800], name[401];

	(void)state;
	for (size_t len = 0; len < sizeof(name); len++) {
		memset(name, '^', len);
		name[len] = '\0';
		snprintf(text, sizeof(text), "%s%s%s%s", head, begin, name, forged);
		is_said(text, strlen(begin) + len + strlen(forged) > AUTH_FAILURE_MAX ?
				      AUTH_SAID_DOUBTFUL :
				      AUTH_SAID);
	}
	memset(text, 'x', sizeof(text));
	assert_int_equal(auth_line_parse(text, AUTH_LINE_MAX + 1, &line), AUTH_SAID_NOTHING);
}

/* Cut anywhere, no line reads beyond its end nor tells another peer. */
static void test_torn(void **state)
{
	static const char whole[] =
		"Nov 22 06:52:46 vm sshd[126]: Failed password for invalid user x from 9.9.9.9 port 22 ssh2 from 10.9.9.1 port 47550 ssh2";
	struct auth_line line;

	(void)state;
	for (size_t len = 0; len + 1 < sizeof(whole); len++) {
		enum auth_said s = auth_line_parse(whole, len, &line);

		/* The reader never gives a torn line: this one would be honest if it ended here. */
		if (len ==
		    strlen("Nov 22 06:52:46 vm sshd[126]: Failed password for invalid user x from 9.9.9.9 port 22 ssh2"))
			continue;
		assert_int_not_equal(s, AUTH_SAID);
	}
}

static void test_btmp(void **state)
{
	struct utmp u = { .ut_type = LOGIN_PROCESS };
	const uint8_t v4[4] = { 10, 9, 9, 7 };
	struct auth_line line;

	(void)state;
	memcpy(u.ut_line, "pts/0", 5);
	memset(u.ut_user, 'a', sizeof(u.ut_user));
	memcpy(&u.ut_addr_v6[0], v4, sizeof(v4));
	assert_int_equal(auth_btmp_parse(&u, sizeof(u), &line), AUTH_SAID);
	check_peer(&line, "10.9.9.7");
	assert_int_equal(line.record.service, GUESS_TELNET);
	assert_int_equal(line.voice, AUTH_VOICE_BTMP);
	u.ut_addr_v6[0] = 0;
	assert_int_equal(auth_btmp_parse(&u, sizeof(u), &line), AUTH_SAID_NOTHING); /* a console */
	memcpy(u.ut_host, "2001:db8::7", 11);
	assert_int_equal(auth_btmp_parse(&u, sizeof(u), &line), AUTH_SAID);
	check_peer(&line, "2001:db8::7");
	memset(u.ut_host, 'h', sizeof(u.ut_host));
	assert_int_equal(auth_btmp_parse(&u, sizeof(u), &line), AUTH_SAID_NAME);
	memcpy(&u.ut_addr_v6[0], (uint8_t[16]){ 0x20, 1, 0xd, 0xb8, [15] = 9 }, 16);
	memcpy(u.ut_line, "ftpd12", 6);
	assert_int_equal(auth_btmp_parse(&u, sizeof(u), &line), AUTH_SAID);
	check_peer(&line, "2001:db8::9");
	assert_int_equal(line.record.service, GUESS_FTP);
	memcpy(u.ut_line, "ssh:notty", 9);
	assert_int_equal(auth_btmp_parse(&u, sizeof(u), &line), AUTH_SAID_NOTHING);
	u.ut_type = BOOT_TIME;
	assert_int_equal(auth_btmp_parse(&u, sizeof(u), &line), AUTH_SAID_NOTHING);
	assert_int_equal(auth_btmp_parse(&u, sizeof(u) - 1, &line), AUTH_SAID_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sshd),   cmocka_unit_test(test_sshd_silent),
		cmocka_unit_test(test_heads),  cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_others), cmocka_unit_test(test_injection),
		cmocka_unit_test(test_cut),    cmocka_unit_test(test_torn),
		cmocka_unit_test(test_btmp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
