/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/engine-internal.h"

#include "core/clock.h"
#include "sensor/config.h"
#include "sensor/host.h"
#include "sensor/listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* While packets come, time is looked at so often: nothing that begins is due any sooner. */
#define LOOK_NS (10 * NS_PER_MS)

static unsigned int burden(const void *payload, void *arg)
{
	const struct evidence *ev = payload;

	return crowd_weigh(arg, ev->trait, ev->last_port);
}

struct engine *engine_new(const struct engine_params *params)
{
	const struct sensor_config *config = params->config;
	struct engine *e = calloc(1, sizeof(*e));
	/* Peers with a single contact wait with the doorkeeper: leaves of the class NEW are their
	 * neighbours, who are few unless an attacker rotates addresses. */
	struct trie_params trie = {
		.payload_bytes = sizeof(struct evidence),
		.quota = { (uint16_t)config->peers_near, (uint16_t)config->peers_suspect,
			   (uint16_t)config->peers_known },
		.fold = evidence_fold,
		.burden = burden,
		.even = CROWD_MARGIN,
		.seed = params->seed,
	};

	if (!e)
		return NULL;
	crowd_init(&e->crowd);
	e->clock = params->clock;
	e->listeners = params->listeners;
	e->home = params->home;
	if (e->home.host)
		routers_init(&e->routers);
	e->ignore = config->ignore;
	scan_policy_init(&e->policy, config->failures, &config->ambient_ports, &config->login_ports,
			 &params->home);
	knocks_init(&e->knocks, &config->knock);
	guess_ports_init(&e->guess_ports, config);
	trie.arg = &e->crowd;
	e->trie = trie_new(&trie);
	e->flows = flows_new(params->seed);
	e->newcomers = newcomers_new(config->peers_new, params->seed);
	e->contacts =
		contacts_new(params->contacts ? params->contacts : config->contacts, params->seed);
	e->findings = findings_new(config->findings, config->quiet_ns, params->seed, params->emit,
				   params->arg);
	e->guesses =
		guesses_new(config->guess_quiet_ns, params->seed, params->emit_guess, params->arg);
	e->groups = groups_new(params->seed);
	if (params->home.mode != HOME_HOST)
		e->pairs = pairs_new(params->home.mode == HOME_GATEWAY ? ENGINE_PAIRS :
									 ENGINE_PAIRS_REPLAYED,
				     params->seed);
	e->pings = pairs_new(ENGINE_PINGS, params->seed);
	e->met = pairs_new(ENGINE_MET, params->seed);
	if (params->home.host)
		e->host_generation = params->home.host->generation;
	e->floods = floods_new(config, params->home.mode != HOME_HOST, params->seed,
			       params->emit_flood, params->arg);
	e->decoys = decoys_new(params->seed);
	engine_slow_init(e, params);
	if (!e->flows || !e->trie || !e->newcomers || !e->contacts || !e->groups || !e->decoys ||
	    !e->findings || !e->floods || !e->pings || !e->met || !e->guesses ||
	    (!e->pairs && params->home.mode != HOME_HOST)) {
		engine_free(e);
		errno = ENOMEM;
		return NULL;
	}
	findings_set_crowd(e->findings, &e->crowd);
	return e;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	flows_free(e->flows);
	trie_free(e->trie);
	newcomers_free(e->newcomers);
	contacts_free(e->contacts);
	findings_free(e->findings);
	guesses_free(e->guesses);
	groups_free(e->groups);
	decoys_free(e->decoys);
	floods_free(e->floods);
	pairs_free(e->pairs);
	pairs_free(e->pings);
	pairs_free(e->met);
	routers_done(&e->routers);
	free(e);
}

/*
 * Does the contact go on, to a port that was open when it began? Whoever sends media learns late, or
 * never, that the receiver has hung up. Where no listing says what is open, a stream that nobody refuses
 * shows it: a kernel refuses the first datagram.
 */
static bool goes_on(const struct contact *c, uint64_t now_ns)
{
	if (c->proto != CONTACT_UDP || c->probe.kind >= PROBE_KINDS)
		return false;
	return c->probe.outcome == PROBE_OPEN ? c->repeats > 0 : engine_streams(c, now_ns);
}

