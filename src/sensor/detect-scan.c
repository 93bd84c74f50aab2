/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/detect-scan.h"

#include "core/bits.h"

#include <string.h>

#define FULL (2 * EVIDENCE_BIT) /* log2(.8 / .2): theta of Jung et al. */
#define AMBIENT (EVIDENCE_BIT / 8)
#define AMBIENT_MOST 8 /* one bit in all: a PC may look for as many services as it likes */
#define SILENCE EVIDENCE_BIT
#define GIVEN_UP (EVIDENCE_BIT / 2)
#define ODD (EVIDENCE_BIT / 2)
#define LATE (4 * EVIDENCE_BIT) /* nothing but service detection waits for a greeting first */
#define LEAVE EVIDENCE_BIT
#define ALONE 4 /* a leave beside no question weighs a fourth of it */
#define THREE 3 /* contacts that suffice where two of them show a scanner's hand */
#define HANDS 2
#define THREE_FAILURES 4 /* who wants more failures than by default wants no alert for three */
#define OBSOLETE (3 * EVIDENCE_BIT) /* RFC 6918 has deprecated it: only tools still ask */
#define SLACK_BITS 1.37f /* 4 failures of two bits, less this, is log2(99) */
#define SUSPECT_BITS 5.0f /* three contacts in vain and at most one service used */
/* traceroute(8) counts up from 33434, mtr(8) from 33000, one port a probe, and want them closed. */
#define TRACEROUTE_FIRST 33000
#define TRACEROUTE_LAST 34999
#define PLAIN_TO_UNMASK 3 /* closed ports besides the ambient ones that end their privilege */
#define ICMP_INFORMATION 15 /* RFC 792 */
#define ICMP_ADDRESS_MASK 17 /* RFC 950 */
#define HORIZONTAL_HOSTS 4
#define HORIZONTAL_PORTS 2
#define INFERRED_HORIZONTAL_BITS 8.0f
#define INFERRED_SUSPECT_BITS 7.0f /* a plug that is set up asks 22 clouds in vain: 5.5 bits */
#define SWEEP_BITS 8.0f

/* What clients contact many hosts for; an unanswered one among them is an everyday thing. */
static const uint16_t client_ports[] = { 53,   80,   123,  443,	 853,  993,  1883,
					 3478, 5222, 5223, 5228, 8080, 8443, 8883 };

void scan_policy_init(struct scan_policy *policy, uint32_t failures,
		      const struct conf_ports *ambient, const struct conf_ports *login,
		      const struct home *home)
{
	memset(policy, 0, sizeof(*policy));
	policy->failures = failures;
	policy->login = *login;
	policy->live = home->mode == HOME_HOST || home->mode == HOME_GATEWAY;
	policy->own_only = home_one_host(home);
	policy->homes_inferred = home->mode == HOME_INFERRED;
	for (unsigned int i = 0; i < ambient->count; i++)
		policy->ambient_port[ambient->port[i] / 8] |= 1 << ambient->port[i] % 8;
}

bool scan_ambient(const struct scan_policy *policy, const struct probe *p, const struct home *home)
{
	if (p->kind == PROBE_UDP && p->port >= TRACEROUTE_FIRST && p->port <= TRACEROUTE_LAST)
		return true;
	if (p->kind != PROBE_CONNECT && p->kind != PROBE_UDP)
		return false;
	return policy->ambient_port[p->port / 8] & (1 << p->port % 8) &&
	       home_on_link(home, p->peer, p->self);
}

static bool client_port(uint16_t port)
{
	for (unsigned int i = 0; i < sizeof(client_ports) / sizeof(client_ports[0]); i++)
		if (client_ports[i] == port)
			return true;
	return false;
}

static uint8_t question_weight(const struct probe *p)
{
	if (p->variant >= PROBE_ASKED_LATE)
		return LATE;
	if (p->variant >= PROBE_ASKED_ODDLY)
		return ODD;
	return p->variant == PROBE_LEFT ? 0 : FULL; /* see leaves_weight() */
}

uint8_t scan_weight(const struct scan_policy *policy, const struct probe *p,
		    const struct evidence *ev, bool ambient)
{
	if (ambient)
		return AMBIENT;
	switch ((enum probe_kind)p->kind) {
	case PROBE_VERSION:
		return question_weight(p);
	case PROBE_ARP:
	case PROBE_NEIGHBOUR:
		/* Routers ask for absent hosts, too. */
		return policy->live ? SILENCE : SILENCE / 4;
	case PROBE_ECHO:
		return policy->own_only && ev && ev->kind[PROBE_ECHO] ? FULL : SILENCE / 2;
	case PROBE_ICMP_QUERY:
		if (p->variant == ICMP_INFORMATION || p->variant == ICMP_ADDRESS_MASK)
			return OBSOLETE;
		break;
	case PROBE_UDP:
		if (p->outcome == PROBE_UNANSWERED)
			return SILENCE / 2; /* much of UDP is never answered */
		break;
	case PROBE_SYN:
	case PROBE_CONNECT:
		/* Where any address may be protected, a client of many servers gives up on some. */
		if (p->outcome == PROBE_ABORTED && p->kind == PROBE_CONNECT)
			return policy->homes_inferred ? GIVEN_UP / 4 : GIVEN_UP;
		if (p->outcome == PROBE_UNANSWERED)
			return policy->homes_inferred && client_port(p->port) ? SILENCE / 4 :
										SILENCE;
		break;
	case PROBE_FIN:
	case PROBE_NULL:
	case PROBE_XMAS:
	case PROBE_ACK:
	case PROBE_MAIMON:
	case PROBE_CUSTOM:
	case PROBE_SCTP_INIT:
	case PROBE_SCTP_COOKIE:
	case PROBE_IP_PROTO:
	case PROBE_OS:
	case PROBE_KINDS:
		break;
	}
	return FULL;
}

