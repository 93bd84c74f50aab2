/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/detect-flood.h"

#include "core/clock.h"
#include "sensor/config.h"
#include "sensor/flood-case.h"

#include <errno.h>
#include <stdlib.h>

#define WINDOWS_PER_S (NS_PER_S / FLOOD_WINDOW_NS)
#define UNIT_BITS 16 /* of what is learnt */
#define LEARN_BITS 12 /* 4096 windows: 17 minutes */
#define CEILING_BITS 16 /* 65536 windows: 4.5 hours */
#define CEILING_MOST 64 /* times the configured rate */
#define TIMES_MEAN 3
#define TIMES_DEVIATION 4
#define NO_SLICE FLOOD_SLICE
#define LOOKS_BITS 7 /* some 128 packets of a window are looked at */
#define EXCESS_MOST 4 /* times the limit: the sooner a suspicion ends */
#define SAMPLES_LEAST 8 /* where each stands for many, one or two may be chance */
#define FIRST_LOOK 32 /* samples that tell few from many */
#define WAIT_WINDOWS 3
#define HANDSHAKE_WINDOWS 2
#define MOVE_NS NS_PER_S /* a flood whose victim changes is another one, but not more often */
#define HOT_SHARE \
	64 /* a window with less than this part of the busiest is not the flood any more */

/*
 * What the burst beyond the allowed rate may be. Of few peers and ports: how many times the configured rate, how
 * large a burst, and lasting how long is ordinary. A download that is given up makes this host refuse all that is on its
 * way; media, tunnels, files over UDP and somebody's pings come fast; an answer may come after its asker has gone.
 */
static const struct {
	uint16_t burst; /* packets */
	uint8_t times; /* of few */
	uint8_t windows; /* likewise: at the least */
	uint16_t few_burst;
} limits[FLOOD_LANES] = {
	[FLOOD_LANE_SYN] = { 150, 10, 4, 1500 },	[FLOOD_LANE_SYN_ACK] = { 200, 1, 0, 200 },
	[FLOOD_LANE_ACK] = { 200, 5, 4, 1000 },		[FLOOD_LANE_RST] = { 200, 3, 4, 1000 },
	[FLOOD_LANE_UDP] = { 150, 5, 4, 1000 },		[FLOOD_LANE_SERVED] = { 200, 64, 4, 5000 },
	[FLOOD_LANE_AMPLIFIED] = { 200, 1, 0, 200 },	[FLOOD_LANE_ICMP] = { 250, 50, 4, 2500 },
	[FLOOD_LANE_FRAGMENT] = { 250, 100, 4, 10000 }, [FLOOD_LANE_PROTOCOL] = { 250, 1, 0, 250 },
	[FLOOD_LANE_TUNNEL] = { 250, 64, 4, 5000 },
};

struct floods {
	struct floods_front front; /* first: see floods_lane() */
	struct flood_case cases[FLOOD_CASES];
	struct flood_prefixes *prefixes;
	uint64_t quiet_ns, seed, window_ns; /* window_ns: when this one began */
	uint32_t least[FLOOD_LANES]; /* configured, packets a window, 0: not looked for */
	uint32_t made;
	uint64_t random;
	flood_emit_fn *emit;
	void *arg;
	struct flood_stats stats;
};

static unsigned int lanes_of(const struct floods *fs)
{
	return fs->front.victims * FLOOD_LANES;
}

