/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/summary.h"

#include "core/clock.h"

#include <inttypes.h>

static void line_if(FILE *to, uint64_t n, const char *what)
{
	if (n)
		fprintf(to, "  %12" PRIu64 " %s\n", n, what);
}

void summary_print(FILE *to, const struct source_stats *source, const struct engine_stats *engine,
		   const struct sink *sink, uint64_t watched_ns)
{
	uint64_t lost = sink->overflowed, over_budget = 0;

	for (unsigned int i = 0; i < sink->n_outputs; i++) {
		lost += sink->output[i].stats.lost;
		over_budget += sink->output[i].stats.over_budget;
	}
	fprintf(to, "mimamori-sensor: %.1f s watched\n", (double)watched_ns / NS_PER_S);
	fprintf(to, "  %12" PRIu64 " packets, %" PRIu64 " looked at\n", source->packets,
		engine->packets);
	line_if(to, source->sampled, "of them samples of bulk traffic");
	fprintf(to, "  %12" PRIu64 " first contacts, %" PRIu64 " in vain\n", engine->contacts,
		engine->failed);
	fprintf(to, "  %12" PRIu64 " scans found, %" PRIu64 " notices\n", engine->findings.opened,
		engine->findings.notices);
	line_if(to, engine->floods.opened + engine->slow.opened, "floods found");
	line_if(to, engine->guesses.failures, "logins that failed, or looked so");
	line_if(to, engine->guesses.opened, "password guessers found");
	line_if(to, engine->guesses.succeeded, "of them got in");
	fprintf(to, "  %12" PRIu64 " packets lost for want of room\n", source->lost);
	line_if(to, source->shed, "times the host's answers were left out to shed load");
	line_if(to, source->unasked, "samples too many to look for their socket");
	line_if(to, source->truncated, "packets cut short");
	line_if(to, source->malformed, "malformed packets");
	line_if(to, engine->knocks, "knocks of configured sequences");
	line_if(to, engine->overturned, "ports served without a listener of their own");
	line_if(to, engine->forgotten + engine->trie.folds,
		"peers folded into their prefix for want of room");
	line_if(to, engine->backscatter, "answers to packets forged in this host's name");
	line_if(to, engine->reflected, "answers of UDP services to nobody's question");
	line_if(to, engine->hurried, "contacts settled early for want of room");
	line_if(to, engine->findings.evicted, "findings closed early for want of room");
	line_if(to, engine->findings.refused, "findings about a flood's peers left out");
	line_if(to, engine->floods.crowded, "suspicions of floods left out for want of room");
	line_if(to, engine->slow.failures, "times this host's connections could not be listed");
	line_if(to, engine->slow.left_out, "connections left out when slow floods were looked for");
	line_if(to, engine->guesses.evicted, "findings of guessing closed early for want of room");
	line_if(to, engine->decoys_crowded, "groups of decoys forgotten for want of room");
	line_if(to, lost, "events lost");
	line_if(to, over_budget, "events left out by a budget");
}

void summary_logs(FILE *to, const struct auth_log_stats *logs)
{
	line_if(to, logs->failures, "failed logins in the system's record");
	line_if(to, logs->successes, "successful logins in it");
	line_if(to, logs->repeated, "logins told there more than once");
	line_if(to, logs->named, "logins of peers told by a name, left out");
	line_if(to, logs->doubtful, "log lines that could be forged, left out");
	line_if(to, logs->foreign, "logins at other hosts, left out");
	line_if(to, logs->overlong, "over-long log lines left out");
	line_if(to, logs->skipped, "bytes or entries of logs left out for being too many");
	line_if(to, logs->rotated, "logs rotated");
}

const char *status_line(char buf[STATUS_LEN], const struct source_stats *source,
			const struct engine_stats *engine, unsigned int open_findings)
{
	snprintf(buf, STATUS_LEN,
		 "watching: %" PRIu64 " packets, %" PRIu64 " contacts, %" PRIu64
		 " in vain, %u scans now, %" PRIu64 " in all, %u floods now, %" PRIu64
		 " in all, %" PRIu64 " lost",
		 engine->packets, engine->contacts, engine->failed, open_findings,
		 engine->findings.opened, engine->floods.open + engine->slow.open,
		 engine->floods.opened + engine->slow.opened, source->lost);
	return buf;
}
