/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all outputs share: the account of what was lost, and cutting a partial line off again.
 */
#include "sensor/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define FAILURE_LINES 4 /* each at most this often ... */
#define FAILURE_INTERVAL_S 600 /* ... in this time */

void output_failed(struct output *o, const char *what, int errnum)
{
	if (!o->failing) {
		o->failing = true;
		o->lost_before = o->stats.lost;
		o->failures.burst = FAILURE_LINES;
		o->failures.interval_s = FAILURE_INTERVAL_S;
		log_limited(&o->failures, LOG_LEVEL_ERROR,
			    "%s: cannot write events: %s; they are lost until this is mended", what,
			    strerror(errnum));
	}
	o->stats.lost++;
}

void output_succeeded(struct output *o, const char *what)
{
	o->stats.written++;
	if (!o->failing)
		return;
	o->failing = false;
	log_limited(&o->failures, LOG_LEVEL_WARNING,
		    "%s: works again; %" PRIu64 " events were lost", what,
		    o->stats.lost - o->lost_before);
}

void output_close(struct output *o)
{
	if (o->failing)
		log_warning("%s: %" PRIu64 " events were lost to the end", o->ops->name,
			    o->stats.lost - o->lost_before);
	o->failing = false;
	o->ops->close(o);
}

int output_cut_back(int fd, size_t partial, int64_t *start)
{
	/* The position after the write, and not a size kept in memory: logrotate's copytruncate
	 * may have emptied the file, and ftruncate() to a larger size fills it with zeros. */
	off_t end = lseek(fd, 0, SEEK_CUR);

	if (end < (off_t)partial) {
		int err = end < 0 ? -errno : -EINVAL;

		*start = -1;
		return err;
	}
	end -= (off_t)partial;
	if (ftruncate(fd, end) || lseek(fd, end, SEEK_SET) < 0) {
		*start = end;
		return -errno;
	}
	return 0;
}
