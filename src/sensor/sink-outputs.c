/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The outputs that the configuration asks for.
 */
#include "sensor/sink.h"

#include "sensor/config.h"
#include "sensor/helper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int sink_add_file(struct sink *s, const struct sensor_config *config, struct helper_client *helper)
{
	char error[HELPER_ERROR_LEN];
	int fd;

	if (!config->event_file[0])
		return 0;
	fd = helper_call(helper, HELPER_OPEN_EVENTS, 0, NULL, 0, error);
	if (fd < 0) {
		log_error("%s", error);
		return fd;
	}
	output_file_init(sink_add(s), fd, config->file_max_bytes, config->file_hourly_bytes,
			 helper);
	return 0;
}

void sink_add_stdout(struct sink *s, const struct sensor_config *config)
{
	bool terminal = isatty(STDOUT_FILENO);
	bool json = config->stdout_mode == CONFIG_STDOUT_EVE;
	struct output *o;

	if (config->stdout_mode == CONFIG_STDOUT_NONE)
		return;
	o = sink_add(s);
	output_stream_init(o, STDOUT_FILENO, json, terminal && !getenv("NO_COLOR"));
	if (terminal && !json)
		s->terminal = o;
}

int sink_add_syslog(struct sink *s, const struct sensor_config *config, const char *device)
{
	int fd, err;

	if (!config->syslog)
		return 0;
	fd = output_syslog_open(config->syslog_socket);
	if (fd == -ENOENT || fd == -ECONNREFUSED) {
		log_warning(
			"nobody listens at %s yet: events for syslog are lost until somebody does",
			config->syslog_socket);
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd < 0)
			fd = -errno;
	}
	if (fd < 0) {
		log_error("syslog %s: %s", config->syslog_socket, strerror(-fd));
		return fd;
	}
	err = output_syslog_init(sink_add(s), fd, config->syslog_socket, SYSLOG_FACILITY_DAEMON,
				 device, "mimamori-sensor");
	if (err < 0)
		close(fd);
	return err;
}
