/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usage: steps [REPEAT]
 *
 * What the BPF source's programs take for single packets, by BPF_PROG_TEST_RUN: nothing else runs in between, so it
 * shows what a change to them costs. Beside them an empty program, and that of floor.bpf.c.
 */
#include "sensor/bpf-load.h"
#include "sensor/bpf-program.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <mimamori/wire.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define REPEAT 1000000
#define RING (1 << 20)

#define SOURCES 4096 /* as bench/floor.c has it */

extern const struct bpf_insn_bytes bench_empty[], bench_floor[];
extern const unsigned int bench_empty_len, bench_floor_len;

static const struct step {
	const char *what;
	uint8_t v6, out, protocol, flags;
	uint16_t peer_port, port, payload;
} steps[] = {
	{ "v4 data in", 0, 0, 6, 0x18, 40000, 8080, 1400 },
	{ "v4 short data in", 0, 0, 6, 0x18, 40000, 8080, 40 },
	{ "v4 acknowledgement in", 0, 0, 6, 0x10, 40000, 8080, 0 },
	{ "v4 data out", 0, 1, 6, 0x18, 40000, 8080, 1400 },
	{ "v4 login data out", 0, 1, 6, 0x18, 40000, 23, 40 },
	{ "v6 data in", 1, 0, 6, 0x18, 40000, 8080, 1400 },
	{ "v6 data out", 1, 1, 6, 0x18, 40000, 8080, 1400 },
	{ "v4 UDP in, served", 0, 0, 17, 0, 40000, 53, 100 },
	{ "v4 UDP out, served", 0, 1, 17, 0, 40000, 53, 100 },
	{ "v4 SYN in", 0, 0, 6, 0x02, 40000, 80, 0 },
	{ "v6 SYN in", 1, 0, 6, 0x02, 40000, 80, 0 },
};

static size_t make(const struct step *s, uint8_t *f)
{
	size_t l4 = s->v6 ? 54 : 34, head = s->protocol == 6 ? 20 : 8, len = l4 + head + s->payload;
	uint16_t from = s->out ? s->port : s->peer_port, to = s->out ? s->peer_port : s->port;

	memset(f, 0, len);
	memset(f + l4 + head, 'x', s->payload);
	f[6] = 2;
	if (s->v6) {
		f[12] = 0x86;
		f[13] = 0xdd;
		f[14] = 0x60;
		f[18] = (uint8_t)((len - l4) >> 8);
		f[19] = (uint8_t)(len - l4);
		f[20] = s->protocol;
		f[21] = 64;
		f[22] = f[38] = 0xfd;
		f[37] = s->out ? 1 : 2;
		f[53] = s->out ? 2 : 1;
	} else {
		f[12] = 8;
		f[14] = 0x45;
		f[16] = (uint8_t)((len - 14) >> 8);
		f[17] = (uint8_t)(len - 14);
		f[22] = 64;
		f[23] = s->protocol;
		f[26] = f[30] = 10;
		f[29] = s->out ? 1 : 2;
		f[33] = s->out ? 2 : 1;
	}
	f[l4] = (uint8_t)(from >> 8);
	f[l4 + 1] = (uint8_t)from;
	f[l4 + 2] = (uint8_t)(to >> 8);
	f[l4 + 3] = (uint8_t)to;
	if (s->protocol == 6) {
		f[l4 + 12] = 0x50;
		f[l4 + 13] = s->flags;
	}
	return len;
}

/* Nanoseconds a run, or -errno. */
static int run(int program, const uint8_t *bytes, size_t len, unsigned int repeat)
{
	union bpf_attr attr;
	int err;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)program;
	attr.test.data_in = (uint64_t)(uintptr_t)bytes;
	attr.test.data_size_in = (uint32_t)len;
	attr.test.repeat = repeat;
	err = bpf_call(BPF_PROG_TEST_RUN, &attr);
	return err < 0 ? err : (int)attr.test.duration;
}

static struct mimamori_shared *watch_nothing_yet(const struct bpf_loaded *b)
{
	struct mimamori_shared *sh =
		mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED, b->map[MAP_SHARED], 0);

	if (sh == MAP_FAILED)
		return NULL;
	sh->ephemeral_first = 32768;
	sh->bulk_mask = 15;
	sh->sample_v4 = sh->sample_v6 = 8;
	sh->wake_bytes = RING / 2;
	sh->udp_open[53 / 64] |= 1ULL << 53 % 64;
	sh->login_port[23 / 64] |= 1ULL << 23 % 64;
	sh->version = MIMAMORI_WIRE_VERSION;
	return sh;
}

static int floor_program(char *words)
{
	union bpf_attr attr;
	int map;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_LRU_HASH;
	attr.key_size = 16;
	attr.value_size = 8;
	attr.max_entries = SOURCES;
	map = bpf_call(BPF_MAP_CREATE, &attr);
	return bpf_load_code(bench_floor, bench_floor_len, &map, NULL, "floor", words);
}

int main(int argc, char **argv)
{
	const struct bpf_sizes sizes = { .ring_bytes = RING, .newcomers = 2048, .known = 512 };
	unsigned int repeat = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : REPEAT;
	char error[BPF_LOG_BYTES + 256] = "";
	struct bpf_loaded b;
	int empty, floor;

	if (bpf_load(&b, &sizes, error, sizeof(error)) || !watch_nothing_yet(&b)) {
		fprintf(stderr, "steps: %s\n", error);
		return 1;
	}
	empty = bpf_load_code(bench_empty, bench_empty_len, NULL, NULL, "empty", error);
	floor = floor_program(error);
	printf("%-24s %6s %6s %6s\n", "packet", "empty", "floor", "ns");
	for (unsigned int i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint8_t frame[2048];
		size_t len = make(&steps[i], frame);

		printf("%-24s %6d %6d %6d\n", steps[i].what, run(empty, frame, len, repeat),
		       run(floor, frame, len, repeat),
		       run(b.program[BPF_ETHERNET][steps[i].out], frame, len, repeat));
	}
	bpf_unload(&b);
	return 0;
}
