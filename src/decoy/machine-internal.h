/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of a machine share: machine.c starts it and logs in; machine-save.c saves it; machine-wake.c
 * loads a saved state and makes it another machine than the one that was saved.
 */
#ifndef MIMAMORI_DECOY_MACHINE_INTERNAL_H
#define MIMAMORI_DECOY_MACHINE_INTERNAL_H

#include "decoy/machine.h"
#include "decoy/mips-timer.h"
#include "decoy/renew.h"
#include "decoy/session.h"
#include "decoy/snapshot.h"

#define MACHINE_TAG_LEN 32

enum phase {
	PHASE_START,
	PHASE_LOAD,
	PHASE_RENEW,
	PHASE_PROMPT,
	PHASE_LOGIN,
	PHASE_SU,
	PHASE_RENEW_BY_LOGIN,
	PHASE_SETTLE,
	PHASE_READY,
	PHASE_SAVE,
	PHASE_QUIT,
};

struct machine {
	uv_loop_t *loop;
	const struct decoy *decoy;
	struct machine_handlers handlers;
	struct vm *vm;
	struct session *session;
	struct snapshot *snapshot;
	uv_timer_t timer;
	enum phase phase;
	bool wakes, ended, freed, closed;
	struct renew_answer answer;
	unsigned int renewals; /* attempts over the console that have failed */
	char line[1 + RENEW_LINE_MAX]; /* that it is sent */
	size_t line_used, line_sent;
	struct mips_timer mips_timer;
	unsigned int parks; /* attempts to stop it for saving */
	uint64_t begun_ms, up_ms;
	unsigned int tap_index;
	uint8_t mac[PROFILE_MAC_LEN];
	unsigned int prompt_ms, prompt_alone_ms, shell_ms;
	unsigned int waited_ms; /* by us, before */
	char tag[MACHINE_TAG_LEN];
	int kept_fd; /* the disk, while QEMU ends */
	char path[PATH_MAX]; /* to save to */
};

/* machine.c. Ends it, with a sentence. */
void machine_end(struct machine *m, int err, const char *why);
/* The same of one of our own steps: with what the guest's console said last, where that may help. */
void machine_fail(struct machine *m, int err, const char *why);
/* Begins the logins that prove it. */
void machine_await_prompt(struct machine *m);
/* The session's last step, before it settles. */
void machine_forget(struct machine *m);

/* All is shown: it has its moment of rest, and is ready. */
void machine_settle(struct machine *m);

/* machine-wake.c. Loads the state, lets it run, and renews it over the console; then machine_await_prompt(). */
void machine_wake(struct machine *m);
/* The time and a seed for one that has booted; then machine_settle(). */
void machine_renew_booted(struct machine *m);
/* The console has printed this. */
void machine_console_says(struct machine *m, const char *bytes, size_t n);
/* For decoys of others, which have no program on the console: by root's shell; then machine_forget(). */
void machine_renew_by_login(struct machine *m);

#endif
