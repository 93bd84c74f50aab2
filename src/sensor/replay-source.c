/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/replay-source.h"

#include "core/clock.h"
#include "core/cursor.h"
#include "sensor/engine.h"
#include "sensor/packet.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#define COOKED_BROADCAST 1 /* LINUX_SLL_BROADCAST */
#define COOKED_MULTICAST 2
#define COOKED_OUTGOING 4 /* LINUX_SLL_OUTGOING */
#define COOKED_ADDRESS 8
#define MAX_TAGS 4 /* VLAN tags on one frame */
#define MAX_UNIX_S UINT32_MAX /* later than 2106: not a time but damage */
#define READ_AHEAD_BYTES (128 * 1024)

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_PPPOE 0x8864
#define ETHERTYPE_QINQ 0x88a8
#define ETHERTYPE_OLD_QINQ 0x9100
#define ETHERTYPE_LOWEST 0x0600 /* below, the field is a length (IEEE 802.3) */
#define PPP_IPV4 0x0021
#define PPP_IPV6 0x0057

/* Moves c from the link header to the network header. OK: *ethertype is set. */
typedef enum packet_result strip_fn(struct cursor *c, uint16_t *ethertype);

/* The sender's link address, hashed (struct packet's link), at the link header; 0: none. */
typedef uint32_t link_fn(struct cursor c);

struct link_type {
	int dlt;
	strip_fn *strip;
	link_fn *link; /* NULL: the link has no addresses */
};

struct replay {
	struct engine *engine;
	struct clock *clock;
	const struct link_type *type;
	uint64_t packets;
	uint64_t counts[PACKET_RESULTS]; /* of link headers; the parser counts the rest */
	struct packet_parser parser;
};

/* RFC 1661 and RFC 1662: address and control bytes, and half the protocol, may be left out. */
static enum packet_result strip_ppp(struct cursor *c, uint16_t *ethertype)
{
	uint8_t byte, low;
	uint16_t protocol;

	if (!cursor_u8(c, &byte))
		return PACKET_TRUNCATED;
	if (byte == 0xff && (!cursor_skip(c, 1) || !cursor_u8(c, &byte)))
		return PACKET_TRUNCATED;
	protocol = byte;
	if (!(byte & 1)) {
		if (!cursor_u8(c, &low))
			return PACKET_TRUNCATED;
		protocol = (uint16_t)(byte << 8 | low);
	}
	if (protocol != PPP_IPV4 && protocol != PPP_IPV6)
		return PACKET_IGNORED;
	*ethertype = protocol == PPP_IPV4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
	return PACKET_OK;
}

/* RFC 2516 §4: version and type, code, session, length. */
static enum packet_result strip_pppoe(struct cursor *c, uint16_t *ethertype)
{
	return cursor_skip(c, 6) ? strip_ppp(c, ethertype) : PACKET_TRUNCATED;
}

/* What follows an EtherType that has been read: tags (IEEE 802.1Q), SNAP, PPPoE. */
static enum packet_result strip_tags(struct cursor *c, uint16_t *ethertype)
{
	static const uint8_t snap[] = { 0xaa, 0xaa, 0x03, 0, 0, 0 };
	const uint8_t *llc;
	unsigned int tags;

	for (tags = 0; *ethertype == ETHERTYPE_VLAN || *ethertype == ETHERTYPE_QINQ ||
		       *ethertype == ETHERTYPE_OLD_QINQ;
	     tags++) {
		if (tags == MAX_TAGS)
			return PACKET_MALFORMED;
		if (!cursor_skip(c, 2) || !cursor_be16(c, ethertype))
			return PACKET_TRUNCATED;
	}
	if (*ethertype == ETHERTYPE_PPPOE)
		return strip_pppoe(c, ethertype);
	if (*ethertype < ETHERTYPE_LOWEST) {
		llc = cursor_take(c, sizeof(snap));
		if (!llc || memcmp(llc, snap, sizeof(snap)) != 0 || !cursor_be16(c, ethertype))
			return PACKET_IGNORED;
	}
	return PACKET_OK;
}

