/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands in the program where the loader puts something in. Shared by both. */
#ifndef MIMAMORI_BPF_MARKS_H
#define MIMAMORI_BPF_MARKS_H

#define MARK_MAP 0x4d6d6150U
#define MARK_VALUE 0x4d6d6156U
#define MARK_PARAMETER 0x4d6d6158U

enum bpf_map_number {
	MAP_RING,
	MAP_SHARED,
	MAP_LIMITS,
	MAP_NEWCOMERS,
	MAP_KNOWN,
	MAP_SIGHT,
	BPF_MAPS
};
enum bpf_parameter { PARAMETER_LINK, PARAMETER_OUT, BPF_PARAMETERS };

#endif
