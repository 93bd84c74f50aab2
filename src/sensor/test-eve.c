/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of scans, for machines and for people; names made to harm.
 */
#include "core/conf.h"
#include "sensor/eve-fixture.h"

static const char *write_line(enum finding_phase phase)
{
	return take_line(eve_write(&ev, &ctx, &f, phase));
}

/* The form of Suricata's EVE. */
static void test_fields(void **state)
{
	const char *line = write_line(FINDING_START);

	(void)state;
	assert_has(line, "{\"timestamp\":\"2025-11-22T10:11:12.123456+0000\"");
	assert_has(line, "\"event_type\":\"alert\"");
	assert_has(line, "\"src_ip\":\"203.0.113.7\"");
	assert_has(line, "\"src_port\":41022");
	assert_has(line, "\"dest_ip\":\"192.0.2.10\"");
	assert_has(line, "\"dest_port\":8080");
	assert_has(line, "\"proto\":\"TCP\"");
	assert_has(line, "\"action\":\"allowed\"");
	assert_has(line, "\"gid\":4230");
	assert_has(line, "\"signature_id\":1001");
	assert_has(line, "\"severity\":2");
	assert_has(line, "\"T1595\"");
	assert_has(line, "\"kind\":\"scan\"");
	assert_has(line, "\"technique\":\"syn\"");
	assert_has(line, "\"phase\":\"start\"");
	assert_has(line, "\"finding\":\"5f0c1d2e3a4b5c6d\"");
	assert_has(line, "\"peer_prefix\":\"203.0.113.7/32\"");
	assert_has(line, "\"port_sample\":[22,3306,5432,8080]");
	assert_has(line, "\"open\":1");
	assert_has(line, "\"refused\":3");
	assert_has(line, "\"unanswered\":1");
	assert_has(line, "\"first\":\"2025-11-22T10:11:10.623456+0000\"");
	assert_has(line, "\"last\":\"2025-11-22T10:11:12.123456+0000\"");
	assert_has(line, "\"spoofable\":true");
	assert_has(line, "\"source\":\"packet\"");
	assert_has(line, "\"device\":\"monitor-17\"");
}

/* Weak evidence is a notice, never an alert. */
static void test_notice(void **state)
{
	const char *line = write_line(FINDING_NOTICE);

	(void)state;
	assert_has(line, "\"event_type\":\"anomaly\"");
	assert_has(line, "\"signature_id\":1901");
	assert_null(strstr(line, "\"alert\""));
}

/* mimamori-events(7): techniques and their signature ids are stable. */
static void test_signatures(void **state)
{
	static const struct {
		enum probe_kind kind;
		const char *technique, *sid;
	} stable[] = {
		{ PROBE_SYN, "\"syn\"", ":1001," },
		{ PROBE_CONNECT, "\"connect\"", ":1002," },
		{ PROBE_FIN, "\"fin\"", ":1003," },
		{ PROBE_NULL, "\"null\"", ":1004," },
		{ PROBE_XMAS, "\"xmas\"", ":1005," },
		{ PROBE_ACK, "\"ack\"", ":1006," },
		{ PROBE_MAIMON, "\"maimon\"", ":1007," },
		{ PROBE_UDP, "\"udp\"", ":1008," },
		{ PROBE_ECHO, "\"icmp\"", ":1009," },
		{ PROBE_ARP, "\"arp\"", ":1010," },
		{ PROBE_CUSTOM, "\"custom\"", ":1011," },
		{ PROBE_SCTP_INIT, "\"sctp-init\"", ":1012," },
		{ PROBE_SCTP_COOKIE, "\"sctp-cookie\"", ":1013," },
		{ PROBE_IP_PROTO, "\"ip-protocol\"", ":1014," },
		{ PROBE_ICMP_QUERY, "\"icmp-query\"", ":1015," },
		{ PROBE_NEIGHBOUR, "\"neighbour\"", ":1016," },
		{ PROBE_VERSION, "\"version\"", ":1017," },
		{ PROBE_OS, "\"os\"", ":1018," },
	};

	(void)state;
	assert_int_equal(sizeof(stable) / sizeof(stable[0]), PROBE_KINDS);
	for (unsigned int i = 0; i < PROBE_KINDS; i++) {
		f.kind = stable[i].kind;
		assert_has(write_line(FINDING_START), stable[i].technique);
		assert_has(ev.line, stable[i].sid);
		write_line(FINDING_UPDATE);
		assert_has(write_line(FINDING_END), " ended\"");
		write_line(FINDING_NOTICE);
	}
}

