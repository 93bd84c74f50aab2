/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the servers share; for serve*.c alone. */
#ifndef MIMAMORI_DECOY_SERVE_INTERNAL_H
#define MIMAMORI_DECOY_SERVE_INTERNAL_H

#include "decoy/serve.h"

#define SERVE_LINE 512 /* of a request's line */
#define SERVE_CLIENTS_MAX 16
#define SERVE_PENDING_MAX \
	65536 /* bytes of answers that a client has not taken; of more, it is hung up on */

struct serve_client;

struct serve {
	uv_loop_t *loop;
	enum serve_kind kind;
	struct sockaddr_storage addr;
	uint16_t port;
	const uint8_t *block;
	size_t block_bytes;
	uint8_t *received; /* SERVE_MAX */
	size_t n_received;
	bool complete, freed;
	unsigned int handles, n_clients;
	uv_tcp_t listener, data; /* data: FTP's second one */
	uv_udp_t udp;
	struct serve_client *clients; /* a list */
	struct serve_client *giver; /* whose bytes are kept: the last that began to send any */
	struct serve_client *control; /* FTP's, that has a transfer under way */
	/* TFTP */
	struct sockaddr_storage peer;
	uint16_t tftp_block, tftp_size;
	bool tftp_sends;
	uint8_t tftp_packet[1600];
	size_t tftp_bytes; /* of the packet sent last */
	unsigned int tftp_tries;
	uv_timer_t again;
	char udp_buf[1600];
};

enum serve_role { CLIENT_HTTP, CLIENT_FTP, CLIENT_SOURCE, CLIENT_SINK };

struct serve_client {
	uv_tcp_t tcp;
	struct serve *server;
	struct serve_client *next;
	enum serve_role role;
	size_t used; /* of line */
	char line[SERVE_LINE];
	bool in_body, expects;
	bool is_ending; /* the last has been said: what still comes is not read */
	size_t body_left;
	enum { TRANSFER_NONE, TRANSFER_SEND, TRANSFER_TAKE } transfer; /* FTP: asked for */
	struct serve_client *data; /* FTP: the data connection, until its transfer begins */
	char read_buf[16384];
};

/* Sends bytes (copied), and closes when they are out if last. */
void serve_send(struct serve_client *c, const void *bytes, size_t n, bool last);
void serve_say(struct serve_client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void serve_keep(struct serve *s, const void *bytes, size_t n);
/* From now on this client's bytes are kept, and no other's. */
void serve_take_from(struct serve_client *c);
void serve_close(struct serve_client *c);
/* A listening socket of the server's address on a port of the kernel's. 0 or -errno. */
int serve_listen(struct serve *s, uv_tcp_t *tcp, uv_connection_cb fn, uint16_t *port);
struct serve_client *serve_accept(struct serve *s, uv_stream_t *listener, enum serve_role role);
uint16_t serve_bound_port(const struct sockaddr_storage *a);

void serve_http_bytes(struct serve_client *c, const char *bytes, size_t n);
void serve_ftp_greet(struct serve_client *c);
void serve_ftp_bytes(struct serve_client *c, const char *bytes, size_t n);
/* The data connection of an FTP transfer has been made, or has ended. */
void serve_ftp_data_here(struct serve *s, struct serve_client *data);
void serve_ftp_data_end(struct serve *s);
int serve_tftp_start(struct serve *s);

#endif
