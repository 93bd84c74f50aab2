/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/ppc-timer.h"

#include <string.h>

unsigned int ppc_timer_runs_ms(const struct profile *p)
{
	static const char mac99[] = "mac99";
	size_t len = sizeof(mac99) - 1;

	if (p->arch != PROFILE_PPC)
		return 0;
	/* Options of a machine follow behind a comma. */
	if (strncmp(p->machine, mac99, len) == 0 && (!p->machine[len] || p->machine[len] == ','))
		return PPC_TIMER_MAC99_MS;
	return PPC_TIMER_MS;
}
