/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of a log, each by itself; then the input as a record of btmp. What is told has a peer that
 * stands in the line, and a line that is cut does not tell another one, unless it is honest so far.
 */
#include "sensor/auth-line.h"
#include "sensor/auth-text.h"
#include "sensor/guess.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(enum auth_said said, const struct auth_line *line)
{
	const struct auth_record *r = &line->record;

	assert(said <= AUTH_SAID_DOUBTFUL);
	if (said != AUTH_SAID)
		return;
	assert(r->service == GUESS_SSH || r->service == GUESS_TELNET || r->service == GUESS_FTP);
	assert(r->result == AUTH_FAILED || r->result == AUTH_SUCCEEDED);
	assert(r->times >= 1 && r->times <= 1000 && r->t_ns == 0);
	assert(!addr_is_unspecified(r->peer) && !addr_is_multicast(r->peer) &&
	       !addr_is_loopback(r->peer));
	assert(line->voice < AUTH_VOICES);
	assert(!r->by_key || r->result == AUTH_SUCCEEDED);
}

/* Some word of the line is the peer's address. */
static void check_peer_stands(const uint8_t *text, size_t len, struct addr peer)
{
	for (size_t from = 0; from < len; from++)
		for (size_t n = 2; n < ADDR_STRLEN && from + n <= len; n++) {
			struct addr addr;

			if (auth_text_addr(cursor_over(text + from, n), &addr) &&
			    addr_eq(addr, peer))
				return;
		}
	assert(!"the peer stands nowhere in the line");
}

static void one_line(const uint8_t *text, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1); /* so that reading beyond its end shows */
	struct auth_line line;
	enum auth_said said;

	if (!copy)
		return;
	memcpy(copy, text, len);
	said = auth_line_parse(copy, len, &line);
	check(said, &line);
	if (said == AUTH_SAID) {
		assert(line.host.pos >= copy && line.host.end <= copy + len);
		check_peer_stands(copy, len, line.record.peer);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_over(data, size), text;
	struct auth_line line;

	while (text_split(&c, "\n", &text))
		one_line(text.pos, cursor_left(&text));
	one_line(c.pos, cursor_left(&c));
	check(auth_btmp_parse(data, size, &line), &line);
	if (size >= auth_btmp_bytes())
		check(auth_btmp_parse(data, auth_btmp_bytes(), &line), &line);
	return 0;
}
