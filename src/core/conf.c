/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf.h"

#include "core/conf-value.h"
#include "core/cursor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_CANDIDATES 64

/*
 * Theory of operation
 * -------------------
 * inih parses the lines, and this file's reader feeds them to it: so the lines are counted, and
 * checked for what inih silently accepts (it cuts lines that are too long, and ignores what follows
 * a section's bracket). A key is applied when the next one, a section or the end comes, since
 * only then all lines of a list are known. After the first error nothing more is fed.
 */
struct loader {
	const struct conf_table *table;
	const char *name; /* of the file, for messages */
	struct cursor rest;
	unsigned int line;
	bool indented; /* the line that inih looks at now */
	void *draft; /* the struct being filled */
	unsigned int *set_at; /* per key of the table: the line that set it, 0: none */
	char *error;
	unsigned int failed_at; /* 0: not failed */

	const struct conf_key *pending;
	unsigned int pending_line;
	size_t value_len;
	char value[CONF_LIST_LEN];
};

__attribute__((format(printf, 3, 4))) static void fail(struct loader *l, unsigned int line,
						       const char *fmt, ...)
{
	va_list args;
	int len;

	if (l->failed_at)
		return;
	l->failed_at = line;
	len = snprintf(l->error, CONF_ERROR_LEN, "%s:%u: ", l->name, line);
	if (len < 0 || len >= CONF_ERROR_LEN)
		return;
	va_start(args, fmt);
	vsnprintf(l->error + len, CONF_ERROR_LEN - (size_t)len, fmt, args);
	va_end(args);
}

static const struct conf_key *find_key(const struct conf_table *t, const char *section,
				       const char *key)
{
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->keys[i].section, section) == 0 && strcmp(t->keys[i].key, key) == 0)
			return &t->keys[i];
	return NULL;
}

static bool has_section(const struct conf_table *t, const char *section)
{
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->keys[i].section, section) == 0)
			return true;
	return false;
}

/* "unknown section", with the one that may have been meant. */
static void say_unknown_section(const struct conf_table *t, const char *section, char *out)
{
	const char *names[MAX_CANDIDATES], *near;
	size_t n = 0;

	for (size_t i = 0; i < t->count && n < MAX_CANDIDATES; i++)
		if (i == 0 || strcmp(t->keys[i].section, t->keys[i - 1].section) != 0)
			names[n++] = t->keys[i].section;
	near = conf_suggest(section, names, n);
	if (near)
		snprintf(out, CONF_WHY_LEN, "unknown section; did you mean [%s]?", near);
	else
		snprintf(out, CONF_WHY_LEN, "unknown section");
}

/* "unknown key", with the section where it belongs or the key that may have been meant. */
static void say_unknown_key(const struct conf_table *t, const char *section, const char *key,
			    char *out)
{
	const char *names[MAX_CANDIDATES], *near;
	size_t n = 0;

	for (size_t i = 0; i < t->count && n < MAX_CANDIDATES; i++) {
		if (strcmp(t->keys[i].key, key) == 0) {
			snprintf(out, CONF_WHY_LEN, "this key belongs in section [%s]",
				 t->keys[i].section);
			return;
		}
		if (strcmp(t->keys[i].section, section) == 0)
			names[n++] = t->keys[i].key;
	}
	near = conf_suggest(key, names, n);
	if (near)
		snprintf(out, CONF_WHY_LEN, "unknown key; did you mean \"%s\"?", near);
	else
		snprintf(out, CONF_WHY_LEN, "unknown key");
}

static bool is_list(enum conf_type type)
{
	return type == CONF_PREFIXES || type == CONF_PORTS || type == CONF_NAMES ||
	       type == CONF_SEQUENCES;
}

/* Applies the key that waits for its last line. */
static void apply_pending(struct loader *l)
{
	const struct conf_key *key = l->pending;
	char why[CONF_WHY_LEN];

	l->pending = NULL;
	if (!key || l->failed_at)
		return;
	if (strstr(l->value, " #") || strstr(l->value, "\t#"))
		fail(l, l->pending_line,
		     "[%s] %s: a comment behind a value begins with \" ;\", not with \" #\"",
		     key->section, key->key);
	else if (conf_value(key, l->value, l->draft, why) < 0)
		fail(l, l->pending_line, "[%s] %s: %s", key->section, key->key, why);
}

