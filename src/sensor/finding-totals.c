/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one finding counts, and what its counts say.
 */
#include "sensor/finding.h"
#include "core/approx.h"
#include "core/bits.h"

#define PRIOR_BITS 4 /* one first contact in vain in 16 is taken to be a scan's */
#define INTERFACE_ID 64 /* where it begins in an IPv6 address (RFC 4291 2.5.1) */
#define CHANCE_BITS 16 /* that random ones may share */

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
	unsigned int unclear = bits_count(f->hosts_before);
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
