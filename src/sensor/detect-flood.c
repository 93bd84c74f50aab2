/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/flood-internal.h"

#include "sensor/config.h"

#include <errno.h>
#include <stdlib.h>

#define LEARN_BITS 12 /* 4096 windows: 17 minutes */
#define CEILING_BITS 16 /* 65536 windows: 4.5 hours */
#define CEILING_MOST 64 /* times the configured rate */
#define TIMES_MEAN 3
#define TIMES_DEVIATION 4
#define RESET_NS (NS_PER_S / 2) /* the way there and back, of nearly all */
#define LOOKS_BITS 7 /* some 128 packets of a window are looked at */

static unsigned int lanes_of(const struct floods *fs)
{
	return fs->front.victims * FLOOD_LANES;
}

static void begin_lane(const struct floods *fs, struct lane *l, uint8_t kind)
{
	uint32_t least = fs->least[kind];

	*l = (struct lane){ .kind = kind, .slice = FLOOD_NO_SLICE, .allowed = least };
	l->ceiling = (uint64_t)least << FLOOD_UNIT_BITS;
	l->mark = least ? least + 1 : UINT64_MAX;
}

struct floods *floods_new(const struct sensor_config *config, bool several, uint64_t seed,
			  flood_emit_fn *emit, void *arg)
{
	struct floods *fs = calloc(1, sizeof(*fs));

	if (!fs)
		return NULL;
	fs->front.victims = several ? FLOOD_VICTIMS : 1;
	fs->front.enabled = config->flood_enable && emit;
	fs->front.window_end_ns = fs->front.enabled ? 0 : UINT64_MAX;
	fs->front.lane = calloc(lanes_of(fs), sizeof(*fs->front.lane));
	fs->prefixes = flood_prefixes_new(seed);
	if (!fs->front.lane || !fs->prefixes) {
		floods_free(fs);
		errno = ENOMEM;
		return NULL;
	}
	for (unsigned int i = 0; i < FLOOD_LANES; i++)
		if (fs->front.enabled && config->flood_rate[i])
			fs->least[i] =
				1 + (config->flood_rate[i] - 1) / (uint32_t)FLOOD_WINDOWS_PER_S;
	for (unsigned int i = 0; i < lanes_of(fs); i++)
		begin_lane(fs, &fs->front.lane[i], (uint8_t)(i % FLOOD_LANES));
	for (unsigned int i = 0; i < FLOOD_CASES; i++)
		fs->cases[i].index = (uint8_t)i;
	fs->quiet_ns = config->flood_quiet_ns;
	fs->seed = seed;
	fs->random = seed | 1;
	fs->emit = emit;
	fs->arg = arg;
	return fs;
}

void floods_free(struct floods *fs)
{
	if (!fs)
		return;
	flood_prefixes_free(fs->prefixes);
	free(fs->front.lane);
	free(fs);
}

size_t floods_bytes(bool several)
{
	return sizeof(struct floods) + flood_prefixes_bytes() +
	       (several ? FLOOD_VICTIMS : 1) * FLOOD_LANES * sizeof(struct lane);
}

void floods_look(struct floods *fs, struct lane *l, const struct packet *p, bool turned)
{
	struct flood_case *c = l->suspect;
	uint64_t stride, excess;

	if (l->count < l->mark) {
		if (c)
			flood_case_slice(c, p, turned);
		return;
	}
	stride = 1 + ((l->count > l->recent[0].packets ? l->count : l->recent[0].packets) >>
		      LOOKS_BITS);
	l->mark = l->count + 1 + floods_random_below(fs, 2 * stride - 1);
	if (!c && floods_unexplained(l) > l->allowed)
		c = floods_suspect(fs, l, p->t_ns);
	if (!c)
		return;
	flood_case_sample(c, fs->prefixes, p, turned);
	excess = l->excess + l->count;
	if (c->open || excess < l->allowed + l->credit)
		return;
	/* The totals include this window only when it ends. */
	c->f.packets += l->count;
	c->f.bytes += l->bytes;
	floods_judge(fs, l, excess - l->allowed - l->credit, p->t_ns);
	c->f.packets -= l->count;
	c->f.bytes -= l->bytes;
}

void floods_came(struct floods *fs, enum flood_lane lane, const struct packet *p)
{
	struct flood_case *c = floods_lane(fs, lane, p->dst)->suspect;

	if (c)
		flood_case_way(c, p);
}

void floods_proven(struct floods *fs, struct addr self, uint32_t handshakes)
{
	struct lane *l = floods_lane(fs, FLOOD_LANE_SYN, self);

	l->credit += handshakes;
	/* While it is awaited whether the flood goes on, they are of ordinary clients. */
	if (l->suspect && (!l->suspect->open || l->suspect->hot_ns >= fs->window_ns))
		l->suspect->handshakes += handshakes;
}

void floods_reset(struct floods *fs, const struct packet *p)
{
	struct flood_case *c = floods_lane(fs, FLOOD_LANE_SYN, p->dst)->suspect;

	/* As many as there are SYNs are no flood of RSTs; nor is what comes long after them explained by them. */
	if (c && (!c->open || p->t_ns < c->hot_ns + RESET_NS) &&
	    (c->port.value == p->dport || !c->port.votes)) {
		c->resets += p->stands_for;
		if (c->resets <= c->f.packets + c->lane->count)
			floods_credit(fs, FLOOD_LANE_RST, p->dst, p->stands_for);
	}
}

