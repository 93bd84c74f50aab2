/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of the sensor's own eyes: for machines only.
 */
#include "sensor/eve-fixture.h"
#include "sensor/ladder.h"
#include "sensor/source.h"

static void write_source(const struct ladder_change *change)
{
	take_line(eve_write_source(&ev, &ctx, change));
}

/* Which source watches: as it starts, dies, comes back. Reasons are the kernel's and libraries' words. */
static void test_source(void **state)
{
	static const struct source_ops packet = { .name = "packet", .cannot_see = "much" };
	static const struct source_ops bpf = { .name = "bpf", .cannot_see = "little" };
	struct ladder_change change = {
		.phase = LADDER_STARTED,
		.source = &packet,
		.n_refused = 1,
		.refused = { { "bpf", "needs \"CAP_BPF\"\n" } },
	};
	/* LADDER_REASON_LEN of them, less its NUL. */
	static char long_reason[LADDER_REASON_LEN];

	(void)state;
	memset(long_reason, 'x', sizeof(long_reason) - 1);
	now.read_ns = NOW_NS;
	write_source(&change);
	assert_has(ev.line, "{\"timestamp\":\"2025-11-22T10:11:12.123456+0000\"");
	assert_has(ev.line, "\"phase\":\"started\",\"cannot_see\":\"much\",\"refused\":[{"
			    "\"source\":\"bpf\",\"reason\":\"needs \\\"CAP_BPF\\\"\\n\"}]");
	assert_int_equal(eve_severity_source(&change), 4);
	change = (struct ladder_change){ .phase = LADDER_LOST, .source = &bpf, .reason = "died" };
	write_source(&change);
	assert_has(ev.line, "\"reason\":\"died\",\"source\":\"bpf\"");
	assert_null(strstr(ev.line, "cannot_see"));
	assert_int_equal(eve_severity_source(&change), 2);
	change = (struct ladder_change){ .phase = LADDER_REPLACED,
					 .source = &packet,
					 .before = &bpf,
					 .reason = "died",
					 .unwatched_ns = 1999 * NS_PER_MS };
	write_source(&change);
	assert_has(ev.line, "\"before\":\"bpf\",\"unwatched_ms\":1999,\"source\":\"packet\"");
	change.phase = LADDER_RESTORED;
	change.before = NULL;
	write_source(&change);
	assert_int_equal(eve_severity_source(&change), 3);
	/* The longest reasons of all rungs fit a line. */
	change.n_refused = LADDER_RUNGS_MAX;
	for (unsigned int i = 0; i < LADDER_RUNGS_MAX; i++)
		change.refused[i] = (struct ladder_refusal){ "a-source-of-probes", long_reason };
	write_source(&change);
}

static void test_schema(void **state)
{
	static test_fn *const writers[] = { test_source };

	(void)state;
	assert_schema(writers, LEN(writers), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_source),
		TEST(test_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
