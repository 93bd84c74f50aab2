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

static const struct row rows[] = {
	{ KERNEL_SNMP, KERNEL_IP_IN_RECEIVES, "Ip:", "InReceives" },
	{ KERNEL_SNMP, KERNEL_IP_IN_DELIVERS, "Ip:", "InDelivers" },
	{ KERNEL_SNMP, KERNEL_IP_FORWARDED, "Ip:", "ForwDatagrams" },
	{ KERNEL_SNMP, KERNEL_IP_REASM_REQDS, "Ip:", "ReasmReqds" },
	{ KERNEL_SNMP, KERNEL_IP_REASM_OKS, "Ip:", "ReasmOKs" },
	{ KERNEL_SNMP, KERNEL_IP_REASM_FAILS, "Ip:", "ReasmFails" },
	{ KERNEL_SNMP, KERNEL_ICMP_IN_MSGS, "Icmp:", "InMsgs" },
	{ KERNEL_SNMP, KERNEL_TCP_ATTEMPT_FAILS, "Tcp:", "AttemptFails" },
	{ KERNEL_SNMP, KERNEL_TCP_IN_SEGS, "Tcp:", "InSegs" },
	{ KERNEL_SNMP, KERNEL_TCP_IN_ERRS, "Tcp:", "InErrs" },
	{ KERNEL_SNMP, KERNEL_TCP_OUT_RSTS, "Tcp:", "OutRsts" },
	{ KERNEL_SNMP, KERNEL_UDP_IN_DATAGRAMS, "Udp:", "InDatagrams" },
	{ KERNEL_SNMP, KERNEL_UDP_NO_PORTS, "Udp:", "NoPorts" },
	{ KERNEL_SNMP, KERNEL_UDP_IN_ERRORS, "Udp:", "InErrors" },
	{ KERNEL_SNMP, KERNEL_UDP_RCVBUF_ERRORS, "Udp:", "RcvbufErrors" },
	{ KERNEL_SNMP6, KERNEL_IP_IN_RECEIVES, "", "Ip6InReceives" },
	{ KERNEL_SNMP6, KERNEL_IP_IN_DELIVERS, "", "Ip6InDelivers" },
	{ KERNEL_SNMP6, KERNEL_IP_FORWARDED, "", "Ip6OutForwDatagrams" },
	{ KERNEL_SNMP6, KERNEL_IP_REASM_REQDS, "", "Ip6ReasmReqds" },
	{ KERNEL_SNMP6, KERNEL_IP_REASM_OKS, "", "Ip6ReasmOKs" },
	{ KERNEL_SNMP6, KERNEL_IP_REASM_FAILS, "", "Ip6ReasmFails" },
	{ KERNEL_SNMP6, KERNEL_ICMP_IN_MSGS, "", "Icmp6InMsgs" },
	{ KERNEL_SNMP6, KERNEL_UDP_IN_DATAGRAMS, "", "Udp6InDatagrams" },
	{ KERNEL_SNMP6, KERNEL_UDP_NO_PORTS, "", "Udp6NoPorts" },
	{ KERNEL_SNMP6, KERNEL_UDP_IN_ERRORS, "", "Udp6InErrors" },
	{ KERNEL_SNMP6, KERNEL_UDP_RCVBUF_ERRORS, "", "Udp6RcvbufErrors" },
	{ KERNEL_NETSTAT, KERNEL_TCP_SYNCOOKIES_SENT, "TcpExt:", "SyncookiesSent" },
	{ KERNEL_NETSTAT, KERNEL_TCP_EMBRYONIC_RSTS, "TcpExt:", "EmbryonicRsts" },
	{ KERNEL_NETSTAT, KERNEL_TCP_LISTEN_OVERFLOWS, "TcpExt:", "ListenOverflows" },
	{ KERNEL_NETSTAT, KERNEL_TCP_LISTEN_DROPS, "TcpExt:", "ListenDrops" },
};

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
	return cursor_left(word) == strlen(text) && !memcmp(word->pos, text, strlen(text));
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

static void take(enum kernel_counter_file file, const struct cursor *group,
		 const struct cursor *name, const struct cursor *value, struct kernel_counters *to)
{
	uint64_t n;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].file == file && word_is(group, rows[i].group) &&
		    word_is(name, rows[i].name) && number(*value, &n)) {
			to->value[rows[i].counter] += n;
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
		if (!take_word(&names, &group) || !take_word(&values, &same) ||
		    cursor_left(&group) != cursor_left(&same) ||
		    memcmp(group.pos, same.pos, cursor_left(&group)) != 0)
			return;
		while (take_word(&names, &name) && take_word(&values, &value))
			take(file, &group, &name, &value, to);
	}
}

void kernel_counters_parse(enum kernel_counter_file file, struct cursor text,
			   struct kernel_counters *to)
{
	const struct cursor none = { text.pos, text.pos };
	struct cursor line, name, value;

	if (file != KERNEL_SNMP6) {
		parse_pairs(file, text, to);
		return;
	}
	while (take_line(&text, &line))
		if (take_word(&line, &name) && take_word(&line, &value))
			take(file, &none, &name, &value, to);
}

int kernel_counters_read(struct kernel_counter_files *f, struct kernel_counters *out)
{
	struct kernel_counters next = { 0 };
	char text[FILE_BYTES];

	f->readings++;
	for (unsigned int i = 0; i < KERNEL_COUNTER_FILES; i++) {
		size_t len = 0;
		ssize_t n = 0;

		if (f->fd[i] < 0)
			continue;
		while (len < sizeof(text) &&
		       (n = pread(f->fd[i], text + len, sizeof(text) - len, (off_t)len)) > 0)
			len += (size_t)n;
		if (n < 0) {
			f->failures++;
			return -errno;
		}
		kernel_counters_parse(i, cursor_over(text, len), &next);
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
