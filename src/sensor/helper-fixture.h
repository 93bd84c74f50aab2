/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests: a real helper process with a stand-in for the engine, the test holding the engine's
 * end of the socket; a temporary directory; and the operator's log caught in a file.
 */
#ifndef MIMAMORI_SENSOR_HELPER_FIXTURE_H
#define MIMAMORI_SENSOR_HELPER_FIXTURE_H

#include "sensor/config.h"
#include "sensor/helper-internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIXTURE_DIE 200 /* fixture_end(): codes from here make the engine die of a signal */

struct fixture {
	char dir[64];
	int log_fd, saved_stderr;
	struct sensor_config config;
	struct helper_client client;
	pid_t helper;
	int engine_fd; /* one byte written here is the engine's exit code */
};

static inline char *fixture_path(const struct fixture *f, const char *name)
{
	static char path[4][128];
	static unsigned int next;

	next = (next + 1) % 4;
	snprintf(path[next], sizeof(path[next]), "%s/%s", f->dir, name);
	return path[next];
}

/* A directory that any user may enter, with the log caught in it. */
static inline void fixture_open(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	strcpy(f->dir, "/tmp/mimamori-test-XXXXXX");
	if (!mkdtemp(f->dir) || chmod(f->dir, 0777))
		abort();
	f->client.fd = -1;
	strcpy(f->config.source, "auto");
	snprintf(f->config.event_file, sizeof(f->config.event_file), "%s/eve.json", f->dir);
	f->config.file_max_bytes = 20000;
	f->config.file_keep = 3;
	f->saved_stderr = dup(STDERR_FILENO);
	f->log_fd = open(fixture_path(f, "log"), O_RDWR | O_CREAT | O_APPEND, 0644);
	dup2(f->log_fd, STDERR_FILENO);
}

/* How many times the log holds `text`. */
static inline unsigned int fixture_logged(const struct fixture *f, const char *text)
{
	static char log[65536];
	ssize_t n = pread(f->log_fd, log, sizeof(log) - 1, 0);
	unsigned int count = 0;
	const char *p;

	log[n > 0 ? n : 0] = '\0';
	for (p = log; (p = strstr(p, text)); p++)
		count++;
	return count;
}

static inline _Noreturn void fixture_engine(int fd)
{
	uint8_t code = 0;

	signal(SIGHUP, SIG_DFL); /* whoever started the tests may ignore it, as nohup does */
	if (read(fd, &code, 1) == 1 && code >= FIXTURE_DIE) {
		signal(code - FIXTURE_DIE, SIG_DFL);
		raise(code - FIXTURE_DIE);
	}
	_exit(code);
}

/* sources NULL: helper_serve() itself, which gives up capabilities. */
static inline void fixture_serve(struct fixture *f, const struct source_ops *const *sources)
{
	int pair[2], control[2];
	pid_t engine;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) || pipe(control))
		abort();
	f->helper = fork();
	if (f->helper == 0) {
		struct helper h = { .config = &f->config, .sources = sources, .fd = pair[1] };

		alarm(0);
		close(pair[0]);
		close(control[1]);
		engine = fork();
		if (engine == 0) {
			close(pair[1]);
			fixture_engine(control[0]);
		}
		h.engine = engine;
		_exit(sources ? helper_run(&h) :
				helper_serve(&f->config, pair[1], engine, NULL, NULL));
	}
	close(pair[1]);
	close(control[0]);
	f->client.fd = pair[0];
	f->engine_fd = control[1];
}

/* The helper's exit code, -signal when it was killed. */
static inline int fixture_wait(struct fixture *f)
{
	int status;

	if (waitpid(f->helper, &status, 0) != f->helper)
		abort();
	f->helper = 0;
	close(f->client.fd);
	close(f->engine_fd);
	f->client.fd = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Lets the engine end with this code. */
static inline int fixture_end(struct fixture *f, uint8_t code)
{
	if (write(f->engine_fd, &code, 1) != 1)
		abort();
	return fixture_wait(f);
}

static inline void fixture_close(struct fixture *f)
{
	char command[128];

	if (f->helper)
		fixture_end(f, 0);
	dup2(f->saved_stderr, STDERR_FILENO);
	close(f->saved_stderr);
	close(f->log_fd);
	snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
	if (system(command))
		fprintf(stderr, "%s is left behind\n", f->dir);
}

/* Waits up to five seconds for a condition that another process brings about. */
#define FIXTURE_AWAIT(condition)                                            \
	do {                                                                \
		int tries_ = 500;                                           \
                                                                            \
		while (!(condition)) {                                      \
			if (tries_-- == 0)                                  \
				fail_msg("waited in vain: %s", #condition); \
			usleep(10000);                                      \
		}                                                           \
	} while (0)

#endif
