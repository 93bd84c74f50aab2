/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/run.h"

#include "core/isolate.h"
#include "core/log.h"
#include "sensor/cli.h"
#include "sensor/helper.h"
#include "sensor/source.h"
#include "sensor/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FALLBACK_USER "nobody"

/* The user that the engine becomes: the configured one, or nobody where the default is not set up. */
static int find_user(const struct sensor_config *config, uid_t *uid, gid_t *gid)
{
	struct sensor_config defaults;

	if (isolate_find_user(config->user, uid, gid) == 0)
		return 0;
	conf_defaults(&sensor_config_table, &defaults);
	if (strcmp(config->user, defaults.user) == 0 &&
	    isolate_find_user(FALLBACK_USER, uid, gid) == 0) {
		log_warning("there is no user \"%s\": the engine runs as \"%s\"; a user of its own "
			    "would keep it apart from other services",
			    config->user, FALLBACK_USER);
		return 0;
	}
	log_error("there is no user \"%s\" for the engine to become: create it, or name another in "
		  "[sensor] user",
		  config->user);
	return -ENOENT;
}

/* Detaches from the terminal: the caller's process ends with the daemon's readiness unknown, as
 * daemons do that are not run by a service manager. */
static int daemonize(void)
{
	pid_t pid = fork();
	int null_fd;

	if (pid < 0)
		return -errno;
	if (pid > 0)
		_exit(EXIT_SUCCESS);
	if (setsid() < 0 || chdir("/") < 0)
		return -errno;
	null_fd = open("/dev/null", O_RDWR);
	if (null_fd < 0)
		return -errno;
	for (int fd = 0; fd <= 2; fd++)
		dup2(null_fd, fd);
	if (null_fd > 2)
		close(null_fd);
	return 0;
}

/* The child: never returns. */
static void become_engine(const struct cli *cli, int fd, uid_t uid, gid_t gid, pid_t parent)
{
	int err = isolate_drop(uid, gid);

	if (err < 0) {
		log_error("cannot give up privileges: %s", strerror(-err));
		_exit(EXIT_FAILURE);
	}
	/* After the change of user, which clears it. The helper may have died before this line. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	exit(watch_main(&cli->config, cli->foreground, fd));
}

int run_main(const struct cli *cli)
{
	int fds[2], err, status;
	uid_t uid;
	gid_t gid;
	pid_t parent, engine;

	log_init("mimamori-sensor", LOG_TO_STDERR, LOG_LEVEL_INFO);
	if (geteuid() != 0) {
		log_error("run: needs root to open its packet socket; all privilege is given up "
			  "afterwards. Start it as root, or by its service");
		return EXIT_FAILURE;
	}
	if (find_user(&cli->config, &uid, &gid) < 0)
		return EXIT_FAILURE;
	if (!cli->foreground) {
		err = daemonize();
		if (err < 0) {
			log_error("cannot detach from the terminal: %s", strerror(-err));
			return EXIT_FAILURE;
		}
		log_init("mimamori-sensor", LOG_TO_SYSLOG, LOG_LEVEL_INFO);
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		log_error("cannot make a socket pair: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	parent = getpid();
	engine = fork();
	if (engine < 0) {
		log_error("cannot start the engine: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	if (engine == 0) {
		close(fds[0]);
		become_engine(cli, fds[1], uid, gid, parent);
	}
	close(fds[1]);
	status = helper_serve(&cli->config, fds[0], engine);
	close(fds[0]);
	return status;
}

static void print_prefixes(const char *what, const struct conf_prefixes *list, const char *none)
{
	char text[PREFIX_STRLEN];

	printf("  %-11s", what);
	for (unsigned int i = 0; i < list->count; i++)
		printf(" %s", prefix_format(&list->prefix[i], text));
	printf("%s\n", list->count ? "" : none);
}

static void print_logs(const struct auth_files *files)
{
	printf("  logs        ");
	for (uint32_t i = 0; i < files->count; i++)
		printf("%s%s (%s)", i ? ", " : "", files->file[i].path,
		       auth_kind_name(files->file[i].kind));
	printf("%s\n", files->count ? "" : "(none)");
}

int run_check(const struct cli *cli)
{
	const struct sensor_config *c = &cli->config;

	printf("the configuration is good\n");
	printf("  device      %s\n", c->device[0] ? c->device : "(this host's name)");
	printf("  source      %s, %s scope\n", c->source,
	       c->scope == CONFIG_SCOPE_GATEWAY ? "gateway" : "host");
	printf("  interfaces  ");
	for (unsigned int i = 0; i < c->interfaces.count; i++)
		printf("%s%s", i ? " " : "", c->interfaces.name[i]);
	printf("%s\n", c->interfaces.count ? "" : "all");
	if (c->scope == CONFIG_SCOPE_GATEWAY)
		print_prefixes("home", &c->home,
			       " (the private networks, and those on this host's links)");
	if (c->ignore.count)
		print_prefixes("ignore", &c->ignore, "");
	if (c->knock.count)
		printf("  knock       %u sequence%s\n", c->knock.count,
		       c->knock.count == 1 ? "" : "s");
	print_logs(&c->auth_files);
	printf("  events      %s\n", c->event_file[0] ? c->event_file : "(no file)");
	printf("  on_finding  %s\n", c->on_finding[0] ? c->on_finding : "(nothing)");
	return EXIT_SUCCESS;
}
