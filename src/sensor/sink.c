/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/sink.h"

#include "core/clock.h"

struct output *sink_add(struct sink *s)
{
	return s->n_outputs < OUTPUT_MAX ? &s->output[s->n_outputs++] : NULL;
}

/* Writes the event that s->event holds, of this length, to every output. */
static void put(struct sink *s, int len, const char *text, unsigned int severity,
		enum finding_phase phase)
{
	struct output_record record = {
		.json = s->event.line,
		.json_len = (size_t)len,
		.text = text,
		.severity = (uint8_t)severity,
		.alert = phase != FINDING_NOTICE,
		.end = phase == FINDING_END,
		.now_ns = s->ctx.clock->now_ns,
	};

	if (len < 0) {
		s->overflowed++;
		return;
	}
	for (unsigned int i = 0; i < s->n_outputs; i++)
		output_write(&s->output[i], &record);
}

void sink_emit(const struct finding *f, enum finding_phase phase, void *arg)
{
	struct sink *s = arg;
	char text[EVE_TEXT_LEN];
	int len = eve_write(&s->event, &s->ctx, f, phase);

	put(s, len, eve_text(text, &s->ctx, f, phase), eve_severity(phase), phase);
}

void sink_emit_flood(const struct flood *f, enum finding_phase phase, void *arg)
{
	struct sink *s = arg;
	char text[EVE_TEXT_LEN];
	int len = eve_write_flood(&s->event, &s->ctx, f, phase);

	put(s, len, eve_text_flood(text, &s->ctx, f, phase), eve_severity(phase), phase);
}

void sink_emit_guess(const struct guess *g, enum finding_phase phase, void *arg)
{
	struct sink *s = arg;
	char text[EVE_TEXT_LEN];
	int len = eve_write_guess(&s->event, &s->ctx, g, phase);

	put(s, len, eve_text_guess(text, &s->ctx, g, phase), eve_severity_guess(g, phase), phase);
}

void sink_reopen(struct sink *s)
{
	for (unsigned int i = 0; i < s->n_outputs; i++)
		output_reopen(&s->output[i]);
}

void sink_close(struct sink *s)
{
	for (unsigned int i = 0; i < s->n_outputs; i++)
		output_close(&s->output[i]);
	s->n_outputs = 0;
}
