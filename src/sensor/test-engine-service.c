/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Service and OS detection on open ports, and what looks like it: monitors, balancers, browsers.
 */
#include "sensor/device-fixture.h"
#include "sensor/service-probe.h"

#define SCANNER "203.0.113.7"
#define MONITOR "192.0.2.77"

/* SYN and SYN/ACK of an ordinary client; its port. Its ISN is 0x1001, see tcp(). */
static uint16_t opened(struct addr peer, uint16_t port)
{
	uint16_t from = x.next_port++;

	tcp(&x, peer, from, ip(DEVICE), port, TCP_SYN, 0);
	tcp(&x, ip(DEVICE), port, peer, from, TCP_SYN | TCP_ACK, 0x1002);
	return from;
}

/* An end from the peer, which had sent so many bytes. */
static void ended(struct addr peer, uint16_t from, uint16_t port, uint8_t flags, uint32_t asked)
{
	packet(&x, (struct packet){ .src = peer,
				    .dst = ip(DEVICE),
				    .sport = from,
				    .dport = port,
				    .proto = PACKET_TCP,
				    .tcp_flags = flags,
				    .tcp_seq = 0x1002 + asked,
				    .tcp_ack = flags & TCP_ACK ? FIXTURE_ISN + 1 : 0,
				    .ttl = 57 });
}

/* Connect, ask nothing, leave. */
static void left(struct addr peer, uint16_t port, uint8_t flags)
{
	ended(peer, opened(peer, port), port, flags, 0);
}

/* Nmap -sS of an open port: the scanner's kernel refuses the SYN/ACK, with the sequence number that it
 * acknowledged (RFC 9293 §3.10.7.1). */
static void aborted(struct addr peer, uint16_t port)
{
	packet(&x, (struct packet){ .src = peer,
				    .dst = ip(DEVICE),
				    .sport = 51234,
				    .dport = port,
				    .proto = PACKET_TCP,
				    .tcp_flags = TCP_SYN,
				    .tcp_options = OPTIONS_RAW,
				    .tcp_window = 1024,
				    .tcp_seq = 0x1001,
				    .ttl = 44 });
	tcp(&x, ip(DEVICE), port, peer, 51234, TCP_SYN | TCP_ACK, 0x1002);
	ended(peer, 51234, port, TCP_RST, 0);
}

/* The first bytes of a connection, so many milliseconds after its SYN. */
static void asked(struct addr peer, uint16_t port, const char *text, size_t len, uint64_t after_ms)
{
	uint16_t from = opened(peer, port);

	pass_ms(&x, after_ms);
	packet(&x, (struct packet){ .src = peer,
				    .dst = ip(DEVICE),
				    .sport = from,
				    .dport = port,
				    .proto = PACKET_TCP,
				    .tcp_flags = TCP_PSH | TCP_ACK,
				    .question = service_probe((const uint8_t *)text, len, len),
				    .payload = (uint16_t)len,
				    .tcp_seq = 0x1002,
				    .tcp_ack = FIXTURE_ISN + 1,
				    .ttl = 57 });
	ended(peer, from, port, TCP_FIN | TCP_ACK, (uint32_t)len);
}

#define ASKED(peer, port, text, after_ms) asked(peer, port, text, sizeof(text) - 1, after_ms)

/* nmap -sV -sT of 22, 80, 443: a connect scan, then ssh greets; the others are asked after 6 s. */
static void test_version_by_connect(void **state)
{
	(void)state;
	left(ip(SCANNER), 22, TCP_RST | TCP_ACK);
	left(ip(SCANNER), 80, TCP_RST | TCP_ACK);
	left(ip(SCANNER), 443, TCP_RST | TCP_ACK);
	left(ip(SCANNER), 22, TCP_FIN | TCP_ACK);
	assert_int_equal(x.n_told, 0);
	ASKED(ip(SCANNER), 80, "GET / HTTP/1.0\r\n\r\n", 6000);
	assert_int_equal(told_of(&x, ip(SCANNER), FINDING_START), 1);
	assert_int_equal(x.told[0].f.kind, PROBE_VERSION);
	assert_int_equal(x.told[0].f.aborted, 4);
	assert_false(x.told[0].f.spoofable);
}

