/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packet source: one AF_PACKET socket over all interfaces (packet(7)), read through a ring.
 *
 * Theory of operation
 * -------------------
 * The helper opens the socket with protocol 0, which receives nothing, puts "drop everything" on
 * it, makes the ring and only then binds. The engine maps the ring and attaches the real filter, which
 * needs no privilege: no unfiltered packet ever enters.
 *
 * SOCK_DGRAM cuts the link header off, so that Ethernet, PPP, WWAN and TUN look the same.
 *
 * Why nothing is counted twice, although every layer of stacked interfaces shows a packet:
 *   - member of a bridge, bond, team: left out, its packets are seen again on the master;
 *   - a VRF itself: left out, its packets are seen on its members (see host.h);
 *   - VLAN: the frame on the interface below still carries its tag and is dropped by the filter; a
 *     priority tag (id 0) is no VLAN, such a frame is seen once only and passes;
 *   - macvlan, ipvlan: coming in, the interface below sees a packet for another host, which the
 *     filter drops; going out, it sees the packet again, and host_seen_above() knows it by its source;
 *   - loopback: left out; named explicitly, of the two sightings only the arrival counts.
 */
#include "sensor/source-packet-internal.h"

#include "core/clock.h"
#include "core/cursor.h"
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
#include <sys/socket.h>
#include <unistd.h>

#define LAG_MARGIN_NS (200 * NS_PER_MS) /* the retire timer's own slack, and a busy processor */

static struct packet_ring_params ring_params(const struct sensor_config *config)
{
	return (struct packet_ring_params){
		.ring_bytes = config->ring_bytes,
		.block_bytes = config->block_bytes,
		.retire_ns = config->block_retire_ns,
	};
}

static int bind_all(int fd)
{
	struct sockaddr_ll any = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };

	return bind(fd, (struct sockaddr *)&any, sizeof(any)) ? -errno : 0;
}

static int packet_open(const struct sensor_config *config, char *error, size_t error_len)
{
	struct packet_ring_params params = ring_params(config);
	int fd, err;

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
	err = packet_ring_make(fd, &params);
	if (err) {
		snprintf(error, error_len,
			 "cannot make a packet ring of %llu bytes in blocks of %llu: %s; make it "
			 "smaller in section [packet]",
			 (unsigned long long)params.ring_bytes,
			 (unsigned long long)params.block_bytes, strerror(-err));
		goto err_close;
	}
	err = bind_all(fd);
	if (err) {
		snprintf(error, error_len, "cannot bind the packet socket: %s", strerror(-err));
		goto err_close;
	}
	return fd;

err_close:
	close(fd);
	return err;
}

static int attach_filter(struct packet_source *ps)
{
	return ps->closed ? filter_attach_closed(ps->env.privileged_fd) :
			    filter_attach(ps->env.privileged_fd, &ps->filter);
}

static void look_whether_blind(struct source *s)
{
	const struct packet_source *ps = s->state;

	s->blind = ps->closed ? "none of the interfaces named exists: waiting for them" : NULL;
}

static int packet_reconfigure(struct source *s)
{
	struct packet_source *ps = s->state;
	bool was_closed = ps->closed;
	struct filter_params f;
	int err;

	packet_source_filter(ps, &f);
	look_whether_blind(s);
	if (ps->closed == was_closed && !memcmp(&f, &ps->filter, sizeof(f)))
		return 0;
	ps->filter = f;
	err = attach_filter(ps);
	if (err)
		memset(&ps->filter, 0xff, sizeof(ps->filter)); /* equals nothing: try again */
	return err;
}

