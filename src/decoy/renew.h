/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a machine that was saved needs when it wakes: the time, entropy of its own, another MAC. One that has booted needs
 * the first two: some boards have no clock.
 *
 * Over the console a program of the decoy's root takes `renew EPOCH MAC SEEDHEX [keep]` and answers `renewed`, or
 * `failed` with which of `clock`, `seed`, `mac` it could not renew, in this order (decoys/README). The answer is hostile
 * text, of which nothing is used but that these words, and no others, stand in a line.
 *
 * QEMU's own network saves its leases with the machine, and would give the new MAC another address than the one
 * that ports are forwarded to: there the lease is kept. On a TAP device a new one is asked for.
 */
#ifndef MIMAMORI_DECOY_RENEW_H
#define MIMAMORI_DECOY_RENEW_H

#include "decoy/profile.h"

#define RENEW_SEED_BYTES 32
#define RENEW_LINE_MAX 160
#define RENEW_LOGIN_LINE_MAX 768

/* The line, with its end. mac and seed are the caller's. Returns its length. */
size_t renew_line(char out[RENEW_LINE_MAX], int64_t epoch_s, const uint8_t mac[PROFILE_MAC_LEN],
		  const uint8_t seed[RENEW_SEED_BYTES], bool keep_lease);

/*
 * The address that a decoy renewed by login boots with, and wakes with until it is renewed: always the same of one
 * name, since its network has to work before, and QEMU's LAN9118 knows of a woken guest's address only what it was told
 * at its own start.
 */
void renew_first_mac(const struct persona *p, const char *name, uint8_t mac[PROFILE_MAC_LEN]);

/*
 * The same for the shell of a decoy without that program: one line for root, of what BusyBox and older Debian systems have. A
 * card that goes down loses its default route, which is put back. The seed is taken up by /dev/urandom at once before
 * Linux 4.8; later when it reseeds itself, within 1 to 5 minutes, or is told to (RNDRESEEDCRNG, whose
 * number has two forms), for which there may be perl.
 */
void renew_login_line(char out[RENEW_LOGIN_LINE_MAX], int64_t epoch_s,
		      const uint8_t mac[PROFILE_MAC_LEN], const uint8_t seed[RENEW_SEED_BYTES]);

/* Finds the answer in a stream that comes in pieces. Zero-initialise. */
struct renew_answer {
	char line[32];
	size_t used; /* beyond the buffer: the line is another */
};

#define RENEW_SILENT (-1)
#define RENEW_FAILED_MAX 80

/* 0: renewed; RENEW_SILENT: no answer yet; else what has failed, for renew_failed(). */
int renew_answered(struct renew_answer *a, const char *bytes, size_t n);

/* In words: the end of a sentence. */
void renew_failed(int failed, char out[RENEW_FAILED_MAX]);

/* The line of now, or of what is the time when the guest has it all, with a new seed. Its length, or -errno. */
int renew_compose(char out[RENEW_LINE_MAX], unsigned int in_ms, const uint8_t mac[PROFILE_MAC_LEN],
		  bool keep_lease);

#endif
