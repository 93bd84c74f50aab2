/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The BPF source: a program at each interface (bpf/watch.bpf.c), a ring, and what both sides share.
 *
 * Theory of operation
 * -------------------
 * The helper makes the maps, loads the programs and attaches them, and hands over two descriptors: the ring and the
 * shared array. Both are mapped, which needs no privilege; the engine makes no bpf(2) call. What to look for (ports
 * that serve, words) is written into the array. When interfaces come and go, the helper is asked to
 * look at them anew; it goes by the configuration, not by anything that the engine says.
 *
 * The kernel writes records of ordinary life without waking anybody: they are read when something else happens, or
 * when much waits. So whoever lets time pass reads first: `lazy`. A batch of many is a flood: until it
 * is over, the source is not woken but comes back by itself, BUSY_MS later.
 *
 * The ring polls readable as long as something waits, harmless or not. A second epoll instance, edge-triggered,
 * makes of that "was woken".
 */
#include "sensor/source-bpf.h"

#include "core/clock.h"
#include "core/log.h"
#include "sensor/bpf-record.h"
#include "sensor/bpf-ring.h"
#include "sensor/bpf-words.h"
#include "sensor/config.h"
#include "sensor/engine.h"
#include "sensor/filter.h"
#include "sensor/helper.h"
#include "sensor/host.h"
#include "sensor/links.h"
#include "sensor/listeners.h"
#include "sensor/packet.h"
#include "sensor/source.h"

#include <errno.h>
#include <mimamori/wire.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUSY_RECORDS 64 /* of a batch: more is no ordinary life */
#define BUSY_STILL 4 /* of a batch after one that was busy */
#define BUSY_MS 100
#define SOON_NS (20 * NS_PER_MS) /* two wakeups so near each other: it is busy */
#define LAG_NS (10 * NS_PER_MS) /* a record that is being written on another processor */
#define READS_AT_ONCE 4
#define SERVED_MAX (LISTENERS_MAX + LISTENERS_PUBLISHED_MAX)

struct bpf_source {
	struct source_env env;
	struct engine *engine; /* of the read that is under way */
	struct bpf_ring ring;
	struct mimamori_shared *shared;
	size_t shared_bytes;
	int poll_fd;
	struct packet_parser parser;
	uint32_t host_seen; /* generation of the links that the helper was told of */
	bool closed; /* no interface is there to be watched */
	bool told_of_port; /* the kernel has marked a port as serving: perhaps it does not any more */
	uint64_t shared_ns; /* when the ports were last compared */
	uint64_t read_ns; /* of the latest read that found something */
	bool awake; /* it comes back by itself, and is not woken */
	bool stacked; /* something stands on another interface: a macvlan */
	int loopback;
	uint64_t ignored; /* of what was parsed */
	uint64_t sampled;
};

static uint64_t handed_over(const struct bpf_source *bs)
{
	return bs->parser.counts[PACKET_OK] - bs->ignored;
}

static void take_record(const uint8_t *record, size_t len, void *arg)
{
	uint64_t t_ns = bpf_record_time(record, len);
	struct bpf_source *bs = arg;
	struct packet p;

	p.t_ns = clock_advance(bs->env.clock,
			       t_ns < bs->env.clock->read_ns ? t_ns : bs->env.clock->read_ns);
	if (bpf_record_parse(&bs->parser, record, len, &p) != PACKET_OK)
		return;
	if (p.dir == PACKET_DIR_OUT &&
	    (p.ifindex == bs->loopback ||
	     (bs->stacked && host_seen_above(bs->env.host, p.src, p.ifindex)))) {
		bs->ignored++;
		return;
	}
	bs->sampled += p.bulk;
	bs->told_of_port |= !p.bulk && p.proto == PACKET_UDP && p.dir == PACKET_DIR_IN;
	engine_packet(bs->engine, &p);
}

static void set_bit(__u64 *set, unsigned int i)
{
	set[i / 64] |= 1ULL << i % 64;
}

static void share_logins(struct mimamori_shared *sh, const struct conf_ports *ports)
{
	for (unsigned int i = 0; i < GUESS_SERVICES; i++) {
		for (unsigned int j = 0; j < ports[i].count; j++) {
			/* guess-shape.h: what the others refuse is told in clear text. */
			if (i == GUESS_SSH || i == GUESS_TELNET || i == GUESS_OTHER)
				set_bit(sh->shaped_login, ports[i].port[j]);
			if (i != GUESS_SSH)
				set_bit(sh->login_port, ports[i].port[j]);
		}
	}
}

