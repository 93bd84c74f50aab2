/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration: an INI file (read with inih) into one typed struct, by a table.
 *
 * A program declares a table of keys; each names section, key, type and the offset of its field.
 * Loading fills a copy of the struct and checks everything; only when all is well is the caller's
 * struct replaced, so that a bad file never half-applies.
 */
#ifndef MIMAMORI_CORE_CONF_H
#define MIMAMORI_CORE_CONF_H

#include "core/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_ERROR_LEN 512
#define CONF_LINE_MAX 196 /* bytes of a line: what an inih of default build reads at once */
#define CONF_LIST_LEN 2048 /* a list with its continuation lines, with its NUL */
#define CONF_FILE_MAX 65536
#define CONF_TEXT_LEN 256 /* of a CONF_TEXT field, with its NUL */
#define CONF_MAX_PREFIXES 32
#define CONF_MAX_PORTS 64
#define CONF_MAX_SEQUENCES 4
#define CONF_MAX_STEPS 8
#define CONF_MAX_NAMES 16
#define CONF_NAME_LEN 16 /* IFNAMSIZ */

struct conf_prefixes {
	unsigned int count;
	struct prefix prefix[CONF_MAX_PREFIXES];
};

struct conf_ports {
	unsigned int count;
	uint16_t port[CONF_MAX_PORTS];
};

struct conf_sequences {
	unsigned int count;
	struct conf_sequence {
		unsigned int steps;
		uint16_t port[CONF_MAX_STEPS];
		bool udp[CONF_MAX_STEPS]; /* else TCP */
	} sequence[CONF_MAX_SEQUENCES];
};

struct conf_names {
	unsigned int count;
	char name[CONF_MAX_NAMES][CONF_NAME_LEN];
};

/*
 * The type of the field at `offset` is given in brackets. Lists are separated by blanks or commas,
 * replace the default, and may go on in the following lines when these begin with a blank.
 */
enum conf_type {
	CONF_BOOL, /* [bool] yes/no, true/false, on/off, 1/0 */
	CONF_UINT, /* [uint32_t] min..max */
	CONF_SIZE, /* [uint64_t] bytes; suffixes k, M, G (1024) */
	CONF_DURATION, /* [uint64_t] nanoseconds; suffixes ms, s, m, h, d; a bare number is seconds */
	CONF_REAL, /* [double] min..max */
	CONF_TEXT, /* [char[CONF_TEXT_LEN]] */
	CONF_CHOICE, /* [uint32_t] index into `choices` */
	CONF_PREFIXES, /* [struct conf_prefixes] */
	CONF_PORTS, /* [struct conf_ports] 1..65535, or ranges as 137-139 */
	/* [struct conf_sequences] of ports: steps separated by commas, sequences by blanks:
	 * "7000,8000,9000 2222:udp,3333:tcp" */
	CONF_SEQUENCES,
	CONF_NAMES, /* [struct conf_names] of interfaces */
};

struct conf_key {
	const char *section, *key;
	enum conf_type type;
	size_t offset;
	const char *fallback; /* the default, written as in a file; NULL leaves zero */
	double min, max; /* CONF_UINT, CONF_SIZE (bytes), CONF_DURATION (seconds), CONF_REAL */
	const char *const *choices; /* CONF_CHOICE, NULL-terminated */
};

struct conf_table {
	const struct conf_key *keys;
	size_t count;
	size_t struct_bytes;
};

/* Fills *out with the defaults of the table. A bad default is a programming error: asserts. */
void conf_defaults(const struct conf_table *t, void *out);

/*
 * Reads a file over what *inout holds. 0, or -EINVAL with one readable sentence in error
 * ("mimamori.conf:12: [scan] treshold: unknown key; did you mean \"threshold\"?"), -ENOENT and
 * other -errno when the file cannot be read. *inout is untouched on failure. A key set twice, an
 * unknown section or key, a value out of range, a line over-long or not UTF-8 are errors.
 */
int conf_load(const struct conf_table *t, const char *path, void *inout,
	      char error[CONF_ERROR_LEN]);

/* As conf_load, from memory; `name` stands for the file in messages. (The fuzzer's way in.) */
int conf_load_text(const struct conf_table *t, const char *name, const char *text, size_t len,
		   void *inout, char error[CONF_ERROR_LEN]);

/* Sets one key, as a command-line flag does; `origin` names the flag in messages ("--scope"). */
int conf_set(const struct conf_table *t, const char *origin, const char *section, const char *key,
	     const char *value, void *inout, char error[CONF_ERROR_LEN]);

/* For checks beyond the table: one readable sentence, and -EINVAL. */
int conf_refuse(char error[CONF_ERROR_LEN], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The closest of n candidates to word by edit distance, or NULL when none is close. Borrowed. */
const char *conf_suggest(const char *word, const char *const *candidates, size_t n);

#endif
