/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Journals as systemd's own program writes them (systemd-journal-remote, from its export format; skipped where it is
 * not installed), of both layouts, and what becomes of files that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sensor/auth-journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITER "/lib/systemd/systemd-journal-remote"

static char dir[64];
static unsigned int told;
static char last[AUTH_JOURNAL_MESSAGE_MAX + 128];

static int setup(void **state)
{
	(void)state;
	alarm(50);
	strcpy(dir, "/tmp/mimamori-test-XXXXXX");
	told = 0;
	last[0] = '\0';
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static void on_message(struct cursor program, struct cursor message, void *arg)
{
	(void)arg;
	told++;
	snprintf(last, sizeof(last), "%.*s: %.*s", (int)cursor_left(&program), program.pos,
		 (int)cursor_left(&message), message.pos);
}

static unsigned int read_all(struct auth_journal *j, int fd)
{
	told = 0;
	while (auth_journal_read(j, fd, 7, on_message, NULL))
		;
	return told;
}

/* One entry in the export format. */
static void entry(FILE *f, unsigned int n, const char *uid, const char *program,
		  const char *message)
{
	fprintf(f,
		"__REALTIME_TIMESTAMP=%u\n_UID=%s\n_COMM=x%u\nPRIORITY=6\nSYSLOG_IDENTIFIER=%s\n"
		"MESSAGE=%s\n_BOOT_ID=0123456789abcdef0123456789abcdef\n\n",
		1700000000 + n, uid, n, program, message);
}

/* Appends entries first..last to the journal. Returns whether the writer could be run. */
static void write_entries(const char *variable, unsigned int first, unsigned int end)
{
	char path[100], command[400], text[64], large[2000];
	FILE *f;

	snprintf(path, sizeof(path), "%s/export", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	memset(large, 'y', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	for (unsigned int n = first; n < end; n++) {
		snprintf(text, sizeof(text), "message %u", n);
		entry(f, 3 * n, "0", "sshd", text);
		entry(f, 3 * n + 1, "1000", "sshd", "anybody can say so");
		entry(f, 3 * n + 2, "0", "big", large);
	}
	fclose(f);
	snprintf(command, sizeof(command), "%s=0 " WRITER " -o %s/t.journal %s 2>%s/log", variable,
		 dir, path, dir);
	if (system(command))
		fail_msg("systemd-journal-remote fails: see its words when run by hand");
}

static int open_journal(void)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/t.journal", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void check_journal(const char *variable, bool compact)
{
	struct auth_journal j, end;
	int fd;

	if (access(WRITER, X_OK)) {
		fprintf(stderr, "systemd-journal-remote is not installed\n");
		skip();
	}
	write_entries(variable, 0, 40);
	fd = open_journal();
	assert_int_equal(auth_journal_start(&j, fd, false), 0);
	assert_int_equal(j.compact, compact);
	assert_int_equal(auth_journal_start(&end, fd, true), 0);
	assert_int_equal(end.entries, 120);
	assert_int_equal(read_all(&end, fd), 0);
	assert_int_equal(read_all(&j, fd), 40);
	assert_string_equal(last, "sshd: message 39");
	assert_int_equal(j.entries, 120);
	assert_int_equal(j.next, end.next);
	/* The writer goes on in the same file. */
	write_entries(variable, 40, 41);
	assert_int_equal(read_all(&end, fd), 1);
	assert_string_equal(last, "sshd: message 40");
	assert_int_equal(read_all(&j, fd), 1);
	close(fd);
}

static void test_compact(void **state)
{
	(void)state;
	check_journal("UNUSED", true);
}

static void test_regular(void **state)
{
	(void)state;
	check_journal("SYSTEMD_JOURNAL_COMPACT", false);
}

/* Files that are no journal, not one yet, or one that is cut short. */
static void test_broken(void **state)
{
	uint8_t bytes[512] = "LPKSHHRH";
	struct auth_journal j = { 0 };
	char path[100];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/x", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(auth_journal_start(&j, fd, false), -EAGAIN);
	assert_false(auth_journal_read(&j, fd, 9, on_message, NULL));
	assert_return_code(ftruncate(fd, 4096), errno);
	assert_int_equal(auth_journal_start(&j, fd, false),
			 -EAGAIN); /* journald makes it so first */
	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(auth_journal_start(&j, fd, false), -EAGAIN); /* no length of the header */
	bytes[88] = 208;
	bytes[12] = 32; /* a flag of the future */
	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(auth_journal_start(&j, fd, false), -EINVAL);
	bytes[12] = 0;
	bytes[137] = 100; /* the last object is at 25,600, beyond the end */
	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(auth_journal_start(&j, fd, true), -EINVAL);
	assert_int_equal(auth_journal_start(&j, fd, false), 0);
	assert_int_equal(read_all(&j, fd), 0);
	bytes[0] = 'X';
	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(auth_journal_start(&j, fd, false), -EINVAL);
	close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = { TEST(test_compact), TEST(test_regular),
					    TEST(test_broken) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
