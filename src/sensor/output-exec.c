/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Alerts to the operator's executable, at most so many a minute: an attacker who makes many
 * findings must not be able to start as many processes.
 */
#include "sensor/output.h"

#include "core/clock.h"
#include "sensor/helper.h"

#include <errno.h>

#define MINUTE_NS (60 * NS_PER_S)

static const char what[] = "on_finding";

static void exec_write(struct output *o, const struct output_record *r)
{
	char error[HELPER_ERROR_LEN];
	int err;

	if (!r->alert)
		return;
	if (r->now_ns - o->exec.minute_started_ns >= MINUTE_NS) {
		o->exec.minute_started_ns = r->now_ns;
		o->exec.used = 0;
		o->exec.limit_said = false;
	}
	if (o->exec.per_minute && o->exec.used >= o->exec.per_minute) {
		if (!o->exec.limit_said)
			log_warning(
				"on_finding: more than %u findings in a minute; not started for the rest",
				o->exec.per_minute);
		o->exec.limit_said = true;
		o->stats.over_budget++;
		return;
	}
	o->exec.used++;
	err = helper_call(o->exec.helper, HELPER_ON_FINDING, r->severity, r->json, r->json_len,
			  error);
	if (err == -EAGAIN) /* as many run already as may, or the helper counts more than this */
		o->stats.over_budget++;
	else if (err < 0)
		output_failed(o, what, -err);
	else
		output_succeeded(o, what);
}

static void exec_close(struct output *o)
{
	(void)o; /* the helper's descriptor belongs to the caller */
}

static const struct output_ops exec_ops = {
	.name = what,
	.write = exec_write,
	.close = exec_close,
};

void output_exec_init(struct output *o, struct helper_client *helper, uint32_t per_minute)
{
	*o = (struct output){ .ops = &exec_ops };
	o->exec.helper = helper;
	o->exec.per_minute = per_minute;
}
