/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/ladder.h"

#include "core/clock.h"
#include "core/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define NO_RUNG LADDER_RUNGS_MAX

_Static_assert(sizeof(struct source_stats) % sizeof(uint64_t) == 0, "counters alone");

const char *ladder_phase_name(enum ladder_phase phase)
{
	switch (phase) {
	case LADDER_STARTED:
		return "started";
	case LADDER_LOST:
		return "lost";
	case LADDER_RESTORED:
		return "restored";
	case LADDER_REPLACED:
		return "replaced";
	}
	return "";
}

static uint64_t present(const struct ladder *l)
{
	return l->p.env.clock->read_ns;
}

static bool is_wanted(const struct ladder *l, unsigned int i)
{
	return strcmp(l->p.wanted, "auto") == 0 || strcmp(l->p.wanted, l->p.table[i]->name) == 0;
}

static void add_refused(const struct ladder *l, struct ladder_change *change)
{
	for (unsigned int i = 0; i < l->index; i++)
		if (l->refusal[i][0])
			change->refused[change->n_refused++] = (struct ladder_refusal){
				l->p.table[i]->name,
				l->refusal[i],
			};
}

/* Something watches. */
static void tell_found(struct ladder *l, enum ladder_phase phase)
{
	struct ladder_change change = { .phase = phase, .source = l->p.table[l->index] };

	add_refused(l, &change);
	for (unsigned int i = 0; i < change.n_refused; i++)
		log_warning("source %s would cost less, and is not used: %s",
			    change.refused[i].source, change.refused[i].why);
	if (phase != LADDER_STARTED) {
		change.reason = l->reason;
		change.unwatched_ns = present(l) - l->lost_ns;
	}
	if (phase == LADDER_REPLACED)
		change.before = l->p.table[l->watched];
	l->watched = l->index;
	l->lost = false;
	l->p.tell(&change, l->p.arg);
}

static void tell_lost(struct ladder *l)
{
	struct ladder_change change = {
		.phase = LADDER_LOST,
		.source = l->p.table[l->watched],
		.reason = l->reason,
	};

	l->lost = true;
	log_error("nothing is watched: source %s: %s", change.source->name, l->reason);
	l->p.tell(&change, l->p.arg);
}

/* Opens, starts and attaches one rung. On failure its refusal says why. */
static int try_rung(struct ladder *l, unsigned int i)
{
	const struct source_ops *ops = l->p.table[i];
	struct source_env env = l->p.env;
	char *why = l->refusal[i];
	int err;

	why[0] = '\0';
	env.privileged_fd = l->p.open(i, why, l->p.arg);
	if (env.privileged_fd < 0) {
		err = env.privileged_fd;
		goto refused;
	}
	l->source = (struct source){ .ops = ops };
	err = ops->start(&l->source, &env, why, LADDER_REASON_LEN);
	if (err < 0) {
		close(env.privileged_fd);
		goto refused;
	}
	err = l->p.attach(ops->fd(&l->source), l->p.arg);
	if (err < 0) {
		ops->stop(&l->source);
		snprintf(why, LADDER_REASON_LEN, "cannot be waited for: %s", strerror(-err));
		goto refused;
	}
	return 0;

refused:
	l->source.ops = NULL;
	if (!why[0])
		snprintf(why, LADDER_REASON_LEN, "%s", strerror(-err));
	return err;
}

/* From the best rung on, all but `without`. 0, or -ENODEV: none works. */
static int climb(struct ladder *l, unsigned int without)
{
	for (unsigned int i = 0; i < LADDER_RUNGS_MAX && l->p.table[i]; i++) {
		if (!is_wanted(l, i))
			continue;
		if (i == without) {
			snprintf(l->refusal[i], LADDER_REASON_LEN, "%s", l->reason);
			continue;
		}
		if (try_rung(l, i) < 0)
			continue;
		l->index = i;
		l->errors = 0;
		l->started_ns = present(l);
		l->retry_ns = 0;
		return 0;
	}
	return -ENODEV;
}

/* A source runs: whether it sees anything is told, if that is new. */
static void look(struct ladder *l)
{
	const struct source_ops *ops = l->source.ops;

	if (l->source.blind) {
		if (l->lost)
			return;
		l->lost_ns = present(l);
		snprintf(l->reason, sizeof(l->reason), "%s", l->source.blind);
		tell_lost(l);
	} else if (l->lost) {
		log_warning("source %s watches%s, after %.1f s in which nothing was watched; it "
			    "cannot see: %s",
			    ops->name, l->index == l->watched ? " again" : " now",
			    (double)(present(l) - l->lost_ns) / NS_PER_S, ops->cannot_see);
		tell_found(l, l->index == l->watched ? LADDER_RESTORED : LADDER_REPLACED);
	}
}

int ladder_start(struct ladder *l, const struct ladder_params *params)
{
	memset(l, 0, sizeof(*l));
	l->p = *params;
	if (climb(l, NO_RUNG) < 0) {
		for (unsigned int i = 0; i < LADDER_RUNGS_MAX && l->p.table[i]; i++)
			if (l->refusal[i][0])
				log_error("source %s: %s", l->p.table[i]->name, l->refusal[i]);
		return -ENODEV;
	}
	log_info("source %s; it cannot see: %s", l->source.ops->name, l->source.ops->cannot_see);
	tell_found(l, LADDER_STARTED);
	look(l);
	return 0;
}

