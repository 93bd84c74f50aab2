/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/engine-internal.h"

#include "core/clock.h"
#include "sensor/config.h"
#include "sensor/listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct engine *engine_new(const struct engine_params *params)
{
	const struct sensor_config *config = params->config;
	struct engine *e = calloc(1, sizeof(*e));
	struct trie_params trie = {
		.payload_bytes = sizeof(struct evidence),
		.quota = { (uint16_t)config->peers_new, (uint16_t)config->peers_suspect,
			   (uint16_t)config->peers_known },
		.fold = evidence_fold,
	};

	if (!e)
		return NULL;
	e->clock = params->clock;
	e->listeners = params->listeners;
	e->home = params->home;
	e->ignore = config->ignore;
	scan_policy_init(&e->policy, config->failures, &config->ambient_ports,
			 params->home.mode == HOME_INFERRED);
	e->trie = trie_new(&trie);
	e->contacts = contacts_new(params->contacts ? params->contacts : config->contacts,
				   params->seed);
	e->findings = findings_new(config->findings, config->quiet_ns, params->seed, params->emit,
				   params->arg);
	if (!e->trie || !e->contacts || !e->findings) {
		engine_free(e);
		errno = ENOMEM;
		return NULL;
	}
	return e;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	trie_free(e->trie);
	contacts_free(e->contacts);
	findings_free(e->findings);
	free(e);
}

/* A contact whose answer did not come, or that gives way to a newer one. */
static void settle_oldest(struct engine *e)
{
	struct contact *c = contacts_oldest(e->contacts);

	if (c->probe.outcome == PROBE_UNKNOWN && c->probe.kind < PROBE_KINDS &&
	    c->probe.kind != PROBE_MAIMON) {
		if (contacts_full(e->contacts))
			e->stats.hurried++;
		c->probe.outcome = PROBE_UNANSWERED;
		engine_in_vain(e, c);
	}
	contacts_drop_oldest(e->contacts);
}

struct contact *engine_contact(struct engine *e, const struct probe *p, enum contact_proto proto)
{
	if (contacts_full(e->contacts)) {
		settle_oldest(e);
	}
	return contacts_add(e->contacts, p, proto, e->clock->now_ns);
}

static bool ignored(const struct engine *e, struct addr peer)
{
	for (unsigned int i = 0; i < e->ignore.count; i++)
		if (prefix_contains(&e->ignore.prefix[i], peer))
			return true;
	return false;
}

bool engine_watches(const struct engine *e, struct addr peer, struct addr self)
{
	return home_side(&e->home, peer, self) == HOME_INBOUND && !ignored(e, peer);
}

static struct evidence *evidence_of(struct trie_node *n)
{
	return (struct evidence *)n->payload;
}

/* The leaf that a contact was judged at, if it is still the peer's. */
static struct evidence *contact_evidence(struct engine *e, const struct contact *c)
{
	struct trie_node *n = trie_node_at(e->trie, c->node);

	if (!n || n->len != ADDR_BITS || !addr_eq(n->addr, c->probe.peer))
		return NULL;
	return evidence_of(n);
}

/* The peer's finding of the contact's kind, or NULL. */
static struct finding *finding_of(struct engine *e, const struct evidence *ev, const struct probe *p)
{
	if (!ev || !(ev->flags & EVIDENCE_FINDING))
		return NULL;
	return findings_of(e->findings, p->peer, p->kind);
}

void engine_repeated(struct engine *e, struct contact *c)
{
	struct finding *f = finding_of(e, contact_evidence(e, c), &c->probe);

	if (f)
		finding_repeat(f, &c->probe, e->clock->now_ns);
}

/* The finding that a contact belongs to, begun where the verdict asks for one; or NULL. */
static struct finding *finding_for(struct engine *e, struct evidence *ev, const struct probe *p,
				   enum scan_verdict verdict)
{
	struct finding *f = finding_of(e, ev, p);
	enum probe_kind kind = evidence_kind(ev);

	if (f) {
		finding_contact(f, p, e->clock->now_ns);
		return f;
	}
	if (verdict == SCAN_NO)
		return NULL;
	if (findings_any(e->findings, p->peer, true))
		return findings_suspect_too(e->findings, p, e->clock->now_ns);
	/* The first is of the kind that most contacts are of, whatever this one is. */
	f = findings_of(e->findings, p->peer, kind);
	if (f)
		finding_contact(f, p, e->clock->now_ns);
	else
		f = findings_suspect(e->findings, p, kind, ev, e->clock->now_ns);
	ev->flags |= EVIDENCE_FINDING;
	return f;
}

static void conclude(struct engine *e, struct evidence *ev, const struct probe *p)
{
	float llr;
	enum scan_verdict verdict = scan_judge(&e->policy, ev, &llr);
	struct finding *f = finding_for(e, ev, p, verdict);

	if (!f)
		return;
	/* A second kind needs as many contacts of its own as the first did. */
	if (f->secondary ? f->failed < e->policy.failures : verdict != SCAN_YES && !f->alerted)
		return;
	if (findings_tell(e->findings, f, llr) && ev->alerts < UINT8_MAX)
		ev->alerts++;
}

