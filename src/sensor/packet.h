/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From bytes at the network header to struct packet: the part of a packet that detection needs.
 *
 * Live and replayed packets pass the same parser. It reads IPv4 with options and IPv6 with
 * extension headers (RFC 8200), joins the first fragments of a TCP header that was cut in pieces
 * (RFC 1858 describes the attack), and looks into ICMP errors for the datagram they speak of.
 */
#ifndef MIMAMORI_SENSOR_PACKET_H
#define MIMAMORI_SENSOR_PACKET_H

#include "core/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20

/* How much of a packet, from its network header, the parser can use: IPv6, a usual chain of
 * extension headers, and a TCP header with full options. */
#define PACKET_SNAPLEN 136
#define PACKET_MAX_EXTENSIONS 8 /* longer IPv6 chains are malformed (counted) */
#define PACKET_FRAGMENT_SLOTS 16 /* TCP headers in pieces that are waited for at a time */
#define PACKET_FRAGMENT_BYTES 24 /* kept of each: its fixed part, in whole eight-byte units */

enum packet_dir {
	PACKET_DIR_IN, /* came to this host, or through it */
	PACKET_DIR_OUT, /* sent by this host */
	PACKET_DIR_UNKNOWN, /* replay */
};

enum packet_proto {
	PACKET_TCP,
	PACKET_UDP,
	PACKET_ICMP_ECHO, /* echo request, v4 or v6 */
	PACKET_ICMP_ECHO_REPLY,
	/* A port, protocol, host or net unreachable, or "administratively prohibited". src and dst and
	 * the ports are those of the *quoted* datagram turned around: src is who was asked and did
	 * not serve, dst is who had asked; quoted_proto says how. */
	PACKET_UNREACHABLE,
	PACKET_ARP_REQUEST, /* src asks for dst (IPv4) */
	PACKET_ICMP_QUERY, /* asks a host about itself, not whether it is there: `type` says what */
	PACKET_NEIGHBOUR, /* ICMPv6 neighbour solicitation: src asks for dst, its target */
	PACKET_SCTP, /* its first chunk, `type`, is one of PACKET_SCTP_* */
	PACKET_IP, /* of a protocol that nobody speaks: dport is its number */
	PACKET_ICMP, /* bulk only: any other message of ICMP or ICMPv6, `type` */
	/* Bulk only: a later fragment, or of a protocol that somebody speaks. dport is the protocol's number. */
	PACKET_OTHER,
};

/* What parsing came to. Everything but OK is counted by the source and goes no further. */
enum packet_result {
	PACKET_OK,
	PACKET_IGNORED, /* well-formed, nothing for detection (plain data, other protocols) */
	PACKET_PENDING, /* a fragment that waits for its sibling */
	PACKET_TRUNCATED, /* ends before its headers do */
	PACKET_MALFORMED, /* contradicts itself: lengths, versions, header chains */
	PACKET_RESULTS,
};

struct packet {
	uint64_t t_ns; /* clock time, set by the source */
	struct addr src, dst;
	uint16_t sport, dport; /* host order; 0 for ICMP */
	uint8_t proto; /* enum packet_proto */
	/* PACKET_UNREACHABLE: PACKET_TCP, UDP, SCTP, IP (sport is the protocol) or OTHER (ICMP) */
	uint8_t quoted_proto;
	uint8_t dir; /* enum packet_dir */
	uint8_t ttl;
	uint16_t ip_id; /* IPv4; 0 in IPv6 */
	uint8_t tcp_flags; /* the eight flag bits */
	uint8_t fragmented; /* its TCP header came in pieces */
	uint8_t fragment; /* enum packet_part */
	uint8_t tcp_options; /* PACKET_OPT_* bits */
	uint8_t unreachable_port; /* PACKET_UNREACHABLE: it is the port, or the protocol, not the host */
	uint8_t type; /* of ICMP and ICMPv6; of an SCTP packet's first chunk */
	uint8_t answer; /* UDP: from a service's port, and by its payload an answer, not a question */
	uint8_t link_group; /* set by the source: it came to a broadcast or multicast link address */
	uint8_t answers_shed; /* set by the source: the answers to it that it does not deliver just now */
	/* It passed, or was kept, only to be counted for floods: plain data, datagrams to served ports, later
	 * fragments, pings that go on. Nothing else may judge it. */
	uint8_t bulk;
	uint8_t solicited; /* enum packet_solicited; set by the source, of bulk that came in */
	uint8_t question; /* plain data: the service_probe() that it is; else 0 */
	uint8_t login; /* plain data: enum login_mark (login.h) */
	uint8_t met; /* set by the engine: to a service that has answered this peer of late */
	uint16_t tcp_window;
	uint16_t payload; /* transport payload bytes by the IP length (of this fragment), saturated */
	uint16_t tcp_urgent, tcp_mss; /* the urgent pointer, set or not; the MSS option, 0: none */
	uint32_t tcp_seq, tcp_ack;
	uint32_t tcp_timestamp; /* TSval of the option, 0: none */
	uint32_t link; /* hash of the sender's link address, never 0 then; 0: none, or unknown */
	uint32_t stands_for; /* of bulk: one in so many passes; set by the source, at least 1 */
	uint32_t wire_len; /* bytes at the network header, as on the wire */
	int32_t ifindex; /* live; 0 in replay */
};

