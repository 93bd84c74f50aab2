/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A record that the BPF source's programs wrote (wire.h), as a packet. The kernel wrote its head, anybody the bytes
 * behind it.
 */
#ifndef MIMAMORI_SENSOR_BPF_RECORD_H
#define MIMAMORI_SENSOR_BPF_RECORD_H

#include "sensor/packet.h"

#include <stddef.h>
#include <stdint.h>

/* When it was written, by CLOCK_BOOTTIME; 0: too short for a head. */
uint64_t bpf_record_time(const uint8_t *record, size_t len);

/*
 * Fills all of *out but t_ns when it returns PACKET_OK, else perhaps dir and ifindex; the parser counts the result. A
 * record whose lengths contradict each other is PACKET_MALFORMED.
 */
enum packet_result bpf_record_parse(struct packet_parser *pp, const uint8_t *record, size_t len,
				    struct packet *out);

#endif
