/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The privileged helper's loop: it waits for requests, signals, children. Theory in helper.h.
 */
#include "sensor/helper.h"

#include "core/clock.h"
#include "core/footprint.h"
#include "core/isolate.h"
#include "core/log.h"
#include "core/notify.h"
#include "sensor/config.h"
#include "sensor/helper-internal.h"
#include "sensor/sandbox.h"
#include "sensor/source.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_LOST 1 /* the helper could not do its work, or ended the engine */
#define EXIT_SIGNAL_BASE 128 /* the engine died of a signal: 128 + its number */
#define END_GRACE_NS (10 * NS_PER_S) /* for the engine to end once told, or once it hung up */
#define CHILD_GRACE_NS (5 * NS_PER_S) /* for on_finding's last ones, after the engine */
#define NS_PER_USEC 1000
#define CAP_BIT(cap) (1ULL << (cap))

static void kill_engine(struct helper *h, const char *why)
{
	if (h->engine_gone)
		return;
	log_error("%s; it is killed", why);
	h->exit_code = EXIT_LOST;
	h->end_by_ns = 0;
	kill(h->engine, SIGKILL);
}

static void hear_engine(struct helper *h)
{
	int err = helper_take_request(h);

	if (!err)
		return;
	h->fd = -1;
	if (err == -EPROTO)
		kill_engine(h, "the engine sent too many requests that make no sense");
	else if (!h->end_by_ns) /* it hung up: it has to end soon */
		h->end_by_ns = helper_now_ns() + END_GRACE_NS;
}

static void engine_ended(struct helper *h, int status)
{
	h->engine_gone = true;
	h->fd = -1;
	h->end_by_ns = helper_now_ns() + CHILD_GRACE_NS;
	if (h->exit_code) /* it was killed, and the reason said */
		return;
	if (WIFEXITED(status)) {
		h->exit_code = WEXITSTATUS(status);
		return;
	}
	if (WTERMSIG(status) == SIGSYS)
		log_error(
			"the engine was killed for a system call that is not on its list: it was "
			"taken over, or this C library needs one that the list lacks; the kernel's "
			"log (dmesg, or auditd's: SECCOMP) has its number; please report it");
	else
		log_error("the engine died of signal %d (%s)", WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
	h->exit_code = EXIT_SIGNAL_BASE + WTERMSIG(status);
}

static void reap(struct helper *h)
{
	siginfo_t info;
	int status;
	bool ours;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid == 0)
			return;
		ours = helper_exec_ended(&h->exec, info.si_pid);
		if (waitpid(info.si_pid, &status, 0) < 0)
			return;
		if (ours)
			helper_exec_reaped(&h->exec, info.si_pid, status);
		else if (info.si_pid == h->engine)
			engine_ended(h, status);
	}
}

static void tell_manager(bool reload)
{
	char text[64];

	if (!reload) {
		notify_send("STOPPING=1");
		return;
	}
	/* The engine's HELPER_READY ends it. */
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		 helper_now_ns() / NS_PER_USEC);
	notify_send(text);
}

static void take_signal(struct helper *h)
{
	struct signalfd_siginfo s;

	if (read(h->signal_fd, &s, sizeof(s)) != sizeof(s))
		return;
	if (s.ssi_signo == SIGCHLD) {
		reap(h);
		return;
	}
	if (h->engine_gone) { /* told again while on_finding's last ones run: no more waiting */
		if (s.ssi_signo != SIGHUP)
			h->end_by_ns = helper_now_ns();
		return;
	}
	tell_manager(s.ssi_signo == SIGHUP);
	/* A key at the terminal reaches both processes by itself. */
	if (s.ssi_code != SI_KERNEL || getpgid(h->engine) != getpgrp())
		kill(h->engine, (int)s.ssi_signo);
	if (s.ssi_signo != SIGHUP && !h->end_by_ns)
		h->end_by_ns = helper_now_ns() + END_GRACE_NS;
}

