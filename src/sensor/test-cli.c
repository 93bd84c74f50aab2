/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: stable, and clear about mistakes. */
#include "sensor/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_WORDS 80
#define SAID_MAX 16384

static struct cli cli;
static char out[SAID_MAX], err[SAID_MAX];
static char words[SAID_MAX];
static char *argv[MAX_WORDS];
static char conf_path[] = "/tmp/test-cli-XXXXXX";

static int redirect(FILE *stream, FILE *to)
{
	int saved = dup(fileno(stream));

	fflush(stream);
	assert_true(saved >= 0);
	assert_true(dup2(fileno(to), fileno(stream)) >= 0);
	return saved;
}

static void restore(FILE *stream, int saved, FILE *from, char said[SAID_MAX])
{
	size_t len;

	fflush(stream);
	dup2(saved, fileno(stream));
	close(saved);
	rewind(from);
	len = fread(said, 1, SAID_MAX - 1, from);
	said[len] = '\0';
	fclose(from);
}

/* Parses a command line split at blanks; what was said goes to out and err. */
static int parse(const char *line)
{
	FILE *to_out = tmpfile(), *to_err = tmpfile();
	int argc = 0, status, saved_out, saved_err;
	char *save = NULL;

	assert_non_null(to_out);
	assert_non_null(to_err);
	snprintf(words, sizeof(words), "mimamori-sensor %s", line);
	for (char *w = strtok_r(words, " ", &save); w && argc < MAX_WORDS - 1;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	/* A program parses once: getopt(3) must forget the line before. */
	optind = 0;
	getopt(1, argv, "");
	saved_out = redirect(stdout, to_out);
	saved_err = redirect(stderr, to_err);
	status = cli_parse(&cli, argc, argv);
	restore(stderr, saved_err, to_err, err);
	restore(stdout, saved_out, to_out, out);
	return status;
}

/* A mistake of usage: status 2, the word that is wrong, where to read on, nothing on stdout. */
static void assert_usage(const char *line, const char *word)
{
	int status = parse(line);

	if (status != EXIT_USAGE || !strstr(err, word) || !strstr(err, "--help") || out[0])
		fail_msg("%s: status %d, said \"%s\", not of %s", line, status, err, word);
}

static void config_file(const char *text)
{
	FILE *f = fopen(conf_path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int make_file(void **state)
{
	int fd = mkstemp(conf_path);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(conf_path);
}

static void test_help(void **state)
{
	static const char *const lines[] = { "--help", "run --help", "replay --help",
					     "check --help" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i]), 0);
		assert_int_equal(cli.command, CLI_SHOWN);
		assert_string_equal(err, "");
		for (size_t j = 0; j < 3; j++)
			assert_non_null(
				strstr(out, (const char *[]){ "run", "replay", "check" }[j]));
	}
}

static void test_version(void **state)
{
	(void)state;
	assert_int_equal(parse("--version"), 0);
	assert_int_equal(cli.command, CLI_SHOWN);
	assert_string_equal(out, "mimamori-sensor " MIMAMORI_VERSION "\n");
	assert_string_equal(err, "");
}

static void test_run(void **state)
{
	char line[512];

	(void)state;
	config_file("[scan]\nfailures = 6\n");
	snprintf(line, sizeof(line),
		 "run --config %s --source packet --interface eth0 --interface wlan0 "
		 "--scope gateway --foreground",
		 conf_path);
	assert_int_equal(parse(line), 0);
	assert_string_equal(err, "");
	assert_string_equal(out, "");
	assert_int_equal(cli.command, CLI_RUN);
	assert_true(cli.foreground);
	assert_string_equal(cli.config_path, conf_path);
	assert_int_equal(cli.config.failures, 6);
	assert_int_equal(cli.config.scope, CONFIG_SCOPE_GATEWAY);
	assert_string_equal(cli.config.source, "packet");
	assert_int_equal(cli.config.interfaces.count, 2);
	assert_string_equal(cli.config.interfaces.name[0], "eth0");
	assert_string_equal(cli.config.interfaces.name[1], "wlan0");
}

/* Style rule 11: flags override the file. */
static void test_flags_override(void **state)
{
	char line[512];

	(void)state;
	config_file("[sensor]\nscope = gateway\nsource = packet\ninterfaces = eth7 eth8\n");
	snprintf(line, sizeof(line), "run --config %s", conf_path);
	assert_int_equal(parse(line), 0);
	assert_int_equal(cli.config.scope, CONFIG_SCOPE_GATEWAY);
	assert_string_equal(cli.config.source, "packet");
	assert_int_equal(cli.config.interfaces.count, 2);
	assert_false(cli.foreground);
	/* Wherever the file is named. */
	snprintf(line, sizeof(line), "run --scope host --source auto --interface eth0 --config=%s",
		 conf_path);
	assert_int_equal(parse(line), 0);
	assert_int_equal(cli.config.scope, CONFIG_SCOPE_HOST);
	assert_string_equal(cli.config.source, "auto");
	assert_int_equal(cli.config.interfaces.count, 1);
	assert_string_equal(cli.config.interfaces.name[0], "eth0");
}

