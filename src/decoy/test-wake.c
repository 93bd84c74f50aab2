/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests/decoy/imports: wakes a saved decoy, becomes root in it by telnet and su, and prints what a
 * command prints there.
 *
 * usage: test-decoy-wake IMAGES DECOY COMMAND
 */
#include "decoy/await.h"
#include "decoy/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_MAX 4096
#define COMMAND_MS 180000

/* 0, or -1 with a sentence in a->why. */
static int run_inside(struct await *a, const struct decoy *d, const char *command, char *text)
{
	struct sockaddr_storage addr;
	struct session *s;
	int status;

	machine_address(a->machine, &addr);
	s = await_connect(a, (struct sockaddr *)&addr, MACHINE_WAKE_MS);
	if (!s)
		return -1;
	status = await_login(a, s, "user", d->persona.user_password);
	if (status >= 0)
		status = await_su(a, s, d->persona.root_password);
	if (status >= 0)
		status = await_run(a, s, command, COMMAND_MS, text, TEXT_MAX);
	if (status > 0)
		snprintf(a->why, sizeof(a->why), "the command ended with %d", status);
	session_free(s);
	return status ? -1 : 0;
}

int main(int argc, char **argv)
{
	static char text[TEXT_MAX];
	struct cli cli = { .run_dir = CLI_RUN_DIR };
	char error[CONF_ERROR_LEN], path[PATH_MAX];
	struct await a = { 0 };
	struct machine_options o;
	struct decoy d;
	uv_loop_t loop;
	int status = EXIT_SUCCESS;

	if (argc != 4)
		return CLI_USAGE;
	cli.images = argv[1];
	if (decoy_load(cli.images, argv[2], &d, error) < 0)
		return cli_fail("%s", error);
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&loop);
	o = cli_options(&cli, &d);
	o.ready_fd = cli_open_ready(&d, path);
	if (o.ready_fd < 0)
		return cli_fail("%s: is not there", path);
	if (await_ready(&a, &loop, &o) < 0) {
		status = cli_fail("%s", a.why);
	} else {
		if (run_inside(&a, &d, argv[3], text) < 0)
			status = cli_fail("%s", a.why);
		await_free(&a);
	}
	fputs(text, stdout);
	close(o.ready_fd);
	uv_run(&loop, UV_RUN_NOWAIT);
	uv_loop_close(&loop);
	return status;
}
