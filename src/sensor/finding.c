/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/finding.h"

#include "core/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OUTWORKS 4 /* times the contacts of a finding of a flood's peer are not a flood's */
#define QUIET_GAPS 8 /* silent for so many times its own mean gap, a scan has ended */

struct findings {
	unsigned int capacity, used;
	uint64_t quiet_ns, seed;
	uint32_t made;
	uint64_t due_ns; /* nothing expires earlier; 0: none in use */
	finding_emit_fn *emit;
	void *arg;
	struct finding_stats stats;
	const struct crowd *crowd; /* may be NULL: all weigh the same */
	struct addr *peer; /* of each slot; :: where it is free */
	struct finding slot[];
};

struct findings *findings_new(unsigned int capacity, uint64_t quiet_ns, uint64_t seed,
			      finding_emit_fn *emit, void *arg)
{
	size_t bytes =
		sizeof(struct findings) + capacity * (sizeof(struct finding) + sizeof(struct addr));
	struct findings *fs = malloc(bytes);

	if (!fs)
		return NULL;
	memset(fs, 0, bytes); /* touches every page: no memory is added later */
	fs->peer = (struct addr *)&fs->slot[capacity];
	fs->capacity = capacity;
	fs->quiet_ns = quiet_ns;
	fs->seed = seed;
	fs->emit = emit;
	fs->arg = arg;
	return fs;
}

void findings_free(struct findings *fs)
{
	free(fs);
}

struct finding *findings_of(struct findings *fs, struct addr peer, enum probe_kind kind)
{
	for (unsigned int i = 0; fs->used && i < fs->capacity; i++)
		if (addr_eq(fs->peer[i], peer) && fs->slot[i].kind == kind)
			return &fs->slot[i];
	return NULL;
}

bool findings_any(const struct findings *fs, struct addr peer, bool alerted)
{
	/* Asked for each newcomer of a flood: no slot is touched but the peer's. */
	for (unsigned int i = 0; fs->used && i < fs->capacity; i++)
		if (addr_eq(fs->peer[i], peer) && (!alerted || fs->slot[i].alerted))
			return true;
	return false;
}

static void tell(struct findings *fs, struct finding *f, enum finding_phase phase)
{
	f->sequence++;
	fs->emit(f, phase, fs->arg);
}

void findings_withdraw(struct findings *fs, struct finding *f)
{
	f->used = false;
	fs->peer[f - fs->slot] = (struct addr){ 0, 0 };
	fs->used--;
}

void findings_withdraw_within(struct findings *fs, const struct prefix *prefix)
{
	for (unsigned int i = 0; i < fs->capacity; i++)
		if (fs->slot[i].used && fs->slot[i].scope == FINDING_HOST && !fs->slot[i].alerted &&
		    prefix_contains(prefix, fs->peer[i]))
			findings_withdraw(fs, &fs->slot[i]);
}

static void close_one(struct findings *fs, struct finding *f)
{
	if (f->alerted) {
		fs->stats.closed++;
		tell(fs, f, FINDING_END);
	} else if (!f->secondary) {
		fs->stats.notices++;
		tell(fs, f, FINDING_NOTICE);
	}
	findings_withdraw(fs, f);
}

void findings_set_crowd(struct findings *fs, const struct crowd *crowd)
{
	fs->crowd = crowd;
}

static unsigned int weigh(const struct findings *fs, const struct probe *p)
{
	return fs->crowd ? crowd_weigh(fs->crowd, p->trait, p->port) : 0;
}

/* A group's finding speaks for many: it weighs nothing. */
static unsigned int finding_weight(const struct findings *fs, const struct finding *f)
{
	return f->scope == FINDING_HOST ? weigh(fs, &f->last) : 0;
}

/*
 * Of slots that are all in use, the one to be closed: where some are of a crowd, one of those. Then a
 * suspicion rather than an alert, and then the longest silent. *heavy: what those of the crowd weigh at least,
 * or 0.
 */
static struct finding *least_worthy(const struct findings *fs, unsigned int *heavy)
{
	const struct finding *least = NULL;
	unsigned int most = 0;

	for (unsigned int i = 0; i < fs->capacity; i++) {
		unsigned int weight = finding_weight(fs, &fs->slot[i]);

		most = weight > most ? weight : most;
	}
	*heavy = most >= CROWD_HEAVY ? most - CROWD_MARGIN : 0;
	for (unsigned int i = 0; i < fs->capacity; i++) {
		const struct finding *f = &fs->slot[i];

		if (finding_weight(fs, f) < *heavy)
			continue;
		if (!least || f->alerted < least->alerted ||
		    (f->alerted == least->alerted && f->last_ns < least->last_ns))
			least = f;
	}
	assert(least); /* there is at least one slot */
	return (struct finding *)least;
}

/*
 * A slot for a finding of this weight, which begins with so many contacts. NULL when it is itself of a crowd,
 * and all slots are taken by lighter ones, or by others of the crowd that are still at it: a flood forged
 * from few addresses would else open and close findings by the thousand. But who has done a multiple of
 * their work is not one of them, whatever its packets look like.
 */
static struct finding *free_slot(struct findings *fs, unsigned int weight, unsigned int contacts,
				 uint64_t now_ns)
{
	struct finding *least;
	unsigned int heavy;

	for (unsigned int i = 0; fs->used < fs->capacity && i < fs->capacity; i++)
		if (!fs->slot[i].used)
			return &fs->slot[i];
	least = least_worthy(fs, &heavy);
	if (weight >= CROWD_HEAVY && contacts < OUTWORKS * least->failed &&
	    (weight > heavy + 2 * CROWD_MARGIN ||
	     (least->alerted && now_ns < least->last_ns + FINDING_SUSPECT_QUIET_NS))) {
		fs->stats.refused++;
		return NULL;
	}
	fs->stats.evicted++;
	close_one(fs, least);
	return least;
}

