/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the system's own record (journal, auth.log, btmp) says of one login.
 */
#ifndef MIMAMORI_SENSOR_AUTH_H
#define MIMAMORI_SENSOR_AUTH_H

#include "core/addr.h"

#include <stdbool.h>
#include <stdint.h>

enum auth_result { AUTH_FAILED, AUTH_SUCCEEDED };

struct auth_record {
	uint64_t t_ns; /* clock time */
	struct addr peer;
	uint16_t peer_port; /* 0: not told */
	uint8_t service; /* enum guess_service */
	uint8_t result; /* enum auth_result */
	bool by_key; /* SUCCEEDED by a key, not a password */
	uint16_t times; /* "message repeated N times": N; else 1 */
	uint32_t user; /* hash of the name, 0: not told */
};

#endif
