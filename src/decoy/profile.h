/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a decoy is: its machine (profile.conf) and how it presents itself (persona.conf).
 *
 * A decoy ready to boot is a folder IMAGES/NAME with these two files, the kernel, optionally an
 * initrd and a device tree, and the pristine disk; mimamori-decoy(8) lists the keys. Both files are
 * checked before anything is started: what QEMU will be told consists of words and numbers only, so
 * that no value can become another option.
 */
#ifndef MIMAMORI_DECOY_PROFILE_H
#define MIMAMORI_DECOY_PROFILE_H

#include "core/conf.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define PROFILE_SERIAL_MAX 4 /* ports of a machine */
#define PROFILE_NAME_LEN 64 /* of a decoy, with its NUL */
#define PROFILE_DISK_FILE "disk.qcow2"
#define PROFILE_MAC_LEN 6

enum profile_arch {
	PROFILE_ARM,
	PROFILE_MIPS,
	PROFILE_MIPSEL,
	PROFILE_SPARC,
	PROFILE_PPC,
	PROFILE_SH4,
	PROFILE_ARCHS
};

enum profile_serial {
	PROFILE_SERIAL_NULL, /* goes nowhere */
	PROFILE_SERIAL_CONSOLE, /* the kernel's console, and the line protocol of renew.h */
	PROFILE_SERIAL_RECORDER, /* the kernel's recorder */
};

struct profile {
	char name[CONF_TEXT_LEN], qemu[CONF_TEXT_LEN], machine[CONF_TEXT_LEN], cpu[CONF_TEXT_LEN];
	char disk[CONF_TEXT_LEN], nic[CONF_TEXT_LEN], serial_text[CONF_TEXT_LEN];
	/* What an IDE disk says that it is; empty: what QEMU has it say. */
	char disk_model[CONF_TEXT_LEN], disk_firmware[CONF_TEXT_LEN], disk_serial[CONF_TEXT_LEN];
	char recorder[CONF_TEXT_LEN]; /* how its port is attached; empty: it is the board's */
	char kernel[CONF_TEXT_LEN], initrd[CONF_TEXT_LEN], dtb[CONF_TEXT_LEN];
	char append[CONF_TEXT_LEN];
	uint32_t arch; /* enum profile_arch */
	uint32_t big_endian, memory_mb;
	bool snapshot_works;
	uint32_t renew_by_login; /* what renew.h is about is done by a login: the console has no program */

	/* From the texts above. */
	enum profile_serial serial[PROFILE_SERIAL_MAX];
	unsigned int n_serial;
	bool disk_is_device, nic_is_device;
	/* Behind "device" or "onboard"; point into disk, nic and recorder (NULL: it is the board's). */
	const char *disk_word, *nic_word, *recorder_word;
};

struct persona {
	char hostname[CONF_TEXT_LEN], banner[CONF_TEXT_LEN], mac_text[CONF_TEXT_LEN];
	char root_password[CONF_TEXT_LEN], user_password[CONF_TEXT_LEN];
	uint8_t mac_prefix[3];
	bool has_ssh; /* to be looked for by check */
};

/* One decoy's folder. */
struct decoy {
	char name[PROFILE_NAME_LEN];
	char dir[PATH_MAX];
	struct profile profile;
	struct persona persona;
};

extern const char *const profile_arch_names[PROFILE_ARCHS + 1]; /* NULL-terminated */

/*
 * Reads IMAGES/NAME. 0, or -errno with one sentence in error that names file, line and key; *out
 * is untouched on failure. The files that the profile names are not opened yet (parts.h).
 */
int decoy_load(const char *images, const char *name, struct decoy *out, char error[CONF_ERROR_LEN]);

/* Only profile.conf, from anywhere. The same results. The words point into *out: not to be copied. */
int profile_load(const char *path, struct profile *out, char error[CONF_ERROR_LEN]);
int persona_load(const char *path, struct persona *out, char error[CONF_ERROR_LEN]);
/* From memory; `name` stands for the file. */
int profile_load_text(const char *name, const char *text, size_t len, struct profile *out,
		      char error[CONF_ERROR_LEN]);
int persona_load_text(const char *name, const char *text, size_t len, struct persona *out,
		      char error[CONF_ERROR_LEN]);

/* May this be a decoy's name (letters, digits, '-', '_', '.', none of the last three first)? */
bool profile_name_ok(const char *name);

/* Six bytes: the persona's maker, then three from the kernel's random source. 0 or -errno. */
int persona_new_mac(const struct persona *p, uint8_t mac[PROFILE_MAC_LEN]);

#endif
