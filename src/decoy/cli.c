/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
	"Usage: mimamori-decoy [--images DIR] [--run DIR] [--user NAME] COMMAND\n"
	"\n"
	"Runs decoys: emulated devices of six architectures, for attackers to come to.\n"
	"\n"
	"list               the decoys there are\n"
	"build              build them from Debian's packages\n"
	"boot DECOY [--network]\n"
	"                   boot one and try it: its telnet login on this terminal\n"
	"snapshot DECOY     boot it, log in, and save its state, from which it wakes at once\n"
	"restore DECOY      wake it, log in, and say how long that took\n"
	"import DISK --kernel FILE [--initrd FILE] [--dtb FILE] --profile FILE [--name NAME]\n"
	"                   make a decoy of a disk image and a kernel of others\n"
	"check DECOY|all    boot it, log in, transfer files, and print a table\n"
	"\n"
	"--images DIR       where decoys are (default $MIMAMORI_DECOYS, else " CLI_IMAGES ")\n"
	"--run DIR          where what a decoy writes is kept (default $TMPDIR, else " CLI_RUN_DIR
	")\n"
	"--network          the guest may connect to what this host can: services on its loopback, its\n"
	"                   network (default: to nothing)\n"
	"--writes MB        a decoy may write so much (default 512); as much has to be free\n"
	"--user NAME        QEMU runs as this user (default: each as one of its own)\n"
	"\n"
	"See mimamori-decoy(8).\n";

enum {
	OPT_IMAGES = 256,
	OPT_RUN,
	OPT_USER,
	OPT_NETWORK,
	OPT_WRITES,
	OPT_KERNEL,
	OPT_INITRD,
	OPT_DTB,
	OPT_PROFILE,
	OPT_NAME,
	OPT_HELP,
	OPT_VERSION
};

static const struct option options[] = {
	{ "images", required_argument, NULL, OPT_IMAGES },
	{ "run", required_argument, NULL, OPT_RUN },
	{ "user", required_argument, NULL, OPT_USER },
	{ "network", no_argument, NULL, OPT_NETWORK },
	{ "writes", required_argument, NULL, OPT_WRITES },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "dtb", required_argument, NULL, OPT_DTB },
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const struct {
	const char *name, *argument; /* NULL: none */
	cli_command *run;
} commands[] = {
	{ "list", NULL, cli_list },
	{ "build", NULL, cli_build },
	{ "boot", "a decoy", cli_boot },
	{ "snapshot", "a decoy", cli_snapshot },
	{ "restore", "a decoy", cli_restore },
	{ "import", "a disk image", cli_import },
	{ "check", "a decoy, or all", cli_check },
};

int cli_fail(const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fputs("mimamori-decoy: ", stderr);
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			fprintf(stderr, "\\x%02x", (unsigned char)*c);
		else
			fputc(*c, stderr);
	}
	fputc('\n', stderr);
	return EXIT_FAILURE;
}

__attribute__((format(printf, 1, 2))) static int complain(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	cli_fail("%s", text);
	fputs("Try: mimamori-decoy --help\n", stderr);
	return CLI_USAGE;
}

static bool parse_writes(const char *text, uint64_t *bytes)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long mb = digits && digits < 7 && !text[digits] ? strtoul(text, NULL, 10) : 0;

	*bytes = (uint64_t)mb << 20;
	return mb >= CLI_WRITES_LEAST_MB && mb <= CLI_WRITES_MOST_MB;
}

/* -1: go on; else the exit status. */
static int parse_options(struct cli *cli, int argc, char **argv)
{
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (opt) {
		case OPT_IMAGES:
			cli->images = optarg;
			break;
		case OPT_RUN:
			cli->run_dir = optarg;
			break;
		case OPT_USER:
			cli->user = optarg;
			break;
		case OPT_WRITES:
			if (!parse_writes(optarg, &cli->writes_max))
				return complain("--writes %s: not a number of MB from %d to %d",
						optarg, CLI_WRITES_LEAST_MB, CLI_WRITES_MOST_MB);
			break;
		case OPT_NETWORK:
			cli->network = true;
			break;
		case OPT_KERNEL:
			cli->kernel = optarg;
			break;
		case OPT_INITRD:
			cli->initrd = optarg;
			break;
		case OPT_DTB:
			cli->dtb = optarg;
			break;
		case OPT_PROFILE:
			cli->profile = optarg;
			break;
		case OPT_NAME:
			cli->name = optarg;
			break;
		case OPT_HELP:
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		case OPT_VERSION:
			puts("mimamori-decoy " MIMAMORI_VERSION);
			return EXIT_SUCCESS;
		case ':':
			return complain("%s: a value is missing", argv[optind - 1]);
		default:
			return complain("%s: no such option", argv[optind - 1]);
		}
	}
	return -1;
}

