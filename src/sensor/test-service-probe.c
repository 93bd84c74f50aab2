/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes: Nmap's nmap-service-probes. */
#include "sensor/service-probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define GET "GET / HTTP/1.0\r\n\r\n"
#define RPC_CHECK                                                                    \
	"\x80\0\0\x28\x72\xFE\x1D\x13\0\0\0\0\0\0\0\x02\0\x01\x86\xA0\0\x01\x97\x7C" \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define MQTT "\x10\x10\x00\x04MQTT\x04\x02\x00\x1e\x00\x04nmap"

static uint8_t whole(const char *text, size_t len)
{
	return service_probe((const uint8_t *)text, len, len);
}

#define WHOLE(text) whole(text, sizeof(text) - 1)

static void test_known(void **state)
{
	(void)state;
	assert_int_not_equal(WHOLE(GET), 0);
	assert_int_not_equal(WHOLE("\r\n\r\n"), 0);
	assert_int_not_equal(WHOLE("HELP\r\n"), 0);
	assert_int_not_equal(WHOLE("OPTIONS / RTSP/1.0\r\n\r\n"), 0);
	assert_int_not_equal(WHOLE(RPC_CHECK), 0);
	assert_int_not_equal(WHOLE(MQTT), 0);
	assert_int_not_equal(WHOLE("\x01"
				   "default\n"),
			     0);
	/* cut by the capture, but long enough */
	assert_int_not_equal(service_probe((const uint8_t *)RPC_CHECK, 20, 44), 0);
}

static void test_ordinary(void **state)
{
	(void)state;
	assert_int_equal(WHOLE(""), 0);
	assert_int_equal(WHOLE("OPTIONS / HTTP/1.0\r\n\r\n"), 0); /* HAProxy's httpchk */
	assert_int_equal(WHOLE("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), 0);
	assert_int_equal(WHOLE("GET / HTTP/1.1\r\n\r\n"), 0);
	assert_int_equal(WHOLE("SSH-2.0-OpenSSH_9.2p1\r\n"), 0);
	assert_int_equal(WHOLE("EHLO example.org\r\n"), 0);
	assert_int_equal(WHOLE("\r\n"), 0);
	assert_int_equal(service_probe((const uint8_t *)GET, 4, 18), 0);
	assert_int_equal(service_probe((const uint8_t *)GET, 18, 100), 0);
}

static void test_fit(void **state)
{
	uint8_t get = WHOLE(GET), help = WHOLE("HELP\r\n"), mqtt = WHOLE(MQTT);

	(void)state;
	assert_int_equal(service_fit(get, 80), SERVICE_OWN);
	assert_int_equal(service_fit(get, 22), SERVICE_FOREIGN);
	assert_int_equal(service_fit(get, 443), SERVICE_FOREIGN);
	assert_int_equal(service_fit(get, 49152), SERVICE_UNKNOWN);
	assert_int_equal(service_fit(help, 25), SERVICE_OWN);
	assert_int_equal(service_fit(help, 80), SERVICE_FOREIGN);
	assert_int_equal(service_fit(mqtt, 1883), SERVICE_FOREIGN);
	assert_true(service_by_program(get));
	assert_false(service_by_program(help));
}

static uint32_t word_at(const char *text)
{
	const uint8_t *p = (const uint8_t *)text;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The filter lets through all that the parser knows. */
static void test_words(void **state)
{
	static const char *const text[] = { GET, "\r\n\r\n", "HELP\r\n",
					    "OPTIONS / RTSP/1.0\r\n\r\n", MQTT };
	unsigned int n;
	const struct service_word *w = service_words(&n);

	(void)state;
	for (size_t t = 0; t < sizeof(text) / sizeof(text[0]); t++) {
		unsigned int matches = 0;

		for (unsigned int i = 0; i < n; i++) {
			matches += word_at(text[t]) == w[i].first &&
				   (!w[i].at || word_at(text[t] + w[i].at) == w[i].then);
		}
		assert_int_equal(matches, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_ordinary),
		cmocka_unit_test(test_fit),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("service-probe", tests, NULL, NULL);
}
