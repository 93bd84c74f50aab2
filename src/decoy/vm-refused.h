/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What QEMU says when it does not take what a profile asks for, in words that name the profile's file, key and
 * value: QEMU itself knows neither, and calls files by the descriptors it was given.
 */
#ifndef MIMAMORI_DECOY_VM_REFUSED_H
#define MIMAMORI_DECOY_VM_REFUSED_H

#include "decoy/profile.h"

#include <stddef.h>

/*
 * said: what a QEMU printed that ended before it was up (hostile, used to compare only). True with a sentence
 * in why, when it is about a value of the profile; else why is untouched.
 */
bool vm_refused(const struct decoy *d, const char *said, size_t n, char *why, size_t size);

#endif