static void test_foreign_questions(void **state)
{
	(void)state;
	ASKED(ip(SCANNER), 22, "GET / HTTP/1.0\r\n\r\n", 1);
	ASKED(ip(SCANNER), 80, "OPTIONS / RTSP/1.0\r\n\r\n", 1);
	ASKED(ip(SCANNER), 443, "\r\n\r\n", 1);
	assert_int_equal(x.n_told, 0);
	ASKED(ip(SCANNER), 443, "HELP\r\n", 1);
	assert_int_equal(told_of(&x, ip(SCANNER), FINDING_START), 1);
	assert_int_equal(x.told[0].f.kind, PROBE_VERSION);
}

/* What balancers and simple checks ask, every few seconds for a day; a person at the keyboard. */
static void test_ordinary_questions(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 10000; i++) {
		ASKED(ip(MONITOR), 80, "GET / HTTP/1.0\r\n\r\n", 1);
		ASKED(ip(MONITOR), 80, "OPTIONS / HTTP/1.0\r\n\r\n", 1);
		left(ip(MONITOR), 22, TCP_FIN | TCP_ACK);
		left(ip(MONITOR), 443, TCP_RST | TCP_ACK);
		sleep_s(&x, 8);
	}
	assert_int_equal(stats_of(&x).failed, 0);
	ASKED(ip(MONITOR), 22, "\r\n\r\n", 9000);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

/* SYNs from forged addresses, while a scanner waits for a greeting. */
static void flood(uint16_t port, uint8_t shed)
{
	uint64_t seed = port;

	for (unsigned int i = 0; i < 20000; i++)
		packet(&x, (struct packet){ .src = addr_from_v4((uint32_t)next_random(&seed)),
					    .dst = ip(DEVICE),
					    .sport = (uint16_t)i,
					    .dport = port,
					    .proto = PACKET_TCP,
					    .tcp_flags = TCP_SYN,
					    .tcp_window = 512,
					    .tcp_seq = i,
					    .answers_shed = shed,
					    .ttl = 57 });
	pass_ms(&x, 6000);
}

/* Floods of a closed port, and of an open one: the flows of other ports outlive them. */
static void test_version_through_a_flood(void **state)
{
	static const struct {
		uint16_t port;
		uint8_t shed;
	} floods[] = { { 81, PACKET_SHED_REFUSAL }, { 443, PACKET_SHED_SYN_ACK } };
	static const struct {
		uint16_t port;
		const char *text;
	} questions[] = { { 80, "GET / HTTP/1.0\r\n\r\n" },
			  { 22, "GET / HTTP/1.0\r\n\r\n" },
			  { 80, "OPTIONS / RTSP/1.0\r\n\r\n" },
			  { 22, "HELP\r\n" } };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct addr peer = ip(i ? MONITOR : SCANNER);

		for (unsigned int j = 0; j < 4; j++) {
			const uint8_t *text = (const uint8_t *)questions[j].text;
			size_t len = strlen(questions[j].text);
			uint16_t from = opened(peer, questions[j].port);

			flood(floods[i].port, floods[i].shed);
			packet(&x, (struct packet){ .src = peer,
						    .dst = ip(DEVICE),
						    .sport = from,
						    .dport = questions[j].port,
						    .proto = PACKET_TCP,
						    .tcp_flags = TCP_PSH | TCP_ACK,
						    .question = service_probe(text, len, len),
						    .payload = (uint16_t)len,
						    .tcp_seq = 0x1002,
						    .tcp_ack = FIXTURE_ISN + 1,
						    .ttl = 57 });
		}
		assert_int_equal(told_of(&x, peer, FINDING_START), 1);
	}
}

