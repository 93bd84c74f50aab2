/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floor: a TPACKET_V3 ring with a classic BPF filter for SYNs, each header read, nothing else.
 * Says on SIGTERM what it saw. What a sensor costs beyond this is what detection costs.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <unistd.h>

#define RING_BYTES (1u << 20)
#define BLOCK_BYTES (1u << 16)
#define RETIRE_MS 60000

static volatile sig_atomic_t ended;

static void end(int number)
{
	(void)number;
	ended = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "ring: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Incoming TCP over IPv4 or IPv6 whose flags are SYN alone; 96 bytes of each. */
static void attach_filter(int fd)
{
	struct sock_filter program[] = {
		{ 0x28, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE) }, /* ldh pkttype */
		{ 0x15, 12, 0, PACKET_OUTGOING },
		{ 0x28, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL) },
		{ 0x15, 0, 5, ETH_P_IP },
		{ 0x30, 0, 0, 9 },
		{ 0x15, 0, 8, 6 },
		{ 0xb1, 0, 0, 0 }, /* ldx 4*([0]&0xf) */
		{ 0x50, 0, 0, 13 }, /* ldb [x + 13] */
		{ 0x05, 0, 0, 4 },
		{ 0x15, 0, 4, ETH_P_IPV6 },
		{ 0x30, 0, 0, 6 },
		{ 0x15, 0, 2, 6 },
		{ 0x30, 0, 0, 53 },
		{ 0x15, 1, 0, 0x02 },
		{ 0x06, 0, 0, 0 },
		{ 0x06, 0, 0, 96 },
	};
	struct sock_fprog fprog = { sizeof(program) / sizeof(program[0]), program };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof(fprog)))
		die("SO_ATTACH_FILTER");
}

static int open_ring(uint8_t **map)
{
	struct tpacket_req3 request = { .tp_block_size = BLOCK_BYTES,
					.tp_block_nr = RING_BYTES / BLOCK_BYTES,
					.tp_frame_size = 2048,
					.tp_frame_nr = RING_BYTES / 2048,
					.tp_retire_blk_tov = RETIRE_MS };
	struct sockaddr_ll any = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int version = TPACKET_V3;
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0);

	if (fd < 0)
		die("AF_PACKET");
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)))
		die("PACKET_VERSION");
	attach_filter(fd);
	if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)))
		die("PACKET_RX_RING");
	*map = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*map == MAP_FAILED)
		die("mmap");
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)))
		die("bind");
	return fd;
}

static uint64_t read_block(struct tpacket_block_desc *block, uint32_t *mix)
{
	struct tpacket3_hdr *packet =
		(void *)((uint8_t *)block + block->hdr.bh1.offset_to_first_pkt);
	uint32_t n = block->hdr.bh1.num_pkts;

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *bytes = (uint8_t *)packet + packet->tp_net;

		*mix += bytes[15] + bytes[23];
		packet = (void *)((uint8_t *)packet + packet->tp_next_offset);
	}
	return n;
}

int main(void)
{
	struct sigaction action = { .sa_handler = end };
	struct tpacket_stats_v3 stats = { 0 };
	socklen_t len = sizeof(stats);
	uint64_t seen = 0;
	uint32_t mix = 0;
	unsigned int at = 0;
	uint8_t *map;
	int fd = open_ring(&map);

	sigaction(SIGTERM, &action, NULL);
	fputs("watching\n", stderr);
	while (!ended) {
		struct tpacket_block_desc *block = (void *)(map + (size_t)at * BLOCK_BYTES);
		struct pollfd wait = { .fd = fd, .events = POLLIN | POLLERR };

		if (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) &
		      TP_STATUS_USER)) {
			poll(&wait, 1, -1);
			continue;
		}
		seen += read_block(block, &mix);
		__atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		at = (at + 1) % (RING_BYTES / BLOCK_BYTES);
	}
	/* tp_packets counts what passed the filter, the block still open included. */
	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
		die("PACKET_STATISTICS");
	printf("{\"seen\":%u,\"read\":%llu,\"lost\":%u,\"mix\":%u}\n", stats.tp_packets,
	       (unsigned long long)seen, stats.tp_drops, mix);
	return 0;
}
