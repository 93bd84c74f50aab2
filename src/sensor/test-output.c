/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Outputs against what they meet in the field: full disks, slow readers, restarted daemons. */
#define _GNU_SOURCE /* unshare, memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/clock.h"
#include "sensor/helper-fixture.h"
#include "sensor/output.h"
#include "sensor/source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <regex.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>

#define MINUTE_NS (60 * NS_PER_S)

static const struct source_ops *const no_sources[] = { NULL };

struct test {
	struct fixture fixture;
	struct output out;
	char json[4096];
	struct output_record record;
};

static int setup(void **state)
{
	struct test *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	alarm(50);
	signal(SIGPIPE, SIG_IGN);
	fixture_open(&t->fixture);
	t->record = (struct output_record){
		.json = t->json,
		.text = "readable",
		.severity = 3,
		.alert = true,
		.now_ns = 5000 * NS_PER_S,
	};
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct test *t = *state;

	fixture_close(&t->fixture);
	free(t);
	return 0;
}

/* Event number n, `len` bytes long with its newline. */
static void put(struct test *t, unsigned int n, size_t len)
{
	int head = snprintf(t->json, sizeof(t->json), "{\"n\":%u,\"pad\":\"", n);

	assert_true(len < sizeof(t->json) && (size_t)head + 3 <= len);
	memset(t->json + head, 'x', len - (size_t)head - 3);
	memcpy(t->json + len - 3, "\"}\n", 4);
	t->record.json_len = len;
	output_write(&t->out, &t->record);
}

/*
 * Reads a file of such events: each line must be whole and its number above the one before.
 * Returns how many there are; *last is the number of the last.
 */
static unsigned int count_events(const char *path, unsigned int *last)
{
	FILE *f = fopen(path, "r");
	unsigned int count = 0, n;
	char line[8192];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		size_t len = strlen(line);

		assert_int_equal(sscanf(line, "{\"n\":%u,\"pad\":\"x", &n), 1);
		assert_true(len > 3 && strcmp(line + len - 3, "\"}\n") == 0);
		assert_null(strchr(line + 1, '{'));
		assert_true(n > *last);
		*last = n;
		count++;
	}
	fclose(f);
	return count;
}

