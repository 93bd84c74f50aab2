/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/loop.h"

#include "core/clock.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* What an epoll event is for: a slot of watch[], or one of these, with the generation above. */
#define SLOT_TIMER 0xfffffffeu
#define SLOT_SIGNAL 0xffffffffu

static int watch_fd(struct loop *l, int fd, uint32_t events, uint32_t slot, uint32_t generation)
{
	struct epoll_event ev = { .events = events };

	ev.data.u64 = (uint64_t)generation << 32 | slot;
	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

int loop_init(struct loop *l)
{
	memset(l, 0, sizeof(*l));
	for (unsigned int i = 0; i < LOOP_MAX_FDS; i++)
		l->watch[i].fd = -1;
	l->timer_fd = -1;
	l->signal_fd = -1;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return l->epoll_fd < 0 ? -errno : 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void loop_done(struct loop *l)
{
	close_fd(&l->timer_fd);
	close_fd(&l->signal_fd);
	close_fd(&l->epoll_fd);
}

int loop_add(struct loop *l, int fd, uint32_t epoll_events, loop_fn *fn, void *arg)
{
	struct loop_watch *w = NULL;
	int err;

	for (unsigned int i = 0; i < LOOP_MAX_FDS; i++)
		if (l->watch[i].fd < 0) {
			w = &l->watch[i];
			break;
		}
	if (!w)
		return -ENOSPC;
	err = watch_fd(l, fd, epoll_events, (uint32_t)(w - l->watch), w->generation + 1);
	if (err)
		return err;
	w->generation++;
	w->fd = fd;
	w->fn = fn;
	w->arg = arg;
	return 0;
}

void loop_del(struct loop *l, int fd)
{
	for (unsigned int i = 0; i < LOOP_MAX_FDS; i++) {
		struct loop_watch *w = &l->watch[i];

		if (w->fd < 0 || w->fd != fd)
			continue;
		epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		w->fd = -1;
		/* What this batch still holds for it is stale from now on. */
		w->generation++;
		return;
	}
}

int loop_signals(struct loop *l, const sigset_t *set, loop_signal_fn *fn, void *arg)
{
	int fd, err;

	if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
		return -errno;
	fd = signalfd(l->signal_fd, set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (l->signal_fd < 0) {
		err = watch_fd(l, fd, EPOLLIN, SLOT_SIGNAL, 0);
		if (err) {
			close(fd);
			return err;
		}
		l->signal_fd = fd;
	}
	l->signal_fn = fn;
	l->signal_arg = arg;
	return 0;
}

int loop_timer(struct loop *l, loop_fn *fn, void *arg)
{
	int fd, err;

	assert(l->timer_fd < 0);
	fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = watch_fd(l, fd, EPOLLIN, SLOT_TIMER, 0);
	if (err) {
		close(fd);
		return err;
	}
	l->timer_fd = fd;
	l->timer_fn = fn;
	l->timer_arg = arg;
	return 0;
}

void loop_arm(struct loop *l, uint64_t boot_ns)
{
	struct itimerspec spec = { 0 };
	int rc;

	assert(l->timer_fd >= 0);
	if (boot_ns == l->armed_ns)
		return;
	spec.it_value.tv_sec = (time_t)(boot_ns / NS_PER_S);
	spec.it_value.tv_nsec = (long)(boot_ns % NS_PER_S);
	rc = timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
	assert(rc == 0);
	(void)rc;
	l->armed_ns = boot_ns;
}

static void on_timer(struct loop *l, uint32_t events)
{
	uint64_t expirations;

	/* Nothing to read: a callback before this one in the batch set another time. */
	if (read(l->timer_fd, &expirations, sizeof(expirations)) != sizeof(expirations))
		return;
	l->armed_ns = 0;
	l->timer_fn(events, l->timer_arg);
}

static void on_signal(struct loop *l)
{
	struct signalfd_siginfo info;

	while (read(l->signal_fd, &info, sizeof(info)) == sizeof(info))
		l->signal_fn((int)info.ssi_signo, l->signal_arg);
}

static void dispatch(struct loop *l, const struct epoll_event *ev)
{
	uint32_t slot = (uint32_t)ev->data.u64, generation = (uint32_t)(ev->data.u64 >> 32);
	const struct loop_watch *w;

	if (slot == SLOT_TIMER) {
		on_timer(l, ev->events);
	} else if (slot == SLOT_SIGNAL) {
		on_signal(l);
	} else {
		w = &l->watch[slot];
		if (w->fd >= 0 && w->generation == generation)
			w->fn(ev->events, w->arg);
	}
}

int loop_run(struct loop *l)
{
	struct epoll_event batch[LOOP_MAX_FDS + 2];

	l->running = true;
	while (l->running) {
		int n = epoll_wait(l->epoll_fd, batch, LOOP_MAX_FDS + 2, -1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (int i = 0; i < n && l->running; i++)
			dispatch(l, &batch[i]);
	}
	return l->exit_code;
}

void loop_stop(struct loop *l, int exit_code)
{
	l->exit_code = exit_code;
	l->running = false;
}
