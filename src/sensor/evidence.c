/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/evidence.h"

#include "core/bits.h"
#include "core/clock.h"
#include "core/sketch.h"
#include "sensor/newcomers.h"

#include <string.h>

/* An eighth of each half-life, as a power of two nanoseconds, so that no packet costs a division:
 * half-lives of 8.6 s, 137 s, 73 min and 9.8 h. */
static const uint8_t step_shift[EVIDENCE_SCALES] = { 30, 34, 39, 42 };

/* 2^(-i/8) in 1/65536. */
static const uint32_t eighth[8] = { 65536, 60097, 55109, 50535, 46341, 42495, 38968, 35734 };

#define FORGET_S 43200
#define SKETCH_FULL 32
#define OS_SPECIFIC 3 /* so many SYNs may go before one such packet: it finds an open port first */

_Static_assert(EVIDENCE_EXACT <= 8, "a byte has bits for all exact contacts");

#define HASH_SEED 0x6d696d616d6f7269ULL /* any constant: these hashes only spread bits */

static uint16_t faded(uint16_t sum, uint64_t steps)
{
	uint64_t halvings = steps / 8;

	if (halvings >= 16)
		return 0;
	return (uint16_t)(((uint64_t)(sum >> halvings) * eighth[steps % 8] + 32768) >> 16);
}

static void fade_sums(uint16_t sum[EVIDENCE_SCALES], uint64_t from_ns, uint64_t to_ns)
{
	for (unsigned int i = 0; i < EVIDENCE_SCALES; i++) {
		uint64_t steps = (to_ns >> step_shift[i]) - (from_ns >> step_shift[i]);

		if (steps && sum[i])
			sum[i] = faded(sum[i], steps);
	}
}

void evidence_fade(struct evidence *ev, uint64_t now_ns)
{
	if (ev->last_ns == 0) {
		ev->first_ns = now_ns;
	} else {
		fade_sums(ev->sum, ev->last_ns, now_ns);
		/* What a peer used an hour ago no longer speaks for it; what it tried is forgotten only
		 * after half a day of silence, so that a client that retries one dead service all day stays
		 * one contact. */
		if (now_ns > ev->last_ns + 3600 * NS_PER_S)
			ev->credit = 0;
		if (now_ns > ev->last_ns + FORGET_S * NS_PER_S) {
			ev->plain = 0;
			ev->ambient = 0;
			ev->exact = 0;
			ev->leaves = 0;
			ev->sketch = 0;
			ev->hosts = 0;
		}
	}
	ev->last_ns = now_ns;
}

uint8_t evidence_where(const struct probe *p)
{
	return (uint8_t)addr_hash(p->self, HASH_SEED + p->kind + ((uint64_t)p->variant << 8));
}

static uint64_t contact_bit(const struct probe *p)
{
	return 1ULL << (addr_hash(p->self, HASH_SEED ^ probe_key(p)) & 63);
}

uint64_t evidence_host_bit(struct addr a)
{
	return 1ULL << (addr_hash(a, HASH_SEED) & 63);
}

bool evidence_knows_exactly(const struct evidence *ev, const struct probe *p)
{
	uint8_t where = evidence_where(p);

	if (probe_is_leave(p) && bits_count(ev->leaves) >= EVIDENCE_LEAVES)
		return true;
	for (unsigned int i = 0; i < ev->exact; i++)
		if (ev->port[i] == p->port && ev->where[i] == where)
			return true;
	return false;
}

bool evidence_knows(const struct evidence *ev, const struct probe *p)
{
	return evidence_knows_exactly(ev, p) ||
	       (ev->exact == EVIDENCE_EXACT && (ev->sketch & contact_bit(p)));
}

static void bump(uint8_t *counter)
{
	if (*counter < UINT8_MAX)
		++*counter;
}

/* In a day a server or a printer may well ask the link for all of its neighbours. */
static unsigned int scales_of(uint8_t kind)
{
	return kind == PROBE_ARP || kind == PROBE_NEIGHBOUR ? EVIDENCE_SCALES - 1 : EVIDENCE_SCALES;
}

