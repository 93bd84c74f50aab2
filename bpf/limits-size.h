/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the loader has to know of limits.h: how large the maps' entries are. */
#ifndef MIMAMORI_BPF_LIMITS_SIZE_H
#define MIMAMORI_BPF_LIMITS_SIZE_H

#define PREFIX_BUCKETS 2048
#define CLASS_BUCKETS 256
#define ALL_BUCKETS 3
#define LIMITS_BYTES ((PREFIX_BUCKETS + CLASS_BUCKETS + ALL_BUCKETS) * 16)
#define KEY_BYTES 16
#define SIGHT_BYTES 32
#define PEER_BYTES 16

#endif