/* A contact whose answer did not come, or that gives way to a newer one. */
static void settle_oldest(struct engine *e)
{
	struct contact *c = contacts_oldest(e->contacts);

	/* Of what passes through, answers from servers' UDP ports are not looked at: only a refusal tells. */
	bool mute = c->probe.kind == PROBE_MAIMON ||
		    (c->probe.kind == PROBE_UDP && !c->unlisted && e->home.mode == HOME_GATEWAY);

	if (goes_on(c, e->clock->now_ns) && !contacts_full(e->contacts)) {
		contacts_renew_oldest(e->contacts, e->clock->now_ns)->probe.outcome = PROBE_OPEN;
		return;
	}
	if (c->t_ns < e->unwatched_ns)
		mute = true;
	if (c->probe.outcome == PROBE_UNKNOWN && c->probe.kind < PROBE_KINDS && !mute) {
		if (contacts_full(e->contacts))
			e->stats.hurried++;
		/* Under a flood a container has had no time to answer; a refusal would have come. */
		if (contacts_full(e->contacts) && c->unlisted) {
			contacts_drop_oldest(e->contacts);
			return;
		}
		/* Nothing listens, says the listing, and nobody else answered for this host. Of UDP that
		 * proves little: much of it is never answered. */
		c->probe.outcome = c->unlisted && c->proto == CONTACT_TCP ? PROBE_CLOSED :
									    PROBE_UNANSWERED;
		engine_in_vain(e, c);
	}
	contacts_drop_oldest(e->contacts);
}

struct contact *engine_contact(struct engine *e, const struct probe *p, enum contact_proto proto)
{
	if (contacts_full(e->contacts))
		settle_oldest(e);
	return contacts_add(e->contacts, p, proto, e->clock->now_ns);
}

bool engine_ignores(const struct engine *e, struct addr peer)
{
	for (unsigned int i = 0; i < e->ignore.count; i++)
		if (prefix_contains(&e->ignore.prefix[i], peer))
			return true;
	return false;
}

bool engine_watches(const struct engine *e, struct addr peer, struct addr self)
{
	return home_side(&e->home, peer, self) == HOME_INBOUND && !engine_ignores(e, peer);
}

bool engine_awaits(const struct engine *e)
{
	return e->home.host->forwards || (e->listeners && e->listeners->left_out);
}

uint64_t engine_tick(struct engine *e)
{
	uint64_t now_ns = e->clock->now_ns;
	bool hosted = e->home.mode == HOME_HOST;
	uint64_t wait_ns = hosted ? CONTACTS_WAIT_SELF_NS : CONTACTS_WAIT_NS;
	uint64_t due_ns, named_ns, flood_ns, guess_ns, look_ns = now_ns + LOOK_NS;
	struct contact *c;

	while (contacts_oldest_due(e->contacts, now_ns, wait_ns))
		settle_oldest(e);
	named_ns = engine_decoys_tick(e);
	due_ns = findings_expire(e->findings, now_ns);
	guess_ns = guesses_expire(e->guesses, now_ns);
	if (named_ns && (due_ns == 0 || named_ns < due_ns))
		due_ns = named_ns;
	if (guess_ns && (due_ns == 0 || guess_ns < due_ns))
		due_ns = guess_ns;
	engine_group_tick(e);
	flood_ns = floods_tick(e->floods, now_ns);
	if (flood_ns && (due_ns == 0 || flood_ns < due_ns))
		due_ns = flood_ns;
	flood_ns = slow_floods_tick(&e->slow, now_ns);
	if (flood_ns && (due_ns == 0 || flood_ns < due_ns))
		due_ns = flood_ns;
	/* A host that does not forward knows nearly every outcome at once: nothing to wait for. */
	c = contacts_oldest(e->contacts);
	if (c && c->t_ns + wait_ns < look_ns)
		look_ns = c->t_ns + wait_ns;
	if (c && (!hosted || engine_awaits(e) || e->awaited_ns > now_ns) &&
	    (due_ns == 0 || c->t_ns + wait_ns < due_ns))
		due_ns = c->t_ns + wait_ns;
	e->due_ns = due_ns && due_ns < look_ns ? due_ns : look_ns;
	return due_ns;
}

void engine_unwatched(struct engine *e)
{
	e->unwatched_ns = e->clock->read_ns;
}

void engine_finish(struct engine *e)
{
	while (contacts_oldest(e->contacts))
		settle_oldest(e);
	engine_decoys_finish(e);
	findings_close_all(e->findings);
	floods_finish(e->floods, e->clock->now_ns);
	slow_floods_finish(&e->slow, e->clock->now_ns);
	guesses_close_all(e->guesses);
}

void engine_stats(const struct engine *e, struct engine_stats *out)
{
	*out = e->stats;
	trie_stats(e->trie, &out->trie);
	findings_stats(e->findings, &out->findings);
	floods_stats(e->floods, &out->floods);
	out->slow = e->slow.stats;
	guesses_stats(e->guesses, &out->guesses);
	out->decoys_crowded = decoys_crowded(e->decoys);
}

unsigned int engine_open_findings(const struct engine *e)
{
	return findings_open(e->findings) + guesses_open(e->guesses);
}
