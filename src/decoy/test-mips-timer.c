/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The timer of a MIPS processor set going, against the other end of the debugger's connection; and which machines are
 * not saved at once. */
#include "decoy/mips-timer.h"

#include "decoy/ppc-timer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct bench {
	uv_loop_t loop;
	struct serial gdb;
	struct mips_timer timer;
	int far;
	unsigned int ends;
	int err;
};

static void on_end(int err, const char *why, void *arg)
{
	struct bench *b = arg;

	assert_true(err ? why[0] != '\0' : why[0] == '\0');
	b->ends++;
	b->err = err;
}

static int setup(void **state)
{
	static struct bench b;
	int fds[2];

	memset(&b, 0, sizeof(b));
	uv_loop_init(&b.loop);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(serial_open(&b.gdb, &b.loop, fds[0]), 0);
	b.far = fds[1];
	*state = &b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	close(b->far);
	uv_close((uv_handle_t *)&b->gdb.pipe, NULL);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	return uv_loop_close(&b->loop);
}

/* What QEMU's end gets, after what it says was read. */
static void talk(struct bench *b, const char *says, const char *expected)
{
	char got[1024];
	ssize_t n;

	if (says)
		assert_int_equal(write(b->far, says, strlen(says)), (ssize_t)strlen(says));
	for (int i = 0; i < 4; i++)
		uv_run(&b->loop, UV_RUN_NOWAIT);
	n = recv(b->far, got, sizeof(got) - 1, MSG_DONTWAIT);
	got[n > 0 ? n : 0] = '\0';
	assert_string_equal(got, expected);
}

/* A packet of the registers as QEMU 7.2 has them, with Cause and `n` digits in all. */
static const char *packet(char out[1024], const char *before, const char *cause, size_t n)
{
	char digits[1000];
	unsigned int sum = 0;

	memset(digits, '1', n);
	memcpy(digits + MIPS_TIMER_DIGITS - 8, cause, 8);
	digits[n] = '\0';
	if (before[strlen(before) - 1] == 'G')
		sum = 'G';
	for (size_t i = 0; i < n; i++)
		sum += (unsigned char)digits[i];
	snprintf(out, 1024, "%s%s#%02x", before, digits, sum & 0xff);
	return out;
}

static void set_timer(struct bench *b, bool big, const char *cause, const char *turned)
{
	char in[1024], out[1024];

	assert_int_equal(mips_timer_start(&b->timer, &b->gdb, big, on_end, b), 0);
	talk(b, NULL, "$g#67");
	talk(b, packet(in, "+$", cause, 584), packet(out, "+$G", turned, MIPS_TIMER_DIGITS));
	talk(b, "+$O", "");
	talk(b, "K#9a", packet(out, "+$G", cause, MIPS_TIMER_DIGITS));
	assert_int_equal(b->ends, 0);
	talk(b, "+$OK#9a", ""); /* to acknowledge that might stop what runs by then */
	assert_int_equal(b->ends, 1);
	assert_int_equal(b->err, 0);
}

static void test_little_endian(void **state)
{
	set_timer(*state, false, "00408040", "00408048");
	talk(*state, "$T05thread:01;#07", ""); /* it stops later: that is not ours */
	assert_int_equal(((struct bench *)*state)->ends, 1);
}

static void test_big_endian(void **state)
{
	set_timer(*state, true, "48408000", "40408000");
}

static void test_refused(void **state)
{
	char in[1024], out[1024], huge[2100];
	struct bench *b = *state;
	const char *const answers[] = { "$E14#aa", "$#00", "$0040804#00", in, huge };

	packet(in, "+$", "00408040", 584);
	in[20] = 'x';
	snprintf(huge, sizeof(huge), "$z%02050d#00", 1);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		assert_int_equal(mips_timer_start(&b->timer, &b->gdb, false, on_end, b), 0);
		talk(b, NULL, "$g#67");
		talk(b, answers[i], "");
		assert_int_equal(b->ends, i + 1);
		assert_int_equal(b->err, -EPROTO);
	}
	assert_int_equal(mips_timer_start(&b->timer, &b->gdb, false, on_end, b), 0);
	talk(b, NULL, "$g#67");
	talk(b, packet(in, "+$", "00408040", 584),
	     packet(out, "+$G", "00408048", MIPS_TIMER_DIGITS));
	talk(b, "$E22#a9", "");
	assert_int_equal(b->err, -EPROTO);
}

/* The registers with this Cause and, behind it, this PC. */
static const char *stopped_at(char out[1024], const char *cause, const char *pc)
{
	packet(out, "+$", cause, 584);
	memcpy(out + 2 + MIPS_TIMER_DIGITS, pc, 8);
	return out;
}

static void begin_parking(struct bench *b, bool big)
{
	b->ends = 0;
	assert_int_equal(mips_timer_park(&b->timer, &b->gdb, big, on_end, b), 0);
	talk(b, NULL, "+\x03");
	talk(b, "$T02thread:01;#04", "+$Qqemu.sstep=3#d6");
	talk(b, "+$OK#9a", "+$s#73");
}

