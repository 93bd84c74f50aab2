/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the text of a value to the typed field it fills. Used by conf.c alone.
 */
#ifndef MIMAMORI_CORE_CONF_VALUE_H
#define MIMAMORI_CORE_CONF_VALUE_H

#include "core/conf.h"

#define CONF_WHY_LEN 256

/*
 * Fills the key's field in the struct at `base`. 0, or -EINVAL with the reason in why ("\"12x\" is
 * not a number; ..."); the field is untouched on failure.
 */
int conf_value(const struct conf_key *key, const char *value, void *base, char why[CONF_WHY_LEN]);

/* NULL when the bytes are text that a configuration may hold, else what is wrong (static text). */
const char *conf_text_problem(const char *bytes, size_t len);

#endif
