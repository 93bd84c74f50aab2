/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the packet source leaves out: what is served, samples of what is only counted, and what the ring cannot
 * hold.
 */
#include "sensor/source-packet-fixture.h"

static void send_udp(uint16_t dport)
{
	uint8_t packet[100];

	send_frame(mac_a, -1, packet,
		   make_packet(packet, "192.0.2.2", "192.0.2.1", IPPROTO_UDP, dport));
}

static void test_udp_that_is_served_passes_by(void **state)
{
	struct sockaddr_in self = { .sin_family = AF_INET, .sin_port = htons(69) };
	int fd;

	(void)state;
	start(NULL);
	send_udp(69);
	collect();
	assert_int_equal(count(PACKET_DIR_IN, PACKET_UDP, "192.0.2.2", "192.0.2.1", "va"), 1);
	assert_int_equal(count(PACKET_DIR_OUT, PACKET_UNREACHABLE, "192.0.2.1", "192.0.2.2", "va"),
			 1);

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&self, sizeof(self)), 0);
	assert_int_equal(listeners_refresh(&listeners, test_clock.now_ns + 2 * NS_PER_S), 0);
	changed();
	n_seen = 0;
	send_udp(69);
	send_udp(70);
	collect();
	assert_int_equal(count(PACKET_DIR_IN, PACKET_UDP, "192.0.2.2", "192.0.2.1", "va"), 1);
	assert_int_equal(seen[0].dport, 70);
	close(fd);
}

/* A segment of no connection, with n bytes of data, from 192.0.2.2. */
static void send_ack(uint8_t flags, size_t n)
{
	uint8_t packet[200] = { 0 };
	size_t len = make_packet(packet, "192.0.2.2", "192.0.2.1", IPPROTO_TCP, 80);

	packet[33] = flags;
	packet[3] = (uint8_t)(len + n);
	packet[10] = packet[11] = 0;
	put_sum(packet + 10, sum(packet, 20, 0));
	send_frame(mac_a, -1, packet, len + n);
}

/* With a ratio of one, all that is of no use but to be counted passes, and is known for it. */
static void test_samples_are_bulk(void **state)
{
	struct sockaddr_in self = { .sin_family = AF_INET, .sin_port = htons(69) };
	struct source_stats stats;
	unsigned int bulk = 0;
	int fd;

	(void)state;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&self, sizeof(self)), 0);
	config.sample_first = config.sample_max = 1;
	start(NULL);
	send_ack(TCP_ACK, 0);
	send_ack(TCP_ACK | TCP_PSH, 1);
	send_ack(TCP_ACK | TCP_PSH, 100);
	send_udp(69);
	send_udp(45000);
	send_udp(70);
	send_syn("192.0.2.2", "192.0.2.1");
	collect();
	for (unsigned int i = 0; i < n_seen; i++) {
		const struct packet *p = &seen[i];
		bool plain = p->proto == PACKET_TCP && packet_is_plain_data(p->tcp_flags);

		assert_int_equal(p->stands_for, 1);
		bulk += p->bulk;
		if (p->dir == PACKET_DIR_IN && (p->proto == PACKET_TCP || p->proto == PACKET_UDP))
			assert_int_equal(p->bulk,
					 plain || (p->proto == PACKET_UDP && p->dport != 70));
		if (p->dir == PACKET_DIR_IN && p->proto == PACKET_UDP)
			assert_int_equal(p->sport, 40000);
	}
	assert_int_equal(bulk, 5);
	source.ops->stats(&source, &stats);
	assert_int_equal(stats.sampled, 5);
	assert_int_equal(stats.truncated + stats.malformed, 0);
	config.sample_first = config.sample_max = 0;
	close(fd);
}

/* One in sixteen at first; what they stand for adds up, and silence brings no wakeup but the last. */
static void test_samples_of_much(void **state)
{
	enum { SENT = 20000 };
	uint64_t stood_for = 0;
	struct source_stats stats;

	(void)state;
	config.sample_first = 16;
	config.sample_max = 4096;
	start(NULL);
	for (unsigned int i = 0; i < SENT; i++) {
		send_udp(45000);
		if (i % 512 == 0)
			usleep(1000);
	}
	collect();
	for (unsigned int i = 0; i < n_seen; i++)
		if (seen[i].bulk)
			stood_for += seen[i].stands_for;
	/* Five standard deviations of one in 16, four of one in 32. */
	assert_in_range(stood_for, SENT * 85 / 100, SENT * 115 / 100);
	source.ops->stats(&source, &stats);
	assert_int_equal(stats.lost, 0);
	config.sample_first = config.sample_max = 0;
}

/* Sent to an address that is not ours: nothing answers, so that every packet can be accounted for. */
static void test_what_the_ring_cannot_hold_is_counted(void **state)
{
	enum { SENT = 12000 }; /* the ring holds about 7,700 */
	struct source_stats stats;

	(void)state;
	start(NULL);
	for (unsigned int i = 0; i < SENT; i++)
		send_syn("192.0.2.2", "203.0.113.77");
	collect();
	source.ops->stats(&source, &stats);
	assert_true(stats.lost > 0 && n_seen > 6000);
	assert_int_equal(n_seen + stats.lost, SENT);
	source.ops->stats(&source, &stats);
	assert_int_equal(n_seen + stats.lost, SENT); /* reading the counters does not reset them */

	/* And it goes on as before. */
	n_seen = 0;
	send_syn("192.0.2.2", "192.0.2.1");
	collect();
	expect_one_probe("192.0.2.2", "192.0.2.1", "va");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_udp_that_is_served_passes_by),
		CASE(test_samples_are_bulk),
		CASE(test_samples_of_much),
		CASE(test_what_the_ring_cannot_hold_is_counted),
	};

	enter_netns();
	return cmocka_run_group_tests(tests, make_peer, end_peer);
}
