/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/config.h"

#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_MAX 65536

static struct sensor_config config;
static char error[CONF_ERROR_LEN];

static char directory[] = "/tmp/test-config-XXXXXX";

/* A file of the source tree, as a string. NULL when the tree is not there. */
static const char *source_text(const char *name)
{
	static char text[TEXT_MAX];
	const char *root = getenv("MIMAMORI_SOURCE_ROOT");
	char path[512];
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root ? root : ".", name);
	f = fopen(path, "re");
	if (!f) {
		print_message("skipped: %s is not there; set MIMAMORI_SOURCE_ROOT\n", path);
		return NULL;
	}
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	return text;
}

static void test_defaults(void **state)
{
	(void)state;
	conf_defaults(&sensor_config_table, &config);
	assert_string_equal(config.user, "mimamori");
	assert_string_equal(config.source, "auto");
	assert_int_equal(config.scope, CONFIG_SCOPE_HOST);
	assert_int_equal(config.ring_bytes, 768 * 1024);
	assert_int_equal(config.block_bytes, 128 * 1024);
	assert_int_equal(config.block_retire_ns, NS_PER_S);
	assert_int_equal(config.failures, 4);
	assert_int_equal(config.ambient_ports.count, 13);
	assert_int_equal(config.quiet_ns, 30 * NS_PER_S);
	assert_string_equal(config.event_file, "");
	assert_int_equal(config.file_max_bytes, 10 << 20);
	assert_int_equal(config.file_hourly_bytes, 1 << 20);
	assert_int_equal(config.stdout_mode, CONFIG_STDOUT_TEXT);
	assert_false(config.syslog);
	assert_int_equal(sensor_config_check(&config, error), 0);
}

static void test_packaged_file(void **state)
{
	const char *text = source_text("packaging/mimamori.conf");
	struct sensor_config defaults;

	(void)state;
	if (!text)
		skip();
	conf_defaults(&sensor_config_table, &defaults);
	conf_defaults(&sensor_config_table, &config);
	if (conf_load_text(&sensor_config_table, "mimamori.conf", text, strlen(text), &config,
			   error) < 0)
		fail_msg("%s", error);
	assert_memory_equal(&config, &defaults, sizeof(config));
}

/* What is commented out there is really the default, and every key is there. */
static void test_packaged_comments(void **state)
{
	const char *text = source_text("packaging/mimamori.conf");
	struct sensor_config defaults;
	char active[TEXT_MAX], line[256];
	size_t len = 0;

	(void)state;
	if (!text)
		skip();
	conf_defaults(&sensor_config_table, &defaults);
	memset(&config, 0, sizeof(config));
	for (size_t i = 0; i < sensor_config_table.count; i++) {
		snprintf(line, sizeof(line), "\n;%s =", sensor_config_table.keys[i].key);
		if (!strstr(text, line))
			fail_msg("packaging/mimamori.conf lacks %s",
				 sensor_config_table.keys[i].key);
	}
	for (const char *c = text; *c; c++)
		if (*c != ';' || c[-1] != '\n')
			active[len++] = *c;
	if (conf_load_text(&sensor_config_table, "mimamori.conf", active, len, &config, error) < 0)
		fail_msg("%s", error);
	assert_memory_equal(&config, &defaults, sizeof(config));
}

/* The page has each key below its section, with its default and its range. */
static void test_manual(void **state)
{
	const char *text = source_text("man/mimamori.conf.5.scd"), *at, *end;
	char wanted[256];

	(void)state;
	if (!text)
		skip();
	for (size_t i = 0; i < sensor_config_table.count; i++) {
		const struct conf_key *key = &sensor_config_table.keys[i];

		snprintf(wanted, sizeof(wanted), "\n# [%s]\n", key->section);
		at = strstr(text, wanted);
		assert_non_null(at);
		snprintf(wanted, sizeof(wanted), "\n*%s* = ", key->key);
		end = strstr(at + 1, "\n# ");
		at = strstr(at, wanted);
		if (!at || !end || at > end)
			fail_msg("mimamori.conf(5) lacks [%s] %s", key->section, key->key);
		at = strstr(at, "Default:");
		assert_non_null(at);
		snprintf(wanted, sizeof(wanted), "*%.12s", key->fallback);
		if (key->fallback[0] && (!strstr(at, wanted) || strstr(at, wanted) > at + 12))
			fail_msg("mimamori.conf(5) gives [%s] %s another default", key->section,
				 key->key);
	}
}

/* Loads a text over the defaults and checks it; the message must begin so. */
static void refused(const char *text, const char *message)
{
	conf_defaults(&sensor_config_table, &config);
	if (conf_load_text(&sensor_config_table, "t", text, strlen(text), &config, error) < 0)
		fail_msg("%s", error);
	error[0] = '\0';
	assert_int_equal(sensor_config_check(&config, error), -EINVAL);
	if (strncmp(error, message, strlen(message)) != 0)
		fail_msg("said: %s", error);
}

