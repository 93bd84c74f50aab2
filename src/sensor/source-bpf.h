/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The BPF source's half in the privileged helper (source-bpf-privileged.c); theory in source-bpf.c. */
#ifndef MIMAMORI_SENSOR_SOURCE_BPF_H
#define MIMAMORI_SENSOR_SOURCE_BPF_H

#include <stddef.h>

struct sensor_config;

/* As in struct source_ops. The first descriptor is the ring, the second what is shared. */
int source_bpf_open(const struct sensor_config *config, char *error, size_t error_len);
int source_bpf_second(char *error, size_t error_len);
int source_bpf_follow(const struct sensor_config *config, char *error, size_t error_len);
void source_bpf_close(void);

#endif
