/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf.h"

#include "core/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct settings {
	char name[CONF_TEXT_LEN];
	bool on;
	uint32_t threshold, mode;
	uint64_t size, delay;
	double ratio;
	struct conf_prefixes nets;
	struct conf_ports ports;
	struct conf_sequences knock;
	struct conf_names links;
};

static const char *const modes[] = { "host", "gateway", NULL };

#define AT(field) offsetof(struct settings, field)

static const struct conf_key keys[] = {
	{ "main", "name", CONF_TEXT, AT(name), "x", 0, 0, NULL },
	{ "main", "on", CONF_BOOL, AT(on), "yes", 0, 0, NULL },
	{ "main", "mode", CONF_CHOICE, AT(mode), "host", 0, 0, modes },
	{ "scan", "threshold", CONF_UINT, AT(threshold), "4", 3, 20, NULL },
	{ "scan", "size", CONF_SIZE, AT(size), "1k", 512, 1048576, NULL },
	{ "scan", "delay", CONF_DURATION, AT(delay), "1s", 0.1, 10, NULL },
	{ "scan", "ratio", CONF_REAL, AT(ratio), "0.5", 0, 1, NULL },
	{ "scan", "nets", CONF_PREFIXES, AT(nets), NULL, 0, 0, NULL },
	{ "scan", "knock", CONF_SEQUENCES, AT(knock), "", 0, 0, NULL },
	{ "scan", "ports", CONF_PORTS, AT(ports), "137-139, 445", 0, 0, NULL },
	{ "scan", "links", CONF_NAMES, AT(links), NULL, 0, 0, NULL },
};

static const struct conf_table table = { keys, sizeof(keys) / sizeof(keys[0]),
					 sizeof(struct settings) };

static struct settings s;
static char error[CONF_ERROR_LEN];

static int load_bytes(const char *text, size_t len)
{
	conf_defaults(&table, &s);
	error[0] = '\0';
	return conf_load_text(&table, "t.conf", text, len, &s, error);
}

static void good(const char *text)
{
	if (load_bytes(text, strlen(text)) != 0)
		fail_msg("%s", error);
}

/* The message is this one, and nothing was applied. */
static void bad_bytes(const char *text, size_t len, const char *message)
{
	struct settings before;

	conf_defaults(&table, &before);
	assert_int_equal(load_bytes(text, len), -EINVAL);
	assert_string_equal(error, message);
	assert_memory_equal(&s, &before, sizeof(s));
}

#define BAD(text, message) bad_bytes(text, sizeof(text) - 1, message)

static void test_defaults(void **state)
{
	(void)state;
	good("");
	assert_string_equal(s.name, "x");
	assert_true(s.on);
	assert_int_equal(s.threshold, 4);
	assert_int_equal(s.size, 1024);
	assert_int_equal(s.delay, NS_PER_S);
	assert_true(s.ratio == 0.5);
	assert_int_equal(s.nets.count, 0);
	assert_int_equal(s.ports.count, 4);
	assert_int_equal(s.ports.port[1], 138);
	assert_int_equal(s.ports.port[3], 445);
}

static void test_values(void **state)
{
	(void)state;
	good("# comment\n; comment\n\n[main]\nname = two words ; comment\non=OFF\r\n"
	     "mode : gateway\n [scan]\nthreshold =\t20\nsize = 1M\ndelay = 100ms\nratio = 0.25\n"
	     "nets = 192.0.2.0/24,2001:db8::/32  198.51.100.7\nports =\nlinks = eth0 wlan0\n"
	     "knock = 7000,8000:udp,9000:tcp  1,2");
	assert_string_equal(s.name, "two words");
	assert_false(s.on);
	assert_int_equal(s.mode, 1);
	assert_int_equal(s.threshold, 20);
	assert_int_equal(s.size, 1048576);
	assert_int_equal(s.delay, 100 * NS_PER_MS);
	assert_true(s.ratio == 0.25);
	assert_int_equal(s.nets.count, 3);
	assert_int_equal(s.nets.prefix[0].len, ADDR_V4_OFFSET + 24);
	assert_int_equal(s.nets.prefix[1].len, 32);
	assert_int_equal(s.nets.prefix[2].len, 128);
	assert_int_equal(s.ports.count, 0);
	assert_int_equal(s.links.count, 2);
	assert_int_equal(s.knock.count, 2);
	assert_int_equal(s.knock.sequence[0].steps, 3);
	assert_int_equal(s.knock.sequence[0].port[1], 8000);
	assert_true(s.knock.sequence[0].udp[1]);
	assert_false(s.knock.sequence[0].udp[2]);
	assert_int_equal(s.knock.sequence[1].port[1], 2);
	assert_string_equal(s.links.name[1], "wlan0");
}