/* Milliseconds until something is due, -1 for never: nothing ticks while nothing runs. */
static int wait_ms(const struct helper *h)
{
	uint64_t due = helper_exec_deadline(&h->exec), now = helper_now_ns();

	if (h->end_by_ns && (due == 0 || h->end_by_ns < due))
		due = h->end_by_ns;
	if (due == 0)
		return -1;
	if (due <= now)
		return 0;
	due = (due - now) / NS_PER_MS + 1;
	return due > 60000 ? 60000 : (int)due;
}

static void end_what_is_due(struct helper *h)
{
	uint64_t now = helper_now_ns();
	bool end = h->end_by_ns && h->end_by_ns <= now;

	helper_exec_expire(&h->exec, now, end && h->engine_gone);
	if (end && !h->engine_gone)
		kill_engine(h, "the engine does not end");
	if (end)
		h->end_by_ns = 0;
}

int helper_run(struct helper *h)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return EXIT_LOST;
	h->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (h->signal_fd < 0) {
		log_error("helper: no descriptor for signals: %s", strerror(errno));
		kill_engine(h, "without the helper the engine cannot work");
		return EXIT_LOST;
	}
	if (h->config->on_finding[0])
		helper_exec_init(&h->exec, h->config);
	reap(h); /* it may have died before its death could be signalled */
	while (!h->engine_gone || h->exec.running) {
		struct pollfd p[2] = {
			{ .fd = h->signal_fd, .events = POLLIN },
			{ .fd = h->fd, .events = POLLIN },
		};

		if (poll(p, 2, wait_ms(h)) < 0) {
			if (errno == EINTR)
				continue;
			kill_engine(h, "the helper cannot wait for anything");
			break;
		}
		if (p[1].revents) {
			hear_engine(h);
			footprint_drop_code(); /* the next request may be a day away */
		}
		if (p[0].revents)
			take_signal(h);
		end_what_is_due(h);
	}
	helper_close_source(h);
	close(h->signal_fd);
	return h->exit_code;
}

static bool loads_bpf(const struct sensor_config *config)
{
	return source_may_be(config->source, "bpf");
}

/* Before Linux 5.11 maps and programs count as locked memory, of which a process may have 64 kB. Where it may not have
 * more, loading them says so. */
static void allow_locked_memory(void)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &all);
}

/* Only what the configured source needs. */
static uint64_t source_caps(const struct sensor_config *config)
{
	return CAP_BIT(CAP_NET_RAW) | (loads_bpf(config) ? CAP_BIT(CAP_BPF) | CAP_BIT(CAP_PERFMON) |
								   CAP_BIT(CAP_NET_ADMIN) :
							   0);
}

/* Files are root's by their owner, not by CAP_DAC_OVERRIDE. */
static uint64_t needed_caps(const struct sensor_config *config)
{
	uint64_t caps = source_caps(config) | CAP_BIT(CAP_KILL); /* the engine is another user */

	if (config->on_finding[0])
		caps |= CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_SETPCAP);
	return caps;
}

int helper_serve(const struct sensor_config *config, int fd, pid_t engine, void (*ready)(void *arg),
		 void *arg)
{
	struct helper h = {
		.config = config,
		.sources = source_table,
		.fd = fd,
		.engine = engine,
		.ready_fn = ready,
		.ready_arg = arg,
	};
	int err = notify_open();

	if (err < 0 && err != -ENOENT)
		log_warning("the service manager cannot be told anything ($NOTIFY_SOCKET): %s",
			    strerror(-err));

	if (geteuid() == 0)
		helper_join_logs(&config->auth_files);
	if (loads_bpf(config))
		allow_locked_memory();
	/* Not root: of the engine's user, which needs no CAP_KILL, and on_finding's too. */
	err = geteuid() == 0 ? isolate_limit_caps(needed_caps(config)) :
			       isolate_shed_caps(source_caps(config));
	if (err)
		log_error("helper: cannot give up the capabilities it does not need: %s",
			  strerror(-err));
	else
		err = sandbox_helper(engine, config->on_finding[0] != '\0', loads_bpf(config));
	if (err) {
		kill_engine(&h, "the engine has no helper that is safe");
		waitpid(engine, NULL, 0);
		return EXIT_LOST;
	}
	return helper_run(&h);
}
