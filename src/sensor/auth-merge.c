/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/auth-merge.h"

#include <assert.h>

/* The peer's place; else the longest unused, cleared. */
static struct auth_merge_peer *place_of(struct auth_merge *m, const struct auth_record *r)
{
	struct auth_merge_peer *oldest = &m->peer[0], *p;

	for (p = m->peer; p < m->peer + AUTH_MERGE_PEERS; p++) {
		if (p->t_ns && addr_eq(p->peer, r->peer) && p->service == r->service &&
		    p->result == r->result)
			break;
		if (p->t_ns < oldest->t_ns)
			oldest = p;
	}
	if (p < m->peer + AUTH_MERGE_PEERS && r->t_ns <= p->t_ns + AUTH_MERGE_IDLE_NS)
		return p;
	if (p == m->peer + AUTH_MERGE_PEERS)
		p = oldest;
	*p = (struct auth_merge_peer){ .peer = r->peer,
				       .service = r->service,
				       .result = r->result };
	return p;
}

unsigned int auth_merge(struct auth_merge *m, const struct auth_line *line, unsigned int log)
{
	struct auth_merge_peer *p = place_of(m, &line->record);
	uint8_t *mine = &p->behind[log][line->voice];
	unsigned int news = line->record.times;

	assert(log < AUTH_FILES_MAX && line->voice < AUTH_VOICES);
	p->t_ns = line->record.t_ns;
	if (*mine >= news) {
		*mine = (uint8_t)(*mine - news);
		return 0;
	}
	news -= *mine;
	for (unsigned int i = 0; i < AUTH_FILES_MAX; i++)
		for (unsigned int v = 0; v < AUTH_VOICES; v++) {
			unsigned int behind = p->behind[i][v] + news;

			p->behind[i][v] = behind > AUTH_MERGE_LAG ? AUTH_MERGE_LAG :
								    (uint8_t)behind;
		}
	*mine = 0;
	return news;
}
