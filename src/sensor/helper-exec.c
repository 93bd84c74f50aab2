/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * on_finding: the operator's executable, started once per event of an alert, without a shell.
 *
 * The command is split at blanks; there is no quoting, since there is nothing variable in it: the
 * event comes on standard input, as a sealed-off copy in memory, so a child that never reads
 * blocks nobody. A child runs as its own user in its own session, and when it ends or its time
 * is up, all of its process group ends with it.
 */
#define _GNU_SOURCE /* memfd_create */
#include "sensor/helper-internal.h"

#include "core/clock.h"
#include "core/isolate.h"
#include "core/log.h"
#include "sensor/config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MINUTE_NS (60 * NS_PER_S)
#define CREDIT_NS (2 * MINUTE_NS)
#define EXIT_NOT_STARTED 127 /* as the shells have it */
#define CHILD_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

uint64_t helper_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static int split_words(struct helper_exec *x, const char *command)
{
	unsigned int n = 0;
	char *save, *word;

	if (strlen(command) >= sizeof(x->words))
		return -E2BIG;
	strcpy(x->words, command);
	for (word = strtok_r(x->words, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (n == HELPER_EXEC_MAX_ARGS)
			return -E2BIG;
		x->argv[n++] = word;
	}
	x->argv[n] = NULL;
	return 0;
}

int helper_exec_init(struct helper_exec *x, const struct sensor_config *config)
{
	const char *user = config->on_finding_user[0] ? config->on_finding_user : config->user;

	*x = (struct helper_exec){ .timeout_ns = config->on_finding_timeout_ns };
	x->at_once = config->on_finding_at_once;
	if (x->at_once > HELPER_EXEC_MAX_CHILDREN)
		x->at_once = HELPER_EXEC_MAX_CHILDREN;
	if (config->on_finding_per_minute)
		x->start_costs_ns = MINUTE_NS / config->on_finding_per_minute;
	x->credit_ns = CREDIT_NS;
	x->credit_at_ns = helper_now_ns();
	x->unusable = split_words(x, config->on_finding);
	if (x->unusable) {
		log_error("on_finding: more than %d words", HELPER_EXEC_MAX_ARGS);
		return x->unusable;
	}
	if (!x->argv[0])
		return 0;
	x->drop = getuid() == 0;
	if (!x->drop) /* nothing to give up: it runs as whoever started the sensor */
		return 0;
	x->unusable = isolate_find_user(user, &x->uid, &x->gid);
	if (x->unusable == 0 && (x->uid == 0 || x->gid == 0)) {
		x->unusable = -EPERM;
		log_error("on_finding: it never runs as root; set on_finding_user to another user");
	} else if (x->unusable) {
		log_error(
			"on_finding: no user \"%s\" in /etc/passwd: make it, or set on_finding_user",
			user);
	}
	return x->unusable;
}

/* The event as a file at its beginning, or -errno. Owned. */
static int event_descriptor(const char *event, size_t len)
{
	int fd = memfd_create("event", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, event, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

/* Only calls that are safe between fork and exec. Nothing of the terminal. */
static _Noreturn void become(const struct helper_exec *x, pid_t helper, uint32_t severity,
			     int event)
{
	char severity_env[] = "MIMAMORI_SEVERITY=0", path_env[] = CHILD_PATH;
	char *env[] = { path_env, severity_env, NULL };
	int null = open("/dev/null", O_RDWR);
	sigset_t none;
	int signo;

	severity_env[sizeof(severity_env) - 2] = (char)('0' + severity % 10);
	sigemptyset(&none);
	for (signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL);
	setsid();
	if (null < 0 || dup2(event, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0)
		_exit(EXIT_NOT_STARTED);
	isolate_close_from(STDERR_FILENO + 1, NULL, 0);
	umask(077);
	if (chdir("/") || (x->drop && isolate_drop(x->uid, x->gid)) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || sigprocmask(SIG_SETMASK, &none, NULL))
		_exit(EXIT_NOT_STARTED);
	/* No helper, no time limit. After the drop, which would undo it; the helper may be gone already. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != helper)
		_exit(EXIT_NOT_STARTED);
	execve(x->argv[0], x->argv, env);
	_exit(EXIT_NOT_STARTED);
}

static struct helper_child *find_child(struct helper_exec *x, pid_t pid)
{
	unsigned int i;

	for (i = 0; i < HELPER_EXEC_MAX_CHILDREN; i++)
		if (x->child[i].pid == pid)
			return &x->child[i];
	return NULL;
}

/*
 * The engine keeps the minute's number; this is for one in wrong hands. The engine's minutes begin when
 * they like, and the end of one may be as busy as the next one's beginning: hence twice the number at once.
 */
static bool may_start(struct helper_exec *x)
{
	uint64_t now = helper_now_ns();

	x->credit_ns += now - x->credit_at_ns;
	if (x->credit_ns > CREDIT_NS)
		x->credit_ns = CREDIT_NS;
	x->credit_at_ns = now;
	if (x->credit_ns < x->start_costs_ns)
		return false;
	x->credit_ns -= x->start_costs_ns;
	return true;
}

int helper_exec_start(struct helper_exec *x, uint32_t severity, const char *event, size_t len,
		      char error[HELPER_ERROR_LEN])
{
	struct helper_child *c = find_child(x, 0);
	pid_t helper = getpid(), pid;
	int fd;

	if (!x->argv[0] || x->unusable) {
		snprintf(error, HELPER_ERROR_LEN, "on_finding is not usable as configured");
		return x->unusable ? x->unusable : -ENOENT;
	}
	if (!c || x->running >= x->at_once) {
		snprintf(error, HELPER_ERROR_LEN, "%u of on_finding run already", x->running);
		return -EAGAIN;
	}
	if (!may_start(x)) {
		snprintf(error, HELPER_ERROR_LEN, "on_finding was started too often lately");
		return -EAGAIN;
	}
	fd = event_descriptor(event, len);
	pid = fd < 0 ? -1 : fork();
	if (pid < 0) {
		int err = fd < 0 ? fd : -errno;

		snprintf(error, HELPER_ERROR_LEN, "cannot start on_finding: %s", strerror(-err));
		if (fd >= 0)
			close(fd);
		/* -EAGAIN means "enough of them"; a full process table is a failure. */
		return err == -EAGAIN ? -ENOMEM : err;
	}
	if (pid == 0)
		become(x, helper, severity, fd);
	close(fd);
	*c = (struct helper_child){ .pid = pid, .deadline_ns = helper_now_ns() + x->timeout_ns };
	x->running++;
	return 0;
}

static void kill_group(const struct helper_child *c)
{
	/* Until it has called setsid() it is not a group of its own. */
	if (kill(-c->pid, SIGKILL))
		kill(c->pid, SIGKILL);
}

bool helper_exec_ended(struct helper_exec *x, pid_t pid)
{
	struct helper_child *c = pid > 0 ? find_child(x, pid) : NULL;

	/* Not reaped yet, so its number, and its group's, cannot be another's. */
	if (c)
		kill_group(c);
	return c != NULL;
}

void helper_exec_reaped(struct helper_exec *x, pid_t pid, int status)
{
	struct helper_child *c = find_child(x, pid);
	const char *name = x->argv[0];

	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_STARTED)
		log_warning(
			"on_finding: %s could not be started: does it exist, and may its user execute it?",
			name);
	else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		log_warning("on_finding: %s ended with status %d", name, WEXITSTATUS(status));
	else if (WIFSIGNALED(status) && c->killed)
		log_warning("on_finding: %s was killed: it took too long", name);
	else if (WIFSIGNALED(status))
		log_warning("on_finding: %s died of signal %d (%s)", name, WTERMSIG(status),
			    strsignal(WTERMSIG(status)));
	*c = (struct helper_child){ 0 };
	x->running--;
}

void helper_exec_expire(struct helper_exec *x, uint64_t now_ns, bool all)
{
	unsigned int i;

	for (i = 0; i < HELPER_EXEC_MAX_CHILDREN; i++) {
		struct helper_child *c = &x->child[i];

		if (c->pid == 0 || c->killed || (!all && c->deadline_ns > now_ns))
			continue;
		kill_group(c);
		c->killed = true;
	}
}

uint64_t helper_exec_deadline(const struct helper_exec *x)
{
	uint64_t first = 0;
	unsigned int i;

	for (i = 0; i < HELPER_EXEC_MAX_CHILDREN; i++) {
		const struct helper_child *c = &x->child[i];

		if (c->pid && !c->killed && (first == 0 || c->deadline_ns < first))
			first = c->deadline_ns;
	}
	return first;
}
