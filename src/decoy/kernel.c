/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/kernel.h"

#include <string.h>

#define ELF_DATA 5 /* EI_DATA */
#define ELF_LITTLE 1
#define ELF_BIG 2
#define ELF_MACHINE 18
#define ZIMAGE_MAGIC_AT 0x24
#define BZIMAGE_MAGIC_AT 0x202

enum order { ORDER_EITHER, ORDER_LITTLE, ORDER_BIG };

static const struct kind {
	const char *emulators[2];
	enum order order;
	unsigned int machines[3]; /* ELF's e_machine */
} kinds[PROFILE_ARCHS] = {
	[PROFILE_ARM] = { { "qemu-system-arm", "qemu-system-aarch64" }, ORDER_EITHER, { 40 } },
	[PROFILE_MIPS] = { { "qemu-system-mips", "qemu-system-mips64" }, ORDER_BIG, { 8 } },
	[PROFILE_MIPSEL] = { { "qemu-system-mipsel", "qemu-system-mips64el" }, ORDER_LITTLE, { 8 } },
	[PROFILE_SPARC] = { { "qemu-system-sparc", "qemu-system-sparc64" },
			    ORDER_BIG,
			    { 2, 18, 43 } },
	[PROFILE_PPC] = { { "qemu-system-ppc", "qemu-system-ppc64" }, ORDER_BIG, { 20, 21 } },
	[PROFILE_SH4] = { { "qemu-system-sh4", "qemu-system-sh4eb" }, ORDER_EITHER, { 42 } },
};

static const char *order_name(bool big)
{
	return big ? "big" : "little";
}

int kernel_check_profile(const struct profile *p, const char *file, char error[CONF_ERROR_LEN])
{
	const struct kind *kind = &kinds[p->arch];
	const char *arch = profile_arch_names[p->arch];

	if (kind->order != ORDER_EITHER && (kind->order == ORDER_BIG) != (p->big_endian != 0))
		return conf_refuse(error, "%s: [decoy] byte-order: %s is %s-endian", file, arch,
				   order_name(kind->order == ORDER_BIG));
	if (strcmp(p->qemu, kind->emulators[0]) != 0 && strcmp(p->qemu, kind->emulators[1]) != 0)
		return conf_refuse(
			error, "%s: [machine] qemu: %s is not for the architecture %s: %s or %s is",
			file, p->qemu, arch, kind->emulators[0], kind->emulators[1]);
	return 0;
}

static int check_elf(const uint8_t *head, const struct profile *p, const char *file,
		     char error[CONF_ERROR_LEN])
{
	const struct kind *kind = &kinds[p->arch];
	const uint8_t *m = head + ELF_MACHINE;
	bool big = head[ELF_DATA] == ELF_BIG, fits = false;
	unsigned int machine = big ? (unsigned int)m[0] << 8 | m[1] :
				     (unsigned int)m[1] << 8 | m[0];

	for (size_t i = 0; i < sizeof(kind->machines) / sizeof(kind->machines[0]); i++)
		fits |= machine && machine == kind->machines[i];
	if (!fits)
		return conf_refuse(error,
				   "%s: is a program for another processor (ELF machine %u) than "
				   "the profile's architecture, %s",
				   file, machine, profile_arch_names[p->arch]);
	if (big != (p->big_endian != 0))
		return conf_refuse(error,
				   "%s: is a %s-endian kernel, and the profile's architecture, %s, "
				   "is %s-endian",
				   file, order_name(big), profile_arch_names[p->arch],
				   order_name(!big));
	return 0;
}

int kernel_check(const uint8_t *head, size_t n, const struct profile *p, const char *file,
		 char error[CONF_ERROR_LEN])
{
	if (n >= ELF_MACHINE + 2 && memcmp(head,
					   "\x7f"
					   "ELF",
					   4) == 0) {
		if (head[ELF_DATA] != ELF_LITTLE && head[ELF_DATA] != ELF_BIG)
			return conf_refuse(error, "%s: is damaged: an ELF file of no byte order",
					   file);
		return check_elf(head, p, file, error);
	}
	if (n >= ZIMAGE_MAGIC_AT + 4 && p->arch != PROFILE_ARM &&
	    memcmp(head + ZIMAGE_MAGIC_AT, "\x18\x28\x6f\x01", 4) == 0)
		return conf_refuse(error,
				   "%s: is a kernel for ARM, and the profile's architecture is %s",
				   file, profile_arch_names[p->arch]);
	if (n >= BZIMAGE_MAGIC_AT + 4 && p->arch != PROFILE_SH4 &&
	    memcmp(head + BZIMAGE_MAGIC_AT, "HdrS", 4) == 0)
		return conf_refuse(error,
				   "%s: is a kernel for a PC, and the profile's architecture is %s",
				   file, profile_arch_names[p->arch]);
	return 0;
}