static void append_value(struct loader *l, const char *text)
{
	size_t len = strlen(text);

	if (len + 2 > sizeof(l->value) - l->value_len) {
		fail(l, l->line, "[%s] %s: the list is too long", l->pending->section,
		     l->pending->key);
		return;
	}
	if (l->value_len)
		l->value[l->value_len++] = ' ';
	memcpy(l->value + l->value_len, text, len + 1);
	l->value_len += len;
}

/* An indented line goes on with the value of the key before it. */
static void continue_value(struct loader *l, const char *text)
{
	char line[CONF_LINE_MAX + 1];

	if (!is_list(l->pending->type)) {
		fail(l, l->line,
		     "[%s] %s: an indented line continues the line before, and only a list can be "
		     "continued; remove the indentation",
		     l->pending->section, l->pending->key);
		return;
	}
	/* Not every release of inih takes the comment off these lines. */
	snprintf(line, sizeof(line), "%s", text);
	for (char *c = line; *c; c++)
		if (*c == ';' && (c == line || c[-1] == ' ' || c[-1] == '\t')) {
			*c = '\0';
			break;
		}
	append_value(l, line);
}

static int on_value(void *user, const char *section, const char *name, const char *value)
{
	struct loader *l = user;
	const struct conf_key *key;
	char why[CONF_WHY_LEN];
	size_t index;

	if (l->failed_at)
		return 1;
	if (l->indented && l->pending && strcmp(name, l->pending->key) == 0) {
		continue_value(l, value ? value : "");
		return 1;
	}
	apply_pending(l);
	if (!section[0]) {
		fail(l, l->line, "%s: a key needs a [section] above it", name);
		return 1;
	}
	key = find_key(l->table, section, name);
	if (!key) {
		say_unknown_key(l->table, section, name, why);
		fail(l, l->line, "[%s] %s: %s", section, name, why);
		return 1;
	}
	index = (size_t)(key - l->table->keys);
	if (l->set_at[index]) {
		fail(l, l->line, "[%s] %s: already set in line %u", section, name,
		     l->set_at[index]);
		return 1;
	}
	l->set_at[index] = l->line;
	l->pending = key;
	l->pending_line = l->line;
	l->value_len = 0;
	l->value[0] = '\0';
	append_value(l, value ? value : "");
	return 1;
}

/* A line that begins with '[': inih itself looks neither at its end nor for unknown names. */
static void check_section(struct loader *l, const char *line)
{
	const char *end = strchr(line, ']'), *after;
	char name[CONF_LINE_MAX + 1], why[CONF_WHY_LEN];

	apply_pending(l);
	if (!end) {
		fail(l, l->line, "the section's closing ']' is missing");
		return;
	}
	after = end + 1 + strspn(end + 1, " \t\r");
	if (*after && *after != ';' && *after != '#') {
		fail(l, l->line, "text after the section's closing ']'");
		return;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(end - line - 1), line + 1);
	if (!has_section(l->table, name)) {
		say_unknown_section(l->table, name, why);
		fail(l, l->line, "[%s]: %s", name, why);
	}
}

/* fgets for inih: the next line, checked, with its newline. */
static char *read_line(char *str, int num, void *stream)
{
	struct loader *l = stream;
	const char *line = (const char *)l->rest.pos, *problem;
	size_t left = cursor_left(&l->rest), len, blanks;
	const char *newline;

	if (l->failed_at || !left)
		return NULL;
	newline = memchr(line, '\n', left);
	len = newline ? (size_t)(newline - line) : left;
	cursor_skip(&l->rest, len + (newline ? 1 : 0));
	l->line++;
	if (len && line[len - 1] == '\r')
		len--;
	problem = conf_text_problem(line, len);
	if (problem) {
		fail(l, l->line, "the line contains what does not belong in a text: %s", problem);
		return NULL;
	}
	if (len > CONF_LINE_MAX || len + 2 > (size_t)num) {
		fail(l, l->line,
		     "the line is too long: %zu bytes, the most is %d; a list can go on in the next "
		     "line, indented",
		     len, CONF_LINE_MAX);
		return NULL;
	}
	memcpy(str, line, len);
	str[len] = '\0';
	blanks = strspn(str, " \t");
	l->indented = blanks > 0;
	if (str[blanks] == '[') {
		/* Never the continuation of a value. */
		memmove(str, str + blanks, len - blanks + 1);
		len -= blanks;
		check_section(l, str);
		if (l->failed_at)
			return NULL;
	}
	memcpy(str + len, "\n", 2);
	return str;
}

