/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sensor's configuration: one struct, filled by the table in config.c, checked once, then
 * const. mimamori.conf(5) describes every key.
 */
#ifndef MIMAMORI_SENSOR_CONFIG_H
#define MIMAMORI_SENSOR_CONFIG_H

#include "core/conf.h"
#include "sensor/auth-files.h"
#include "sensor/detect-flood.h"
#include "sensor/slow-flood.h"
#include "sensor/guess.h"

#include <stdbool.h>
#include <stdint.h>

enum config_scope { CONFIG_SCOPE_HOST, CONFIG_SCOPE_GATEWAY };
enum config_stdout { CONFIG_STDOUT_NONE, CONFIG_STDOUT_TEXT, CONFIG_STDOUT_EVE };

struct sensor_config {
	/* [sensor] */
	char device[CONF_TEXT_LEN]; /* empty: the host's name */
	char user[CONF_TEXT_LEN]; /* whom the engine becomes */
	char source[CONF_TEXT_LEN]; /* "auto" or a source's name */
	uint32_t scope; /* enum config_scope */
	struct conf_names interfaces; /* none: all */
	struct conf_prefixes home; /* gateway scope: the networks behind this device */
	struct conf_prefixes ignore; /* peers never judged */

	/* [packet] */
	uint64_t ring_bytes, block_bytes;
	uint64_t block_retire_ns;
	uint32_t shed_rate; /* packets a second above which a flood's answers are left out; 0: never */

	/* [bpf] */
	uint64_t bpf_ring_bytes;
	uint32_t bpf_newcomers, bpf_known; /* peers that the kernel keeps count of */

	/* [memory] */
	uint32_t peers_new; /* that wait with the doorkeeper */
	uint32_t peers_near, peers_suspect, peers_known; /* quotas of the trie */
	uint32_t contacts; /* answers waited for at a time */
	uint32_t findings; /* open at a time */

	/* [scan] */
	uint32_t failures; /* first contacts in vain that make a scan */
	struct conf_ports ambient_ports;
	struct conf_ports login_ports; /* three contacts in vain with them are a scan */
	struct conf_sequences knock; /* sequences of ports that open something: silent */
	bool link_sweeps;
	uint64_t quiet_ns; /* shortest silence that ends a scan */

	/* [flood] */
	bool flood_enable;
	uint32_t flood_rate
		[FLOOD_LANES]; /* packets a second that are none, whatever was learnt; 0: not looked for */
	uint32_t flood_connections
		[SLOW_KINDS]; /* half-open, held: a flood at the least; 0: not looked for */
	uint64_t flood_quiet_ns; /* the silence that ends a flood */
	uint32_t sample_first, sample_max; /* one bulk packet in so many; 0: none */

	/* [guess] */
	char guess_logs[CONF_TEXT_LEN]; /* "auto", "none", or a list: auth-files.h */
	struct auth_files auth_files; /* what that means here: found once the keys are known */
	struct conf_ports guess_ports[GUESS_SERVICES]; /* by enum guess_service */
	uint64_t guess_quiet_ns; /* shortest silence that ends guessing */

	/* [output] */
	char event_file[CONF_TEXT_LEN]; /* empty: none */
	uint64_t file_max_bytes;
	uint32_t file_keep;
	uint64_t file_hourly_bytes;
	uint32_t stdout_mode; /* enum config_stdout */
	bool syslog;
	char syslog_socket[CONF_TEXT_LEN];
	char on_finding[CONF_TEXT_LEN]; /* an executable and its arguments, split at blanks; no shell */
	char on_finding_user[CONF_TEXT_LEN]; /* empty: user */
	uint32_t on_finding_per_minute;
	uint32_t on_finding_at_once;
	uint64_t on_finding_timeout_ns;
};

extern const struct conf_table sensor_config_table;

#define SENSOR_CONFIG_PATH "/etc/mimamori/mimamori.conf"

/*
 * Checks what one key alone cannot show: the ring against its blocks and the page, quotas against
 * the pool, the event file's directory, who may write to the executable, whom it runs as. The
 * names of `source` and `user` are for those who use them. 0 or -EINVAL with a sentence.
 */
int sensor_config_check(const struct sensor_config *c, char error[CONF_ERROR_LEN]);

/* What this device is called in events: as configured, or by its host name. */
void sensor_config_device(const struct sensor_config *c, char *name, size_t size);

#endif
