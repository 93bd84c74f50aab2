/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a login service says in clear text, by the first bytes of a segment.
 *
 * A failed login is told in words that hardly change from server to server: "Login incorrect", "530 ",
 * "HTTP/1.1 401". The filter compares the first words of what this host sends from login ports; the
 * parser compares them again. Of ssh only one thing is in clear text that helps: the message with
 * which the client begins to encrypt (SSH_MSG_NEWKEYS, RFC 4253 §7.3). It is 16 bytes, has the same first
 * six from every program, and is sent once a connection. What follows it is the login and no key exchange,
 * so that sizes counted from there are the same for all programs and algorithms; and it
 * tells ssh from all else, on whatever port.
 */
#ifndef MIMAMORI_SENSOR_LOGIN_H
#define MIMAMORI_SENSOR_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a segment begins with. */
enum login_mark {
	LOGIN_NONE,
	LOGIN_NEWKEYS, /* ssh: from here on the peer's side is encrypted */
	LOGIN_REFUSED_TELNET, /* "Login incorrect" and the like */
	LOGIN_REFUSED_FTP, /* reply 530 to a password (RFC 959 §4.2) */
	LOGIN_ADMITTED_FTP, /* reply 230 */
	LOGIN_REFUSED_HTTP, /* status 401 (RFC 9110 §15.5.2) */
	LOGIN_REFUSED_RTSP, /* status 401 (RFC 7826 §17.4.2) */
	LOGIN_REFUSED_MQTT, /* CONNACK: bad user name or password, not authorized */
	LOGIN_REFUSED_ADB, /* AUTH: the host's key is not known */
	LOGIN_ADMITTED_ADB, /* CNXN */
	LOGIN_PROMPT, /* it ends like a shell's prompt */
};

/* Of a prompt, bytes; and what its segment ends with: "$ ", "# ", and the end of LOGIN_PROMPT_WHERE. */
#define LOGIN_PROMPT_LEAST 2
#define LOGIN_PROMPT_MOST 48
#define LOGIN_PROMPT_USER 0x2420u
#define LOGIN_PROMPT_ROOT 0x2320u
#define LOGIN_PROMPT_ASKS 0x366eu
#define LOGIN_PROMPT_WHERE \
	0x1b5b366eu /* "where is the cursor?", which BusyBox's shell asks after its prompt */

#define LOGIN_NEWKEYS_LEN 16
#define LOGIN_NEWKEYS_WORD 0x0000000cu /* packet length 12 */
#define LOGIN_NEWKEYS_HALF 0x0a15u /* padding length 10, message 21 */

/* A beginning: the first word, and `then` at `at`, unless that is 0. */
struct login_word {
	uint32_t first, then;
	uint8_t at;
	uint8_t mark; /* enum login_mark */
};

/* What this host sends when a login fails, or succeeds; those of one first word stand together. Static. */
const struct login_word *login_words(unsigned int *n);

/*
 * The mark of a segment with a payload of len bytes, of which `captured` are there. A prompt is told by the whole: it
 * ends like a shell that waits for a command. A telnet server's that is sent after a password says that it was the
 * right one, even if nothing else does.
 */
enum login_mark login_mark(const uint8_t *payload, size_t captured, size_t len);

#endif
