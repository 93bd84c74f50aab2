/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts as Linux 6.1 writes them, cut down; and the kernel itself, in a namespace of its own. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif
#include "sensor/kernel-counters.h"
#include "sensor/test-netns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const char snmp[] =
	"Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InDelivers\n"
	"Ip: 1 64 1000 2 3 400 500\n"
	"Icmp: InMsgs InErrors\n"
	"Icmp: 7 0\n"
	"IcmpMsg: InType3\n"
	"IcmpMsg: 3\n"
	"Tcp: RtoAlgorithm MaxConn AttemptFails InSegs InErrs OutRsts\n"
	"Tcp: 1 -1 11 18446744073709551000 13 14\n"
	"Udp: InDatagrams NoPorts InErrors RcvbufErrors\n"
	"Udp: 21 22 23 24\n"
	"UdpLite: InDatagrams NoPorts InErrors RcvbufErrors\n"
	"UdpLite: 91 92 93 94\n";
static const char snmp6[] = "Ip6InReceives                   \t10\n"
			    "Ip6InDelivers                   \t9\n"
			    "Udp6NoPorts                     \t5\n"
			    "UdpLite6NoPorts                 \t99\n";
static const char netstat[] = "TcpExt: SyncookiesSent EmbryonicRsts ListenOverflows ListenDrops\n"
			      "TcpExt: 31 32 33 34\n"
			      "IpExt: InNoRoutes\n"
			      "IpExt: 0\n";

static struct kernel_counters counters;

static int setup(void **state)
{
	(void)state;
	memset(&counters, 0, sizeof(counters));
	return 0;
}

static void parse(enum kernel_counter_file file, const char *text)
{
	kernel_counters_parse(file, cursor_over(text, strlen(text)), &counters);
}

static void test_texts(void **state)
{
	const uint64_t *v = counters.value;

	(void)state;
	parse(KERNEL_SNMP, snmp);
	assert_int_equal(v[KERNEL_IP_IN_RECEIVES], 1000);
	assert_int_equal(v[KERNEL_IP_FORWARDED], 400);
	assert_int_equal(v[KERNEL_IP_IN_DELIVERS], 500);
	assert_int_equal(v[KERNEL_ICMP_IN_MSGS], 7);
	assert_int_equal(v[KERNEL_TCP_ATTEMPT_FAILS], 11);
	assert_int_equal(v[KERNEL_TCP_IN_SEGS], 18446744073709551000ULL);
	assert_int_equal(v[KERNEL_TCP_OUT_RSTS], 14);
	assert_int_equal(v[KERNEL_UDP_NO_PORTS], 22);
	parse(KERNEL_SNMP6, snmp6);
	assert_int_equal(v[KERNEL_IP_IN_RECEIVES], 1010);
	assert_int_equal(v[KERNEL_UDP_NO_PORTS], 27);
	parse(KERNEL_NETSTAT, netstat);
	assert_int_equal(v[KERNEL_TCP_SYNCOOKIES_SENT], 31);
	assert_int_equal(v[KERNEL_TCP_EMBRYONIC_RSTS], 32);
	assert_int_equal(v[KERNEL_TCP_LISTEN_OVERFLOWS], 33);
	assert_int_equal(v[KERNEL_TCP_LISTEN_DROPS], 34);
}

static void test_broken_texts(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"\n\n",
		"Udp:\nUdp:\n",
		"Udp: NoPorts\n",
		"Udp: NoPorts\nTcp: 5\n",
		"Udp: NoPorts\nUdp: 5",
		"Udp: NoPorts\nUdp: -5\n",
		"Udp: NoPorts\nUdp: 5x\n",
		"Udp: NoPorts\nUdp: 99999999999999999999999\n",
		"Udp: NoPort\nUdp: 5\n",
		"Udp:NoPorts\nUdp: 5\n",
		"Udp: NoPorts\nUdp:\n",
	};
	static const struct kernel_counters none;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		parse(KERNEL_SNMP, texts[i]);
		assert_memory_equal(&counters, &none, sizeof(none));
	}
	parse(KERNEL_SNMP6, "Udp6NoPorts\n\t5\nUdp6NoPorts 5");
	assert_memory_equal(&counters, &none, sizeof(none));
}

static void test_grown(void **state)
{
	struct kernel_counters before = { 0 }, now = { 0 };

	(void)state;
	before.value[KERNEL_TCP_OUT_RSTS] = 10;
	now.value[KERNEL_TCP_OUT_RSTS] = 15;
	assert_int_equal(kernel_counters_grown(&now, &before, KERNEL_TCP_OUT_RSTS), 5);
	before.value[KERNEL_TCP_OUT_RSTS] = 0xfffffffe;
	assert_int_equal(kernel_counters_grown(&now, &before, KERNEL_TCP_OUT_RSTS),
			 sizeof(long) == 4 ? 17 : 0);
	/* 100 came: 60 whole ones delivered, 8 forwarded, 20 fragments made 2 more, 12 are missing. */
	now.value[KERNEL_IP_IN_RECEIVES] = 100;
	now.value[KERNEL_IP_IN_DELIVERS] = 62;
	now.value[KERNEL_IP_FORWARDED] = 8;
	now.value[KERNEL_IP_REASM_REQDS] = 20;
	now.value[KERNEL_IP_REASM_OKS] = 2;
	assert_int_equal(kernel_counters_undelivered(&now, &before), 12);
}

/* Datagrams to a port that nobody has, in both families; a process that may open nothing reads on. */
static void test_kernel(void **state)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(9) };
	struct kernel_counters before, now;
	struct kernel_counter_files f;

	(void)state;
	assert_int_equal(kernel_counters_open(&f), 0);
	assert_int_equal(kernel_counters_read(&f, KERNEL_ALL_FILES, &before), 0);
	for (int i = 0; i < 6; i++) {
		int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		inet_pton(AF_INET6, i % 2 ? "::1" : "::ffff:127.0.0.1", &to.sin6_addr);
		assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
		close(fd);
	}
	assert_int_equal(kernel_counters_read(&f, KERNEL_ALL_FILES, &now), 0);
	assert_int_equal(kernel_counters_grown(&now, &before, KERNEL_UDP_NO_PORTS), 6);
	assert_int_equal(kernel_counters_undelivered(&now, &before), 0);
	assert_int_equal(kernel_counters_read(&f, 1U << KERNEL_NETSTAT, &now), 0);
	assert_int_equal(now.value[KERNEL_UDP_NO_PORTS], 0);
	assert_int_equal(f.readings, 3);
	assert_int_equal(f.failures, 0);
	kernel_counters_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_texts, setup),
		cmocka_unit_test_setup(test_broken_texts, setup),
		cmocka_unit_test(test_grown),
		cmocka_unit_test(test_kernel),
	};

	enter_netns();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
