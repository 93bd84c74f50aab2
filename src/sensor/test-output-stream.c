/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events to terminals, pipes and syslog: slow readers, hanging windows, restarted daemons. */
#define _GNU_SOURCE /* posix_openpt */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sensor/output-fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <regex.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <termios.h>

/* Stream -------------------------------------------------------------------------------------- */

static void test_readable_lines(void **state)
{
	struct test *t = *state;
	struct output_record r = t->record;
	static const char expected[] = "\033[1;31mreadable\033[0m\n"
				       "\033[31mreadable\033[0m\n"
				       "\033[33mreadable\033[0m\n"
				       "\033[36mreadable\033[0m\n"
				       "\033[2mreadable\033[0m\n"
				       "readable\n";
	char got[512];
	int ends[2];

	assert_return_code(pipe(ends), errno);
	output_stream_init(&t->out, ends[1], false, true);
	for (r.severity = 1; r.severity <= 3; r.severity++)
		output_write(&t->out, &r);
	r.alert = false;
	output_write(&t->out, &r);
	r.end = true;
	output_write(&t->out, &r);
	output_stream_status(&t->out, "no terminal, no status line");
	t->out.stream.colour = false;
	output_write(&t->out, &r);
	assert_int_equal(read(ends[0], got, sizeof(got)), sizeof(expected) - 1);
	assert_memory_equal(got, expected, sizeof(expected) - 1);
	output_close(&t->out);
	assert_int_equal(write(ends[1], "", 1), 1); /* it stays the caller's */
	close(ends[0]);
	close(ends[1]);
}

static void test_stopped_reader(void **state)
{
	struct test *t = *state;
	unsigned int n, lines = 0;
	char buf[65536];
	int ends[2];
	ssize_t len, i;

	assert_return_code(pipe(ends), errno);
	output_stream_init(&t->out, ends[1], true, false);
	for (n = 1; n <= 1000; n++)
		put(t, n, 1000);
	assert_true(t->out.stats.written >= 15 && t->out.stats.written < 70);
	assert_int_equal(t->out.stats.written + t->out.stats.lost, 1000);
	assert_int_equal(fixture_logged(&t->fixture, "cannot write events"), 1);
	len = read(ends[0], buf, sizeof(buf));
	for (i = 0; i < len; i++)
		lines += buf[i] == '\n';
	assert_int_equal(lines, t->out.stats.written); /* and no half one */
	put(t, 1001, 1000);
	assert_int_equal(fixture_logged(&t->fixture, "works again"), 1);

	n = (unsigned int)t->out.stats.lost;
	close(ends[0]);
	put(t, 1002, 1000); /* EPIPE */
	assert_int_equal(t->out.stats.lost, n + 1);
	output_close(&t->out);
	assert_int_equal(fixture_logged(&t->fixture, "1 events were lost to the end"), 1);
	close(ends[1]);
}

static void test_replay_waits(void **state)
{
	struct test *t = *state;
	unsigned int n, lines = 0;
	int ends[2], status;
	ssize_t len, i;
	char buf[8192];
	pid_t pid;

	assert_return_code(pipe(ends), errno);
	pid = fork();
	if (pid == 0) { /* the writer */
		close(ends[0]);
		output_stream_init(&t->out, ends[1], true, false);
		output_stream_wait(&t->out, -1);
		for (n = 1; n <= 1000; n++)
			put(t, n, 1000);
		_exit(t->out.stats.lost != 0);
	}
	close(ends[1]);
	usleep(50000); /* it is late, and then slow */
	while ((len = read(ends[0], buf, sizeof(buf))) > 0) {
		for (i = 0; i < len; i++)
			lines += buf[i] == '\n';
		usleep(200);
	}
	assert_int_equal(lines, 1000);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(ends[0]);
}

