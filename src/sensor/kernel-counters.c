/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/kernel-counters.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* More than the kernel writes: names and numbers of 130 counters in netstat. What were beyond is
 * not read, and nothing that is asked for here stands there. */
#define FILE_BYTES 8192

struct row {
	uint8_t file, counter;
	const char *group, *name; /* group "": the file has one name and one number a line */
};

static const char *const paths[KERNEL_COUNTER_FILES] = {
	[KERNEL_SNMP] = "/proc/net/snmp",
	[KERNEL_SNMP6] = "/proc/net/snmp6",
	[KERNEL_NETSTAT] = "/proc/net/netstat",
};

static const char ip[] = "Ip:", icmp[] = "Icmp:", tcp[] = "Tcp:", udp[] = "Udp:",
		  tcp_ext[] = "TcpExt:", ungrouped[] = "";

/* Those of a group stand together. */
static const struct row rows[] = {
	{ KERNEL_SNMP, KERNEL_IP_IN_RECEIVES, ip, "InReceives" },
	{ KERNEL_SNMP, KERNEL_IP_IN_DELIVERS, ip, "InDelivers" },
	{ KERNEL_SNMP, KERNEL_IP_FORWARDED, ip, "ForwDatagrams" },
	{ KERNEL_SNMP, KERNEL_IP_REASM_REQDS, ip, "ReasmReqds" },
	{ KERNEL_SNMP, KERNEL_IP_REASM_OKS, ip, "ReasmOKs" },
	{ KERNEL_SNMP, KERNEL_IP_REASM_FAILS, ip, "ReasmFails" },
	{ KERNEL_SNMP, KERNEL_ICMP_IN_MSGS, icmp, "InMsgs" },
	{ KERNEL_SNMP, KERNEL_TCP_ATTEMPT_FAILS, tcp, "AttemptFails" },
	{ KERNEL_SNMP, KERNEL_TCP_IN_SEGS, tcp, "InSegs" },
	{ KERNEL_SNMP, KERNEL_TCP_IN_ERRS, tcp, "InErrs" },
	{ KERNEL_SNMP, KERNEL_TCP_OUT_RSTS, tcp, "OutRsts" },
	{ KERNEL_SNMP, KERNEL_UDP_IN_DATAGRAMS, udp, "InDatagrams" },
	{ KERNEL_SNMP, KERNEL_UDP_NO_PORTS, udp, "NoPorts" },
	{ KERNEL_SNMP, KERNEL_UDP_IN_ERRORS, udp, "InErrors" },
	{ KERNEL_SNMP, KERNEL_UDP_RCVBUF_ERRORS, udp, "RcvbufErrors" },
	{ KERNEL_SNMP6, KERNEL_IP_IN_RECEIVES, ungrouped, "Ip6InReceives" },
	{ KERNEL_SNMP6, KERNEL_IP_IN_DELIVERS, ungrouped, "Ip6InDelivers" },
	{ KERNEL_SNMP6, KERNEL_IP_FORWARDED, ungrouped, "Ip6OutForwDatagrams" },
	{ KERNEL_SNMP6, KERNEL_IP_REASM_REQDS, ungrouped, "Ip6ReasmReqds" },
	{ KERNEL_SNMP6, KERNEL_IP_REASM_OKS, ungrouped, "Ip6ReasmOKs" },
	{ KERNEL_SNMP6, KERNEL_IP_REASM_FAILS, ungrouped, "Ip6ReasmFails" },
	{ KERNEL_SNMP6, KERNEL_ICMP_IN_MSGS, ungrouped, "Icmp6InMsgs" },
	{ KERNEL_SNMP6, KERNEL_UDP_IN_DATAGRAMS, ungrouped, "Udp6InDatagrams" },
	{ KERNEL_SNMP6, KERNEL_UDP_NO_PORTS, ungrouped, "Udp6NoPorts" },
	{ KERNEL_SNMP6, KERNEL_UDP_IN_ERRORS, ungrouped, "Udp6InErrors" },
	{ KERNEL_SNMP6, KERNEL_UDP_RCVBUF_ERRORS, ungrouped, "Udp6RcvbufErrors" },
	{ KERNEL_NETSTAT, KERNEL_TCP_SYNCOOKIES_SENT, tcp_ext, "SyncookiesSent" },
	{ KERNEL_NETSTAT, KERNEL_TCP_EMBRYONIC_RSTS, tcp_ext, "EmbryonicRsts" },
	{ KERNEL_NETSTAT, KERNEL_TCP_LISTEN_OVERFLOWS, tcp_ext, "ListenOverflows" },
	{ KERNEL_NETSTAT, KERNEL_TCP_LISTEN_DROPS, tcp_ext, "ListenDrops" },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

int kernel_counters_open(struct kernel_counter_files *f)
{
	*f = (struct kernel_counter_files){ .fd = { -1, -1, -1 } };
	for (unsigned int i = 0; i < KERNEL_COUNTER_FILES; i++) {
		f->fd[i] = open(paths[i], O_RDONLY | O_CLOEXEC);
		if (f->fd[i] < 0 && i == KERNEL_SNMP)
			return -errno;
	}
	return 0;
}

void kernel_counters_close(struct kernel_counter_files *f)
{
	for (unsigned int i = 0; i < KERNEL_COUNTER_FILES; i++) {
		if (f->fd[i] >= 0)
			close(f->fd[i]);
		f->fd[i] = -1;
	}
}

/* A line without its end; false when there is none, or it was cut. */
static bool take_line(struct cursor *c, struct cursor *line)
{
	const uint8_t *end = memchr(c->pos, '\n', cursor_left(c));

	if (!end)
		return false;
	*line = cursor_over(c->pos, (size_t)(end - c->pos));
	c->pos = end + 1;
	return true;
}

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

static bool take_word(struct cursor *line, struct cursor *word)
{
	while (cursor_left(line) && is_blank(*line->pos))
		line->pos++;
	word->pos = line->pos;
	while (cursor_left(line) && !is_blank(*line->pos))
		line->pos++;
	word->end = line->pos;
	return word->pos < word->end;
}

static bool word_is(const struct cursor *word, const char *text)
{
	size_t len = cursor_left(word);

	return strlen(text) == len && !memcmp(word->pos, text, len);
}

static bool same_word(const struct cursor *a, const struct cursor *b)
{
	return cursor_left(a) == cursor_left(b) && !memcmp(a->pos, b->pos, cursor_left(a));
}

/* Some are negative ("-1": no limit): those are none that anybody asks for. */
static bool number(struct cursor word, uint64_t *out)
{
	uint64_t n = 0;
	uint8_t digit;

	if (!cursor_left(&word))
		return false;
	while (cursor_u8(&word, &digit)) {
		if (digit < '0' || digit > '9' || n > (UINT64_MAX - 9) / 10)
			return false;
		n = n * 10 + (digit - '0');
	}
	*out = n;
	return true;
}

/* The first row of the group, or NULL: of most, nothing is asked for. */
static const struct row *rows_of(enum kernel_counter_file file, const struct cursor *group)
{
	for (const struct row *r = rows; r < rows + ROWS; r++)
		if (r->file == file && word_is(group, r->group))
			return r;
	return NULL;
}

static void take(const struct row *first, const struct cursor *name, const struct cursor *value,
		 struct kernel_counters *to)
{
	uint64_t n;

	for (const struct row *r = first; r < rows + ROWS && r->group == first->group; r++) {
		if (word_is(name, r->name)) {
			if (number(*value, &n))
				to->value[r->counter] += n;
			return;
		}
	}
}

/* A line of names after that of their group, and one of their values after the same. */
static void parse_pairs(enum kernel_counter_file file, struct cursor text,
			struct kernel_counters *to)
{
	struct cursor names, values, group, same, name, value;

	while (take_line(&text, &names) && take_line(&text, &values)) {
		const struct row *first;

		if (!take_word(&names, &group) || !take_word(&values, &same) ||
		    !same_word(&group, &same))
			return;
		first = rows_of(file, &group);
		while (first && take_word(&names, &name) && take_word(&values, &value))
			take(first, &name, &value, to);
	}
}

void kernel_counters_parse(enum kernel_counter_file file, struct cursor text,
			   struct kernel_counters *to)
{
	const struct cursor none = { text.pos, text.pos };
	const struct row *first = rows_of(KERNEL_SNMP6, &none);
	struct cursor line, name, value;

	if (file != KERNEL_SNMP6) {
		parse_pairs(file, text, to);
		return;
	}
	while (take_line(&text, &line))
		if (take_word(&line, &name) && take_word(&line, &value))
			take(first, &name, &value, to);
}

int kernel_counters_read(struct kernel_counter_files *f, unsigned int files,
			 struct kernel_counters *out)
{
	struct kernel_counters next = { 0 };
	char text[FILE_BYTES];

	f->readings++;
	for (unsigned int i = 0; i < KERNEL_COUNTER_FILES; i++) {
		ssize_t n;

		if (f->fd[i] < 0 || !(files >> i & 1))
			continue;
		/* Each is one record of a seq_file, which one read gets whole. */
		n = pread(f->fd[i], text, sizeof(text), 0);
		if (n < 0) {
			f->failures++;
			return -errno;
		}
		kernel_counters_parse(i, cursor_over(text, (size_t)n), &next);
	}
	*out = next;
	return 0;
}

uint64_t kernel_counters_grown(const struct kernel_counters *now,
			       const struct kernel_counters *before, enum kernel_counter which)
{
	uint64_t a = before->value[which], b = now->value[which];

	if (b >= a)
		return b - a;
	return sizeof(long) == 4 ? (uint32_t)(b - a) : 0;
}

uint64_t kernel_counters_undelivered(const struct kernel_counters *now,
				     const struct kernel_counters *before)
{
	uint64_t came = kernel_counters_grown(now, before, KERNEL_IP_IN_RECEIVES) +
			kernel_counters_grown(now, before, KERNEL_IP_REASM_OKS);
	uint64_t went = kernel_counters_grown(now, before, KERNEL_IP_IN_DELIVERS) +
			kernel_counters_grown(now, before, KERNEL_IP_FORWARDED) +
			kernel_counters_grown(now, before, KERNEL_IP_REASM_REQDS);

	return came > went ? came - went : 0;
}
