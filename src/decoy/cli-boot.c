/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot: a decoy to be tried by hand, its telnet login on this terminal. */
#include "decoy/await.h"
#include "decoy/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
#define N_ENDING (sizeof(ending) / sizeof(ending[0]))
#define LEAVE 0x1d /* Ctrl-], as in telnet(1) */

struct terminal {
	struct await a;
	struct session *session;
	uv_poll_t input;
	uv_signal_t signals[N_ENDING];
	struct termios before;
	bool raw, done;
	int signo; /* that asked for an end, or 0 */
};

/* To the terminal, as it is: the person asked for the decoy's own screen. */
static void show(const char *bytes, size_t n)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	while (n) {
		ssize_t w = write(STDOUT_FILENO, bytes, n);

		if (w < 0 && errno == EINTR)
			continue;
		/* Whoever shares it may have made it so. */
		if (w < 0 && errno == EAGAIN && poll(&out, 1, -1) >= 0)
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

static void on_signal(uv_signal_t *handle, int signo)
{
	struct terminal *t = handle->data;

	t->signo = signo;
	t->done = true;
}

/* Until the person leaves, a signal asks for the end, or the machine ends. 0 or the exit status. */
static int await_end(struct terminal *t)
{
	for (size_t i = 0; i < N_ENDING; i++) {
		uv_signal_init(t->a.loop, &t->signals[i]);
		t->signals[i].data = t;
		uv_signal_start(&t->signals[i], on_signal, ending[i]);
	}
	while (!t->done && !t->a.ended)
		uv_run(t->a.loop, UV_RUN_ONCE);
	for (size_t i = 0; i < N_ENDING; i++)
		uv_close((uv_handle_t *)&t->signals[i], NULL);
	return t->a.ended ? cli_fail("%s", t->a.why) : EXIT_SUCCESS;
}

static int talk(struct terminal *t)
{
	int status;

	session_listen(t->session, on_output, t);
	session_send(t->session, "\r", 1); /* another prompt: the first was for us */
	make_raw(t);
	if (uv_poll_start(&t->input, UV_READABLE, on_input) < 0)
		t->done = true;
	status = await_end(t);
	if (t->raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &t->before);
	putchar('\n');
	return status;
}

/* A login, and what is typed into it. */
static int attend(struct terminal *t)
{
	struct sockaddr_storage addr;
	int status;

	machine_address(t->a.machine, &addr);
	t->session = await_connect(&t->a, (struct sockaddr *)&addr, MACHINE_BOOT_MS);
	if (!t->session)
		return cli_fail("%s", t->a.why);
	status = talk(t);
	session_free(t->session);
	return status;
}

static void say_ports(const struct vm *vm, const struct decoy *d, bool has_input)
{
	printf("\n%s is up. From this host: telnet 127.0.0.1 %u, ssh -p %u root@127.0.0.1, "
	       "http://127.0.0.1:%u/\n"
	       "user/%s, root/%s. %s ends it; what it wrote is forgotten.\n\n",
	       d->name, vm_port(vm, 23), vm_port(vm, 22), vm_port(vm, 80), d->persona.user_password,
	       d->persona.root_password, has_input ? "Ctrl-]" : "A signal");
	fflush(stdout);
}

/*
 * Can standard input be waited for? libuv has it read without blocking, which it then does for all that share it: our
 * output, and who comes after us. We read only what is there, and need no such thing.
 */
static bool open_input(struct terminal *t)
{
	int flags = fcntl(STDIN_FILENO, F_GETFL);
	bool can = uv_poll_init(t->a.loop, &t->input, STDIN_FILENO) == 0;

	if (flags >= 0)
		fcntl(STDIN_FILENO, F_SETFL, flags);
	t->input.data = t;
	return can;
}

int cli_boot(struct cli *cli)
{
	struct terminal t = { .a = { .on_console = show } };
	struct machine_options o;
	bool has_input;
	struct stat st;
	struct decoy d;
	int status = cli_load(cli, &d);

	if (status)
		return status;
	if (fstat(STDIN_FILENO, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return cli_fail("boot: standard input is a file: it wants a terminal, a pipe, or "
				"/dev/null, with which it runs until a signal ends it");
	printf("%s boots; its console:\n", d.name);
	fflush(stdout);
	o = cli_options(cli, &d);
	o.reaches_host = cli->network;
	if (await_ready(&t.a, cli->loop, &o) < 0)
		return cli_fail("%s", t.a.why);
	t.a.on_console = NULL;
	/* /dev/null cannot be waited for. */
	has_input = open_input(&t);
	say_ports(machine_vm(t.a.machine), &d, has_input);
	status = has_input ? attend(&t) : await_end(&t);
	if (has_input)
		uv_close((uv_handle_t *)&t.input, NULL);
	await_free(&t.a);
	if (t.signo) {
		signal(t.signo, SIG_DFL);
		raise(t.signo);
	}
	return status;
}
