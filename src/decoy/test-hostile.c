/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest or QEMU may say: telnet, the console's answer, the list of ports, the ends of streams. */
#include "decoy/renew.h"
#include "decoy/serial.h"
#include "decoy/telnet.h"
#include "decoy/usernet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t feed(struct telnet *t, const char *in, size_t n, char *out, uint8_t *replies,
		   size_t *n_replies)
{
	size_t len = telnet_feed(t, (const uint8_t *)in, n, (uint8_t *)out, replies, n_replies);

	out[len] = '\0';
	return len;
}

/* The bytes are those that BusyBox 1.35's telnetd sends first. */
static void test_telnet_login(void **state)
{
	static const char in[] = "\xff\xfd\x01\xff\xfd\x1f\xff\xfb\x01\xff\xfb\x03\r\r\nlogin: ";
	static const char expected[] = "\xff\xfc\x01\xff\xfc\x1f\xff\xfd\x01\xff\xfd\x03";
	uint8_t replies[TELNET_REPLIES_MAX];
	struct telnet t = { 0 };
	char out[64];
	size_t n;

	(void)state;
	feed(&t, in, sizeof(in) - 1, out, replies, &n);
	assert_string_equal(out, "\r\r\nlogin: ");
	assert_int_equal(n, sizeof(expected) - 1);
	assert_memory_equal(replies, expected, n);
	/* Asked again, nothing is answered (RFC 854: no loops). */
	feed(&t, in, 12, out, replies, &n);
	assert_int_equal(n, 0);
}

static void test_telnet_in_pieces(void **state)
{
	static const char in[] = "a\xff\xfa\x18\x01\xff\xff\xff\xf0z\xff\xff\r\0b\xff\xf1!";
	uint8_t replies[TELNET_REPLIES_MAX];
	char out[64], all[64] = "";
	struct telnet t = { 0 };
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(in) - 1; i++) {
		feed(&t, in + i, 1, out, replies, &n);
		strcat(all, out);
	}
	assert_string_equal(all, "az\xff\rb!");
}

static void test_telnet_floods_us(void **state)
{
	uint8_t replies[TELNET_REPLIES_MAX];
	char in[TELNET_FEED_MAX], out[TELNET_FEED_MAX + 1];
	struct telnet t = { 0 };
	size_t n, total = 0;

	(void)state;
	for (int round = 0; round < 100; round++) {
		for (size_t i = 0; i + 3 <= sizeof(in); i += 3) {
			in[i] = (char)255;
			in[i + 1] = (char)(round & 1 ? 251 : 253);
			in[i + 2] = (char)(i / 3 + (size_t)round);
		}
		feed(&t, in, 510, out, replies, &n);
		assert_true(n <= TELNET_REPLIES_MAX);
		total += n;
	}
	assert_true(total <= 2 * 256 * 3);
}

static int said(const char *text)
{
	struct renew_answer a = { 0 };

	return renew_answered(&a, text, strlen(text));
}

static void test_renewed(void **state)
{
	struct renew_answer a = { 0 };

	(void)state;
	assert_int_equal(renew_answered(&a, "renew 1 00:11 ab\r\nrene", 22), RENEW_SILENT);
	assert_int_equal(renew_answered(&a, "wed", 3), RENEW_SILENT);
	assert_int_equal(renew_answered(&a, "\r\n", 2), 0);
	assert_int_equal(said("not renewed\nrenewed now\n\nrenewedrenewedrenewed\n"), RENEW_SILENT);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(renew_answered(&a, "x", 1), RENEW_SILENT);
	assert_int_equal(renew_answered(&a, "\n", 1), RENEW_SILENT);
	assert_int_equal(renew_answered(&a, "renewed\n", 8), 0);
}

/* What the guest could not do is told; what only looks like it is no answer. */
static void test_not_renewed(void **state)
{
	static const char *const others[] = {
		"failed\n",
		"failed \n",
		"failed nothing\n",
		"failed clock",
		"failed clock \n",
		"failed clockseed\n",
		"failed mac clock\n",
		"failed clock clock\n",
		"failed clock seed mac and all else that there is\n",
		"failedrenewed\n",
		"renewed clock\n",
		"Failed clock\n",
		"failed%n%s clock\n",
		"\001failed clock\n",
	};
	static const struct {
		const char *answer, *means;
	} told[] = {
		{ "failed clock\n", "the guest could not renew its clock" },
		{ "failed seed\n", "the guest could not renew its random numbers" },
		{ "[ 1.0] noise\nfailed mac\r\nrenewed\n", "the guest could not renew its MAC" },
		{ "failed clock seed mac\n",
		  "the guest could not renew its clock, random numbers, MAC" },
	};
	char why[RENEW_FAILED_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(said(others[i]), RENEW_SILENT);
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		int failed = said(told[i].answer);

		assert_true(failed > 0);
		renew_failed(failed, why);
		assert_string_equal(why, told[i].means);
	}
}

