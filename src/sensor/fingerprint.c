/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/fingerprint.h"

#include "sensor/packet.h"

const char *const fingerprint_names[FINGERPRINT_COUNT] = {
	[FINGERPRINT_MIRAI] = "mirai",	   [FINGERPRINT_MASSCAN] = "masscan",
	[FINGERPRINT_ZMAP] = "zmap",	   [FINGERPRINT_NMAP] = "nmap-raw",
	[FINGERPRINT_NMAP_OS] = "nmap-os", [FINGERPRINT_TINY] = "tiny-fragments",
};

#define ZMAP_IP_ID 54321
#define ZMAP_WINDOW 65535
#define ZMAP_TTL_OVER 128 /* it begins at 255; no system with such a window begins above 128 */
#define NMAP_WINDOW 1024
#define NMAP_OS_TIMESTAMP 0xffffffffu /* of twelve of its thirteen TCP probes */
#define NMAP_OS_URGENT 0xf7f5 /* of the other, which asks for ECN, without URG */

/* https://nmap.org/book/osdetect-methods.html. A clock shows that time for one tick in 49 days. */
bool fingerprint_nmap_os(const struct packet *p)
{
	return (p->tcp_timestamp == NMAP_OS_TIMESTAMP && p->tcp_mss) ||
	       (p->tcp_urgent == NMAP_OS_URGENT && !(p->tcp_flags & TCP_URG));
}

uint8_t fingerprint_tcp(const struct packet *p)
{
	uint32_t low = (uint32_t)p->dst.lo;
	uint8_t marks = 0;

	if (addr_is_v4(p->dst)) {
		/* The marks' sources are facts about each program's code: Mirai's scanner.c, masscan's
		 * templ-pkt.c, ZMap's packet.h. */
		if (p->tcp_seq == low)
			marks |= 1 << FINGERPRINT_MIRAI;
		if (p->ip_id == (uint16_t)(low ^ p->dport ^ p->tcp_seq))
			marks |= 1 << FINGERPRINT_MASSCAN;
		if (p->ip_id == ZMAP_IP_ID ||
		    (p->tcp_window == ZMAP_WINDOW && p->ttl > ZMAP_TTL_OVER &&
		     (p->tcp_flags & TCP_SYN) && (p->tcp_options & PACKET_OPT_MSS)))
			marks |= 1 << FINGERPRINT_ZMAP;
	}
	if (p->tcp_window == NMAP_WINDOW && (p->tcp_flags & TCP_SYN) &&
	    p->tcp_options == (PACKET_OPT_ANY | PACKET_OPT_MSS))
		marks |= 1 << FINGERPRINT_NMAP;
	if (fingerprint_nmap_os(p))
		marks |= 1 << FINGERPRINT_NMAP_OS;
	if (p->fragmented)
		marks |= 1 << FINGERPRINT_TINY;
	return marks;
}

bool fingerprint_raw_syn(const struct packet *p)
{
	return !(p->tcp_options & (PACKET_OPT_SACK | PACKET_OPT_TIMESTAMP | PACKET_OPT_WSCALE));
}
