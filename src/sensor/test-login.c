/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What login services say, as the parser and the kernel's filter know it. */
#include "sensor/login.h"

#include "sensor/filter-fixture.h"

#define SAY(text) text, sizeof(text) - 1

/* As real servers sent them: BusyBox 1.35, util-linux's login, vsftpd 3.0, ProFTPD, IIS, Mosquitto 2.0, adbd. */
static const struct {
	uint16_t port;
	const char *text;
	size_t len;
	uint8_t mark;
} said[] = {
	{ 23, SAY("Login incorrect\r\n"), LOGIN_REFUSED_TELNET },
	{ 23, SAY("\r\nLogin incorrect\r\n\r\nhost login: "), LOGIN_REFUSED_TELNET },
	{ 23, SAY("\r\n\r\nLogin incorrect\r\nhost login: "), LOGIN_REFUSED_TELNET },
	{ 23, SAY("Login failed\r\n"), LOGIN_REFUSED_TELNET },
	{ 23, SAY("login incorrect\r\n"), LOGIN_REFUSED_TELNET },
	{ 21, SAY("530 Login incorrect.\r\n"), LOGIN_REFUSED_FTP },
	{ 21, SAY("530 User cannot log in.\r\n"), LOGIN_REFUSED_FTP },
	{ 21, SAY("530 Authentication failed.\r\n"), LOGIN_REFUSED_FTP },
	{ 21, SAY("230 Login successful.\r\n"), LOGIN_ADMITTED_FTP },
	{ 80, SAY("HTTP/1.1 401 Unauthorized\r\n"), LOGIN_REFUSED_HTTP },
	{ 80, SAY("HTTP/1.0 401 Unauthorized\r\n"), LOGIN_REFUSED_HTTP },
	{ 554, SAY("RTSP/1.0 401 Unauthorized\r\n"), LOGIN_REFUSED_RTSP },
	{ 1883, SAY("\x20\x02\x00\x05"), LOGIN_REFUSED_MQTT },
	{ 1883, SAY("\x20\x02\x00\x04"), LOGIN_REFUSED_MQTT },
	{ 1883, SAY("\x20\x03\x00\x87\x00"), LOGIN_REFUSED_MQTT },
	{ 5555, SAY("AUTH\x01\0\0\0\0\0\0\0\x14\0\0\0"), LOGIN_REFUSED_ADB },
	{ 5555, SAY("CNXN\0\0\0\1\0\0\0\0"), LOGIN_ADMITTED_ADB },

	{ 23, SAY("$ "), LOGIN_PROMPT },
	{ 23, SAY("\r\n# "), LOGIN_PROMPT },
	{ 23, SAY("root@router:~# "), LOGIN_PROMPT },
	{ 23, SAY("/ # \x1b[6n"), LOGIN_PROMPT },
	{ 23, SAY("\x1b[01;32mme@host\x1b[00m:\x1b[01;34m~\x1b[00m$ "), LOGIN_PROMPT },

	{ 23, SAY(" "), LOGIN_NONE },
	{ 23, SAY("$"), LOGIN_NONE },
	{ 23, SAY("ls\r\n"), LOGIN_NONE },
	{ 23, SAY("host:/home/me/a/directory/far/below/all/others$ # "), LOGIN_NONE },
	{ 23, SAY("l"), LOGIN_NONE },
	{ 23, SAY("\r\n"), LOGIN_NONE },
	{ 23, SAY("Login: "), LOGIN_NONE },
	{ 23, SAY("Password: "), LOGIN_NONE },
	{ 23, SAY("Logical volumes\r\n"), LOGIN_NONE },
	{ 23, SAY("host login: "), LOGIN_NONE },
	{ 21, SAY("331 Please specify the password.\r\n"), LOGIN_NONE },
	{ 21, SAY("530 Please login with USER and PASS.\r\n"), LOGIN_NONE },
	{ 21, SAY("530"), LOGIN_NONE },
	{ 80, SAY("HTTP/1.1 200 OK\r\n"), LOGIN_NONE },
	{ 80, SAY("HTTP/1.1 403 Forbidden\r\n"), LOGIN_NONE },
	{ 554, SAY("RTSP/1.0 200 OK\r\n"), LOGIN_NONE },
	{ 1883, SAY("\x20\x02\x00\x00"), LOGIN_NONE },
	{ 1883, SAY("\x20\x02\x01\x00"), LOGIN_NONE },
	{ 1883, SAY("\xd0\x00"), LOGIN_NONE },
};

