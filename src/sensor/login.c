/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/login.h"

/* MQTT 3.1.1 §3.2: return codes 4 and 5; MQTT 5 §3.2.2.2: reason codes 0x86, 0x87. Both after a length
 * and flags: of version 5 properties follow. */
static const struct login_word words[] = {
	{ 0x4c6f6769, 0x6e20696e, 4, LOGIN_REFUSED_TELNET }, /* "Logi", "n in" */
	{ 0x4c6f6769, 0x6e206661, 4, LOGIN_REFUSED_TELNET }, /* "n fa" */
	{ 0x6c6f6769, 0x6e20696e, 4, LOGIN_REFUSED_TELNET }, /* "logi", "n in" */
	{ 0x6c6f6769, 0x6e206661, 4, LOGIN_REFUSED_TELNET },
	{ 0x0d0a4c6f, 0x696e636f, 8, LOGIN_REFUSED_TELNET }, /* CR LF "Lo", "inco" */
	{ 0x0d0a4c6f, 0x6661696c, 8, LOGIN_REFUSED_TELNET }, /* "fail" */
	{ 0x0d0a0d0a, 0x6e20696e, 8, LOGIN_REFUSED_TELNET }, /* CR LF CR LF, "n in" */
	{ 0x0d0a0d0a, 0x6e206661, 8, LOGIN_REFUSED_TELNET },
	{ 0x35333020, 0x4c6f6769, 4, LOGIN_REFUSED_FTP }, /* "530 ", "Logi" */
	{ 0x35333020, 0x55736572, 4, LOGIN_REFUSED_FTP }, /* "User" */
	{ 0x35333020, 0x41757468, 4, LOGIN_REFUSED_FTP }, /* "Auth" */
	{ 0x35333020, 0x496e636f, 4, LOGIN_REFUSED_FTP }, /* "Inco" */
	{ 0x35333020, 0x50617373, 4, LOGIN_REFUSED_FTP }, /* "Pass" */
	{ 0x35333020, 0x53657373, 4, LOGIN_REFUSED_FTP }, /* "Sess" */
	{ 0x32333020, 0, 0, LOGIN_ADMITTED_FTP }, /* "230 " */
	{ 0x3233302d, 0, 0, LOGIN_ADMITTED_FTP }, /* "230-" */
	{ 0x48545450, 0x20343031, 8, LOGIN_REFUSED_HTTP }, /* "HTTP", " 401" */
	{ 0x52545350, 0x20343031, 8, LOGIN_REFUSED_RTSP }, /* "RTSP", " 401" */
	{ 0x20020004, 0, 0, LOGIN_REFUSED_MQTT },
	{ 0x20020005, 0, 0, LOGIN_REFUSED_MQTT },
	{ 0x20030086, 0, 0, LOGIN_REFUSED_MQTT },
	{ 0x20030087, 0, 0, LOGIN_REFUSED_MQTT },
	{ 0x41555448, 0x01000000, 4, LOGIN_REFUSED_ADB }, /* "AUTH", a token */
	{ 0x434e584e, 0, 0, LOGIN_ADMITTED_ADB }, /* "CNXN" */
};

const struct login_word *login_words(unsigned int *n)
{
	*n = sizeof(words) / sizeof(words[0]);
	return words;
}

static uint32_t word_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static enum login_mark begins(const uint8_t *payload, size_t captured)
{
	uint32_t first;

	if (captured < 4)
		return LOGIN_NONE;
	first = word_at(payload);
	if (first == LOGIN_NEWKEYS_WORD)
		return captured >= 6 && payload[4] << 8 == (LOGIN_NEWKEYS_HALF & 0xff00) &&
				       payload[5] == (LOGIN_NEWKEYS_HALF & 0xff) ?
			       LOGIN_NEWKEYS :
			       LOGIN_NONE;
	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const struct login_word *w = &words[i];

		if (w->first != first)
			continue;
		if (!w->at)
			return w->mark;
		if (captured >= w->at + 4U && word_at(payload + w->at) == w->then)
			return w->mark;
	}
	return LOGIN_NONE;
}

static bool is_prompt(const uint8_t *payload, size_t len)
{
	unsigned int end;

	if (len < LOGIN_PROMPT_LEAST || len > LOGIN_PROMPT_MOST)
		return false;
	end = (unsigned int)payload[len - 2] << 8 | payload[len - 1];
	if (end == LOGIN_PROMPT_USER || end == LOGIN_PROMPT_ROOT)
		return true;
	return len >= 4 && word_at(payload + len - 4) == LOGIN_PROMPT_WHERE;
}

enum login_mark login_mark(const uint8_t *payload, size_t captured, size_t len)
{
	enum login_mark mark = begins(payload, captured);

	return !mark && captured >= len && is_prompt(payload, len) ? LOGIN_PROMPT : mark;
}