static int open_events(const struct fixture *f)
{
	int fd = open(f->config.event_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	return fd;
}

/* File ---------------------------------------------------------------------------------------- */

/* Fills the file system of dir to its last byte. */
static void fill_disk(const char *path)
{
	static const char block[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void test_full_disk(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	char *disk = fixture_path(f, "disk"), ballast[128];
	unsigned int n, last = 0, written;

	assert_return_code(mkdir(disk, 0755), errno);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", disk, "tmpfs", 0, "size=256k")) {
		print_message("skipped: no right to mount a file system\n");
		skip();
	}
	snprintf(f->config.event_file, sizeof(f->config.event_file), "%s/eve.json", disk);
	snprintf(ballast, sizeof(ballast), "%s/ballast", disk);
	output_file_init(&t->out, open_events(f), 0, 0, NULL);
	put(t, 1, 1500);
	fill_disk(ballast);
	/* The page the file has begun still takes two and a half: the third is torn. */
	for (n = 2; n <= 100; n++)
		put(t, n, 1500);
	written = (unsigned int)t->out.stats.written;
	assert_int_equal(written, 4096 / 1500);
	assert_int_equal(t->out.stats.lost, 100 - written);
	assert_int_equal(count_events(f->config.event_file, &last), written);
	assert_int_equal(fixture_logged(f, "cannot write events: No space left"), 1);
	assert_int_equal(fixture_logged(f, "works again"), 0);

	unlink(ballast);
	for (n = 101; n <= 110; n++)
		put(t, n, 1500);
	last = 0;
	assert_int_equal(count_events(f->config.event_file, &last), written + 10);
	assert_int_equal(last, 110);
	assert_int_equal(fixture_logged(f, "works again; 98 events were lost"), 1);
	output_close(&t->out);
	umount(disk);
}

static void test_emptied_by_others(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	unsigned int last = 0;
	struct stat st;

	/* logrotate's copytruncate: no hole of zeros before the next event. */
	output_file_init(&t->out, open_events(f), 0, 0, NULL);
	put(t, 1, 500);
	assert_return_code(truncate(f->config.event_file, 0), errno);
	put(t, 2, 500);
	assert_int_equal(count_events(f->config.event_file, &last), 1);
	assert_return_code(stat(f->config.event_file, &st), errno);
	assert_int_equal(st.st_size, 500);
	output_close(&t->out);
}

static void start_file(struct test *t)
{
	struct fixture *f = &t->fixture;
	int fd;

	fixture_serve(f, no_sources);
	fd = helper_call(&f->client, HELPER_OPEN_EVENTS, 0, NULL, 0, NULL);
	assert_true(fd >= 0);
	output_file_init(&t->out, fd, f->config.file_max_bytes, 0, &f->client);
}

/* Reads FILE.keep .. FILE.1, FILE in this order; returns how many events they hold. */
static unsigned int count_all(const struct fixture *f, unsigned int *files, unsigned int *last)
{
	unsigned int i, count = 0;
	struct stat st;
	char path[320];

	*files = 0;
	*last = 0;
	for (i = f->config.file_keep + 1; i-- > 0;) {
		snprintf(path, sizeof(path), i ? "%s.%u" : "%s", f->config.event_file, i);
		if (stat(path, &st))
			continue;
		assert_true(st.st_size <= (off_t)f->config.file_max_bytes);
		count += count_events(path, last);
		++*files;
	}
	return count;
}

static void test_rotation_conserves(void **state)
{
	struct test *t = *state;
	unsigned int n, files, last, total = 45 * 101;

	t->fixture.config.file_keep = 200;
	start_file(t);
	for (n = 1; n <= total; n++)
		put(t, n, 441); /* 45 go into 20000 bytes */
	assert_int_equal(t->out.stats.written, total);
	assert_int_equal(count_all(&t->fixture, &files, &last), total);
	assert_int_equal(files, 101);
	assert_int_equal(last, total);
	output_close(&t->out);
}

static void test_rotation_keeps_the_newest(void **state)
{
	struct test *t = *state;
	unsigned int n, files, last;

	start_file(t);
	for (n = 1; n <= 1000; n++)
		put(t, n, 400); /* 50 a file: 20 files, of which 4 remain */
	assert_int_equal(count_all(&t->fixture, &files, &last), 4 * 50);
	assert_int_equal(files, 4);
	assert_int_equal(last, 1000);
	output_close(&t->out);
}

static void test_rotation_keeps_none(void **state)
{
	struct test *t = *state;
	unsigned int n, files, last;

	t->fixture.config.file_keep = 0;
	start_file(t);
	for (n = 1; n <= 110; n++)
		put(t, n, 400);
	assert_int_equal(count_all(&t->fixture, &files, &last), 10);
	assert_int_equal(files, 1);
	assert_int_equal(access(fixture_path(&t->fixture, "eve.json.1"), F_OK), -1);
	output_close(&t->out);
}

static void test_rotation_fails(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	unsigned int n, last = 0;
	char *obstacle = fixture_path(f, "eve.json.1");

	/* A directory in the way: rename(2) fails with EISDIR, whoever asks. */
	f->config.file_keep = 1;
	assert_return_code(mkdir(obstacle, 0755), errno);
	start_file(t);
	for (n = 1; n <= 200; n++)
		put(t, n, 400); /* 80000 bytes: tried at 20000, 40000 and 80000, if at all */
	assert_int_equal(t->out.stats.written, 200);
	assert_int_equal(count_events(f->config.event_file, &last), 200);
	assert_int_equal(fixture_logged(f, "cannot be rotated"), 1);
	assert_int_equal(access(fixture_path(f, "eve.json.new"), F_OK), -1);

	rmdir(obstacle);
	for (n = 201; n <= 250; n++)
		put(t, n, 400);
	assert_int_equal(fixture_logged(f, "rotation works again"), 1);
	last = 0;
	n = count_events(obstacle, &last);
	assert_int_equal(n + count_events(f->config.event_file, &last), 250);
	output_close(&t->out);
}

static void test_rotation_stuck_loses_nothing(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	unsigned int n, files, last;

	/* The oldest cannot be replaced: asking again and again must not move the others. */
	assert_return_code(mkdir(fixture_path(f, "eve.json.3"), 0755), errno);
	start_file(t);
	for (n = 1; n <= 50 * 3; n++)
		put(t, n, 400);
	for (n = 0; n < 5; n++)
		assert_int_equal(helper_call(&f->client, HELPER_ROTATE_EVENTS, 0, NULL, 0, NULL),
				 -EISDIR);
	rmdir(fixture_path(f, "eve.json.3"));
	assert_int_equal(count_all(f, &files, &last), 50 * 3);
	assert_int_equal(files, 3);
	output_close(&t->out);
}

static void test_helper_gone(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	unsigned int n, last = 0;

	start_file(t);
	kill(f->helper, SIGKILL);
	for (n = 1; n <= 100; n++)
		put(t, n, 400);
	output_reopen(&t->out);
	put(t, 101, 400);
	assert_int_equal(t->out.stats.written, 101);
	assert_int_equal(count_events(f->config.event_file, &last), 101);
	assert_int_equal(fixture_logged(f, "cannot be rotated"), 1);
	assert_int_equal(fixture_logged(f, "cannot be reopened"), 1);
	output_close(&t->out);
	fixture_wait(f);
}

static void test_reopen(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	unsigned int last = 0;
	char *old = fixture_path(f, "moved");

	start_file(t);
	put(t, 1, 400);
	assert_return_code(rename(f->config.event_file, old), errno);
	put(t, 2, 400);
	output_reopen(&t->out);
	put(t, 3, 400);
	assert_int_equal(count_events(old, &last), 2);
	assert_int_equal(count_events(f->config.event_file, &last), 1);
	output_close(&t->out);
}

static void test_hourly_budget(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	unsigned int n, last = 0;

	output_file_init(&t->out, open_events(f), 0, 10000, NULL);
	for (n = 1; n <= 20; n++)
		put(t, n, 1000);
	assert_int_equal(t->out.stats.written, 10);
	assert_int_equal(t->out.stats.over_budget, 10);
	assert_int_equal(t->out.stats.lost, 0);
	assert_int_equal(fixture_logged(f, "budget of 10000 bytes"), 1);
	/* What matters most has a tenth more: two of 500, and no third. */
	t->record.severity = 1;
	put(t, 21, 500);
	t->record.severity = 3;
	t->record.end = true;
	put(t, 22, 500);
	put(t, 23, 500);
	t->record.severity = 1;
	put(t, 24, 500);
	assert_int_equal(t->out.stats.written, 12);
	t->record.end = false;
	/* An hour later it starts anew. */
	t->record.now_ns += 59 * MINUTE_NS;
	put(t, 25, 1000);
	assert_int_equal(t->out.stats.written, 12);
	t->record.now_ns += MINUTE_NS;
	put(t, 26, 1000);
	assert_int_equal(t->out.stats.written, 13);
	assert_int_equal(fixture_logged(f, "13 events of the last were left out"), 1);
	assert_int_equal(fixture_logged(f, "budget of 10000 bytes"), 1);
	assert_int_equal(count_events(f->config.event_file, &last), 13);
	output_close(&t->out);
}

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
	assert_int_equal(lines, t->out.stats.written);
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

/* Executable ---------------------------------------------------------------------------------- */

static unsigned int lines_in(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned int n = 0;
	int c;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

static void test_exec_rate(void **state)
{
	struct test *t = *state;
	struct fixture *f = &t->fixture;
	const char *ran = fixture_path(f, "ran");
	FILE *script = fopen(fixture_path(f, "script"), "w");
	unsigned int n;

	assert_non_null(script);
	fputs("#!/bin/sh\ncat >>$1\n", script);
	fclose(script);
	chmod(fixture_path(f, "script"), 0755);
	close(open(ran, O_CREAT | O_WRONLY, 0666));
	chmod(ran, 0666);
	strcpy(f->config.on_finding_user, "nobody");
	snprintf(f->config.on_finding, sizeof(f->config.on_finding), "%s/script %s", f->dir, ran);
	f->config.on_finding_at_once = 8;
	f->config.on_finding_timeout_ns = 20 * NS_PER_S;
	fixture_serve(f, no_sources);
	output_exec_init(&t->out, &f->client, 3);

	t->record.alert = false;
	put(t, 1, 100);
	t->record.alert = true;
	for (n = 2; n <= 10; n++)
		put(t, n, 100);
	assert_int_equal(t->out.stats.written, 3);
	assert_int_equal(t->out.stats.over_budget, 6);
	assert_int_equal(fixture_logged(f, "more than 3 findings in a minute"), 1);
	t->record.now_ns += MINUTE_NS;
	put(t, 11, 100);
	assert_int_equal(t->out.stats.written, 4);
	output_close(&t->out);
	assert_int_equal(fixture_end(f, 0), 0);
	assert_int_equal(lines_in(ran), 4);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_full_disk),
		CASE(test_emptied_by_others),
		CASE(test_rotation_conserves),
		CASE(test_rotation_keeps_the_newest),
		CASE(test_rotation_keeps_none),
		CASE(test_rotation_fails),
		CASE(test_rotation_stuck_loses_nothing),
		CASE(test_helper_gone),
		CASE(test_reopen),
		CASE(test_hourly_budget),
		CASE(test_readable_lines),
		CASE(test_stopped_reader),
		CASE(test_replay_waits),
		CASE(test_terminal),
		CASE(test_terminal_of_another),
		CASE(test_syslog_grammar),
		CASE(test_syslog_restarts),
		CASE(test_syslog_does_not_read),
		CASE(test_syslog_addresses),
		CASE(test_exec_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
