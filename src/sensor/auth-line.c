/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The head of a log line: time, host, program. What the programs say is auth-programs.c's.
 */
#include "sensor/auth-line.h"

#include "sensor/auth-programs.h"
#include "sensor/auth-text.h"

#define TIME_LEN 15 /* "Nov 22 06:41:12" */
#define WEEKDAY_LEN 4 /* "Sun " */
#define ISO_DATE_LEN 10 /* "2026-11-22" */
#define HEAD_WORDS 2 /* host and facility.severity, at most, stand before the program */

/* "Nov 22 06:41:12": blanks for leading zeroes. */
static bool skip_classic_time(struct cursor *c)
{
	static const char shape[] = "aaa _0 00:00:00";
	const uint8_t *p = c->pos;

	if (cursor_left(c) < TIME_LEN)
		return false;
	for (int i = 0; i < TIME_LEN; i++) {
		bool letter = (p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'z';

		if (shape[i] == 'a' ? !letter :
		    shape[i] == '0' ? !text_is_digit(p[i]) :
		    shape[i] == '_' ? p[i] != ' ' && !text_is_digit(p[i]) :
				      p[i] != (uint8_t)shape[i])
			return false;
	}
	c->pos += TIME_LEN;
	return true;
}

/* "2026-11-22T06:41:12.123456+00:00", as a word. */
static bool skip_iso_time(struct cursor *c)
{
	struct cursor rest = *c, word;

	if (cursor_left(c) <= ISO_DATE_LEN || !text_is_digit(c->pos[0]) || c->pos[4] != '-' ||
	    c->pos[ISO_DATE_LEN] != 'T' || !text_split(&rest, " ", &word))
		return false;
	rest.pos--; /* the blank stays */
	*c = rest;
	return true;
}

/* Any of the times; *year: it was one of those with a weekday before and a year behind. */
static bool skip_time(struct cursor *c, bool *year)
{
	struct cursor at = *c;
	uint32_t number;

	*year = false;
	if (skip_iso_time(c) || skip_classic_time(c))
		return true;
	if (cursor_left(c) > WEEKDAY_LEN && c->pos[WEEKDAY_LEN - 1] == ' ' &&
	    cursor_skip(&at, WEEKDAY_LEN) && skip_classic_time(&at) && text_skip(&at, " ") &&
	    text_number(&at, 9999, &number)) {
		*year = true;
		*c = at;
		return true;
	}
	return false;
}

static bool skip_priority(struct cursor *c)
{
	struct cursor at = *c;
	uint32_t priority;

	if (!text_skip(&at, "<"))
		return true;
	if (!text_number(&at, 191, &priority) || !text_skip(&at, ">"))
		return false;
	*c = at;
	return true;
}

/* "sshd[812]" to "sshd". */
static void cut_process(struct cursor *program)
{
	struct cursor number;

	if (cursor_left(program) && program->end[-1] == ']')
		text_split_last(program, "[", &number);
}

/* RFC 5424 §6.3: "-", or elements in brackets, in whose values quotes and brackets are escaped. */
static bool skip_structured_data(struct cursor *c)
{
	uint8_t byte;

	if (text_skip(c, "-"))
		return true;
	if (!cursor_left(c) || c->pos[0] != '[')
		return false;
	while (cursor_u8(c, &byte)) {
		if (byte == '\\' && !cursor_skip(c, 1))
			return false;
		if (byte == ']' && (!cursor_left(c) || c->pos[0] != '['))
			return true;
	}
	return false;
}

/* RFC 5424 §6, behind "<PRI>1 ": time, host, program, process, message id, data, message. */
static bool parse_5424(struct cursor *c, struct cursor *host, struct cursor *program)
{
	struct cursor word;

	if (!text_split(c, " ", &word) || !text_split(c, " ", host) ||
	    !text_split(c, " ", program) || !text_split(c, " ", &word) ||
	    !text_split(c, " ", &word) || !skip_structured_data(c) || !text_skip(c, " "))
		return false;
	text_skip(c, "\xef\xbb\xbf"); /* §6.4: MSG-UTF8 begins with a byte order mark */
	text_skip(c, " "); /* rsyslog keeps the blank behind a classic tag's colon */
	if (text_is(host, "-"))
		host->end = host->pos;
	return true;
}

/* "auth.info": busybox and OpenWrt write it where others have nothing. */
static bool is_level(const struct cursor *word)
{
	static const char *const severities[] = { ".emerg", ".alert", ".crit",	  ".err",
						  ".error", ".warn",  ".warning", ".notice",
						  ".info",  ".debug" };

	for (size_t i = 0; i < sizeof(severities) / sizeof(severities[0]); i++) {
		struct cursor c = *word;

		if (text_cut(&c, severities[i]))
			return true;
	}
	return false;
}

/* "[host] [facility.severity] program[process]: message", behind the time's blank. */
static bool parse_classic(struct cursor *c, struct cursor *host, struct cursor *program)
{
	struct cursor word;

	for (int words = 0; words <= HEAD_WORDS; words++) {
		if (!text_split(c, " ", &word))
			return false;
		if (text_cut(&word, ":")) {
			*program = word;
			return true;
		}
		if (words == 0 && !is_level(&word))
			*host = word;
	}
	return false;
}

enum auth_said auth_line_parse(const void *line, size_t len, struct auth_line *out)
{
	static const char vsftpd[] = "vsftpd";
	struct cursor c = cursor_over(line, len), host, program;
	enum auth_said said;
	bool year;

	if (len > AUTH_LINE_MAX || !skip_priority(&c))
		return AUTH_SAID_NOTHING;
	host = (struct cursor){ c.pos, c.pos };
	if (text_skip(&c, "1 ")) {
		if (!parse_5424(&c, &host, &program))
			return AUTH_SAID_NOTHING;
	} else {
		if (!skip_time(&c, &year) || !text_skip(&c, " "))
			return AUTH_SAID_NOTHING;
		if (year && text_skip(&c, "[pid "))
			program = cursor_over(vsftpd, sizeof(vsftpd) - 1);
		else if (!parse_classic(&c, &host, &program))
			return AUTH_SAID_NOTHING;
	}
	cut_process(&program);
	said = auth_message_parse(program, c, out);
	out->host = host;
	return said;
}
