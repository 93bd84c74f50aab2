/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/check.h"

#include "decoy/check-net.h"
#include "decoy/limit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

void check_row(struct check *c, const char *what, const char *result, const char *why)
{
	c->rows++;
	c->failed += why != NULL;
	printf("  %-24s %s%s%s%s\n", what, why ? "FAILED" : "ok", result[0] ? "  " : "", result,
	       why ? ":" : "");
	if (why) {
		fputs("    ", stdout);
		for (; *why; why++)
			putchar(*why >= ' ' && *why <= '~' ? *why : '?');
		putchar('\n');
	}
	fflush(stdout);
}

/* Resident memory of QEMU, MB; 0 when it cannot be read. */
static unsigned int rss_mb(pid_t pid)
{
	char path[32], line[128];
	unsigned long kb = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "VmRSS: %lu kB", &kb) != 1)
		;
	if (f)
		fclose(f);
	return (unsigned int)(kb / 1024);
}

static void check_rss(struct check *c, const char *what)
{
	unsigned int mb = rss_mb(vm_pid(machine_vm(c->a.machine)));
	char result[32], why[64];

	snprintf(result, sizeof(result), "%u MB", mb);
	snprintf(why, sizeof(why), "more than %d MB, or unknown", CHECK_RSS_MB);
	check_row(c, what, result, mb == 0 || mb > CHECK_RSS_MB ? why : NULL);
}

/* A decoy that is slow, or that waits for something, is one that visitors leave. A busy host is not its fault. */
static void check_prompt(struct check *c, const char *what, unsigned int most_ms)
{
	unsigned int ms = machine_prompt_ms(c->a.machine);
	unsigned int alone_ms = machine_prompt_alone_ms(c->a.machine);
	char result[80], why[64];

	snprintf(result, sizeof(result), "%.2f s, without waiting for a processor %.2f s",
		 ms / 1000.0, alone_ms / 1000.0);
	snprintf(why, sizeof(why), "the latter is more than %u s, or unknown", most_ms / 1000);
	check_row(c, what, result, alone_ms > most_ms || alone_ms == 0 ? why : NULL);
}

static struct session *open_session(struct check *c)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				    .sin_port = htons(vm_port(machine_vm(c->a.machine), 23)) };

	return await_connect(&c->a, (struct sockaddr *)&addr, MACHINE_WAKE_MS);
}

/* Logs in, and is who it should be: NULL, or the reason. */
static const char *try_login(struct check *c, struct session *s, const char *user,
			     const char *password, bool su, bool root)
{
	char text[32] = "";

	if (await_login(&c->a, s, user, password) < 0 ||
	    (su && await_su(&c->a, s, c->decoy->persona.root_password) < 0) ||
	    await_run(&c->a, s, "id -u", MACHINE_LOGIN_MS, text, sizeof(text)) < 0)
		return c->a.why;
	return (strcmp(text, "0\n") == 0) == root ? NULL : "the shell is not that user's";
}

static void check_login(struct check *c, const char *what, const char *user, const char *password,
			bool su, bool root)
{
	struct session *s = open_session(c);
	const char *why = s ? try_login(c, s, user, password, su, root) : c->a.why;

	check_row(c, what, "", why);
	if (su && !why)
		c->root = s;
	else
		session_free(s);
}

static void check_hostname(struct check *c)
{
	const char *wanted = c->decoy->persona.hostname;
	char name[CONF_TEXT_LEN + 2] = "";
	const char *why = NULL;

	if (!wanted[0] || !check_has_shell(c))
		return;
	if (await_run(&c->a, c->root, "hostname", MACHINE_LOGIN_MS, name, sizeof(name)) < 0)
		why = c->a.why;
	name[strcspn(name, "\n")] = '\0';
	if (!why && strcmp(name, wanted) != 0)
		why = "not the one of persona.conf";
	check_row(c, "host name", "", why);
}

struct greeting {
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_timer_t limit;
	bool done;
	const char *say;
	size_t used;
	char text[64];
};

