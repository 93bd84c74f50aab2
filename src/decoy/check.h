/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `check` proves of one decoy, row by row.
 */
#ifndef MIMAMORI_DECOY_CHECK_H
#define MIMAMORI_DECOY_CHECK_H

#include "decoy/await.h"
#include "decoy/cli.h"
#include "decoy/serve.h"

#define CHECK_BLOCK (1U << 20) /* bytes that are transferred */
#define CHECK_RSS_MB 140
#define CHECK_BOOT_MS 15000 /* to a login prompt, without what was waited for a processor */
#define CHECK_WAKE_MS 1000
#define CHECK_TRANSFER_MS 120000

struct check {
	struct cli *cli;
	const struct decoy *decoy;
	struct await a;
	struct session *root; /* a shell of root */
	struct serve *serve[SERVE_KINDS];
	uint8_t *block;
	unsigned int rows, failed;
};

/* Prints one row: what, and how it went; why NULL: well. */
void check_row(struct check *c, const char *what, const char *result, const char *why);

/* Is there a shell of root, on a machine that still runs? */
static inline bool check_has_shell(const struct check *c)
{
	return c->root && !c->a.ended;
}

/* The transfers: wget, tftp, ftpget, nc, echo -ne, both ways where there are two. */
void check_transfers(struct check *c);
/* IPv6, out; in is a machine on a TAP device. */
void check_ipv6(struct check *c);

#endif