static void test_replay(void **state)
{
	(void)state;
	assert_int_equal(parse("replay --home 192.0.2.0/24 --quiet a.pcap --home 2001:db8::7 b c"),
			 0);
	assert_int_equal(cli.command, CLI_REPLAY);
	assert_true(cli.quiet);
	assert_int_equal(cli.home.count, 2);
	assert_int_equal(cli.home.prefix[0].len, ADDR_V4_OFFSET + 24);
	assert_int_equal(cli.home.prefix[1].len, 128);
	assert_int_equal(cli.n_files, 3);
	assert_string_equal(cli.files[0], "a.pcap");
	assert_string_equal(cli.files[1], "b");
	assert_string_equal(cli.files[2], "c");
	assert_int_equal(cli.config.failures, 4);
	assert_int_equal(parse("replay -"), 0);
	assert_false(cli.quiet);
	assert_int_equal(cli.home.count, 0);
	assert_string_equal(cli.files[0], "-");
	/* A file may have any name. */
	assert_int_equal(parse("replay -- --quiet"), 0);
	assert_false(cli.quiet);
	assert_int_equal(cli.n_files, 1);
	assert_string_equal(cli.files[0], "--quiet");
}

static void test_check(void **state)
{
	char line[512];

	(void)state;
	config_file("# nothing\n");
	snprintf(line, sizeof(line), "check --config %s", conf_path);
	assert_int_equal(parse(line), 0);
	assert_int_equal(cli.command, CLI_CHECK);
	assert_string_equal(err, "");
}

static void test_usage_mistakes(void **state)
{
	(void)state;
	assert_usage("", "command");
	assert_usage("ran", "ran");
	assert_usage("--verbose", "--verbose");
	assert_usage("run --no-such", "--no-such");
	assert_usage("run -x", "-x");
	assert_usage("run --home 192.0.2.0/24", "--home");
	assert_usage("run --config", "--config");
	assert_usage("run eth0", "eth0");
	assert_usage("check x", "x");
	assert_usage("check --foreground", "--foreground");
	assert_usage("replay", "capture");
	assert_usage("replay --quiet", "capture");
	assert_usage("replay --scope host a.pcap", "--scope");
	assert_usage("replay --quiet=yes a.pcap", "--quiet");
}

static void test_home_mistakes(void **state)
{
	char line[2048] = "replay";

	(void)state;
	assert_usage("replay --home 192.0.2.1/24 a", "192.0.2.1/24");
	assert_usage("replay --home 192.0.2.0/33 a", "192.0.2.0/33");
	assert_usage("replay --home example.org a", "example.org");
	assert_usage("replay --home 2001:db8::1/64 a", "2001:db8::1/64");
	for (int i = 0; i < CONF_MAX_PREFIXES; i++)
		strcat(line, " --home 192.0.2.0/24");
	strcat(line, " a");
	assert_int_equal(parse(line), 0);
	assert_int_equal(cli.home.count, CONF_MAX_PREFIXES);
	strcat(line, " --home 198.51.100.0/24");
	assert_usage(line, "198.51.100.0/24");
}

/* What is wrong with a value, and where, in one sentence; status 1. */
static void assert_config_error(const char *line, const char *word)
{
	int status = parse(line);

	if (status != EXIT_FAILURE || !strstr(err, word) || out[0])
		fail_msg("%s: status %d, said \"%s\", not of %s", line, status, err, word);
	assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
}

static void test_config_mistakes(void **state)
{
	char line[2048], long_list[1024] = "run";

	(void)state;
	assert_config_error("run --scope everything", "--scope");
	assert_config_error("run --interface a_name_beyond_15_bytes", "a_name_beyond_15_bytes");
	assert_config_error("check --config /nonexistent/mimamori.conf",
			    "/nonexistent/mimamori.conf");
	config_file("[scan]\n\ntreshold = 4\n");
	snprintf(line, sizeof(line), "check --config %s", conf_path);
	assert_config_error(line, "treshold");
	assert_non_null(strstr(err, ":3:"));
	config_file("[scan]\nfailurs = 4\n");
	assert_config_error(line, "\"failures\"");
	config_file("[output]\nevent_file = events.json\n");
	assert_config_error(line, "event_file");
	for (int i = 0; i <= CONF_MAX_NAMES; i++)
		strcat(long_list, " --interface eth0");
	assert_usage(long_list, "--interface");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_flags_override),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_usage_mistakes),
		cmocka_unit_test(test_home_mistakes),
		cmocka_unit_test(test_config_mistakes),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
