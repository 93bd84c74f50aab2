/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usage: floor INTERFACE empty|floor
 *
 * Attaches a program of floor.bpf.c to what comes in there, the empty one to what goes out as well, says "ready"
 * on standard error, and waits for SIGTERM. Whoever measures reads the program's run_cnt and run_time_ns in
 * /proc/PID/fdinfo.
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
#define TCX_EGRESS 47

extern const struct bpf_insn_bytes bench_empty[], bench_floor[];
extern const unsigned int bench_empty_len, bench_floor_len;

static int attach(int program, const char *interface, uint32_t where)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.target_ifindex = if_nametoindex(interface);
	attr.link_create.attach_type = where;
	return bpf_call(BPF_LINK_CREATE, &attr);
}

int main(int argc, char **argv)
{
	char words[BPF_LOG_BYTES] = "";
	union bpf_attr attr;
	int map, program;
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
	if (map < 0 || program < 0 || attach(program, argv[1], TCX_INGRESS) < 0 ||
	    (empty && attach(program, argv[1], TCX_EGRESS) < 0)) {
		fprintf(stderr, "floor: map %d, program %d: %s\n", map, program, words);
		return 1;
	}
	fputs("ready\n", stderr);
	pause();
	return 0;
}