/* The ports that serve UDP, as they are now. Each word changes at once, so that no port is closed for a moment. */
static void share_listeners(struct bpf_source *bs)
{
	uint64_t open[MIMAMORI_PORTS / 64] = { 0 };
	uint16_t port[SERVED_MAX];
	unsigned int n = listeners_udp_ports(bs->env.listeners, port, SERVED_MAX);

	for (unsigned int i = 0; i < n; i++)
		open[port[i] / 64] |= 1ULL << port[i] % 64;
	for (unsigned int i = 0; i < MIMAMORI_PORTS / 64; i++)
		if (bs->shared->udp_open[i] != open[i])
			__atomic_store_n(&bs->shared->udp_open[i], open[i], __ATOMIC_RELAXED);
}

static void look_at_links(struct bpf_source *bs)
{
	const struct host *h = bs->env.host;

	bs->host_seen = h->generation;
	bs->closed = true;
	bs->stacked = false;
	bs->loopback = 0;
	for (unsigned int i = 0; i < h->n_links; i++) {
		if (h->link[i].loopback)
			bs->loopback = h->link[i].ifindex;
		bs->closed &= !link_watched(bs->env.config, h, &h->link[i]);
		bs->stacked |= h->link[i].lower && !bs->env.config->interfaces.count;
	}
	if (bs->env.config->link_sweeps) {
		bs->shared->sample_v4 = filter_sample(h, true);
		bs->shared->sample_v6 = filter_sample(h, false);
	}
}

static void share_all(struct bpf_source *bs)
{
	const struct sensor_config *config = bs->env.config;
	struct mimamori_shared *sh = bs->shared;

	sh->options = (config->scope == CONFIG_SCOPE_GATEWAY ? MIMAMORI_GATEWAY : 0) |
		      (config->interfaces.count ? MIMAMORI_TAGGED : 0);
	sh->ephemeral_first = bs->env.host->ephemeral_first;
	sh->bulk_mask = config->sample_first ? config->sample_first - 1 : UINT32_MAX;
	sh->sample_v4 = sh->sample_v6 = FILTER_NO_SAMPLE;
	sh->wake_bytes = (uint32_t)(bs->ring.bytes / 2);
	sh->salt = bs->env.seed;
	bpf_words_asked(&sh->words_in);
	bpf_words_login(&sh->words_out);
	share_logins(sh, config->guess_ports);
	look_at_links(bs);
	share_listeners(bs);
	__atomic_store_n(&sh->asleep, MIMAMORI_ASLEEP, __ATOMIC_RELEASE);
	__atomic_store_n(&sh->version, MIMAMORI_WIRE_VERSION, __ATOMIC_RELEASE);
}

static void tell_blind(struct source *s)
{
	const struct bpf_source *bs = s->state;

	s->blind = bs->closed && bs->env.config->interfaces.count ?
			   "none of the interfaces named exists: waiting for them" :
			   NULL;
}

static int bpf_reconfigure(struct source *s)
{
	struct bpf_source *bs = s->state;
	char error[HELPER_ERROR_LEN];
	int err = 0;

	share_listeners(bs);
	if (bs->host_seen == bs->env.host->generation)
		return 0;
	look_at_links(bs);
	tell_blind(s);
	err = helper_call(bs->env.helper, HELPER_FOLLOW_LINKS, 0, NULL, 0, error);
	if (err < 0) {
		log_warning("source bpf: %s", error);
		bs->host_seen--; /* the next change is another try */
		s->blind = "its programs are attached to no interface";
	}
	return err;
}

static int map_shared(struct bpf_source *bs, char error[HELPER_ERROR_LEN])
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = helper_call(bs->env.helper, HELPER_SECOND_FD, 0, NULL, 0, error), err = 0;
	void *map;

	if (fd < 0)
		return fd;
	bs->shared_bytes = (sizeof(*bs->shared) + page - 1) / page * page;
	map = mmap(NULL, bs->shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		err = -errno;
		snprintf(error, HELPER_ERROR_LEN, "cannot map the shared array: %s",
			 strerror(-err));
	} else {
		bs->shared = map;
	}
	close(fd); /* the mapping stays */
	return err;
}

static int poll_ring(struct bpf_source *bs)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	bs->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (bs->poll_fd < 0)
		return -errno;
	return epoll_ctl(bs->poll_fd, EPOLL_CTL_ADD, bs->env.privileged_fd, &event) ? -errno : 0;
}

static int bpf_start(struct source *s, const struct source_env *env, char *error, size_t error_len)
{
	struct bpf_source *bs = calloc(1, sizeof(*bs));
	int err;

	if (!bs) {
		snprintf(error, error_len, "out of memory");
		return -ENOMEM;
	}
	bs->env = *env;
	bs->poll_fd = -1;
	packet_parser_init(&bs->parser);
	err = bpf_ring_map(&bs->ring, env->privileged_fd, env->config->bpf_ring_bytes);
	if (err) {
		snprintf(error, error_len, "cannot map its ring: %s", strerror(-err));
		goto err_free;
	}
	err = map_shared(bs, error);
	if (err)
		goto err_unmap;
	err = poll_ring(bs);
	if (err) {
		snprintf(error, error_len, "cannot poll its ring: %s", strerror(-err));
		goto err_unmap_shared;
	}
	share_all(bs);
	s->state = bs;
	s->lag_ns = LAG_NS;
	tell_blind(s);
	return 0;

err_unmap_shared:
	if (bs->poll_fd >= 0)
		close(bs->poll_fd);
	munmap(bs->shared, bs->shared_bytes);
err_unmap:
	bpf_ring_unmap(&bs->ring);
err_free:
	free(bs);
	return err;
}

