/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
	"Usage: mimamori-sensor run [--config FILE] [--source auto|packet|bpf] [--interface NAME]...\n"
	"                           [--scope host|gateway] [--foreground]\n"
	"       mimamori-sensor replay [--home ADDR/LEN]... [--quiet] FILE...\n"
	"       mimamori-sensor check [--config FILE]\n"
	"       mimamori-sensor --version | --help\n"
	"\n"
	"Finds scans, floods and password guessing against this device, over IPv4 and IPv6.\n"
	"\n"
	"run      watch this host; findings go where the configuration says\n"
	"  --config FILE      the configuration (default " SENSOR_CONFIG_PATH ", if there is one)\n"
	"  --source NAME      where probes are seen; auto takes the best that works\n"
	"  --interface NAME   watch this interface only; may be repeated\n"
	"  --scope SCOPE      host: this host; gateway: also the networks behind it\n"
	"  --foreground       stay attached and show findings on the terminal\n"
	"replay   read captures (pcap, pcapng; - is standard input); findings as JSON lines\n"
	"  --home ADDR/LEN    an address or network to watch over; may be repeated\n"
	"  --quiet            no summary at the end\n"
	"check    check the configuration and say what would be watched\n"
	"\n"
	"See mimamori-sensor(8), mimamori.conf(5), mimamori-events(7).\n";

enum {
	OPT_CONFIG = 256,
	OPT_SOURCE,
	OPT_INTERFACE,
	OPT_SCOPE,
	OPT_FOREGROUND,
	OPT_HOME,
	OPT_QUIET,
	OPT_HELP
};