static void add_stats(struct source_stats *sum, const struct source_stats *s)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)s;

	for (size_t i = 0; i < sizeof(*s) / sizeof(*to); i++)
		to[i] += from[i];
}

static void let_go(struct ladder *l)
{
	struct source_stats stats = { 0 };

	l->source.ops->stats(&l->source, &stats);
	add_stats(&l->before, &stats);
	l->p.detach(l->source.ops->fd(&l->source), l->p.arg);
	l->source.ops->stop(&l->source);
	l->source = (struct source){ 0 };
}

static uint64_t pause_ns(unsigned int deaths)
{
	uint64_t pause = LADDER_PAUSE_NS;

	while (deaths-- > 1 && pause < LADDER_PAUSE_MAX_NS)
		pause *= 2;
	return pause < LADDER_PAUSE_MAX_NS ? pause : LADDER_PAUSE_MAX_NS;
}

static void wait_and_retry(struct ladder *l)
{
	l->retry_ns = present(l) + pause_ns(l->deaths);
	if (!l->lost)
		tell_lost(l);
}

static void die(struct ladder *l, const char *reason)
{
	unsigned int dead = l->index;
	bool again;

	snprintf(l->reason, sizeof(l->reason), "%s", reason);
	log_error("source %s failed: %s", l->source.ops->name, l->reason);
	let_go(l);
	if (!l->lost)
		l->lost_ns = present(l);
	if (present(l) - l->started_ns >= LADDER_SETTLED_NS)
		l->deaths = 0;
	again = l->deaths > 0;
	l->deaths += l->deaths < UINT8_MAX;
	if (l->deaths > LADDER_AT_ONCE || climb(l, again ? dead : NO_RUNG) < 0) {
		wait_and_retry(l);
		return;
	}
	if (!l->lost && !l->source.blind) {
		log_warning("source %s watches %s; it cannot see: %s", l->source.ops->name,
			    l->index == l->watched ? "again" : "instead",
			    l->source.ops->cannot_see);
		tell_found(l, l->index == l->watched ? LADDER_RESTORED : LADDER_REPLACED);
	}
	look(l);
}

void ladder_read(struct ladder *l, struct engine *engine, uint32_t epoll_events)
{
	int n;

	if (!l->source.ops)
		return;
	n = l->source.ops->read(&l->source, engine);
	if (n > 0 || !(epoll_events & EPOLLERR))
		l->errors = 0;
	else if (n == 0)
		l->errors++;
	if (n < 0)
		die(l, strerror(-n));
	else if (epoll_events & EPOLLHUP)
		die(l, "its descriptor has hung up");
	else if (l->errors > LADDER_ERRORS_MAX)
		die(l, "its descriptor has an error that stays");
}

uint64_t ladder_due(const struct ladder *l)
{
	return l->source.ops ? l->source.due_ns : l->retry_ns;
}

void ladder_catch_up(struct ladder *l, struct engine *engine)
{
	if (l->source.ops && l->source.ops->lazy)
		ladder_read(l, engine, 0);
}

void ladder_timer(struct ladder *l, struct engine *engine)
{
	uint64_t due_ns;

	ladder_catch_up(l, engine);
	due_ns = ladder_due(l);
	if (!due_ns || l->p.env.clock->read_ns < due_ns)
		return;
	if (l->source.ops) {
		ladder_read(l, engine, 0);
		return;
	}
	if (climb(l, NO_RUNG) == 0) {
		look(l);
		return;
	}
	l->deaths += l->deaths < UINT8_MAX;
	wait_and_retry(l);
}

/* Is there a lower rung? */
static bool has_other(const struct ladder *l)
{
	for (unsigned int i = l->index + 1; i < LADDER_RUNGS_MAX && l->p.table[i]; i++)
		if (is_wanted(l, i))
			return true;
	return false;
}

int ladder_reconfigure(struct ladder *l)
{
	char reason[LADDER_REASON_LEN];
	int err;

	if (!l->source.ops)
		return 0; /* what starts next reads it anew */
	err = l->source.ops->reconfigure(&l->source);
	if (err < 0 && has_other(l)) {
		snprintf(reason, sizeof(reason),
			 "it cannot follow the change of interfaces or ports: %s", strerror(-err));
		die(l, reason);
		return 0;
	}
	look(l);
	return err;
}

bool ladder_watches(const struct ladder *l)
{
	return l->source.ops && !l->source.blind;
}

uint64_t ladder_lag(const struct ladder *l)
{
	return l->source.ops ? l->source.lag_ns : 0;
}

void ladder_stats(struct ladder *l, struct source_stats *out)
{
	*out = (struct source_stats){ 0 };
	if (l->source.ops)
		l->source.ops->stats(&l->source, out);
	add_stats(out, &l->before);
}

void ladder_stop(struct ladder *l)
{
	if (l->source.ops)
		l->source.ops->stop(&l->source);
	l->source = (struct source){ 0 };
}
