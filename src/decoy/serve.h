/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The small servers that `check` lets a decoy transfer with: HTTP (GET, POST), FTP (RETR, STOR; PASV, EPSV),
 * TFTP (RFC 1350, octet, with RFC 2348's block size), and bare TCP for nc.
 *
 * Theory of operation
 * -------------------
 * Each serves one block of bytes, whatever name is asked for, and keeps what is sent to it, up to SERVE_MAX bytes;
 * one client at a time and server, the last one wins. They listen on ports that the kernel chooses, for
 * as long as a check runs. The other side is a guest: lines are capped, and nothing it says names a file.
 */
#ifndef MIMAMORI_DECOY_SERVE_H
#define MIMAMORI_DECOY_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#define SERVE_MAX (4U << 20)

enum serve_kind {
	SERVE_HTTP,
	SERVE_FTP,
	SERVE_TFTP,
	SERVE_SOURCE, /* sends the block to whoever connects */
	SERVE_SINK, /* keeps what is sent */
	SERVE_KINDS
};

struct serve;

/* On this address (its port is not looked at). block: borrowed. NULL: it cannot listen there; *err. */
struct serve *serve_new(uv_loop_t *loop, enum serve_kind kind, const struct sockaddr *addr,
			const uint8_t *block, size_t block_bytes, int *err);
void serve_free(struct serve *s);
uint16_t serve_port(const struct serve *s);

/* What was sent last, whole: borrowed until the next transfer; NULL before the first has ended. */
const uint8_t *serve_received(const struct serve *s, size_t *n);
/* Forgets it. */
void serve_forget(struct serve *s);

#endif