/* Chunks that open and refuse associations (RFC 9260 §3.2). */
#define PACKET_SCTP_INIT 1
#define PACKET_SCTP_INIT_ACK 2
#define PACKET_SCTP_ABORT 6
#define PACKET_SCTP_COOKIE_ECHO 10

/* Is a segment or datagram one that somebody here waits for? See solicited.h. */
enum packet_solicited {
	PACKET_SOLICITED_UNKNOWN,
	PACKET_SOLICITED_YES, /* of a connection, or from the peer of a connected socket */
	PACKET_SOLICITED_NO, /* nobody here has such a socket, and the kernel has refused or dropped as many */
};

enum packet_part {
	PACKET_WHOLE,
	PACKET_FIRST_FRAGMENT, /* more follow */
	PACKET_LATER_FRAGMENT,
};

/* struct packet's answers_shed */
#define PACKET_SHED_REFUSAL 1
#define PACKET_SHED_SYN_ACK 2

#define PACKET_OPT_ANY 0x01 /* the header is longer than 20 bytes */
#define PACKET_OPT_MSS 0x02
#define PACKET_OPT_SACK 0x04
#define PACKET_OPT_TIMESTAMP 0x08
#define PACKET_OPT_WSCALE 0x10
#define PACKET_OPT_BAD 0x20 /* options that do not parse */

struct packet_fragment {
	struct addr src, dst;
	uint32_t id;
	uint8_t have; /* bits 0-2: bytes 0-7, 8-15, 16-19 of the header were seen; bit 3: 20-23 */
	uint8_t used;
	uint8_t bytes[PACKET_FRAGMENT_BYTES];
};

/* Holds what outlives one packet: TCP headers in pieces. Embedded, no heap. */
struct packet_parser {
	struct packet_fragment fragment[PACKET_FRAGMENT_SLOTS];
	unsigned int next_slot;
	uint64_t counts[PACKET_RESULTS];
	bool acks; /* whether bare ACKs matter: in captures, where they are what an ACK scan's RSTs answer */
	bool bulk; /* whether what is of no use but to be counted is PACKET_OK, with `bulk` set, not IGNORED */
};

void packet_parser_init(struct packet_parser *pp);

/*
 * Parses `captured` bytes at the network header of an IPv4 or IPv6 packet (`wire_len` as it was on
 * the wire). ethertype: 0x0800 or 0x86dd, or 0 to go by the version nibble. Fills all of *out but
 * t_ns, dir and ifindex when it returns PACKET_OK; counts the result either way.
 *
 * A TCP packet of plain data (ACK set, no SYN, FIN or RST: packet_is_plain_data()) is PACKET_IGNORED, as
 * the live filter drops it, unless all its payload is a question of service detection, or it begins like what
 * login.h knows, or it has none and pp->acks is set.
 */
enum packet_result packet_parse(struct packet_parser *pp, uint16_t ethertype, const uint8_t *bytes,
				size_t captured, size_t wire_len, struct packet *out);

/*
 * Likewise, of a packet that the live filter passed only as a sample: all of it is bulk, whatever it is.
 * Nothing waits for it, and an ICMP error is not turned round.
 */
enum packet_result packet_parse_sample(struct packet_parser *pp, uint16_t ethertype,
				       const uint8_t *bytes, size_t captured, size_t wire_len,
				       struct packet *out);

/* An ARP request body (after the link header), into PACKET_ARP_REQUEST. Gratuitous: ignored. */
enum packet_result packet_parse_arp(struct packet_parser *pp, const uint8_t *bytes, size_t captured,
				    struct packet *out);

/*
 * Is it a protocol that nobody ordinary speaks? Ranges of the IANA registry that hold nothing but what
 * died decades ago or was never assigned; they are few, so that the filter can look at them, too.
 */
static inline bool packet_unspoken(uint8_t protocol)
{
	return (protocol >= 7 && protocol <= 16) || (protocol >= 18 && protocol <= 40) ||
	       (protocol >= 61 && protocol <= 87) || (protocol >= 116 && protocol <= 131) ||
	       protocol >= 146;
}

/* For struct packet's link, from a link address of up to eight bytes; none, or zeros (loopback): 0. */
static inline uint32_t packet_link(const uint8_t *address, size_t len)
{
	uint64_t a = 0;

	for (size_t i = 0; i < len && i < 8; i++)
		a = a << 8 | address[i];
	return a ? (uint32_t)(a * 0x9e3779b97f4a7c15ULL >> 32) | 1 : 0;
}

static inline bool packet_is_plain_data(uint8_t tcp_flags)
{
	return (tcp_flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)) == TCP_ACK;
}

#endif