static void test_utf8_and_bom(void **state)
{
	(void)state;
	good("\xef\xbb\xbf[main]\nname = \xe8\xa6\x8b\xe5\xae\x88\xe3\x82\x8a\n");
	assert_string_equal(s.name, "\xe8\xa6\x8b\xe5\xae\x88\xe3\x82\x8a");
	BAD("[main]\nname = \xe8\xa6\n",
	    "t.conf:2: the line contains what does not belong in a text: not UTF-8");
	BAD("[main]\nname = a\0b\n",
	    "t.conf:2: the line contains what does not belong in a text: a NUL byte");
	BAD("[main]\nname = \033[2J\n",
	    "t.conf:2: the line contains what does not belong in a text: a control character");
}

static void test_continued_lists(void **state)
{
	(void)state;
	good("[scan]\nnets = 192.0.2.0/24\n   2001:db8::/32 ; second\n\t# not this\n\t10.0.0.1, "
	     "10.0.0.2\nthreshold = 5\nports = 1\n 2-3\n[main]\non = no\n");
	assert_int_equal(s.nets.count, 4);
	assert_int_equal(s.ports.count, 3);
	assert_int_equal(s.threshold, 5);
	assert_false(s.on);
	/* A key that was indented by mistake is never swallowed. */
	BAD("[main]\nname = a\n  on = no\n",
	    "t.conf:3: [main] name: an indented line continues the line before, and only a list can be "
	    "continued; remove the indentation");
	BAD("[scan]\nlinks = eth0\n  threshold = 7\n",
	    "t.conf:2: [scan] links: \"=\" cannot be the name of an interface");
}

static void test_unknown(void **state)
{
	(void)state;
	BAD("[scan]\ntreshold = 5\n",
	    "t.conf:2: [scan] treshold: unknown key; did you mean \"threshold\"?");
	BAD("[scan]\nzebra = 5\n", "t.conf:2: [scan] zebra: unknown key");
	BAD("[main]\nthreshold = 5\n",
	    "t.conf:2: [main] threshold: this key belongs in section [scan]");
	BAD("[sacn]\n", "t.conf:1: [sacn]: unknown section; did you mean [scan]?");
	BAD("[zebra]\nx = 1\n", "t.conf:1: [zebra]: unknown section");
	BAD("on = yes\n", "t.conf:1: on: a key needs a [section] above it");
}

static void test_broken_lines(void **state)
{
	(void)state;
	BAD("[scan] x\n", "t.conf:1: text after the section's closing ']'");
	BAD("[scan\n", "t.conf:1: the section's closing ']' is missing");
	BAD("[main]\non = no\nwhat is this\nname = y\nzebra = 1\n",
	    "t.conf:3: neither a [section], nor \"key = value\", nor a comment");
	BAD("[main]\non = no\n\non = yes\n", "t.conf:4: [main] on: already set in line 2");
	BAD("[main]\non = no\n[scan]\n[main]\non = no\n",
	    "t.conf:5: [main] on: already set in line 2");
	/* The first error counts, also when a later line shows it. */
	BAD("[scan]\nthreshold = 99\nzebra = 1\nwhat\n",
	    "t.conf:2: [scan] threshold: \"99\" is out of range: it must be between 3 and 20");
	BAD("[main]\nname = a # b\n", "t.conf:2: [main] name: a comment behind a value begins with "
				      "\" ;\", not with \" #\"");
}

static void test_ranges(void **state)
{
	(void)state;
	BAD("[scan]\nthreshold = 2\n",
	    "t.conf:2: [scan] threshold: \"2\" is out of range: it must be between 3 and 20");
	BAD("[scan]\nthreshold = 18446744073709551620\n",
	    "t.conf:2: [scan] threshold: \"18446744073709551620\" is out of range: it must be between "
	    "3 and 20");
	BAD("[scan]\nthreshold = -4\n", "t.conf:2: [scan] threshold: \"-4\" is not a whole number");
	BAD("[scan]\nthreshold = 4x\n", "t.conf:2: [scan] threshold: \"4x\" is not a whole number");
	BAD("[scan]\nthreshold =\n", "t.conf:2: [scan] threshold: \"\" is not a whole number");
	BAD("[scan]\nsize = 2M\n",
	    "t.conf:2: [scan] size: \"2M\" is out of range: it must be between 512 and 1M");
	BAD("[scan]\nsize = 99999999999999999G\n",
	    "t.conf:2: [scan] size: \"99999999999999999G\" is out of range: it must be between 512 "
	    "and 1M");
	BAD("[scan]\nsize = 1MB\n",
	    "t.conf:2: [scan] size: \"1MB\" is not a size like 4096, 128k, 10M or 1G");
	BAD("[scan]\ndelay = 99ms\n",
	    "t.conf:2: [scan] delay: \"99ms\" is out of range: it must be between 100ms and 10s");
	BAD("[scan]\ndelay = 1 s\n",
	    "t.conf:2: [scan] delay: \"1 s\" is not a time like 500ms, 30s, 5m, 2h or 1d");
	BAD("[scan]\nratio = 1.5\n",
	    "t.conf:2: [scan] ratio: \"1.5\" is out of range: it must be between 0 and 1");
	BAD("[scan]\nratio = nan\n", "t.conf:2: [scan] ratio: \"nan\" is not a number");
	BAD("[scan]\nratio = 0.5.5\n", "t.conf:2: [scan] ratio: \"0.5.5\" is not a number");
}