static void test_half_open(void **state)
{
	(void)state;
	aborted(ip(SCANNER), 22);
	aborted(ip(SCANNER), 80);
	assert_int_equal(x.n_told, 0);
	aborted(ip(SCANNER), 443);
	assert_int_equal(told_of(&x, ip(SCANNER), FINDING_START), 1);
	assert_int_equal(x.told[0].f.kind, PROBE_SYN);
	assert_int_equal(finding_failed(&x.told[0].f), 3);
	assert_true(x.told[0].f.spoofable); /* as to the victim of an idle scan */
	/* -sV goes on with connections. */
	left(ip(SCANNER), 22, TCP_FIN | TCP_ACK);
	left(ip(SCANNER), 443, TCP_FIN | TCP_ACK);
	assert_int_equal(told_of(&x, ip(SCANNER), FINDING_START), 2);
	assert_int_equal(told_nth(&x, FINDING_START, 1)->f.kind, PROBE_VERSION);
}

/* The owners of forged addresses refuse our SYN/ACK, once each. */
static void test_backscatter_of_a_flood(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		struct addr peer = addr_from_v4(0x14000000 + i * 2654435761u % 0x40000000u);

		tcp(&x, peer, 40000, ip(DEVICE), 80, TCP_SYN, 0);
		tcp(&x, ip(DEVICE), 80, peer, 40000, TCP_SYN | TCP_ACK, 0x1002);
		ended(peer, 40000, 80, TCP_RST, 0);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
	assert_int_equal(stats_of(&x).trie.leaves[ENGINE_KNOWN], 0);
}

static void test_half_open_health_check(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 10000; i++) {
		uint16_t from = opened(ip(MONITOR), 80);

		ended(ip(MONITOR), from, 80, TCP_RST, 0);
		pass_ms(&x, 2000);
	}
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

static void monitors(uint8_t flags)
{
	for (unsigned int minute = 0; minute < 3 * 1440; minute++) {
		left(ip(MONITOR), 22, flags);
		left(ip(MONITOR), 80, flags);
		left(ip(MONITOR), 443, flags);
		sleep_s(&x, 60);
	}
	/* Whoever sits at the monitor may mistype twice. */
	connect_refused(&x, ip(MONITOR), ip(DEVICE), 2222);
	connect_refused(&x, ip(MONITOR), ip(DEVICE), 8080);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

static void test_monitor(void **state)
{
	(void)state;
	monitors(TCP_FIN | TCP_ACK);
}

static void test_balancer(void **state)
{
	(void)state;
	monitors(TCP_RST | TCP_ACK);
}

/* Connections a browser opens beforehand and does not need. */
static void test_preconnect(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 200; i++)
		left(ip(MONITOR), i % 2 ? 443 : 80, TCP_FIN | TCP_ACK);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

/* A person who tries three services, one that greets and closes among them. */
static void test_used(void **state)
{
	static const uint16_t ports[] = { 22, 80, 443 };

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		uint16_t from = opened(ip(SCANNER), ports[i]);

		if (i == 0) {
			tcp(&x, ip(DEVICE), ports[i], ip(SCANNER), from, TCP_FIN | TCP_ACK, 0x1002);
			ended(ip(SCANNER), from, ports[i], TCP_FIN | TCP_ACK, 0);
		} else {
			ended(ip(SCANNER), from, ports[i], TCP_FIN | TCP_ACK, 300);
		}
	}
	assert_int_equal(stats_of(&x).failed, 0);
	for (uint16_t port = 8001; port <= 8002; port++)
		connect_refused(&x, ip(SCANNER), ip(DEVICE), port);
	engine_finish(x.engine);
	assert_int_equal(x.n_told, 0);
}

/* A connect scan that meets open ports stays one finding. */
static void test_connect_scan(void **state)
{
	(void)state;
	for (uint16_t port = 1; port < 500; port++)
		if (port == 22 || port == 80 || port == 443)
			left(ip(SCANNER), port, TCP_RST | TCP_ACK);
		else
			connect_refused(&x, ip(SCANNER), ip(DEVICE), port);
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(x.told[0].f.kind, PROBE_CONNECT);
}

