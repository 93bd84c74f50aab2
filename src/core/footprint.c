/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE /* dl_iterate_phdr */
#include "core/footprint.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define RANGES_MAX 32 /* three to an object; any more stay, which costs memory, nothing else */

struct ranges {
	uintptr_t page;
	unsigned int used;
	struct range {
		uintptr_t start, end;
	} range[RANGES_MAX];
};

static int note_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct ranges *r = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t start = (info->dlpi_addr + p->p_vaddr) / r->page * r->page;
		uintptr_t end = (info->dlpi_addr + p->p_vaddr + p->p_filesz + r->page - 1) /
				r->page * r->page;

		if (p->p_type != PT_LOAD)
			continue;
		/* They ascend. Where two lie in one page, it is the later one's. */
		if (r->used && r->range[r->used - 1].start <= start &&
		    r->range[r->used - 1].end > start)
			r->range[r->used - 1].end = start;
		/* Never writable, so the same as in the file. (What the loader relocates lies in a
		 * writable segment.) */
		if (!(p->p_flags & PF_W) && end > start && r->used < RANGES_MAX)
			r->range[r->used++] = (struct range){ start, end };
	}
	return 0;
}

/* Where the program's own zeroed data lies, from the linker (ld(1)). */
extern char __bss_start[], _end[];

void footprint_touch_data(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	for (uintptr_t p = (uintptr_t)__bss_start; p < (uintptr_t)_end; p = (p / page + 1) * page) {
		volatile char *byte = (volatile char *)p;
		char same = *byte;

		*byte = same;
	}
}

void footprint_drop_code(void)
{
	struct ranges r = { .page = (uintptr_t)sysconf(_SC_PAGESIZE) };

	/* Noted first: the list of segments lies in one of them, and looking at it brings its neighbours
	 * back. */
	dl_iterate_phdr(note_object, &r);
	for (unsigned int i = 0; i < r.used; i++)
		madvise((void *)r.range[i].start, r.range[i].end - r.range[i].start, MADV_DONTNEED);
}
