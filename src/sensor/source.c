/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/source.h"

#include <string.h>

const struct source_ops *const source_table[] = {
#ifdef MIMAMORI_BPF
	&source_bpf,
#endif
	&source_packet,
	NULL,
};

const struct source_ops *source_named(const char *name)
{
	size_t i;

	for (i = 0; source_table[i]; i++) {
		if (!strcmp(source_table[i]->name, name))
			return source_table[i];
	}
	return NULL;
}

bool source_may_be(const char *wanted, const char *name)
{
	return strcmp(wanted, name) == 0 || (strcmp(wanted, "auto") == 0 && source_named(name));
}
