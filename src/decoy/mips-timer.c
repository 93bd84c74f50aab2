/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/mips-timer.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Behind 32 general registers, Status, LO, HI, BadVAddr: gdb/features/mips-cpu.xml, mips-cp0.xml. */
#define CAUSE (36 * 8)
#define DC 8 /* bit 27, in the lower half of the register's highest byte */
#define STEPS 64 /* at the most, until one jumps */
#define IP7 8 /* bit 15, in the higher half of its second byte */
/* Whatever comes stops a machine that runs, unless it acknowledges: the last answer before is acknowledged with it. */
#define INTERRUPT "+\x03"

enum { PARK_STOP, PARK_MODE, PARK_STEP, PARK_LOOK }; /* what is awaited */

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
	n = snprintf(text, sizeof(text), "%s$%s#%02x", t->step || t->parks ? "+" : "", data, sum);
	return serial_write(t->gdb, text, (size_t)n);
}

static int digit_of(char c)
{
	return c <= '9' ? c - '0' : tolower(c) - 'a' + 10;
}

static int write_registers(struct mips_timer *t, bool turned)
{
	static const char digits[] = "0123456789abcdef";
	/* A register's bytes come in the target's order. */
	char *half = &t->registers[CAUSE + (t->big_endian ? 1 : 7)];
	char before = *half, data[MIPS_TIMER_DIGITS + 2];

	if (turned)
		*half = digits[digit_of(before) ^ DC];
	snprintf(data, sizeof(data), "G%s", t->registers);
	*half = before;
	return send_packet(t, data);
}

static void finish(struct mips_timer *t, int err, const char *why)
{
	t->gdb->fn = NULL;
	t->fn(err, why, t->arg);
}

static bool has_registers(const char *text, size_t digits)
{
	return strspn(text, "0123456789abcdefABCDEF") >= digits;
}

static void on_set(struct mips_timer *t, const char *data)
{
	bool good = t->step ? strcmp(data, "OK") == 0 : has_registers(data, MIPS_TIMER_DIGITS);
	int err = good ? 0 : -EPROTO;

	if (good && !t->step)
		memcpy(t->registers, data, MIPS_TIMER_DIGITS);
	t->step++;
	/* The last answer is not acknowledged: that would stop the machine, had it been let run before it came. */
	if (!err && t->step < 3)
		err = write_registers(t, t->step == 1);
	if (err || t->step == 3)
		finish(t, err, err ? "QEMU's debugger interface does not set the timer" : "");
}

static bool waits(const struct mips_timer *t, const char *registers)
{
	return digit_of(registers[CAUSE + (t->big_endian ? 4 : 2)]) & IP7;
}

/* The PC, of which the registers that were looked at before have the last one. */
static uint32_t take_pc(struct mips_timer *t, const char *registers)
{
	char digits[9] = "";
	uint32_t pc;

	memcpy(digits, registers + MIPS_TIMER_DIGITS, 8);
	pc = (uint32_t)strtoul(digits, NULL, 16);
	return t->big_endian ? pc : __builtin_bswap32(pc);
}

/* Stopped after a step: is it as it is to be saved? Otherwise another step. */
static void look(struct mips_timer *t, const char *registers)
{
	uint32_t pc = take_pc(t, registers);
	bool jumped = t->steps && pc != t->pc + 4;
	int err;

	if (!waits(t, registers)) {
		finish(t, -EAGAIN, "the processor was woken by something else than its timer");
		return;
	}
	if (jumped) {
		finish(t, 0, "");
		return;
	}
	t->pc = pc;
	t->step = PARK_STEP;
	err = ++t->steps < STEPS ? send_packet(t, "s") : -EAGAIN;
	if (err)
		finish(t, err, "the processor does not come out of its instructions");
}

static void on_parking(struct mips_timer *t, const char *data)
{
	bool stopped = data[0] == 'T' || data[0] == 'S';
	int err = -EPROTO;

	if (t->step == PARK_STOP && stopped)
		err = send_packet(t, "Qqemu.sstep=3"); /* interrupts held off, but not the clock */
	else if (t->step == PARK_MODE && strcmp(data, "OK") == 0)
		err = send_packet(t, "s");
	else if (t->step == PARK_STEP && stopped)
		err = send_packet(t, "g");
	else if (t->step == PARK_LOOK && has_registers(data, MIPS_TIMER_DIGITS + 8)) {
		look(t, data);
		return;
	}
	t->step++;
	if (err)
		finish(t, err, "QEMU's debugger interface does not stop at the timer");
}

static void on_packet(struct mips_timer *t, const char *data)
{
	if (t->parks)
		on_parking(t, data);
	else
		on_set(t, data);
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

static void begin(struct mips_timer *t, struct serial *gdb, bool big_endian, bool parks,
		  mips_timer_fn *fn, void *arg)
{
	*t = (struct mips_timer){
		.gdb = gdb, .big_endian = big_endian, .parks = parks, .fn = fn, .arg = arg
	};
	gdb->fn = on_bytes;
	gdb->arg = t;
}

int mips_timer_start(struct mips_timer *t, struct serial *gdb, bool big_endian, mips_timer_fn *fn,
		     void *arg)
{
	begin(t, gdb, big_endian, false, fn, arg);
	return send_packet(t, "g");
}

int mips_timer_park(struct mips_timer *t, struct serial *gdb, bool big_endian, mips_timer_fn *fn,
		    void *arg)
{
	begin(t, gdb, big_endian, true, fn, arg);
	return serial_write(gdb, INTERRUPT, strlen(INTERRUPT));
}
