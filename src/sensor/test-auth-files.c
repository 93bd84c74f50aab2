/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What [guess] logs means on machines of several kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sensor/auth-files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID "0123456789abcdef0123456789abcdef"

static char root[64];
static struct auth_files files;
static char error[CONF_ERROR_LEN];

static int setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/mimamori-test-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

static void make(const char *path, const char *text)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "mkdir -p \"$(dirname '%s%s')\" && printf '%%s\\n' '%s' >'%s%s'", root, path, text,
		 root, path);
	assert_int_equal(system(command), 0);
}

static int find(const char *logs)
{
	return auth_files_find(logs, root, &files, error);
}

static void is_file(unsigned int i, uint8_t kind, const char *path)
{
	assert_true(i < files.count);
	assert_int_equal(files.file[i].kind, kind);
	assert_string_equal(files.file[i].path + strlen(root), path);
}

static void test_auto(void **state)
{
	(void)state;
	assert_int_equal(find("auto"), 0);
	assert_int_equal(files.count, 0);
	make("/var/log/btmp", "");
	make("/var/log/messages", "");
	assert_int_equal(find("auto"), 0);
	assert_int_equal(files.count, 2);
	is_file(0, AUTH_TEXT, "/var/log/messages");
	is_file(1, AUTH_BTMP, "/var/log/btmp");
	make("/var/log/auth.log", "");
	assert_int_equal(find("auto"), 0);
	is_file(0, AUTH_TEXT, "/var/log/auth.log");
	make("/run/log/journal/" ID "/system.journal", "");
	assert_int_equal(find("auto"), 0);
	is_file(0, AUTH_TEXT, "/var/log/auth.log"); /* whose journal it is nobody knows */
	make("/etc/machine-id", ID);
	assert_int_equal(find("auto"), 0);
	is_file(0, AUTH_JOURNAL, "/run/log/journal/" ID "/system.journal");
	make("/var/log/journal/" ID "/system.journal", "");
	assert_int_equal(find("auto"), 0);
	is_file(0, AUTH_JOURNAL, "/var/log/journal/" ID "/system.journal");
	is_file(1, AUTH_BTMP, "/var/log/btmp");
	assert_int_equal(files.count, 2);
	make("/etc/machine-id", "../../../../etc/passwd/../../../..");
	assert_int_equal(find("auto"), 0);
	is_file(0, AUTH_TEXT, "/var/log/auth.log");
}

static void test_listed(void **state)
{
	(void)state;
	assert_int_equal(find("none"), 0);
	assert_int_equal(files.count, 0);
	assert_int_equal(find("/var/log/a.log, /x/btmp.1\t/y/system.journal"), 0);
	assert_int_equal(files.count, 3);
	assert_string_equal(files.file[0].path, "/var/log/a.log");
	assert_int_equal(files.file[0].kind, AUTH_TEXT);
	assert_int_equal(files.file[1].kind, AUTH_BTMP);
	assert_int_equal(files.file[2].kind, AUTH_JOURNAL);
	make("/etc/machine-id", ID);
	make("/var/log/journal/" ID "/system.journal", "");
	assert_int_equal(find("/a journal"), 0);
	is_file(1, AUTH_JOURNAL, "/var/log/journal/" ID "/system.journal");
}

static void test_refused(void **state)
{
	static const char *const bad[][2] = {
		{ "", "empty" },
		{ " , ", "empty" },
		{ "yes", "neither" },
		{ "auth.log", "neither" },
		{ "/var/log/", "neither" },
		{ "/a none", "neither" },
		{ "journal", "no journal" },
		{ "/a /b /c /d /e", "more than 4" },
		{ "/a /a", "twice" },
	};

	(void)state;
	files.count = 77;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(find(bad[i][0]), -EINVAL);
		if (!strstr(error, bad[i][1]))
			fail_msg("\"%s\": %s", bad[i][0], error);
		assert_int_equal(files.count, 77);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = { TEST(test_auto), TEST(test_listed),
					    TEST(test_refused) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
