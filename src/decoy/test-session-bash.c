/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session with this host's bash, which writes its history when its terminal is hung up: then nobody can take out
 * any more what was typed. The test plays a telnet server that lets everybody in; "su" is a script that asks for a
 * password and becomes another bash.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* ptsname_r */
#endif

#include "decoy/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "decoy/test-loop.h"

#define BASH "/bin/bash"
#define LIMIT_MS 20000

static const char su[] = "#!/bin/sh\nprintf 'Password: '\nread -r line\nexec " BASH " --norc -i\n";

struct guest {
	uv_loop_t loop;
	struct session *session;
	unsigned int calls;
	int err;
	char text[64], why[256];
};

/* On a terminal of its own, as the first process of that. The terminal's other end, or -1. */
static int start_bash(const char *home, pid_t *pid)
{
	char *const argv[] = { (char *)"bash", (char *)"--norc", (char *)"-i", NULL };
	char name[64], path[96], home_is[64];
	char *const env[] = { home_is, path, (char *)"TERM=dumb", NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (grantpt(master) < 0 || unlockpt(master) < 0 || ptsname_r(master, name, sizeof(name)))
		return -1;
	snprintf(home_is, sizeof(home_is), "HOME=%s", home);
	snprintf(path, sizeof(path), "PATH=%s:/usr/bin:/bin", home);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, name, O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&files, 0, 1);
	posix_spawn_file_actions_adddup2(&files, 0, 2);
	return posix_spawn(pid, BASH, &files, &attributes, argv, env) ? -1 : master;
}

/* A connection, until it ends, and its bash has ended as well. Returns when it ends before. */
static void serve(int fd, const char *home)
{
	struct pollfd fds[2] = { { .fd = fd, .events = POLLIN }, { .events = POLLIN } };
	char buf[512];
	pid_t pid = -1;
	ssize_t n;

	for (const char *ask = "login: "; ask; ask = *ask == 'l' ? "Password: " : NULL) {
		if (send(fd, ask, strlen(ask), MSG_NOSIGNAL) < 0)
			return;
		do
			n = read(fd, buf, 1);
		while (n == 1 && buf[0] != '\r');
		if (n != 1)
			return;
	}
	fds[1].fd = start_bash(home, &pid);
	if (fds[1].fd < 0)
		_exit(1);
	while (poll(fds, 2, -1) > 0) {
		int from = fds[0].revents ? 0 : 1;

		n = read(fds[from].fd, buf, sizeof(buf));
		if (n <= 0 || write(fds[!from].fd, buf, (size_t)n) != n)
			break;
	}
	close(fds[1].fd); /* hangs up */
	_exit(waitpid(pid, NULL, 0) != pid);
}

/* A process that serves one connection from login to end. */
static pid_t start_server(const char *home, struct sockaddr_in *addr)
{
	int fd, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*addr);
	pid_t pid;

	memset(addr, 0, len);
	addr->sin_family = AF_INET;
	addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)addr, len), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)addr, &len), 0);
	pid = fork();
	if (pid == 0) {
		while ((fd = accept(listener, NULL, NULL)) >= 0) {
			serve(fd, home);
			close(fd); /* given up for another */
		}
		_exit(1);
	}
	close(listener);
	return pid;
}

static void on_done(const struct session_result *r, void *arg)
{
	struct guest *g = arg;

	g->calls++;
	g->err = r->err;
	snprintf(g->text, sizeof(g->text), "%s", r->err ? "" : r->text);
	snprintf(g->why, sizeof(g->why), "%s", r->err ? r->why : "");
}

static void wait_for(struct guest *g, unsigned int calls)
{
	RUN_UNTIL(&g->loop, g->calls == calls);
	if (g->err)
		print_message("%s\n", g->why);
	assert_int_equal(g->err, 0);
}

static void write_su(const char *home, char path[64])
{
	int fd;

	snprintf(path, 64, "%s/su", home);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	assert_int_equal(write(fd, su, sizeof(su) - 1), sizeof(su) - 1);
	close(fd);
}

static void test_no_history(void **state)
{
	char home[] = "/tmp/test-session.XXXXXX", script[64], history[64];
	struct sockaddr_in addr;
	struct guest g = { 0 };
	pid_t server;
	int status;

	(void)state;
	if (access(BASH, X_OK) < 0) {
		print_message("bash is not installed\n");
		skip();
	}
	assert_non_null(mkdtemp(home));
	write_su(home, script);
	snprintf(history, sizeof(history), "%s/.bash_history", home);
	server = start_server(home, &addr);
	assert_int_equal(uv_loop_init(&g.loop), 0);
	g.session = session_new(&g.loop, (struct sockaddr *)&addr);
	session_connect(g.session, LIMIT_MS, on_done, &g);
	wait_for(&g, 1);
	session_login(g.session, "user", "user", LIMIT_MS, on_done, &g);
	wait_for(&g, 2);
	session_su(g.session, "root", LIMIT_MS, on_done, &g);
	wait_for(&g, 3);
	session_run(g.session, "echo $HOME $SHLVL", LIMIT_MS, on_done, &g);
	wait_for(&g, 4);
	assert_memory_equal(g.text, home, strlen(home));
	assert_string_equal(g.text + strlen(home), " 2\n");
	session_free(g.session);
	uv_run(&g.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&g.loop), 0);
	assert_int_equal(waitpid(server, &status, 0), server);
	assert_int_equal(status, 0);
	assert_int_equal(access(history, F_OK), -1);
	assert_int_equal(unlink(script), 0);
	assert_int_equal(rmdir(home), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
