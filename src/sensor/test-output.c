/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events to a file and to an executable: full disks, failing rotations, budgets. */
#define _GNU_SOURCE /* unshare */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sensor/output-fixture.h"
#include "sensor/source.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

static const struct source_ops *const no_sources[] = { NULL };

/*
 * Reads a file of such events: each line must be whole and its number above the one before.
 * Returns how many there are; *last is the number of the last.
 */
static unsigned int count_events(const char *path, unsigned int *last)
{
	FILE *f = fopen(path, "r");
	unsigned int count = 0, n;
	char line[8192];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		size_t len = strlen(line);

		assert_int_equal(sscanf(line, "{\"n\":%u,\"pad\":\"x", &n), 1);
		assert_true(len > 3 && strcmp(line + len - 3, "\"}\n") == 0);
		assert_null(strchr(line + 1, '{'));
		assert_true(n > *last);
		*last = n;
		count++;
	}
	fclose(f);
	return count;
}

static int open_events(const struct fixture *f)
{
	int fd = open(f->config.event_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	return fd;
}

/* Fills the file system of dir to its last byte. */
static void fill_disk(const char *path)
{
	static const char block[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void test_full_disk(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	char *disk = fixture_path(f, "disk"), ballast[128];
	unsigned int n, last = 0, written;

	assert_return_code(mkdir(disk, 0755), errno);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", disk, "tmpfs", 0, "size=256k")) {
		print_message("skipped: no right to mount a file system\n");
		skip();
	}
	snprintf(f->config.event_file, sizeof(f->config.event_file), "%s/eve.json", disk);
	snprintf(ballast, sizeof(ballast), "%s/ballast", disk);
	output_file_init(&t->out, open_events(f), 0, 0, NULL);
	put(t, 1, 1500);
	fill_disk(ballast);
	/* The page the file has begun still takes two and a half: the third is torn. */
	for (n = 2; n <= 100; n++)
		put(t, n, 1500);
	written = (unsigned int)t->out.stats.written;
	assert_int_equal(written, 4096 / 1500);
	assert_int_equal(t->out.stats.lost, 100 - written);
	assert_int_equal(count_events(f->config.event_file, &last), written);
	assert_int_equal(fixture_logged(f, "cannot write events: No space left"), 1);
	assert_int_equal(fixture_logged(f, "works again"), 0);

	unlink(ballast);
	for (n = 101; n <= 110; n++)
		put(t, n, 1500);
	last = 0;
	assert_int_equal(count_events(f->config.event_file, &last), written + 10);
	assert_int_equal(last, 110);
	assert_int_equal(fixture_logged(f, "works again; 98 events were lost"), 1);
	output_close(&t->out);
	umount(disk);
}

static void test_emptied_by_others(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	unsigned int last = 0;
	struct stat st;

	/* logrotate's copytruncate: no hole of zeros before the next event. */
	output_file_init(&t->out, open_events(f), 0, 0, NULL);
	put(t, 1, 500);
	assert_return_code(truncate(f->config.event_file, 0), errno);
	put(t, 2, 500);
	assert_int_equal(count_events(f->config.event_file, &last), 1);
	assert_return_code(stat(f->config.event_file, &st), errno);
	assert_int_equal(st.st_size, 500);
	output_close(&t->out);
}

static void start_file(struct test *t)
{
	struct fixture *f = &t->fixture;
	int fd;

	fixture_serve(f, no_sources);
	fd = helper_call(&f->client, HELPER_OPEN_EVENTS, 0, NULL, 0, NULL);
	assert_true(fd >= 0);
	output_file_init(&t->out, fd, f->config.file_max_bytes, 0, &f->client);
}

/* Reads FILE.keep .. FILE.1, FILE in this order; returns how many events they hold. */
static unsigned int count_all(const struct fixture *f, unsigned int *files, unsigned int *last)
{
	unsigned int i, count = 0;
	struct stat st;
	char path[320];

	*files = 0;
	*last = 0;
	for (i = f->config.file_keep + 1; i-- > 0;) {
		snprintf(path, sizeof(path), i ? "%s.%u" : "%s", f->config.event_file, i);
		if (stat(path, &st))
			continue;
		assert_true(st.st_size <= (off_t)f->config.file_max_bytes);
		count += count_events(path, last);
		++*files;
	}
	return count;
}

static void test_rotation_conserves(void **state)
{
	struct test *t = *state;
	unsigned int n, files, last, total = 45 * 101;

	t->fixture.config.file_keep = 200;
	start_file(t);
	for (n = 1; n <= total; n++)
		put(t, n, 441); /* 45 go into 20000 bytes */
	assert_int_equal(t->out.stats.written, total);
	assert_int_equal(count_all(&t->fixture, &files, &last), total);
	assert_int_equal(files, 101);
	assert_int_equal(last, total);
	output_close(&t->out);
}

static void test_rotation_keeps_the_newest(void **state)
{
	struct test *t = *state;
	unsigned int n, files, last;

	start_file(t);
	for (n = 1; n <= 1000; n++)
		put(t, n, 400); /* 50 a file: 20 files, of which 4 remain */
	assert_int_equal(count_all(&t->fixture, &files, &last), 4 * 50);
	assert_int_equal(files, 4);
	assert_int_equal(last, 1000);
	output_close(&t->out);
}

static void test_rotation_keeps_none(void **state)
{
	struct test *t = *state;
	unsigned int n, files, last;

	t->fixture.config.file_keep = 0;
	start_file(t);
	for (n = 1; n <= 110; n++)
		put(t, n, 400);
	assert_int_equal(count_all(&t->fixture, &files, &last), 10);
	assert_int_equal(files, 1);
	assert_int_equal(access(fixture_path(&t->fixture, "eve.json.1"), F_OK), -1);
	output_close(&t->out);
}

static void test_rotation_fails(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	unsigned int n, last = 0;
	char *obstacle = fixture_path(f, "eve.json.1");

	/* A directory in the way: rename(2) fails with EISDIR, whoever asks. */
	f->config.file_keep = 1;
	assert_return_code(mkdir(obstacle, 0755), errno);
	start_file(t);
	for (n = 1; n <= 200; n++)
		put(t, n, 400); /* 80000 bytes: tried at 20000, 40000 and 80000, if at all */
	assert_int_equal(t->out.stats.written, 200);
	assert_int_equal(count_events(f->config.event_file, &last), 200);
	assert_int_equal(fixture_logged(f, "cannot be rotated"), 1);
	assert_int_equal(access(fixture_path(f, "eve.json.new"), F_OK), -1);

	rmdir(obstacle);
	for (n = 201; n <= 250; n++)
		put(t, n, 400);
	assert_int_equal(fixture_logged(f, "rotation works again"), 1);
	last = 0;
	n = count_events(obstacle, &last);
	assert_int_equal(n + count_events(f->config.event_file, &last), 250);
	output_close(&t->out);
}

static void test_rotation_stuck_loses_nothing(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	unsigned int n, files, last;

	/* The oldest cannot be replaced: asking again and again must not move the others. */
	assert_return_code(mkdir(fixture_path(f, "eve.json.3"), 0755), errno);
	start_file(t);
	for (n = 1; n <= 50 * 3; n++)
		put(t, n, 400);
	for (n = 0; n < 5; n++)
		assert_int_equal(helper_call(&f->client, HELPER_ROTATE_EVENTS, 0, NULL, 0, NULL),
				 -EISDIR);
	rmdir(fixture_path(f, "eve.json.3"));
	assert_int_equal(count_all(f, &files, &last), 50 * 3);
	assert_int_equal(files, 3);
	output_close(&t->out);
}

static void test_helper_gone(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	unsigned int n, last = 0;

	start_file(t);
	kill(f->helper, SIGKILL);
	for (n = 1; n <= 100; n++)
		put(t, n, 400);
	output_reopen(&t->out);
	put(t, 101, 400);
	assert_int_equal(t->out.stats.written, 101);
	assert_int_equal(count_events(f->config.event_file, &last), 101);
	assert_int_equal(fixture_logged(f, "cannot be rotated"), 1);
	assert_int_equal(fixture_logged(f, "cannot be reopened"), 1);
	output_close(&t->out);
	fixture_wait(f);
}

static void test_reopen(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	unsigned int last = 0;
	char *old = fixture_path(f, "moved");

	start_file(t);
	put(t, 1, 400);
	assert_return_code(rename(f->config.event_file, old), errno);
	put(t, 2, 400);
	output_reopen(&t->out);
	put(t, 3, 400);
	assert_int_equal(count_events(old, &last), 2);
	assert_int_equal(count_events(f->config.event_file, &last), 1);
	output_close(&t->out);
}

static void test_hourly_budget(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	unsigned int n, last = 0;

	output_file_init(&t->out, open_events(f), 0, 10000, NULL);
	for (n = 1; n <= 20; n++)
		put(t, n, 1000);
	assert_int_equal(t->out.stats.written, 10);
	assert_int_equal(t->out.stats.over_budget, 10);
	assert_int_equal(t->out.stats.lost, 0);
	assert_int_equal(fixture_logged(f, "budget of 10000 bytes"), 1);
	/* What matters most has a tenth more: two of 500, and no third. */
	t->record.severity = 1;
	put(t, 21, 500);
	t->record.severity = 3;
	t->record.end = true;
	put(t, 22, 500);
	put(t, 23, 500);
	t->record.severity = 1;
	put(t, 24, 500);
	assert_int_equal(t->out.stats.written, 12);
	t->record.end = false;
	/* An hour later it starts anew. */
	t->record.now_ns += 59 * MINUTE_NS;
	put(t, 25, 1000);
	assert_int_equal(t->out.stats.written, 12);
	t->record.now_ns += MINUTE_NS;
	put(t, 26, 1000);
	assert_int_equal(t->out.stats.written, 13);
	assert_int_equal(fixture_logged(f, "13 events of the last were left out"), 1);
	assert_int_equal(fixture_logged(f, "budget of 10000 bytes"), 1);
	assert_int_equal(count_events(f->config.event_file, &last), 13);
	output_close(&t->out);
}

static unsigned int lines_in(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned int n = 0;
	int c;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

static void test_exec_rate(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	const char *ran = fixture_path(f, "ran");
	FILE *script = fopen(fixture_path(f, "script"), "w");
	unsigned int n;

	assert_non_null(script);
	fputs("#!/bin/sh\ncat >>$1\n", script);
	fclose(script);
	chmod(fixture_path(f, "script"), 0755);
	close(open(ran, O_CREAT | O_WRONLY, 0666));
	chmod(ran, 0666);
	strcpy(f->config.on_finding_user, "nobody");
	snprintf(f->config.on_finding, sizeof(f->config.on_finding), "%s/script %s", f->dir, ran);
	f->config.on_finding_at_once = 8;
	f->config.on_finding_timeout_ns = 20 * NS_PER_S;
	fixture_serve(f, no_sources);
	output_exec_init(&t->out, &f->client, 3);

	t->record.alert = false;
	put(t, 1, 100);
	t->record.alert = true;
	for (n = 2; n <= 10; n++)
		put(t, n, 100);
	assert_int_equal(t->out.stats.written, 3);
	assert_int_equal(t->out.stats.over_budget, 6);
	assert_int_equal(fixture_logged(f, "more than 3 findings in a minute"), 1);
	t->record.now_ns += MINUTE_NS;
	put(t, 11, 100);
	assert_int_equal(t->out.stats.written, 4);
	output_close(&t->out);
	assert_int_equal(fixture_end(f, 0), 0);
	assert_int_equal(lines_in(ran), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_full_disk),
		CASE(test_emptied_by_others),
		CASE(test_rotation_conserves),
		CASE(test_rotation_keeps_the_newest),
		CASE(test_rotation_keeps_none),
		CASE(test_rotation_fails),
		CASE(test_rotation_stuck_loses_nothing),
		CASE(test_helper_gone),
		CASE(test_reopen),
		CASE(test_hourly_budget),
		CASE(test_exec_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
