/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of events: a scan's finding on a clock that stands still, and docs/eve.schema.json, by which Python's
 * jsonschema judges every line that a test has written.
 */
#ifndef MIMAMORI_SENSOR_EVE_FIXTURE_H
#define MIMAMORI_SENSOR_EVE_FIXTURE_H

#include "core/clock.h"
#include "sensor/eve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW_NS (1763806272ULL * NS_PER_S + 123456789) /* 2025-11-22T10:11:12.123456 */
#define CANNOT 77
#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct clock now;
static struct eve_context ctx;
static struct event ev;
static struct finding f;
static FILE *lines; /* where what is written is kept, NULL: nowhere */

typedef void test_fn(void **state);

/* Reads the schema and its examples, then each line: strict JSON, no key twice, valid. */
static const char judge[] =
	"import json, sys\n"
	"try:\n"
	"    import jsonschema\n"
	"except ImportError:\n"
	"    sys.exit(77)\n"
	"def pairs(items):\n"
	"    keys = [k for k, v in items]\n"
	"    assert len(keys) == len(set(keys)), 'a key twice: %s' % keys\n"
	"    return dict(items)\n"
	"def constant(word):\n"
	"    raise ValueError(word)\n"
	"schema = json.load(open(sys.argv[1]))\n"
	"judge = jsonschema.Draft202012Validator(schema,\n"
	"    format_checker=jsonschema.FormatChecker())\n"
	"bad = n = 0\n"
	"for example in schema['examples']:\n"
	"    judge.validate(example)\n"
	"for line in open(sys.argv[2], 'rb'):\n"
	"    n += 1\n"
	"    event = json.loads(line.decode('utf-8'), object_pairs_hook=pairs,\n"
	"                       parse_constant=constant)\n"
	"    for error in judge.iter_errors(event):\n"
	"        print(error.json_path, error.message, file=sys.stderr)\n"
	"        bad += 1\n"
	"    raw = line.rstrip(b'\\n').decode('utf-8')\n"
	"    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in raw), raw\n"
	"sys.exit(1 if bad or n != int(sys.argv[3]) else 0)\n";

static inline int start(void **state)
{
	struct addr peer = addr_from_v4(0xcb007107);

	(void)state;
	clock_init_replay(&now);
	clock_advance(&now, NOW_NS);
	ctx = (struct eve_context){ &now, "packet", "monitor-17" };
	memset(&f, 0, sizeof(f));
	f.used = true;
	f.spoofable = true;
	f.kind = PROBE_SYN;
	f.sequence = 1;
	f.id = 0x5f0c1d2e3a4b5c6d;
	f.peer = (struct prefix){ peer, ADDR_BITS };
	f.last = (struct probe){ .peer = peer,
				 .self = addr_from_v4(0xc000020a),
				 .peer_port = 41022,
				 .port = 8080,
				 .kind = PROBE_SYN };
	f.first_ns = NOW_NS - 1500 * NS_PER_MS;
	f.last_ns = NOW_NS;
	f.probes = 5;
	f.failed = 4;
	f.refused = 3;
	f.open = 1;
	f.llr = 8;
	f.sampled = 4;
	memcpy(f.sample, (uint16_t[]){ 22, 3306, 5432, 8080 }, 8);
	f.hosts_before = 1;
	return 0;
}

/* One whole line of this length has been written. */
static inline const char *take_line(int len)
{
	assert_true(len > 0);
	assert_int_equal(strlen(ev.line), len);
	assert_int_equal(ev.line[len - 1], '\n');
	assert_ptr_equal(strchr(ev.line, '\n'), ev.line + len - 1);
	if (lines)
		fputs(ev.line, lines);
	return ev.line;
}

static inline void assert_has(const char *line, const char *part)
{
	if (!strstr(line, part))
		fail_msg("no %s in %s", part, line);
}

static inline int run_judge(const char *schema, const char *path, unsigned int count)
{
	char number[16];
	int status;
	pid_t pid;

	snprintf(number, sizeof(number), "%u", count);
	pid = fork();
	if (pid == 0) {
		execl("/usr/bin/python3", "python3", "-c", judge, schema, path, number,
		      (char *)NULL);
		_exit(CANNOT);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What these tests write, at least so many lines, is as the schema has it. */
static inline void assert_schema(test_fn *const *writers, size_t n, unsigned int least)
{
	const char *root = getenv("MIMAMORI_SOURCE_ROOT");
	char path[] = "/tmp/test-eve-XXXXXX", schema[512];
	unsigned int count = 0;
	int fd = mkstemp(path), c;

	assert_true(fd >= 0);
	lines = fdopen(fd, "w+");
	assert_non_null(lines);
	for (size_t i = 0; i < n; i++) {
		start(NULL);
		writers[i](NULL);
	}
	rewind(lines);
	while ((c = getc(lines)) != EOF)
		count += c == '\n';
	fclose(lines);
	lines = NULL;
	snprintf(schema, sizeof(schema), "%s/docs/eve.schema.json", root ? root : ".");
	if (access(schema, R_OK)) {
		print_message("skipped: %s is not there; set MIMAMORI_SOURCE_ROOT\n", schema);
		unlink(path);
		skip();
	}
	c = run_judge(schema, path, count);
	unlink(path);
	if (c == CANNOT) {
		print_message("skipped: /usr/bin/python3 with jsonschema is needed\n");
		skip();
	}
	assert_true(count >= least);
	assert_int_equal(c, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

#endif
