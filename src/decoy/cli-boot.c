/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot: a decoy to be tried by hand, its telnet login on this terminal. */
#include "decoy/await.h"
#include "decoy/cli.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define LEAVE 0x1d /* Ctrl-], as in telnet(1) */

struct terminal {
	struct await a;
	struct session *session;
	uv_poll_t input;
	struct termios before;
	bool raw, done;
};

/* To the terminal, as it is: the person asked for the decoy's own screen. */
static void show(const char *bytes, size_t n)
{
	while (n) {
		ssize_t w = write(STDOUT_FILENO, bytes, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return;
		bytes += w;
		n -= (size_t)w;
	}
}

static void on_output(const char *bytes, size_t n, void *arg)
{
	struct terminal *t = arg;

	if (n)
		show(bytes, n);
	else
		t->done = true; /* logged out */
}

static void on_input(uv_poll_t *poll, int status, int events)
{
	struct terminal *t = poll->data;
	char buf[512];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	(void)status;
	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0 || (t->raw && memchr(buf, LEAVE, (size_t)n))) {
		uv_poll_stop(poll);
		t->done = true;
		return;
	}
	for (ssize_t i = 0; !t->raw && i < n; i++)
		if (buf[i] == '\n')
			buf[i] = '\r'; /* what a terminal's Enter sends */
	session_send(t->session, buf, (size_t)n);
}

static void make_raw(struct terminal *t)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &t->before) < 0)
		return;
	raw = t->before;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST;
	t->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/* Until the person leaves, or the machine ends. 0 or the exit status. */
static int talk(struct terminal *t)
{
	make_raw(t);
	session_listen(t->session, on_output, t);
	session_send(t->session, "\r", 1); /* another prompt: the first was for us */
	uv_poll_init(t->a.loop, &t->input, STDIN_FILENO);
	t->input.data = t;
	if (uv_poll_start(&t->input, UV_READABLE, on_input) < 0)
		t->done = true;
	while (!t->done && !t->a.ended)
		uv_run(t->a.loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&t->input, NULL);
	if (t->raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &t->before);
	putchar('\n');
	return t->a.ended ? cli_fail("%s", t->a.why) : EXIT_SUCCESS;
}

static void say_ports(const struct vm *vm, const struct decoy *d)
{
	printf("\n%s is up. From this host: telnet 127.0.0.1 %u, ssh -p %u root@127.0.0.1, "
	       "http://127.0.0.1:%u/\n"
	       "user/%s, root/%s. Ctrl-] ends it; what it wrote is forgotten.\n\n",
	       d->name, vm_port(vm, 23), vm_port(vm, 22), vm_port(vm, 80), d->persona.user_password,
	       d->persona.root_password);
	fflush(stdout);
}

int cli_boot(struct cli *cli)
{
	struct terminal t = { .a = { .on_console = show } };
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct machine_options o;
	struct decoy d;
	int status = cli_load(cli, &d);

	if (status)
		return status;
	printf("%s boots; its console:\n", d.name);
	fflush(stdout);
	o = cli_options(cli, &d);
	if (await_ready(&t.a, cli->loop, &o) < 0)
		return cli_fail("%s", t.a.why);
	t.a.on_console = NULL;
	addr.sin_port = htons(vm_port(machine_vm(t.a.machine), 23));
	say_ports(machine_vm(t.a.machine), &d);
	t.session = await_connect(&t.a, (struct sockaddr *)&addr, MACHINE_BOOT_MS);
	if (!t.session) {
		status = cli_fail("%s: %s", d.name, t.a.why);
	} else {
		status = talk(&t);
		session_free(t.session);
	}
	await_free(&t.a);
	return status;
}
