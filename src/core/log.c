/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/log.h"

#include "core/clock.h"
#include "core/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 1024 /* of a line before escaping */
#define ESCAPED_BYTES 2048

static struct {
	const char *name;
	enum log_target target;
	enum log_level level;
	int syslog_fd; /* a connected datagram socket, -1: none */
	bool journal; /* stderr is the journal: it reads "<N>" in front of a line (sd-daemon(3)) */
} log_state = { NULL, LOG_TO_STDERR, LOG_LEVEL_INFO, -1, false };

static const struct {
	const char *word;
	int priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error: ", LOG_ERR },
	[LOG_LEVEL_WARNING] = { "warning: ", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug: ", LOG_DEBUG },
};

/* $JOURNAL_STREAM may be inherited by a process whose stderr is another: see systemd.exec(5). */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char expected[48];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(expected, sizeof(expected), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, expected) == 0;
}

static int syslog_connect(void)
{
	static const struct sockaddr_un daemon = { .sun_family = AF_UNIX, .sun_path = _PATH_LOG };

	return connect(log_state.syslog_fd, (const struct sockaddr *)&daemon, sizeof(daemon));
}

void log_init(const char *name, enum log_target target, enum log_level level)
{
	log_state.name = name;
	log_state.target = target;
	log_state.level = level;
	log_state.journal = target == LOG_TO_STDERR && stderr_is_journal();
	if (target != LOG_TO_STDERR && log_state.syslog_fd < 0) {
		/* Now: later the process may be unable to open a socket, or the time zone. */
		log_state.syslog_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		syslog_connect();
		tzset();
	}
}

enum log_level log_level(void)
{
	return log_state.level;
}

/* Text as one safe line: what would act on a terminal, or is no UTF-8, as \xNN byte by byte. */
static void escape(const char *text, char *out, size_t size)
{
	struct cursor c = cursor_over(text, strlen(text));
	size_t len = 0;

	while (cursor_left(&c)) {
		const uint8_t *from = c.pos;
		int32_t code = utf8_next(&c);
		bool plain = code >= 0 && !utf8_is_control(code);

		for (; from < c.pos; from++) {
			/* Room for one escape, the dots and the NUL. */
			if (len + 8 > size) {
				memcpy(out + len, "...", 4);
				return;
			}
			if (plain)
				out[len++] = (char)*from;
			else
				len += (size_t)snprintf(out + len, 5, "\\x%02x", *from);
		}
	}
	out[len] = '\0';
}

static void write_stderr(const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(STDERR_FILENO, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nobody is left to tell */
		bytes += n;
		len -= (size_t)n;
	}
}

/*
 * Not syslog(3), which takes memory and opens a socket when the daemon has been restarted. A line that
 * the daemon does not take at once is lost: nothing waits for a log.
 */
static void write_syslog(int priority, const char *text)
{
	char line[ESCAPED_BYTES + 128], when[32];
	struct timespec now;
	struct tm tm;
	int len;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%b %e %T", &tm); /* RFC 3164, as the daemon's socket has it */
	len = snprintf(line, sizeof(line), "<%d>%s %.64s[%d]: %s", LOG_DAEMON | priority, when,
		       log_state.name, (int)getpid(), text);
	/* A daemon that was restarted has a new socket. */
	if (send(log_state.syslog_fd, line, (size_t)len, MSG_NOSIGNAL) < 0 && errno != EAGAIN &&
	    syslog_connect() == 0)
		send(log_state.syslog_fd, line, (size_t)len, MSG_NOSIGNAL);
}

__attribute__((format(printf, 2, 0))) static void emit(enum log_level level, const char *fmt,
						       va_list args)
{
	char text[LINE_BYTES], escaped[ESCAPED_BYTES], line[ESCAPED_BYTES + 128];
	int n = vsnprintf(text, sizeof(text), fmt, args);
	int len;

	if (n < 0)
		return;
	if ((size_t)n >= sizeof(text))
		memcpy(text + sizeof(text) - 4, "...", 4);
	escape(text, escaped, sizeof(escaped));
	if (log_state.target != LOG_TO_STDERR) {
		snprintf(line, sizeof(line), "%s%s", levels[level].word, escaped);
		write_syslog(levels[level].priority, line);
		if (log_state.target == LOG_TO_SYSLOG)
			return;
	}
	if (log_state.journal)
		len = snprintf(line, sizeof(line), "<%d>%s\n", levels[level].priority, escaped);
	else
		len = snprintf(line, sizeof(line), "%.64s: %s%s\n",
			       log_state.name ? log_state.name : "mimamori", levels[level].word,
			       escaped);
	/* One write for one line, so that lines of several processes do not mix. */
	write_stderr(line, (size_t)len);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	va_list args;

	if (level > log_state.level)
		return;
	va_start(args, fmt);
	emit(level, fmt, args);
	va_end(args);
	errno = saved;
}

void log_limited(struct log_limit *limit, enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	struct timespec ts;
	uint64_t now_ns;
	va_list args;

	if (level > log_state.level)
		return;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	now_ns = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
	if (!limit->since_ns || now_ns - limit->since_ns >= limit->interval_s * NS_PER_S) {
		limit->since_ns = now_ns;
		limit->used = 0;
	}
	if (limit->used >= limit->burst) {
		limit->left_out += limit->left_out < UINT32_MAX;
	} else {
		limit->used++;
		if (limit->left_out)
			log_line(level, "%u more lines like the next one were left out",
				 limit->left_out);
		limit->left_out = 0;
		va_start(args, fmt);
		emit(level, fmt, args);
		va_end(args);
	}
	errno = saved;
}