static const struct option run_options[] = {
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "source", required_argument, NULL, OPT_SOURCE },
	{ "interface", required_argument, NULL, OPT_INTERFACE },
	{ "scope", required_argument, NULL, OPT_SCOPE },
	{ "foreground", no_argument, NULL, OPT_FOREGROUND },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static const struct option replay_options[] = {
	{ "home", required_argument, NULL, OPT_HOME },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static const struct option check_options[] = {
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

/* What the flags say, kept until the file has been read: flags override the file. */
struct flags {
	const char *source, *scope;
	const char *interfaces[CONF_MAX_NAMES];
	unsigned int n_interfaces;
};

static int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int complain(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "mimamori-sensor: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry: mimamori-sensor --help\n");
	return EXIT_USAGE;
}

static int add_home(struct cli *cli, const char *text)
{
	if (cli->home.count == CONF_MAX_PREFIXES)
		return complain("--home %s: too many of them", text);
	if (prefix_parse(text, &cli->home.prefix[cli->home.count]) < 0)
		return complain("--home %s: not an address or network, such as 192.0.2.7 or "
				"2001:db8::/64 (bits beyond the length must be zero)",
				text);
	cli->home.count++;
	return 0;
}

static int add_interface(struct flags *flags, const char *name)
{
	if (flags->n_interfaces == CONF_MAX_NAMES)
		return complain("--interface %s: too many of them", name);
	flags->interfaces[flags->n_interfaces++] = name;
	return 0;
}

static int parse_options(struct cli *cli, struct flags *flags, const struct option *options,
			 int argc, char **argv)
{
	int opt, status = 0;

	opterr = 0;
	while (status == 0 && (opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (opt) {
		case OPT_CONFIG:
			cli->config_path = optarg;
			break;
		case OPT_SOURCE:
			flags->source = optarg;
			break;
		case OPT_INTERFACE:
			status = add_interface(flags, optarg);
			break;
		case OPT_SCOPE:
			flags->scope = optarg;
			break;
		case OPT_FOREGROUND:
			cli->foreground = true;
			break;
		case OPT_HOME:
			status = add_home(cli, optarg);
			break;
		case OPT_QUIET:
			cli->quiet = true;
			break;
		case OPT_HELP:
			fputs(usage, stdout);
			cli->command = CLI_SHOWN;
			return 0;
		case ':':
			return complain("%s: a value is missing", argv[optind - 1]);
		default:
			if (optopt > 0 && optopt < OPT_CONFIG)
				return complain("-%c: no such option; options have two dashes",
						optopt);
			return complain("%s: no such option here", argv[optind - 1]);
		}
	}
	return status;
}

/* The flags over what the file said. */
static int apply_flags(struct cli *cli, const struct flags *flags, char error[CONF_ERROR_LEN])
{
	char names[CONF_MAX_NAMES * (CONF_NAME_LEN + 1)] = "";
	int err = 0;

	if (flags->source)
		err = conf_set(&sensor_config_table, "--source", "sensor", "source", flags->source,
			       &cli->config, error);
	if (!err && flags->scope)
		err = conf_set(&sensor_config_table, "--scope", "sensor", "scope", flags->scope,
			       &cli->config, error);
	for (unsigned int i = 0; i < flags->n_interfaces; i++) {
		if (strlen(flags->interfaces[i]) >= CONF_NAME_LEN) {
			snprintf(error, CONF_ERROR_LEN,
				 "--interface %.64s: a name is at most %d bytes",
				 flags->interfaces[i], CONF_NAME_LEN - 1);
			return -EINVAL;
		}
		strcat(names, flags->interfaces[i]);
		strcat(names, " ");
	}
	if (!err && flags->n_interfaces)
		err = conf_set(&sensor_config_table, "--interface", "sensor", "interfaces", names,
			       &cli->config, error);
	return err;
}

static int load_config(struct cli *cli, const struct flags *flags)
{
	char error[CONF_ERROR_LEN];
	int err = 0;

	conf_defaults(&sensor_config_table, &cli->config);
	if (cli->config_path)
		err = conf_load(&sensor_config_table, cli->config_path, &cli->config, error);
	else if (access(SENSOR_CONFIG_PATH, F_OK) == 0)
		err = conf_load(&sensor_config_table, SENSOR_CONFIG_PATH, &cli->config, error);
	if (!err)
		err = apply_flags(cli, flags, error);
	if (!err)
		err = sensor_config_check(&cli->config, error);
	if (!err)
		err = auth_files_find(cli->config.guess_logs, "", &cli->config.auth_files, error);
	if (!err)
		return 0;
	fprintf(stderr, "mimamori-sensor: %s\n", error);
	return EXIT_FAILURE;
}

int cli_parse(struct cli *cli, int argc, char **argv)
{
	static const struct {
		const char *name;
		enum cli_command command;
		const struct option *options;
	} commands[] = { { "run", CLI_RUN, run_options },
			 { "replay", CLI_REPLAY, replay_options },
			 { "check", CLI_CHECK, check_options } };
	struct flags flags = { 0 };
	int status;

	memset(cli, 0, sizeof(*cli));
	if (argc < 2)
		return complain("a command is missing: run, replay or check");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "--version")) {
		fputs(argv[1][2] == 'h' ? usage : "mimamori-sensor " MIMAMORI_VERSION "\n", stdout);
		cli->command = CLI_SHOWN;
		return 0;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		cli->command = commands[i].command;
		optind = 2;
		status = parse_options(cli, &flags, commands[i].options, argc, argv);
		if (status || cli->command == CLI_SHOWN)
			return status;
		cli->files = argv + optind;
		cli->n_files = argc - optind;
		if (cli->command != CLI_REPLAY && cli->n_files)
			return complain("%s: not expected here", cli->files[0]);
		if (cli->command == CLI_REPLAY && !cli->n_files)
			return complain(
				"replay: which capture? Name a file, or - for standard input");
		if (cli->command == CLI_REPLAY) {
			conf_defaults(&sensor_config_table, &cli->config);
			return 0;
		}
		return load_config(cli, &flags);
	}
	return complain("%s: no such command; there are run, replay and check", argv[1]);
}
