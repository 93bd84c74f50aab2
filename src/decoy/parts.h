/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of a decoy's folder, open: kernel, initrd, device tree, pristine disk.
 */
#ifndef MIMAMORI_DECOY_PARTS_H
#define MIMAMORI_DECOY_PARTS_H

#include "decoy/profile.h"

#define PARTS_KERNEL_MAX (64ULL << 20) /* bytes of kernel, initrd and device tree, each */

struct parts {
	int kernel, initrd, dtb, disk; /* initrd, dtb: -1 without */
	uint64_t disk_bytes; /* that the guest sees */
	uint64_t identity; /* of all of them and of the profile: changes when they do */
};

/* 0, or -errno with a sentence; then nothing is open. parts_close() closes. */
int parts_open(const struct decoy *d, struct parts *out, char error[CONF_ERROR_LEN]);
void parts_close(struct parts *p);

#endif
