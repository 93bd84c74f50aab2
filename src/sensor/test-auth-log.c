/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logs followed through a real helper: rotated, cut short, torn, gone and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/clock.h"
#include "sensor/auth-log.h"
#include "sensor/guess.h"
#include "sensor/helper-fixture.h"
#include "sensor/source.h"

#include <errno.h>
#include <poll.h>
#include <utmp.h>

static const struct source_ops *const no_sources[] = { NULL };

static struct fixture fixture;
static struct auth_logs logs;
static struct test_clock {
	struct clock clock;
	unsigned int told, failures;
	struct auth_record last;
} test;

static void on_login(const struct auth_record *r, void *arg)
{
	(void)arg;
	test.told++;
	if (r->result == AUTH_FAILED)
		test.failures += r->times;
	test.last = *r;
}

static void append(const char *name, const void *bytes, size_t len)
{
	int fd = open(fixture_path(&fixture, name), O_WRONLY | O_CREAT | O_APPEND, 0640);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void append_text(const char *name, const char *text)
{
	append(name, text, strlen(text));
}

/* A failure of 192.0.2.N: nobody is told of twice, so each counts. */
static void fail_login(const char *name, unsigned int n)
{
	char line[160];

	snprintf(
		line, sizeof(line),
		"Nov 22 06:52:46 localhost sshd[1]: Failed password for root from 192.0.2.%u port 5 ssh2\n",
		n);
	append_text(name, line);
}

/* Reads until nothing is left to read, as the event loop would. */
static void settle(void)
{
	struct pollfd p[AUTH_FILES_MAX];

	for (unsigned int i = 0; i < AUTH_FILES_MAX; i++)
		p[i] = (struct pollfd){ .fd = auth_logs_fd(&logs, i), .events = POLLIN };
	while (poll(p, AUTH_FILES_MAX, 0) > 0)
		for (unsigned int i = 0; i < AUTH_FILES_MAX; i++)
			if (p[i].revents)
				auth_logs_read(&logs, i);
}

static unsigned int failures(void)
{
	settle();
	return test.failures;
}

static void add_file(const char *name, uint8_t kind)
{
	struct auth_files *files = &fixture.config.auth_files;
	struct auth_file *f = &files->file[files->count++];

	f->kind = kind;
	strcpy(f->path, fixture_path(&fixture, name));
}

/* The helper: with the stand-in for sources, or the real one, which gives up capabilities. */
static void follow_through(const struct source_ops *const *sources)
{
	fixture_serve(&fixture, sources);
	auth_logs_init(&logs, &fixture.config.auth_files, &fixture.client, &test.clock, on_login,
		       NULL);
}

static void follow(void)
{
	follow_through(no_sources);
}

static int setup(void **state)
{
	(void)state;
	alarm(50);
	memset(&test, 0, sizeof(test));
	clock_init_live(&test.clock);
	fixture_open(&fixture);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	auth_logs_done(&logs);
	fixture_close(&fixture);
	return 0;
}

static void test_follow(void **state)
{
	(void)state;
	fail_login("auth.log", 1); /* of before: not counted */
	add_file("auth.log", AUTH_TEXT);
	follow();
	assert_int_equal(failures(), 0);
	fail_login("auth.log", 2);
	assert_int_equal(failures(), 1);
	assert_in_range(test.last.t_ns, test.clock.now_ns, test.clock.read_ns);
	assert_int_equal(test.last.service, GUESS_SSH);
	append_text("auth.log", "Nov 22 06:52:46 localhost sshd[1]: Failed pass");
	assert_int_equal(failures(), 1);
	append_text("auth.log", "word for root from 192.0.2.3 port 5 ss");
	assert_int_equal(failures(), 1);
	append_text("auth.log", "h2\nNov 22 06:52:46 localhost ");
	assert_int_equal(failures(), 2);
	append_text("auth.log", "sshd[1]: Accepted password for root from 192.0.2.3 port 5 ssh2\n");
	settle();
	assert_int_equal(test.told, 3);
	assert_int_equal(test.last.result, AUTH_SUCCEEDED);
	assert_int_equal(logs.stats.failures, 2);
	assert_int_equal(logs.stats.successes, 1);
}

/* logrotate's default: rename, create; the logger writes to the old file until it is told. */
static void test_rename(void **state)
{
	char log[100], other[128];

	(void)state;
	strcpy(log, fixture_path(&fixture, "auth.log"));
	fail_login("auth.log", 1);
	add_file("auth.log", AUTH_TEXT);
	follow();
	for (unsigned int round = 0; round < 5; round++) {
		snprintf(other, sizeof(other), "%s.%u", log, round);
		fail_login("auth.log", 10 + round);
		assert_return_code(rename(log, other), errno);
		append_text("auth.log", "");
		settle();
		assert_int_equal(test.failures, 3 * round + 1);
		snprintf(other, sizeof(other), "auth.log.%u", round);
		fail_login(other, 20 + round);
		assert_int_equal(failures(), 3 * round + 2);
		fail_login("auth.log", 30 + round);
		assert_int_equal(failures(), 3 * round + 3);
		fail_login(other, 40 + round); /* by then it is done with */
		assert_int_equal(failures(), 3 * round + 3);
	}
	assert_int_equal(logs.stats.rotated, 5);
}

static void test_copytruncate(void **state)
{
	(void)state;
	fail_login("auth.log", 1);
	add_file("auth.log", AUTH_TEXT);
	follow();
	fail_login("auth.log", 2);
	append_text("auth.log", "torn");
	assert_int_equal(failures(), 1);
	assert_return_code(truncate(fixture_path(&fixture, "auth.log"), 0), errno);
	assert_int_equal(failures(), 1);
	fail_login("auth.log", 3);
	assert_int_equal(failures(), 2);
	assert_int_equal(logs.stats.rotated, 1);
}

static void test_gone_and_back(void **state)
{
	char log[100], away[128];

	(void)state;
	strcpy(log, fixture_path(&fixture, "auth.log"));
	add_file("auth.log", AUTH_TEXT); /* not there yet */
	follow();
	assert_int_equal(failures(), 0);
	fail_login("auth.log", 1);
	assert_int_equal(failures(), 1);
	assert_return_code(unlink(log), errno);
	assert_int_equal(failures(), 1);
	fail_login("auth.log", 2);
	assert_int_equal(failures(), 2);
	/* Away and back as it was: nothing of it is new. */
	snprintf(away, sizeof(away), "%s.away", log);
	assert_return_code(rename(log, away), errno);
	assert_int_equal(failures(), 2);
	assert_return_code(rename(away, log), errno);
	assert_int_equal(failures(), 2);
	fail_login("auth.log", 3);
	assert_int_equal(failures(), 3);
}

/* An old log of some length that takes the name is not told again. */
static void test_old_file(void **state)
{
	(void)state;
	fail_login("auth.log", 1);
	add_file("auth.log", AUTH_TEXT);
	follow();
	for (unsigned int i = 0; i < 1000; i++)
		fail_login("old", 1 + i % 250);
	assert_return_code(
		rename(fixture_path(&fixture, "old"), fixture_path(&fixture, "auth.log")), errno);
	assert_int_equal(failures(), 0);
	fail_login("auth.log", 9);
	assert_int_equal(failures(), 1);
}

static void test_links(void **state)
{
	char log[100];

	(void)state;
	strcpy(log, fixture_path(&fixture, "auth.log"));
	fail_login("other", 1);
	assert_return_code(symlink("other", log), errno);
	add_file("auth.log", AUTH_TEXT);
	follow();
	assert_int_equal(fixture_logged(&fixture, "is a symbolic link"), 1);
	fail_login("other", 1);
	assert_int_equal(failures(), 0);
	assert_return_code(unlink(log), errno);
	assert_return_code(mkfifo(log, 0600), errno);
	assert_int_equal(failures(), 0);
	assert_return_code(unlink(log), errno);
	fail_login("auth.log", 1);
	assert_int_equal(failures(), 1);
}

/* Lines as long as anybody likes, and bytes that are no text. */
static void test_overlong(void **state)
{
	static char junk[300000];

	(void)state;
	fail_login("auth.log", 1);
	add_file("auth.log", AUTH_TEXT);
	follow();
	memset(junk, 'x', sizeof(junk));
	append("auth.log", junk, sizeof(junk));
	assert_int_equal(failures(), 0);
	append_text("auth.log", "Nov 22 06:52:46 localhost sshd[1]: Failed password for root from "
				"192.0.2.9 port 5 ssh2\n");
	fail_login("auth.log", 2);
	assert_int_equal(failures(), 1);
	assert_int_equal(logs.stats.overlong, 1);
	memset(junk, 0, sizeof(junk));
	append("auth.log", junk, 5000);
	append_text("auth.log", "\n\n\n");
	fail_login("auth.log", 3);
	assert_int_equal(failures(), 2);
	assert_int_equal(logs.stats.overlong, 2);
}

/* More at once than is read at once: what is left out is counted, what comes later is told. */
static void test_too_much(void **state)
{
	static char junk[64 * 1024];

	(void)state;
	fail_login("auth.log", 1);
	add_file("auth.log", AUTH_TEXT);
	follow();
	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = i % 64 == 63 ? '\n' : 'x';
	for (int i = 0; i < 40; i++)
		append("auth.log", junk, sizeof(junk));
	assert_int_equal(failures(), 0);
	assert_in_range(logs.stats.skipped, sizeof(junk), 40 * sizeof(junk));
	fail_login("auth.log", 2);
	assert_int_equal(failures(), 1);
}

static void test_btmp(void **state)
{
	struct utmp u = { .ut_type = LOGIN_PROCESS, .ut_line = "pts/0", .ut_user = "root" };

	(void)state;
	memcpy(&u.ut_addr_v6[0], (uint8_t[4]){ 192, 0, 2, 7 }, 4);
	append("btmp", &u, sizeof(u));
	add_file("btmp", AUTH_BTMP);
	follow();
	append("btmp", &u, sizeof(u));
	assert_int_equal(failures(), 1);
	assert_int_equal(test.last.service, GUESS_TELNET);
	append("btmp", &u, 100);
	assert_int_equal(failures(), 1);
	append("btmp", (char *)&u + 100, sizeof(u) - 100);
	assert_int_equal(failures(), 2);
}

/* A wrong password at login, as PAM, login and btmp tell it, twice with a second log. */
static void test_once(void **state)
{
	static const char *const lines[] = {
		"Nov 22 06:53:37 localhost login[199]: pam_unix(login:auth): authentication failure; "
		"logname= uid=0 euid=0 tty=/dev/pts/0 ruser= rhost=192.0.2.7  user=anna\n",
		"Nov 22 06:53:40 localhost login[199]: FAILED LOGIN (1) on '/dev/pts/0' from "
		"'192.0.2.7' FOR 'anna', Authentication failure\n",
	};
	struct utmp u = { .ut_type = USER_PROCESS, .ut_line = "pts/0" };

	(void)state;
	memcpy(&u.ut_addr_v6[0], (uint8_t[4]){ 192, 0, 2, 7 }, 4);
	append_text("auth.log", "");
	append_text("messages", "");
	append_text("btmp", "");
	add_file("auth.log", AUTH_TEXT);
	add_file("messages", AUTH_TEXT);
	add_file("btmp", AUTH_BTMP);
	follow();
	for (unsigned int n = 1; n <= 3; n++) {
		append_text("messages", lines[0]);
		append_text("auth.log", lines[0]);
		assert_int_equal(failures(), n);
		append_text("auth.log", lines[1]);
		append("btmp", &u, sizeof(u));
		append_text("messages", lines[1]);
		assert_int_equal(failures(), n);
	}
	assert_int_equal(logs.stats.repeated, 12);
}

static void test_other_hosts(void **state)
{
	char line[256];

	(void)state;
	append_text("auth.log", "");
	add_file("auth.log", AUTH_TEXT);
	follow();
	append_text("auth.log", "Nov 22 06:52:46 not-this-host sshd[1]: Failed password for root "
				"from 192.0.2.5 port 5 ssh2\n");
	assert_int_equal(failures(), 0);
	assert_int_equal(logs.stats.foreign, 1);
	snprintf(line, sizeof(line),
		 "Nov 22 06:52:46 %s.example.org sshd[1]: Failed password for root from 192.0.2.5 "
		 "port 5 ssh2\n",
		 logs.host);
	append_text("auth.log", line);
	assert_int_equal(failures(), 1);
}

/* An engine in wrong hands asks for what is not configured. */
static void test_forged(void **state)
{
	char error[HELPER_ERROR_LEN];

	(void)state;
	append_text("auth.log", "");
	add_file("auth.log", AUTH_TEXT);
	follow();
	assert_int_equal(helper_call(&fixture.client, HELPER_OPEN_LOG, 1, NULL, 0, error), -EPROTO);
	assert_int_equal(helper_call(&fixture.client, HELPER_WATCH_LOG, UINT32_MAX, NULL, 0, error),
			 -EPROTO);
	assert_int_equal(helper_call(&fixture.client, HELPER_OPEN_LOG, 0, "/etc/shadow", 12, error),
			 -EPROTO);
	/* Asked again and again it opens no more than before. */
	for (int i = 0; i < 3000; i++) {
		int fd = helper_call(&fixture.client, i % 2 ? HELPER_OPEN_LOG : HELPER_WATCH_LOG, 0,
				     NULL, 0, error);

		assert_true(fd >= 0);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		close(fd);
	}
}

/* Whoever keeps what he was given gets one inotify instance a log; a user has 128 of them. */
static void test_one_instance(void **state)
{
	char error[HELPER_ERROR_LEN];
	int fd[200];

	(void)state;
	append_text("auth.log", "");
	add_file("auth.log", AUTH_TEXT);
	follow();
	for (size_t i = 0; i < sizeof(fd) / sizeof(fd[0]); i++) {
		fd[i] = helper_call(&fixture.client, HELPER_WATCH_LOG, 0, NULL, 0, error);
		assert_true(fd[i] >= 0);
	}
	/* They are one: what is to be read at the last is to be read at the first. */
	append_text("another", "");
	FIXTURE_AWAIT(poll(&(struct pollfd){ .fd = fd[199], .events = POLLIN }, 1, 0) == 1);
	assert_int_equal(poll(&(struct pollfd){ .fd = fd[0], .events = POLLIN }, 1, 0), 1);
	for (size_t i = 0; i < sizeof(fd) / sizeof(fd[0]); i++)
		close(fd[i]);
}

/* A syslog user's log that its group may read, and one that only he may. */
static void test_groups(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		fprintf(stderr, "needs root, to make files of other users\n");
		skip();
	}
	fail_login("auth.log", 1);
	fail_login("private.log", 1);
	assert_return_code(chown(fixture_path(&fixture, "auth.log"), 65533, 65532), errno);
	assert_return_code(chown(fixture_path(&fixture, "private.log"), 65533, 65532), errno);
	assert_return_code(chmod(fixture_path(&fixture, "private.log"), 0600), errno);
	add_file("auth.log", AUTH_TEXT);
	add_file("private.log", AUTH_TEXT);
	follow_through(NULL);
	fail_login("auth.log", 2);
	fail_login("private.log", 3);
	assert_int_equal(failures(), 1);
	assert_int_equal(fixture_logged(&fixture, "private.log: Permission denied"), 1);
}

/* What was half written when reading began may end in a peer's text that looks like a line. */
static void test_begun_within_a_line(void **state)
{
	(void)state;
	append_text("auth.log", "Nov 22 06:52:45 localhost sshd[1]: Invalid user ");
	add_file("auth.log", AUTH_TEXT);
	follow();
	fail_login("auth.log", 1);
	assert_int_equal(failures(), 0);
	fail_login("auth.log", 2);
	assert_int_equal(failures(), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_begun_within_a_line),
		TEST(test_rename),
		TEST(test_copytruncate),
		TEST(test_follow),
		TEST(test_rename),
		TEST(test_copytruncate),
		TEST(test_gone_and_back),
		TEST(test_old_file),
		TEST(test_links),
		TEST(test_overlong),
		TEST(test_too_much),
		TEST(test_btmp),
		TEST(test_once),
		TEST(test_other_hosts),
		TEST(test_forged),
		TEST(test_one_instance),
		TEST(test_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