static void test_renew_line(void **state)
{
	static const uint8_t mac[] = { 0, 0x11, 0x2f, 0xaa, 0xbb, 0xcc },
			     seed[RENEW_SEED_BYTES] = { 0xab };
	char line[RENEW_LINE_MAX];
	size_t n = renew_line(line, 1795354186, mac, seed, false);

	(void)state;
	assert_int_equal(n, strlen(line));
	assert_int_equal(strncmp(line, "renew 1795354186 00:11:2f:aa:bb:cc ab00", 39), 0);
	assert_int_equal(line[n - 1], '\n');
	n = renew_line(line, INT64_MIN, mac, seed, true);
	assert_true(n < RENEW_LINE_MAX);
	assert_string_equal(line + n - 6, " keep\n");
}

/* As QEMU 7.2 prints it. */
static void test_usernet(void **state)
{
	static const char text[] =
		"Hub -1 (#net030):\r\n"
		"  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n"
		"  TCP[ESTABLISHED]   19       127.0.0.1 11111       10.0.2.15    23     0     0\r\n"
		"  TCP[HOST_FORWARD]  14       127.0.0.1 33143       10.0.2.15    23     0     0\r\n"
		"  TCP[HOST_FORWARD]  13       127.0.0.1 38041       10.0.2.15    22     0     0\r\n";
	static const char *const hostile[] = {
		"",
		"  TCP[HOST_FORWARD]  14  127.0.0.1 99999  10.0.2.15  23  0 0\n",
		"  TCP[HOST_FORWARD]  14  192.0.2.1 33143  10.0.2.15  23  0 0\n",
		"  TCP[HOST_FORWARD]  14  127.0.0.1 33143  10.0.2.15\n",
		"  TCP[HOST_FORWARD]  99999999999999999999  127.0.0.1 -1  %s%n  23\n",
	};

	(void)state;
	assert_int_equal(usernet_port(text, 23), 33143);
	assert_int_equal(usernet_port(text, 22), 38041);
	assert_int_equal(usernet_port(text, 80), 0);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		assert_int_equal(usernet_port(hostile[i], 23), 0);
}

static void test_last_line(void **state)
{
	char kept[16], out[32], small[4];
	size_t used = 0;

	(void)state;
	assert_string_equal(serial_last_lines_of(kept, 0, 1, out, sizeof(out)), "");
	serial_keep(kept, &used, sizeof(kept), "one\r\ntwo\x1b[2J!\r\n \n", 17);
	assert_true(used <= sizeof(kept));
	assert_string_equal(serial_last_lines_of(kept, used, 1, out, sizeof(out)), "two[2J!");
	assert_string_equal(serial_last_lines_of(kept, used, 1, small, sizeof(small)), "two");
	used = 0;
	serial_keep(kept, &used, sizeof(kept), "a\nb: c\nz e\n", 11);
	assert_string_equal(serial_last_lines_of(kept, used, 2, out, sizeof(out)), "b: c z e");
	assert_string_equal(serial_last_lines_of(kept, used, 9, out, sizeof(out)), "a b: c z e");
	for (int i = 0; i < 1000; i++)
		serial_keep(kept, &used, sizeof(kept), &"abcdefghijklmnopqrstuvwxyz"[i % 5], 7);
	assert_int_equal(used, sizeof(kept));
	serial_keep(kept, &used, sizeof(kept), "abcdefghijklmnopqrstuvwxyz", 26);
	assert_memory_equal(kept, "klmnopqrstuvwxyz", 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_telnet_login),	 cmocka_unit_test(test_telnet_in_pieces),
		cmocka_unit_test(test_telnet_floods_us), cmocka_unit_test(test_renewed),
		cmocka_unit_test(test_not_renewed),	 cmocka_unit_test(test_renew_line),
		cmocka_unit_test(test_usernet),		 cmocka_unit_test(test_last_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
