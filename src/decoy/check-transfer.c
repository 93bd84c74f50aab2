/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files in and out of a decoy, by the applets that attack scripts use. */
#include "decoy/check.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST "10.0.2.2" /* this host, in QEMU's own network */
#define HOST6 "fec0::2"
#define GOT "/tmp/check.got"
#define PUT "ftpput -u u -p p -P %u " HOST " b " GOT
#define POST "wget -q -O /dev/null --post-file=" GOT " http://" HOST ":%u/b"
#define ECHO_LINE \
	900 /* bytes that one echo writes: four characters each, and a terminal's line has 4,095 */
#define ECHO_SCRIPT "/tmp/check.sh"

static double seconds(void)
{
	return (double)uv_hrtime() / 1e9;
}

static bool has_arrived(const struct check *c, const struct serve *s)
{
	size_t n;
	const uint8_t *bytes = serve_received(s, &n);

	return bytes && n == CHECK_BLOCK && memcmp(bytes, c->block, n) == 0;
}

/* The last bytes may be on their way when a command is done. */
static bool arrives(struct check *c, const struct serve *s)
{
	for (int i = 0; !has_arrived(c, s) && i < 40; i++) {
		uv_run(c->a.loop, UV_RUN_NOWAIT);
		usleep(50000);
	}
	return has_arrived(c, s);
}

/* Is the file that came in the block? It is sent back and compared. Else a reason in why. */
static bool is_intact(struct check *c, char *why, size_t size)
{
	char command[256];
	int status;

	/* Not by BusyBox's wget: what it posts ends at the first NUL. */
	snprintf(command, sizeof(command), PUT " 2>/dev/null || " POST,
		 serve_port(c->serve[SERVE_FTP]), serve_port(c->serve[SERVE_HTTP]));
	serve_forget(c->serve[SERVE_FTP]);
	serve_forget(c->serve[SERVE_HTTP]);
	status = await_run(&c->a, c->root, command, CHECK_TRANSFER_MS, NULL, 0);
	if (status < 0)
		snprintf(why, size, "%.200s", c->a.why);
	else if (!has_arrived(c, c->serve[SERVE_HTTP]) && !arrives(c, c->serve[SERVE_FTP]))
		snprintf(why, size, "what has arrived is not what was sent");
	else
		return true;
	return false;
}

/* Runs a command that brings the block in. */
static void bring_in(struct check *c, const char *what, const char *command)
{
	char why[256] = "", result[32], text[160] = "";
	double begun = seconds();
	int status;

	if (!check_has_shell(c))
		return;
	await_run(&c->a, c->root, "rm -f " GOT, MACHINE_LOGIN_MS, NULL, 0);
	status = await_run(&c->a, c->root, command, CHECK_TRANSFER_MS, text, sizeof(text));
	snprintf(result, sizeof(result), "%.1f s", seconds() - begun);
	text[strcspn(text, "\r\n")] = '\0';
	if (status < 0)
		snprintf(why, sizeof(why), "%.200s", c->a.why);
	else if (status > 0)
		snprintf(why, sizeof(why), "status %d: %.120s", status, text);
	else if (is_intact(c, why, sizeof(why)))
		why[0] = '\0';
	check_row(c, what, result, why[0] ? why : NULL);
}

/* Runs a command that sends the block out: it was brought in before. */
static void send_out(struct check *c, const char *what, const char *command, struct serve *s)
{
	char why[256] = "", result[32], text[160] = "";
	double begun = seconds();
	int status;

	if (!check_has_shell(c))
		return;
	serve_forget(s);
	status = await_run(&c->a, c->root, command, CHECK_TRANSFER_MS, text, sizeof(text));
	arrives(c, s);
	snprintf(result, sizeof(result), "%.1f s", seconds() - begun);
	text[strcspn(text, "\r\n")] = '\0';
	if (status < 0)
		snprintf(why, sizeof(why), "%.200s", c->a.why);
	else if (!has_arrived(c, s))
		snprintf(why, sizeof(why), "not intact (status %d: %.120s)", status, text);
	check_row(c, what, result, why[0] ? why : NULL);
}