void evidence_add(struct evidence *ev, const struct probe *p, uint8_t weight, bool ambient)
{
	if (ev->exact < EVIDENCE_EXACT) {
		ev->leaves |= (uint8_t)(probe_is_leave(p) << ev->exact);
		ev->port[ev->exact] = p->port;
		ev->where[ev->exact++] = evidence_where(p);
	} else {
		/* Too full a sketch would know everything. Starting it anew may count a contact
		 * twice, of a peer that has dozens in vain already. */
		if (bits_count(ev->sketch) >= SKETCH_FULL)
			ev->sketch = 0;
		ev->sketch |= contact_bit(p);
	}
	memcpy(ev->trait, p->trait, sizeof(ev->trait));
	ev->last_port = p->port;
	ev->hosts |= evidence_host_bit(p->self);
	if (p->outcome == PROBE_ABORTED)
		bump(&ev->aborted);
	if (probe_is_leave(p))
		return;
	bump(&ev->kind[p->kind]);
	for (unsigned int i = 0; i < FINGERPRINT_COUNT; i++)
		if (p->tools & (1 << i))
			bump(&ev->tool[i]);
	/* Ambient contacts are counted apart: scan_judge() says what they amount to. */
	bump(ambient ? &ev->ambient : &ev->plain);
	for (unsigned int i = 0; !ambient && i < scales_of(p->kind); i++) {
		uint32_t sum = (uint32_t)ev->sum[i] + weight;

		ev->sum[i] = sum < UINT16_MAX ? sum : UINT16_MAX;
	}
}

void evidence_begin(struct evidence *ev, const struct newcomer *n, uint64_t now_ns)
{
	memset(ev, 0, sizeof(*ev));
	ev->first_ns = ev->last_ns = newcomer_ns(n, now_ns);
	memcpy(ev->trait, n->trait, sizeof(ev->trait));
	ev->last_port = n->port;
	ev->probes = 1 + n->repeats;
	ev->exact = 1;
	ev->port[0] = n->port;
	ev->where[0] = n->where;
	ev->hosts = 1ULL << n->host;
	ev->kind[n->kind] = 1;
	for (unsigned int i = 0; i < FINGERPRINT_COUNT; i++)
		ev->tool[i] = n->tools >> i & 1;
	ev->plain = !n->ambient;
	ev->ambient = n->ambient;
	ev->refused = n->refused;
	ev->aborted = n->aborted;
	for (unsigned int i = 0; !n->ambient && i < EVIDENCE_SCALES; i++)
		ev->sum[i] = n->weight;
}

void evidence_absorb(struct evidence *prefix, const struct newcomer *n, uint64_t now_ns)
{
	uint64_t t_ns = newcomer_ns(n, now_ns);

	if (prefix->last_ns == 0) {
		evidence_begin(prefix, n, now_ns);
		return;
	}
	/* One newcomer is as old as the next: the difference of their ages fades nothing. */
	if (t_ns > prefix->last_ns) {
		fade_sums(prefix->sum, prefix->last_ns, t_ns);
		prefix->last_ns = t_ns;
	}
	for (unsigned int i = 0; !n->ambient && i < EVIDENCE_SCALES; i++) {
		uint32_t sum = (uint32_t)prefix->sum[i] + n->weight;

		prefix->sum[i] = sum < UINT16_MAX ? sum : UINT16_MAX;
	}
	if (prefix->probes < UINT32_MAX - 64)
		prefix->probes += 1 + n->repeats;
	prefix->hosts |= 1ULL << n->host;
	bump(&prefix->kind[n->kind]);
	for (unsigned int i = 0; n->tools && i < FINGERPRINT_COUNT; i++)
		if (n->tools & (1 << i))
			bump(&prefix->tool[i]);
}

void evidence_undo(struct evidence *ev, const struct probe *p, uint8_t weight, bool ambient)
{
	uint8_t *contacts = ambient ? &ev->ambient : &ev->plain;

	if (*contacts)
		--*contacts;
	if (ev->kind[p->kind])
		ev->kind[p->kind]--;
	for (unsigned int i = 0; !ambient && i < EVIDENCE_SCALES; i++)
		ev->sum[i] -= ev->sum[i] < weight ? ev->sum[i] : weight;
}

