/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program is run by a small interpreter over hand-made packets; test-filter-kernel.c has Linux run it. */
#include "sensor/filter-fixture.h"

static void test_samples(void **state)
{
	uint8_t bytes[128];

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		struct metadata m = metadata_of(s);
		size_t len = make(s, bytes);
		uint32_t kept = run(&plain, &m, bytes, len);

		if (kept != (s->passes ? SNAPLEN : 0))
			fail_msg("%s: kept %u bytes", s->what, kept);
	}
}

static void test_other_hosts_and_protocols(void **state)
{
	const uint32_t types[] = { PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST };
	const uint32_t protocols[] = { ETH_P_ARP, ETH_P_8021Q, ETH_P_PPP_SES, 4 };
	struct metadata m;
	uint8_t bytes[128];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		len = make(&samples[i], bytes);
		for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
			m = metadata_of(&samples[i]);
			m.pkttype = types[t];
			assert_int_equal(run(&plain, &m, bytes, len), 0);
		}
		for (size_t p = 0; p < sizeof(protocols) / sizeof(protocols[0]); p++) {
			m = metadata_of(&samples[i]);
			m.protocol = protocols[p];
			assert_int_equal(run(&plain, &m, bytes, len), 0);
		}
	}
}

/* A packet that is too short for its headers is dropped, not read beyond. */
static void test_short_packets(void **state)
{
	uint8_t bytes[128];
	struct metadata m;

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		make(&samples[i], bytes);
		m = metadata_of(&samples[i]);
		for (size_t len = 0; len < 6; len++)
			assert_int_equal(run(&plain, &m, bytes, len), 0);
	}
	make(&samples[0], bytes);
	m = metadata_of(&samples[0]);
	assert_int_equal(run(&plain, &m, bytes, 20 + 13), 0);
	assert_int_equal(run(&plain, &m, bytes, 20 + 14), SNAPLEN);
}

static void test_tags(void **state)
{
	struct metadata m = metadata_of(&samples[0]);
	struct filter_params params = plain;
	uint8_t bytes[128];
	size_t len = make(&samples[0], bytes);

	(void)state;
	m.tag_present = 1;
	m.tag = 0xe000; /* priority 7, id 0 */
	assert_int_equal(run(&params, &m, bytes, len), SNAPLEN);
	m.tag = 0xe001;
	assert_int_equal(run(&params, &m, bytes, len), 0);
	m.tag = 0x0fff;
	assert_int_equal(run(&params, &m, bytes, len), 0);
	params.pass_tagged = true;
	assert_int_equal(run(&params, &m, bytes, len), SNAPLEN);
}

static void test_interfaces(void **state)
{
	struct metadata m = metadata_of(&samples[0]);
	struct filter_params params = plain;
	uint8_t bytes[128];
	size_t len = make(&samples[0], bytes);

	(void)state;
	params.skip[0] = 1;
	params.skip[1] = TAP_IFINDEX;
	params.n_skip = 1;
	assert_int_equal(run(&params, &m, bytes, len), SNAPLEN);
	params.n_skip = 2;
	assert_int_equal(run(&params, &m, bytes, len), 0);

	params = plain;
	params.only[0] = 3;
	params.only[1] = TAP_IFINDEX;
	params.n_only = 1;
	assert_int_equal(run(&params, &m, bytes, len), 0);
	params.n_only = 2;
	assert_int_equal(run(&params, &m, bytes, len), SNAPLEN);
	m.tag_present = 1;
	m.tag = 5;
	assert_int_equal(run(&params, &m, bytes, len), 0);
}

static void test_fullest(void **state)
{
	struct filter_params params = fullest();
	uint8_t bytes[128];
	struct metadata m;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		len = make(&samples[i], bytes);
		m = metadata_of(&samples[i]);
		assert_int_equal(run(&params, &m, bytes, len), samples[i].passes ? SNAPLEN : 0);
		m.ifindex = 1000 + FILTER_MAX_INTERFACES / 2 - 1;
		assert_int_equal(run(&params, &m, bytes, len), 0);
		m.ifindex = 3000;
		assert_int_equal(run(&params, &m, bytes, len), 0);
	}
}

