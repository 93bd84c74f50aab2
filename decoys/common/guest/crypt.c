// SPDX-License-Identifier: GPL-2.0-or-later
#include "crypt.h"

#include <string.h>

/* musl's src/crypt/crypt_md5.c */
char *__crypt_md5(const char *key, const char *setting, char *output);

char *crypt(const char *key, const char *setting)
{
	static char output[128];

	if (strncmp(setting, "$1$", 3) != 0)
		return "*";
	return __crypt_md5(key, setting, output);
}
