/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include "decoy/vm-refused.h"

#include <stdio.h>
#include <string.h>

#define PATH_SHOWN 200 /* bytes of the decoy's folder: the end of the sentence is to stand, too */

enum key { MACHINE, CPU, MEMORY, DISK, NIC, KERNEL, INITRD, DTB };

static const char *const key_names[] = {
	[MACHINE] = "[machine] machine", [CPU] = "[machine] cpu", [MEMORY] = "[machine] memory-mb",
	[DISK] = "[machine] disk",	 [NIC] = "[machine] nic", [KERNEL] = "[boot] kernel",
	[INITRD] = "[boot] initrd",	 [DTB] = "[boot] dtb",
};

/* The words of QEMU 7.2, which have stood for years; of another version that says it otherwise, its own
 * words are shown. */
static const struct {
	const char *said;
	enum key key;
	const char *means, *list; /* list: the words that make it list what there is; may be NULL */
} refusals[] = {
	{ "unsupported machine type", MACHINE, "has no such machine", "-machine help" },
	{ "-machine.", MACHINE, "has no such property of this machine", NULL },
	{ "unable to find CPU model", CPU, "has no such processor", "-cpu help" },
	{ "cannot set up guest memory", MEMORY, "cannot have so much memory on this host", NULL },
	{ "cannot model more than", MEMORY, "says this machine cannot have so much memory", NULL },
	{ "Too much memory", MEMORY, "says this machine cannot have so much memory", NULL },
	{ "Invalid RAM size", MEMORY, "says this machine cannot have so much memory", NULL },
	{ "unsupported bus type", DISK, "has no such kind of disk", NULL },
	{ "does not support if=", DISK, "has no such kind of disk on this machine", NULL },
	{ "Unsupported NIC model", NIC, "has no such network card on this machine", NULL },
	{ "could not load kernel", KERNEL, "cannot load this file: is it a kernel of this machine?",
	  NULL },
	{ "could not load init", INITRD, "cannot load this file", NULL },
	{ "device tree", DTB, "cannot load this file: is it a device tree?", NULL },
};

static bool has(const char *said, size_t n, const char *words)
{
	return memmem(said, n, words, strlen(words)) != NULL;
}

static const char *value_of(const struct profile *p, enum key key, char number[12])
{
	switch (key) {
	case MACHINE:
		return p->machine;
	case CPU:
		return p->cpu;
	case MEMORY:
		snprintf(number, 12, "%u", p->memory_mb);
		return number;
	case DISK:
		return p->disk;
	case NIC:
		return p->nic;
	case KERNEL:
		return p->kernel;
	case INITRD:
		return p->initrd;
	case DTB:
		break;
	}
	return p->dtb;
}

static void tell(const struct decoy *d, enum key key, const char *means, const char *list,
		 char *why, size_t size)
{
	char number[12], hint[2 * CONF_TEXT_LEN] = "";

	if (list)
		snprintf(hint, sizeof(hint), "; \"%s %s\" lists those it has", d->profile.qemu,
			 list);
	snprintf(why, size, "%.*s/profile.conf: %s = %s: %s %s%s", PATH_SHOWN, d->dir,
		 key_names[key], value_of(&d->profile, key, number), d->profile.qemu, means, hint);
}

/* A device that it does not know is named in quotes, without its properties. */
static bool names_device(const char *said, size_t n, const char *word)
{
	char quoted[CONF_TEXT_LEN + 3];

	snprintf(quoted, sizeof(quoted), "'%.*s'", (int)strcspn(word, ","), word);
	return has(said, n, quoted);
}

bool vm_refused(const struct decoy *d, const char *said, size_t n, char *why, size_t size)
{
	const struct profile *p = &d->profile;

	if (has(said, n, "is not a valid device model name")) {
		bool is_disk = p->disk_is_device && names_device(said, n, p->disk_word);

		if (!is_disk && !(p->nic_is_device && names_device(said, n, p->nic_word)))
			return false;
		tell(d, is_disk ? DISK : NIC, "has no such device", "-device help", why, size);
		return true;
	}
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (!has(said, n, refusals[i].said))
			continue;
		tell(d, refusals[i].key, refusals[i].means, refusals[i].list, why, size);
		return true;
	}
	return false;
}
