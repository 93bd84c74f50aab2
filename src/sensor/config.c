/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/config.h"

#include "sensor/output.h"
#include "sensor/source.h"

#include "core/isolate.h"
#include "core/trie.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIB 1024.0
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define MINUTE 60.0
#define HOUR 3600.0

#define FILE_MAX_LEAST 65536 /* below, rotation would be all the file does */
#define LEAVES_MAX 30000 /* leaves of the trie; the rest of its nodes is for aggregates */

_Static_assert(LEAVES_MAX < TRIE_MAX_ENDS, "the trie must have room for all leaves");

static const char *const scopes[] = { "host", "gateway", NULL };
static const char *const stdout_modes[] = { "none", "text", "eve", NULL };

#define AT(field) offsetof(struct sensor_config, field)
#define FLOOD_RATE(key, lane, rate)                                                   \
	{                                                                             \
		"flood", key, CONF_UINT, AT(flood_rate[lane]), rate, 0, 1000000, NULL \
	}

/* Sections stand together: messages are searched in this order. */
static const struct conf_key keys[] = {
	{ "sensor", "device", CONF_TEXT, AT(device), "", 0, 0, NULL },
	{ "sensor", "user", CONF_TEXT, AT(user), "mimamori", 0, 0, NULL },
	{ "sensor", "source", CONF_TEXT, AT(source), "auto", 0, 0, NULL },
	{ "sensor", "scope", CONF_CHOICE, AT(scope), "host", 0, 0, scopes },
	{ "sensor", "interfaces", CONF_NAMES, AT(interfaces), "", 0, 0, NULL },
	{ "sensor", "home", CONF_PREFIXES, AT(home), "", 0, 0, NULL },
	{ "sensor", "ignore", CONF_PREFIXES, AT(ignore), "", 0, 0, NULL },

	{ "packet", "ring", CONF_SIZE, AT(ring_bytes), "768k", 128 * KIB, 64 * MIB, NULL },
	{ "packet", "block", CONF_SIZE, AT(block_bytes), "128k", 4 * KIB, 4 * MIB, NULL },
	{ "packet", "block_retire", CONF_DURATION, AT(block_retire_ns), "1s", 0.1, 10, NULL },
	{ "packet", "shed_rate", CONF_UINT, AT(shed_rate), "10000", 0, 1000000, NULL },

	{ "bpf", "ring", CONF_SIZE, AT(bpf_ring_bytes), "1M", 64 * KIB, 64 * MIB, NULL },
	{ "bpf", "peers_new", CONF_UINT, AT(bpf_newcomers), "2048", 256, 65536, NULL },
	{ "bpf", "peers_known", CONF_UINT, AT(bpf_known), "512", 64, 65536, NULL },

	{ "memory", "peers_new", CONF_UINT, AT(peers_new), "512", 64, 16384, NULL },
	{ "memory", "peers_near", CONF_UINT, AT(peers_near), "128", 64, 16384, NULL },
	{ "memory", "peers_suspect", CONF_UINT, AT(peers_suspect), "512", 64, 16384, NULL },
	{ "memory", "peers_known", CONF_UINT, AT(peers_known), "256", 64, 16384, NULL },
	{ "memory", "contacts", CONF_UINT, AT(contacts), "1024", 64, 16384, NULL },
	{ "memory", "findings", CONF_UINT, AT(findings), "48", 8, 1024, NULL },

	{ "scan", "failures", CONF_UINT, AT(failures), "4", 3, 20, NULL },
	{ "scan", "ambient_ports", CONF_PORTS, AT(ambient_ports),
	  "137-139 445 631 1900 3702 5353 5355 5357 8008 8009 9100", 0, 0, NULL },
	{ "scan", "knock", CONF_SEQUENCES, AT(knock), "", 0, 0, NULL },
	{ "scan", "login_ports", CONF_PORTS, AT(login_ports),
	  "21-23 2222 2323 3389 5555 5900 7547 8291 8728", 0, 0, NULL },
	{ "scan", "link_sweeps", CONF_BOOL, AT(link_sweeps), "yes", 0, 0, NULL },
	{ "scan", "quiet", CONF_DURATION, AT(quiet_ns), "30s", 5, HOUR, NULL },

	{ "flood", "enable", CONF_BOOL, AT(flood_enable), "yes", 0, 0, NULL },
	FLOOD_RATE("syn_rate", FLOOD_LANE_SYN, "100"),
	FLOOD_RATE("syn_ack_rate", FLOOD_LANE_SYN_ACK, "100"),
	FLOOD_RATE("ack_rate", FLOOD_LANE_ACK, "100"),
	FLOOD_RATE("rst_rate", FLOOD_LANE_RST, "100"),
	FLOOD_RATE("udp_rate", FLOOD_LANE_UDP, "150"),
	FLOOD_RATE("udp_served_rate", FLOOD_LANE_SERVED, "150"),
	FLOOD_RATE("amplified_rate", FLOOD_LANE_AMPLIFIED, "100"),
	FLOOD_RATE("icmp_rate", FLOOD_LANE_ICMP, "100"),
	FLOOD_RATE("fragment_rate", FLOOD_LANE_FRAGMENT, "100"),
	FLOOD_RATE("protocol_rate", FLOOD_LANE_PROTOCOL, "100"),
	FLOOD_RATE("tunnel_rate", FLOOD_LANE_TUNNEL, "100"),
	{ "flood", "half_open", CONF_UINT, AT(flood_connections[0]), "32", 0, 65535, NULL },
	{ "flood", "held", CONF_UINT, AT(flood_connections[1]), "64", 0, 65535, NULL },
	{ "flood", "quiet", CONF_DURATION, AT(flood_quiet_ns), "5s", 1, MINUTE, NULL },
	{ "flood", "sample_first", CONF_UINT, AT(sample_first), "16", 0, 4096, NULL },
	{ "flood", "sample_max", CONF_UINT, AT(sample_max), "4096", 1, 65536, NULL },

	{ "guess", "logs", CONF_TEXT, AT(guess_logs), "auto", 0, 0, NULL },
	{ "guess", "telnet", CONF_PORTS, AT(guess_ports[GUESS_TELNET]), "23 2323", 0, 0, NULL },
	{ "guess", "ssh", CONF_PORTS, AT(guess_ports[GUESS_SSH]), "22 2222", 0, 0, NULL },
	{ "guess", "ftp", CONF_PORTS, AT(guess_ports[GUESS_FTP]), "21", 0, 0, NULL },
	{ "guess", "http", CONF_PORTS, AT(guess_ports[GUESS_HTTP]), "80 8080", 0, 0, NULL },
	{ "guess", "mqtt", CONF_PORTS, AT(guess_ports[GUESS_MQTT]), "1883", 0, 0, NULL },
	{ "guess", "rtsp", CONF_PORTS, AT(guess_ports[GUESS_RTSP]), "554 8554", 0, 0, NULL },
	{ "guess", "adb", CONF_PORTS, AT(guess_ports[GUESS_ADB]), "5555", 0, 0, NULL },
	{ "guess", "other", CONF_PORTS, AT(guess_ports[GUESS_OTHER]), "", 0, 0, NULL },
	{ "guess", "quiet", CONF_DURATION, AT(guess_quiet_ns), "2m", 5, HOUR, NULL },

	{ "output", "event_file", CONF_TEXT, AT(event_file), "", 0, 0, NULL },
	{ "output", "file_max", CONF_SIZE, AT(file_max_bytes), "10M", 0, 4 * GIB, NULL },
	{ "output", "file_keep", CONF_UINT, AT(file_keep), "3", 0, 99, NULL },
	{ "output", "file_hourly", CONF_SIZE, AT(file_hourly_bytes), "1M", 0, 4 * GIB, NULL },
	{ "output", "stdout", CONF_CHOICE, AT(stdout_mode), "text", 0, 0, stdout_modes },
	{ "output", "syslog", CONF_BOOL, AT(syslog), "no", 0, 0, NULL },
	{ "output", "syslog_socket", CONF_TEXT, AT(syslog_socket), "/dev/log", 0, 0, NULL },
	{ "output", "on_finding", CONF_TEXT, AT(on_finding), "", 0, 0, NULL },
	{ "output", "on_finding_user", CONF_TEXT, AT(on_finding_user), "nobody", 0, 0, NULL },
	{ "output", "on_finding_per_minute", CONF_UINT, AT(on_finding_per_minute), "6", 1, 600,
	  NULL },
	{ "output", "on_finding_at_once", CONF_UINT, AT(on_finding_at_once), "2", 1, 8, NULL },
	{ "output", "on_finding_timeout", CONF_DURATION, AT(on_finding_timeout_ns), "30s", 1,
	  10 * MINUTE, NULL },
};