void evidence_disown(struct evidence *ev, const struct probe *p, uint8_t weight, bool ambient)
{
	uint8_t where = evidence_where(p);
	unsigned int i = 0;

	while (i < ev->exact && (ev->port[i] != p->port || ev->where[i] != where))
		i++;
	if (i < ev->exact) {
		unsigned int last = --ev->exact;
		bool leave = ev->leaves >> last & 1;

		ev->port[i] = ev->port[last];
		ev->where[i] = ev->where[last];
		ev->leaves &= (uint8_t) ~(1u << i | 1u << last);
		ev->leaves |= (uint8_t)(leave && i != last) << i;
	}
	evidence_undo(ev, p, weight, ambient);
	for (i = 0; i < FINGERPRINT_COUNT; i++)
		if (ev->tool[i] && p->tools & (1 << i))
			ev->tool[i]--;
	if (ev->probes)
		ev->probes--;
}

void evidence_restart(struct evidence *ev, uint64_t now_ns)
{
	*ev = (struct evidence){
		.first_ns = now_ns,
		.last_ns = now_ns,
		.flags = ev->flags & (EVIDENCE_VALIDATED | EVIDENCE_USED),
		.credit = ev->credit,
		.alerts = ev->alerts,
	};
}

bool evidence_credit(struct evidence *ev)
{
	if (ev->credit == EVIDENCE_MAX_CREDIT)
		return false;
	ev->credit++;
	return true;
}

void evidence_discredit(struct evidence *ev)
{
	if (ev->credit)
		ev->credit--;
}

unsigned int evidence_contacts(const struct evidence *ev)
{
	return (unsigned int)ev->plain + ev->ambient + bits_count(ev->leaves);
}

unsigned int evidence_hosts(const struct evidence *ev)
{
	return sketch_linear(&ev->hosts, 1);
}

enum probe_kind evidence_kind(const struct evidence *ev)
{
	unsigned int best = PROBE_SYN, most = 0;

	for (unsigned int i = 0; i < PROBE_KINDS; i++) {
		unsigned int n = ev->kind[i];

		if (i == PROBE_VERSION && n)
			n += bits_count(ev->leaves);
		else if (i == PROBE_OS)
			n *= OS_SPECIFIC;
		if (n > most) {
			best = i;
			most = n;
		}
	}
	return best;
}

static void add_counts(uint8_t *into, const uint8_t *from, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		unsigned int sum = (unsigned int)into[i] + from[i];

		into[i] = sum < UINT8_MAX ? (uint8_t)sum : UINT8_MAX;
	}
}

void evidence_fold(void *into, const void *from, void *arg)
{
	struct evidence *parent = into;
	const struct evidence *child = from;
	uint16_t child_sum[EVIDENCE_SCALES];
	uint32_t probes = parent->probes + child->probes;

	(void)arg;
	if (child->last_ns == 0)
		return;
	if (parent->last_ns == 0 || child->first_ns < parent->first_ns)
		parent->first_ns = child->first_ns;
	/* Both at the later of the two times. */
	memcpy(child_sum, child->sum, sizeof(child_sum));
	if (parent->last_ns == 0) {
		parent->last_ns = child->last_ns;
	} else if (child->last_ns > parent->last_ns) {
		fade_sums(parent->sum, parent->last_ns, child->last_ns);
		parent->last_ns = child->last_ns;
	} else {
		fade_sums(child_sum, child->last_ns, parent->last_ns);
	}
	for (unsigned int i = 0; i < EVIDENCE_SCALES; i++) {
		uint32_t sum = (uint32_t)parent->sum[i] + child_sum[i];

		parent->sum[i] = sum < UINT16_MAX ? sum : UINT16_MAX;
	}
	parent->probes = probes < parent->probes ? UINT32_MAX : probes;
	parent->hosts |= child->hosts;
	parent->sketch |= child->sketch;
	add_counts(parent->kind, child->kind, PROBE_KINDS);
	add_counts(parent->tool, child->tool, FINGERPRINT_COUNT);
}
