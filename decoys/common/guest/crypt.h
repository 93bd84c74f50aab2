/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DECOY_CRYPT_H
#define DECOY_CRYPT_H

/* As crypt(3), for $1$ (MD5) alone: "*" for any other. The result is in a static buffer. */
char *crypt(const char *key, const char *setting);

#endif