static int run_command(struct cli *cli, int n, char **words)
{
	bool imports;

	if (n == 0)
		return complain(
			"a command is missing: list, build, boot, snapshot, restore, import or "
			"check");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(words[0], commands[i].name) != 0)
			continue;
		imports = commands[i].run == cli_import;
		if (commands[i].argument && n < 2)
			return complain("%s: which? Name %s", words[0], commands[i].argument);
		if (n > (commands[i].argument ? 2 : 1))
			return complain("%s: not expected here",
					words[commands[i].argument ? 2 : 1]);
		if (imports && (!cli->kernel || !cli->profile))
			return complain("import: needs --kernel and --profile");
		if (!imports &&
		    (cli->kernel || cli->initrd || cli->dtb || cli->profile || cli->name))
			return complain(
				"--kernel, --initrd, --dtb, --profile and --name are for import");
		if (cli->network && commands[i].run != cli_boot)
			return complain("--network is for boot");
		cli->argument = commands[i].argument ? words[1] : NULL;
		return commands[i].run(cli);
	}
	return complain(
		"%s: no such command; there are list, build, boot, snapshot, restore, import "
		"and check",
		words[0]);
}

/* What is closed would be taken by the next file that is opened. */
static int open_standard(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -1;
	return 0;
}

int cli_main(int argc, char **argv)
{
	const char *images = getenv("MIMAMORI_DECOYS"), *run = getenv("TMPDIR");
	struct cli cli = { .images = images && images[0] ? images : CLI_IMAGES,
			   .run_dir = run && run[0] ? run : CLI_RUN_DIR };
	uv_loop_t loop;
	int status;

	if (open_standard() < 0)
		return EXIT_FAILURE;
	status = parse_options(&cli, argc, argv);
	if (status >= 0)
		return status;
	if (uv_loop_init(&loop) < 0)
		return cli_fail("no event loop can be made: too many open files?");
	cli.loop = &loop;
	status = run_command(&cli, argc - optind, argv + optind);
	uv_run(&loop, UV_RUN_NOWAIT);
	uv_loop_close(&loop);
	return status;
}

int cli_load(const struct cli *cli, struct decoy *out)
{
	char error[CONF_ERROR_LEN], dir[PATH_MAX];
	struct stat st;

	if (profile_name_ok(cli->argument) &&
	    (size_t)snprintf(dir, sizeof(dir), "%s/%s", cli->images, cli->argument) < sizeof(dir) &&
	    stat(dir, &st) < 0)
		return cli_fail(
			"%s: there is no such decoy in %s; \"mimamori-decoy list\" names those "
			"there are, \"mimamori-decoy build\" builds them",
			cli->argument, cli->images);
	return decoy_load(cli->images, cli->argument, out, error) < 0 ? cli_fail("%s", error) : 0;
}

struct machine_options cli_options(const struct cli *cli, const struct decoy *decoy)
{
	return (struct machine_options){ .decoy = decoy,
					 .run_dir = cli->run_dir,
					 .user = cli->user,
					 .writes_max = cli->writes_max,
					 .tap_fd = -1,
					 .forwards = { 23, 22, 80 },
					 .ready_fd = -1 };
}

int cli_open_ready(const struct decoy *d, char *path)
{
	int fd;

	snprintf(path, PATH_MAX, "%.*s/" MACHINE_READY_FILE, PATH_MAX - 32, d->dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

int cli_names(const struct cli *cli, char names[CLI_NAMES_MAX][PROFILE_NAME_LEN])
{
	DIR *dir = opendir(cli->images);
	const struct dirent *entry;
	int n = 0;

	if (!dir)
		return -errno;
	while (n < CLI_NAMES_MAX && (entry = readdir(dir))) {
		char path[PATH_MAX];

		if (!profile_name_ok(entry->d_name) ||
		    (size_t)snprintf(path, sizeof(path), "%s/%s/profile.conf", cli->images,
				     entry->d_name) >= sizeof(path) ||
		    access(path, F_OK) < 0)
			continue;
		snprintf(names[n++], PROFILE_NAME_LEN, "%.*s", PROFILE_NAME_LEN - 1, entry->d_name);
	}
	closedir(dir);
	qsort(names, (size_t)n, PROFILE_NAME_LEN, compare_names);
	return n;
}