static enum packet_result strip_ethernet(struct cursor *c, uint16_t *ethertype)
{
	if (!cursor_skip(c, 12) || !cursor_be16(c, ethertype))
		return PACKET_TRUNCATED;
	if (*ethertype == ETHERTYPE_IPV4 || *ethertype == ETHERTYPE_IPV6)
		return PACKET_OK;
	return strip_tags(c, ethertype);
}

/* LINKTYPE_LINUX_SLL: the protocol is the last field of a 16-byte header. */
static enum packet_result strip_sll(struct cursor *c, uint16_t *ethertype)
{
	if (!cursor_skip(c, 14) || !cursor_be16(c, ethertype))
		return PACKET_TRUNCATED;
	return strip_tags(c, ethertype);
}

/* LINKTYPE_LINUX_SLL2: the protocol is the first field of a 20-byte header. */
static enum packet_result strip_sll2(struct cursor *c, uint16_t *ethertype)
{
	if (!cursor_be16(c, ethertype) || !cursor_skip(c, 18))
		return PACKET_TRUNCATED;
	return strip_tags(c, ethertype);
}

static uint32_t link_ethernet(struct cursor c)
{
	const uint8_t *address;

	if (!cursor_skip(&c, 6))
		return 0;
	address = cursor_take(&c, 6);
	return address ? packet_link(address, 6) : 0;
}

/* The address of a Linux cooked header, whose sender it is unless this host sent it. */
static uint32_t link_cooked(struct cursor c, bool outgoing, size_t len)
{
	const uint8_t *address = cursor_take(&c, COOKED_ADDRESS);

	return !address || outgoing || len > COOKED_ADDRESS ? 0 : packet_link(address, len);
}

static uint32_t link_sll(struct cursor c)
{
	uint16_t direction, len;

	if (!cursor_be16(&c, &direction) || !cursor_skip(&c, 2) || !cursor_be16(&c, &len))
		return 0;
	return link_cooked(c, direction == COOKED_OUTGOING, len);
}

static uint32_t link_sll2(struct cursor c)
{
	uint8_t direction, len;

	if (!cursor_skip(&c, 10) || !cursor_u8(&c, &direction) || !cursor_u8(&c, &len))
		return 0;
	return link_cooked(c, direction == COOKED_OUTGOING, len);
}

static enum packet_result strip_raw(struct cursor *c, uint16_t *ethertype)
{
	(void)c;
	*ethertype = 0;
	return PACKET_OK;
}

/* LINKTYPE_NULL, LINKTYPE_LOOP: an address family, in the byte order of whoever captured. */
static enum packet_result strip_family(struct cursor *c, uint16_t *ethertype)
{
	uint32_t family;

	if (!cursor_be32(c, &family))
		return PACKET_TRUNCATED;
	if (family & 0xffff0000)
		family = __builtin_bswap32(family);
	switch (family) {
	case 2:
		*ethertype = ETHERTYPE_IPV4;
		return PACKET_OK;
	case 10: /* Linux */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* Darwin */
		*ethertype = ETHERTYPE_IPV6;
		return PACKET_OK;
	}
	return PACKET_IGNORED;
}

/* RFC 1547 §4.3.1: address, control, EtherType. */
static enum packet_result strip_chdlc(struct cursor *c, uint16_t *ethertype)
{
	if (!cursor_skip(c, 2) || !cursor_be16(c, ethertype))
		return PACKET_TRUNCATED;
	return PACKET_OK;
}