/* Types a script of `echo -ne` lines, as loaders do that find neither wget nor tftp, and runs it. */
static int type_script(struct check *c)
{
	static const char head[] = "stty -echo; cat >" ECHO_SCRIPT "\r";
	char line[4 * ECHO_LINE + 64];
	int err = session_send(c->root, head, sizeof(head) - 1);

	usleep(500000); /* what is typed before echo is off comes back */
	for (size_t at = 0; !err && at < CHECK_BLOCK; at += ECHO_LINE) {
		size_t n = CHECK_BLOCK - at < ECHO_LINE ? CHECK_BLOCK - at : ECHO_LINE;
		int len = snprintf(line, sizeof(line), "echo -ne '");

		for (size_t i = 0; i < n; i++)
			len += snprintf(line + len, sizeof(line) - (size_t)len, "\\x%02x",
					c->block[at + i]);
		len += snprintf(line + len, sizeof(line) - (size_t)len, "'>>" GOT "\r");
		err = session_send(c->root, line, (size_t)len);
	}
	return err ? err : session_send(c->root, "\x04", 1);
}

static void check_echo(struct check *c)
{
	char why[256] = "", result[32];
	double begun = seconds();
	int status;

	if (!check_has_shell(c))
		return;
	await_run(&c->a, c->root, "rm -f " GOT, MACHINE_LOGIN_MS, NULL, 0);
	status = type_script(c);
	if (!status)
		status = await_run(&c->a, c->root, "stty echo; sh " ECHO_SCRIPT "; rm " ECHO_SCRIPT,
				   CHECK_TRANSFER_MS, NULL, 0);
	snprintf(result, sizeof(result), "%.1f s", seconds() - begun);
	if (status < 0)
		snprintf(why, sizeof(why), "%.200s", c->a.why);
	else if (is_intact(c, why, sizeof(why)))
		why[0] = '\0';
	check_row(c, "echo -ne in", result, why[0] ? why : NULL);
}

void check_transfers(struct check *c)
{
	char command[512];
	struct serve *const *s = c->serve;

	snprintf(command, sizeof(command), "wget -q -O " GOT " http://" HOST ":%u/b",
		 serve_port(s[SERVE_HTTP]));
	bring_in(c, "wget in (IPv4 out)", command);
	snprintf(command, sizeof(command), "tftp -g -l " GOT " -r b " HOST " %u",
		 serve_port(s[SERVE_TFTP]));
	bring_in(c, "tftp in", command);
	snprintf(command, sizeof(command), "tftp -p -l " GOT " -r b " HOST " %u",
		 serve_port(s[SERVE_TFTP]));
	send_out(c, "tftp out", command, s[SERVE_TFTP]);
	snprintf(command, sizeof(command), "ftpget -u u -p p -P %u " HOST " " GOT " b",
		 serve_port(s[SERVE_FTP]));
	bring_in(c, "ftpget in", command);
	snprintf(command, sizeof(command), PUT, serve_port(s[SERVE_FTP]));
	send_out(c, "ftpput out", command, s[SERVE_FTP]);
	snprintf(command, sizeof(command), "nc " HOST " %u </dev/null >" GOT,
		 serve_port(s[SERVE_SOURCE]));
	bring_in(c, "nc in", command);
	/* Of nc's many forms none closes for sure at the end of its input. */
	snprintf(command, sizeof(command),
		 "nc " HOST " %u <" GOT
		 " >/dev/null & n=$!; (sleep 20; kill $n) 2>/dev/null & wait $n",
		 serve_port(s[SERVE_SINK]));
	send_out(c, "nc out", command, s[SERVE_SINK]);
	check_echo(c);
}

void check_ipv6(struct check *c)
{
	struct sockaddr_in6 loopback = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	char command[256];
	struct serve *s;
	int err;

	if (!check_has_shell(c))
		return;
	s = serve_new(c->a.loop, SERVE_HTTP, (struct sockaddr *)&loopback, c->block, CHECK_BLOCK,
		      &err);
	if (s) {
		snprintf(command, sizeof(command), "wget -q -O " GOT " 'http://[" HOST6 "]:%u/b'",
			 serve_port(s));
		bring_in(c, "IPv6 out", command);
		serve_free(s);
	} else {
		check_row(c, "IPv6 out", "", "this host has no IPv6 on its loopback device");
	}
}
