/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 64

/* People confuse case, and '-' with '_': neither counts as a difference. */
static int folded(char c)
{
	return c == '-' ? '_' : tolower((unsigned char)c);
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/*
 * Optimal string alignment: insertions, deletions, substitutions and swapped neighbours, each one
 * step. Three rows are kept, since a swap looks back two. Both words are shorter than WORD_MAX.
 */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int rows[3][WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned int *row = rows[i % 3], *above = rows[(i + 2) % 3];
		unsigned int *above2 = rows[(i + 1) % 3];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= lb; j++) {
			bool same = folded(a[i - 1]) == folded(b[j - 1]);

			row[j] = least(above[j] + 1, row[j - 1] + 1);
			row[j] = least(row[j], above[j - 1] + !same);
			if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
			    folded(a[i - 2]) == folded(b[j - 1]))
				row[j] = least(row[j], above2[j - 2] + 1);
		}
	}
	return rows[la % 3][lb];
}

const char *conf_suggest(const char *word, const char *const *candidates, size_t n)
{
	unsigned int best = 0;
	const char *found = NULL;

	if (strlen(word) >= WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(candidates[i]);
		unsigned int d;

		if (len >= WORD_MAX)
			continue;
		d = distance(word, candidates[i]);
		/* A third of the letters wrong is a slip; more is another word. */
		if (d > (len > 3 ? len / 3 : 1) || d >= len || (found && d >= best))
			continue;
		best = d;
		found = candidates[i];
	}
	return found;
}