static unsigned int distinct_ports(const struct evidence *ev)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < ev->exact; i++) {
		unsigned int j = 0;

		while (j < i && ev->port[j] != ev->port[i])
			j++;
		n += j == i;
	}
	return n;
}

static bool horizontal(const struct evidence *ev)
{
	return bits_count(ev->hosts) >= HORIZONTAL_HOSTS && distinct_ports(ev) <= HORIZONTAL_PORTS;
}

static float threshold_bits(const struct scan_policy *policy, const struct evidence *ev)
{
	float bits = (float)policy->failures * FULL / EVIDENCE_BIT - SLACK_BITS;
	enum probe_kind kind = evidence_kind(ev);

	if ((kind == PROBE_ECHO || kind == PROBE_ARP || kind == PROBE_NEIGHBOUR) &&
	    bits < SWEEP_BITS)
		return SWEEP_BITS;
	if (policy->homes_inferred && bits < INFERRED_HORIZONTAL_BITS && horizontal(ev))
		return INFERRED_HORIZONTAL_BITS;
	return bits;
}

static float suspect_bits(const struct scan_policy *policy, const struct evidence *ev)
{
	return policy->homes_inferred && horizontal(ev) ? INFERRED_SUSPECT_BITS : SUSPECT_BITS;
}

/* Connections that were finished and not used, in sixteenths of a bit. */
static unsigned int leaves_weight(const struct evidence *ev)
{
	return bits_count(ev->leaves) * LEAVE / (ev->kind[PROBE_VERSION] ? 1 : ALONE);
}

static bool login_port(const struct scan_policy *policy, uint16_t port)
{
	for (unsigned int i = 0; i < policy->login.count; i++)
		if (policy->login.port[i] == port)
			return true;
	return false;
}

static unsigned int logins(const struct scan_policy *policy, const struct evidence *ev)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < ev->exact; i++)
		n += !(ev->leaves >> i & 1) && login_port(policy, ev->port[i]);
	return n;
}

/* Contacts besides the ambient ones and besides looking for who is there. */
static unsigned int closed_ports(const struct evidence *ev)
{
	unsigned int sweeps = (unsigned int)ev->kind[PROBE_ECHO] + ev->kind[PROBE_ARP] +
			      ev->kind[PROBE_NEIGHBOUR];

	return ev->plain > sweeps ? ev->plain - sweeps : 0;
}

static bool shows_hand(const struct scan_policy *policy, const struct evidence *ev)
{
	static const uint8_t tools[] = { FINGERPRINT_MIRAI, FINGERPRINT_MASSCAN, FINGERPRINT_ZMAP,
					 FINGERPRINT_NMAP, FINGERPRINT_NMAP_OS };
	static const uint8_t kinds[] = { PROBE_FIN, PROBE_NULL, PROBE_XMAS, PROBE_CUSTOM };
	unsigned int raw = 0;

	if (policy->failures > THREE_FAILURES || closed_ports(ev) < THREE)
		return false;
	for (unsigned int i = 0; i < sizeof(tools); i++)
		if (ev->tool[tools[i]] >= HANDS)
			return true;
	for (unsigned int i = 0; i < sizeof(kinds); i++)
		raw += ev->kind[kinds[i]];
	return raw >= HANDS || logins(policy, ev) >= HANDS;
}

enum scan_verdict scan_judge(const struct scan_policy *policy, const struct evidence *ev,
			     float *llr)
{
	unsigned int sum = 0, ambient;
	float bits;

	for (unsigned int i = 0; i < EVIDENCE_SCALES; i++)
		if (ev->sum[i] > sum)
			sum = ev->sum[i];
	ambient = ev->ambient < AMBIENT_MOST ? ev->ambient : AMBIENT_MOST;
	sum += ambient * (closed_ports(ev) >= PLAIN_TO_UNMASK ? FULL : AMBIENT);
	sum += leaves_weight(ev);
	bits = (float)sum / EVIDENCE_BIT - ev->credit;
	*llr = bits;
	if (bits < suspect_bits(policy, ev))
		return SCAN_NO;
	if (bits > threshold_bits(policy, ev) - 0.001f || shows_hand(policy, ev))
		return SCAN_YES;
	return SCAN_SUSPECT;
}
