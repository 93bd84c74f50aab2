/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is a kernel, and the QEMU that is to run it, for the machine that a profile describes? Of a kernel of
 * another machine or byte order QEMU says little or nothing, and the guest nothing at all.
 */
#ifndef MIMAMORI_DECOY_KERNEL_H
#define MIMAMORI_DECOY_KERNEL_H

#include "decoy/profile.h"

#include <stddef.h>

#define KERNEL_HEAD_BYTES 1024

/* Do architecture, byte order and QEMU agree? 0 or -EINVAL with a sentence; file is for that. */
int kernel_check_profile(const struct profile *p, const char *file, char error[CONF_ERROR_LEN]);

/*
 * Does a kernel that begins with these bytes fit? A form that tells nothing (most compressed ones) is taken. 0 or
 * -EINVAL with a sentence. ELF: System V ABI, figures 4-3 and 4-4; zImage: Linux, arch/arm/boot/compressed/head.S;
 * bzImage: Linux, Documentation/arch/x86/boot.rst.
 */
int kernel_check(const uint8_t *head, size_t n, const struct profile *p, const char *file,
		 char error[CONF_ERROR_LEN]);

#endif
