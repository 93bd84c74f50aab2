/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The client's side of telnet's option negotiation (RFC 854, 855, 858, 1073, 1091): what is text, and what
 * has to be answered.
 *
 * Refused is all but what a login needs: the server's echo (1) and suppress-go-ahead (3). An option is
 * answered once per change (RFC 854, "prevent loops"), so a hostile server cannot make us talk for ever.
 */
#ifndef MIMAMORI_DECOY_TELNET_H
#define MIMAMORI_DECOY_TELNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TELNET_REPLIES_MAX 768 /* bytes that answer one feeding of TELNET_FEED_MAX */
#define TELNET_FEED_MAX 512

enum telnet_state { TELNET_TEXT, TELNET_IAC, TELNET_OPTION, TELNET_SUB, TELNET_SUB_IAC, TELNET_CR };

struct telnet {
	enum telnet_state state;
	uint8_t verb; /* of the option that is being read */
	uint8_t told_will[32], told_do[32]; /* bits: the server's WILL or DO has been answered */
};

/*
 * Takes n (at most TELNET_FEED_MAX) bytes from the server. Text goes to out, which has room for n + 1
 * bytes; answers to replies. Returns the bytes of text, *n_replies those of the answers.
 */
size_t telnet_feed(struct telnet *t, const uint8_t *in, size_t n, uint8_t *out,
		   uint8_t replies[TELNET_REPLIES_MAX], size_t *n_replies);

/* Text for the server, every IAC doubled: room for 2 * n bytes. Returns the bytes. */
size_t telnet_escape(const uint8_t *in, size_t n, uint8_t *out);

#endif
