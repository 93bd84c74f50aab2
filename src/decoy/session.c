/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include "decoy/session.h"

#include "decoy/connection.h"
#include "decoy/limit.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_AGAIN_MS 1500
#define WHY_LEN 200
#define MARK_LEN 9 /* eight digits: no command has such a word by chance */
#define FORGET_MAX 640
#define FIRST "unset HISTFILE" /* of each shell: bash writes its history when it is hung up */
#define ANSWER_NUMBER 5 /* digits of a marker's number */
#define ANSWER_MAX (MARK_LEN + ANSWER_NUMBER + 5) /* bytes of an answer: "MARK-NUMBER-STATUS-" */
#define SHOWN 60 /* bytes of the guest's text in an error */

enum step {
	STEP_NONE,
	STEP_CONNECT, /* until "login:" */
	STEP_USER, /* until "assword:", or a shell where there is no password */
	STEP_PASSWORD, /* until the marker */
	STEP_RUN,
	STEP_SU, /* until "assword:" */
};

struct session {
	struct connection *connection;
	uv_timer_t limit, again;
	enum step step;
	session_fn *fn;
	void *arg;
	void (*listener)(const char *, size_t, void *);
	void *listener_arg;
	char password[256], mark[MARK_LEN];
	unsigned int marker; /* the number of the one awaited */
	unsigned int asked; /* the last one before this step */
	unsigned int handles;
	bool freed;
	size_t used, searched; /* of text; searched: no marker begins before */
	char *text; /* SESSION_TEXT_MAX + 1 */
};

static void finish(struct session *s, int err, int status, const char *text, size_t len,
		   const char *why)
{
	struct session_result r = { err, status, text, why, len };
	session_fn *fn = s->fn;

	uv_timer_stop(&s->limit);
	s->step = STEP_NONE;
	s->fn = NULL;
	if (fn)
		fn(&r, s->arg);
}

static void on_closed(uv_handle_t *handle)
{
	struct session *s = handle->data;

	if (--s->handles == 0 && s->freed) {
		free(s->text);
		free(s);
	}
}

static void fail(struct session *s, int err, const char *what)
{
	char why[WHY_LEN], shown[SHOWN + 1];
	size_t n = 0;

	for (size_t i = s->used > SHOWN ? s->used - SHOWN : 0; i < s->used; i++)
		if (s->text[i] >= ' ' && s->text[i] <= '~')
			shown[n++] = s->text[i];
	shown[n] = '\0';
	snprintf(why, sizeof(why), "%s%s%s%s", what, n ? "; it last said \"" : "", shown,
		 n ? "\"" : "");
	connection_drop(s->connection);
	uv_timer_stop(&s->again);
	finish(s, err, 0, "", 0, why);
}

static void on_limit(uv_timer_t *timer)
{
	struct session *s = timer->data;

	if (limit_goes_on(timer))
		return;
	switch (s->step) {
	case STEP_NONE:
		break;
	case STEP_CONNECT:
		fail(s, -ETIMEDOUT, "no login prompt came in time");
		break;
	case STEP_USER:
	case STEP_SU:
		fail(s, -ETIMEDOUT, "no password was asked for in time");
		break;
	case STEP_PASSWORD:
		fail(s, -ETIMEDOUT, "no shell came in time");
		break;
	case STEP_RUN:
		fail(s, -ETIMEDOUT, "a command was not done in time");
		break;
	}
}

static void begin(struct session *s, enum step step, unsigned int timeout_ms, session_fn *fn,
		  void *arg)
{
	s->step = step;
	s->fn = fn;
	s->arg = arg;
	s->used = s->searched = 0;
	s->asked = s->marker;
	limit_start(&s->limit, on_limit, timeout_ms);
}

int session_send(struct session *s, const char *bytes, size_t n)
{
	return connection_send(s->connection, bytes, n);
}

static void send_line(struct session *s, const char *line)
{
	if (session_send(s, line, strlen(line)) < 0 || session_send(s, "\r", 1) < 0)
		fail(s, -ECONNRESET, "the connection is gone");
}

/* Asks the shell to show that it is there, and the status of what came before. */
static void send_marked(struct session *s, const char *command)
{
	char line[CONNECTION_SEND_MAX];

	s->marker++;
	if (snprintf(line, sizeof(line), "echo %s''-%u; %s%secho %s''-%u-$?-", s->mark, s->marker,
		     command, command[0] ? "; " : "", s->mark, s->marker) >= (int)sizeof(line))
		fail(s, -EMSGSIZE, "the command is too long");
	else
		send_line(s, line);
}

