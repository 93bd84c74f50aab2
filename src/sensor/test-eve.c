/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events against docs/eve.schema.json, judged by Python's jsonschema; names made to harm.
 */
#include "sensor/eve.h"

#include "core/clock.h"
#include "core/conf.h"
#include "sensor/ladder.h"
#include "sensor/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW_NS (1763806272ULL * NS_PER_S + 123456789) /* 2025-11-22T10:11:12.123456 */
#define CANNOT 77

static struct clock now;
static struct eve_context ctx;
static struct event ev;
static struct finding f;
/* LADDER_REASON_LEN of them, less its NUL. */
static char long_reason[LADDER_REASON_LEN];
static char path[] = "/tmp/test-eve-XXXXXX";
static FILE *lines;

/* Reads the schema and its examples, then each line: strict JSON, no key twice, valid. */
static const char judge[] =
	"import json, sys\n"
	"try:\n"
	"    import jsonschema\n"
	"except ImportError:\n"
	"    sys.exit(77)\n"
	"def pairs(items):\n"
	"    keys = [k for k, v in items]\n"
	"    assert len(keys) == len(set(keys)), 'a key twice: %s' % keys\n"
	"    return dict(items)\n"
	"def constant(word):\n"
	"    raise ValueError(word)\n"
	"schema = json.load(open(sys.argv[1]))\n"
	"judge = jsonschema.Draft202012Validator(schema,\n"
	"    format_checker=jsonschema.FormatChecker())\n"
	"bad = n = 0\n"
	"for example in schema['examples']:\n"
	"    judge.validate(example)\n"
	"for line in open(sys.argv[2], 'rb'):\n"
	"    n += 1\n"
	"    event = json.loads(line.decode('utf-8'), object_pairs_hook=pairs,\n"
	"                       parse_constant=constant)\n"
	"    for error in judge.iter_errors(event):\n"
	"        print(error.json_path, error.message, file=sys.stderr)\n"
	"        bad += 1\n"
	"    raw = line.rstrip(b'\\n').decode('utf-8')\n"
	"    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in raw), raw\n"
	"sys.exit(1 if bad or n != int(sys.argv[3]) else 0)\n";

static int start(void **state)
{
	struct addr peer = addr_from_v4(0xcb007107);

	(void)state;
	memset(long_reason, 'x', sizeof(long_reason) - 1);
	clock_init_replay(&now);
	clock_advance(&now, NOW_NS);
	ctx = (struct eve_context){ &now, "packet", "monitor-17" };
	memset(&f, 0, sizeof(f));
	f.used = true;
	f.spoofable = true;
	f.kind = PROBE_SYN;
	f.sequence = 1;
	f.id = 0x5f0c1d2e3a4b5c6d;
	f.peer = (struct prefix){ peer, ADDR_BITS };
	f.last = (struct probe){ .peer = peer,
				 .self = addr_from_v4(0xc000020a),
				 .peer_port = 41022,
				 .port = 8080,
				 .kind = PROBE_SYN };
	f.first_ns = NOW_NS - 1500 * NS_PER_MS;
	f.last_ns = NOW_NS;
	f.probes = 5;
	f.failed = 4;
	f.refused = 3;
	f.open = 1;
	f.llr = 8;
	f.sampled = 4;
	memcpy(f.sample, (uint16_t[]){ 22, 3306, 5432, 8080 }, 8);
	f.hosts_before = 1;
	return 0;
}

static const char *write_line(enum finding_phase phase)
{
	int len = eve_write(&ev, &ctx, &f, phase);

	assert_true(len > 0);
	assert_int_equal(strlen(ev.line), len);
	assert_int_equal(ev.line[len - 1], '\n');
	assert_ptr_equal(strchr(ev.line, '\n'), ev.line + len - 1);
	if (lines)
		fputs(ev.line, lines);
	return ev.line;
}

static void write_source(const struct ladder_change *change)
{
	assert_true(eve_write_source(&ev, &ctx, change) > 0);
	if (lines)
		fputs(ev.line, lines);
}

