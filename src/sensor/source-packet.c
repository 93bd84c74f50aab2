/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packet source: one AF_PACKET socket over all interfaces, read through a ring (packet(7),
 * linux/Documentation/networking/packet_mmap.rst).
 *
 * Theory of operation
 * -------------------
 * The helper opens the socket with protocol 0, which receives nothing, puts "drop everything" on
 * it, and makes the ring. The engine attaches the real filter, maps the ring and only then binds,
 * none of which needs privilege: no unfiltered packet ever enters.
 *
 * SOCK_DGRAM cuts the link header off, so that Ethernet, PPP, WWAN and TUN look the same.
 *
 * The kernel hands over a block when it is full or when block_retire_ns has passed with a packet in
 * it; it never wakes us for an empty one.
 *
 * Why nothing is counted twice, although every layer of stacked interfaces shows a packet:
 *   - member of a bridge, bond, team: left out, its packets are seen again on the master;
 *   - a VRF itself: left out, its packets are seen on its members (see host.h);
 *   - VLAN: the frame on the interface below still carries its tag and is dropped by the filter; a
 *     priority tag (id 0) is no VLAN, such a frame is seen once only and passes;
 *   - macvlan, ipvlan: coming in, the interface below sees a packet for another host, which the
 *     filter drops; going out, it sees the packet again, and seen_above() knows it by its source;
 *   - loopback: left out; named explicitly, of the two sightings only the arrival counts.
 */
#include "sensor/source.h"

#include "core/clock.h"
#include "core/cursor.h"
#include "core/log.h"
#include "sensor/config.h"
#include "sensor/engine.h"
#include "sensor/filter.h"
#include "sensor/host.h"
#include "sensor/listeners.h"
#include "sensor/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_BYTES 256 /* in TPACKET_V3 a unit of account only: frames are packed */
#define MIN_BLOCKS 2 /* one to fill while one is read */
#define FRAME_ALIGN 8
#define SLL_OFFSET TPACKET_ALIGN(sizeof(struct tpacket3_hdr))

struct packet_source {
	struct source_env env;
	uint8_t *ring;
	size_t block_bytes;
	unsigned int n_blocks, next_block;
	struct filter_params filter;
	bool closed; /* interfaces are named, and none of them exists: nothing may pass */
	unsigned int n_dropped; /* links to leave out that found no room in the filter */
	int dropped[HOST_MAX_LINKS];
	unsigned int n_lowers; /* below a macvlan or ipvlan */
	int lower[HOST_MAX_LINKS];
	int loopback;
	struct packet_parser parser;
	uint64_t packets, ignored, malformed, seen_above, lost;
};

static void ring_layout(const struct sensor_config *config, struct tpacket_req3 *req)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t block = (config->block_bytes + page - 1) / page * page;
	uint64_t retire_ms = config->block_retire_ns / NS_PER_MS;

	if (block < page)
		block = page;
	memset(req, 0, sizeof(*req));
	req->tp_block_size = (unsigned int)block;
	req->tp_block_nr = (unsigned int)(config->ring_bytes / block);
	if (req->tp_block_nr < MIN_BLOCKS)
		req->tp_block_nr = MIN_BLOCKS;
	req->tp_frame_size = FRAME_BYTES;
	req->tp_frame_nr = req->tp_block_nr * (req->tp_block_size / FRAME_BYTES);
	/* 0 would leave the choice to the kernel, whose timer then runs 125 times a second. */
	req->tp_retire_blk_tov = retire_ms ? (unsigned int)retire_ms : 1;
}

static int packet_open(const struct sensor_config *config, char *error, size_t error_len)
{
	int version = TPACKET_V3, fd, err;
	struct tpacket_req3 req;

	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		err = -errno;
		snprintf(error, error_len,
			 "cannot open a packet socket: %s; it needs root or CAP_NET_RAW, and a "
			 "kernel with CONFIG_PACKET",
			 strerror(-err));
		return err;
	}
	err = filter_attach_closed(fd);
	if (err) {
		snprintf(error, error_len, "cannot attach a filter to the packet socket: %s",
			 strerror(-err));
		goto err_close;
	}
	ring_layout(config, &req);
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req))) {
		err = -errno;
		snprintf(error, error_len,
			 "cannot make a packet ring of %u blocks of %u bytes: %s; lower ring in "
			 "section [packet]",
			 req.tp_block_nr, req.tp_block_size, strerror(-err));
		goto err_close;
	}
	return fd;

