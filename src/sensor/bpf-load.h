/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads the program of bpf/watch.bpf.c and the maps that it shares with the engine, by bpf(2) alone.
 *
 * libbpf is a loader for programs that are described by ELF and BTF. This one is a row of instructions with marks
 * where maps and parameters go (bpf/marks.h): a copy and a loop put them in, at a hundredth of the size.
 * Needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, and Linux 5.8 for its ring buffer.
 */
#ifndef MIMAMORI_SENSOR_BPF_LOAD_H
#define MIMAMORI_SENSOR_BPF_LOAD_H

#include "../../bpf/marks.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BPF_LOG_BYTES 2048 /* of the verifier's words, for the sentence */

enum bpf_link_kind {
	BPF_ETHERNET, /* 14 bytes before the network header */
	BPF_BARE, /* none: TUN, PPP, WWAN */
	BPF_LINK_KINDS,
};

struct bpf_loaded {
	int map[BPF_MAPS]; /* -1: not made */
	int program[BPF_LINK_KINDS][2]; /* [..][0]: of what comes in, [1]: of what is sent; -1 */
};

struct bpf_sizes {
	uint32_t ring_bytes; /* a power of two of pages */
	uint32_t newcomers, known; /* peers */
};

/* All -1. */
void bpf_loaded_init(struct bpf_loaded *b);
/* Makes the maps and loads the programs for Ethernet. 0 or -errno with a sentence, then nothing is left open. */
int bpf_load(struct bpf_loaded *b, const struct bpf_sizes *sizes, char *error, size_t error_len);
/* The programs for links of this kind, unless they are loaded. 0 or -errno with a sentence. */
int bpf_load_programs(struct bpf_loaded *b, enum bpf_link_kind kind, char *error, size_t error_len);
void bpf_unload(struct bpf_loaded *b);

/*
 * Loads a program for tc of n instructions, with these maps and parameters where it is marked for them. words: becomes
 * the last line of what the verifier says against it, BPF_LOG_BYTES; it stays as it is when there is none. Its
 * descriptor or -errno.
 */
struct bpf_insn_bytes;
int bpf_load_code(const struct bpf_insn_bytes *code, unsigned int n, const int *map,
		  const uint32_t *parameter, const char *name, char *words);

/* bpf(2); `attr` of `size` bytes. A descriptor, 0, or -errno. */
union bpf_attr;
int bpf_call(int command, union bpf_attr *attr);

#endif
