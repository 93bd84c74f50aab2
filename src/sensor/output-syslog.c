/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events to syslog: RFC 5424 messages, one datagram each, with the JSON line as MSG.
 *
 * The socket never blocks: a daemon that does not keep up loses events, which are counted. When
 * the daemon restarts, its socket is a new one, and the old connection refuses: connect() on the
 * same descriptor then finds the new one, and the event is sent once more.
 */
#include "sensor/output.h"

#include "core/addr.h"
#include "core/event.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_PRI_FACILITY 23 /* RFC 5424 §6.2.1 */
#define HEADER_MAX 256

static const char what[] = "syslog";

/* The severities of RFC 5424 §6.2.1 that an EVE severity stands for. */
static unsigned int syslog_severity(const struct output_record *r)
{
	enum { CRITICAL = 2, WARNING = 4, NOTICE = 5, INFORMATIONAL = 6 };

	if (!r->alert && !r->own)
		return INFORMATIONAL;
	switch (r->severity) {
	case 1:
		return CRITICAL;
	case 2:
		return WARNING;
	case 3:
		return NOTICE;
	default:
		return INFORMATIONAL;
	}
}

/* "ADDR:PORT" or "[ADDR]:PORT" into a socket address; its length, or -EINVAL. */
static int parse_udp(const char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	const char *colon = strrchr(text, ':');
	size_t bracket = text[0] == '[', len;
	char host[ADDR_STRLEN], *end;
	unsigned long port;
	struct addr addr;

	if (!colon || colon[1] < '0' || colon[1] > '9' || (bracket && colon[-1] != ']'))
		return -EINVAL;
	len = (size_t)(colon - text) - 2 * bracket;
	port = strtoul(colon + 1, &end, 10);
	if (len >= sizeof(host) || *end || port == 0 || port > UINT16_MAX)
		return -EINVAL;
	memcpy(host, text + bracket, len);
	host[len] = '\0';
	if (addr_parse(host, &addr))
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	if (addr_is_v4(addr)) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		in->sin_addr.s_addr = htonl((uint32_t)addr.lo);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	addr_to_bytes16(addr, in6->sin6_addr.s6_addr);
	return sizeof(*in6);
}

static int parse_path(const char *path, struct sockaddr_storage *out)
{
	struct sockaddr_un *un = (struct sockaddr_un *)out;

	if (strncmp(path, "udp:", 4) == 0)
		return parse_udp(path + 4, out);
	if (path[0] == '\0')
		return -EINVAL;
	if (strlen(path) >= sizeof(un->sun_path))
		return -ENAMETOOLONG;
	memset(out, 0, sizeof(*out));
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	return (int)sizeof(*un);
}

static int connect_to(int fd, const char *path)
{
	struct sockaddr_storage addr;
	int len = parse_path(path, &addr);

	if (len < 0)
		return len;
	return connect(fd, (struct sockaddr *)&addr, (socklen_t)len) ? -errno : 0;
}

int output_syslog_open(const char *path)
{
	struct sockaddr_storage addr;
	int err = parse_path(path, &addr), fd;

	if (err < 0)
		return err;
	fd = socket(addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = connect_to(fd, path);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/* By send(): sendmsg() could pass descriptors on, so it is not on the engine's list. */
static int send_message(struct output *o, const char *message, size_t len)
{
	int attempt;

	for (attempt = 0;; attempt++) {
		if (send(o->syslog.fd, message, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (attempt > 0 || o->syslog.path[0] == '\0' ||
		    (errno != ECONNREFUSED && errno != ENOTCONN && errno != ECONNRESET))
			return -errno;
		/* Not there yet: keep the error of sending, which says what is wrong. */
		if (connect_to(o->syslog.fd, o->syslog.path))
			return -ENOTCONN;
	}
}

static void syslog_write(struct output *o, const struct output_record *r)
{
	unsigned int pri = o->syslog.facility * 8u + syslog_severity(r);
	char message[HEADER_MAX + EVENT_MAX_BYTES], seconds[24];
	size_t json_len = r->json_len - 1; /* without its newline */
	struct timespec now;
	struct tm tm;
	int len, err = -EMSGSIZE;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
	len = snprintf(message, HEADER_MAX, "<%u>1 %s.%06ldZ %s %s %d %s - ", pri, seconds,
		       now.tv_nsec / 1000, o->syslog.host, o->syslog.app, (int)getpid(),
		       r->alert ? "finding" :
		       r->own	? "source" :
				  "notice");
	if (json_len <= EVENT_MAX_BYTES) {
		memcpy(message + len, r->json, json_len);
		err = send_message(o, message, (size_t)len + json_len);
	}
	if (err)
		output_failed(o, what, -err);
	else
		output_succeeded(o, what);
}

static void syslog_close(struct output *o)
{
	close(o->syslog.fd);
	o->syslog.fd = -1;
}

static const struct output_ops syslog_ops = {
	.name = what,
	.write = syslog_write,
	.close = syslog_close,
};

/* A header field is printable ASCII without blanks (RFC 5424 §6, PRINTUSASCII); empty is "-". */
static void copy_field(char *out, size_t size, const char *in)
{
	size_t i;

	for (i = 0; in && in[i] && i < size - 1; i++)
		out[i] = in[i] > ' ' && in[i] < 0x7f ? in[i] : '_';
	if (i == 0)
		out[i++] = '-';
	out[i] = '\0';
}

int output_syslog_init(struct output *o, int fd, const char *path, uint8_t facility,
		       const char *host, const char *app)
{
	if (fd < 0 || facility > MAX_PRI_FACILITY ||
	    (path && strlen(path) >= sizeof(o->syslog.path)))
		return -EINVAL;
	*o = (struct output){ .ops = &syslog_ops };
	o->syslog.fd = fd;
	o->syslog.facility = facility;
	if (path)
		strcpy(o->syslog.path, path);
	copy_field(o->syslog.host, sizeof(o->syslog.host), host);
	copy_field(o->syslog.app, sizeof(o->syslog.app), app);
	return 0;
}