int conf_load_text(const struct conf_table *t, const char *name, const char *text, size_t len,
		   void *inout, char error[CONF_ERROR_LEN])
{
	static const uint8_t bom[3] = { 0xef, 0xbb, 0xbf };
	struct loader l = { .table = t, .name = name, .error = error };
	int bad_line, err = -ENOMEM;

	l.rest = cursor_over(text, len);
	if (len >= sizeof(bom) && memcmp(text, bom, sizeof(bom)) == 0)
		cursor_skip(&l.rest, sizeof(bom));
	l.draft = malloc(t->struct_bytes);
	l.set_at = calloc(t->count, sizeof(*l.set_at));
	if (!l.draft || !l.set_at)
		goto out_memory;
	memcpy(l.draft, inout, t->struct_bytes);
	bad_line = ini_parse_stream(read_line, &l, on_value, &l);
	if (bad_line < 0)
		goto out_memory;
	apply_pending(&l);
	/* inih goes on after a line that it cannot read, so an error further down may be known. */
	if (bad_line > 0 && (!l.failed_at || (unsigned int)bad_line < l.failed_at)) {
		l.failed_at = 0;
		fail(&l, (unsigned int)bad_line,
		     "neither a [section], nor \"key = value\", nor a comment");
	}
	err = l.failed_at ? -EINVAL : 0;
	if (!err)
		memcpy(inout, l.draft, t->struct_bytes);
	goto out;

out_memory:
	snprintf(error, CONF_ERROR_LEN, "%s: no memory to read it", name);
out:
	free(l.set_at);
	free(l.draft);
	return err;
}

/* Reads a whole file of at most CONF_FILE_MAX bytes. Its length or -errno. */
static ssize_t read_whole(const char *path, char *text)
{
	ssize_t n = 1, len = 0;
	struct stat st;
	int fd = open(path,
		      O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO: refused below */

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		len = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	while (n != 0 && len >= 0 && len <= CONF_FILE_MAX) {
		n = read(fd, text + len, (size_t)(CONF_FILE_MAX + 1 - len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			len = -errno;
			break;
		}
		len += n;
	}
	close(fd);
	return len > CONF_FILE_MAX ? -EFBIG : len;
}

int conf_load(const struct conf_table *t, const char *path, void *inout, char error[CONF_ERROR_LEN])
{
	char *text = malloc(CONF_FILE_MAX + 1);
	ssize_t len = text ? read_whole(path, text) : -ENOMEM;
	int err;

	if (len < 0) {
		err = (int)len;
		snprintf(error, CONF_ERROR_LEN, "%s: cannot be read: %s", path, strerror(-err));
	} else {
		err = conf_load_text(t, path, text, (size_t)len, inout, error);
	}
	free(text);
	return err;
}

int conf_set(const struct conf_table *t, const char *origin, const char *section, const char *key,
	     const char *value, void *inout, char error[CONF_ERROR_LEN])
{
	const struct conf_key *k = find_key(t, section, key);
	const char *problem = conf_text_problem(value, strlen(value));
	char why[CONF_WHY_LEN];

	if (!k)
		say_unknown_key(t, section, key, why);
	else if (problem)
		snprintf(why, sizeof(why), "the value contains what does not belong in a text: %s",
			 problem);
	else if (conf_value(k, value, inout, why) == 0)
		return 0;
	snprintf(error, CONF_ERROR_LEN, "%s: %s", origin, why);
	return -EINVAL;
}

void conf_defaults(const struct conf_table *t, void *out)
{
	char why[CONF_WHY_LEN];

	memset(out, 0, t->struct_bytes);
	for (size_t i = 0; i < t->count; i++) {
		int err = t->keys[i].fallback ?
				  conf_value(&t->keys[i], t->keys[i].fallback, out, why) :
				  0;

		assert(err == 0);
		(void)err;
	}
}

int conf_refuse(char error[CONF_ERROR_LEN], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error, CONF_ERROR_LEN, fmt, args);
	va_end(args);
	return -EINVAL;
}
