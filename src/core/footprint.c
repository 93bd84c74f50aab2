/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE /* dl_iterate_phdr */
#include "core/footprint.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int drop_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t page = *(const uintptr_t *)arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t start = (info->dlpi_addr + p->p_vaddr) / page * page;
		uintptr_t end = (info->dlpi_addr + p->p_vaddr + p->p_filesz) / page * page;

		/* Never writable, so the same as in the file. (What the loader relocates lies in a
		 * writable segment.) A failure costs memory, nothing else. */
		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W) && end > start)
			madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

void footprint_drop_code(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	dl_iterate_phdr(drop_object, &page);
}
