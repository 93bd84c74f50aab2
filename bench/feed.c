/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a flood's packet costs without a kernel around it: parser and engine, fed from memory.
 *
 * For counting instructions (valgrind --tool=callgrind) and for comparing two builds on a busy machine.
 * The device is 10.9.0.1 and fd09::1 and serves port 80, as in cost.py; its answers are shed.
 *
 * usage: feed [-6] [-p PORT|random] [-s] [-n PACKETS]      -s: one source. Prints nanoseconds a packet.
 */
#include "frames.h"

#include "core/clock.h"
#include "sensor/config.h"
#include "sensor/engine.h"
#include "sensor/host.h"
#include "sensor/listeners.h"
#include "sensor/packet.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH 1024 /* frames at a time: about a block of the ring */
#define STEP_NS 10000 /* 100,000/s */
#define EPOCH_NS (1700000000 * NS_PER_S)

struct options {
	bool v6, random_port, one_source;
	uint16_t port;
	unsigned long packets;
};

static struct host host = { .fd = -1, .ephemeral_first = 32768, .ephemeral_last = 60999 };
static struct listeners listeners;
static struct sensor_config config;
static struct clock now;
static struct packet_parser parser;
static uint8_t frames[BATCH][80];
static size_t frame_len;
static unsigned long findings, floods;

static void on_finding(const struct finding *f, enum finding_phase phase, void *arg)
{
	(void)f;
	(void)phase;
	(void)arg;
	findings++;
}

static void on_flood(const struct flood *f, enum finding_phase phase, void *arg)
{
	(void)f;
	(void)phase;
	(void)arg;
	floods++;
}

static void on_guess(const struct guess *g, enum finding_phase phase, void *arg)
{
	(void)g;
	(void)phase;
	(void)arg;
	findings++;
}

static struct engine *make_engine(void)
{
	struct engine_params params = {
		.config = &config,
		.clock = &now,
		.listeners = &listeners,
		.home = { .mode = HOME_HOST, .host = &host },
		.seed = 0x1234567,
		.emit = on_finding,
		.emit_flood = on_flood,
		.emit_guess = on_guess,
	};
	struct host_addr *a = host.addr;

	conf_defaults(&sensor_config_table, &config);
	clock_init_replay(&now);
	clock_advance(&now, EPOCH_NS);
	a[0].ifindex = a[1].ifindex = 2;
	addr_parse("10.9.0.1", &a[0].addr);
	prefix_parse("10.9.0.0/24", &a[0].on_link);
	addr_parse("fd09::1", &a[1].addr);
	prefix_parse("fd09::/64", &a[1].on_link);
	host.n_addrs = 2;
	/* A descriptor that cannot be listed: what is entered here stays in force. */
	listeners.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	listeners.read_ns = now.now_ns;
	listeners.entry[listeners.count++] = (struct listener){ .port = 80 };
	return engine_new(&params);
}

static void make_frames(const struct options *o, uint64_t *seed)
{
	struct frame f = { .v6 = o->v6, .flags = FRAME_SYN };
	uint8_t bytes[FRAME_MAX];

	inet_pton(o->v6 ? AF_INET6 : AF_INET, o->v6 ? "fd09::1" : "10.9.0.1", f.dst);
	for (unsigned int i = 0; i < BATCH; i++) {
		uint64_t r = frame_random(seed), s = frame_random(seed);

		inet_pton(o->v6 ? AF_INET6 : AF_INET, o->v6 ? "fd09::2" : "10.9.0.2", f.src);
		if (!o->one_source && !o->v6) {
			memcpy(f.src, &r, 4);
			f.src[0] = (uint8_t)(20 + f.src[0] % 80);
		} else if (!o->one_source) {
			memcpy(f.src, "\x20\x01\x0d\xb8\xf0", 5);
			memcpy(f.src + 5, &s, 3);
			memcpy(f.src + 8, &r, 8);
		}
		f.sport = (uint16_t)(1024 + (s >> 24) % 60000);
		f.dport = o->random_port ? (uint16_t)(s >> 40) | 1 : o->port;
		f.seq = (uint32_t)(r >> 32) ^ (uint32_t)s;
		frame_len = frame_build(&f, bytes) - FRAME_ETH;
		memcpy(frames[i], bytes + FRAME_ETH, frame_len);
	}
}

static void feed(struct engine *e, const struct options *o)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		struct packet p;

		p.dir = PACKET_DIR_IN;
		p.ifindex = 2;
		p.t_ns = clock_advance(&now, now.now_ns + STEP_NS);
		if (packet_parse(&parser, o->v6 ? 0x86dd : 0x0800, frames[i], frame_len, frame_len,
				 &p) != PACKET_OK)
			continue;
		p.answers_shed = PACKET_SHED_REFUSAL | PACKET_SHED_SYN_ACK;
		p.link = 0x20001;
		engine_packet(e, &p);
	}
}

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	struct options o = { .port = 80, .packets = 2000000 };
	uint64_t seed = 0x9e3779b97f4a7c15ULL;
	struct engine_stats stats;
	double spent = 0;
	struct engine *e;
	int opt;

	while ((opt = getopt(argc, argv, "6p:sn:")) != -1) {
		o.v6 |= opt == '6';
		o.one_source |= opt == 's';
		if (opt == 'p') {
			o.random_port = strcmp(optarg, "random") == 0;
			o.port = (uint16_t)strtoul(optarg, NULL, 10);
		} else if (opt == 'n') {
			o.packets = strtoul(optarg, NULL, 10);
		} else if (opt == '?') {
			return 2;
		}
	}
	e = make_engine();
	if (!e)
		return 1;
	for (unsigned long n = 0; n < o.packets; n += BATCH) {
		double before;

		make_frames(&o, &seed);
		before = cpu_ns();
		feed(e, &o);
		spent += cpu_ns() - before;
	}
	engine_stats(e, &stats);
	printf("%.1f ns a packet, %llu packets, %llu contacts, %llu in vain, %lu events, %lu of floods\n",
	       spent / (double)stats.packets, (unsigned long long)stats.packets,
	       (unsigned long long)stats.contacts, (unsigned long long)stats.failed, findings,
	       floods);
	engine_free(e);
	return 0;
}
