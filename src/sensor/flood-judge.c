/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/flood-internal.h"

#define EXCESS_MOST 4 /* times the limit: the sooner a suspicion ends */
#define FADING_NS (2 * NS_PER_S)
#define TIMES_DEAF 10
#define SAMPLES_LEAST 8 /* where each stands for many, one or two may be chance */
#define FIRST_LOOK 32 /* samples that tell few from many */
#define LOOK_AGAIN 256
#define WAIT_WINDOWS 3
#define HANDSHAKE_WINDOWS 2
#define GRAINS 8ULL /* by chance, once in e to the eighth lumps that much is between two */
#define MOVE_NS NS_PER_S /* a flood whose victim changes is another one, but not more often */
#define LULL_NS (2 * NS_PER_S) /* a flood in bursts has another one within this */
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
	[FLOOD_LANE_AMPLIFIED] = { 200, 1, 0, 200 },	[FLOOD_LANE_ICMP] = { 250, 10, 4, 1000 },
	[FLOOD_LANE_FRAGMENT] = { 250, 100, 4, 10000 }, [FLOOD_LANE_PROTOCOL] = { 250, 1, 0, 250 },
	[FLOOD_LANE_TUNNEL] = { 250, 64, 4, 5000 },
};

/* How much excess makes a flood: the burst, or what half a second may hold; and what may have come since the
 * latest sample that explains some. */
static uint64_t limit_of(const struct lane *l, uint64_t burst)
{
	uint64_t half_second = l->allowed * FLOOD_WINDOWS_PER_S / 2;
	uint64_t lump = l->grain > 1 ? GRAINS * l->grain : 0;

	return (burst > half_second ? burst : half_second) + lump;
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
	f->normal = (c->lane->mean * FLOOD_WINDOWS_PER_S) >> FLOOD_UNIT_BITS;
	fs->made++;
	fs->stats.opened++;
	fs->stats.open++;
	c->open = true;
	c->opened_ns = now_ns;
	c->hot_ns = c->over_ns = now_ns;
	c->report_at = f->packets * FLOOD_GROWTH;
	c->lane->slice = FLOOD_NO_SLICE;
	tell(fs, c, FINDING_START);
}

static void update_case(struct floods *fs, struct flood_case *c, uint64_t now_ns)
{
	flood_case_describe(c, fs->prefixes);
	measure(fs, c, c->lane->windows, now_ns);
	c->report_at = c->f.packets * FLOOD_GROWTH;
	tell(fs, c, FINDING_UPDATE);
}

void floods_release(struct flood_case *c)
{
	struct lane *l = c->lane;

	l->suspect = NULL;
	l->slice = FLOOD_NO_SLICE;
	l->windows = 0;
	l->excess = 0;
	l->mark = l->allowed + 1;
	c->used = c->open = false;
}

void floods_close(struct floods *fs, struct flood_case *c)
{
	flood_case_describe(c, fs->prefixes);
	/* It was over within a second. */
	if (!c->peak) {
		c->peak = c->f.packets;
		c->peak_bytes = c->f.bytes;
	}
	c->f.rate = c->peak;
	c->f.byte_rate = c->peak_bytes;
	c->lane->over_ns = c->hot_ns;
	tell(fs, c, FINDING_END);
	fs->stats.closed++;
	fs->stats.open--;
	floods_release(c);
}

/* Of the open floods the one that has been quiet longest, if for long enough. */
static struct flood_case *fading(struct floods *fs, uint64_t now_ns)
{
	struct flood_case *oldest = NULL;

	for (unsigned int i = 0; i < FLOOD_CASES; i++) {
		struct flood_case *c = &fs->cases[i];

		if (c->open && c->hot_ns + FADING_NS <= now_ns &&
		    (!oldest || c->hot_ns < oldest->hot_ns))
			oldest = c;
	}
	return oldest;
}

/* A free one, or that of the smallest excess. */
static struct flood_case *place(struct floods *fs, const struct lane *l)
{
	struct flood_case *least = NULL;

	for (unsigned int i = 0; i < FLOOD_CASES; i++) {
		struct flood_case *c = &fs->cases[i];

		if (!c->used)
			return c;
		if (!c->open && (!least || c->lane->excess < least->lane->excess))
			least = c;
	}
	return least && least->lane->excess <= l->excess + floods_unexplained(l) ? least : NULL;
}

struct flood_case *floods_suspect(struct floods *fs, struct lane *l, uint64_t now_ns)
{
	struct flood_case *c = place(fs, l);

	/* Told as over sooner than the configuration has it; but what comes now is told, too. */
	if (!c) {
		c = fading(fs, now_ns);
		if (c)
			floods_close(fs, c);
	}
	if (!c) {
		fs->stats.crowded++;
		return NULL;
	}
	if (c->used)
		floods_release(c);
	flood_case_begin(c, fs->prefixes, l, now_ns);
	l->suspect = c;
	l->windows = 0;
	l->slice = floods_random_below(fs, FLOOD_SLICE);
	return c;
}

