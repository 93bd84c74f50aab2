/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/telnet.h"

#include <string.h>

#define IAC 255
#define REFUSE_DO 254 /* the RFC writes these two as words that end in NT */
#define DO 253
#define REFUSE 252
#define WILL 251
#define SB 250
#define SE 240

#define OPTION_ECHO 1
#define OPTION_SGA 3

/* Was this option's bit set already? Sets it. */
static bool test_and_set(uint8_t bits[32], uint8_t option)
{
	bool was = bits[option / 8] >> option % 8 & 1;

	bits[option / 8] |= (uint8_t)(1U << option % 8);
	return was;
}

/* The answer's verb, or 0 when none is due. */
static uint8_t answer(struct telnet *t, uint8_t option)
{
	bool wanted = option == OPTION_ECHO || option == OPTION_SGA;

	switch (t->verb) {
	case WILL:
		if (test_and_set(t->told_will, option))
			return 0;
		return wanted ? DO : REFUSE_DO;
	case DO:
		if (test_and_set(t->told_do, option))
			return 0;
		return option == OPTION_SGA ? WILL : REFUSE;
	}
	return 0; /* REFUSE and REFUSE_DO confirm what we hold already */
}

static void on_command(struct telnet *t, uint8_t byte, uint8_t *out, size_t *n_out)
{
	t->state = TELNET_TEXT;
	if (byte == IAC) {
		out[(*n_out)++] = byte;
	} else if (byte >= WILL) {
		t->verb = byte;
		t->state = TELNET_OPTION;
	} else if (byte == SB) {
		t->state = TELNET_SUB;
	}
}

size_t telnet_feed(struct telnet *t, const uint8_t *in, size_t n, uint8_t *out,
		   uint8_t replies[TELNET_REPLIES_MAX], size_t *n_replies)
{
	size_t n_out = 0;

	*n_replies = 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = in[i], verb;

		switch (t->state) {
		case TELNET_CR:
			t->state = TELNET_TEXT;
			if (byte ==
			    '\0') /* CR NUL: a carriage return alone, which stands already */
				break;
			/* fall through */
		case TELNET_TEXT:
			if (byte == IAC) {
				t->state = TELNET_IAC;
				break;
			}
			out[n_out++] = byte;
			if (byte == '\r')
				t->state = TELNET_CR;
			break;
		case TELNET_IAC:
			on_command(t, byte, out, &n_out);
			break;
		case TELNET_OPTION:
			t->state = TELNET_TEXT;
			verb = answer(t, byte);
			if (verb && *n_replies + 3 <= TELNET_REPLIES_MAX) {
				replies[(*n_replies)++] = IAC;
				replies[(*n_replies)++] = verb;
				replies[(*n_replies)++] = byte;
			}
			break;
		case TELNET_SUB:
			if (byte == IAC)
				t->state = TELNET_SUB_IAC;
			break;
		case TELNET_SUB_IAC:
			t->state = byte == SE ? TELNET_TEXT : TELNET_SUB;
			break;
		}
	}
	return n_out;
}

size_t telnet_escape(const uint8_t *in, size_t n, uint8_t *out)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		out[used++] = in[i];
		if (in[i] == IAC)
			out[used++] = IAC;
	}
	return used;
}
