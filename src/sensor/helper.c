/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The privileged helper's loop: requests of the engine, signals, children. Theory in helper.h.
 */
#include "sensor/helper.h"

#include "core/clock.h"
#include "core/event.h"
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
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_LOST 1 /* the helper could not do its work, or ended the engine */
#define EXIT_SIGNAL_BASE 128 /* the engine died of a signal: 128 + its number */
#define END_GRACE_NS (10 * NS_PER_S) /* for the engine to end once told, or once it hung up */
#define CHILD_GRACE_NS (5 * NS_PER_S) /* for on_finding's last ones, after the engine */
#define NS_PER_USEC 1000
#define STATUS_LEN 256
#define CAP_BIT(cap) (1ULL << (cap))

_Static_assert(EVENT_MAX_BYTES + sizeof(struct helper_message) <= HELPER_MAX_MESSAGE,
	       "an event fits into a message");

struct reply {
	int result; /* 0 or -errno */
	bool refused; /* the request made no sense, as opposed to: it could not be done */
	int fd; /* -1: none; closed once sent */
	char error[HELPER_ERROR_LEN];
};

static int refuse(struct reply *r, const char *sentence)
{
	snprintf(r->error, sizeof(r->error), "refused: %s", sentence);
	r->refused = true;
	return -EPROTO;
}

/* A descriptor for the reply, or why there is none. */
static int give(struct reply *r, int fd)
{
	if (fd < 0)
		return fd;
	r->fd = fd;
	return 0;
}

static bool has_source(const struct helper *h, uint32_t index)
{
	for (uint32_t n = 0; h->sources[n]; n++)
		if (n == index)
			return true;
	return false;
}

/* A source may have died, and be asked for again; not in a circle. */
static bool may_reopen(struct helper *h)
{
	uint64_t now = helper_now_ns(), more;

	if (!h->reopened_ns) {
		h->reopens = HELPER_REOPENS;
		h->reopened_ns = now;
	}
	more = (now - h->reopened_ns) / (HELPER_REOPEN_S * NS_PER_S);
	h->reopened_ns += more * HELPER_REOPEN_S * NS_PER_S;
	if (more > HELPER_REOPENS - h->reopens)
		more = HELPER_REOPENS - h->reopens;
	h->reopens += (unsigned int)more;
	if (!h->reopens)
		return false;
	h->reopens--;
	return true;
}

static int open_source(struct helper *h, uint32_t index, struct reply *r)
{
	const char *wanted = h->config->source;

	if (!has_source(h, index) || !h->sources[index]->open_privileged)
		return refuse(r, "no such source");
	if (strcmp(wanted, "auto") != 0 && strcmp(wanted, h->sources[index]->name) != 0)
		return refuse(r, "not the source that is configured");
	/* Before it has read anything, an engine is in nobody's hands. */
	if (h->ready && !may_reopen(h)) {
		snprintf(r->error, sizeof(r->error), "opened too often lately");
		return -EAGAIN;
	}
	return give(r, h->sources[index]->open_privileged(h->config, r->error, sizeof(r->error)));
}

static int engine_lost(struct helper *h, uint32_t index, struct reply *r)
{
	char status[128];

	if (!has_source(h, index))
		return refuse(r, "no such source");
	snprintf(status, sizeof(status), "STATUS=nothing is watched: source %s was lost",
		 h->sources[index]->name);
	notify_send(status);
	return 0;
}

static int engine_ready(struct helper *h, uint32_t index, struct reply *r)
{
	bool automatic = strcmp(h->config->source, "auto") == 0;
	char status[STATUS_LEN];
	int len;

	if (!has_source(h, index))
		return refuse(r, "no such source");
	len = snprintf(status, sizeof(status), "READY=1\nSTATUS=watching, source %s",
		       h->sources[index]->name);
	for (uint32_t i = 0; automatic && i < index && len < STATUS_LEN; i++)
		len += snprintf(status + len, sizeof(status) - (size_t)len, "%s%s",
				i ? ", " : "; better, but not here: ", h->sources[i]->name);
	notify_send(status);
	if (!h->ready && h->ready_fn)
		h->ready_fn(h->ready_arg);
	h->ready = true;
	return 0;
}

static int serve_log(struct helper *h, const struct helper_message *m, struct reply *r)
{
	const struct auth_files *files = &h->config->auth_files;

	if (m->arg >= files->count)
		return refuse(r, "no such log");
	if (m->type == HELPER_WATCH_LOG)
		return give(r, helper_watch_log(&h->logs, &files->file[m->arg], m->arg, r->error));
	return give(r, helper_open_log(&h->logs, &files->file[m->arg], m->arg, r->error));
}

/* One line of one JSON object: nothing else reaches the executable. */
static bool is_event(const char *text, uint32_t len)
{
	return len >= 3 && len <= EVENT_MAX_BYTES && text[0] == '{' && text[len - 2] == '}' &&
	       memchr(text, '\n', len) == text + len - 1 && !memchr(text, '\0', len);
}

