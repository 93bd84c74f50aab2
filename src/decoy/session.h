/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A telnet session with a decoy, as an attacker has one: login, commands, su.
 *
 * Theory of operation
 * -------------------
 * One step at a time: it is begun by a call, ends with its callback, and has a time limit. A step sends a
 * text and waits for one of a few others in what the decoy prints from then on. Whether a shell is there is
 * proven by what it computes: a line that has `echo MARK''-N` in it is echoed with the quotes, and answered
 * without them; so is a command's end and its status. All is a guest's text, hostile: of one
 * step at most SESSION_TEXT_MAX bytes are taken, more ends the session.
 *
 * A shell may keep what is typed (~/.ash_history), where a visitor would read that somebody was there before. So the
 * mark is eight hexadecimal digits, random for each session, every line that a shell reads has it, and session_forget()
 * takes the lines that have it out of the histories. Shells that write theirs when they end (bash) are told in their first
 * line to write none: the user's below su's ends with the connection, when nothing can be typed any more. How the decoy is
 * reached: connection.h.
 */
#ifndef MIMAMORI_DECOY_SESSION_H
#define MIMAMORI_DECOY_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <uv.h>

#define SESSION_TEXT_MAX (256 * 1024)

struct session;

/*
 * err 0: done; a command's status and what it printed (borrowed, NUL-terminated; carriage returns are left
 * out). Else -errno: -ETIMEDOUT, -EACCES (login refused), -ECONNRESET, -EMSGSIZE, with a sentence in why. After
 * an error the session is of no use any more, and is to be freed.
 */
struct session_result {
	int err, status;
	const char *text, *why;
	size_t len;
};

typedef void session_fn(const struct session_result *r, void *arg);

struct session *session_new(uv_loop_t *loop, const struct sockaddr *addr);
/* From any callback; none comes after. Closes the connection. */
void session_free(struct session *s);
/* Gives up the step at work: its callback does not come. The connection is closed, and the session is to be freed. */
void session_cancel(struct session *s);

/* Connects, again and again while nothing answers, until a login prompt stands there. */
void session_connect(struct session *s, unsigned int timeout_ms, session_fn *fn, void *arg);
/* From the prompt to a shell. */
void session_login(struct session *s, const char *user, const char *password,
		   unsigned int timeout_ms, session_fn *fn, void *arg);
/* Runs one line of shell. */
void session_run(struct session *s, const char *command, unsigned int timeout_ms, session_fn *fn,
		 void *arg);
/*
 * The last line of a session, with which it leaves no trace in the histories of the shells it had: after su
 * also in the user's. A history that has nothing else goes; root's session empties the records of logins (wtmp, lastlog). `then`: a command behind it, or "".
 */
void session_forget(struct session *s, const char *then, unsigned int timeout_ms, session_fn *fn,
		    void *arg);
/* From a shell to root's. */
void session_su(struct session *s, const char *password, unsigned int timeout_ms, session_fn *fn,
		void *arg);

/* What the terminal says between steps goes to fn (NULL: nowhere), for who passes it on to a person. */
void session_listen(struct session *s, void (*fn)(const char *bytes, size_t n, void *arg),
		    void *arg);
/* What all its lines have in common; borrowed. */
const char *session_mark(const struct session *s);
/* Sends as it is. 0 or -errno. */
int session_send(struct session *s, const char *bytes, size_t n);

#endif