static uint64_t finding_due(const struct findings *fs, const struct finding *f)
{
	uint64_t quiet_ns = fs->quiet_ns;
	uint64_t gap_ns = f->failed > 1 ? (f->last_ns - f->first_ns) / (f->failed - 1) : 0;

	if (!f->alerted)
		quiet_ns = FINDING_SUSPECT_QUIET_NS;
	else
		quiet_ns <<= f->quiet_doublings;
	if (gap_ns * QUIET_GAPS > quiet_ns)
		quiet_ns = gap_ns * QUIET_GAPS;
	if (quiet_ns > FINDING_MAX_QUIET_NS)
		quiet_ns = FINDING_MAX_QUIET_NS;
	return f->last_ns + quiet_ns;
}

static struct finding *begin(struct findings *fs, const struct probe *p, enum probe_kind kind,
			     unsigned int weight, unsigned int contacts, uint64_t now_ns)
{
	struct finding *f = free_slot(fs, weight, contacts, now_ns);

	if (!f)
		return NULL;
	memset(f, 0, sizeof(*f));
	f->used = true;
	f->spoofable = true;
	f->kind = kind;
	f->made = ++fs->made;
	f->id = addr_hash(p->peer, fs->seed + fs->made) |
		(uint64_t)addr_hash(p->self, fs->seed ^ now_ns) << 32;
	f->peer = (struct prefix){ p->peer, ADDR_BITS };
	f->last = *p;
	f->first_ns = f->last_ns = now_ns;
	fs->peer[f - fs->slot] = p->peer;
	fs->used++;
	return f;
}

static void note_due(struct findings *fs, const struct finding *f)
{
	uint64_t due_ns = finding_due(fs, f);

	if (fs->due_ns == 0 || due_ns < fs->due_ns)
		fs->due_ns = due_ns;
}

struct finding *findings_suspect(struct findings *fs, const struct probe *p, enum probe_kind kind,
				 const struct evidence *ev, uint64_t now_ns)
{
	struct finding *f = begin(fs, p, kind, weigh(fs, p), ev->plain, now_ns);

	if (!f)
		return NULL;
	finding_begin_with(f, ev);
	note_due(fs, f);
	return f;
}

struct finding *findings_suspect_too(struct findings *fs, const struct probe *p, uint64_t now_ns)
{
	struct finding *f = begin(fs, p, p->kind, weigh(fs, p), 1, now_ns);

	if (!f)
		return NULL;
	f->secondary = true;
	finding_contact(f, p, now_ns);
	note_due(fs, f);
	return f;
}

struct finding *findings_suspect_group(struct findings *fs, enum finding_scope scope,
				       const struct probe *p, enum probe_kind kind, uint64_t now_ns)
{
	struct finding *f = begin(fs, p, kind, 0, 1, now_ns);

	f->scope = scope;
	fs->peer[f - fs->slot] = (struct addr){ 0, 0 };
	note_due(fs, f);
	return f;
}

struct finding_ref findings_ref(const struct findings *fs, const struct finding *f)
{
	return (struct finding_ref){ (uint32_t)(f - fs->slot), f->made };
}

struct finding *findings_get(struct findings *fs, struct finding_ref ref)
{
	struct finding *f = &fs->slot[ref.slot];

	return ref.made && f->used && f->made == ref.made ? f : NULL;
}

bool findings_tell(struct findings *fs, struct finding *f, float llr)
{
	if (llr > f->llr)
		f->llr = llr;
	if (!f->alerted) {
		f->alerted = true;
		f->report_at = f->failed * FINDING_GROWTH;
		fs->stats.opened++;
		tell(fs, f, FINDING_START);
		return true;
	}
	/* The estimate costs a hundred nanoseconds: not for every packet of a fast scan. */
	if (f->failed >= f->report_at ||
	    (f->probes % 64 == 0 && finding_failed(f) >= f->report_at)) {
		f->report_at *= FINDING_GROWTH;
		tell(fs, f, FINDING_UPDATE);
	}
	return false;
}

void findings_update(struct findings *fs, struct finding *f)
{
	if (f->alerted)
		tell(fs, f, FINDING_UPDATE);
}

void findings_proven(struct findings *fs, struct addr peer)
{
	for (unsigned int i = 0; i < fs->capacity; i++)
		if (addr_eq(fs->peer[i], peer))
			fs->slot[i].spoofable = false;
}

uint64_t findings_expire(struct findings *fs, uint64_t now_ns)
{
	uint64_t next_ns = 0;

	if (fs->due_ns == 0 || now_ns < fs->due_ns)
		return fs->due_ns;
	for (unsigned int i = 0; i < fs->capacity; i++) {
		struct finding *f = &fs->slot[i];
		uint64_t due_ns;

		if (!f->used)
			continue;
		due_ns = finding_due(fs, f);
		if (due_ns <= now_ns)
			close_one(fs, f);
		else if (next_ns == 0 || due_ns < next_ns)
			next_ns = due_ns;
	}
	fs->due_ns = next_ns;
	return next_ns;
}

void findings_close_all(struct findings *fs)
{
	for (unsigned int i = 0; i < fs->capacity; i++)
		if (fs->slot[i].used)
			close_one(fs, &fs->slot[i]);
	fs->due_ns = 0;
}

unsigned int findings_open(const struct findings *fs)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < fs->capacity; i++)
		n += fs->slot[i].used && fs->slot[i].alerted;
	return n;
}

void findings_stats(const struct findings *fs, struct finding_stats *out)
{
	*out = fs->stats;
}