static void greeting_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	struct greeting *g = handle->data;

	(void)hint;
	*buf = uv_buf_init(g->text + g->used, (unsigned int)(sizeof(g->text) - 1 - g->used));
}

static void greeting_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct greeting *g = stream->data;

	(void)buf;
	if (n > 0)
		g->used += (size_t)n;
	if (n < 0 || g->used > 8)
		g->done = true;
}

static void greeting_connected(uv_connect_t *connect, int status)
{
	struct greeting *g = connect->handle->data;
	uv_buf_t buf = uv_buf_init((char *)g->say, (unsigned int)strlen(g->say));

	if (status == UV_ECANCELED)
		return;
	if (status < 0 || uv_read_start(connect->handle, greeting_alloc, greeting_read) < 0)
		g->done = true;
	else if (g->say[0])
		uv_try_write(connect->handle, &buf, 1);
}

static void greeting_limit(uv_timer_t *timer)
{
	if (!limit_goes_on(timer))
		((struct greeting *)timer->data)->done = true;
}

/* What a port of the decoy says first, if anything, to who says this. */
static void check_port(struct check *c, const char *what, uint16_t port, const char *say,
		       const char *expected)
{
	struct greeting g = { .say = say };
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				    .sin_port = htons(vm_port(machine_vm(c->a.machine), port)) };

	uv_tcp_init(c->a.loop, &g.tcp);
	uv_timer_init(c->a.loop, &g.limit);
	g.tcp.data = g.limit.data = &g;
	limit_start(&g.limit, greeting_limit, MACHINE_LOGIN_MS);
	if (uv_tcp_connect(&g.connect, &g.tcp, (struct sockaddr *)&addr, greeting_connected) < 0)
		g.done = true;
	while (!g.done && !c->a.ended)
		uv_run(c->a.loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&g.tcp, NULL);
	uv_close((uv_handle_t *)&g.limit, NULL);
	uv_run(c->a.loop, UV_RUN_NOWAIT);
	check_row(c, what, "",
		  strncmp(g.text, expected, strlen(expected)) ?
			  "answers something else, or nothing" :
			  NULL);
}

static bool start_servers(struct check *c)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int err;

	for (int kind = 0; kind < SERVE_KINDS; kind++) {
		c->serve[kind] = serve_new(c->cli->loop, (enum serve_kind)kind,
					   (struct sockaddr *)&addr, c->block, CHECK_BLOCK, &err);
		if (!c->serve[kind])
			return false;
	}
	return true;
}

/* Saved, and woken again: time and memory. */
static void check_saved(struct check *c, struct machine_options *o)
{
	char path[PATH_MAX];
	int fd = cli_open_ready(c->decoy, path);

	o->reaches_host = false; /* as restore has it: the state is kept */
	if (fd >= 0)
		close(fd);
	if (await_ready(&c->a, c->cli->loop, o) < 0 || await_saved(&c->a, path) < 0) {
		check_row(c, "state saved", "", c->a.why);
		return;
	}
	check_row(c, "state saved", "", NULL);
	o->ready_fd = cli_open_ready(c->decoy, path);
	if (await_ready(&c->a, c->cli->loop, o) < 0) {
		check_row(c, "woken to a login prompt", "", c->a.why);
	} else {
		check_prompt(c, "woken to a login prompt", CHECK_WAKE_MS);
		check_rss(c, "memory, woken");
		await_free(&c->a);
	}
	if (o->ready_fd >= 0)
		close(o->ready_fd);
}

/* On a TAP device alone, as the honeypot has them: booted, and logged in to, over IPv6. */
static void check_ipv6_in(struct check *c, struct machine_options o, bool own_network)
{
	o.tap_fd = own_network ? check_net_tap(&o.tap_index) : -EPERM;
	if (o.tap_fd < 0) {
		printf("  %-24s not tried: needs root and /dev/net/tun\n", "IPv6 in");
	} else if (await_ready(&c->a, c->cli->loop, &o) < 0) {
		check_row(c, "IPv6 in", "", c->a.why);
	} else {
		check_row(c, "IPv6 in", "on a TAP device", NULL);
		await_free(&c->a);
	}
}

