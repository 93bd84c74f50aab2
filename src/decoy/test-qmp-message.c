/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages as QEMU's own documentation (qmp-spec, qmp-intro) shows them, and hostile ones. */
#include "decoy/qmp-message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *line, struct qmp_message *m)
{
	return qmp_message_parse(line, strlen(line), m);
}

static void test_forms(void **state)
{
	struct qmp_message m;

	(void)state;
	assert_int_equal(
		parse("{ \"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 0, \"major\": 3},"
		      " \"package\": \"v3.0.0\"}, \"capabilities\": [\"oob\"] } }",
		      &m),
		0);
	assert_int_equal(m.kind, QMP_GREETING);
	assert_string_equal(json_string_value(json_object_get(m.body, "package")), "v3.0.0");
	qmp_message_done(&m);
	assert_int_equal(parse("{\"return\": {\"enabled\": true}, \"id\": 7}", &m), 0);
	assert_int_equal(m.kind, QMP_RETURN);
	assert_int_equal(m.id, 7);
	assert_true(json_is_true(json_object_get(m.body, "enabled")));
	qmp_message_done(&m);
	assert_int_equal(
		parse("{ \"error\": { \"class\": \"GenericError\", \"desc\": \"Invalid JSON "
		      "syntax\" } }",
		      &m),
		0);
	assert_int_equal(m.kind, QMP_ERROR);
	assert_int_equal(m.id, 0);
	assert_string_equal(m.name, "Invalid JSON syntax");
	qmp_message_done(&m);
	assert_int_equal(
		parse("{ \"timestamp\": { \"seconds\": 1258551470, \"microseconds\": 802384 "
		      "}, \"event\": \"POWERDOWN\" }",
		      &m),
		0);
	assert_int_equal(m.kind, QMP_EVENT);
	assert_string_equal(m.name, "POWERDOWN");
	assert_null(m.body);
	qmp_message_done(&m);
}

static void test_hostile(void **state)
{
	static const char *const lines[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"{\"return\": {}, \"return\": {}}",
		"{\"error\": {}}",
		"{\"error\": {\"desc\": 5}}",
		"{\"event\": 5}",
		"{\"event\": \"STOP\", \"data\": 5}",
		"{\"QMP\": 5}",
		"{\"QMP\": {\"version\": 5}}",
		"{\"return\": \"\\ud800\"}",
		"{\"return\": \"\xff\"}",
		"{\"return\": {}} {\"return\": {}}",
	};
	struct qmp_message m, untouched;

	(void)state;
	memset(&m, 0x5a, sizeof(m));
	untouched = m;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (parse(lines[i], &m) != -EPROTO)
			fail_msg("taken: %s", lines[i]);
		assert_memory_equal(&m, &untouched, sizeof(m));
	}
	/* A number beyond what an id can be is no id of ours. */
	assert_int_equal(parse("{\"return\": {}, \"id\": -1}", &m), 0);
	assert_int_equal(m.id, 0);
	qmp_message_done(&m);
}

/* {"return":[[[...]]]}, so deep in all. */
static int parse_nested(int depth)
{
	char line[4096] = "{\"return\":";
	struct qmp_message m;
	int err;

	for (int i = 1; i < depth; i++)
		strcat(line, "[");
	for (int i = 1; i < depth; i++)
		strcat(line, "]");
	err = parse(strcat(line, "}"), &m);
	if (!err)
		qmp_message_done(&m);
	return err;
}

static void test_depth(void **state)
{
	struct qmp_message m;

	(void)state;
	assert_int_equal(parse_nested(QMP_DEPTH_MAX), 0);
	assert_int_equal(parse_nested(QMP_DEPTH_MAX + 1), -E2BIG);
	assert_int_equal(parse_nested(1000), -E2BIG);
	/* Brackets in a string nest nothing. */
	assert_int_equal(
		parse("{\"return\": \"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}", &m), 0);
	qmp_message_done(&m);
}

struct seen {
	unsigned int lines, stop_after;
	size_t longest;
	char last[64];
};

static int on_line(const char *line, size_t len, void *arg)
{
	struct seen *seen = arg;

	seen->lines++;
	if (len > seen->longest)
		seen->longest = len;
	snprintf(seen->last, sizeof(seen->last), "%.*s", (int)len, line);
	return seen->stop_after && seen->lines == seen->stop_after ? -ECANCELED : 0;
}

static void test_lines(void **state)
{
	struct qmp_lines *l = calloc(1, sizeof(*l));
	struct seen seen = { 0 };
	const char text[] = "one\r\n\ntwo\nthree";

	(void)state;
	assert_non_null(l);
	for (size_t i = 0; i < strlen(text); i++)
		assert_int_equal(qmp_lines_feed(l, text + i, 1, on_line, &seen), 0);
	assert_int_equal(seen.lines, 2);
	assert_string_equal(seen.last, "two");
	assert_int_equal(qmp_lines_feed(l, "\n", 1, on_line, &seen), 0);
	assert_string_equal(seen.last, "three");
	seen = (struct seen){ .stop_after = 2 };
	assert_int_equal(qmp_lines_feed(l, "a\nb\nc\n", 6, on_line, &seen), -ECANCELED);
	assert_string_equal(seen.last, "b");
	free(l);
}

static void test_long_line(void **state)
{
	struct qmp_lines *l = calloc(1, sizeof(*l));
	struct seen seen = { 0 };
	char *text = malloc(QMP_LINE_MAX + 1);

	(void)state;
	assert_true(l && text);
	memset(text, 'x', QMP_LINE_MAX + 1);
	assert_int_equal(qmp_lines_feed(l, text, QMP_LINE_MAX, on_line, &seen), 0);
	assert_int_equal(qmp_lines_feed(l, "\n", 1, on_line, &seen), 0);
	assert_int_equal(seen.longest, QMP_LINE_MAX);
	assert_int_equal(qmp_lines_feed(l, text, QMP_LINE_MAX + 1, on_line, &seen), -EMSGSIZE);
	free(text);
	free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),	  cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_depth),	  cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