/* How many times the configured rate of few is ordinary; 0: not even the rate is. */
static unsigned int times_of_few(const struct flood_case *c)
{
	unsigned int times = limits[c->lane->kind].times;

	if (c->lane->kind == FLOOD_LANE_FRAGMENT && flood_case_crumbs(c))
		return 0;
	if (c->lane->kind == FLOOD_LANE_SERVED && flood_case_deaf(c))
		return TIMES_DEAF;
	return times;
}

/* What few send, and may: see limits. */
static bool ordinary(const struct floods *fs, const struct lane *l, uint64_t excess)
{
	unsigned int times = times_of_few(l->suspect);
	uint64_t rate = (uint64_t)fs->least[l->kind] * FLOOD_WINDOWS_PER_S * times;
	uint64_t burst = limits[l->kind].few_burst;

	if (times <= 1 || flood_case_many(l->suspect))
		return false;
	if (times < limits[l->kind].times)
		burst = burst * times / limits[l->kind].times;
	return floods_lately(l) < rate || excess <= limit_of(l, burst) ||
	       l->windows < limits[l->kind].windows;
}

void floods_judge(struct floods *fs, struct lane *l, uint64_t excess, uint64_t now_ns)
{
	const struct flood_case *c = l->suspect;

	/* Handshakes take as long as the way there and back. */
	if (l->kind == FLOOD_LANE_SYN && l->windows < HANDSHAKE_WINDOWS)
		return;
	/* An excess lasts longer than what made it. */
	if (floods_lately(l) < 3ULL * l->allowed)
		return;
	/* A few packets of a scan with decoys are all for one port. */
	if (c->scanned && c->samples < LOOK_AGAIN)
		return;
	/* Better told a moment later than without knowing who and where. */
	if (c->samples < SAMPLES_LEAST || (c->samples < FIRST_LOOK && l->windows < WAIT_WINDOWS))
		return;
	/* Refusals do not show which way it came that was refused: samples of that do, a moment later. */
	if (l->kind == FLOOD_LANE_ACK && !c->ways && l->windows < WAIT_WINDOWS)
		return;
	if (excess <= limit_of(l, limits[l->kind].burst) || flood_case_scans(c) ||
	    ordinary(fs, l, excess))
		return;
	open_case(fs, l->suspect, now_ns);
}

/* It is another address that is flooded now: that is another flood, which the next packets open. */
static bool moved(const struct flood_case *c, uint64_t now_ns)
{
	return c->now.votes * 2 > c->now_samples && c->now_samples >= SAMPLES_LEAST &&
	       c->now.value != addr_hash(c->f.self, 0) && now_ns >= c->opened_ns + MOVE_NS;
}

uint64_t floods_most_excess(const struct lane *l)
{
	return limit_of(l, limits[l->kind].few_burst) * EXCESS_MOST;
}

/* Nothing was told of it yet. */
static bool roll_suspect(struct floods *fs, struct lane *l, uint64_t end_ns)
{
	struct flood_case *c = l->suspect;
	bool teaches;

	if (!l->excess) {
		floods_release(c);
		return false;
	}
	floods_judge(fs, l, l->excess, end_ns);
	if (c->open)
		return false;
	teaches = limits[l->kind].times > 1 && c->samples >= FIRST_LOOK && !flood_case_many(c) &&
		  ordinary(fs, l, l->excess);
	/* A scan's excess is no flood's; not even beside one that begins afterwards. */
	if (flood_case_scans(c)) {
		l->excess = 1;
		c->scanned = true;
	}
	if (c->samples >= FLOOD_SAMPLES / 4)
		flood_case_forget(c, fs->prefixes);
	return teaches;
}

bool floods_roll_case(struct floods *fs, struct lane *l, uint64_t x, uint64_t end_ns)
{
	struct flood_case *c = l->suspect;

	c->f.packets += l->count;
	c->f.bytes += l->bytes;
	if (l->count > c->peak_window)
		c->peak_window = l->count;
	if (!c->open)
		return roll_suspect(fs, l, end_ns);
	if (moved(c, end_ns)) {
		floods_close(fs, c);
		return false;
	}
	c->now_samples = c->now.votes = 0;
	/* Not sooner: what samples explain of ordinary clients comes in lumps. And not by one of those. */
	if (x >= l->allowed && x * HOT_SHARE >= c->peak_window) {
		if (end_ns <= c->over_ns + LULL_NS)
			c->hot_ns = end_ns;
		c->over_ns = end_ns;
	}
	if (c->f.packets >= c->report_at)
		update_case(fs, c, end_ns);
	else
		measure(fs, c, l->windows, end_ns);
	return false;
}