const struct conf_table sensor_config_table = {
	.keys = keys,
	.count = sizeof(keys) / sizeof(keys[0]),
	.struct_bytes = sizeof(struct sensor_config),
};

static int check_ring(const struct sensor_config *c, char *error)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (c->block_bytes % page)
		return conf_refuse(error,
				   "[packet] block: %" PRIu64
				   " bytes are no multiple of this machine's "
				   "page of %" PRIu64,
				   c->block_bytes, page);
	if (c->ring_bytes % c->block_bytes)
		return conf_refuse(error,
				   "[packet] ring: %" PRIu64
				   " bytes are no multiple of block, %" PRIu64,
				   c->ring_bytes, c->block_bytes);
	if (c->ring_bytes / c->block_bytes < 2)
		return conf_refuse(error,
				   "[packet] ring: it must hold at least two blocks, so that one "
				   "can fill while the other is read");
	if (c->bpf_ring_bytes & (c->bpf_ring_bytes - 1))
		return conf_refuse(error, "[bpf] ring: %" PRIu64 " bytes are no power of two",
				   c->bpf_ring_bytes);
	return 0;
}

/* The filter takes bits of a random number. */
static int check_sampling(const struct sensor_config *c, char *error)
{
	if (c->sample_first & (c->sample_first - 1) || c->sample_max & (c->sample_max - 1))
		return conf_refuse(error, "[flood] %s: it must be a power of two, as 16 or 4096",
				   c->sample_first & (c->sample_first - 1) ? "sample_first" :
									     "sample_max");
	if (c->sample_max < c->sample_first)
		return conf_refuse(error, "[flood] sample_max: it must not be below sample_first");
	return 0;
}

