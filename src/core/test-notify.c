/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The protocol as sd_notify(3) and sd_watchdog_enabled(3) document it. */
#include "core/notify.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A manager that listens at this address, '@' for NUL. */
static int listen_at(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	strcpy(addr.sun_path, name);
	if (name[0] == '@')
		addr.sun_path[0] = '\0';
	assert_return_code(bind(fd, (struct sockaddr *)&addr, len), errno);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void tells(int fd)
{
	char text[64] = "";

	assert_int_equal(notify_open(), 0);
	notify_send("READY=1\nSTATUS=watching");
	assert_int_equal(recv(fd, text, sizeof(text), MSG_DONTWAIT), 23);
	assert_string_equal(text, "READY=1\nSTATUS=watching");
	close(fd);
	notify_send("STOPPING=1"); /* nobody listens any more: no harm */
}

static void test_path(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "/tmp/mimamori-notify-%d", (int)getpid());
	tells(listen_at(name));
	unlink(name);
}

static void test_abstract(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "@mimamori-notify-%d", (int)getpid());
	tells(listen_at(name));
}

static void test_unusable(void **state)
{
	char name[200];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_open(), -ENOENT);
	setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
	assert_int_equal(notify_open(), -EINVAL);
	setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
	assert_int_equal(notify_open(), -ENOENT);
	memset(name, '/', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(notify_open(), -ENAMETOOLONG);
}

static void test_watchdog(void **state)
{
	char pid[16];

	(void)state;
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(notify_watchdog_ns(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog_ns(), 30000000000);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_ns(), 30000000000);
	setenv("WATCHDOG_PID", "1", 1); /* meant for another process */
	assert_int_equal(notify_watchdog_ns(), 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "soon", 1);
	assert_int_equal(notify_watchdog_ns(), 0);
	setenv("WATCHDOG_USEC", "99999999999999999999", 1);
	assert_int_equal(notify_watchdog_ns(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_abstract),
		cmocka_unit_test(test_unusable),
		cmocka_unit_test(test_watchdog),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