static bool has(const struct session *s, const char *word)
{
	return memmem(s->text, s->used, word, strlen(word)) != NULL;
}

/*
 * Has the shell answered one of this step's questions? Its status, and in *at where the marker begins. A slow shell
 * answers the first when the next has been asked already.
 */
static bool find_marker(struct session *s, int *status, size_t *at)
{
	char prefix[MARK_LEN + 1], number[ANSWER_NUMBER + 1], digits[4];
	size_t len = (size_t)snprintf(prefix, sizeof(prefix), "%s-", s->mark), from = s->searched;
	const char *found;

	while ((found = memmem(s->text + from, s->used - from, prefix, len))) {
		unsigned long n;
		int end = 0;

		*at = (size_t)(found - s->text);
		from = *at + len;
		/* Three digits at most: what a shell's status is, and no sign. */
		if (sscanf(found + len, "%5[0-9]-%3[0-9]-%n", number, digits, &end) != 2 || !end)
			continue;
		n = strtoul(number, NULL, 10);
		if (n > s->asked && n <= s->marker) {
			*status = atoi(digits);
			return true;
		}
	}
	if (s->used > ANSWER_MAX)
		s->searched = s->used - ANSWER_MAX; /* one that is not whole yet begins behind it */
	return false;
}

/* A command's own lines: those behind the first marker, without carriage returns. */
static void finish_command(struct session *s, int status, size_t len)
{
	char first[32], *from;
	size_t n = 0;

	snprintf(first, sizeof(first), "%s-%u\r\n", s->mark, s->marker);
	from = memmem(s->text, len, first, strlen(first));
	from = from ? from + strlen(first) : s->text;
	for (char *c = from; c < s->text + len; c++)
		if (*c != '\r')
			from[n++] = *c;
	from[n] = '\0';
	finish(s, 0, status, from, n, NULL);
}

static bool is_prompt(const struct session *s)
{
	static const char where[] =
		"\x1b[6n"; /* BusyBox asks the terminal for its cursor, behind the prompt */
	size_t n = s->used, len = sizeof(where) - 1;

	if (n >= len && memcmp(s->text + n - len, where, len) == 0)
		n -= len;
	while (n && s->text[n - 1] == ' ')
		n--;
	return n && strchr("$#>%", s->text[n - 1]);
}

/* A login may throw away what was typed before its shell read: it is asked again. */
static void ask_again(uv_timer_t *timer)
{
	struct session *s = timer->data;

	if (s->step == STEP_PASSWORD)
		send_marked(s, FIRST);
}

static void look_at_text(struct session *s)
{
	int status = 0;
	size_t at = 0;

	switch (s->step) {
	case STEP_NONE:
		break;
	case STEP_CONNECT:
		if (has(s, "ogin: ")) {
			connection_hold(s->connection);
			finish(s, 0, 0, s->text, s->used, NULL);
		}
		break;
	case STEP_USER:
	case STEP_SU:
		if (has(s, "assword:")) {
			s->step = STEP_PASSWORD;
			s->used = s->searched = 0;
			send_line(s, s->password);
			uv_timer_start(&s->again, ask_again, ASK_AGAIN_MS, ASK_AGAIN_MS);
		} else if (has(s, "must be suid") || has(s, "ncorrect")) {
			fail(s, -EACCES, "the login was refused");
		}
		break;
	case STEP_PASSWORD:
		if (find_marker(s, &status, &at)) {
			uv_timer_stop(&s->again);
			finish(s, 0, status, "", 0, NULL);
		} else if (is_prompt(s) && s->marker == s->asked) {
			send_marked(s, FIRST);
		} else if (has(s, "ncorrect") || has(s, "uthentication failure") ||
			   has(s, "denied")) {
			fail(s, -EACCES, "the login was refused");
		}
		break;
	case STEP_RUN:
		if (find_marker(s, &status, &at))
			finish_command(s, status, at);
		break;
	}
}

static void on_attempt(void *arg)
{
	((struct session *)arg)->used = 0;
}