static void test_words(void **state)
{
	(void)state;
	BAD("[main]\non = maybe\n", "t.conf:2: [main] on: \"maybe\" is neither yes nor no");
	BAD("[main]\nmode = gatway\n",
	    "t.conf:2: [main] mode: \"gatway\" is none of: host, gateway; "
	    "did you mean \"gateway\"?");
	BAD("[scan]\nnets = 192.0.2.1/24\n",
	    "t.conf:2: [scan] nets: \"192.0.2.1/24\" is neither an address nor a prefix like "
	    "192.0.2.0/24 or 2001:db8::/32 (the bits beyond its length must be zero)");
	BAD("[scan]\nknock = 7000\n",
	    "t.conf:2: [scan] knock: a sequence needs at least two ports, "
	    "separated by commas");
	BAD("[scan]\nknock = 1,2\n 3,70000\n",
	    "t.conf:2: [scan] knock: \"70000\" is no step of a sequence like 7000,8000:udp,9000 (ports, "
	    "separated by commas; sequences are separated by blanks)");
	BAD("[scan]\nknock = 1,3,\n",
	    "t.conf:2: [scan] knock: \"\" is no step of a sequence like 7000,8000:udp,9000 (ports, "
	    "separated by commas; sequences are separated by blanks)");
	BAD("[scan]\nknock = 1,2:sctp\n",
	    "t.conf:2: [scan] knock: \"2:sctp\" is no step of a sequence like 7000,8000:udp,9000 "
	    "(ports, separated by commas; sequences are separated by blanks)");
	BAD("[scan]\nknock = 1,2,3,4,5,6,7,8,9\n",
	    "t.conf:2: [scan] knock: too many ports in a sequence: the most is 8");
	BAD("[scan]\nknock = 1,2 1,2 1,2 1,2 1,2\n",
	    "t.conf:2: [scan] knock: too many: the most is 4");
	BAD("[scan]\nports = 0\n", "t.conf:2: [scan] ports: \"0\" is neither a port between 1 and "
				   "65535 nor a range of ports like 137-139");
	BAD("[scan]\nports = 9-5\n", "t.conf:2: [scan] ports: \"9-5\" is neither a port between 1 "
				     "and 65535 nor a range of ports like 137-139");
	BAD("[scan]\nports = 1-65535\n", "t.conf:2: [scan] ports: too many: the most is 64");
	BAD("[scan]\nlinks = averylonginterface\n",
	    "t.conf:2: [scan] links: \"averylonginterface\" cannot be the name of an interface");
}

static void test_long_lines(void **state)
{
	char text[600];
	int len;

	(void)state;
	/* 196 bytes in a line are well, also without a newline at its end. */
	len = snprintf(text, sizeof(text), "[main]\nname = %0189d", 0);
	assert_int_equal(load_bytes(text, (size_t)len), 0);
	assert_int_equal(strlen(s.name), 189);
	len = snprintf(text, sizeof(text), "[main]\nname = %0190d\non = no\n", 0);
	bad_bytes(text, (size_t)len,
		  "t.conf:2: the line is too long: 197 bytes, the most is 196; a list can go on in "
		  "the next line, indented");
	len = snprintf(text, sizeof(text), "# %0500d\n", 0);
	assert_int_equal(load_bytes(text, (size_t)len), -EINVAL);
}