err_close:
	close(fd);
	return err;
}

static bool link_named(const struct sensor_config *config, const char *name)
{
	unsigned int i;

	for (i = 0; i < config->interfaces.count; i++) {
		if (!strcmp(config->interfaces.name[i], name))
			return true;
	}
	return false;
}

/* Is this interface's master or the one below it named as well? */
static bool index_named(const struct packet_source *ps, int ifindex)
{
	const struct host_link *link = ifindex ? host_link(ps->env.host, ifindex) : NULL;

	return link && link_named(ps->env.config, link->name);
}

static void choose_links(struct packet_source *ps, struct filter_params *f)
{
	const struct sensor_config *config = ps->env.config;
	const struct host *h = ps->env.host;
	unsigned int i;

	ps->n_dropped = ps->n_lowers = 0;
	f->pass_tagged = config->interfaces.count > 0;
	for (i = 0; i < h->n_links; i++) {
		const struct host_link *link = &h->link[i];

		if (link->loopback)
			ps->loopback = link->ifindex;
		if (link->lower)
			ps->lower[ps->n_lowers++] = link->lower;
		if (config->interfaces.count) {
			if (!link_named(config, link->name) || index_named(ps, link->master) ||
			    f->n_only == FILTER_MAX_INTERFACES)
				continue;
			f->only[f->n_only++] = link->ifindex;
			if (index_named(ps, link->lower))
				f->pass_tagged = false;
		} else if (link->loopback || host_link_enslaved(link)) {
			if (f->n_skip < FILTER_MAX_INTERFACES)
				f->skip[f->n_skip++] = link->ifindex;
			else
				ps->dropped[ps->n_dropped++] = link->ifindex;
		}
	}
	ps->closed = config->interfaces.count && !f->n_only;
}

/* What the filter should be now. The caller compares it bytewise, so all of it is set. */
static void build_filter(struct packet_source *ps, struct filter_params *f)
{
	const struct host *h = ps->env.host;

	memset(f, 0, sizeof(*f));
	choose_links(ps, f);
	f->n_udp_open = listeners_udp_ports(ps->env.listeners, f->udp_open, FILTER_MAX_UDP_PORTS);
	/* From the ephemeral range up nothing passes anyway: no room is spent on those ports. */
	while (f->n_udp_open && f->udp_open[f->n_udp_open - 1] >= h->ephemeral_first)
		f->udp_open[--f->n_udp_open] = 0;
	f->ephemeral_first = h->ephemeral_first;
	f->snaplen = PACKET_SNAPLEN;
}

static int attach_filter(struct packet_source *ps)
{
	return ps->closed ? filter_attach_closed(ps->env.privileged_fd) :
			    filter_attach(ps->env.privileged_fd, &ps->filter);
}

static int packet_reconfigure(struct source *s)
{
	struct packet_source *ps = s->state;
	bool was_closed = ps->closed;
	struct filter_params f;
	int err;

	build_filter(ps, &f);
	if (ps->closed == was_closed && !memcmp(&f, &ps->filter, sizeof(f)))
		return 0;
	ps->filter = f;
	err = attach_filter(ps);
	if (err)
		memset(&ps->filter, 0xff, sizeof(ps->filter)); /* equals nothing: try again */
	return err;
}

static int bind_all(int fd)
{
	struct sockaddr_ll any = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };

	return bind(fd, (struct sockaddr *)&any, sizeof(any)) ? -errno : 0;
}

