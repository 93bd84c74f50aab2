/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of what the helper does when asked: sources that open or do not, and scripts as on_finding.
 */
#ifndef MIMAMORI_SENSOR_HELPER_SCRIPT_FIXTURE_H
#define MIMAMORI_SENSOR_HELPER_SCRIPT_FIXTURE_H

#include "core/clock.h"
#include "sensor/helper-fixture.h"
#include "sensor/source.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define EVENT "{\"event_type\":\"alert\"}\n"
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static inline int open_good(const struct sensor_config *config, char *error, size_t error_len)
{
	(void)config, (void)error, (void)error_len;
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static inline int open_bad(const struct sensor_config *config, char *error, size_t error_len)
{
	(void)config;
	snprintf(error, error_len, "no such luck");
	return -ENODEV;
}

static const struct source_ops good = { .name = "good", .open_privileged = open_good };
static const struct source_ops bad = { .name = "bad", .open_privileged = open_bad };
static const struct source_ops unprivileged = { .name = "unprivileged" };
static const struct source_ops *const sources[] = { &good, &bad, &unprivileged, NULL };

static inline int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));

	if (!f)
		return -1;
	alarm(50);
	fixture_open(f);
	strcpy(f->config.on_finding_user, "nobody");
	f->config.on_finding_at_once = 2;
	f->config.on_finding_timeout_ns = 20 * NS_PER_S;
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	fixture_close(*state);
	free(*state);
	return 0;
}

static inline void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_return_code(chmod(path, mode), errno);
}

/* The file's text in a static buffer; "" when there is none. */
static const char *read_file(const char *path)
{
	static char text[8192];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* A script of the given body, run as on_finding with one argument: the directory. */
static inline void script(struct fixture *f, const char *body)
{
	char text[1024];

	snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", body);
	write_file(fixture_path(f, "script"), text, 0755);
	snprintf(f->config.on_finding, sizeof(f->config.on_finding), "%s/script %s  two", f->dir,
		 f->dir);
}

static inline int call(struct fixture *f, enum helper_request request, uint32_t arg)
{
	char error[HELPER_ERROR_LEN] = "";
	int result = helper_call(&f->client, request, arg, NULL, 0, error);

	assert_int_equal(result < 0, error[0] != '\0');
	return result;
}

static inline int find(struct fixture *f)
{
	return helper_call(&f->client, HELPER_ON_FINDING, 2, EVENT, strlen(EVENT), NULL);
}

static inline pid_t pid_in(const struct fixture *f, const char *name)
{
	return (pid_t)atoi(read_file(fixture_path(f, name)));
}

static inline bool is_running(pid_t pid)
{
	char path[64];
	const char *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	state = strchr(read_file(path), ')');
	return state && state[2] != 'Z'; /* a zombie waits for its reaper only */
}

#endif