static void test_long_lists(void **state)
{
	char text[8192] = "[scan]\nnets =\n";
	size_t len;

	(void)state;
	for (int i = 0; i < CONF_MAX_PREFIXES; i++) {
		len = strlen(text);
		snprintf(text + len, sizeof(text) - len, " 2001:db8:aaaa:bbbb:cccc:dddd:eeee:%x\n",
			 i);
	}
	good(text);
	assert_int_equal(s.nets.count, CONF_MAX_PREFIXES);
	len = strlen(text);
	snprintf(text + len, sizeof(text) - len, " ::1\n");
	bad_bytes(text, strlen(text), "t.conf:2: [scan] nets: too many: the most is 32");
	for (int i = 0; i < 100; i++) {
		len = strlen(text);
		snprintf(text + len, sizeof(text) - len, " 2001:db8:aaaa:bbbb:cccc:dddd:eeee:1\n");
	}
	assert_int_equal(load_bytes(text, strlen(text)), -EINVAL);
	assert_non_null(strstr(error, "[scan] nets: the list is too long"));
}

static void test_file(void **state)
{
	char path[] = "/tmp/test-conf-XXXXXX", big[4096];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "[main]\nname = f\n", 16), 16);
	conf_defaults(&table, &s);
	assert_int_equal(conf_load(&table, path, &s, error), 0);
	assert_string_equal(s.name, "f");
	memset(big, '\n', sizeof(big));
	for (int i = 0; i <= CONF_FILE_MAX / 4096; i++)
		assert_int_equal(write(fd, big, sizeof(big)), sizeof(big));
	assert_int_equal(conf_load(&table, path, &s, error), -EFBIG);
	close(fd);
	unlink(path);
	assert_int_equal(conf_load(&table, path, &s, error), -ENOENT);
	assert_non_null(strstr(error, ": cannot be read: No such file or directory"));
	assert_int_equal(conf_load(&table, "/", &s, error), -EISDIR);
}

static void test_set(void **state)
{
	(void)state;
	conf_defaults(&table, &s);
	assert_int_equal(conf_set(&table, "--mode", "main", "mode", "gateway", &s, error), 0);
	assert_int_equal(s.mode, 1);
	assert_int_equal(conf_set(&table, "--mode", "main", "mode", "both", &s, error), -EINVAL);
	assert_string_equal(error, "--mode: \"both\" is none of: host, gateway");
	assert_int_equal(s.mode, 1);
	assert_int_equal(conf_set(&table, "--name", "main", "name", "\033[2J", &s, error), -EINVAL);
	assert_int_equal(conf_set(&table, "--x", "main", "nmae", "a", &s, error), -EINVAL);
	assert_string_equal(error, "--x: unknown key; did you mean \"name\"?");
}

static void test_suggest(void **state)
{
	static const char *const words[] = { "event_file", "file_max", "on", "interfaces" };

	(void)state;
	assert_string_equal(conf_suggest("Event-File", words, 4), "event_file");
	assert_string_equal(conf_suggest("interface", words, 4), "interfaces");
	assert_string_equal(conf_suggest("no", words, 4), "on");
	assert_null(conf_suggest("threshold", words, 4));
	assert_null(conf_suggest("", words, 4));
	assert_null(conf_suggest("a", words, 0));
}

/* Whatever the bytes: no crash, and either all or nothing. */
static void test_random_bytes(void **state)
{
	static const char *const parts[] = { "[main]", "[scan]", "\n",	 "\n ",	 "=",	  "name",
					     "nets",   "ports",	 "1-9",	 "::1",	 " ;",	  "#",
					     "]",      "\r\n",	 "\0",	 "\xff", ":",	  "\t",
					     "on",     "yes",	 "[",	 ",",	 "links", "eth",
					     "100k",   " = ",	 "size", "\xc2" };
	struct settings before;
	char text[512];

	(void)state;
	conf_defaults(&table, &before);
	for (int round = 0; round < 100000; round++) {
		size_t len = 0;

		while (len < 300 && random() % 40) {
			const char *part =
				parts[(size_t)random() % (sizeof(parts) / sizeof(*parts))];
			size_t n = part[0] ? strlen(part) : 1;

			memcpy(text + len, part, n);
			len += n;
		}
		if (load_bytes(text, len) < 0) {
			assert_memory_equal(&s, &before, sizeof(s));
			assert_true(strncmp(error, "t.conf:", 7) == 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),     cmocka_unit_test(test_values),
		cmocka_unit_test(test_utf8_and_bom), cmocka_unit_test(test_continued_lists),
		cmocka_unit_test(test_unknown),	     cmocka_unit_test(test_broken_lines),
		cmocka_unit_test(test_ranges),	     cmocka_unit_test(test_words),
		cmocka_unit_test(test_long_lines),   cmocka_unit_test(test_long_lists),
		cmocka_unit_test(test_file),	     cmocka_unit_test(test_set),
		cmocka_unit_test(test_suggest),	     cmocka_unit_test(test_random_bytes),
	};

	srandom(20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