static void assert_has(const char *line, const char *part)
{
	if (!strstr(line, part))
		fail_msg("no %s in %s", part, line);
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

static const char *write_guess(const struct guess *g, enum finding_phase phase)
{
	int len = eve_write_guess(&ev, &ctx, g, phase);

	assert_true(len > 0);
	if (lines)
		fputs(ev.line, lines);
	return ev.line;
}

/* Password guessing: every service, outcome and scope; what is worst; whom it names. */
static void test_guess(void **state)
{
	struct guess g = { .id = 7,
			   .sequence = 1,
			   .peer = f.peer,
			   .peers = 1,
			   .last_peer = f.peer.addr,
			   .last_port = 41022,
			   .self = f.last.self,
			   .port = 22,
			   .attempts = 6,
			   .connections = 6,
			   .first_ns = NOW_NS - 30 * NS_PER_S,
			   .last_ns = NOW_NS,
			   .winner = f.peer.addr,
			   .llr = 9 };
	char text[EVE_TEXT_LEN];

	(void)state;
	for (g.service = 0; g.service < GUESS_SERVICES; g.service++)
		for (g.outcome = 0; g.outcome <= GUESS_SUCCEEDED; g.outcome++)
			for (unsigned int phase = FINDING_START; phase <= FINDING_END; phase++)
				write_guess(&g, (enum finding_phase)phase);
	g.service = GUESS_SSH;
	g.outcome = GUESS_FAILING;
	assert_has(write_guess(&g, FINDING_START), "\"signature_id\":1202");
	assert_has(ev.line, "\"severity\":2");
	assert_has(ev.line, "\"T1110.001\"");
	assert_null(strstr(ev.line, "winner"));
	assert_has(
		eve_text_guess(text, &ctx, &g, FINDING_START),
		"GUESS   203.0.113.7  ssh password guessing: 6 tries at port 22 of 192.0.2.10 in "
		"30 s, all failed");
	g.outcome = GUESS_SUCCEEDED;
	assert_has(write_guess(&g, FINDING_UPDATE), "\"signature_id\":1302");
	assert_has(ev.line, "\"severity\":1");
	assert_has(ev.line, "\"T1078\"");
	assert_has(ev.line, "\"winner\":\"203.0.113.7\"");
	assert_has(eve_text_guess(text, &ctx, &g, FINDING_UPDATE), "LOGIN!  203.0.113.7");
	g.scope = FINDING_DISTRIBUTED;
	g.peers = 30;
	g.peer = (struct prefix){ { 0, 0 }, 0 };
	g.peers_sampled = 1;
	g.peer_sample[0] = f.peer.addr;
	assert_has(write_guess(&g, FINDING_START), "\"T1110.003\"");
	assert_has(ev.line, "\"peers\":30");
	assert_has(eve_text_guess(text, &ctx, &g, FINDING_START), "30 unrelated addresses");
}

static const char *write_flood(const struct flood *flood, enum finding_phase phase)
{
	char text[EVE_TEXT_LEN];

	assert_true(eve_write_flood(&ev, &ctx, flood, phase) > 0);
	if (lines)
		fputs(ev.line, lines);
	eve_text_flood(text, &ctx, flood, phase);
	assert_true(strlen(text) < EVE_TEXT_LEN - 1);
	return ev.line;
}

/* Floods: every kind and phase; whom it names, and whom not. */
static void test_flood(void **state)
{
	struct flood flood = { .id = 7,
			       .sequence = 1,
			       .self = f.last.self,
			       .port = 80,
			       .peer = f.peer,
			       .last_peer = f.peer.addr,
			       .peers = 1,
			       .first_ns = NOW_NS - 30 * NS_PER_S,
			       .last_ns = NOW_NS,
			       .packets = 300000,
			       .bytes = 12000000,
			       .rate = 10000,
			       .byte_rate = 400000,
			       .sampled = 1 };
	char text[EVE_TEXT_LEN];

	(void)state;
	for (flood.kind = 0; flood.kind < FLOOD_KINDS; flood.kind++)
		for (unsigned int phase = FINDING_START; phase <= FINDING_END; phase++)
			write_flood(&flood, (enum finding_phase)phase);
	flood.kind = FLOOD_SYN;
	assert_has(write_flood(&flood, FINDING_START), "\"signature_id\":1101");
	assert_has(ev.line, "\"src_ip\":\"203.0.113.7\"");
	assert_has(ev.line, "\"forged\":\"unknown\"");
	assert_null(strstr(ev.line, "sampling"));
	assert_has(eve_text_flood(text, &ctx, &flood, FINDING_START),
		   "FLOOD   203.0.113.7  SYN flood: port 80 of 192.0.2.10, 10,000 packets/s, "
		   "3.2 Mbit/s");
	assert_has(eve_text_flood(text, &ctx, &flood, FINDING_END),
		   "at most 10,000 packets/s, 3.2 Mbit/s, 300,000 packets in 30 s");
	/* A forged address is nobody's to be acted on. */
	flood.forged = FLOOD_FORGED_YES;
	assert_has(write_flood(&flood, FINDING_START), "\"src_ip\":\"0.0.0.0\"");
	flood = (struct flood){ .kind = FLOOD_AMPLIFIED,
				.scope = FINDING_DISTRIBUTED,
				.forged = FLOOD_FORGED_NO,
				.self = f.last.self,
				.last_peer = f.peer.addr,
				.peer = { { 0, 0xffff00000000 }, ADDR_V4_OFFSET },
				.peers = 12345,
				.peer_port = 123,
				.sampled = 16,
				.top_used = 2,
				.top = { { f.peer, 60 }, { f.peer, 30 } } };
	assert_has(write_flood(&flood, FINDING_UPDATE), "\"peer_port\":123");
	assert_has(ev.line, "\"top\":[{\"prefix\":\"203.0.113.7/32\",\"share\":60},");
	assert_has(ev.line, "\"sampling\":16");
	assert_has(eve_text_flood(text, &ctx, &flood, FINDING_UPDATE),
		   "about 12,000 addresses  amplified UDP flood (NTP): 192.0.2.10");
}

/* Which source watches: as it starts, dies, comes back. Reasons are the kernel's and libraries' words. */
static void test_source(void **state)
{
	static const struct source_ops packet = { .name = "packet", .cannot_see = "much" };
	static const struct source_ops bpf = { .name = "bpf", .cannot_see = "little" };
	struct ladder_change change = {
		.phase = LADDER_STARTED,
		.source = &packet,
		.n_refused = 1,
		.refused = { { "bpf", "needs \"CAP_BPF\"\n" } },
	};

	(void)state;
	now.read_ns = NOW_NS;
	write_source(&change);
	assert_has(ev.line, "{\"timestamp\":\"2025-11-22T10:11:12.123456+0000\"");
	assert_has(ev.line, "\"phase\":\"started\",\"cannot_see\":\"much\",\"refused\":[{"
			    "\"source\":\"bpf\",\"reason\":\"needs \\\"CAP_BPF\\\"\\n\"}]");
	assert_int_equal(eve_severity_source(&change), 4);
	change = (struct ladder_change){ .phase = LADDER_LOST, .source = &bpf, .reason = "died" };
	write_source(&change);
	assert_has(ev.line, "\"reason\":\"died\",\"source\":\"bpf\"");
	assert_null(strstr(ev.line, "cannot_see"));
	assert_int_equal(eve_severity_source(&change), 2);
	change = (struct ladder_change){ .phase = LADDER_REPLACED,
					 .source = &packet,
					 .before = &bpf,
					 .reason = "died",
					 .unwatched_ns = 1999 * NS_PER_MS };
	write_source(&change);
	assert_has(ev.line, "\"before\":\"bpf\",\"unwatched_ms\":1999,\"source\":\"packet\"");
	change.phase = LADDER_RESTORED;
	change.before = NULL;
	write_source(&change);
	assert_int_equal(eve_severity_source(&change), 3);
	/* The longest reasons of all rungs fit a line. */
	change.n_refused = LADDER_RUNGS_MAX;
	for (unsigned int i = 0; i < LADDER_RUNGS_MAX; i++)
		change.refused[i] = (struct ladder_refusal){ "a-source-of-probes", long_reason };
	write_source(&change);
}

static int run_judge(const char *schema, unsigned int count)
{
	char number[16];
	int status;
	pid_t pid;

	snprintf(number, sizeof(number), "%u", count);
	pid = fork();
	if (pid == 0) {
		execl("/usr/bin/python3", "python3", "-c", judge, schema, path, number,
		      (char *)NULL);
		_exit(CANNOT);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_schema(void **state)
{
	static void (*const writers[])(void **) = {
		test_fields,	   test_notice,	  test_signatures,    test_v6,
		test_fingerprints, test_extremes, test_hostile_names, test_text_of_groups,
		test_decoys,	   test_guess,	  test_flood,	      test_source
	};
	const char *root = getenv("MIMAMORI_SOURCE_ROOT");
	unsigned int count = 0;
	char schema[512];
	int fd = mkstemp(path), c;

	assert_true(fd >= 0);
	lines = fdopen(fd, "w+");
	assert_non_null(lines);
	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
		start(NULL);
		writers[i](state);
	}
	rewind(lines);
	while ((c = getc(lines)) != EOF)
		count += c == '\n';
	fclose(lines);
	lines = NULL;
	snprintf(schema, sizeof(schema), "%s/docs/eve.schema.json", root ? root : ".");
	if (access(schema, R_OK)) {
		print_message("skipped: %s is not there; set MIMAMORI_SOURCE_ROOT\n", schema);
		unlink(path);
		skip();
	}
	c = run_judge(schema, count);
	unlink(path);
	if (c == CANNOT) {
		print_message("skipped: /usr/bin/python3 with jsonschema is needed\n");
		skip();
	}
	assert_true(count > 50);
	assert_int_equal(c, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

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
		TEST(test_guess),
		TEST(test_flood),
		TEST(test_source),
		TEST(test_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
