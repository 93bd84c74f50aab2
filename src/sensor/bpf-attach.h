/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts the loaded programs onto interfaces, both ways, and takes them off.
 *
 * Theory of operation
 * -------------------
 * Where the kernel has them (Linux 6.6), tcx links: each is a descriptor, and gone with it, so that nothing stays behind whatever
 * happens. Elsewhere a filter of the qdisc clsact, at a priority of its own: recognised by kind, handle and
 * name, removed at the end, and if it did not come to that, replaced at the next start. A clsact
 * qdisc that this made stays: others may have used it since, and empty it costs nothing.
 * In front of others, who may drop what they see.
 */
#ifndef MIMAMORI_SENSOR_BPF_ATTACH_H
#define MIMAMORI_SENSOR_BPF_ATTACH_H

#include "sensor/bpf-load.h"
#include "sensor/host.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BPF_ATTACH_PRIORITY \
	1 /* of the filter; others' of the same stay untouched, and ours is not made */
#define BPF_ATTACH_HANDLE 0x4d4d
#define BPF_ATTACH_NAME "mimamori-sensor"

struct bpf_place {
	int ifindex; /* 0: free */
	int link[2]; /* tcx: coming in, going out; -1: a filter */
};

struct bpf_places {
	int netlink; /* of this network namespace */
	bool filters; /* no tcx: ask for filters at once */
	unsigned int count;
	struct bpf_place place[HOST_MAX_LINKS];
};

/* 0 or -errno. */
int bpf_places_init(struct bpf_places *ps);
/* Takes all off. */
void bpf_places_done(struct bpf_places *ps);

/* Onto this interface. 0, also when it is there already; or -errno with nothing left attached. Filters that somebody
 * has taken off are put back.
 * Loads the programs of its kind if they are not yet. */
int bpf_attach(struct bpf_places *ps, struct bpf_loaded *b, int ifindex, enum bpf_link_kind kind);
/* Off what is not among these, gone or not wanted any more. */
void bpf_detach_others(struct bpf_places *ps, const int *wanted, unsigned int n);

#endif
