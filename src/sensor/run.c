/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE /* pipe2 */
#include "sensor/run.h"

#include "core/isolate.h"
#include "core/log.h"
#include "core/notify.h"
#include "sensor/cli.h"
#include "sensor/helper.h"
#include "sensor/supervise.h"
#include "sensor/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
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

/* One start of both processes. */
struct run {
	const struct cli *cli;
	uid_t uid;
	gid_t gid;
	int launcher_fd; /* where the caller's process waits for the start; -1: it does not */
	int null_fd; /* /dev/null, for when the terminal is let go of; -1: it is not */
};

/* From now on the terminal is the caller's again, and the log is the system's alone. */
static void let_go_of_terminal(int null_fd)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		dup2(null_fd, fd);
	log_init("mimamori-sensor", LOG_TO_SYSLOG, LOG_LEVEL_INFO);
}

/* The child: never returns. */
static void become_engine(const struct run *r, int fd, pid_t parent, uint64_t watchdog_ns)
{
	struct watch_params params = { .config = &r->cli->config,
				       .foreground = r->cli->foreground,
				       .helper_fd = fd,
				       .null_fd = r->null_fd,
				       .alive_every_ns = watchdog_ns / 2 };
	int err = geteuid() == 0 ? isolate_drop(r->uid, r->gid) : isolate_shed_caps(0);

	if (err < 0) {
		log_error("cannot give up privileges: %s", strerror(-err));
		_exit(EXIT_FAILURE);
	}
	/* After the change of user, which clears it. The helper may have died before this line. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	exit(watch_main(&params));
}

struct ready {
	int supervisor_fd, null_fd;
};

static void on_engine_ready(void *arg)
{
	const struct ready *r = arg;

	if (r->supervisor_fd < 0)
		return;
	if (write(r->supervisor_fd, "", 1) != 1)
		log_warning("cannot say that the start worked: %s", strerror(errno));
	close(r->supervisor_fd);
	let_go_of_terminal(r->null_fd);
}

/* This process becomes the helper. supervisor_fd, -1 for none, gets a byte once the engine watches. */
static int run_both(int supervisor_fd, void *arg)
{
	const struct run *r = arg;
	struct ready ready = { supervisor_fd, r->null_fd };
	uint64_t watchdog_ns = notify_watchdog_ns();
	pid_t parent = getpid(), engine;
	int fds[2], status;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		log_error("cannot make a socket pair: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	engine = fork();
	if (engine < 0) {
		log_error("cannot start the engine: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	if (engine == 0) {
		close(fds[0]);
		if (supervisor_fd >= 0) {
			close(supervisor_fd);
			close(r->launcher_fd);
		}
		become_engine(r, fds[1], parent, watchdog_ns);
	}
	close(fds[1]);
	status = helper_serve(&r->cli->config, fds[0], engine, on_engine_ready, &ready);
	close(fds[0]);
	return status;
}

static void on_first_start(void *arg)
{
	struct run *r = arg;

	if (write(r->launcher_fd, "", 1) != 1)
		log_warning("cannot say that the start worked: %s", strerror(errno));
	close(r->launcher_fd);
	r->launcher_fd = -1;
	let_go_of_terminal(r->null_fd);
}

/* As daemon(7) has it: the caller's process ends once the sensor watches, or says why it does not. */
static int run_in_background(struct run *r)
{
	static const struct supervise_policy policy = { SUPERVISE_MAX_AN_HOUR,
							SUPERVISE_FIRST_PAUSE_MS,
							SUPERVISE_HOUR_MS };
	int fds[2], status = EXIT_FAILURE << 8;
	char byte;
	pid_t pid;

	r->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (r->null_fd < 0 || pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		log_error("cannot detach from the terminal: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	if (pid > 0) {
		close(fds[1]);
		if (read(fds[0], &byte, 1) == 1)
			return EXIT_SUCCESS;
		waitpid(pid, &status, 0);
		return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) :
								  EXIT_FAILURE;
	}
	close(fds[0]);
	r->launcher_fd = fds[1];
	if (setsid() < 0 || chdir("/") < 0)
		return EXIT_FAILURE;
	return supervise(&policy, run_both, on_first_start, r);
}

int run_main(const struct cli *cli)
{
	struct run r = { .cli = cli, .launcher_fd = -1, .null_fd = -1 };

	/* What the caller left open is none of ours; and low numbers are needed (sandbox_take_voices()). */
	isolate_close_from(STDERR_FILENO + 1, NULL, 0);
	log_init("mimamori-sensor", cli->foreground ? LOG_TO_STDERR : LOG_TO_BOTH, LOG_LEVEL_INFO);
	if (geteuid() != 0 && !isolate_has_cap(CAP_NET_RAW)) {
		log_error("run: needs root, or CAP_NET_RAW, to open its packet socket; all "
			  "privilege is given up afterwards. Start it as root, or by its service");
		return EXIT_FAILURE;
	}
	if (geteuid() == 0 && find_user(&cli->config, &r.uid, &r.gid) < 0)
		return EXIT_FAILURE;
	return cli->foreground ? run_both(-1, &r) : run_in_background(&r);
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
