/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends packets of a flood from one address, from those of a prefix, from a number of reflectors or from
 * random ones, at an even pace, and says how many it sent. Window and TTL can be another tool's: hping3
 * has 512 and 64, Nmap 1024.
 *
 * For namespaces only: it sends whatever source address it is told to.
 */
#define _GNU_SOURCE /* sendmmsg */
#include "frames.h"

#include <errno.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64 /* frames a call; at 100,000/s one call each 0.64 ms */
#define NS_PER_S 1000000000ULL

struct options {
	const char *interface;
	struct frame frame;
	bool random_source, random_port, random_window, random_ttl, source_port;
	unsigned int
		source_len; /* of the prefix that sources are forged from, in bits; 0: one source */
	unsigned int reflectors; /* so many random sources, always the same ones; 0: no end of them */
	bool fragments;
	uint64_t count, rate;
	uint64_t seed;
};

/* What a kind sends; UDP's ports and payload are options. */
static const struct kind {
	const char *name;
	uint8_t proto, flags;
	bool fragments;
} kinds[] = {
	{ "syn", IPPROTO_TCP, FRAME_SYN, false },
	{ "syn-ack", IPPROTO_TCP, FRAME_SYN | FRAME_ACK, false },
	{ "ack", IPPROTO_TCP, FRAME_ACK, false },
	{ "rst", IPPROTO_TCP, FRAME_RST, false },
	{ "fin", IPPROTO_TCP, FRAME_FIN | FRAME_ACK, false },
	{ "udp", IPPROTO_UDP, 0, false },
	{ "icmp", IPPROTO_ICMP, 0, false },
	{ "fragment", IPPROTO_UDP, 0, true },
	{ "gre", IPPROTO_GRE, 0, false },
};

static void usage(void)
{
	fputs("usage: flood -i INTERFACE -m MAC -d ADDRESS [-k KIND] [-s ADDRESS[/LEN] | -R REFLECTORS]\n"
	      "             [-p PORT|random] [-g SOURCE_PORT] [-l PAYLOAD_BYTES | -f PAYLOAD_FILE]\n"
	      "             [-w WINDOW|random] [-t TTL|random] [-n COUNT] [-r PER_SECOND] [-S SEED]\n"
	      "Sends packets to ADDRESS, from random addresses unless -s names one, or a prefix of "
	      "them, or -R a number; rate 0: as fast as it can.\nKinds:",
	      stderr);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		fprintf(stderr, " %s", kinds[i].name);
	fputs(" (default: syn).\n", stderr);
	exit(2);
}

static void parse_address(const char *text, bool *v6, uint8_t out[16])
{
	if (inet_pton(AF_INET, text, out) == 1)
		*v6 = false;
	else if (inet_pton(AF_INET6, text, out) == 1)
		*v6 = true;
	else
		usage();
}

/* An address, or a prefix whose host bits are to be random. */
static void parse_source(char *text, struct options *o, bool *v6)
{
	char *slash = strchr(text, '/');

	if (slash)
		*slash++ = 0;
	parse_address(text, v6, o->frame.src);
	o->source_len = slash ? (unsigned int)strtoul(slash, NULL, 10) : 0;
	if (slash && (o->source_len == 0 || o->source_len > (*v6 ? 128 : 32)))
		usage();
	o->random_source = false;
}

static void parse_kind(const char *name, struct options *o)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(name, kinds[i].name))
			continue;
		o->frame.proto = kinds[i].proto;
		o->frame.flags = kinds[i].flags;
		o->fragments = kinds[i].fragments;
		return;
	}
	usage();
}

static void read_payload(const char *path, struct options *o)
{
	static uint8_t bytes[FRAME_PAYLOAD];
	FILE *file = fopen(path, "rb");

	if (!file) {
		fprintf(stderr, "flood: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	o->frame.payload = (uint16_t)fread(bytes, 1, sizeof(bytes), file);
	o->frame.data = bytes;
	fclose(file);
}

/* Options of what is in a packet; false: none of these. */
static bool parse_content(int opt, const char *value, struct options *o)
{
	switch (opt) {
	case 'k':
		parse_kind(value, o);
		return true;
	case 'g':
		o->frame.sport = (uint16_t)strtoul(value, NULL, 10);
		o->source_port = true;
		return true;
	case 'l':
		o->frame.payload = (uint16_t)strtoul(value, NULL, 10);
		if (o->frame.payload > FRAME_PAYLOAD)
			usage();
		return true;
	case 'f':
		read_payload(value, o);
		return true;
	case 'R':
		o->reflectors = (unsigned int)strtoul(value, NULL, 10);
		return true;
	default:
		return false;
	}
}

static void parse(int argc, char **argv, struct options *o)
{
	uint8_t *mac = o->frame.dst_mac;
	bool source_v6 = false, have_mac = false, have_target = false;
	int opt;

	while ((opt = getopt(argc, argv, "i:m:d:s:p:w:t:n:r:S:k:g:l:f:R:")) != -1) {
		switch (opt) {
		case 'i':
			o->interface = optarg;
			break;
		case 'm':
			have_mac = sscanf(optarg, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1,
					  mac + 2, mac + 3, mac + 4, mac + 5) == 6;
			break;
		case 'd':
			parse_address(optarg, &o->frame.v6, o->frame.dst);
			have_target = true;
			break;
		case 's':
			parse_source(optarg, o, &source_v6);
			break;
		case 'p':
			o->random_port = strcmp(optarg, "random") == 0;
			o->frame.dport = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			o->random_window = strcmp(optarg, "random") == 0;
			o->frame.window = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 't':
			o->random_ttl = strcmp(optarg, "random") == 0;
			o->frame.ttl = (uint8_t)strtoul(optarg, NULL, 10);
			break;
		case 'n':
			o->count = strtoull(optarg, NULL, 10);
			break;
		case 'r':
			o->rate = strtoull(optarg, NULL, 10);
			break;
		case 'S':
			o->seed = strtoull(optarg, NULL, 10) | 1;
			break;
		default:
			if (!parse_content(opt, optarg, o))
				usage();
		}
	}
	if (o->frame.proto == IPPROTO_ICMP && o->frame.v6)
		o->frame.proto = IPPROTO_ICMPV6;
	if (!o->interface || !have_mac || !have_target ||
	    (!o->random_source && source_v6 != o->frame.v6))
		usage();
}

static void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_interface(const char *name, uint8_t mac[6])
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)if_nametoindex(name) };
	struct ifreq request = { 0 };
	int on = 1, bytes = 4 << 20;
	int fd = socket(AF_PACKET, SOCK_RAW, 0); /* protocol 0: receives nothing */

	if (fd < 0)
		die("AF_PACKET");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		die(name);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	if (bind(fd, (struct sockaddr *)&to, sizeof(to)))
		die("bind");
	if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)))
		die("PACKET_QDISC_BYPASS");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	return fd;
}

