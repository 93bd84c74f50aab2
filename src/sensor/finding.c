/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/finding.h"

#include "core/approx.h"
#include "core/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PRIOR_BITS 4 /* one first contact in vain in 16 is taken to be a scan's */
#define INTERFACE_ID 64 /* where it begins in an IPv6 address (RFC 4291 2.5.1) */
#define CHANCE_BITS 16 /* that random ones may share */
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

static uint32_t contact_hash(const struct probe *p)
{
	return addr_hash(p->self, probe_key(p));
}

bool finding_knows(const struct finding *f, const struct probe *p)
{
	return sketch_has(&f->contacts, contact_hash(p));
}

static void count_host(struct finding *f, struct addr self)
{
	if (!(f->hosts_before & evidence_host_bit(self)))
		sketch_add(&f->hosts, addr_hash(self, 0));
}

static void count_port(struct finding *f, uint16_t port)
{
	bool sampled = false;

	if (port == 0) /* sweeps have none */
		return;
	sketch_add(&f->ports, addr_hash(addr_from_v4(port), 0));
	for (unsigned int i = 0; i < f->sampled; i++)
		sampled |= f->sample[i] == port;
	if (!sampled && f->sampled < FINDING_SAMPLE)
		f->sample[f->sampled++] = port;
}

static void count_pattern(struct finding *f, const struct probe *p)
{
	uint16_t *n = &f->pattern[iid_pattern(p->self, p->port)];

	if (!addr_is_v4(p->self) && *n < UINT16_MAX)
		++*n;
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

void finding_begin_with(struct finding *f, const struct evidence *ev)
{
	f->spoofable = !(ev->flags & EVIDENCE_VALIDATED);
	f->quiet_doublings = ev->alerts < FINDING_MAX_DOUBLINGS ? ev->alerts :
								  FINDING_MAX_DOUBLINGS;
	f->first_ns = ev->first_ns;
	f->probes = ev->probes;
	f->failed = evidence_contacts(ev);
	f->refused = ev->refused;
	f->aborted = ev->aborted;
	f->hosts_before = ev->hosts;
	for (unsigned int i = 0; i < FINGERPRINT_COUNT; i++)
		f->tool[i] = ev->tool[i];
	for (unsigned int i = 0; i < ev->exact; i++)
		count_port(f, ev->port[i]);
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

/* How many first bits hold all peers of a group. Random interface ids share the first few by chance. */
static uint8_t common_len(const struct finding *f, struct addr peer)
{
	unsigned int len = addr_common_len(f->peer.addr, peer);

	if (len > f->peer.len)
		len = f->peer.len;
	if (addr_is_v4(peer))
		return (uint8_t)len;
	if (len >= INTERFACE_ID && len < INTERFACE_ID + CHANCE_BITS)
		return INTERFACE_ID;
	return (uint8_t)len;
}

void finding_member(struct finding *f, struct addr peer)
{
	uint32_t hash = addr_hash(peer, 0);
	uint64_t *word = &f->peers[hash >> 6 & 3], bit = 1ULL << (hash & 63);
	uint8_t common = common_len(f, peer);

	for (unsigned int i = 0; i < f->peers_sampled; i++)
		if (addr_eq(f->peer_sample[i], peer))
			return;
	if (f->peers_sampled < FINDING_PEER_SAMPLE)
		f->peer_sample[f->peers_sampled++] = peer;
	*word |= bit;
	if (!f->real_known && common < f->peer.len)
		f->peer = (struct prefix){ addr_mask(peer, common), common };
}

void finding_name_real(struct finding *f, struct addr peer)
{
	f->real_known = true;
	f->spoofable = false;
	f->peer = (struct prefix){ peer, ADDR_BITS };
	f->last.peer = peer;
}

unsigned int finding_peers(const struct finding *f)
{
	unsigned int estimate = sketch_linear(f->peers, 4);

	if (f->scope == FINDING_HOST)
		return 1;
	return estimate > f->peers_sampled ? estimate : f->peers_sampled;
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

void finding_repeat(struct finding *f, const struct probe *p, uint64_t now_ns)
{
	f->probes++;
	f->last_ns = now_ns;
	count_port(f, p->port);
	count_host(f, p->self);
}

void finding_contact(struct finding *f, const struct probe *p, uint64_t now_ns)
{
	f->probes++;
	f->failed++;
	f->refused += p->outcome == PROBE_REFUSED;
	f->aborted += p->outcome == PROBE_ABORTED;
	f->unseen += p->answer_unseen;
	f->last_ns = now_ns;
	f->last = *p;
	if (f->real_known)
		f->last.peer = f->peer.addr;
	count_pattern(f, p);
	sketch_add(&f->contacts, contact_hash(p));
	for (unsigned int i = 0; i < FINGERPRINT_COUNT; i++)
		if (p->tools & (1 << i))
			f->tool[i]++;
	count_port(f, p->port);
	count_host(f, p->self);
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

uint64_t finding_failed(const struct finding *f)
{
	/* The first few were counted before the finding, and are not in its sketch; later ones may
	 * have been taken for repeats. */
	uint64_t estimate = sketch_count(&f->contacts);

	if (estimate < f->failed)
		estimate = f->failed;
	return estimate < f->probes ? estimate : f->probes;
}

unsigned int finding_ports(const struct finding *f)
{
	uint64_t ports = sketch_count(&f->ports), contacts = finding_failed(f);

	if (f->sampled < FINDING_SAMPLE)
		return f->sampled;
	if (ports > contacts)
		ports = contacts;
	return ports < UINT16_MAX ? (unsigned int)ports : UINT16_MAX;
}

unsigned int finding_hosts(const struct finding *f)
{
	unsigned int unclear = (unsigned int)__builtin_popcountll(f->hosts_before);
	unsigned int after = sketch_count(&f->hosts);

	/* Of later addresses, the share that looked like one of the first was left out. */
	if (unclear == 64)
		return unclear;
	return sketch_linear(&f->hosts_before, 1) + after * 64 / (64 - unclear);
}

enum iid_pattern finding_pattern(const struct finding *f)
{
	unsigned int best = 0, all = 0;

	for (unsigned int i = 0; i < IID_PATTERNS; i++) {
		all += f->pattern[i];
		if (f->pattern[i] > f->pattern[best])
			best = i;
	}
	if (finding_hosts(f) < 2 || f->pattern[best] * 2 <= all)
		return IID_PATTERNS;
	return best;
}

double finding_confidence(const struct finding *f)
{
	return 1 / (1 + approx_exp2(PRIOR_BITS - (double)f->llr));
}
