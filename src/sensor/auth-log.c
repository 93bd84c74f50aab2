/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/auth-log.h"

#include "core/clock.h"
#include "core/log.h"
#include "sensor/auth-text.h"
#include "sensor/helper.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_LEN 4096 /* several lines, ten records of btmp */
#define JOURNAL_OBJECTS 4096 /* at a time: some 600 entries */
#define NO_FILE ((struct auth_tail){ .fd = -1 })

_Static_assert(BUFFER_LEN > AUTH_LINE_MAX, "an over-long line is known as such within a buffer");

/* Reading of one log: where its messages go. */
struct reading {
	struct auth_logs *a;
	unsigned int index, told;
};

/* Is the line of this host? Loggers that start before the host has its name write "localhost". */
static bool is_ours(const struct auth_logs *a, struct cursor host)
{
	struct cursor rest = host;
	size_t len;

	text_split(&rest, ".", &host);
	len = cursor_left(&host);
	return !len || text_is(&host, "localhost") ||
	       (len == strlen(a->host) && strncasecmp((const char *)host.pos, a->host, len) == 0);
}

static void tell(struct reading *r, struct auth_line *line)
{
	struct auth_logs *a = r->a;

	line->record.t_ns = a->clock->read_ns;
	if (!is_ours(a, line->host)) {
		a->stats.foreign++;
		return;
	}
	line->record.times = (uint16_t)auth_merge(&a->merge, line, r->index);
	if (!line->record.times) {
		a->stats.repeated++;
		return;
	}
	if (line->record.result == AUTH_FAILED)
		a->stats.failures += line->record.times;
	else
		a->stats.successes += line->record.times;
	r->told++;
	a->fn(&line->record, a->arg);
}

static void take(struct reading *r, enum auth_said said, struct auth_line *line)
{
	switch (said) {
	case AUTH_SAID_NOTHING:
		break;
	case AUTH_SAID:
		tell(r, line);
		break;
	case AUTH_SAID_NAME:
		r->a->stats.named++;
		break;
	case AUTH_SAID_DOUBTFUL:
		r->a->stats.doubtful++;
		break;
	}
}

static void take_message(struct cursor program, struct cursor message, void *arg)
{
	struct auth_line line;
	enum auth_said said = auth_message_parse(program, message, &line);

	take(arg, said, &line);
}

/* The whole lines of a buffer. Returns how many bytes of it are done with. */
static size_t take_lines(struct reading *r, struct auth_tail *t, const void *buf, size_t len)
{
	struct cursor c = cursor_over(buf, len), text;
	struct auth_line line;

	while (text_split(&c, "\n", &text)) {
		if (t->overlong || cursor_left(&text) > AUTH_LINE_MAX)
			r->a->stats.overlong++;
		else
			take(r, auth_line_parse(text.pos, cursor_left(&text), &line), &line);
		t->overlong = false;
	}
	if (cursor_left(&c) > AUTH_LINE_MAX)
		t->overlong = true;
	return t->overlong ? len : len - cursor_left(&c);
}

static size_t take_records(struct reading *r, const void *buf, size_t len)
{
	size_t bytes = auth_btmp_bytes();
	struct cursor c = cursor_over(buf, len);
	const uint8_t *record;
	struct auth_line line = { 0 };

	while ((record = cursor_take(&c, bytes)))
		take(r, auth_btmp_parse(record, bytes, &line), &line);
	return len - cursor_left(&c);
}

/* True: more than a chunk was there. */
static bool read_bytes(struct reading *r, const struct auth_file *f, struct auth_tail *t)
{
	uint64_t end = t->offset + AUTH_LOG_CHUNK;
	uint8_t buf[BUFFER_LEN];
	struct stat st;

	if (fstat(t->fd, &st))
		return false;
	if ((uint64_t)st.st_size < t->offset) { /* copytruncate */
		t->offset = 0;
		t->overlong = false;
		r->a->stats.rotated++;
		end = AUTH_LOG_CHUNK;
	}
	while (t->offset < end) {
		ssize_t n = pread(t->fd, buf, sizeof(buf), (off_t)t->offset);
		size_t done;

		if (n <= 0)
			return false;
		done = f->kind == AUTH_BTMP ? take_records(r, buf, (size_t)n) :
					      take_lines(r, t, buf, (size_t)n);
		if (!done) /* the rest of it is still to be written */
			return false;
		t->offset += done;
	}
	return true;
}

static bool read_tail(struct reading *r, const struct auth_file *f, struct auth_tail *t)
{
	if (t->fd < 0)
		return false;
	if (f->kind != AUTH_JOURNAL)
		return read_bytes(r, f, t);
	if (!t->journal.open) {
		int err = auth_journal_start(&t->journal, t->fd, false);
		if (err == -EINVAL) {
			log_warning("the journal %s has a form that is not known: it is not read",
				    f->path);
			close(t->fd);
			t->fd = -1;
		}
		if (err)
			return false;
	}
	return auth_journal_read(&t->journal, t->fd, JOURNAL_OBJECTS, take_message, r);
}

/* How far it was read, in what there is to count. */
static uint64_t position(const struct auth_log *log)
{
	return log->file->kind == AUTH_JOURNAL ? log->now.journal.entries : log->now.offset;
}

/* To the end, with all that is there left out. */
static void skip_to_end(struct auth_log *log, struct auth_tail *t)
{
	struct stat st;
	char last;

	if (log->file->kind == AUTH_JOURNAL)
		auth_journal_start(&t->journal, t->fd, true);
	else if (fstat(t->fd, &st) == 0)
		t->offset = (uint64_t)st.st_size;
	/* Perhaps within a line that is not yet whole: what follows is the peer's text, no line's beginning. */
	if (log->file->kind == AUTH_TEXT && t->offset)
		t->overlong = pread(t->fd, &last, 1, (off_t)t->offset - 1) == 1 && last != '\n';
	if (log->file->kind == AUTH_BTMP)
		t->offset -= t->offset % auth_btmp_bytes();
}