void floods_answered(struct floods *fs, const struct packet *p)
{
	struct flood_case *c = floods_lane(fs, FLOOD_LANE_SERVED, p->src)->suspect;

	if (c)
		c->answered += p->stands_for;
}

static uint64_t towards(uint64_t from, uint64_t to, uint64_t windows)
{
	uint64_t difference = to > from ? to - from : from - to;
	uint64_t step = windows >> LEARN_BITS ? difference : (difference * windows) >> LEARN_BITS;

	return to > from ? from + step : from - step;
}

/* x packets in a window that raised no suspicion, or none in so many windows. */
static void learn(const struct floods *fs, struct lane *l, uint64_t x, uint64_t windows)
{
	uint64_t value = x << FLOOD_UNIT_BITS,
		 least = (uint64_t)fs->least[l->kind] << FLOOD_UNIT_BITS;
	uint64_t allowed;

	l->deviation =
		towards(l->deviation, value > l->mean ? value - l->mean : l->mean - value, windows);
	l->mean = towards(l->mean, value, windows);
	if (l->mean > l->ceiling) {
		l->mean = l->ceiling;
		l->ceiling += l->ceiling >> CEILING_BITS;
		if (l->ceiling > least * CEILING_MOST)
			l->ceiling = least * CEILING_MOST;
	}
	if (l->deviation > l->mean / 2)
		l->deviation = l->mean / 2;
	allowed = TIMES_MEAN * l->mean + TIMES_DEVIATION * l->deviation;
	l->allowed = (uint32_t)((allowed > least ? allowed : least) >> FLOOD_UNIT_BITS);
}

/* ended: windows that have passed, of which all but the first were empty. */
static void roll_lane(struct floods *fs, struct lane *l, uint64_t ended, uint64_t end_ns)
{
	uint64_t x = floods_unexplained(l), lacking = (ended - 1) * l->allowed;
	uint64_t less = l->allowed + l->credit;
	uint64_t most = floods_most_excess(l);

	l->excess += l->count;
	l->excess = l->excess > less ? l->excess - less : 0;
	if (l->excess > most)
		l->excess = most;
	if (!l->suspect || floods_roll_case(fs, l, x, end_ns))
		learn(fs, l, x, 1);
	if (l->suspect && l->windows < UINT8_MAX)
		l->windows++;
	for (unsigned int i = FLOOD_WINDOWS - 1; i > 0; i--)
		l->recent[i] = l->recent[i - 1];
	l->recent[0].packets = l->count;
	l->recent[0].bytes = l->bytes;
	if (ended > 1) {
		for (unsigned int i = 0; i < FLOOD_WINDOWS; i++)
			l->recent[i].packets = l->recent[i].bytes = 0;
		l->excess = l->excess > lacking ? l->excess - lacking : 0;
		if (l->suspect && !l->suspect->open && !l->excess)
			floods_release(l->suspect);
		if (!l->suspect)
			learn(fs, l, 0, ended - 1);
	}
	l->count = l->bytes = l->credit = 0;
	l->mark = l->suspect ?
			  1 + floods_random_below(fs, 1 + (l->recent[0].packets >> LOOKS_BITS)) :
			  l->allowed + 1;
}

void floods_roll(struct floods *fs, uint64_t now_ns)
{
	struct floods_front *front = &fs->front;
	uint64_t ended = 0;

	if (now_ns < front->window_end_ns)
		return;
	if (fs->window_ns)
		ended = 1 + (now_ns - front->window_end_ns) / FLOOD_WINDOW_NS;
	for (unsigned int i = 0; ended && i < lanes_of(fs); i++)
		if (fs->least[front->lane[i].kind])
			roll_lane(fs, &front->lane[i], ended, front->window_end_ns);
	fs->window_ns = fs->window_ns ? fs->window_ns + ended * FLOOD_WINDOW_NS : now_ns;
	front->window_end_ns = fs->window_ns + FLOOD_WINDOW_NS;
}

uint64_t floods_tick(struct floods *fs, uint64_t now_ns)
{
	uint64_t due_ns = 0;

	if (!fs->stats.open)
		return 0;
	floods_advance(fs, now_ns);
	for (unsigned int i = 0; i < FLOOD_CASES; i++) {
		struct flood_case *c = &fs->cases[i];
		uint64_t over_ns = c->hot_ns + fs->quiet_ns;

		if (!c->open)
			continue;
		if (over_ns <= now_ns)
			floods_close(fs, c);
		else if (due_ns == 0 || over_ns < due_ns)
			due_ns = over_ns;
	}
	return due_ns;
}

void floods_finish(struct floods *fs, uint64_t now_ns)
{
	if (!fs->front.enabled)
		return;
	floods_roll(fs, now_ns > fs->front.window_end_ns ? now_ns : fs->front.window_end_ns);
	for (unsigned int i = 0; i < FLOOD_CASES; i++)
		if (fs->cases[i].open)
			floods_close(fs, &fs->cases[i]);
}

void floods_stats(const struct floods *fs, struct flood_stats *out)
{
	*out = fs->stats;
}
