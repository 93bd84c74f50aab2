/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of outputs: one output, and numbered events of any length to write to it.
 */
#ifndef MIMAMORI_SENSOR_OUTPUT_FIXTURE_H
#define MIMAMORI_SENSOR_OUTPUT_FIXTURE_H

#include "core/clock.h"
#include "sensor/helper-fixture.h"
#include "sensor/output.h"

#define MINUTE_NS (60 * NS_PER_S)

struct test {
	struct fixture fixture;
	struct output out;
	char json[4096];
	struct output_record record;
};

static inline int setup(void **state)
{
	struct test *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	alarm(50);
	signal(SIGPIPE, SIG_IGN);
	fixture_open(&t->fixture);
	t->record = (struct output_record){
		.json = t->json,
		.text = "readable",
		.severity = 3,
		.alert = true,
		.now_ns = 5000 * NS_PER_S,
	};
	*state = t;
	return 0;
}

static inline int teardown(void **state)
{
	struct test *t = *state;

	fixture_close(&t->fixture);
	free(t);
	return 0;
}

/* Event number n, `len` bytes long with its newline. */
static inline void put(struct test *t, unsigned int n, size_t len)
{
	int head = snprintf(t->json, sizeof(t->json), "{\"n\":%u,\"pad\":\"", n);

	assert_true(len < sizeof(t->json) && (size_t)head + 3 <= len);
	memset(t->json + head, 'x', len - (size_t)head - 3);
	memcpy(t->json + len - 3, "\"}\n", 4);
	t->record.json_len = len;
	output_write(&t->out, &t->record);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
