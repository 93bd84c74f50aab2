/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/bpf-words.h"

#include "sensor/login.h"
#include "sensor/service-probe.h"

#include <stdbool.h>
#include <string.h>

#define ENTRIES_MAX 32

_Static_assert(MIMAMORI_PROMPT_LEAST == LOGIN_PROMPT_LEAST &&
		       MIMAMORI_PROMPT_MOST == LOGIN_PROMPT_MOST &&
		       MIMAMORI_PROMPT_USER == LOGIN_PROMPT_USER &&
		       MIMAMORI_PROMPT_ROOT == LOGIN_PROMPT_ROOT &&
		       MIMAMORI_PROMPT_ASKS == LOGIN_PROMPT_ASKS,
	       "one meaning of a prompt");

static bool place(struct mimamori_words *words, const struct mimamori_word *entry, unsigned int n)
{
	memset(words->word, 0, sizeof(words->word));
	for (unsigned int i = 0; i < n; i++) {
		const struct mimamori_word *e = &entry[i];
		struct mimamori_word *slot =
			&words->word[mimamori_word_slot(words->salt, e->first, e->at, e->then)];

		if (slot->first)
			return false;
		*slot = *e;
	}
	return true;
}

/* One salt in ten does, or one in fifty: few are tried. No word is 0, by which a free slot is known. */
static void fill(struct mimamori_words *words, const struct mimamori_word *entry, unsigned int n)
{
	memset(words, 0, sizeof(*words));
	for (unsigned int i = 0; i < n; i++)
		words->first[entry[i].first >> 30] |= 1ULL << (entry[i].first >> 24 & 63);
	words->salt = 0x9e3779b1U;
	while (!place(words, entry, n))
		words->salt = words->salt * 1664525U + 1013904222U; /* stays odd */
}

void bpf_words_asked(struct mimamori_words *words)
{
	struct mimamori_word entry[ENTRIES_MAX];
	const struct service_word *w;
	unsigned int n;

	w = service_words(&n);
	for (unsigned int i = 0; i < n; i++)
		entry[i] = (struct mimamori_word){ w[i].first, w[i].at, w[i].then };
	fill(words, entry, n);
}

void bpf_words_login(struct mimamori_words *words)
{
	struct mimamori_word entry[ENTRIES_MAX];
	const struct login_word *w;
	unsigned int n;

	w = login_words(&n);
	for (unsigned int i = 0; i < n; i++)
		entry[i] = (struct mimamori_word){ w[i].first, w[i].at, w[i].then };
	fill(words, entry, n);
}