static const struct link_type link_types[] = {
	{ DLT_EN10MB, strip_ethernet, link_ethernet }, /* Ethernet, and Wi-Fi as hosts see it */
	{ DLT_LINUX_SLL, strip_sll, link_sll }, /* "any" of tcpdump */
	{ DLT_LINUX_SLL2, strip_sll2, link_sll2 }, /* the same since libpcap 1.10 */
	{ DLT_RAW, strip_raw, NULL }, /* TUN, WireGuard, mobile modems */
	{ 14, strip_raw, NULL }, /* DLT_RAW as OpenBSD numbers it */
	{ DLT_IPV4, strip_raw, NULL },
	{ DLT_IPV6, strip_raw, NULL },
	{ DLT_NULL, strip_family, NULL }, /* loopback of the BSDs and Darwin */
	{ DLT_LOOP, strip_family, NULL }, /* loopback of OpenBSD */
	{ DLT_PPP, strip_ppp, NULL },
	{ DLT_PPP_SERIAL, strip_ppp, NULL },
	{ DLT_PPP_ETHER, strip_pppoe, NULL },
	{ DLT_C_HDLC, strip_chdlc, NULL },
};

static const struct link_type *type_of(int dlt)
{
	size_t i;

	for (i = 0; i < sizeof(link_types) / sizeof(link_types[0]); i++) {
		if (link_types[i].dlt == dlt)
			return &link_types[i];
	}
	return NULL;
}

/* Was the frame for more than one? */
static bool to_group(int dlt, struct cursor c)
{
	uint8_t type = 0;

	switch (dlt) {
	case DLT_EN10MB:
		return cursor_u8(&c, &type) && (type & 1);
	case DLT_LINUX_SLL:
		return cursor_skip(&c, 1) && cursor_u8(&c, &type) &&
		       (type == COOKED_BROADCAST || type == COOKED_MULTICAST);
	case DLT_LINUX_SLL2:
		return cursor_skip(&c, 10) && cursor_u8(&c, &type) &&
		       (type == COOKED_BROADCAST || type == COOKED_MULTICAST);
	default:
		return false;
	}
}

static enum packet_result parse(struct replay *r, const struct pcap_pkthdr *h, const u_char *bytes,
				struct packet *p)
{
	struct cursor c = cursor_over(bytes, h->caplen);
	enum packet_result result;
	uint16_t ethertype;
	size_t wire_len;

	result = r->type->strip(&c, &ethertype);
	if (result != PACKET_OK) {
		r->counts[result]++;
		return result;
	}
	wire_len = h->len - (h->caplen - cursor_left(&c));
	if (ethertype == ETHERTYPE_ARP)
		return packet_parse_arp(&r->parser, c.pos, cursor_left(&c), p);
	if (ethertype == 0 || ethertype == ETHERTYPE_IPV4 || ethertype == ETHERTYPE_IPV6)
		return packet_parse(&r->parser, ethertype, c.pos, cursor_left(&c), wire_len, p);
	r->counts[PACKET_IGNORED]++;
	return PACKET_IGNORED;
}

static void take_packet(u_char *arg, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct replay *r = (struct replay *)arg;
	/* Opened with nanoseconds, which libpcap keeps in tv_usec. */
	uint64_t seconds = (uint64_t)h->ts.tv_sec, ns = (uint64_t)h->ts.tv_usec;
	struct packet p;

	r->packets++;
	/* One absurd time would stop the clock, which never goes back, for all that follows. */
	if (h->caplen > h->len || seconds > MAX_UNIX_S || ns >= NS_PER_S) {
		r->counts[PACKET_MALFORMED]++;
		return;
	}
	p.t_ns = clock_advance(r->clock, seconds * NS_PER_S + ns);
	p.dir = PACKET_DIR_UNKNOWN;
	p.ifindex = 0;
	if (parse(r, h, bytes, &p) != PACKET_OK)
		return;
	p.link_group = to_group(r->type->dlt, cursor_over(bytes, h->caplen));
	p.link = r->type->link ? r->type->link(cursor_over(bytes, h->caplen)) : 0;
	engine_packet(r->engine, &p);
}