/* To sleep: from here on the kernel wakes whoever polls. False when something came in between. */
static bool sleep_now(struct bpf_source *bs)
{
	__atomic_store_n(&bs->shared->pressure, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&bs->shared->begun, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&bs->shared->asleep, MIMAMORI_ASLEEP, __ATOMIC_SEQ_CST);
	return !bpf_ring_waits(&bs->ring);
}

/* After a read of n records; slept: the kernel wakes us again. */
static void plan_next(struct source *s, unsigned int n, bool slept)
{
	struct bpf_source *bs = s->state;
	uint64_t now_ns = bs->env.clock->read_ns;
	bool soon = n && now_ns - bs->read_ns < SOON_NS;

	bs->awake = n >= BUSY_RECORDS || soon || (bs->awake && n >= BUSY_STILL);
	if (n)
		bs->read_ns = now_ns;
	if (bs->awake) {
		__atomic_store_n(&bs->shared->asleep, MIMAMORI_AWAKE, __ATOMIC_RELAXED);
		s->due_ns = now_ns + BUSY_MS * NS_PER_MS;
	} else {
		/* Once more: what was being written meanwhile, on another processor, may have found us awake. */
		s->due_ns = n || !slept ? now_ns + LAG_NS : 0;
	}
}

/* A port that the kernel has marked as serving may be closed again, and no change of ports be noticed. */
static void compare_ports(struct bpf_source *bs)
{
	uint64_t now_ns = bs->env.clock->read_ns;

	if (!bs->told_of_port || now_ns - bs->shared_ns < NS_PER_S)
		return;
	bs->told_of_port = false;
	bs->shared_ns = now_ns;
	share_listeners(bs);
}

static int bpf_read(struct source *s, struct engine *engine)
{
	struct bpf_source *bs = s->state;
	uint64_t before = handed_over(bs);
	struct epoll_event event;
	unsigned int n = 0;
	bool slept = false;

	bs->engine = engine;
	epoll_wait(bs->poll_fd, &event, 1, 0);
	for (unsigned int i = 0; i < READS_AT_ONCE; i++) {
		clock_sync_live(bs->env.clock);
		n += bpf_ring_read(&bs->ring, take_record, bs);
		slept = n < BUSY_RECORDS && sleep_now(bs);
		if (slept || n >= BUSY_RECORDS)
			break;
	}
	plan_next(s, n, slept);
	compare_ports(bs);
	return (int)(handed_over(bs) - before);
}

static int bpf_fd(const struct source *s)
{
	const struct bpf_source *bs = s->state;

	return bs->poll_fd;
}

static void bpf_stats(struct source *s, struct source_stats *out)
{
	const struct bpf_source *bs = s->state;
	const uint64_t *counts = bs->parser.counts;

	*out = (struct source_stats){ 0 };
	out->packets = bs->ring.records;
	out->parsed = handed_over(bs);
	out->ignored = bs->ignored + counts[PACKET_IGNORED];
	out->truncated = counts[PACKET_TRUNCATED];
	out->malformed = bs->ring.malformed + counts[PACKET_MALFORMED];
	out->pending = counts[PACKET_PENDING];
	out->lost = bs->shared->lost;
	out->sampled = bs->sampled;
	for (unsigned int i = 0; i < MIMAMORI_KINDS; i++)
		out->held_back += bs->shared->held_back[i];
}

static void bpf_stop(struct source *s)
{
	struct bpf_source *bs = s->state;

	if (!bs)
		return;
	__atomic_store_n(&bs->shared->version, 0, __ATOMIC_RELAXED);
	close(bs->poll_fd);
	munmap(bs->shared, bs->shared_bytes);
	bpf_ring_unmap(&bs->ring);
	close(bs->env.privileged_fd);
	free(bs);
	s->state = NULL;
}

const struct source_ops source_bpf = {
	.name = "bpf",
	.cannot_see =
		"plain data of TCP connections, and UDP from the ephemeral ports up, but for samples, small sweeps "
		"of the link by ARP, frames of a VLAN without an interface here",
	.lazy = true,
	.open_privileged = source_bpf_open,
	.second_privileged = source_bpf_second,
	.follow_privileged = source_bpf_follow,
	.close_privileged = source_bpf_close,
	.start = bpf_start,
	.read = bpf_read,
	.reconfigure = bpf_reconfigure,
	.fd = bpf_fd,
	.stats = bpf_stats,
	.stop = bpf_stop,
};