/* What the terminal shows since the last time, as text. */
static const char *shown(int master)
{
	static char text[4096];
	ssize_t n = read(master, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_terminal(void **state)
{
	struct test *t = *state;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK), slave;
	struct winsize size = { .ws_row = 24, .ws_col = 12 };
	unsigned int n;

	if (master < 0 || grantpt(master) || unlockpt(master)) {
		print_message("skipped: no pseudo-terminals\n");
		skip();
	}
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	assert_return_code(ioctl(slave, TIOCSWINSZ, &size), errno);
	output_stream_init(&t->out, slave, false, false);

	output_stream_status(&t->out, "12 peers, nothing found");
	assert_string_equal(shown(master), "\r\033[K12 peers, n");
	output_stream_status(&t->out, "見守り見守り見守り見守り"); /* cut between characters */
	assert_string_equal(shown(master), "\r\033[K見守り見守り見守り見守");
	output_write(&t->out, &t->record);
	assert_string_equal(shown(master), "\r\033[Kreadable\r\n");
	output_write(&t->out, &t->record);
	assert_string_equal(shown(master), "readable\r\n");
	output_stream_status(&t->out, NULL);
	assert_string_equal(shown(master), "");

	/* Ctrl-S: nothing waits, all is counted. */
	assert_return_code(tcflow(slave, TCOOFF), errno);
	for (n = 0; n < 100; n++)
		output_write(&t->out, &t->record);
	assert_int_equal(t->out.stats.lost, 100);
	assert_return_code(tcflow(slave, TCOON), errno);
	output_write(&t->out, &t->record);
	assert_string_equal(shown(master), "readable\r\n");
	/* The descriptor given, and so the shell's, still blocks. */
	assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
	output_close(&t->out);
	close(slave);
	close(master);
}

/* The engine is another user than the terminal's owner, and the terminal's window hangs. */
static void test_terminal_of_another(void **state)
{
	struct test *t = *state;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK), slave;
	unsigned int lines = 0, n;
	const char *text;

	if (getuid() != 0 || master < 0 || grantpt(master) || unlockpt(master)) {
		print_message("skipped: needs root and a pseudo-terminal\n");
		skip();
	}
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	assert_return_code(seteuid(65534), errno);
	output_stream_init(&t->out, slave, false, false);
	assert_return_code(seteuid(0), errno);
	assert_int_equal(t->out.stream.own_fd, -1);

	for (n = 0; n < 100000; n++)
		output_write(&t->out, &t->record);
	assert_true(t->out.stats.lost > 0);
	assert_int_equal(t->out.stats.written + t->out.stats.lost, 100000);
	assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
	/* Half a line at the end, perhaps; what follows once it is read is on a line of its own. */
	while (*(text = shown(master)))
		for (; *text; text++)
			lines += *text == '\n';
	/* Nothing that counts as written is missing; a line torn and ended counts as lost. */
	assert_true(lines >= t->out.stats.written);
	output_write(&t->out, &t->record);
	text = shown(master);
	assert_string_equal(text + (strncmp(text, "\r\n", 2) == 0 ? 2 : 0), "readable\r\n");
	output_close(&t->out);
	close(slave);
	close(master);
}

/* Syslog -------------------------------------------------------------------------------------- */

static int receiver(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	assert_return_code(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), errno);
	return fd;
}

