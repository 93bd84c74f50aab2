/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/source.h"

#include <string.h>

const struct source_ops *const source_table[] = {
	&source_packet,
#ifdef MIMAMORI_BPF
	&source_bpf,
#endif
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
