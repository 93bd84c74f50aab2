/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/qmp-message.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Brackets outside strings: a parser that recurses must not be led deep. */
static bool is_too_deep(const char *line, size_t len)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = line[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > QMP_DEPTH_MAX)
				return true;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return false;
}

static int classify(struct qmp_message *m)
{
	const json_t *id = json_object_get(m->root, "id");
	const json_t *value;

	m->id = json_is_integer(id) && json_integer_value(id) > 0 ?
			(uint64_t)json_integer_value(id) :
			0;
	if ((value = json_object_get(m->root, "return"))) {
		m->kind = QMP_RETURN;
		m->body = value;
		return 0;
	}
	if ((value = json_object_get(m->root, "error"))) {
		m->kind = QMP_ERROR;
		m->body = value;
		m->name = json_string_value(json_object_get(value, "desc"));
		return m->name ? 0 : -EPROTO;
	}
	if ((value = json_object_get(m->root, "event"))) {
		m->kind = QMP_EVENT;
		m->name = json_string_value(value);
		m->body = json_object_get(m->root, "data");
		return m->name && (!m->body || json_is_object(m->body)) ? 0 : -EPROTO;
	}
	if ((value = json_object_get(m->root, "QMP"))) {
		m->kind = QMP_GREETING;
		m->body = json_object_get(value, "version");
		return json_is_object(m->body) ? 0 : -EPROTO;
	}
	return -EPROTO;
}

int qmp_message_parse(const char *line, size_t len, struct qmp_message *out)
{
	struct qmp_message m = { 0 };
	json_error_t error;
	int err;

	if (is_too_deep(line, len))
		return -E2BIG;
	m.root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!m.root)
		return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EPROTO;
	err = json_is_object(m.root) ? classify(&m) : -EPROTO;
	if (err)
		json_decref(m.root);
	else
		*out = m;
	return err;
}

void qmp_message_done(struct qmp_message *m)
{
	json_decref(m->root);
	memset(m, 0, sizeof(*m));
}

int qmp_lines_feed(struct qmp_lines *l, const char *bytes, size_t len, qmp_line_fn *fn, void *arg)
{
	while (len) {
		const char *end = memchr(bytes, '\n', len);
		size_t n = end ? (size_t)(end - bytes) : len, line;
		int err;

		if (n > sizeof(l->buf) - l->used)
			return -EMSGSIZE;
		memcpy(l->buf + l->used, bytes, n);
		l->used += n;
		if (!end)
			return 0;
		bytes = end + 1;
		len -= n + 1;
		line = l->used;
		l->used = 0;
		if (line && l->buf[line - 1] == '\r')
			line--;
		err = line ? fn(l->buf, line, arg) : 0;
		if (err)
			return err;
	}
	return 0;
}