/* One step more than that which woke it: it has left a delay slot. */
static void test_parked(void **state)
{
	struct bench *b = *state;
	char in[1024];

	begin_parking(b, false);
	talk(b, "+", "");
	talk(b, "$T05thread:01;#07", "+$g#67");
	talk(b, stopped_at(in, "00808010", "e4291080"), "+$s#73");
	talk(b, "+$T05thread:01;#07", "+$g#67");
	talk(b, stopped_at(in, "00808010", "e8291080"), "+$s#73");
	talk(b, "+$T05thread:01;#07", "+$g#67");
	assert_int_equal(b->ends, 0);
	talk(b, stopped_at(in, "00808010", "00001080"), "");
	assert_int_equal(b->ends, 1);
	assert_int_equal(b->err, 0);
}

static void test_parked_big_endian(void **state)
{
	struct bench *b = *state;
	char in[1024];

	begin_parking(b, true);
	talk(b, "+$T05thread:01;#07", "+$g#67");
	talk(b, stopped_at(in, "10808000", "801029fc"), "+$s#73");
	talk(b, "+$T05thread:01;#07", "+$g#67");
	talk(b, stopped_at(in, "10808000", "80102a00"), "+$s#73");
	talk(b, "+$T05thread:01;#07", "+$g#67");
	talk(b, stopped_at(in, "10808000", "80100000"), "");
	assert_int_equal(b->ends, 1);
	assert_int_equal(b->err, 0);
}

static void test_woken_otherwise(void **state)
{
	struct bench *b = *state;
	char in[1024];

	begin_parking(b, false);
	talk(b, "+$T05thread:01;#07", "+$g#67");
	talk(b, stopped_at(in, "00048010", "e4291080"), "");
	assert_int_equal(b->ends, 1);
	assert_int_equal(b->err, -EAGAIN);
}

static void test_parking_is_refused(void **state)
{
	struct bench *b = *state;
	char in[1024];

	assert_int_equal(mips_timer_park(&b->timer, &b->gdb, false, on_end, b), 0);
	talk(b, NULL, "+\x03");
	talk(b, "$E22#a9", "");
	assert_int_equal(b->ends, 1);
	assert_int_equal(b->err, -EPROTO);
	begin_parking(b, false);
	talk(b, "$#00", "");
	assert_int_equal(b->err, -EPROTO);
	begin_parking(b, false);
	talk(b, "+$T05thread:01;#07", "+$g#67");
	talk(b, packet(in, "+$", "00808010", MIPS_TIMER_DIGITS), ""); /* without a PC */
	assert_int_equal(b->err, -EPROTO);
	/* One that goes on and on, and never jumps. */
	begin_parking(b, false);
	for (unsigned int i = 0; !b->ends; i++) {
		char pc[9];

		snprintf(pc, sizeof(pc), "%02x%02x1080", i * 4 & 0xff, i >> 6 & 0xff);
		talk(b, "+$T05thread:01;#07", "+$g#67");
		talk(b, stopped_at(in, "00808010", pc), i < 63 ? "+$s#73" : "");
	}
	assert_int_equal(b->err, -EAGAIN);
}

static void test_only_mips(void **state)
{
	struct profile p = { .arch = PROFILE_MIPS };

	(void)state;
	assert_true(mips_timer_is_due(&p));
	p.arch = PROFILE_MIPSEL;
	assert_true(mips_timer_is_due(&p));
	p.arch = PROFILE_PPC;
	assert_false(mips_timer_is_due(&p));
}

/* 2^32 counts at the machine's frequency, and of the slowest one. */
static void test_only_ppc_waits(void **state)
{
	const struct profile mac = { .arch = PROFILE_PPC, .machine = "mac99,via=pmu" },
			     plain = { .arch = PROFILE_PPC, .machine = "mac99" },
			     other = { .arch = PROFILE_PPC, .machine = "mac99x" },
			     old = { .arch = PROFILE_PPC, .machine = "g3beige" };

	(void)state;
	assert_in_range(ppc_timer_runs_ms(&mac), UINT32_MAX / 100000, 60000);
	assert_int_equal(ppc_timer_runs_ms(&plain), PPC_TIMER_MAC99_MS);
	assert_int_equal(ppc_timer_runs_ms(&other), PPC_TIMER_MS);
	assert_in_range(ppc_timer_runs_ms(&old), UINT32_MAX / 16600, 300000);
	for (uint32_t arch = 0; arch < PROFILE_ARCHS; arch++) {
		const struct profile p = { .arch = arch, .machine = "mac99" };

		assert_true(arch == PROFILE_PPC || ppc_timer_runs_ms(&p) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_little_endian, setup, teardown),
		cmocka_unit_test_setup_teardown(test_big_endian, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parked_big_endian, setup, teardown),
		cmocka_unit_test_setup_teardown(test_woken_otherwise, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parking_is_refused, setup, teardown),
		cmocka_unit_test(test_only_mips),
		cmocka_unit_test(test_only_ppc_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
