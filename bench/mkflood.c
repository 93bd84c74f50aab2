/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes a capture to standard output: that of a file, with a flood of spoofed SYNs around it.
 *
 * Theory of operation
 * -------------------
 * Hours of a slow scan in a heavy flood are hundreds of gigabytes, so nothing is stored: records go
 * into a pipe as fast as a frame's addresses, ports and checksums can be patched into a copy. The
 * flood is an even stream of SYNs from random addresses, each answered as a host would. With -b it
 * runs only so long before and after each packet of the file: enough to fill every table, at a
 * fraction of the time.
 *
 * usage: mkflood -r PER_SECOND -d ADDRESS [-d ADDRESS6] [-p PORT|random] [-a refuse|accept|none]
 *                [-b SECONDS] FILE       (FILE: pcap of Ethernet, microseconds, this byte order)
 */
#define _GNU_SOURCE /* F_SETPIPE_SZ */
#include "frames.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAGIC 0xa1b2c3d4U
#define US_PER_S 1000000ULL
#define BUFFER_BYTES (256 * 1024)
#define LEAD_US 1000000 /* of a flood without -b, before the first packet and after the last */

struct record {
	uint64_t t_us;
	uint32_t caplen, len;
	const uint8_t *bytes; /* borrowed from the file */
};

/* A frame to be copied, and the sums of what does not change in it. */
struct pattern {
	uint8_t bytes[16 + 74]; /* with the record's header */
	uint32_t len, ip_sum, tcp_sum;
	bool v6;
};

struct options {
	struct frame target[2];
	unsigned int targets;
	uint64_t rate, burst_us;
	uint16_t port;
	bool random_port, bursts;
	int answer; /* TCP flags, 0: none */
};

static uint8_t buffer[BUFFER_BYTES];
static size_t filled;
static uint64_t records;