/* RFC 9293 §3.10.7.1: a SYN without ACK is refused with sequence number 0; a connection that is
 * broken off goes on from where it was. */
static void test_shed(void **state)
{
	enum answer { OTHER, REFUSAL, SYN_ACK_22, SYN_ACK_23 };
	static const struct {
		struct sample s;
		enum answer answer;
	} cases[] = {
		{ { "refusal", .out = true, .proto = 6,
		    .l4 = { 0, 23, 0x9c, 0x40, [12] = 0x50, 0x14 } },
		  REFUSAL },
		{ { "refusal, IPv6", .v6 = true, .out = true, .proto = 6,
		    .l4 = { 0, 23, 0x9c, 0x40, [12] = 0x50, 0x14 } },
		  REFUSAL },
		{ { "refusal behind IP options", .out = true, .proto = 6, .options = 3,
		    .l4 = { 0, 23, 0x9c, 0x40, [12] = 0x50, 0x14 } },
		  REFUSAL },
		{ { "abort", .out = true, .proto = 6, .l4 = { TCP_HEAD, 0x14 } }, OTHER },
		{ { "refusal that comes in", .proto = 6,
		    .l4 = { 0, 23, 0x9c, 0x40, [12] = 0x50, 0x14 } },
		  OTHER },
		{ { "RST without ACK", .out = true, .proto = 6,
		    .l4 = { 0, 23, 0x9c, 0x40, [12] = 0x50, 0x04 } },
		  OTHER },
		{ { "SYN ACK", .out = true, .proto = 6, .l4 = { TCP_HEAD, 0x12 } }, OTHER },
		{ { "SYN ACK of a listener", .out = true, .proto = 6,
		    .l4 = { 0, 23, 0x9c, 0x40, [12] = 0x50, 0x12 } },
		  SYN_ACK_23 },
		{ { "SYN ACK of another listener", .v6 = true, .out = true, .proto = 6,
		    .l4 = { 0, 22, 0x9c, 0x40, [12] = 0x50, 0x12 } },
		  SYN_ACK_22 },
		{ { "SYN ACK that comes in from such a port", .proto = 6,
		    .l4 = { 0, 23, 0x9c, 0x40, [12] = 0x50, 0x12 } },
		  OTHER },
		{ { "SYN", .proto = 6, .l4 = { TCP_HEAD, 0x02 } }, OTHER },
	};
	uint8_t bytes[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct metadata m = metadata_of(&cases[i].s);
		size_t len = make(&cases[i].s, bytes);

		for (unsigned int choice = 0; choice < 8; choice++) {
			struct filter_params params = plain;
			bool refusals = choice & 1, port_22 = choice & 2, port_23 = choice & 4;
			bool sheds = (refusals && cases[i].answer == REFUSAL) ||
				     (port_22 && cases[i].answer == SYN_ACK_22) ||
				     (port_23 && cases[i].answer == SYN_ACK_23);

			params.shed_refusals = refusals;
			if (port_22)
				params.shed_port[params.n_shed_ports++] = 22;
			if (port_23)
				params.shed_port[params.n_shed_ports++] = 23;
			assert_int_equal(run(&params, &m, bytes, len), sheds ? 0 : SNAPLEN);
		}
	}
}

/* A gateway watches pings, and what hosts behind it refuse. */
static void test_gateway(void **state)
{
	static const struct sample passing[] = {
		{ "echo request", .proto = 1, .l4 = { ECHO(8, 77) } },
		{ "echo request, IPv6", .v6 = true, .proto = 58, .l4 = { ECHO(128, 77) } },
		{ "unreachable", .proto = 1, .l4 = { 3, 1 } },
		{ "unreachable, IPv6", .v6 = true, .proto = 58, .l4 = { 1, 3 } },
		{ "parameter problem, IPv6", .v6 = true, .proto = 58, .l4 = { 4, 1 } },
	};
	struct filter_params params = plain;
	uint8_t bytes[128];

	(void)state;
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		struct metadata m = metadata_of(&passing[i]);
		size_t len = make(&passing[i], bytes);

		params.gateway = false;
		assert_int_equal(run(&params, &m, bytes, len), 0);
		params.gateway = true;
		assert_int_equal(run(&params, &m, bytes, len), SNAPLEN);
	}
}

