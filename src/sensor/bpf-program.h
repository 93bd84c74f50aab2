/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs of bpf/, as the build embeds them. */
#ifndef MIMAMORI_SENSOR_BPF_PROGRAM_H
#define MIMAMORI_SENSOR_BPF_PROGRAM_H

/* One struct bpf_insn, in the order of the target's bytes. */
struct bpf_insn_bytes {
	_Alignas(8) unsigned char byte[8];
};

extern const struct bpf_insn_bytes bpf_watch[];
extern const unsigned int bpf_watch_len; /* instructions */

#endif