static int packet_start(struct source *s, const struct source_env *env, char *error,
			size_t error_len)
{
	struct packet_source *ps = calloc(1, sizeof(*ps));
	struct tpacket_req3 req;
	const char *step;
	int err = -ENOMEM;

	if (!ps) {
		snprintf(error, error_len, "out of memory");
		return err;
	}
	ps->env = *env;
	packet_parser_init(&ps->parser);
	ring_layout(env->config, &req);
	ps->block_bytes = req.tp_block_size;
	ps->n_blocks = req.tp_block_nr;

	step = "attach the filter to";
	build_filter(ps, &ps->filter);
	err = attach_filter(ps);
	if (err)
		goto err_free;

	/* The kernel maps every page of the ring at once: its memory never grows later. */
	step = "map the ring of";
	ps->ring = mmap(NULL, ps->block_bytes * ps->n_blocks, PROT_READ | PROT_WRITE, MAP_SHARED,
			env->privileged_fd, 0);
	if (ps->ring == MAP_FAILED) {
		err = -errno;
		goto err_free;
	}

	step = "bind";
	err = bind_all(env->privileged_fd);
	if (err)
		goto err_unmap;
	if (ps->closed)
		log_warning("none of the interfaces named exists: waiting for them");
	s->state = ps;
	return 0;

err_unmap:
	munmap(ps->ring, ps->block_bytes * ps->n_blocks);
err_free:
	free(ps);
	snprintf(error, error_len, "cannot %s the packet socket: %s", step, strerror(-err));
	return err;
}

static bool contains(const int *list, unsigned int n, int ifindex)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (list[i] == ifindex)
			return true;
	}
	return false;
}

/* Sent from a macvlan or ipvlan: the packet was seen there, before it came to the one below. */
static bool seen_above(const struct packet_source *ps, const struct packet *p)
{
	const struct host *h = ps->env.host;
	bool above = false;
	unsigned int i;

	if (ps->env.config->interfaces.count)
		return false;
	for (i = 0; i < h->n_addrs; i++) {
		const struct host_link *link;

		if (!addr_eq(h->addr[i].addr, p->src))
			continue;
		if (h->addr[i].ifindex == p->ifindex)
			return false;
		link = host_link(h, h->addr[i].ifindex);
		above |= link && link->lower == p->ifindex;
	}
	return above;
}

/* The direction of a packet that is to be looked at at all. */
static bool wanted(const struct packet_source *ps, const struct sockaddr_ll *sll, uint8_t *dir)
{
	uint16_t ethertype = ntohs(sll->sll_protocol);

	if (ethertype != ETH_P_IP && ethertype != ETH_P_IPV6)
		return false;
	if (sll->sll_pkttype == PACKET_HOST)
		*dir = PACKET_DIR_IN;
	else if (sll->sll_pkttype == PACKET_OUTGOING)
		*dir = PACKET_DIR_OUT;
	else
		return false;
	if (ps->n_dropped && contains(ps->dropped, ps->n_dropped, sll->sll_ifindex))
		return false;
	return *dir == PACKET_DIR_IN || sll->sll_ifindex != ps->loopback;
}

static void take_frame(struct packet_source *ps, struct engine *engine,
		       const struct tpacket3_hdr *h)
{
	const uint8_t *frame = (const uint8_t *)h;
	const struct sockaddr_ll *sll = (const void *)(frame + SLL_OFFSET);
	uint64_t wall_ns = h->tp_sec * NS_PER_S + h->tp_nsec;
	struct packet p;

	ps->packets++;
	if (!wanted(ps, sll, &p.dir)) {
		ps->ignored++;
		return;
	}
	p.t_ns = clock_advance(ps->env.clock, clock_from_wall(ps->env.clock, wall_ns));
	p.ifindex = sll->sll_ifindex;
	if (packet_parse(&ps->parser, ntohs(sll->sll_protocol), frame + h->tp_net, h->tp_snaplen,
			 h->tp_len, &p) != PACKET_OK)
		return;
	if (p.dir == PACKET_DIR_OUT && contains(ps->lower, ps->n_lowers, p.ifindex) &&
	    seen_above(ps, &p)) {
		ps->seen_above++;
		return;
	}
	engine_packet(engine, &p);
}

/*
 * The frame at `offset`, if all of it lies within the block, or NULL. On a SOCK_DGRAM socket tp_mac
 * and tp_net are the same place: the packet starts at its network header.
 */