static void close_tail(struct auth_tail *t)
{
	if (t->fd >= 0)
		close(t->fd);
	*t = NO_FILE;
}

static struct auth_tail open_tail(const struct auth_logs *a, unsigned int index, char *error)
{
	struct auth_tail t = NO_FILE;
	struct stat st;

	t.fd = helper_call(a->helper, HELPER_OPEN_LOG, index, NULL, 0, error);
	if (t.fd >= 0 && fstat(t.fd, &st) == 0) {
		t.dev = st.st_dev;
		t.ino = st.st_ino;
	}
	return t;
}

/* The name stands for another file now. */
static void reopen(struct reading *r, struct auth_log *log)
{
	struct auth_tail fresh;
	char error[HELPER_ERROR_LEN];
	struct stat st;

	fresh = open_tail(r->a, r->index, error);
	if (fresh.fd < 0) /* gone again: its next coming will be told */
		return;
	if (log->now.fd >= 0 && log->now.dev == fresh.dev && log->now.ino == fresh.ino) {
		close(fresh.fd);
		return;
	}
	r->a->stats.rotated++;
	close_tail(&log->before);
	log->before = log->now;
	log->now = fresh;
	if (fstat(fresh.fd, &st) == 0 && st.st_size > AUTH_LOG_OLD &&
	    log->file->kind != AUTH_JOURNAL)
		skip_to_end(log, &log->now);
}

/* What inotify has to say. True: something; *renamed: the log's name has come anew. */
static bool drain(const struct auth_log *log, bool *renamed)
{
	_Alignas(struct inotify_event) uint8_t buf[BUFFER_LEN];
	ssize_t n = read(log->watch_fd, buf, sizeof(buf));
	struct cursor c = cursor_over(buf, n > 0 ? (size_t)n : 0);
	struct inotify_event e;
	const uint8_t *head;

	*renamed = false;
	while ((head = cursor_take(&c, sizeof(e)))) {
		const uint8_t *name;

		memcpy(&e, head, sizeof(e));
		name = cursor_take(&c, e.len);
		if (!name)
			break;
		if (e.mask & IN_Q_OVERFLOW ||
		    (e.len > strlen(log->base) && strcmp((const char *)name, log->base) == 0))
			*renamed = true;
	}
	return n > 0;
}

/* The rotated file is done with once loggers write to the new one. */
static bool read_both(struct reading *r, struct auth_log *log)
{
	struct stat st;
	bool begun = log->now.fd >= 0 && fstat(log->now.fd, &st) == 0 && st.st_size > 0;
	bool more = read_tail(r, log->file, &log->before);

	if (log->before.fd >= 0 && begun && !more)
		close_tail(&log->before);
	return read_tail(r, log->file, &log->now) || more;
}

unsigned int auth_logs_read(struct auth_logs *a, unsigned int i)
{
	struct auth_log *log = &a->log[i];
	struct reading r = { .a = a, .index = i };
	bool more = false;

	clock_sync_live(a->clock);
	for (unsigned int round = 0; round < AUTH_LOG_ROUNDS; round++) {
		bool renamed, events = drain(log, &renamed);

		if (renamed)
			reopen(&r, log);
		more = read_both(&r, log);
		if (!events && !more)
			return r.told;
	}
	if (more && log->now.fd >= 0) {
		uint64_t from = position(log);

		close_tail(&log->before);
		skip_to_end(log, &log->now);
		a->stats.skipped += position(log) - from;
	}
	return r.told;
}

int auth_logs_fd(const struct auth_logs *a, unsigned int i)
{
	return i < AUTH_FILES_MAX && a->log[i].file ? a->log[i].watch_fd : -1;
}

static void follow(struct auth_logs *a, const struct auth_file *f, unsigned int i)
{
	struct auth_log *log = &a->log[i];
	char error[HELPER_ERROR_LEN] = "";

	log->watch_fd = helper_call(a->helper, HELPER_WATCH_LOG, i, NULL, 0, error);
	if (log->watch_fd < 0) {
		log_warning("logins are not read from %s: %s", f->path, error);
		return;
	}
	log->file = f;
	log->base = strrchr(f->path, '/') + 1;
	log->now = open_tail(a, i, error);
	if (log->now.fd < 0) {
		log_warning("logins are read from %s once that can be done: %s", f->path, error);
		return;
	}
	log_info("logins are read from %s (%s)", f->path, auth_kind_name(f->kind));
	skip_to_end(log, &log->now);
}

void auth_logs_init(struct auth_logs *a, const struct auth_files *files,
		    struct helper_client *helper, struct clock *clock, auth_log_fn *fn, void *arg)
{
	*a = (struct auth_logs){ .helper = helper, .clock = clock, .fn = fn, .arg = arg };
	if (gethostname(a->host, sizeof(a->host) - 1) == 0)
		a->host[strcspn(a->host, ".")] = '\0';
	for (unsigned int i = 0; i < AUTH_FILES_MAX; i++) {
		a->log[i].watch_fd = -1;
		a->log[i].now = a->log[i].before = NO_FILE;
		if (i < files->count)
			follow(a, &files->file[i], i);
	}
}

void auth_logs_done(struct auth_logs *a)
{
	for (unsigned int i = 0; i < AUTH_FILES_MAX; i++) {
		struct auth_log *log = &a->log[i];

		close_tail(&log->now);
		close_tail(&log->before);
		if (log->watch_fd >= 0)
			close(log->watch_fd);
		log->watch_fd = -1;
	}
}