static void die(const char *what)
{
	fprintf(stderr, "mkflood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void usage(void)
{
	fputs("usage: mkflood -r PER_SECOND -d ADDRESS [-d ADDRESS6] [-p PORT|random]\n"
	      "               [-a refuse|accept|none] [-b SECONDS] FILE\n"
	      "Writes FILE, with a flood of spoofed SYNs around it, to standard output: -a how they\n"
	      "are answered, -b only so long before and after each packet of FILE.\n",
	      stderr);
	exit(2);
}

static void flush_buffer(void)
{
	size_t done = 0;

	while (done < filled) {
		ssize_t n = write(STDOUT_FILENO, buffer + done, filled - done);

		if (n < 0 && errno != EINTR)
			die("standard output");
		done += n > 0 ? (size_t)n : 0;
	}
	filled = 0;
}

/* Room for len bytes. */
static uint8_t *room(size_t len)
{
	if (filled + len > sizeof(buffer))
		flush_buffer();
	filled += len;
	return buffer + filled - len;
}

static void put_time(uint8_t *head, uint64_t t_us)
{
	/* The last second, so that most packets need no division. */
	static uint64_t second_us, second;
	uint32_t at[2];

	if (t_us < second_us || t_us - second_us >= US_PER_S) {
		second = t_us / US_PER_S;
		second_us = second * US_PER_S;
	}
	at[0] = (uint32_t)second;
	at[1] = (uint32_t)(t_us - second_us);
	memcpy(head, at, sizeof(at));
}

static void put_record(const struct record *r)
{
	uint8_t *head = room(16 + r->caplen);

	put_time(head, r->t_us);
	memcpy(head + 8, &r->caplen, 4);
	memcpy(head + 12, &r->len, 4);
	memcpy(head + 16, r->bytes, r->caplen);
	records++;
}

static struct pattern make_pattern(struct frame f)
{
	struct pattern p = { .v6 = f.v6 };
	uint8_t frame[FRAME_MAX];
	size_t ip_len = f.v6 ? 40 : 20;

	p.len = (uint32_t)frame_build(&f, frame);
	/* What is patched is left out: addresses and ports random, the checksums themselves. */
	memset(frame + FRAME_ETH + ip_len + 16, 0, 2);
	p.tcp_sum = frame_sum(frame + FRAME_ETH + ip_len, 20) + 6 + 20 +
		    frame_sum(frame + FRAME_ETH + (f.v6 ? 8 : 12), f.v6 ? 32 : 8);
	if (!f.v6) {
		memset(frame + FRAME_ETH + 10, 0, 2);
		p.ip_sum = frame_sum(frame + FRAME_ETH, 20);
	}
	memcpy(p.bytes + 8, &p.len, 4);
	memcpy(p.bytes + 12, &p.len, 4);
	memcpy(p.bytes + 16, frame, p.len);
	return p;
}

/* The random part of a packet of the flood, shared with its answer. */
struct spoofed {
	uint8_t address[16];
	uint16_t peer_port, port;
	uint32_t seq;
};

static void put_pattern(const struct pattern *p, const struct spoofed *s, uint64_t t_us, bool back)
{
	uint8_t *head = room(16 + p->len), *ip = head + 16 + FRAME_ETH;
	uint8_t *tcp = ip + (p->v6 ? 40 : 20);
	size_t alen = p->v6 ? 16 : 4, at = (p->v6 ? 8 : 12) + (back ? alen : 0);
	uint32_t sum = frame_sum(s->address, alen);

	memcpy(head, p->bytes, 16 + p->len);
	put_time(head, t_us);
	memcpy(ip + at, s->address, alen);
	if (!p->v6)
		frame_checksum(ip + 10, p->ip_sum + sum);
	frame_put16(tcp, back ? s->port : s->peer_port);
	frame_put16(tcp + 2, back ? s->peer_port : s->port);
	frame_put16(tcp + (back ? 8 : 4), (uint16_t)(s->seq >> 16));
	frame_put16(tcp + (back ? 10 : 6), (uint16_t)s->seq);
	sum += (uint32_t)s->port + s->peer_port + (s->seq >> 16) + (s->seq & 0xffff);
	frame_checksum(tcp + 16, p->tcp_sum + sum);
	records++;
}

/* The addresses that bench/flood sends from: 20.0.0.0–99.x, or 2001:db8:f000::/36. */
static void next_spoofed(struct spoofed *s, const struct options *o, bool v6, uint64_t *seed)
{
	uint64_t r = frame_random(seed);

	s->peer_port = (uint16_t)(1024 + (uint16_t)r % 60000);
	s->seq = (uint32_t)(r >> 32);
	s->port = o->random_port ? (uint16_t)(r >> 16) | 1 : o->port;
	r = frame_random(seed);
	if (!v6) {
		memcpy(s->address, &r, 4);
		s->address[0] = (uint8_t)(20 + s->address[0] % 80);
		return;
	}
	memcpy(s->address, "\x20\x01\x0d\xb8", 4);
	memcpy(s->address + 8, &r, 8);
	memcpy(s->address + 4, &s->seq, 4);
	s->address[4] |= 0xf0;
}

static void set_mac(uint8_t mac[6], uint8_t last)
{
	memcpy(mac, "\x02\0\0\0\x0f", 5);
	mac[5] = last;
}

static struct pattern pattern_of(const struct frame *target, uint8_t flags, bool back)
{
	struct frame f = *target;

	f.flags = flags;
	if (back) {
		memcpy(f.src, target->dst, 16);
		memset(f.dst, 0, 16);
	}
	set_mac(f.src_mac, back ? 1 : 2);
	set_mac(f.dst_mac, back ? 2 : 1);
	f.sport = f.dport = 0;
	return make_pattern(f);
}

/* Is the flood on at t_us? If not, *next_us is when it goes on (UINT64_MAX: never). */
static bool floods(const struct options *o, const struct record *file, size_t n, size_t at,
		   uint64_t t_us, uint64_t *next_us)
{
	uint64_t around = o->bursts ? o->burst_us : LEAD_US;

	if (at < n && t_us + around >= file[at].t_us)
		return true;
	if (at && t_us <= file[at - 1].t_us + around)
		return true;
	if (at && at < n && !o->bursts)
		return true;
	*next_us = at < n ? file[at].t_us - around : UINT64_MAX;
	return false;
}

static void write_all(const struct options *o, const struct record *file, size_t n)
{
	struct pattern syn[2], answer[2];
	uint64_t seed = 0x9e3779b97f4a7c15ULL, step_ns = 1000 * US_PER_S / o->rate;
	uint64_t t_us = n ? file[0].t_us - (o->bursts ? o->burst_us : LEAD_US) : 0, part_ns = 0;
	struct spoofed s;
	size_t at = 0;

	for (unsigned int i = 0; i < o->targets; i++) {
		syn[i] = pattern_of(&o->target[i], FRAME_SYN, false);
		answer[i] = pattern_of(&o->target[i], (uint8_t)o->answer, true);
	}
	for (unsigned int turn = 0;; turn = turn + 1 == o->targets ? 0 : turn + 1) {
		uint64_t next_us;

		for (; at < n && file[at].t_us <= t_us; at++)
			put_record(&file[at]);
		if (!floods(o, file, n, at, t_us, &next_us)) {
			if (next_us == UINT64_MAX)
				break;
			t_us = next_us;
			continue;
		}
		next_spoofed(&s, o, syn[turn].v6, &seed);
		put_pattern(&syn[turn], &s, t_us, false);
		if (o->answer) {
			s.seq++;
			put_pattern(&answer[turn], &s, t_us, true);
		}
		part_ns += step_ns;
		t_us += part_ns / 1000;
		part_ns %= 1000;
	}
	flush_buffer();
}

/* Every record of the file, sorted by time as it is. Owned, with the bytes they borrow. */
static struct record *read_file(const char *path, size_t *n)
{
	FILE *file = fopen(path, "rb");
	struct record *out;
	uint8_t *bytes;
	uint32_t magic;
	long size;

	if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 24)
		die(path);
	rewind(file);
	bytes = malloc((size_t)size);
	out = calloc((size_t)size / 16, sizeof(*out));
	if (!bytes || !out || fread(bytes, 1, (size_t)size, file) != (size_t)size)
		die(path);
	fclose(file);
	memcpy(&magic, bytes, 4);
	if (magic != MAGIC) {
		errno = EINVAL;
		die(path);
	}
	memcpy(room(24), bytes, 24);
	*n = 0;
	for (size_t at = 24; at + 16 <= (size_t)size;) {
		uint32_t head[4];

		memcpy(head, bytes + at, 16);
		if (head[2] > (size_t)size - at - 16 || head[2] > FRAME_MAX)
			break;
		out[(*n)++] = (struct record){ head[0] * US_PER_S + head[1], head[2], head[3],
					       bytes + at + 16 };
		at += 16 + head[2];
	}
	return out;
}

static bool add_target(struct options *o, const char *text)
{
	struct frame *f = &o->target[o->targets];

	if (o->targets == 2)
		return false;
	if (inet_pton(AF_INET, text, f->dst) != 1) {
		if (inet_pton(AF_INET6, text, f->dst) != 1)
			return false;
		f->v6 = true;
	}
	o->targets++;
	return true;
}

static bool set_answer(struct options *o, const char *text)
{
	if (strcmp(text, "refuse") == 0)
		o->answer = FRAME_RST | FRAME_ACK;
	else if (strcmp(text, "accept") == 0)
		o->answer = FRAME_SYN | FRAME_ACK;
	else if (strcmp(text, "none") == 0)
		o->answer = 0;
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	struct options o = { .port = 81, .answer = FRAME_RST | FRAME_ACK };
	struct record *file;
	size_t n;
	int opt;

	while ((opt = getopt(argc, argv, "r:d:p:a:b:")) != -1) {
		if (opt == 'r') {
			o.rate = strtoull(optarg, NULL, 10);
		} else if (opt == 'p') {
			o.random_port = strcmp(optarg, "random") == 0;
			o.port = (uint16_t)strtoul(optarg, NULL, 10);
		} else if (opt == 'b') {
			o.bursts = true;
			o.burst_us = (uint64_t)(strtod(optarg, NULL) * (double)US_PER_S);
		} else if (!(opt == 'd' ? add_target(&o, optarg) :
					  opt == 'a' && set_answer(&o, optarg))) {
			usage();
		}
	}
	if (optind + 1 != argc || !o.rate || !o.targets)
		usage();
	(void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, 1 << 20); /* fewer switches; a file has no size */
	file = read_file(argv[optind], &n);
	write_all(&o, file, n);
	fprintf(stderr, "{\"records\":%llu}\n", (unsigned long long)records);
	return 0;
}
