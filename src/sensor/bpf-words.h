/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of payloads' beginnings for the kernel, of the tables that the filter and the parser go by. */
#ifndef MIMAMORI_SENSOR_BPF_WORDS_H
#define MIMAMORI_SENSOR_BPF_WORDS_H

#include <mimamori/wire.h>

/* The questions of service detection, and ssh's NEWKEYS; what login services say. */
void bpf_words_asked(struct mimamori_words *words);
void bpf_words_login(struct mimamori_words *words);

#endif