/* A source that no device drops as impossible: 20.0.0.0–99.x, or within 2001:db8:f000::/36. */
static void random_source(struct frame *f, uint64_t *seed)
{
	uint64_t r = frame_random(seed);

	if (f->v6) {
		memcpy(f->src, "\x20\x01\x0d\xb8", 4);
		memcpy(f->src + 8, &r, 8);
		r = frame_random(seed);
		memcpy(f->src + 4, &r, 4);
		f->src[4] |= 0xf0;
		return;
	}
	memcpy(f->src, &r, 4);
	f->src[0] = (uint8_t)(20 + f->src[0] % 80);
}

/* Random bits behind the first len of the source. */
static void random_host(struct frame *f, unsigned int len, uint64_t *seed)
{
	uint64_t r = 0;

	for (unsigned int i = 0; i < (f->v6 ? 16U : 4U); i++) {
		uint8_t fixed = len >= 8 * i + 8 ? 0xff :
				len <= 8 * i	 ? 0 :
						   (uint8_t)(0xff00 >> (len - 8 * i));

		if (i % 8 == 0)
			r = frame_random(seed);
		f->src[i] = (uint8_t)((f->src[i] & fixed) | ((uint8_t)r & ~fixed));
		r >>= 8;
	}
}

static void next_frame(struct options *o)
{
	uint64_t r = frame_random(&o->seed);

	if (!o->source_port)
		o->frame.sport = (uint16_t)(1024 + r % 60000);
	o->frame.seq = (uint32_t)(r >> 32);
	if (o->fragments)
		o->frame.fragment = (uint16_t)(1 + r % 180);
	if (o->random_port)
		o->frame.dport = (uint16_t)(1 + (r >> 16) % 65535);
	if (o->random_window)
		o->frame.window = (uint16_t)(r >> 8);
	if (o->random_ttl)
		o->frame.ttl = (uint8_t)(r >> 40);
	if (o->reflectors) {
		uint64_t reflector = 0x9e3779b97f4a7c15ULL * (1 + (r >> 20) % o->reflectors);

		random_source(&o->frame, &reflector);
	} else if (o->random_source)
		random_source(&o->frame, &o->seed);
	else if (o->source_len)
		random_host(&o->frame, o->source_len, &o->seed);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t when_ns)
{
	struct timespec t = { (time_t)(when_ns / NS_PER_S), (long)(when_ns % NS_PER_S) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static uint64_t send_all(int fd, struct options *o, uint64_t *refused)
{
	static uint8_t bytes[BATCH][FRAME_MAX];
	struct mmsghdr message[BATCH] = { 0 };
	struct iovec iov[BATCH];
	uint64_t started = now_ns(), sent = 0;

	for (int i = 0; i < BATCH; i++)
		message[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	while (sent < o->count) {
		unsigned int n = o->count - sent < BATCH ? (unsigned int)(o->count - sent) : BATCH;
		unsigned int done = 0;

		for (unsigned int i = 0; i < n; i++) {
			next_frame(o);
			iov[i] = (struct iovec){ bytes[i], frame_build(&o->frame, bytes[i]) };
		}
		if (o->rate)
			sleep_until(started + sent * NS_PER_S / o->rate);
		while (done < n) {
			int r = sendmmsg(fd, message + done, n - done, 0);

			if (r > 0) {
				done += (unsigned int)r;
			} else if (errno == ENOBUFS || errno == EAGAIN || errno == EINTR) {
				(*refused)++; /* tried again: a frame counts once it is sent */
			} else {
				die("send");
			}
		}
		sent += done;
	}
	return sent;
}

int main(int argc, char **argv)
{
	struct options o = { .frame = { .flags = FRAME_SYN, .dport = 80 },
			     .random_source = true,
			     .count = 200000,
			     .rate = 100000,
			     .seed = 0x9e3779b97f4a7c15ULL };
	uint64_t started, sent, refused = 0;
	double seconds;
	int fd;

	parse(argc, argv, &o);
	fd = open_interface(o.interface, o.frame.src_mac);
	started = now_ns();
	sent = send_all(fd, &o, &refused);
	seconds = (double)(now_ns() - started) / (double)NS_PER_S;
	printf("{\"sent\":%llu,\"refused\":%llu,\"seconds\":%.6f}\n", (unsigned long long)sent,
	       (unsigned long long)refused, seconds);
	close(fd);
	return 0;
}
