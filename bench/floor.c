/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usage: floor INTERFACE empty|floor
 *
 * Attaches a program of floor.bpf.c to what comes in there, says "ready" on standard error, and waits
 * for SIGTERM. Whoever measures reads the program's run_cnt and run_time_ns in /proc/PID/fdinfo.
 */
#include "sensor/bpf-load.h"
#include "sensor/bpf-program.h"

#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SOURCES 4096
#define TCX_INGRESS 46

extern const struct bpf_insn_bytes bench_empty[], bench_floor[];
extern const unsigned int bench_empty_len, bench_floor_len;

int main(int argc, char **argv)
{
	char words[BPF_LOG_BYTES] = "";
	union bpf_attr attr;
	int map, program, link;
	bool empty;

	if (argc != 3)
		return 2;
	empty = strcmp(argv[2], "empty") == 0;
	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_LRU_HASH;
	attr.key_size = 16;
	attr.value_size = 8;
	attr.max_entries = SOURCES;
	map = bpf_call(BPF_MAP_CREATE, &attr);
	program = bpf_load_code(empty ? bench_empty : bench_floor,
				empty ? bench_empty_len : bench_floor_len, &map, NULL, "floor",
				words);
	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.target_ifindex = if_nametoindex(argv[1]);
	attr.link_create.attach_type = TCX_INGRESS;
	link = bpf_call(BPF_LINK_CREATE, &attr);
	if (map < 0 || program < 0 || link < 0) {
		fprintf(stderr, "floor: map %d, program %d, link %d: %s\n", map, program, link,
			words);
		return 1;
	}
	fputs("ready\n", stderr);
	pause();
	return 0;
}