/* Data with timestamps (RFC 7323), to this host or from it. What of it was kept. */
static uint32_t data_of(bool v6, bool out, const char *text, size_t len)
{
	struct metadata m = { .pkttype = out ? PACKET_OUTGOING : PACKET_HOST,
			      .protocol = v6 ? ETH_P_IPV6 : ETH_P_IP,
			      .ifindex = TAP_IFINDEX };
	uint8_t bytes[2048] = { 0 }, *l4 = bytes + (v6 ? 40 : 20);
	size_t size = 32 + len;

	if (v6) {
		bytes[0] = 0x60;
		bytes[4] = (uint8_t)(size >> 8);
		bytes[5] = (uint8_t)size;
		bytes[6] = 6;
	} else {
		bytes[0] = 0x45;
		bytes[2] = (uint8_t)((size + 20) >> 8);
		bytes[3] = (uint8_t)(size + 20);
		bytes[9] = 6;
	}
	l4[12] = 0x80;
	l4[13] = 0x18;
	memcpy(l4 + 32, text, len);
	return run(&plain, &m, bytes, (size_t)(l4 - bytes) + size);
}

#define DATA_OF(v6, out, text) data_of(v6, out, text, sizeof(text) - 1)

/* Questions of service detection pass; nothing that clients say every day does. */
static void test_questions(void **state)
{
	char bulk[1448];

	(void)state;
	memset(bulk, '\n', sizeof(bulk));
	for (int v6 = 0; v6 < 2; v6++) {
		assert_int_equal(DATA_OF(v6, false, "GET / HTTP/1.0\r\n\r\n"), SNAPLEN);
		assert_int_equal(DATA_OF(v6, false, "GET /nice%20ports%2C/Tri%6Eity.txt%2ebak"),
				 SNAPLEN);
		assert_int_equal(DATA_OF(v6, false, "\r\n\r\n"), SNAPLEN);
		assert_int_equal(DATA_OF(v6, false, "HELP\r\n"), SNAPLEN);
		assert_int_equal(DATA_OF(v6, false, "OPTIONS / RTSP/1.0\r\n\r\n"), SNAPLEN);
		assert_int_equal(DATA_OF(v6, false, "\x10\x10\x00\x04MQTT"), SNAPLEN);

		assert_int_equal(DATA_OF(v6, true, "GET / HTTP/1.0\r\n\r\n"), 0);
		assert_int_equal(DATA_OF(v6, false, "OPTIONS / HTTP/1.0\r\n\r\n"), 0);
		assert_int_equal(DATA_OF(v6, false, "GET / HTTP/1.1\r\nHost: 192.0.2.10\r\n\r\n"),
				 0);
		assert_int_equal(DATA_OF(v6, false, "SSH-2.0-OpenSSH_9.2p1\r\n"), 0);
		assert_int_equal(DATA_OF(v6, false, "\r\n"), 0);
		assert_int_equal(DATA_OF(v6, false, ""), 0);
		assert_int_equal(data_of(v6, false, bulk, 4), 0);
		assert_int_equal(data_of(v6, false, bulk, sizeof(bulk)), 0);
	}
}

/* RFC 826: a request, operation 1, for 10.0.0.n. */
static uint32_t arp_for(uint8_t operation, uint8_t last)
{
	struct metadata m = { .pkttype = PACKET_BROADCAST,
			      .protocol = ETH_P_ARP,
			      .ifindex = TAP_IFINDEX };
	uint8_t bytes[46] = { 0, 1, 8, 0, 6, 4, 0, operation, [24] = 10, 0, 0, last };

	return run(&plain, &m, bytes, sizeof(bytes));
}

