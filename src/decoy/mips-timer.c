/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/mips-timer.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Behind 32 general registers, Status, LO, HI, BadVAddr: gdb/features/mips-cpu.xml, mips-cp0.xml. */
#define CAUSE (36 * 8)
#define DC 8 /* bit 27, in the lower half of the register's highest byte */

bool mips_timer_is_due(const struct profile *p)
{
	return p->arch == PROFILE_MIPS || p->arch == PROFILE_MIPSEL;
}

/* A packet, and before it the acknowledgement of the last one that came. */
static int send_packet(struct mips_timer *t, const char *data)
{
	char text[MIPS_TIMER_DIGITS + 8];
	uint8_t sum = 0;
	int n;

	for (const char *c = data; *c; c++)
		sum += (uint8_t)*c;
	n = snprintf(text, sizeof(text), "%s$%s#%02x", t->step ? "+" : "", data, sum);
	return serial_write(t->gdb, text, (size_t)n);
}

static int write_registers(struct mips_timer *t, bool turned)
{
	static const char digits[] = "0123456789abcdef";
	/* A register's bytes come in the target's order. */
	char *half = &t->registers[CAUSE + (t->big_endian ? 1 : 7)];
	char before = *half, data[MIPS_TIMER_DIGITS + 2];
	int value = before <= '9' ? before - '0' : tolower(before) - 'a' + 10;

	if (turned)
		*half = digits[value ^ DC];
	snprintf(data, sizeof(data), "G%s", t->registers);
	*half = before;
	return send_packet(t, data);
}

static void finish(struct mips_timer *t, int err, const char *why)
{
	t->gdb->fn = NULL;
	t->fn(err, why, t->arg);
}

static bool has_registers(const char *text)
{
	return strspn(text, "0123456789abcdefABCDEF") >= MIPS_TIMER_DIGITS;
}

static void on_packet(struct mips_timer *t, const char *data)
{
	bool good = t->step ? strcmp(data, "OK") == 0 : has_registers(data);
	int err = good ? 0 : -EPROTO;

	if (good && !t->step)
		memcpy(t->registers, data, MIPS_TIMER_DIGITS);
	t->step++;
	if (!err && t->step < 3)
		err = write_registers(t, t->step == 1);
	else if (!err)
		err = serial_write(t->gdb, "+", 1);
	if (err || t->step == 3)
		finish(t, err, err ? "QEMU's debugger interface does not set the timer" : "");
}

static void on_bytes(const char *bytes, size_t n, void *arg)
{
	struct mips_timer *t = arg;

	for (size_t i = 0; i < n && t->gdb->fn; i++) {
		char c = bytes[i];

		if (c == '$') {
			t->in_packet = true;
			t->used = 0;
		} else if (t->in_packet && c == '#') {
			t->in_packet =
				false; /* the checksum's digits follow: a socket loses nothing */
			t->packet[t->used] = '\0';
			on_packet(t, t->packet);
		} else if (t->in_packet && t->used < sizeof(t->packet) - 1) {
			t->packet[t->used++] = c;
		}
	}
}

int mips_timer_start(struct mips_timer *t, struct serial *gdb, bool big_endian, mips_timer_fn *fn,
		     void *arg)
{
	*t = (struct mips_timer){ .gdb = gdb, .big_endian = big_endian, .fn = fn, .arg = arg };
	gdb->fn = on_bytes;
	gdb->arg = t;
	return send_packet(t, "g");
}
