/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A capture from memory through the whole path: libpcap, parser, engine, detectors, event. The
 * engine is small, so that its pools fill up. The first byte says whose addresses are at home.
 */
#include "core/clock.h"
#include "sensor/config.h"
#include "sensor/engine.h"
#include "sensor/eve.h"
#include "sensor/packet.h"
#include "sensor/replay-source.h"

#include "json.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event ev;
static struct eve_context context = { .source = "replay", .device = "fuzz" };

static void emit(const struct finding *f, enum finding_phase phase, void *arg)
{
	char sentence[EVE_TEXT_LEN];
	int len = eve_write(&ev, &context, f, phase);

	(void)arg;
	assert(len > 0);
	assert(json_is_event_line(ev.line, (size_t)len));
	assert(eve_text(sentence, &context, f, phase) == sentence);
	assert(memchr(sentence, '\0', sizeof(sentence)));
}

static void emit_flood(const struct flood *f, enum finding_phase phase, void *arg)
{
	char sentence[EVE_TEXT_LEN];
	int len = eve_write_flood(&ev, &context, f, phase);

	(void)arg;
	assert(len > 0);
	assert(json_is_event_line(ev.line, (size_t)len));
	assert(eve_text_flood(sentence, &context, f, phase) == sentence);
	assert(memchr(sentence, '\0', sizeof(sentence)));
}

static void emit_guess(const struct guess *g, enum finding_phase phase, void *arg)
{
	char sentence[EVE_TEXT_LEN];
	int len = eve_write_guess(&ev, &context, g, phase);

	(void)arg;
	assert(len > 0);
	assert(json_is_event_line(ev.line, (size_t)len));
	assert(eve_text_guess(sentence, &context, g, phase) == sentence);
	assert(memchr(sentence, '\0', sizeof(sentence)));
}

static struct engine *make_engine(const struct sensor_config *config, struct clock *clock,
				  bool home)
{
	struct engine_params params = {
		.config = config,
		.clock = clock,
		.home = { .mode = home ? HOME_GIVEN : HOME_INFERRED },
		.contacts = 16,
		.seed = 1,
		.emit = emit,
		.emit_flood = emit_flood,
		.emit_guess = emit_guess,
	};

	if (home) {
		assert(!prefix_parse("10.0.0.0/8", &params.home.prefixes.prefix[0]));
		assert(!prefix_parse("2001:db8::/32", &params.home.prefixes.prefix[1]));
		params.home.prefixes.count = 2;
	}
	return engine_new(&params);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sensor_config config;
	char error[REPLAY_ERROR_LEN] = "";
	struct source_stats stats = { 0 };
	struct engine *engine;
	struct clock clock;
	int err;

	if (size == 0)
		return 0;
	if (!config.failures) {
		conf_defaults(&sensor_config_table, &config);
		config.peers_new = config.peers_suspect = config.peers_known = 8;
		config.findings = 4;
	}
	clock_init_replay(&clock);
	context.clock = &clock;
	engine = make_engine(&config, &clock, data[0] & 1);
	assert(engine);
	err = replay_bytes(data + 1, size - 1, engine, &clock, &stats, error);
	assert(err <= 0);
	assert(!err == !error[0] && memchr(error, '\0', sizeof(error)));
	assert(stats.packets ==
	       stats.parsed + stats.ignored + stats.truncated + stats.malformed + stats.pending);
	engine_finish(engine);
	assert(!engine_open_findings(engine));
	engine_free(engine);
	return 0;
}
