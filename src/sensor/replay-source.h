/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Captures as a source: pcap and pcapng, read with libpcap as fast as they can be.
 */
#ifndef MIMAMORI_SENSOR_REPLAY_SOURCE_H
#define MIMAMORI_SENSOR_REPLAY_SOURCE_H

#include "sensor/source.h"

#define REPLAY_ERROR_LEN 320

/*
 * Feeds every packet of the file at `path` ("-": standard input) to the engine, on the capture's
 * clock, and adds to *stats. Ethernet (with VLAN tags), Linux cooked v1 and v2, raw IP, loopback
 * (NULL, LOOP) link types.
 *
 * 0 when it was read to its end; -errno with one sentence in error when it cannot be opened
 * (nothing read), is of an unknown link type, or is damaged: then everything before the damage has been
 * processed, and the sentence says after how many packets.
 */
int replay_file(const char *path, struct engine *engine, struct clock *clock,
		struct source_stats *stats, char error[REPLAY_ERROR_LEN]);

/* As replay_file, from memory: the fuzzer's way in. */
int replay_bytes(const uint8_t *bytes, size_t len, struct engine *engine, struct clock *clock,
		 struct source_stats *stats, char error[REPLAY_ERROR_LEN]);

#endif