static int check_memory(const struct sensor_config *c, char *error)
{
	uint64_t leaves = (uint64_t)c->peers_near + c->peers_suspect + c->peers_known;

	if (leaves > LEAVES_MAX)
		return conf_refuse(error,
				   "[memory] peers_near, peers_suspect and peers_known are %" PRIu64
				   " together, the most is %d",
				   leaves, LEAVES_MAX);
	return 0;
}

/* The directory that holds path, which has a slash. */
static void parent_of(const char *path, char parent[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == path ? 1 : (size_t)(slash - path);

	snprintf(parent, PATH_MAX, "%.*s", (int)len, path);
}

static int check_event_file(const struct sensor_config *c, char *error)
{
	char parent[PATH_MAX];
	struct stat st;

	if (!c->event_file[0])
		return 0;
	if (c->event_file[0] != '/')
		return conf_refuse(error, "[output] event_file: \"%s\" is no absolute path",
				   c->event_file);
	if (stat(c->event_file, &st) == 0 && S_ISDIR(st.st_mode))
		return conf_refuse(error,
				   "[output] event_file: \"%s\" is a directory; name a file in it",
				   c->event_file);
	parent_of(c->event_file, parent);
	/* The last directory of the path is made when it is missing, those above are not. */
	if (stat(parent, &st) < 0 && errno == ENOENT) {
		char above[PATH_MAX];

		parent_of(parent, above);
		memcpy(parent, above, sizeof(parent));
		if (stat(parent, &st) == 0 && S_ISDIR(st.st_mode))
			goto found;
	}
	if (stat(parent, &st) < 0)
		return conf_refuse(error, "[output] event_file: the directory \"%s\": %s", parent,
				   strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return conf_refuse(error, "[output] event_file: \"%s\" is no directory", parent);
found:
	if (c->file_max_bytes && c->file_max_bytes < FILE_MAX_LEAST)
		return conf_refuse(error,
				   "[output] file_max: it must be 0 (never rotate) or at least "
				   "64k");
	return 0;
}

static int check_syslog(const struct sensor_config *c, char *error)
{
	bool known = c->syslog_socket[0] == '/' || !strncmp(c->syslog_socket, "udp:", 4);
	int fd;

	if (!c->syslog)
		return 0;
	fd = known ? output_syslog_open(c->syslog_socket) : -EINVAL;
	if (fd >= 0)
		close(fd);
	/* That nobody listens there now is no mistake of the configuration. */
	if (fd == -EINVAL)
		return conf_refuse(error,
				   "[output] syslog_socket: \"%s\" is neither an absolute path nor "
				   "udp:ADDRESS:PORT",
				   c->syslog_socket);
	return 0;
}

/*
 * Whoever can replace the executable, or a directory on its way, decides what the helper starts.
 * A sticky directory keeps others from replacing what is not theirs, so it may lie on the way,
 * but not directly above, where the name itself may have been anybody's.
 */
static int check_writers(char real[PATH_MAX], char *error)
{
	char parent[PATH_MAX];
	bool direct = true;
	struct stat st;

	while (real[1]) {
		parent_of(real, parent);
		if (stat(parent, &st) < 0)
			return conf_refuse(error, "[output] on_finding: \"%s\": %s", parent,
					   strerror(errno));
		if (st.st_mode & S_IWOTH && (direct || !(st.st_mode & S_ISVTX)))
			return conf_refuse(
				error,
				"[output] on_finding: everyone can write to its directory "
				"\"%s\"; move it, or chmod o-w",
				parent);
		direct = false;
		snprintf(real, PATH_MAX, "%s", parent);
	}
	return 0;
}

static int check_executable(const struct sensor_config *c, char *error)
{
	char path[CONF_TEXT_LEN], real[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%.*s", (int)strcspn(c->on_finding, " \t"), c->on_finding);
	if (path[0] != '/')
		return conf_refuse(error, "[output] on_finding: \"%s\" is no absolute path", path);
	if (!realpath(path, real) || stat(real, &st) < 0)
		return conf_refuse(error, "[output] on_finding: \"%s\": %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return conf_refuse(error, "[output] on_finding: \"%s\" is no file", path);
	if (!(st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
		return conf_refuse(error,
				   "[output] on_finding: \"%s\" is not executable; use chmod a+x",
				   path);
	if (st.st_mode & S_IWOTH)
		return conf_refuse(
			error, "[output] on_finding: everyone can write to \"%s\"; use chmod o-w",
			path);
	return check_writers(real, error);
}

static int check_on_finding(const struct sensor_config *c, char *error)
{
	const char *user = c->on_finding_user[0] ? c->on_finding_user : c->user;
	uid_t uid;
	gid_t gid;
	int err;

	if (!c->on_finding[0])
		return 0;
	err = check_executable(c, error);
	if (err)
		return err;
	if (isolate_find_user(user, &uid, &gid) < 0)
		return conf_refuse(error, "[output] on_finding_user: there is no user \"%s\"",
				   user);
	if (uid == 0 || gid == 0)
		return conf_refuse(
			error,
			"[output] on_finding_user: not \"%s\": what an attack starts must not "
			"run as root",
			c->on_finding_user);
	return 0;
}

int sensor_config_check(const struct sensor_config *c, char error[CONF_ERROR_LEN])
{
	static int (*const checks[])(const struct sensor_config *c, char *error) = {
		check_ring,	  check_sampling, check_memory,
		check_event_file, check_syslog,	  check_on_finding,
	};

	if (!c->user[0] || !c->source[0])
		return conf_refuse(error, "[sensor] %s: it must not be empty",
				   c->user[0] ? "source" : "user");
	if (strcmp(c->source, "auto") != 0 && !source_named(c->source))
		return conf_refuse(error,
				   "[sensor] source: there is no source \"%s\"; auto takes the "
				   "best that works",
				   c->source);
	if (!strcmp(c->user, "root"))
		return conf_refuse(error, "[sensor] user: not \"root\": what reads packets has no "
					  "privilege");
	if (c->home.count && c->scope != CONFIG_SCOPE_GATEWAY)
		return conf_refuse(error,
				   "[sensor] home: it is for scope = gateway; in host scope this "
				   "host's own addresses are watched");
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int err = checks[i](c, error);

		if (err)
			return err;
	}
	return 0;
}

void sensor_config_device(const struct sensor_config *c, char *name, size_t size)
{
	if (c->device[0])
		snprintf(name, size, "%s", c->device);
	else if (gethostname(name, size) < 0 || !name[0])
		snprintf(name, size, "unknown");
	name[size - 1] = '\0';
}
