/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests: a loop that is run until something has happened. After cmocka.h. */
#ifndef MIMAMORI_DECOY_TEST_LOOP_H
#define MIMAMORI_DECOY_TEST_LOOP_H

#include <stdbool.h>
#include <unistd.h>
#include <uv.h>

#define TEST_WAIT_MS 30000 /* a busy machine starts programs slowly */

/* Runs the loop until the condition holds, which is judged once a turn; fails the test when that takes too long. */
#define RUN_UNTIL(loop, condition)                                        \
	do {                                                              \
		uint64_t until = uv_hrtime() + TEST_WAIT_MS * 1000000ULL; \
		bool holds;                                               \
		while (!(holds = (condition)) && uv_hrtime() < until) {   \
			uv_run((loop), UV_RUN_NOWAIT);                    \
			usleep(500);                                      \
		}                                                         \
		assert_true(holds);                                       \
	} while (0)

#endif
