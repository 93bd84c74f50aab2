/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The operator's log: what the program itself has to say. Findings are events, not log lines.
 */
#ifndef MIMAMORI_CORE_LOG_H
#define MIMAMORI_CORE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_BOTH };

/* name is borrowed for the program's life. May be called again for another target. Before this call, lines go to stderr at INFO. */
void log_init(const char *name, enum log_target target, enum log_level level);
enum log_level log_level(void);

/*
 * One line, no newline at its end. Control bytes are shown as \xNN, since a line may carry
 * an attacker's text. errno is kept.
 */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * For lines that traffic can cause: at most `burst` per `interval_s` seconds; the next line let
 * through is preceded by a count of what was left out. Zero-initialise apart from the two limits.
 */
struct log_limit {
	unsigned int burst, interval_s;
	unsigned int used, left_out;
	uint64_t since_ns;
};

void log_limited(struct log_limit *limit, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
