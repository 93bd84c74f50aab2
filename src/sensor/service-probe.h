/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first bytes by which scanners ask a port what it serves.
 *
 * Service detection waits for a greeting, and then sends well-known questions until one is answered. They
 * are short, and each begins with four bytes of its own: that is all that the kernel's filter
 * compares of small packets that come in; the parser compares the rest. The bytes are facts about
 * Nmap's nmap-service-probes, which other tools use as well.
 *
 * Some of the questions are what an ordinary client asks, too, and say nothing at the port of that
 * service. "OPTIONS / HTTP/1.0" is left out: load balancers ask it every other second.
 */
#ifndef MIMAMORI_SENSOR_SERVICE_PROBE_H
#define MIMAMORI_SENSOR_SERVICE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVICE_PROBE_HEAD 18 /* bytes of a question that are compared, at most */
#define SERVICE_PROBE_MAX 256 /* no question is longer */

/* How well a question suits the port that it was put to. */
enum service_fit {
	SERVICE_OWN, /* a client of the service that is usual there may ask so */
	SERVICE_UNKNOWN, /* nothing is known of that port, and clients of some service ask so */
	SERVICE_FOREIGN, /* no client of the service that is usual there asks so, or none of any */
};

/* What the filter has to compare: the first four bytes, and four more at an offset unless 0. */
struct service_word {
	uint32_t first;
	uint8_t at;
	uint32_t then;
};

/* Those words, a question each or several; their number to *n. Static. */
const struct service_word *service_words(unsigned int *n);

/*
 * The number of the question, 1 and up, that a payload of `len` bytes is, of which the first `captured`
 * are there; 0: none.
 */
uint8_t service_probe(const uint8_t *payload, size_t captured, size_t len);

enum service_fit service_fit(uint8_t question, uint16_t port);

/* Is it one that no person types, line by line? */
bool service_by_program(uint8_t question);

#endif