static void begin_lane(const struct floods *fs, struct lane *l, uint8_t kind)
{
	uint32_t least = fs->least[kind];

	*l = (struct lane){ .kind = kind, .slice = NO_SLICE, .allowed = least };
	l->ceiling = (uint64_t)least << UNIT_BITS;
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
			fs->least[i] = 1 + (config->flood_rate[i] - 1) / (uint32_t)WINDOWS_PER_S;
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

/* Marsaglia: "Xorshift RNGs", 2003. So that no rhythm of the flood falls in with the sample's. */
static uint32_t random_below(struct floods *fs, uint64_t n)
{
	fs->random ^= fs->random << 13;
	fs->random ^= fs->random >> 7;
	fs->random ^= fs->random << 17;
	return (uint32_t)((fs->random >> 32) * n >> 32);
}

/* What nothing explains. */
static uint64_t unexplained(const struct lane *l)
{
	return l->count > l->credit ? l->count - l->credit : 0;
}

/* How much excess makes a flood: the burst, or what half a second may hold. */
static uint64_t limit_of(const struct lane *l, uint64_t burst)
{
	uint64_t half_second = l->allowed * WINDOWS_PER_S / 2;

	return burst > half_second ? burst : half_second;
}

/* Packets of the latest second, this window's part included. */
static uint64_t lately(const struct lane *l)
{
	uint64_t n = l->count;

	for (unsigned int i = 0; i < FLOOD_WINDOWS - 1; i++)
		n += l->recent[i].packets;
	return n;
}

static void tell(struct floods *fs, struct flood_case *c, enum finding_phase phase)
{
	c->f.sequence++;
	fs->emit(&c->f, phase, fs->arg);
}

/*
 * The rate of the latest second, this window included, of which now_ns is within or the end. before: windows that
 * have ended since it is suspected.
 */
static void measure(const struct floods *fs, struct flood_case *c, unsigned int before,
		    uint64_t now_ns)
{
	const struct lane *l = c->lane;
	uint64_t packets = l->count, bytes = l->bytes, since_ns = fs->window_ns, span_ns;
	unsigned int i;

	for (i = 0; i < FLOOD_WINDOWS - 1 && i < before; i++) {
		packets += l->recent[i].packets;
		bytes += l->recent[i].bytes;
		since_ns -= FLOOD_WINDOW_NS;
	}
	span_ns = now_ns > since_ns ? now_ns - since_ns : 0;
	/* What came within a moment came within a second, too. */
	if (span_ns < FLOOD_WINDOW_NS)
		span_ns = NS_PER_S;
	c->f.rate = packets * NS_PER_S / span_ns;
	c->f.byte_rate = bytes * NS_PER_S / span_ns;
	if (i == FLOOD_WINDOWS - 1 && c->f.rate > c->peak)
		c->peak = c->f.rate;
	if (i == FLOOD_WINDOWS - 1 && c->f.byte_rate > c->peak_bytes)
		c->peak_bytes = c->f.byte_rate;
}

static void open_case(struct floods *fs, struct flood_case *c, uint64_t now_ns)
{
	struct flood *f = &c->f;

	flood_case_describe(c, fs->prefixes);
	measure(fs, c, c->lane->windows, now_ns);
	f->id = addr_hash(f->self, fs->seed + fs->made) |
		(uint64_t)addr_hash(f->last_peer, fs->seed ^ now_ns) << 32;
	f->normal = (c->lane->mean * WINDOWS_PER_S) >> UNIT_BITS;
	fs->made++;
	fs->stats.opened++;
	fs->stats.open++;
	c->open = true;
	c->opened_ns = now_ns;
	c->hot_ns = now_ns;
	c->report_at = f->packets * FLOOD_GROWTH;
	c->lane->slice = NO_SLICE;
	tell(fs, c, FINDING_START);
}

static void update_case(struct floods *fs, struct flood_case *c, uint64_t now_ns)
{
	flood_case_describe(c, fs->prefixes);
	measure(fs, c, c->lane->windows, now_ns);
	c->report_at = c->f.packets * FLOOD_GROWTH;
	tell(fs, c, FINDING_UPDATE);
}

/* The suspicion, or the flood, is over. */
static void release(struct flood_case *c)
{
	struct lane *l = c->lane;

	l->suspect = NULL;
	l->slice = NO_SLICE;
	l->windows = 0;
	l->excess = 0;
	l->mark = l->allowed + 1;
	c->used = c->open = false;
}

static void close_case(struct floods *fs, struct flood_case *c)
{
	flood_case_describe(c, fs->prefixes);
	/* It was over within a second. */
	if (!c->peak) {
		c->peak = c->f.packets;
		c->peak_bytes = c->f.bytes;
	}
	c->f.rate = c->peak;
	c->f.byte_rate = c->peak_bytes;
	tell(fs, c, FINDING_END);
	fs->stats.closed++;
	fs->stats.open--;
	release(c);
}

/* A place for a suspicion: a free one, or that of the smallest excess. */
static struct flood_case *suspect(struct floods *fs, struct lane *l, uint64_t now_ns)
{
	struct flood_case *least = NULL;

	for (unsigned int i = 0; i < FLOOD_CASES; i++) {
		struct flood_case *c = &fs->cases[i];

		if (!c->used) {
			least = c;
			break;
		}
		if (!c->open && (!least || c->lane->excess < least->lane->excess))
			least = c;
	}
	if (!least || (least->used && least->lane->excess > l->excess + unexplained(l))) {
		fs->stats.crowded++;
		return NULL;
	}
	if (least->used)
		release(least);
	flood_case_begin(least, fs->prefixes, l, now_ns);
	l->suspect = least;
	l->windows = 0;
	l->slice = random_below(fs, FLOOD_SLICE);
	return least;
}

/* What few send, and may: see limits. */
static bool ordinary(const struct floods *fs, const struct lane *l, uint64_t excess)
{
	uint64_t rate = (uint64_t)fs->least[l->kind] * WINDOWS_PER_S * limits[l->kind].times;

	if (limits[l->kind].times == 1 || flood_case_many(l->suspect))
		return false;
	return lately(l) < rate || excess <= limit_of(l, limits[l->kind].few_burst) ||
	       l->windows < limits[l->kind].windows;
}

static void judge(struct floods *fs, struct lane *l, uint64_t excess, uint64_t now_ns)
{
	const struct flood_case *c = l->suspect;

	/* Handshakes take as long as the way there and back. */
	if (l->kind == FLOOD_LANE_SYN && l->windows < HANDSHAKE_WINDOWS)
		return;
	/* Better told a moment later than without knowing who and where. */
	if (c->samples < SAMPLES_LEAST || (c->samples < FIRST_LOOK && l->windows < WAIT_WINDOWS))
		return;
	if (excess <= limit_of(l, limits[l->kind].burst) || flood_case_scans(c) ||
	    ordinary(fs, l, excess))
		return;
	open_case(fs, l->suspect, now_ns);
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
	l->mark = l->count + 1 + random_below(fs, 2 * stride - 1);
	if (!c && unexplained(l) > l->allowed)
		c = suspect(fs, l, p->t_ns);
	if (!c)
		return;
	flood_case_sample(c, fs->prefixes, p, turned);
	excess = l->excess + l->count;
	if (c->open || excess < l->allowed + l->credit)
		return;
	/* The totals include this window only when it ends. */
	c->f.packets += l->count;
	c->f.bytes += l->bytes;
	judge(fs, l, excess - l->allowed - l->credit, p->t_ns);
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
	if (l->suspect)
		l->suspect->handshakes += handshakes;
}

void floods_reset(struct floods *fs, const struct packet *p)
{
	struct flood_case *c = floods_lane(fs, FLOOD_LANE_SYN, p->dst)->suspect;

	/* As many as there are SYNs are no flood of RSTs. */
	if (c && (c->port.value == p->dport || !c->port.votes)) {
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
	uint64_t value = x << UNIT_BITS, least = (uint64_t)fs->least[l->kind] << UNIT_BITS;
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
	l->allowed = (uint32_t)((allowed > least ? allowed : least) >> UNIT_BITS);
}

/* It is another address that is flooded now: that is another flood, which the next packets open. */
static bool moved(const struct flood_case *c, uint64_t now_ns)
{
	return c->now.votes * 2 > c->now_samples && c->now_samples >= SAMPLES_LEAST &&
	       c->now.value != addr_hash(c->f.self, 0) && now_ns >= c->opened_ns + MOVE_NS;
}

/* A window of a lane that is suspected, or open, has ended. */
static void roll_case(struct floods *fs, struct lane *l, uint64_t x, uint64_t end_ns)
{
	struct flood_case *c = l->suspect;

	c->f.packets += l->count;
	c->f.bytes += l->bytes;
	if (l->count > c->peak_window)
		c->peak_window = l->count;
	if (!c->open && !l->excess) {
		release(c);
		return;
	}
	if (!c->open) {
		judge(fs, l, l->excess, end_ns);
		if (c->open)
			return;
		if (limits[l->kind].times > 1 && c->samples >= FIRST_LOOK && !flood_case_many(c) &&
		    ordinary(fs, l, l->excess))
			learn(fs, l, x, 1);
		if (c->samples >= FLOOD_SAMPLES / 4)
			flood_case_forget(c, fs->prefixes);
		return;
	}
	if (moved(c, end_ns)) {
		close_case(fs, c);
		return;
	}
	c->now_samples = c->now.votes = 0;
	if (x * 2 >= l->allowed && x * HOT_SHARE >= c->peak_window)
		c->hot_ns = end_ns;
	if (c->f.packets >= c->report_at)
		update_case(fs, c, end_ns);
	else
		measure(fs, c, l->windows, end_ns);
}

/* ended: windows that have passed, of which all but the first were empty. */
static void roll_lane(struct floods *fs, struct lane *l, uint64_t ended, uint64_t end_ns)
{
	uint64_t x = unexplained(l), lacking = (ended - 1) * l->allowed;
	uint64_t less = l->allowed + l->credit;
	uint64_t most = limit_of(l, limits[l->kind].few_burst) * EXCESS_MOST;

	l->excess += l->count;
	l->excess = l->excess > less ? l->excess - less : 0;
	if (l->excess > most)
		l->excess = most;
	if (l->suspect)
		roll_case(fs, l, x, end_ns);
	else
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
			release(l->suspect);
		if (!l->suspect)
			learn(fs, l, 0, ended - 1);
	}
	l->count = l->bytes = l->credit = 0;
	l->mark = l->suspect ? 1 + random_below(fs, 1 + (l->recent[0].packets >> LOOKS_BITS)) :
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
			close_case(fs, c);
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
			close_case(fs, &fs->cases[i]);
}

void floods_stats(const struct floods *fs, struct flood_stats *out)
{
	*out = fs->stats;
}