static int packet_start(struct source *s, const struct source_env *env, char *error,
			size_t error_len)
{
	struct packet_ring_params params = ring_params(env->config);
	struct packet_source *ps = calloc(1, sizeof(*ps));
	const char *step;
	int err;

	if (!ps) {
		snprintf(error, error_len, "out of memory");
		return -ENOMEM;
	}
	ps->env = *env;
	packet_parser_init(&ps->parser);
	packet_shed_init(&ps->shed, env->config->shed_rate, env->seed, env->clock->now_ns);
	packet_sample_init(&ps->sample, env->config->sample_first, env->config->sample_max,
			   2 * (env->config->block_retire_ns + LAG_MARGIN_NS), env->clock->now_ns);
	solicited_init(&ps->solicited, env->host, env->listeners, env->counters,
		       env->clock->now_ns);

	step = "map the ring of";
	err = packet_ring_map(&ps->ring, env->privileged_fd, &params);
	if (err)
		goto err_free;
	step = "attach the filter to";
	packet_source_filter(ps, &ps->filter);
	err = attach_filter(ps);
	if (err)
		goto err_unmap;
	s->state = ps;
	look_whether_blind(s);
	s->lag_ns = env->config->block_retire_ns + LAG_MARGIN_NS;
	return 0;

err_unmap:
	packet_ring_unmap(&ps->ring);
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

/* The direction of a packet that is to be looked at at all. */
static bool wanted(const struct packet_source *ps, const struct sockaddr_ll *sll, uint8_t *dir)
{
	uint16_t ethertype = ntohs(sll->sll_protocol);

	if (ethertype != ETH_P_IP && ethertype != ETH_P_IPV6 && ethertype != ETH_P_ARP)
		return false;
	if (sll->sll_pkttype == PACKET_HOST || sll->sll_pkttype == PACKET_BROADCAST ||
	    sll->sll_pkttype == PACKET_MULTICAST)
		*dir = PACKET_DIR_IN;
	else if (sll->sll_pkttype == PACKET_OUTGOING)
		*dir = PACKET_DIR_OUT;
	else
		return false;
	if (ps->n_dropped && contains(ps->dropped, ps->n_dropped, sll->sll_ifindex))
		return false;
	return *dir == PACKET_DIR_IN || sll->sll_ifindex != ps->loopback;
}

/* A sample's last byte is missing (filter.h). Where a header ends with it, it is a checksum or an
 * urgent pointer, and nobody's concern. */
static enum packet_result parse_sample(struct packet_source *ps, uint16_t ethertype,
				       const struct tpacket3_hdr *h, const uint8_t *net,
				       struct packet *p)
{
	uint8_t bytes[PACKET_SNAPLEN] = { 0 };
	uint32_t kept = h->tp_snaplen;

	memcpy(bytes, net, kept);
	return packet_parse_sample(&ps->parser, ethertype, bytes,
				   kept + 1 == h->tp_len ? kept + 1 : kept, h->tp_len, p);
}

static enum packet_result parse(struct packet_source *ps, uint16_t ethertype,
				const struct tpacket3_hdr *h, const uint8_t *net, struct packet *p)
{
	if (ethertype == ETH_P_ARP)
		return packet_parse_arp(&ps->parser, net, h->tp_snaplen, p);
	if (filter_is_sample(PACKET_SNAPLEN, h->tp_snaplen, h->tp_len))
		return parse_sample(ps, ethertype, h, net, p);
	return packet_parse(&ps->parser, ethertype, net, h->tp_snaplen, h->tp_len, p);
}

/* Which of this host's answers to p, an opening, do not pass the filter: PACKET_SHED_* bits. */
static uint8_t answers_shed(const struct packet_source *ps, const struct packet *p)
{
	const struct filter_params *f = &ps->filter;
	uint8_t shed = f->shed_refusals ? PACKET_SHED_REFUSAL : 0;

	for (unsigned int i = 0; i < f->n_shed_ports; i++)
		if (f->shed_port[i] == p->dport)
			return shed | PACKET_SHED_SYN_ACK;
	return shed;
}

static void take_frame(const struct tpacket3_hdr *h, const struct sockaddr_ll *from,
		       const uint8_t *net, void *arg)
{
	struct packet_source *ps = arg;
	uint64_t wall_ns = h->tp_sec * NS_PER_S + h->tp_nsec;
	struct packet p;

	if (!wanted(ps, from, &p.dir)) {
		ps->ignored++;
		return;
	}
	p.t_ns = clock_advance(ps->env.clock, clock_from_wall(ps->env.clock, wall_ns));
	p.ifindex = from->sll_ifindex;
	if (parse(ps, ntohs(from->sll_protocol), h, net, &p) != PACKET_OK)
		return;
	if (p.dir == PACKET_DIR_IN)
		packet_shed_see(&ps->shed, &p);
	p.answers_shed = answers_shed(ps, &p);
	p.link_group = from->sll_pkttype == PACKET_BROADCAST ||
		       from->sll_pkttype == PACKET_MULTICAST;
	p.link = p.dir == PACKET_DIR_IN ? packet_link(from->sll_addr, from->sll_halen) : 0;
	if (p.dir == PACKET_DIR_OUT && contains(ps->lower, ps->n_lowers, p.ifindex) &&
	    !ps->env.config->interfaces.count && host_seen_above(ps->env.host, p.src, p.ifindex)) {
		ps->seen_above++;
		return;
	}
	if (p.bulk) {
		p.stands_for = packet_sample_see(&ps->sample, p.t_ns);
		p.solicited = solicited_ask(&ps->solicited, &p, ps->env.clock->read_ns);
	} else {
		solicited_see(&ps->solicited, &p);
	}
	engine_packet(ps->engine, &p);
}

static uint64_t handed_over(const struct packet_source *ps)
{
	return ps->parser.counts[PACKET_OK] - ps->seen_above;
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

/* What to leave out from now on. 0 or -errno. */
static int shed(struct source *s)
{
	struct packet_source *ps = s->state;
	uint16_t served[PACKET_SOURCE_SERVED_MAX];
	unsigned int n = listeners_tcp_ports(ps->env.listeners, served, PACKET_SOURCE_SERVED_MAX);

	return packet_shed_choose(&ps->shed, ps->env.clock->read_ns, served, n) ?
		       packet_reconfigure(s) :
		       0;
}

/* How many bulk packets to look at from now on. 0 or -errno. */
static int resample(struct source *s)
{
	struct packet_source *ps = s->state;
	int err;

	if (packet_sample_choose(&ps->sample, ps->env.clock->read_ns)) {
		err = packet_reconfigure(s);
		if (err)
			return err;
		clock_sync_live(ps->env.clock);
		packet_sample_changed(&ps->sample, ps->env.clock->read_ns);
	}
	s->due_ns = packet_sample_due(&ps->sample);
	return 0;
}

static int packet_read(struct source *s, struct engine *engine)
{
	struct packet_source *ps = s->state;
	uint64_t before = handed_over(ps);
	int err;

	ps->engine = engine;
	clock_sync_live(ps->env.clock);
	solicited_batch(&ps->solicited);
	if (!packet_ring_read(&ps->ring, take_frame, ps))
		return s->due_ns && ps->env.clock->read_ns >= s->due_ns ?
			       resample(s) :
			       socket_error(ps->env.privileged_fd);
	/* Where somebody else may answer for this host, each answer tells something. */
	ps->shed.per_second = ps->env.host->forwards || ps->env.listeners->left_out ?
				      0 :
				      ps->env.config->shed_rate;
	if (packet_shed_count(&ps->shed, ps->env.clock->read_ns, handed_over(ps) - before)) {
		err = shed(s);
		if (err)
			return err;
	}
	err = resample(s);
	return err ? err : (int)(handed_over(ps) - before);
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
	out->packets = ps->ring.frames;
	out->parsed = handed_over(ps);
	out->ignored = ps->ignored + ps->seen_above + counts[PACKET_IGNORED];
	out->truncated = counts[PACKET_TRUNCATED];
	out->malformed = ps->ring.malformed + counts[PACKET_MALFORMED];
	out->pending = counts[PACKET_PENDING];
	out->lost = ps->lost;
	out->shed = ps->shed.times;
	out->sampled = ps->sample.taken;
	out->resampled = ps->sample.changes;
	out->unasked = ps->solicited.limited;
}

static void packet_stop(struct source *s)
{
	struct packet_source *ps = s->state;

	if (!ps)
		return;
	packet_ring_unmap(&ps->ring);
	close(ps->env.privileged_fd);
	free(ps);
	s->state = NULL;
}

const struct source_ops source_packet = {
	.name = "packet",
	.cannot_see =
		"plain data of TCP connections, and UDP from the ephemeral ports up, but for samples, small sweeps "
		"of the link by ARP, frames of a VLAN without an interface here",
	.open_privileged = packet_open,
	.start = packet_start,
	.read = packet_read,
	.reconfigure = packet_reconfigure,
	.fd = packet_fd,
	.stats = packet_stats,
	.stop = packet_stop,
};