/* One datagram as text, or "". */
static const char *received(int fd)
{
	static char text[8192];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* RFC 5424 §6: HEADER SP STRUCTURED-DATA SP MSG, with the time in UTC as TIME-SECFRAC allows. */
static void assert_rfc5424(const char *message, unsigned int pri, const char *msgid,
			   const char *msg)
{
	static const char grammar[] =
		"^<([0-9]{1,3})>1 "
		"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{6}Z "
		"device_one mimamori-sensor ([0-9]+) ([!-~]{1,32}) - (\\{.*\\})$";
	regmatch_t m[5];
	regex_t re;

	assert_int_equal(regcomp(&re, grammar, REG_EXTENDED), 0);
	assert_int_equal(regexec(&re, message, 5, m, 0), 0);
	regfree(&re);
	assert_int_equal(atoi(message + m[1].rm_so), pri);
	assert_int_equal(atoi(message + m[2].rm_so), getpid());
	assert_int_equal(m[3].rm_eo - m[3].rm_so, strlen(msgid));
	assert_memory_equal(message + m[3].rm_so, msgid, strlen(msgid));
	assert_int_equal(strlen(message + m[4].rm_so) + 1, strlen(msg)); /* all but its newline */
	assert_memory_equal(message + m[4].rm_so, msg, strlen(msg) - 1);
}

static void start_syslog(struct test *t, const char *path)
{
	int fd = output_syslog_open(path);

	assert_true(fd >= 0);
	/* A host's name may hold what a header field may not. */
	assert_int_equal(output_syslog_init(&t->out, fd, path, SYSLOG_FACILITY_DAEMON, "device one",
					    "mimamori-sensor"),
			 0);
}

static void test_syslog_grammar(void **state)
{
	struct test *t = *state;
	/* facility 3 times 8, and critical, warning, notice, informational (RFC 5424 §6.2.1) */
	static const unsigned int pri[] = { 26, 28, 29, 30 };
	const char *path = fixture_path(&t->fixture, "log-socket");
	int fd = receiver(path);
	unsigned int i;

	start_syslog(t, path);
	for (i = 0; i < 4; i++) {
		t->record.severity = (uint8_t)(i + 1);
		put(t, i, 300 + 1200 * i);
		assert_rfc5424(received(fd), pri[i], "finding", t->json);
	}
	t->record.alert = false;
	put(t, 9, 300);
	assert_rfc5424(received(fd), 30, "notice", t->json);
	output_close(&t->out);
	close(fd);
}

static void test_syslog_restarts(void **state)
{
	struct test *t = *state;
	const char *path = fixture_path(&t->fixture, "log-socket");
	int fd = receiver(path);

	start_syslog(t, path);
	put(t, 1, 300);
	close(fd);
	unlink(path);
	put(t, 2, 300);
	put(t, 3, 300);
	assert_int_equal(t->out.stats.lost, 2);
	fd = receiver(path);
	put(t, 4, 300);
	assert_rfc5424(received(fd), 29, "finding", t->json);
	assert_int_equal(t->out.stats.written, 2);
	assert_int_equal(fixture_logged(&t->fixture, "syslog: cannot write"), 1);
	assert_int_equal(fixture_logged(&t->fixture, "works again; 2 events"), 1);

	/* Restarted while nothing was sent: nothing is lost at all. */
	close(fd);
	unlink(path);
	fd = receiver(path);
	put(t, 5, 300);
	assert_rfc5424(received(fd), 29, "finding", t->json);
	assert_int_equal(t->out.stats.lost, 2);
	output_close(&t->out);
	close(fd);
}

static void test_syslog_does_not_read(void **state)
{
	struct test *t = *state;
	const char *path = fixture_path(&t->fixture, "log-socket");
	int fd = receiver(path);
	unsigned int n;

	start_syslog(t, path);
	for (n = 1; n <= 2000; n++)
		put(t, n, 1000);
	assert_true(t->out.stats.written > 0 && t->out.stats.lost > 0);
	assert_int_equal(t->out.stats.written + t->out.stats.lost, 2000);
	output_close(&t->out);
	close(fd);
}

static void test_syslog_addresses(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct sockaddr_in6 addr6 = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(addr);
	struct test *t = *state;
	char path[64];

	assert_int_equal(output_syslog_open("/nonexistent/log"), -ENOENT);
	assert_int_equal(output_syslog_open(""), -EINVAL);
	assert_int_equal(output_syslog_open("udp:"), -EINVAL);
	assert_int_equal(output_syslog_open("udp:127.0.0.1"), -EINVAL);
	assert_int_equal(output_syslog_open("udp:127.0.0.1:0"), -EINVAL);
	assert_int_equal(output_syslog_open("udp:127.0.0.1:65536"), -EINVAL);
	assert_int_equal(output_syslog_open("udp:127.0.0.1:514x"), -EINVAL);
	assert_int_equal(output_syslog_open("udp:[::1:514"), -EINVAL);
	assert_int_equal(output_syslog_open("udp:[]:514"), -EINVAL);
	assert_int_equal(output_syslog_open("udp:name:514"), -EINVAL);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_return_code(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), errno);
	assert_return_code(getsockname(fd, (struct sockaddr *)&addr, &len), errno);
	snprintf(path, sizeof(path), "udp:127.0.0.1:%u", ntohs(addr.sin_port));
	start_syslog(t, path);
	put(t, 1, 4000);
	assert_rfc5424(received(fd), 29, "finding", t->json);
	output_close(&t->out);
	close(fd);

	addr6.sin6_addr = in6addr_loopback;
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr6, sizeof(addr6))) {
		print_message("skipped: no IPv6 here\n");
		skip();
	}
	len = sizeof(addr6);
	assert_return_code(getsockname(fd, (struct sockaddr *)&addr6, &len), errno);
	snprintf(path, sizeof(path), "udp:[::1]:%u", ntohs(addr6.sin6_port));
	start_syslog(t, path);
	put(t, 2, 4000);
	assert_rfc5424(received(fd), 29, "finding", t->json);
	output_close(&t->out);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_readable_lines),	CASE(test_stopped_reader),
		CASE(test_replay_waits),	CASE(test_terminal),
		CASE(test_terminal_of_another), CASE(test_syslog_grammar),
		CASE(test_syslog_restarts),	CASE(test_syslog_does_not_read),
		CASE(test_syslog_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
