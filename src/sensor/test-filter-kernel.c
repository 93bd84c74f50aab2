/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program passes the kernel's own checker, and, as root, is run on frames that cross a TAP interface. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif
#include "sensor/filter-fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_kernel_accepts(void **state)
{
	struct filter_params full = fullest();
	struct filter_params sampling = full;
	int fd[2];
	char c;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(filter_attach(fd[1], &plain), 0);
	assert_int_equal(filter_attach(fd[1], &full), 0);
	sampling.bulk_one_in = 16;
	sampling.gateway = true;
	assert_int_equal(filter_attach(fd[1], &sampling), 0);
	assert_int_equal(filter_attach_closed(fd[1]), 0);
	(void)!send(fd[0], "x", 1, 0);
	assert_int_equal(recv(fd[1], &c, 1, 0), -1);
	close(fd[0]);
	assert_int_equal(filter_attach(fd[0], &plain), -EBADF);
	close(fd[1]);
}

/*
 * The real thing, in a network namespace of its own:
 *
 *	test ── frames ──► [ tap0 ] ◄── frames ── a second packet socket, as this host's stack
 *	                      │
 *	                 packet socket with the filter ──► what arrived
 */
struct lab {
	int tap, out, in;
	int ifindex;
	uint8_t mac[6];
	bool failed;
};

/* Runs in a child: says what went wrong, for the parent only sees an exit code. */
static bool lab_check(struct lab *lab, bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "lab: %s (%s)\n", what, strerror(errno));
		lab->failed = true;
	}
	return ok;
}

static bool lab_open(struct lab *lab)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct timeval patience = { .tv_sec = 5 };

	strcpy(ifr.ifr_name, "tap0");
	lab->tap = open("/dev/net/tun", O_RDWR);
	if (lab->tap < 0 || ioctl(lab->tap, TUNSETIFF, &ifr) < 0)
		return false;
	lab->out = socket(AF_PACKET, SOCK_DGRAM, 0);
	lab->in = socket(AF_PACKET, SOCK_DGRAM, 0);
	if (lab->out < 0 || lab->in < 0 || ioctl(lab->out, SIOCGIFHWADDR, &ifr) < 0)
		return false;
	memcpy(lab->mac, ifr.ifr_hwaddr.sa_data, sizeof(lab->mac));
	ifr.ifr_flags = IFF_UP;
	if (ioctl(lab->out, SIOCSIFFLAGS, &ifr) < 0 || ioctl(lab->out, SIOCGIFINDEX, &ifr) < 0)
		return false;
	lab->ifindex = ifr.ifr_ifindex;
	setsockopt(lab->in, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return filter_attach_closed(lab->in) == 0 &&
	       bind(lab->in, (struct sockaddr *)&ll, sizeof(ll)) == 0 &&
	       filter_attach(lab->in, &plain) == 0;
}

/* to: the last byte of the destination, 0 for this host's own address. tag: -1 for none. */
static void lab_come_in(struct lab *lab, uint8_t to, int tag, uint16_t protocol,
			const uint8_t *bytes, size_t len)
{
	uint8_t frame[256], *p = frame;

	memcpy(p, lab->mac, 6);
	if (to == 0xff)
		memset(p, 0xff, 6);
	else if (to)
		p[5] ^= to;
	memcpy(p + 6, (const uint8_t[]){ 2, 0, 0, 0, 0, 9 }, 6);
	p += 12;
	if (tag >= 0) {
		*p++ = 0x81;
		*p++ = 0x00;
		*p++ = (uint8_t)(tag >> 8);
		*p++ = (uint8_t)tag;
	}
	*p++ = (uint8_t)(protocol >> 8);
	*p++ = (uint8_t)protocol;
	memcpy(p, bytes, len);
	p += len;
	lab_check(lab, write(lab->tap, frame, (size_t)(p - frame)) == p - frame,
		  "write to the tap");
}

static void lab_send(struct lab *lab, uint16_t protocol, const uint8_t *bytes, size_t len)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = lab->ifindex,
		.sll_halen = 6,
		.sll_addr = { 2, 0, 0, 0, 0, 9 },
	};

	lab_check(lab, sendto(lab->out, bytes, len, 0, (struct sockaddr *)&to, sizeof(to)) >= 0,
		  "send a packet");
}

/* Did these bytes arrive, before the sentinel that is sent behind them? */
static bool lab_arrived(struct lab *lab, const uint8_t *bytes, size_t len)
{
	uint8_t sentinel[128], got[256];
	size_t sentinel_len = make(&samples[0], sentinel);
	bool arrived = false;
	ssize_t n;

	sentinel[sentinel_len - 1] = 0xee;
	lab_come_in(lab, 0, -1, ETH_P_IP, sentinel, sentinel_len);
	for (;;) {
		n = recv(lab->in, got, sizeof(got), 0);
		if (!lab_check(lab, n > 0, "the sentinel did not arrive"))
			return false;
		if ((size_t)n >= sentinel_len && !memcmp(got, sentinel, sentinel_len))
			return arrived;
		if ((size_t)n >= len && !memcmp(got, bytes, len))
			arrived = true;
		else
			lab_check(lab, false, "something else arrived");
	}
}

static void lab_run(struct lab *lab)
{
	uint8_t bytes[128];
	size_t len;

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		uint16_t protocol = s->v6 ? ETH_P_IPV6 : ETH_P_IP;

		len = make(s, bytes);
		if (s->out)
			lab_send(lab, protocol, bytes, len);
		else
			lab_come_in(lab, 0, -1, protocol, bytes, len);
		lab_check(lab, lab_arrived(lab, bytes, len) == s->passes, s->what);
	}
	len = make(&samples[0], bytes);
	lab_come_in(lab, 0xff, -1, ETH_P_IP, bytes, len);
	lab_check(lab, !lab_arrived(lab, bytes, len), "a broadcast passes");
	lab_come_in(lab, 1, -1, ETH_P_IP, bytes, len);
	lab_check(lab, !lab_arrived(lab, bytes, len), "another host's frame passes");
	lab_come_in(lab, 0, 0x2005, ETH_P_IP, bytes, len);
	lab_check(lab, !lab_arrived(lab, bytes, len), "a frame of VLAN 5 passes");
	lab_come_in(lab, 0, 0xa000, ETH_P_IP, bytes, len);
	lab_check(lab, lab_arrived(lab, bytes, len), "a frame with a priority tag is dropped");
}

static void test_on_real_frames(void **state)
{
	struct lab lab = { 0 };
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0) {
		print_message("needs root, for a network namespace\n");
		skip();
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) < 0 || !lab_open(&lab))
			_exit(77);
		lab_run(&lab);
		_exit(lab.failed);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("needs a network namespace and /dev/net/tun\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel_accepts),
		cmocka_unit_test(test_on_real_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
