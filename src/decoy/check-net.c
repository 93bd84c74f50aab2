/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif

#include "decoy/check-net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int set_up(const char *name)
{
	struct ifreq req = { .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (ioctl(fd, SIOCSIFFLAGS, &req) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* This end's address is not asked about for a second before it is used (RFC 4862, 5.4). Without IPv6: nothing. */
static void use_at_once(const char *name)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_dad", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "0", 1) < 0)
		errno = 0;
	close(fd);
}

bool check_net_leave(void)
{
	return unshare(CLONE_NEWNET) == 0 && set_up("lo") == 0;
}

int check_net_tap(unsigned int *index)
{
	struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int err = 0, fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	snprintf(req.ifr_name, sizeof(req.ifr_name), "decoy%%d");
	if (ioctl(fd, TUNSETIFF, &req) < 0)
		err = -errno;
	if (!err) {
		use_at_once(req.ifr_name);
		err = set_up(req.ifr_name);
	}
	if (!err) {
		*index = if_nametoindex(req.ifr_name);
		return fd;
	}
	close(fd);
	return err;
}
