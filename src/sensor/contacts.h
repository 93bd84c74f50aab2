/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Contacts: recent first packets, kept until their answer has been seen.
 *
 * A contact is who asked whom for which port by what kind of packet; further packets of the same
 * key are the same contact, so that a retry counts once. The table is a ring in order of
 * arrival with a hash over it: nothing is searched, nothing grows, the oldest gives way. A flood
 * of spoofed packets shortens how long answers are waited for, and answers to live traffic come
 * within microseconds.
 */
#ifndef MIMAMORI_SENSOR_CONTACTS_H
#define MIMAMORI_SENSOR_CONTACTS_H

#include "sensor/probe.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No answer for so long is none: Linux repeats after 1 and 3 s. */
#define CONTACTS_WAIT_NS 3000000000ULL
/* Where only a container of this host may answer late: perhaps to the SYN's first repeat, after 1 s. */
#define CONTACTS_WAIT_SELF_NS 1500000000ULL

/* Not kinds of probes, but of contacts: they explain packets that would look like probes. */
#define CONTACT_OWN (PROBE_KINDS + 0) /* the protected side asked */
#define CONTACT_BACKSCATTER (PROBE_KINDS + 1) /* an answer to what nobody here sent */

enum contact_proto {
	CONTACT_TCP,
	CONTACT_UDP,
	CONTACT_ECHO,
	CONTACT_ARP,
	CONTACT_SCTP,
	CONTACT_IP, /* its port is the protocol */
};

struct contact {
	struct probe probe;
	uint64_t t_ns;
	uint32_t isn; /* of the answering side, once its SYN/ACK was seen */
	uint16_t node; /* trie node of the peer that was judged for it, or TRIE_NONE */
	uint16_t chain; /* next in the hash bucket, 0: end */
	uint16_t decoys; /* the group of decoys it was counted for (decoys.h), 0: none */
	uint8_t proto; /* enum contact_proto */
	uint8_t weight; /* evidence it counted for, in sixteenths: to take back when overturned */
	uint8_t repeats; /* further packets since it was added or renewed, saturating */
	bool answered; /* by a SYN/ACK: counted once */
	bool unlisted; /* this host's listing knows no listener, but another may answer for it */
};

struct contacts;

/* capacity 16..65535. Owned; NULL with errno. All memory is taken and touched at once. */
struct contacts *contacts_new(unsigned int capacity, uint64_t seed);
void contacts_free(struct contacts *cs);

/* The newest contact of this key, whatever its kind; NULL when there is none. Borrowed. */
struct contact *contacts_find(struct contacts *cs, struct addr peer, struct addr self,
			      enum contact_proto proto, uint16_t port);

/* Likewise, of this very kind. Kinds of one key that live side by side are rare. */
struct contact *contacts_find_kind(struct contacts *cs, struct addr peer, struct addr self,
				   enum contact_proto proto, uint16_t port, uint8_t kind);

/*
 * The oldest contact, when it is older than wait_ns by now_ns, so that its answer will not come any
 * more, or when the table is full; else NULL. The owner settles it, then calls
 * contacts_drop_oldest().
 */
struct contact *contacts_oldest_due(struct contacts *cs, uint64_t now_ns, uint64_t wait_ns);
struct contact *contacts_oldest(struct contacts *cs); /* whatever its age; NULL when empty */
void contacts_drop_oldest(struct contacts *cs);

/* The oldest becomes the newest, begun at t_ns: it goes on. Borrowed. */
struct contact *contacts_renew_oldest(struct contacts *cs, uint64_t t_ns);

/* Adds a contact; the table must not be full (settle contacts_oldest_due() first). Borrowed. */
struct contact *contacts_add(struct contacts *cs, const struct probe *probe,
			     enum contact_proto proto, uint64_t t_ns);

bool contacts_full(const struct contacts *cs);

#endif