static void accepted(const char *text)
{
	conf_defaults(&sensor_config_table, &config);
	if (conf_load_text(&sensor_config_table, "t", text, strlen(text), &config, error) < 0 ||
	    sensor_config_check(&config, error) < 0)
		fail_msg("%s", error);
}

static void test_ring(void **state)
{
	(void)state;
	refused("[packet]\nblock = 5000\n",
		"[packet] block: 5000 bytes are no multiple of this machine's page of ");
	refused("[packet]\nring = 800k\n",
		"[packet] ring: 819200 bytes are no multiple of block, 131072");
	refused("[packet]\nring = 128k\n", "[packet] ring: it must hold at least two blocks");
	accepted("[packet]\nring = 256k\n");
}

static void test_quotas(void **state)
{
	(void)state;
	refused("[memory]\npeers_near = 16384\npeers_suspect = 16384\n",
		"[memory] peers_near, peers_suspect and peers_known are 33024 together, the most is ");
	accepted("[memory]\npeers_near = 16384\npeers_suspect = 4096\n");
}

static void test_outputs(void **state)
{
	char text[256];

	(void)state;
	refused("[sensor]\nuser =\n", "[sensor] user: it must not be empty");
	refused("[output]\nevent_file = eve.json\n",
		"[output] event_file: \"eve.json\" is no absolute path");
	refused("[output]\nevent_file = /no-such-directory/deeper/eve.json\n",
		"[output] event_file: the directory \"/no-such-directory\": No such file");
	accepted("[output]\nevent_file = /made-when-missing/eve.json\n");
	refused("[sensor]\nsource = ebpf\n", "[sensor] source: there is no source \"ebpf\"");
	refused("[sensor]\nuser = root\n", "[sensor] user: not \"root\"");
	refused("[sensor]\nhome = 192.0.2.0/24\n", "[sensor] home: it is for scope = gateway");
	refused("[output]\nsyslog = yes\nsyslog_socket = udp:host:514\n",
		"[output] syslog_socket: \"udp:host:514\" is ");
	refused("[output]\nevent_file = /etc/passwd/eve.json\n",
		"[output] event_file: \"/etc/passwd\" is no directory");
	snprintf(text, sizeof(text), "[output]\nevent_file = %s\n", directory);
	refused(text, "[output] event_file: ");
	snprintf(text, sizeof(text), "[output]\nevent_file = %s/eve.json\nfile_max = 1k\n",
		 directory);
	refused(text, "[output] file_max: ");
	snprintf(text, sizeof(text), "[output]\nevent_file = %s/eve.json\nfile_max = 0\n",
		 directory);
	accepted(text);
	refused("[output]\nsyslog = yes\nsyslog_socket = log\n",
		"[output] syslog_socket: \"log\" is ");
	accepted("[output]\nsyslog = yes\nsyslog_socket = udp:192.0.2.1:514\n");
	accepted("[output]\nsyslog = no\nsyslog_socket =\n");
}

static void test_on_finding(void **state)
{
	char text[256], path[64], said[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/tell", directory);
	snprintf(text, sizeof(text), "[output]\non_finding = %s --brief\n", path);
	refused("[output]\non_finding = tell --brief\n",
		"[output] on_finding: \"tell\" is no absolute path");
	snprintf(said, sizeof(said), "[output] on_finding: \"%s\": No such file", path);
	refused(text, said);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	snprintf(said, sizeof(said), "[output] on_finding: \"%s\" is not executable", path);
	refused(text, said);
	chmod(path, 0757);
	snprintf(said, sizeof(said), "[output] on_finding: everyone can write to \"%s\"", path);
	refused(text, said);
	chmod(path, 0755);
	/* /tmp itself is sticky, and so may lie on the way. */
	accepted(text);
	chmod(directory, 01777);
	snprintf(said, sizeof(said),
		 "[output] on_finding: everyone can write to its directory \"%s\"", directory);
	refused(text, said);
	chmod(directory, 0755);
	refused("[output]\non_finding = /usr/bin\n",
		"[output] on_finding: \"/usr/bin\" is no file");
	refused("[output]\non_finding = /bin/true\non_finding_user = root\n",
		"[output] on_finding_user: not \"root\"");
	refused("[output]\non_finding = /bin/true\non_finding_user = no-such-user\n",
		"[output] on_finding_user: there is no user \"no-such-user\"");
	accepted("[output]\non_finding = /bin/true\n");
	unlink(path);
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) && chmod(directory, 0755) == 0 ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_packaged_file),
		cmocka_unit_test(test_packaged_comments),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_quotas),
		cmocka_unit_test(test_outputs),
		cmocka_unit_test(test_on_finding),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
