/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/usernet.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 160
#define LINES_MAX 64

/* "  TCP[HOST_FORWARD]  14       127.0.0.1 33143       10.0.2.15    23     0     0" */
static uint16_t port_of(const char *line, uint16_t guest_port)
{
	unsigned int host = 0, guest = 0;

	if (sscanf(line, " TCP[HOST_FORWARD] %*9u 127.0.0.1 %5u %*39[0-9.] %5u", &host, &guest) !=
	    2)
		return 0;
	return guest == guest_port && host <= UINT16_MAX ? (uint16_t)host : 0;
}

uint16_t usernet_port(const char *text, uint16_t guest_port)
{
	char line[LINE_MAX_BYTES];

	for (int i = 0; *text && i < LINES_MAX; i++) {
		size_t len = strcspn(text, "\n");
		uint16_t port;

		if (len < sizeof(line)) {
			memcpy(line, text, len);
			line[len] = '\0';
			port = port_of(line, guest_port);
			if (port)
				return port;
		}
		text += len + (text[len] == '\n');
	}
	return 0;
}
