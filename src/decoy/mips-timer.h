/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The timer of a MIPS processor, set going again after its machine's state was loaded.
 *
 * Theory of operation
 * -------------------
 * QEMU saves the processor's Count and Compare (MIPS32 PRA, CP0 registers 9 and 11), but not the
 * timer of the host that raises the interrupt when they meet, and starts none when it loads them (7.2 to 10:
 * target/mips/sysemu/machine.c, cp0_timer.c). A woken guest then sleeps until it happens to write Compare itself,
 * or Count has come round after 43 s. Stopping and starting Count, which is bit DC of the register Cause
 * from MIPS32 release 2 on, starts that timer as well; QEMU's debugger interface (GDB's remote serial
 * protocol) can write Cause while the machine is stopped. So: read the registers, write them with DC turned, write
 * them as they were. (It has no way to one register by itself without a description of them, which MIPS lacks.)
 */
#ifndef MIMAMORI_DECOY_MIPS_TIMER_H
#define MIMAMORI_DECOY_MIPS_TIMER_H

#include "decoy/profile.h"
#include "decoy/serial.h"

#define MIPS_TIMER_DIGITS (37 * 8) /* of the registers up to Cause */

/* err: 0, -EPROTO when QEMU answered otherwise, -EAGAIN from parking; why: a sentence, borrowed. */
typedef void mips_timer_fn(int err, const char *why, void *arg);

struct mips_timer {
	struct serial *gdb;
	bool big_endian;
	bool parks;
	unsigned int step, steps; /* steps: of the processor, by which it was parked */
	uint32_t pc;
	char registers[MIPS_TIMER_DIGITS + 1];
	bool in_packet;
	size_t used;
	char packet[1024]; /* 73 registers have 584 digits */
	mips_timer_fn *fn;
	void *arg;
};

/* Is it a machine that needs this? */
bool mips_timer_is_due(const struct profile *p);

/*
 * Begins with the debugger's connection of a stopped machine, which takes the connection's fn and arg; fn
 * follows once. The caller limits the time. 0 or -errno; then fn does not follow.
 */
int mips_timer_start(struct mips_timer *t, struct serial *gdb, bool big_endian, mips_timer_fn *fn,
		     void *arg);

/*
 * The same, of a machine that runs: stops it, with the timer's interrupt waiting. -EAGAIN: something else
 * woke the processor; the machine is stopped all the same.
 */
int mips_timer_park(struct mips_timer *t, struct serial *gdb, bool big_endian, mips_timer_fn *fn,
		    void *arg);

#endif