static void on_text(const char *text, size_t len, void *arg)
{
	struct session *s = arg;

	if (s->step == STEP_NONE) {
		if (s->listener)
			s->listener(text, len, s->listener_arg);
		return;
	}
	if (len > SESSION_TEXT_MAX - s->used) {
		fail(s, -EMSGSIZE, "the decoy says more than it may");
		return;
	}
	memcpy(s->text + s->used, text, len);
	s->used += len;
	s->text[s->used] = '\0';
	look_at_text(s);
}

static void on_gone(void *arg)
{
	struct session *s = arg;

	if (s->step != STEP_NONE)
		fail(s, -ECONNRESET, "the decoy has closed the connection");
	else if (s->listener)
		s->listener(NULL, 0, s->listener_arg);
}

static int make_mark(char mark[MARK_LEN])
{
	uint32_t number;

	if (getentropy(&number, sizeof(number)) < 0)
		return -errno;
	snprintf(mark, MARK_LEN, "%08x", number);
	return 0;
}

struct session *session_new(uv_loop_t *loop, const struct sockaddr *addr)
{
	struct session *s = calloc(1, sizeof(*s));
	const struct connection_handlers h = { on_attempt, on_text, on_gone, s };

	if (!s || !(s->text = malloc(SESSION_TEXT_MAX + 1)) || make_mark(s->mark) < 0 ||
	    !(s->connection = connection_new(loop, addr, &h))) {
		if (s)
			free(s->text);
		free(s);
		return NULL;
	}
	uv_timer_init(loop, &s->limit);
	uv_timer_init(loop, &s->again);
	s->limit.data = s->again.data = s;
	s->handles = 2;
	return s;
}

void session_free(struct session *s)
{
	if (!s || s->freed)
		return;
	s->freed = true;
	s->step = STEP_NONE;
	s->fn = NULL;
	s->listener = NULL;
	connection_free(s->connection);
	uv_close((uv_handle_t *)&s->limit, on_closed);
	uv_close((uv_handle_t *)&s->again, on_closed);
}

void session_cancel(struct session *s)
{
	s->step = STEP_NONE;
	s->fn = NULL;
	s->arg = NULL;
	uv_timer_stop(&s->limit);
	uv_timer_stop(&s->again);
	connection_drop(s->connection);
}

void session_connect(struct session *s, unsigned int timeout_ms, session_fn *fn, void *arg)
{
	begin(s, STEP_CONNECT, timeout_ms, fn, arg);
	connection_dial(s->connection);
}

void session_login(struct session *s, const char *user, const char *password,
		   unsigned int timeout_ms, session_fn *fn, void *arg)
{
	begin(s, STEP_USER, timeout_ms, fn, arg);
	snprintf(s->password, sizeof(s->password), "%s", password);
	send_line(s, user);
}

void session_run(struct session *s, const char *command, unsigned int timeout_ms, session_fn *fn,
		 void *arg)
{
	begin(s, STEP_RUN, timeout_ms, fn, arg);
	send_marked(s, command);
}

void session_su(struct session *s, const char *password, unsigned int timeout_ms, session_fn *fn,
		void *arg)
{
	char line[MARK_LEN + 8];

	begin(s, STEP_SU, timeout_ms, fn, arg);
	snprintf(s->password, sizeof(s->password), "%s", password);
	snprintf(line, sizeof(line), "su #%s", s->mark);
	send_line(s, line);
}

/* BusyBox's ash writes each line as it is typed, before it is run, to the file that it began with; bash, see FIRST. */
void session_forget(struct session *s, const char *then, unsigned int timeout_ms, session_fn *fn,
		    void *arg)
{
	char line[FORGET_MAX];

	snprintf(
		line, sizeof(line),
		"history -c >/dev/null 2>&1; "
		"for f in /var/log/lastlog /var/log/wtmp; do [ -s $f ] && [ -w $f ] && : >$f; done; "
		"for f in /root/.*sh_history /home/*/.*sh_history; do "
		"[ -w $f ] && grep -q %s $f && sed -i /%s/d $f && { [ -s $f ] || rm -f $f; }; done%s%s",
		s->mark, s->mark, then[0] ? "; " : "", then);
	session_run(s, line, timeout_ms, fn, arg);
}

const char *session_mark(const struct session *s)
{
	return s->mark;
}

void session_listen(struct session *s, void (*fn)(const char *bytes, size_t n, void *arg),
		    void *arg)
{
	s->listener = fn;
	s->listener_arg = arg;
}
