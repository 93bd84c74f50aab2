/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events to a file: whole lines only, rotated by size, within an hourly budget.
 *
 * The engine has no right to open or rename anything: the helper does both, and hands over the
 * descriptor. Flash wears and small disks fill, so what an attacker can make the sensor write
 * is bounded per hour; the worst findings and the totals of closed ones keep a reserve.
 */
#include "sensor/output.h"

#include "core/clock.h"
#include "sensor/helper.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOUR_NS (3600 * NS_PER_S)
#define RESERVE_DIVISOR 10 /* a tenth on top of the budget, for what matters most */

static const char what[] = "event file";

static uint64_t file_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

static void take_descriptor(struct output *o, int fd)
{
	if (o->file.fd >= 0)
		close(o->file.fd);
	o->file.fd = fd;
	o->file.bytes = file_size(fd);
	o->file.rotate_at = o->file.max_bytes;
	o->file.torn_at = -1;
}

/* Keeps the old descriptor when the helper fails: an event in an over-long file beats none. */
static void rotate(struct output *o)
{
	char error[HELPER_ERROR_LEN];
	int fd = -ENOTCONN;

	if (o->file.helper)
		fd = helper_call(o->file.helper, HELPER_ROTATE_EVENTS, 0, NULL, 0, error);
	if (fd >= 0) {
		take_descriptor(o, fd);
		if (o->file.rotation_failed)
			log_info("event file: rotation works again");
		o->file.rotation_failed = false;
		return;
	}
	/* Not again for each event: only when the file has doubled once more. */
	do
		o->file.rotate_at *= 2;
	while (o->file.rotate_at <= o->file.bytes);
	if (!o->file.rotation_failed && o->file.helper)
		log_error("event file: cannot be rotated, events go on into the same file: %s",
			  error);
	o->file.rotation_failed = true;
}

/* Whether the hour's budget has room for the record; counts and says what it leaves out. */
static bool within_budget(struct output *o, const struct output_record *r)
{
	uint64_t limit = o->file.hourly_bytes;

	if (!limit)
		return true;
	if (r->now_ns - o->file.hour_started_ns >= HOUR_NS) {
		if (o->file.hour_left_out)
			log_info("event file: a new hour; %" PRIu64
				 " events of the last were left out",
				 o->file.hour_left_out);
		o->file.hour_started_ns = r->now_ns;
		o->file.hour_bytes = 0;
		o->file.hour_left_out = 0;
	}
	if ((r->alert && r->severity == 1) || r->end)
		limit += limit / RESERVE_DIVISOR;
	if (o->file.hour_bytes + r->json_len <= limit)
		return true;
	if (o->file.hour_left_out++ == 0)
		log_warning("event file: the budget of %" PRIu64 " bytes an hour is used up; "
			    "further events are counted and left out",
			    o->file.hourly_bytes);
	o->stats.over_budget++;
	return false;
}

/* A partial line of an earlier failure that could not be cut: nothing may follow it. */
static bool mend_torn(struct output *o)
{
	if (o->file.torn_at < 0)
		return true;
	if (ftruncate(o->file.fd, (off_t)o->file.torn_at))
		return false;
	o->file.torn_at = -1;
	return true;
}

static void file_write(struct output *o, const struct output_record *r)
{
	ssize_t n;
	int err;

	if (!within_budget(o, r))
		return;
	if (o->file.max_bytes && o->file.bytes && o->file.bytes + r->json_len > o->file.rotate_at)
		rotate(o);
	if (!mend_torn(o)) {
		output_failed(o, what, errno);
		return;
	}
	do
		n = write(o->file.fd, r->json, r->json_len);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)r->json_len) {
		o->file.bytes += r->json_len;
		o->file.hour_bytes += r->json_len;
		output_succeeded(o, what);
		return;
	}
	/* A short write does not say why; the usual reason is a full disk. */
	err = n < 0 ? errno : ENOSPC;
	if (n > 0)
		output_cut_back(o->file.fd, (size_t)n, &o->file.torn_at);
	output_failed(o, what, err);
}

static void file_reopen(struct output *o)
{
	char error[HELPER_ERROR_LEN];
	int fd;

	if (!o->file.helper)
		return;
	fd = helper_call(o->file.helper, HELPER_OPEN_EVENTS, 0, NULL, 0, error);
	if (fd < 0)
		log_error("event file: cannot be reopened, events go on into the old one: %s",
			  error);
	else
		take_descriptor(o, fd);
}

static void file_close(struct output *o)
{
	close(o->file.fd);
	o->file.fd = -1;
}

static const struct output_ops file_ops = {
	.name = what,
	.write = file_write,
	.reopen = file_reopen,
	.close = file_close,
};

void output_file_init(struct output *o, int fd, uint64_t max_bytes, uint64_t hourly_bytes,
		      struct helper_client *helper)
{
	*o = (struct output){ .ops = &file_ops };
	o->file.fd = -1;
	o->file.max_bytes = max_bytes;
	o->file.hourly_bytes = hourly_bytes;
	o->file.helper = helper;
	take_descriptor(o, fd);
}
