/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/sink.h"

#include "core/clock.h"

struct output *sink_add(struct sink *s)
{
	return s->n_outputs < OUTPUT_MAX ? &s->output[s->n_outputs++] : NULL;
}

/* Writes the event that s->event holds, of this length, to every output. */
static void put(struct sink *s, int len, struct output_record *record)
{
	if (len < 0) {
		s->overflowed++;
		return;
	}
	record->json = s->event.line;
	record->json_len = (size_t)len;
	record->now_ns = s->ctx.clock->now_ns;
	for (unsigned int i = 0; i < s->n_outputs; i++)
		output_write(&s->output[i], record);
}

static void put_finding(struct sink *s, int len, const char *text, unsigned int severity,
			enum finding_phase phase)
{
	struct output_record record = {
		.text = text,
		.severity = (uint8_t)severity,
		.alert = phase != FINDING_NOTICE,
		.end = phase == FINDING_END,
	};

	put(s, len, &record);
}

void sink_emit(const struct finding *f, enum finding_phase phase, void *arg)
{
	struct sink *s = arg;
	char text[EVE_TEXT_LEN];
	int len = eve_write(&s->event, &s->ctx, f, phase);

	put_finding(s, len, eve_text(text, &s->ctx, f, phase), eve_severity(phase), phase);
}

void sink_emit_flood(const struct flood *f, enum finding_phase phase, void *arg)
{
	struct sink *s = arg;
	char text[EVE_TEXT_LEN];
	int len = eve_write_flood(&s->event, &s->ctx, f, phase);

	put_finding(s, len, eve_text_flood(text, &s->ctx, f, phase), eve_severity(phase), phase);
}

void sink_emit_guess(const struct guess *g, enum finding_phase phase, void *arg)
{
	struct sink *s = arg;
	char text[EVE_TEXT_LEN];
	int len = eve_write_guess(&s->event, &s->ctx, g, phase);

	put_finding(s, len, eve_text_guess(text, &s->ctx, g, phase), eve_severity_guess(g, phase),
		    phase);
}

void sink_emit_source(struct sink *s, const struct ladder_change *change)
{
	struct output_record record = {
		.severity = (uint8_t)eve_severity_source(change),
		.own = true,
		.end = true,
	};

	put(s, eve_write_source(&s->event, &s->ctx, change), &record);
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