static void test_severities(void **state)
{
	(void)state;
	assert_int_equal(eve_severity(FINDING_START), 2);
	assert_int_equal(eve_severity(FINDING_UPDATE), 2);
	assert_int_equal(eve_severity(FINDING_END), 3);
	assert_int_equal(eve_severity(FINDING_NOTICE), 4);
}

static void test_v6(void **state)
{
	(void)state;
	assert_int_equal(addr_parse("2001:db8:ffff:0:1:2:3:4", &f.peer.addr), 0);
	assert_int_equal(addr_parse("2001:db8::10", &f.last.self), 0);
	f.last.peer = f.peer.addr;
	assert_has(write_line(FINDING_START), "\"peer_prefix\":\"2001:db8:ffff:0:1:2:3:4/128\"");
	f.kind = PROBE_ECHO;
	f.sampled = 0;
	assert_has(write_line(FINDING_END), "\"proto\":\"IPv6-ICMP\"");
	assert_null(strstr(ev.line, "\"dest_port\""));
}

static void test_fingerprints(void **state)
{
	(void)state;
	f.tool[FINGERPRINT_MIRAI] = 4;
	f.tool[FINGERPRINT_NMAP] = 1; /* fewer than half bear it */
	assert_has(write_line(FINDING_START), "\"fingerprint\":[\"mirai\"]");
}

/* The largest event there can be fits the line, and an early one has no number out of range. */
static void test_extremes(void **state)
{
	static char device[CONF_TEXT_LEN];

	(void)state;
	memset(device, 1, sizeof(device) - 1);
	ctx.device = device;
	assert_int_equal(addr_parse("2001:db8:ffff:fff1:fff2:fff3:fff4:fff5", &f.peer.addr), 0);
	f.last.peer = f.last.self = f.peer.addr;
	f.kind = PROBE_XMAS;
	f.probes = f.failed = f.refused = f.open = UINT64_MAX / 2;
	f.sequence = UINT32_MAX;
	f.first_ns = 0;
	f.llr = 1e30f;
	f.sampled = FINDING_SAMPLE;
	for (unsigned int i = 0; i < FINDING_SAMPLE; i++)
		f.sample[i] = (uint16_t)(65535 - i);
	for (unsigned int i = 0; i < FINGERPRINT_COUNT; i++)
		f.tool[i] = UINT32_MAX;
	memset(&f.ports, 0xff, sizeof(f.ports));
	memset(&f.hosts, 0xff, sizeof(f.hosts));
	memset(&f.contacts, 0xff, sizeof(f.contacts));
	f.hosts_before = UINT64_MAX;
	write_line(FINDING_START);
	f.failed = f.refused = f.probes = f.open = 0;
	f.llr = -1e30f;
	write_line(FINDING_END);
}

static const char *const hostile[] = {
	"\",\"alert\":{},\"x\":\"",
	"\\",
	"\\u0000\\",
	"a\nb\r\n{}",
	"\x1b[2J\x1b]0;gone\a",
	"</script><script>alert(1)",
	"\xff\xfe\x80",
	"\xc0\xaf\xed\xa0\x80",
	"\xc2\x9b"
	"31m",
	"\xe2\x80\xae"
	"evil",
	"\xf0\x9f\x91\xb6",
	"%s%n%x",
	"\x7f\x01\x1f",
};

static void test_hostile_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		ctx.device = hostile[i];
		write_line(FINDING_START);
		assert_has(ev.line, "\"source\":\"packet\"");
	}
}

/* A group is told by its prefix, unrelated peers by their number: no single one is named. */
static void test_text_of_groups(void **state)
{
	char text[EVE_TEXT_LEN];
	struct addr a;

	(void)state;
	f.scope = FINDING_PREFIX;
	assert_int_equal(addr_parse("203.0.113.9", &a), 0);
	finding_member(&f, f.peer.addr);
	finding_member(&f, a);
	eve_text(text, &ctx, &f, FINDING_START);
	assert_has(text, "203.0.113.0/28 (2 addresses)  TCP SYN scan");
	assert_has(text, ", addresses unproven");
	f.scope = FINDING_DISTRIBUTED;
	assert_int_equal(addr_parse("198.51.100.9", &a), 0);
	finding_member(&f, a);
	eve_text(text, &ctx, &f, FINDING_START);
	assert_has(text, "3 unrelated addresses  TCP SYN scan");
	write_line(FINDING_START);
	assert_has(ev.line,
		   "\"peer_prefix\":\"192.0.0.0/4\",\"scope\":\"distributed\",\"peers\":3");
}

