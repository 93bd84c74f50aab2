/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lines are judged by another program's JSON parser and UTF-8 decoder: Python's. It is asked
 * once, about all lines together; without it that case is skipped.
 */
#include "core/event.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define RANDOM_LINES 20000

static struct event ev;

static void test_shape(void **state)
{
	int len;

	(void)state;
	event_begin(&ev);
	event_text(&ev, "event_type", "alert");
	event_object(&ev, "alert");
	event_u64(&ev, "gid", 1);
	event_array(&ev, "ids");
	event_text(&ev, NULL, "T1046");
	event_text(&ev, NULL, "T1595");
	event_close(&ev);
	event_object(&ev, "none");
	event_close(&ev);
	event_close(&ev);
	event_array(&ev, "list");
	event_object(&ev, NULL);
	event_bool(&ev, "a", true);
	event_close(&ev);
	event_object(&ev, NULL);
	event_close(&ev);
	event_close(&ev);
	event_i64(&ev, "n", INT64_MIN);
	event_u64(&ev, "m", UINT64_MAX);
	len = event_end(&ev);
	assert_string_equal(ev.line,
			    "{\"event_type\":\"alert\",\"alert\":{\"gid\":1,\"ids\":[\"T1046\","
			    "\"T1595\"],\"none\":{}},\"list\":[{\"a\":true},{}],"
			    "\"n\":-9223372036854775808,\"m\":18446744073709551615}\n");
	assert_int_equal(len, strlen(ev.line));
}

static void number(double value, unsigned int decimals, const char *expected)
{
	char line[64];

	event_begin(&ev);
	event_number(&ev, "x", value, decimals);
	assert_true(event_end(&ev) > 0);
	snprintf(line, sizeof(line), "{\"x\":%s}\n", expected);
	assert_string_equal(ev.line, line);
}

static void test_numbers(void **state)
{
	(void)state;
	number(0.99, 4, "0.99");
	number(1, 3, "1");
	number(100, 0, "100");
	number(-0.0001, 2, "0");
	number(-0.0, 0, "0");
	number(-1.5, 6, "-1.5");
	number(0.1234567, 6, "0.123457");
	number(0.1234567, 99, "0.123457");
	number(NAN, 2, "null");
	number(-INFINITY, 2, "null");
	number(1e15, 2, "1000000000000000");
	event_begin(&ev);
	event_number(&ev, "x", -1.7976931348623157e308, 6);
	assert_int_equal(event_end(&ev), 1 + 309 + (int)strlen("{\"x\":}\n"));
}

static void text(const char *bytes, size_t len, const char *expected)
{
	char line[256];

	event_begin(&ev);
	event_textn(&ev, "t", bytes, len);
	assert_true(event_end(&ev) > 0);
	snprintf(line, sizeof(line), "{\"t\":\"%s\"}\n", expected);
	assert_string_equal(ev.line, line);
}

#define TEXT(bytes, expected) text(bytes, sizeof(bytes) - 1, expected)
#define R "\xef\xbf\xbd" /* U+FFFD */

static void test_escapes(void **state)
{
	(void)state;
	TEXT("a\"b\\c/", "a\\\"b\\\\c/");
	TEXT("\n\r\t\b\f\033[2J", "\\n\\r\\t\\u0008\\u000c\\u001b[2J");
	TEXT("a\0b", "a\\u0000b");
	TEXT("\xe8\xa6\x8b\xe5\xae\x88\xe3\x82\x8a \xf0\x9f\x91\xb6",
	     "\xe8\xa6\x8b\xe5\xae\x88\xe3\x82\x8a \xf0\x9f\x91\xb6");
	/* DEL, a C1 control (CSI), right-to-left override */
	TEXT("\x7f\xc2\x9b\xe2\x80\xae", "\\u007f\\u009b\\u202e");
}

/* The Unicode Standard 15.0, tables 3-8 to 3-11. */
static void test_replacement(void **state)
{
	(void)state;
	TEXT("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", R R R R R R R R "A");
	TEXT("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", R R R R R R R R "A");
	TEXT("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", R R R R R "A" R R "B");
	TEXT("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", R R R R "A");
}