static const struct tpacket3_hdr *frame_at(const struct packet_source *ps, const uint8_t *block,
					   size_t offset)
{
	const struct tpacket3_hdr *h;
	size_t left;

	if (offset % FRAME_ALIGN || offset > ps->block_bytes)
		return NULL;
	left = ps->block_bytes - offset;
	if (left < SLL_OFFSET + sizeof(struct sockaddr_ll))
		return NULL;
	h = (const void *)(block + offset);
	if (h->tp_mac != h->tp_net || h->tp_net > left || h->tp_snaplen > left - h->tp_net)
		return NULL;
	return h;
}

/* Returns how many frames it took. */
static unsigned int walk_block(struct packet_source *ps, struct engine *engine,
			       const uint8_t *block)
{
	const struct tpacket_block_desc *desc = (const void *)block;
	unsigned int i, n = desc->hdr.bh1.num_pkts;
	size_t offset = desc->hdr.bh1.offset_to_first_pkt;

	for (i = 0; i < n; i++) {
		const struct tpacket3_hdr *h = frame_at(ps, block, offset);

		if (!h) {
			ps->malformed += n - i;
			break;
		}
		take_frame(ps, engine, h);
		offset += h->tp_next_offset;
	}
	return i;
}

/* An interface that went down concerns only sockets bound to it alone. */
static int socket_error(int fd)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
		return -errno;
	return err == ENETDOWN ? 0 : -err;
}

static int packet_read(struct source *s, struct engine *engine)
{
	struct packet_source *ps = s->state;
	unsigned int blocks, n = 0;

	/* At most the whole ring at a time: a flood must not keep the loop from its other work. */
	for (blocks = 0; blocks < ps->n_blocks; blocks++) {
		uint8_t *block = ps->ring + ps->next_block * ps->block_bytes;
		uint32_t *status =
			&((struct tpacket_block_desc *)(void *)block)->hdr.bh1.block_status;

		if (!(__atomic_load_n(status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			break;
		if (blocks == 0)
			clock_sync_live(ps->env.clock);
		n += walk_block(ps, engine, block);
		__atomic_store_n(status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		ps->next_block = (ps->next_block + 1) % ps->n_blocks;
	}
	return blocks ? (int)n : socket_error(ps->env.privileged_fd);
}

static int packet_fd(const struct source *s)
{
	const struct packet_source *ps = s->state;

	return ps->env.privileged_fd;
}

static void packet_stats(struct source *s, struct source_stats *out)
{
	struct packet_source *ps = s->state;
	const uint64_t *counts = ps->parser.counts;
	struct tpacket_stats_v3 kernel = { 0 };
	socklen_t len = sizeof(kernel);

	/* The kernel's counters start anew whenever they are read. */
	if (!getsockopt(ps->env.privileged_fd, SOL_PACKET, PACKET_STATISTICS, &kernel, &len))
		ps->lost += kernel.tp_drops;
	out->packets = ps->packets;
	out->parsed = counts[PACKET_OK] - ps->seen_above;
	out->ignored = ps->ignored + ps->seen_above + counts[PACKET_IGNORED];
	out->truncated = counts[PACKET_TRUNCATED];
	out->malformed = ps->malformed + counts[PACKET_MALFORMED];
	out->pending = counts[PACKET_PENDING];
	out->lost = ps->lost;
}

static void packet_stop(struct source *s)
{
	struct packet_source *ps = s->state;

	if (!ps)
		return;
	munmap(ps->ring, ps->block_bytes * ps->n_blocks);
	close(ps->env.privileged_fd);
	free(ps);
	s->state = NULL;
}

const struct source_ops source_packet = {
	.name = "packet",
	.cannot_see = "plain data of TCP connections, UDP from the ephemeral ports up, frames of a "
		      "VLAN without an interface here",
	.open_privileged = packet_open,
	.start = packet_start,
	.read = packet_read,
	.reconfigure = packet_reconfigure,
	.fd = packet_fd,
	.stats = packet_stats,
	.stop = packet_stop,
};