/* RFC 4861 §4.3: a solicitation for 2001:db8::n, sent to its group. */
static uint32_t solicitation_for(const struct filter_params *params, uint8_t type, uint8_t last)
{
	struct metadata m = { .pkttype = PACKET_MULTICAST,
			      .protocol = ETH_P_IPV6,
			      .ifindex = TAP_IFINDEX };
	uint8_t bytes[72] = { 0x60,	   [5] = 32, [6] = 58, [7] = 255, [40] = type,
			      [48] = 0x20, 0x01,     0x0d,     0xb8,	  [63] = last };

	return run(params, &m, bytes, sizeof(bytes));
}

static void test_link_sweeps(void **state)
{
	struct filter_params params = plain;

	(void)state;
	params.sample_v6 = 5;
	for (unsigned int last = 0; last < 256; last++) {
		assert_int_equal(arp_for(1, (uint8_t)last), last % 8 == 3 ? SNAPLEN : 0);
		assert_int_equal(arp_for(2, (uint8_t)last), 0);
		assert_int_equal(solicitation_for(&params, 135, (uint8_t)last),
				 last % 8 == 5 ? SNAPLEN : 0);
		assert_int_equal(solicitation_for(&params, 136, (uint8_t)last), 0);
		assert_int_equal(solicitation_for(&plain, 135, (uint8_t)last), 0);
	}
}

static void test_bad_params(void **state)
{
	struct sock_filter prog[FILTER_MAX_INSNS];
	struct filter_params params;

	(void)state;
	params = plain;
	params.n_only = FILTER_MAX_INTERFACES + 1;
	assert_int_equal(filter_build(&params, prog), -EINVAL);
	params = plain;
	params.n_skip = FILTER_MAX_INTERFACES + 1;
	assert_int_equal(filter_build(&params, prog), -EINVAL);
	params.n_only = 1;
	params.n_skip = FILTER_MAX_INTERFACES;
	assert_int_equal(filter_build(&params, prog), -EINVAL);
	params = plain;
	params.n_udp_open = FILTER_MAX_UDP_PORTS + 1;
	assert_int_equal(filter_build(&params, prog), -EINVAL);
	params = plain;
	params.n_shed_ports = FILTER_MAX_TCP_PORTS + 1;
	assert_int_equal(filter_build(&params, prog), -EINVAL);
	params = plain;
	params.snaplen = 0;
	assert_int_equal(filter_build(&params, prog), -EINVAL);
}

/* Bytes that are mostly a packet: headers from the table, with some of their bytes spoilt. */
static size_t random_packet(const struct sample *s, uint8_t bytes[128])
{
	size_t len = make(s, bytes);

	for (long n = random() % 4; n > 0; n--)
		bytes[(size_t)random() % len] = (uint8_t)random();
	return len;
}

/* What the parser would hand to the engine must not have been dropped by the filter. */
static void test_agrees_with_parser(void **state)
{
	static struct packet_parser pp;
	struct sock_filter prog[FILTER_MAX_INSNS];
	int n = filter_build(&plain, prog);
	unsigned int agreed = 0;
	uint8_t bytes[128];
	struct packet p;

	(void)state;
	assert_true(n > 0);
	srandom(1);
	packet_parser_init(&pp);
	for (int round = 0; round < 300000; round++) {
		const struct sample *s =
			&samples[(size_t)random() % (sizeof(samples) / sizeof(samples[0]))];
		struct metadata m = metadata_of(s);
		size_t len = random_packet(s, bytes);

		m.pkttype = PACKET_HOST;
		if (packet_parse(&pp, (uint16_t)m.protocol, bytes, len, len, &p) != PACKET_OK)
			continue;
		if (p.proto != PACKET_TCP && p.proto != PACKET_SCTP && p.proto != PACKET_IP &&
		    p.proto != PACKET_ICMP_QUERY)
			continue;
		assert_int_equal(interpret(prog, (unsigned int)n, &m, bytes, len), SNAPLEN);
		agreed++;
	}
	assert_true(agreed > 30000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_other_hosts_and_protocols),
		cmocka_unit_test(test_short_packets),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_fullest),
		cmocka_unit_test(test_shed),
		cmocka_unit_test(test_gateway),
		cmocka_unit_test(test_link_sweeps),
		cmocka_unit_test(test_bad_params),
		cmocka_unit_test(test_agrees_with_parser),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