static void add_stats(struct source_stats *to, const struct replay *r)
{
	const uint64_t *link = r->counts, *net = r->parser.counts;

	to->packets += r->packets;
	to->parsed += net[PACKET_OK];
	to->ignored += link[PACKET_IGNORED] + net[PACKET_IGNORED];
	to->truncated += link[PACKET_TRUNCATED] + net[PACKET_TRUNCATED];
	to->malformed += link[PACKET_MALFORMED] + net[PACKET_MALFORMED];
	to->pending += net[PACKET_PENDING];
}

/* libpcap reads on only while all interfaces of a pcapng file are of one link type. */
static int explain_end(pcap_t *pcap, const char *name, uint64_t packets, char *error)
{
	const char *why = pcap_geterr(pcap);
	bool mixed = strstr(why, "different from the type of the first interface") != NULL;

	snprintf(error, REPLAY_ERROR_LEN,
		 "%s: %s after packet %llu: %s; the packets before it were processed", name,
		 mixed ? "cannot be read on" : "damaged", (unsigned long long)packets, why);
	return mixed ? -EPROTONOSUPPORT : -EBADMSG;
}

static int read_packets(pcap_t *pcap, const char *name, struct engine *engine, struct clock *clock,
			struct source_stats *stats, char *error)
{
	struct replay r = { .engine = engine, .clock = clock };
	int dlt = pcap_datalink(pcap);
	const char *dlt_name = pcap_datalink_val_to_name(dlt);
	int status;

	r.type = type_of(dlt);
	if (!r.type) {
		snprintf(error, REPLAY_ERROR_LEN,
			 "%s: link type %s (%d) is not supported: capture Ethernet, Linux cooked, "
			 "raw IP or loopback",
			 name, dlt_name ? dlt_name : "unknown", dlt);
		return -EPROTONOSUPPORT;
	}
	packet_parser_init(&r.parser);
	r.parser.acks = true;
	r.parser.bulk = true;
	status = pcap_loop(pcap, -1, take_packet, (u_char *)&r);
	add_stats(stats, &r);
	return status == 0 ? 0 : explain_end(pcap, name, r.packets, error);
}

/* file is closed in every case, unless it is standard input. */
static int replay_stream(FILE *file, const char *name, struct engine *engine, struct clock *clock,
			 struct source_stats *stats, char error[REPLAY_ERROR_LEN])
{
	char why[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap;
	int err;

	/* One thread reads: without the lock of each fread(). */
	__fsetlocking(file, FSETLOCKING_BYCALLER);
	pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!pcap) {
		snprintf(error, REPLAY_ERROR_LEN, "%s: not a readable capture: %s", name, why);
		if (file != stdin)
			fclose(file);
		return -EINVAL;
	}
	err = read_packets(pcap, name, engine, clock, stats, error);
	pcap_close(pcap);
	return err;
}

int replay_file(const char *path, struct engine *engine, struct clock *clock,
		struct source_stats *stats, char error[REPLAY_ERROR_LEN])
{
	bool from_stdin = !strcmp(path, "-");
	FILE *file = from_stdin ? stdin : fopen(path, "rbe");

	if (!file) {
		int err = errno;

		snprintf(error, REPLAY_ERROR_LEN, "%s: %s", path, strerror(err));
		return -err;
	}
	setvbuf(file, NULL, _IOFBF, READ_AHEAD_BYTES);
	return replay_stream(file, from_stdin ? "standard input" : path, engine, clock, stats,
			     error);
}

int replay_bytes(const uint8_t *bytes, size_t len, struct engine *engine, struct clock *clock,
		 struct source_stats *stats, char error[REPLAY_ERROR_LEN])
{
	/* fmemopen() refuses a length of zero, but libpcap should say what is wrong with that. */
	FILE *file = len ? fmemopen((void *)(uintptr_t)bytes, len, "rb") : fopen("/dev/null", "rb");

	if (!file) {
		int err = errno;

		snprintf(error, REPLAY_ERROR_LEN, "capture: %s", strerror(err));
		return -err;
	}
	return replay_stream(file, "capture", engine, clock, stats, error);
}
