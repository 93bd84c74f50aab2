/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NS_PER_USEC 1000

static int notify_fd = -1;

int notify_open(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *name = getenv("NOTIFY_SOCKET");
	size_t len = name ? strlen(name) : 0;
	int fd, err;

	if (!len)
		return -ENOENT;
	if ((name[0] != '/' && name[0] != '@') || len < 2)
		return -EINVAL;
	if (len >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, name, len);
	if (name[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* An abstract name ends where the length says, and has no NUL at its end. */
	if (connect(fd, (struct sockaddr *)&addr,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'))) <
	    0) {
		err = -errno;
		close(fd);
		return err;
	}
	if (notify_fd >= 0)
		close(notify_fd);
	notify_fd = fd;
	return 0;
}

void notify_send(const char *state)
{
	if (notify_fd >= 0)
		send(notify_fd, state, strlen(state), MSG_NOSIGNAL);
}

uint64_t notify_watchdog_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long value;
	char *end;

	if (!usec || !usec[0] || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	errno = 0;
	value = strtoull(usec, &end, 10);
	return errno || *end || value > UINT64_MAX / NS_PER_USEC ? 0 : value * NS_PER_USEC;
}