static const char newkeys[] = "\0\0\0\x0c\x0a\x15\0\0\0\0\0\0\0\0\0\0";

/* Words in a packet's payload: what the filter keeps of it. 32 bytes of TCP header. */
static uint32_t filtered(bool v6, bool out, uint16_t port, const char *text, size_t len)
{
	struct metadata m = { .pkttype = out ? PACKET_OUTGOING : PACKET_HOST,
			      .protocol = v6 ? ETH_P_IPV6 : ETH_P_IP,
			      .ifindex = TAP_IFINDEX };
	struct filter_params params = plain;
	uint8_t bytes[256] = { 0 }, *l4 = bytes + (v6 ? 40 : 20);
	size_t size = 32 + len;

	params.login_port[params.n_login_ports++] = 21;
	params.login_port[params.n_login_ports++] = 23;
	params.login_port[params.n_login_ports++] = 80;
	params.login_port[params.n_login_ports++] = 554;
	params.login_port[params.n_login_ports++] = 1883;
	params.login_port[params.n_login_ports++] = 5555;
	bytes[0] = v6 ? 0x60 : 0x45;
	if (v6) {
		bytes[5] = (uint8_t)size;
		bytes[6] = 6;
	} else {
		bytes[3] = (uint8_t)(size + 20);
		bytes[9] = 6;
	}
	l4[out ? 0 : 2] = (uint8_t)(port >> 8);
	l4[out ? 1 : 3] = (uint8_t)port;
	l4[out ? 2 : 0] = 0x9c;
	l4[12] = 0x80;
	l4[13] = 0x18;
	memcpy(l4 + 32, text, len);
	return run(&params, &m, bytes, (size_t)(l4 - bytes) + size);
}

static void test_marks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		const uint8_t *text = (const uint8_t *)said[i].text;
		uint8_t mark = login_mark(text, said[i].len, said[i].len);

		if (mark != said[i].mark)
			fail_msg("%s: %u", said[i].text, mark);
		/* Cut short, it is none, and nothing beyond is read. */
		for (size_t n = 0; n < 4 && n < said[i].len; n++)
			assert_int_equal(login_mark(text, n, said[i].len), LOGIN_NONE);
	}
	assert_int_equal(login_mark((const uint8_t *)newkeys, 16, 16), LOGIN_NEWKEYS);
	assert_int_equal(login_mark((const uint8_t *)newkeys, 5, 16), LOGIN_NONE);
	assert_int_equal(login_mark((const uint8_t *)"\0\0\0\x0c\x0a\x14\0\0", 8, 8), LOGIN_NONE);
}

/* The filter passes just what the parser knows, from the ports that were named, and what this host sends. */
static void test_filter(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++)
		for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
			uint32_t kept = filtered(v6, true, said[i].port, said[i].text, said[i].len);

			if (kept != (said[i].mark ? SNAPLEN : 0))
				fail_msg("%s: kept %u", said[i].text, kept);
			assert_int_equal(filtered(v6, true, 8022, said[i].text, said[i].len), 0);
			assert_int_equal(filtered(v6, true, 40000, said[i].text, said[i].len), 0);
			/* Empty lines are asked, too. */
			if (said[i].len < 4 || memcmp(said[i].text, "\r\n\r\n", 4) != 0)
				assert_int_equal(filtered(v6, false, said[i].port, said[i].text,
							  said[i].len),
						 0);
		}
}

/* ssh's NEWKEYS passes when it comes in, to whatever port, alone or with what follows it. */
static void test_newkeys(void **state)
{
	char more[60] = { 0 };

	(void)state;
	memcpy(more, newkeys, 16);
	for (int v6 = 0; v6 < 2; v6++) {
		assert_int_equal(filtered(v6, false, 9922, newkeys, 16), SNAPLEN);
		assert_int_equal(filtered(v6, false, 22, more, sizeof(more)), SNAPLEN);
		assert_int_equal(filtered(v6, true, 22, newkeys, 16), 0);
		more[5] = 0x14;
		assert_int_equal(filtered(v6, false, 22, more, sizeof(more)), 0);
		more[5] = 0x15;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_newkeys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
