/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/knock.h"

#include <string.h>

static uint64_t port_bit(uint16_t port)
{
	return 1ULL << (port & 63);
}

/* A port that follows itself is one contact, so it can be seen only once. */
static void without_repeats(struct conf_sequence *s)
{
	unsigned int kept = 1;

	for (unsigned int i = 1; i < s->steps; i++) {
		if (s->port[i] == s->port[kept - 1] && s->udp[i] == s->udp[kept - 1])
			continue;
		s->port[kept] = s->port[i];
		s->udp[kept++] = s->udp[i];
	}
	s->steps = kept;
}

void knocks_init(struct knocks *ks, const struct conf_sequences *sequences)
{
	memset(ks, 0, sizeof(*ks));
	ks->sequences = *sequences;
	for (unsigned int i = 0; i < ks->sequences.count; i++) {
		struct conf_sequence *s = &ks->sequences.sequence[i];

		without_repeats(s);
		for (unsigned int j = 0; j < s->steps; j++)
			ks->ports |= port_bit(s->port[j]);
	}
}

static bool is_step(const struct conf_sequence *s, unsigned int step, const struct probe *p)
{
	return step < s->steps && s->port[step] == p->port &&
	       s->udp[step] == (p->kind == PROBE_UDP);
}

/* The step that the contact is, at or after `next` with only UDP left out; or s->steps. */
static unsigned int step_of(const struct conf_sequence *s, unsigned int next, const struct probe *p)
{
	while (next < s->steps && !is_step(s, next, p)) {
		if (!s->udp[next])
			return s->steps;
		next++;
	}
	return next;
}

static void begin(struct knocks *ks, const struct probe *p, unsigned int sequence,
		  unsigned int step, uint64_t now_ns)
{
	struct knock *place = &ks->under_way[0]; /* free, or the oldest */

	for (unsigned int i = 1; i < KNOCK_PEERS; i++)
		if (ks->under_way[i].began_ns < place->began_ns)
			place = &ks->under_way[i];
	*place = (struct knock){
		.peer = p->peer,
		.self = p->self,
		.began_ns = now_ns,
		.sequence = (uint8_t)sequence,
		.next = (uint8_t)(step + 1),
	};
}

bool knocks_take(struct knocks *ks, const struct probe *p, uint64_t now_ns)
{
	bool taken = false;

	if (!(ks->ports & port_bit(p->port)) ||
	    (p->kind != PROBE_SYN && p->kind != PROBE_CONNECT && p->kind != PROBE_UDP))
		return false;
	/* Sequences that begin alike are followed side by side. */
	for (unsigned int i = 0; i < KNOCK_PEERS; i++) {
		struct knock *k = &ks->under_way[i];
		const struct conf_sequence *s = &ks->sequences.sequence[k->sequence];

		if (k->began_ns && now_ns > k->began_ns + KNOCK_TIME_NS)
			k->began_ns = 0;
		if (k->began_ns && addr_eq(k->peer, p->peer) && addr_eq(k->self, p->self)) {
			unsigned int step = step_of(s, k->next, p);

			taken |= step < s->steps;
			k->next = (uint8_t)(step + 1);
			if (k->next >= s->steps)
				k->began_ns = 0;
		}
	}
	if (taken)
		return true;
	for (unsigned int i = 0; i < ks->sequences.count; i++) {
		unsigned int step = step_of(&ks->sequences.sequence[i], 0, p);

		if (step < ks->sequences.sequence[i].steps) {
			begin(ks, p, i, step, now_ns);
			taken = true;
		}
	}
	return taken;
}