/* Checks everything that the engine says again, then does it. */
static int serve_request(struct helper *h, const struct helper_message *m, const char *payload,
			 struct reply *r)
{
	if (m->type < HELPER_OPEN_SOURCE || m->type > HELPER_LOST)
		return refuse(r, "unknown request");
	if (m->type != HELPER_ON_FINDING && m->length != 0)
		return refuse(r, "the request has a payload");
	switch ((enum helper_request)m->type) {
	case HELPER_WATCH_LOG:
	case HELPER_OPEN_LOG:
		return serve_log(h, m, r);
	case HELPER_READY:
		return engine_ready(h, m->arg, r);
	case HELPER_LOST:
		return engine_lost(h, m->arg, r);
	case HELPER_ALIVE:
		if (m->arg != 0)
			return refuse(r, "the request has an argument");
		notify_send("WATCHDOG=1");
		return 0;
	case HELPER_OPEN_SOURCE:
		return open_source(h, m->arg, r);
	case HELPER_OPEN_EVENTS:
	case HELPER_ROTATE_EVENTS:
		if (m->arg != 0)
			return refuse(r, "the request has an argument");
		if (h->config->event_file[0] == '\0')
			return refuse(r, "no event file is configured");
		if (m->type == HELPER_OPEN_EVENTS)
			return give(r, helper_open_events(h->config, r->error));
		return give(r, helper_rotate_events(h->config, r->error));
	case HELPER_ON_FINDING:
		if (!h->exec.argv[0])
			return refuse(r, "no on_finding is configured");
		if (m->arg < 1 || m->arg > 4)
			return refuse(r, "no such severity");
		if (!is_event(payload, m->length))
			return refuse(r, "not an event");
		return helper_exec_start(&h->exec, m->arg, payload, m->length, r->error);
	}
	return -EPROTO;
}

static void send_reply(struct helper *h, uint16_t type, const struct reply *r)
{
	struct helper_message head = {
		.magic = HELPER_MAGIC,
		.type = type,
		.arg = (uint32_t)r->result,
		.length = r->result ? (uint32_t)strlen(r->error) : 0,
	};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov[2] = { { &head, sizeof(head) }, { (void *)r->error, head.length } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	if (r->fd >= 0) {
		struct cmsghdr *c = (struct cmsghdr *)control;

		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &r->fd, sizeof(int));
	}
	/* An engine that asks and does not read the answers makes its own trouble, not the helper's. */
	if (sendmsg(h->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("helper: reply not taken: %s", strerror(errno));
}

/* Closes descriptors that came with a message; true when there were any. */
static bool close_attached(struct msghdr *m)
{
	bool any = m->msg_flags & MSG_CTRUNC;
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int), i;
		int fd;

		any = true;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			close(fd);
		}
	}
	return any;
}

static void kill_engine(struct helper *h, const char *why)
{
	if (h->engine_gone)
		return;
	log_error("%s; it is killed", why);
	h->exit_code = EXIT_LOST;
	h->end_by_ns = 0;
	kill(h->engine, SIGKILL);
}

static void count_refused(struct helper *h, const struct reply *r)
{
	h->refused++;
	log_warning("helper: a request of the engine is %s (%u so far)", r->error, h->refused);
	if (h->refused > HELPER_MAX_REFUSED) {
		h->fd = -1;
		kill_engine(h, "the engine sent too many requests that make no sense");
	}
}

static void serve_message(struct helper *h)
{
	_Alignas(struct helper_message) char buf[HELPER_MAX_MESSAGE];
	/* Room for a few: what does not fit is closed by the kernel and flagged. */
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct reply r = { .fd = -1 };
	struct helper_message head = { 0 };
	bool attached;
	ssize_t n;

	n = recvmsg(h->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* it hung up: it has to end soon */
		h->fd = -1;
		if (!h->end_by_ns)
			h->end_by_ns = helper_now_ns() + END_GRACE_NS;
		return;
	}
	attached = close_attached(&m);
	if ((size_t)n >= sizeof(head))
		memcpy(&head, buf, sizeof(head));
	if (attached)
		r.result = refuse(&r, "it came with descriptors");
	else if ((m.msg_flags & MSG_TRUNC) || (size_t)n < sizeof(head) ||
		 head.magic != HELPER_MAGIC || head.length != (size_t)n - sizeof(head))
		r.result = refuse(&r, "malformed");
	else
		r.result = serve_request(h, &head, buf + sizeof(head), &r);
	send_reply(h, head.type, &r);
	if (r.fd >= 0)
		close(r.fd);
	if (r.refused)
		count_refused(h, &r);
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
			serve_message(h);
			footprint_drop_code(); /* the next request may be a day away */
		}
		if (p[0].revents)
			take_signal(h);
		end_what_is_due(h);
	}
	close(h->signal_fd);
	return h->exit_code;
}

/* Files are root's by their owner, not by CAP_DAC_OVERRIDE. */
static uint64_t needed_caps(const struct sensor_config *config)
{
	uint64_t caps = CAP_BIT(CAP_NET_RAW) | CAP_BIT(CAP_KILL); /* the engine is another user */

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
	/* Not root: of the engine's user, which needs no CAP_KILL, and on_finding's too. */
	err = geteuid() == 0 ? isolate_limit_caps(needed_caps(config)) :
			       isolate_shed_caps(CAP_BIT(CAP_NET_RAW));
	if (err)
		log_error("helper: cannot give up the capabilities it does not need: %s",
			  strerror(-err));
	else
		err = sandbox_helper(engine, config->on_finding[0] != '\0');
	if (err) {
		kill_engine(&h, "the engine has no helper that is safe");
		waitpid(engine, NULL, 0);
		return EXIT_LOST;
	}
	return helper_run(&h);
}