/* Nobody is accused before one is known to be real: neither in words nor for who reads src_ip. */
static void test_decoys(void **state)
{
	char text[EVE_TEXT_LEN];
	struct addr real;

	(void)state;
	f.scope = FINDING_DECOYS;
	f.spoofable = true;
	assert_int_equal(addr_parse("198.51.100.9", &real), 0);
	finding_member(&f, f.peer.addr);
	finding_member(&f, real);
	eve_text(text, &ctx, &f, FINDING_START);
	assert_has(text, "one of 2 addresses, the others decoys  TCP SYN scan");
	assert_null(strstr(text, "unproven"));
	write_line(FINDING_START);
	assert_has(ev.line, "\"src_ip\":\"0.0.0.0\"");
	assert_null(strstr(ev.line, "\"real\""));
	finding_name_real(&f, real);
	eve_text(text, &ctx, &f, FINDING_UPDATE);
	assert_has(text, "198.51.100.9 behind 1 decoy  TCP SYN scan");
	write_line(FINDING_UPDATE);
	assert_has(ev.line, "\"src_ip\":\"198.51.100.9\"");
	assert_has(ev.line, "\"real\":\"198.51.100.9\"");
}

/* As sure as the event says, and never quite; a disguise is no tool; how the addresses are made. */
static void test_text_of_evidence(void **state)
{
	char text[EVE_TEXT_LEN];

	(void)state;
	f.tool[FINGERPRINT_MASSCAN] = f.tool[FINGERPRINT_NMAP] = f.tool[FINGERPRINT_TINY] = 4;
	f.llr = 200;
	eve_text(text, &ctx, &f, FINDING_START);
	assert_has(text, ", in tiny fragments, looks like masscan or nmap-raw, 99 % sure, address "
			 "unproven");
	f.hosts_before = 7;
	f.pattern[IID_EUI64] = 3;
	eve_text(text, &ctx, &f, FINDING_UPDATE);
	assert_has(text, " of 3 eui-64 addresses in 1.5 s");
	assert_null(strstr(text, "sure"));
	f.spoofable = false;
	eve_text(text, &ctx, &f, FINDING_START);
	assert_null(strstr(text, "unproven"));
}

/* The sentence for people: whole, one line, nothing that a terminal obeys. */
static void test_text(void **state)
{
	char text[EVE_TEXT_LEN];

	(void)state;
	eve_text(text, &ctx, &f, FINDING_START);
	assert_has(text, "203.0.113.7");
	assert_has(text, "192.0.2.10");
	assert_has(text, "TCP SYN scan");
	assert_has(text, "10:11:12");
	assert_has(text, "8080");
	for (enum finding_phase phase = FINDING_NOTICE; phase <= FINDING_END; phase++) {
		for (unsigned int kind = 0; kind < PROBE_KINDS; kind++) {
			f.kind = (uint8_t)kind;
			assert_int_equal(addr_parse("2001:db8:ffff:fff1:fff2:fff3:fff4:fff5",
						    &f.peer.addr),
					 0);
			f.last.self = f.peer.addr;
			f.first_ns = 0;
			f.probes = UINT64_MAX;
			for (unsigned int i = 0; i < FINGERPRINT_COUNT; i++)
				f.tool[i] = 4;
			f.sampled = 4;
			assert_ptr_equal(eve_text(text, &ctx, &f, phase), text);
			/* Shorter than the buffer: nothing was cut. */
			assert_in_range(strlen(text), 40, EVE_TEXT_LEN - 2);
			for (const char *c = text; *c; c++)
				assert_in_range(*c, 0x20, 0x7e);
		}
	}
}

static void test_schema(void **state)
{
	static test_fn *const writers[] = { test_fields,	test_notice,
					    test_signatures,	test_v6,
					    test_fingerprints,	test_extremes,
					    test_hostile_names, test_text_of_groups,
					    test_decoys };

	(void)state;
	assert_schema(writers, LEN(writers), 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fields),
		TEST(test_notice),
		TEST(test_signatures),
		TEST(test_severities),
		TEST(test_v6),
		TEST(test_fingerprints),
		TEST(test_extremes),
		TEST(test_hostile_names),
		TEST(test_text),
		TEST(test_text_of_groups),
		TEST(test_text_of_evidence),
		TEST(test_decoys),
		TEST(test_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
