/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The classic BPF program of the packet source: lets through only what detection needs.
 *
 * It runs on a SOCK_DGRAM packet socket, so offset 0 is the network header whatever the link is.
 * What passes, of packets to this host or sent by it (not other hosts'):
 *   - TCP but plain data (ACK without SYN, FIN, RST): first packets, ends, refusals, both ways;
 *   - of plain data that comes in, short packets that begin like a question of service detection, and
 *     ssh's NEWKEYS; of plain data sent from login ports, refusals in clear text (login.h);
 *   - the first fragments of a TCP segment, and later ones that can still hold its header;
 *   - UDP to, and from, a port below the ephemeral range of this host where nothing listens (the
 *     list is part of the program, which is rebuilt when it changes);
 *   - SCTP that opens or refuses an association, by its first chunk;
 *   - datagrams of protocols that nobody ordinary speaks (packet_unspoken());
 *   - ICMP and ICMPv6 unreachable (port, host, protocol) that this host sends;
 *   - ICMP timestamp, address mask and information requests, ICMPv6 node information queries;
 *   - the first echo requests of a ping (sequence number 0 or 1), and those without payload, as
 *     scanners send them: a ping that goes on costs no wakeups;
 *   - IPv6 with extension headers coming in, for user space to follow the chain; not later fragments that
 *     can hold no header.
 * Of broadcast and multicast only ARP requests and neighbour solicitations for every eighth address,
 * which stand for the others: enough to see a sweep. In gateway scope all echo requests
 * pass, and unreachables in both directions. Of everything else that comes in, and of UDP both ways,
 * one packet in bulk_one_in passes, at random: floods are seen by it (packet-sample.h). Such a sample is kept
 * without its last byte, and that is how it is told from what passes for itself:
 * filter_is_sample(). See linux/Documentation/networking/filter.rst.
 */
#ifndef MIMAMORI_SENSOR_FILTER_H
#define MIMAMORI_SENSOR_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#define FILTER_MAX_INSNS 480 /* some more than all lists full take */
#define FILTER_MAX_UDP_PORTS 64 /* more listeners: the highest are left to user space to ignore */
#define FILTER_MAX_TCP_PORTS \
	24 /* more in flood at a time: the answers of the highest are not shed */
#define FILTER_MAX_LOGIN_PORTS 24
#define FILTER_MAX_INTERFACES 32 /* to pass or to drop */
#define FILTER_SAMPLE 8 /* of so many addresses on the link, requests for one are looked at */
#define FILTER_NO_SAMPLE \
	FILTER_SAMPLE /* a residue that no address has: sweeps are not looked for */

struct filter_params {
	/* Interfaces to pass (n_only > 0) or to drop (loopback, members of a bridge or bond, whose
	 * packets are seen again on their master). */
	int only[FILTER_MAX_INTERFACES];
	unsigned int n_only;
	int skip[FILTER_MAX_INTERFACES];
	unsigned int n_skip;
	/* Frames that still carry a VLAN tag with an id: they are seen again on the VLAN's own
	 * interface, or are not for this host. */
	bool pass_tagged;
	uint16_t udp_open[FILTER_MAX_UDP_PORTS]; /* ports where this host serves UDP */
	unsigned int n_udp_open;
	uint16_t ephemeral_first; /* of net.ipv4.ip_local_port_range: from here up UDP is not passed */
	/* Leave out this host's answers to SYNs that tell nothing new, half of the packets of a flood:
	 * refusals (RST, ACK, sequence number 0: RFC 9293 §3.10.7.1), and SYN/ACKs from these ports. */
	bool shed_refusals;
	uint16_t shed_port[FILTER_MAX_TCP_PORTS];
	unsigned int n_shed_ports;
	/* Ports of login services that speak in clear text. */
	uint16_t login_port[FILTER_MAX_LOGIN_PORTS];
	unsigned int n_login_ports;
	bool gateway; /* what is forwarded is watched, too */
	/* The last byte, modulo FILTER_SAMPLE, of the addresses asked for in ARP requests and neighbour
	 * solicitations that pass: best one that no busy address of the link has. */
	uint8_t sample_v4, sample_v6;
	uint32_t bulk_one_in; /* a power of two; 0: nothing of the rest passes */
	uint32_t snaplen; /* bytes kept of what passes, at least 2 */
};

/* Writes the program; its length in instructions, or -E2BIG, or -EINVAL (more of anything than
 * its FILTER_MAX). */
int filter_build(const struct filter_params *params, struct sock_filter prog[FILTER_MAX_INSNS]);

/* Did a packet of this length pass as a sample, when so many bytes of it were kept? */
static inline bool filter_is_sample(uint32_t snaplen, uint32_t kept, uint32_t len)
{
	return kept + 1 == (len < snaplen ? len : snaplen);
}

struct host;

/*
 * Which addresses of the link stand for all, by their last byte modulo FILTER_SAMPLE: such that none of this
 * host's own is among them, as its neighbours ask for those all the time, nor, if possible, .1 and .254, where
 * routers are.
 */
uint8_t filter_sample(const struct host *h, bool v4);

/* Attaches it to a socket at once, replacing the one before. 0 or -errno. No privilege needed. */
int filter_attach(int fd, const struct filter_params *params);

/* Attaches "drop everything": between opening a socket and binding it. 0 or -errno. */
int filter_attach_closed(int fd);

#endif