/* However long the text, the line is whole or there is none. */
static void test_overflow(void **state)
{
	char hostile[EVENT_MAX_BYTES + 64];
	size_t most = EVENT_MAX_BYTES - 1 - strlen("{\"t\":\"\"}\n");
	int len;

	(void)state;
	memset(hostile, 'x', sizeof(hostile));
	for (size_t n = most - 40; n <= sizeof(hostile); n++) {
		event_begin(&ev);
		event_textn(&ev, "t", hostile, n);
		len = event_end(&ev);
		assert_int_equal(len, n <= most ? (int)(n + strlen("{\"t\":\"\"}\n")) : -EOVERFLOW);
		assert_int_equal(strlen(ev.line), len < 0 ? 0 : len);
	}
	/* What follows an overflow is without effect, levels included. */
	event_begin(&ev);
	event_array(&ev, "a");
	event_textn(&ev, NULL, hostile, sizeof(hostile));
	event_object(&ev, NULL);
	event_text(&ev, "k", "v");
	event_close(&ev);
	event_close(&ev);
	assert_int_equal(event_end(&ev), -EOVERFLOW);
	assert_string_equal(ev.line, "");
	/* And the next event is as good as new. */
	event_begin(&ev);
	assert_int_equal(event_end(&ev), 3);
	assert_string_equal(ev.line, "{}\n");
}

static void test_depth(void **state)
{
	(void)state;
	event_begin(&ev);
	for (int i = 0; i < 40; i++)
		event_array(&ev, i ? NULL : "deep");
	for (int i = 0; i < 40; i++)
		event_close(&ev);
	assert_int_equal(event_end(&ev), -EOVERFLOW);
}

/* Bytes that tend to be at the edges of UTF-8 and JSON, among any others. */
static unsigned char hostile_byte(void)
{
	static const unsigned char edges[] = { 0,    '"',  '\\', '\n', 0x7f, 0x80, 0x8f, 0x90,
					       0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xe1,
					       0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff };
	long r = random();

	return r & 1 ? edges[(r >> 1) % (long)sizeof(edges)] : (unsigned char)(r >> 8);
}

static void test_against_python(void **state)
{
	static const char judge[] =
		"python3 -c '\nimport json, sys\nn = 0\nfor line in sys.stdin.buffer:\n"
		"    given, _, made = line.partition(b\" \")\n"
		"    text = json.loads(made.decode(\"utf-8\", \"strict\"))[\"t\"]\n"
		"    want = bytes.fromhex(given.decode()).decode(\"utf-8\", \"replace\")\n"
		"    assert text == want, (given, made)\n    n += 1\nassert n == %d, n'";
	char command[sizeof(judge) + 16];
	unsigned char bytes[64];
	FILE *python;

	(void)state;
	if (system("python3 -c '' 2>/dev/null") != 0) {
		print_message("skipped: python3 is missing\n");
		skip();
	}
	snprintf(command, sizeof(command), judge, RANDOM_LINES);
	python = popen(command, "w");
	assert_non_null(python);
	for (int i = 0; i < RANDOM_LINES; i++) {
		size_t len = (size_t)random() % sizeof(bytes);

		for (size_t b = 0; b < len; b++) {
			bytes[b] = hostile_byte();
			fprintf(python, "%02x", bytes[b]);
		}
		event_begin(&ev);
		event_textn(&ev, "t", (const char *)bytes, len);
		assert_true(event_end(&ev) > 0);
		/* For a terminal: nothing but plain characters and the newline. */
		for (const char *c = ev.line; c[1]; c++)
			assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
		fprintf(python, " %s", ev.line);
	}
	assert_int_equal(pclose(python), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shape),	       cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_escapes),	       cmocka_unit_test(test_replacement),
		cmocka_unit_test(test_overflow),       cmocka_unit_test(test_depth),
		cmocka_unit_test(test_against_python),
	};

	srandom(20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
