/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TFTP: RFC 1350; block size option: RFC 2348; its acknowledgement: RFC 2347. */
#include "decoy/serve-internal.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { RRQ = 1, WRQ, DATA, ACK, ERROR, OACK };

#define AGAIN_MS 500
#define TRIES_MAX 20
#define SIZE_DEFAULT 512
#define SIZE_MOST 1400 /* what fits into a frame */

static void transmit(struct serve *s)
{
	uv_buf_t buf = uv_buf_init((char *)s->tftp_packet, (unsigned int)s->tftp_bytes);

	/* What is lost is sent again. */
	uv_udp_try_send(&s->udp, &buf, 1, (struct sockaddr *)&s->peer);
}

static void on_again(uv_timer_t *timer)
{
	struct serve *s = timer->data;

	if (++s->tftp_tries > TRIES_MAX)
		uv_timer_stop(timer);
	else
		transmit(s);
}

static void send_packet(struct serve *s, uint16_t op, uint16_t number, const void *bytes, size_t n)
{
	s->tftp_packet[0] = 0;
	s->tftp_packet[1] = (uint8_t)op;
	s->tftp_packet[2] = (uint8_t)(number >> 8);
	s->tftp_packet[3] = (uint8_t)number;
	if (n)
		memcpy(s->tftp_packet + 4, bytes, n);
	s->tftp_bytes = 4 + n;
	s->tftp_tries = 0;
	uv_timer_start(&s->again, on_again, AGAIN_MS, AGAIN_MS);
	transmit(s);
}

static void send_block(struct serve *s, uint16_t number)
{
	size_t at = (size_t)(number - 1) * s->tftp_size, n = s->tftp_size;

	if (at > s->block_bytes) {
		uv_timer_stop(&s->again);
		return;
	}
	if (n > s->block_bytes - at)
		n = s->block_bytes - at;
	s->tftp_block = number;
	send_packet(s, DATA, number, s->block + at, n);
}

static void acknowledge_size(struct serve *s)
{
	int n = snprintf((char *)s->tftp_packet + 2, 32, "blksize%c%u", '\0', s->tftp_size);

	s->tftp_packet[0] = 0;
	s->tftp_packet[1] = OACK;
	s->tftp_bytes = 2 + (size_t)n + 1;
	s->tftp_tries = 0;
	uv_timer_start(&s->again, on_again, AGAIN_MS, AGAIN_MS);
	transmit(s);
}

/* The value of "blksize" behind the name and the mode, or 0. All are strings that end with NUL. */
static unsigned long asked_size(const char *text, size_t n)
{
	const char *field[6];
	int count = 0;

	for (size_t at = 0; at < n && count < 6;) {
		size_t len = strnlen(text + at, n - at);

		if (at + len == n)
			break;
		field[count++] = text + at;
		at += len + 1;
	}
	for (int i = 2; i + 1 < count; i += 2)
		if (strcasecmp(field[i], "blksize") == 0)
			return strtoul(field[i + 1], NULL, 10);
	return 0;
}

static void on_request(struct serve *s, uint16_t op, const char *rest, size_t n,
		       const struct sockaddr *from)
{
	unsigned long size = asked_size(rest, n);

	memcpy(&s->peer, from,
	       from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
					     sizeof(struct sockaddr_in));
	s->tftp_sends = op == RRQ;
	s->tftp_block = 0;
	s->tftp_size = size >= 8 && size <= SIZE_MOST ? (uint16_t)size : SIZE_DEFAULT;
	if (op == WRQ)
		serve_forget(s);
	if (s->tftp_size != SIZE_DEFAULT)
		acknowledge_size(s);
	else if (op == RRQ)
		send_block(s, 1);
	else
		send_packet(s, ACK, 0, NULL, 0);
}

static void on_data(struct serve *s, uint16_t number, const char *bytes, size_t n)
{
	if (number == (uint16_t)(s->tftp_block + 1)) {
		s->tftp_block = number;
		serve_keep(s, bytes, n);
		s->complete = n < s->tftp_size;
	}
	send_packet(s, ACK, s->tftp_block, NULL, 0);
	if (s->complete)
		uv_timer_stop(&s->again);
}

static void on_packet(struct serve *s, const uint8_t *bytes, size_t n, const struct sockaddr *from)
{
	uint16_t op, number;

	if (n < 4)
		return;
	op = (uint16_t)(bytes[0] << 8 | bytes[1]);
	number = (uint16_t)(bytes[2] << 8 | bytes[3]);
	if (op == RRQ || op == WRQ)
		on_request(s, op, (const char *)bytes + 2, n - 2, from);
	else if (op == ACK && s->tftp_sends && number == s->tftp_block)
		send_block(s, (uint16_t)(number + 1));
	else if (op == DATA && !s->tftp_sends)
		on_data(s, number, (const char *)bytes + 4, n - 4);
	else if (op == ERROR)
		uv_timer_stop(&s->again);
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	struct serve *s = handle->data;

	(void)hint;
	*buf = uv_buf_init(s->udp_buf, sizeof(s->udp_buf));
}

static void on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
			unsigned int flags)
{
	(void)flags;
	if (n > 0 && from)
		on_packet(udp->data, (const uint8_t *)buf->base, (size_t)n, from);
}

int serve_tftp_start(struct serve *s)
{
	struct sockaddr_storage bound;
	int len = sizeof(bound), err;

	uv_timer_init(s->loop, &s->again);
	s->again.data = s;
	uv_udp_init(s->loop, &s->udp);
	s->udp.data = s;
	s->handles += 2;
	err = uv_udp_bind(&s->udp, (struct sockaddr *)&s->addr, 0);
	if (!err)
		err = uv_udp_recv_start(&s->udp, on_alloc, on_datagram);
	if (!err)
		err = uv_udp_getsockname(&s->udp, (struct sockaddr *)&bound, &len);
	if (!err)
		s->port = serve_bound_port(&bound);
	return err;
}