void engine_in_vain(struct engine *e, struct contact *c)
{
	const struct probe *p = &c->probe;
	bool created, ambient;
	struct trie_node *n = trie_insert(e->trie, p->peer, ENGINE_NEW, &created);
	struct evidence *ev = evidence_of(n);
	struct finding *f;

	if (created && findings_any(e->findings, p->peer, false))
		ev->flags |= EVIDENCE_FINDING;
	evidence_fade(ev, e->clock->now_ns);
	if (ev->probes < UINT32_MAX)
		ev->probes++;
	c->node = n->index;
	/* Of much UDP nobody awaits an answer: its silence tells only of one host asked on many ports. */
	if (p->kind == PROBE_UDP && p->outcome == PROBE_UNANSWERED && evidence_hosts(ev) > 2)
		return;
	/* A finding remembers far more contacts than the peer's node does. */
	f = finding_of(e, ev, p);
	if (evidence_knows(ev, p) && (!f || finding_knows(f, p))) {
		if (f)
			finding_repeat(f, p, e->clock->now_ns);
		return;
	}
	ambient = scan_ambient(&e->policy, p, home_on_link(&e->home, p->peer, p->self));
	c->weight = scan_weight(&e->policy, p, ambient);
	evidence_add(ev, p, c->weight, ambient);
	if (p->outcome == PROBE_REFUSED && ev->refused < UINT8_MAX)
		ev->refused++;
	e->stats.failed++;
	if (n->class == ENGINE_NEW && ev->plain + ev->ambient > 1)
		trie_reclass(e->trie, n, ENGINE_SUSPECT);
	conclude(e, ev, p);
}

void engine_confirm_refused(struct engine *e, struct contact *c)
{
	struct evidence *ev = contact_evidence(e, c);
	struct finding *f = finding_of(e, ev, &c->probe);

	c->probe.outcome = PROBE_REFUSED;
	if (ev && ev->refused < UINT8_MAX)
		ev->refused++;
	if (f)
		f->refused++;
}

void engine_answered(struct engine *e, struct contact *c)
{
	struct evidence *ev = contact_evidence(e, c);
	struct finding *f;

	if (c->probe.outcome == PROBE_CLOSED) {
		e->stats.overturned++;
		if (e->listeners)
			listeners_publish(e->listeners, c->probe.self, c->probe.port);
		if (ev && c->weight)
			evidence_undo(ev, &c->probe, c->weight,
				      scan_ambient(&e->policy, &c->probe,
						   home_on_link(&e->home, c->probe.peer,
								c->probe.self)));
	}
	c->probe.outcome = PROBE_OPEN;
	c->weight = 0;
	if (!ev) {
		struct trie_node *n = trie_find(e->trie, c->probe.peer);

		if (!n)
			return;
		c->node = n->index;
		ev = evidence_of(n);
	}
	evidence_credit(ev);
	f = finding_of(e, ev, &c->probe);
	if (f)
		f->open++;
}

void engine_proven(struct engine *e, struct addr peer)
{
	bool created;
	struct trie_node *n = trie_insert(e->trie, peer, ENGINE_KNOWN, &created);
	struct evidence *ev = evidence_of(n);

	if (created) {
		evidence_credit(ev);
		if (findings_any(e->findings, peer, false))
			ev->flags |= EVIDENCE_FINDING;
	}
	evidence_fade(ev, e->clock->now_ns);
	ev->flags |= EVIDENCE_VALIDATED;
	if (n->class != ENGINE_KNOWN)
		trie_reclass(e->trie, n, ENGINE_KNOWN);
	if (ev->flags & EVIDENCE_FINDING)
		findings_proven(e->findings, peer);
}

uint64_t engine_tick(struct engine *e)
{
	uint64_t now_ns = e->clock->now_ns;
	uint64_t due_ns;
	struct contact *c;

	while (contacts_oldest_due(e->contacts, now_ns))
		settle_oldest(e);
	due_ns = findings_expire(e->findings, now_ns);
	/* In host scope every outcome is known at once: nothing to wait for. */
	c = contacts_oldest(e->contacts);
	if (c && e->home.mode != HOME_HOST &&
	    (due_ns == 0 || c->t_ns + CONTACTS_WAIT_NS < due_ns))
		due_ns = c->t_ns + CONTACTS_WAIT_NS;
	e->due_ns = due_ns;
	return due_ns;
}

void engine_finish(struct engine *e)
{
	while (contacts_oldest(e->contacts))
		settle_oldest(e);
	findings_close_all(e->findings);
}

void engine_stats(const struct engine *e, struct engine_stats *out)
{
	*out = e->stats;
	trie_stats(e->trie, &out->trie);
	findings_stats(e->findings, &out->findings);
}

unsigned int engine_open_findings(const struct engine *e)
{
	return findings_open(e->findings);
}
