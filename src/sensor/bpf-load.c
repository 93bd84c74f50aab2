/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/bpf-load.h"

#include "../../bpf/limits-size.h"
#include "sensor/bpf-program.h"

#include <errno.h>
#include <linux/bpf.h>
#include <mimamori/wire.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINK_HEADER 14 /* of Ethernet */
#define LD_IMM64 (BPF_LD | BPF_DW | BPF_IMM)
#define LOG_MOST (8u << 20) /* bytes of what the verifier has to say, only taken as it says it */

_Static_assert(sizeof(struct bpf_insn_bytes) == sizeof(struct bpf_insn), "an instruction");

int bpf_call(int command, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

static int make_map(uint32_t type, const char *name, uint32_t key, uint32_t value, uint32_t entries,
		    uint32_t flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = key;
	attr.value_size = value;
	attr.max_entries = entries;
	attr.map_flags = flags;
	snprintf(attr.map_name, sizeof(attr.map_name), "%s", name);
	return bpf_call(BPF_MAP_CREATE, &attr);
}

static int make_maps(struct bpf_loaded *b, const struct bpf_sizes *s)
{
	const struct {
		uint32_t type, key, value, entries, flags;
		const char *name;
	} want[BPF_MAPS] = {
		[MAP_RING] = { BPF_MAP_TYPE_RINGBUF, 0, 0, s->ring_bytes, 0, "mimamori_ring" },
		[MAP_SHARED] = { BPF_MAP_TYPE_ARRAY, 4, sizeof(struct mimamori_shared), 1,
				 BPF_F_MMAPABLE, "mimamori_shared" },
		[MAP_LIMITS] = { BPF_MAP_TYPE_ARRAY, 4, LIMITS_BYTES, 1, 0, "mimamori_limits" },
		[MAP_NEWCOMERS] = { BPF_MAP_TYPE_LRU_HASH, KEY_BYTES, PEER_BYTES, s->newcomers, 0,
				    "mimamori_new" },
		[MAP_KNOWN] = { BPF_MAP_TYPE_LRU_HASH, KEY_BYTES, PEER_BYTES, s->known, 0,
				"mimamori_known" },
		[MAP_SIGHT] = { BPF_MAP_TYPE_PERCPU_ARRAY, 4, SIGHT_BYTES, 1, 0, "mimamori_sight" },
	};

	for (unsigned int i = 0; i < BPF_MAPS; i++) {
		b->map[i] = make_map(want[i].type, want[i].name, want[i].key, want[i].value,
				     want[i].entries, want[i].flags);
		if (b->map[i] < 0)
			return b->map[i];
	}
	return 0;
}

/* Puts the maps and parameters where the program is marked. */
static void fill_in(struct bpf_insn *code, unsigned int n, const int *map,
		    const uint32_t *parameter)
{
	for (unsigned int i = 0; i + 1 < n; i++) {
		struct bpf_insn *first = &code[i], *second = &code[i + 1];
		uint32_t number = (uint32_t)second->imm;

		if (first->code != LD_IMM64)
			continue;
		i++;
		switch ((uint32_t)first->imm) {
		case MARK_MAP:
		case MARK_VALUE:
			first->src_reg = (uint32_t)first->imm == MARK_MAP ? BPF_PSEUDO_MAP_FD :
									    BPF_PSEUDO_MAP_VALUE;
			first->imm = map[number];
			second->imm = 0;
			break;
		case MARK_PARAMETER:
			first->imm = (int32_t)parameter[number];
			second->imm = 0;
			break;
		}
	}
}

/* The verifier's last line but its statistics, or nothing. */
static const char *last_words(char *words)
{
	char *line = words, *end;

	for (char *at = words; (end = strchr(at, '\n')); at = end + 1) {
		*end = '\0';
		if (end > at && strncmp(at, "processed ", 10) != 0)
			line = at;
	}
	return line;
}

/* Why the verifier refused: it has words only for who asks. Before 6.4 it tells all or, by the size, nothing. */
static void ask_why(union bpf_attr *attr, char *words)
{
	char *log = mmap(NULL, LOG_MOST, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int fd;

	if (log == MAP_FAILED)
		return;
	attr->log_level = 1;
	attr->log_buf = (uint64_t)(uintptr_t)log;
	attr->log_size = LOG_MOST;
	fd = bpf_call(BPF_PROG_LOAD, attr);
	if (fd >= 0)
		close(fd);
	else if (fd != -ENOSPC)
		snprintf(words, BPF_LOG_BYTES, "%s", last_words(log));
	munmap(log, LOG_MOST);
}

int bpf_load_code(const struct bpf_insn_bytes *code, unsigned int n, const int *map,
		  const uint32_t *parameter, const char *name, char *words)
{
	/* A page of its own each: what malloc() takes of the heap it never gives back. */
	struct bpf_insn *copy = mmap(NULL, n * sizeof(*copy), PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	union bpf_attr attr;
	int fd;

	if (copy == MAP_FAILED)
		return -errno;
	memcpy(copy, code, n * sizeof(*copy));
	fill_in(copy, n, map, parameter);
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	attr.insns = (uint64_t)(uintptr_t)copy;
	attr.insn_cnt = n;
	attr.license = (uint64_t)(uintptr_t) "GPL";
	snprintf(attr.prog_name, sizeof(attr.prog_name), "%s", name);
	fd = bpf_call(BPF_PROG_LOAD, &attr);
	if (fd < 0)
		ask_why(&attr, words);
	munmap(copy, n * sizeof(*copy));
	return fd;
}

static int load_program(const struct bpf_loaded *b, enum bpf_link_kind kind, bool out, char *words)
{
	const uint32_t parameter[BPF_PARAMETERS] = {
		[PARAMETER_LINK] = kind == BPF_ETHERNET ? LINK_HEADER : 0,
		[PARAMETER_OUT] = out,
	};

	return bpf_load_code(bpf_watch, bpf_watch_len, b->map, parameter,
			     out ? "mimamori_out" : "mimamori_in", words);
}

void bpf_loaded_init(struct bpf_loaded *b)
{
	memset(b, 0xff, sizeof(*b));
}

int bpf_load_programs(struct bpf_loaded *b, enum bpf_link_kind kind, char *error, size_t error_len)
{
	char words[BPF_LOG_BYTES] = "";

	for (int out = 0; out < 2; out++) {
		int fd;

		if (b->program[kind][out] >= 0)
			continue;
		fd = load_program(b, kind, out, words);
		if (fd < 0) {
			snprintf(error, error_len,
				 "the kernel does not take its program: %s (%s); it needs CAP_BPF, "
				 "CAP_PERFMON and CAP_NET_ADMIN",
				 strerror(-fd), words);
			return fd;
		}
		b->program[kind][out] = fd;
	}
	return 0;
}

int bpf_load(struct bpf_loaded *b, const struct bpf_sizes *sizes, char *error, size_t error_len)
{
	int err;

	bpf_loaded_init(b);
	err = make_maps(b, sizes);
	if (err)
		snprintf(
			error, error_len,
			"cannot make its maps: %s; it needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, a "
			"kernel from 5.8 on with CONFIG_BPF_SYSCALL, and memory, before 5.11 by RLIMIT_MEMLOCK",
			strerror(-err));
	else
		err = bpf_load_programs(b, BPF_ETHERNET, error, error_len);
	if (err)
		bpf_unload(b);
	return err;
}

void bpf_unload(struct bpf_loaded *b)
{
	for (unsigned int i = 0; i < BPF_MAPS; i++)
		if (b->map[i] >= 0)
			close(b->map[i]);
	for (unsigned int i = 0; i < BPF_LINK_KINDS * 2; i++)
		if (b->program[i / 2][i % 2] >= 0)
			close(b->program[i / 2][i % 2]);
	bpf_loaded_init(b);
}