static void check_booted(struct check *c)
{
	check_prompt(c, "boot to a login prompt", CHECK_BOOT_MS);
	check_rss(c, "memory, booted");
}

static void check_user(struct check *c)
{
	check_login(c, "user by telnet", "user", c->decoy->persona.user_password, false, false);
}

static void check_root(struct check *c)
{
	check_login(c, "root by telnet", "root", c->decoy->persona.root_password, false, true);
}

static void check_su(struct check *c)
{
	check_login(c, "user, then su", "user", c->decoy->persona.user_password, true, true);
}

static void check_ssh(struct check *c)
{
	if (c->decoy->persona.has_ssh)
		check_port(c, "ssh", 22, "", "SSH-2.0-");
	else
		printf("  %-24s not looked for: persona.conf says there is none\n", "ssh");
}

static void check_web(struct check *c)
{
	check_port(c, "web page", 80, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.");
}

/* A machine that has ended is asked nothing more. */
static void check_running(struct check *c)
{
	static void (*const steps[])(struct check *) = {
		check_booted,	 check_user, check_root, check_su,  check_hostname,
		check_transfers, check_ipv6, check_ssh,	 check_web,
	};

	for (size_t i = 0; !c->a.ended && i < sizeof(steps) / sizeof(steps[0]); i++)
		steps[i](c);
	if (c->a.ended)
		check_row(c, "it goes on running", "", c->a.why);
	session_free(c->root);
	c->root = NULL;
}

/* The number of rows that failed. */
static unsigned int check_one(struct cli *cli, const struct decoy *d, uint8_t *block,
			      bool own_network)
{
	struct check c = { .cli = cli, .decoy = d, .block = block };
	struct machine_options o = cli_options(cli, d);

	o.reaches_host = true; /* for the transfers, with servers on this loopback */
	printf("%s (%s, %s)\n", d->name, profile_arch_names[d->profile.arch], d->profile.machine);
	c.a.loop = cli->loop;
	if (!start_servers(&c)) {
		check_row(&c, "servers", "", "this host has no free port on 127.0.0.1");
	} else {
		if (await_ready(&c.a, cli->loop, &o) < 0) {
			check_row(&c, "boot to a login prompt", "", c.a.why);
		} else {
			check_running(&c);
			await_free(&c.a);
			check_ipv6_in(&c, o, own_network);
			if (d->profile.snapshot_works)
				check_saved(&c, &o);
		}
	}
	for (int kind = 0; kind < SERVE_KINDS; kind++)
		serve_free(c.serve[kind]);
	uv_run(cli->loop, UV_RUN_NOWAIT);
	printf("  %u of %u\n", c.rows - c.failed, c.rows);
	return c.failed;
}

int cli_check(struct cli *cli)
{
	static char names[CLI_NAMES_MAX][PROFILE_NAME_LEN];
	uint8_t *block = malloc(CHECK_BLOCK);
	int n = 1, status = EXIT_SUCCESS;
	bool own_network;

	if (strcmp(cli->argument, "all") == 0)
		n = cli_names(cli, names);
	else
		snprintf(names[0], sizeof(names[0]), "%s", cli->argument);
	if (n <= 0 || !block || getentropy(block, 256) < 0) {
		free(block);
		return cli_fail(
			"%s: there are no decoys to check; \"mimamori-decoy build\" builds them",
			cli->images);
	}
	/* All bytes, each differently often, no page like another. */
	for (size_t i = 256; i < CHECK_BLOCK; i++)
		block[i] = (uint8_t)(block[i - 256] * 5 + block[i - 1] + i);
	own_network = check_net_leave();
	for (int i = 0; i < n; i++) {
		struct cli one = *cli;
		struct decoy d;

		one.argument = names[i];
		if (cli_load(&one, &d) || check_one(&one, &d, block, own_network))
			status = EXIT_FAILURE;
	}
	free(block);
	return status;
}