/* https://nmap.org/book/osdetect-methods.html: the packets of the sequence test, ECN, T2, T3 and T7. */
static void os_probe(uint16_t port, uint8_t flags, uint16_t window, uint16_t mss)
{
	packet(&x, (struct packet){ .src = ip(SCANNER),
				    .dst = ip(DEVICE),
				    .sport = 45001,
				    .dport = port,
				    .proto = PACKET_TCP,
				    .tcp_flags = flags,
				    .tcp_options = OPTIONS_USUAL,
				    .tcp_window = window,
				    .tcp_mss = mss,
				    .tcp_timestamp = 0xffffffff,
				    .tcp_seq = 0x1001,
				    .ttl = 44 });
}

static void test_os_detection(void **state)
{
	(void)state;
	aborted(ip(SCANNER), 22);
	aborted(ip(SCANNER), 80);
	os_probe(22, TCP_SYN, 1, 1460);
	os_probe(22, TCP_SYN, 1, 1460); /* once more, as it was lost */
	os_probe(22, TCP_SYN, 63, 1400);
	os_probe(22, TCP_SYN, 4, 640);
	os_probe(22, 0, 128, 265);
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(x.told[0].f.kind, PROBE_OS);
	assert_in_range(x.told[0].failed, 3, 5);
}

static void test_os_detection_of_a_known_scanner(void **state)
{
	(void)state;
	for (uint16_t port = 100; port < 110; port++)
		syn_probe(&x, ip(SCANNER), ip(DEVICE), port, false);
	os_probe(22, TCP_SYN, 1, 1460);
	os_probe(22, TCP_SYN, 63, 1400);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	os_probe(22, TCP_FIN | TCP_PSH | TCP_URG, 65535, 265);
	assert_int_equal(told_phase(&x, FINDING_START), 2);
	assert_int_equal(told_nth(&x, FINDING_START, 1)->f.kind, PROBE_OS);
}

/* Three probes: an alert with two login ports, or a raw tool's marks; else a notice. */
static void test_three_probes(void **state)
{
	(void)state;
	connect_refused(&x, ip("203.0.113.1"), ip(DEVICE), 23);
	connect_refused(&x, ip("203.0.113.1"), ip(DEVICE), 2323);
	connect_refused(&x, ip("203.0.113.1"), ip(DEVICE), 8080);
	assert_int_equal(told_of(&x, ip("203.0.113.1"), FINDING_START), 1);
	connect_refused(&x, ip("198.51.100.1"), ip(DEVICE), 2222);
	connect_refused(&x, ip("198.51.100.1"), ip(DEVICE), 23);
	connect_refused(&x, ip("20.30.40.1"), ip(DEVICE), 8080);
	connect_refused(&x, ip("20.30.40.1"), ip(DEVICE), 8000);
	connect_refused(&x, ip("20.30.40.1"), ip(DEVICE), 2222);
	engine_finish(x.engine);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
	assert_int_equal(told_phase(&x, FINDING_NOTICE), 1);
	assert_int_equal(told_of(&x, ip("20.30.40.1"), FINDING_NOTICE), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_version_by_connect),
		TEST(test_foreign_questions),
		TEST(test_ordinary_questions),
		TEST(test_version_through_a_flood),
		TEST(test_half_open),
		TEST(test_backscatter_of_a_flood),
		TEST(test_half_open_health_check),
		TEST(test_monitor),
		TEST(test_balancer),
		TEST(test_preconnect),
		TEST(test_used),
		TEST(test_connect_scan),
		TEST(test_os_detection),
		TEST(test_os_detection_of_a_known_scanner),
		TEST(test_three_probes),
	};

	return cmocka_run_group_tests_name("engine-service", tests, NULL, NULL);
}
