/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf-value.h"

#include "core/clock.h"
#include "core/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHOWN_BYTES 48 /* of a value in a message */
#define TOKEN_LEN 64 /* of one element of a list, with its NUL */

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", 1 }, { "k", 1024 }, { "M", 1024 * 1024 }, { "G", 1024 * 1024 * 1024 }, { NULL, 0 },
};

static const struct unit duration_units[] = {
	{ "", NS_PER_S },
	{ "ms", NS_PER_MS },
	{ "s", NS_PER_S },
	{ "m", 60 * NS_PER_S },
	{ "h", 3600 * NS_PER_S },
	{ "d", 86400 * NS_PER_S },
	{ NULL, 0 },
};

__attribute__((format(printf, 2, 3))) static int refuse(char *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, CONF_WHY_LEN, fmt, args);
	va_end(args);
	return -EINVAL;
}

/* The value in quotes, cut between characters when it is long. Returns buf. */
static const char *shown(const char *value, char buf[SHOWN_BYTES + 8])
{
	size_t len = strlen(value);
	bool cut = len > SHOWN_BYTES;

	if (cut) {
		len = SHOWN_BYTES;
		while (len && ((uint8_t)value[len] & 0xc0) == 0x80)
			len--;
	}
	snprintf(buf, SHOWN_BYTES + 8, "\"%.*s%s\"", (int)len, value, cut ? "..." : "");
	return buf;
}

const char *conf_text_problem(const char *bytes, size_t len)
{
	struct cursor c = cursor_over(bytes, len);

	while (cursor_left(&c)) {
		int32_t code = utf8_next(&c);

		if (code < 0)
			return "not UTF-8";
		if (code == 0)
			return "a NUL byte";
		if (code != '\t' && utf8_is_control(code))
			return "a control character";
	}
	return NULL;
}

/* Digits followed by one of the units. 0, -EINVAL (no such form) or -ERANGE (beyond 64 bits). */
static int parse_scaled(const char *value, const struct unit *units, uint64_t *out)
{
	uint64_t n;
	char *end;

	/* strtoull itself would take blanks and signs. */
	if (!isdigit((unsigned char)value[0]))
		return -EINVAL;
	errno = 0;
	n = strtoull(value, &end, 10);
	if (errno == ERANGE)
		return -ERANGE;
	while (units->suffix && strcmp(end, units->suffix) != 0)
		units++;
	if (!units->suffix)
		return -EINVAL;
	return __builtin_mul_overflow(n, units->factor, out) ? -ERANGE : 0;
}

static const struct unit plain_units[] = { { "", 1 }, { NULL, 0 } };

/* A number as people write it in the file: with the largest suffix that divides it. */
static const char *show_scaled(uint64_t n, const struct unit *units, char buf[32])
{
	const struct unit *best = units, *u;

	for (u = units; n && u->suffix; u++)
		if (n % u->factor == 0 && (n % best->factor || u->factor >= best->factor))
			best = u;
	snprintf(buf, 32, "%" PRIu64 "%s", n / best->factor, best->suffix);
	return buf;
}

/* One whole number of any unit; key->min and max are in `scale` units of the field. */
static int parse_number(const struct conf_key *key, const char *value, const struct unit *units,
			double scale, uint64_t limit, const char *form, uint64_t *out, char *why)
{
	bool bounded = key->min != 0 || key->max != 0;
	uint64_t low = bounded ? (uint64_t)(key->min * scale) : 0;
	uint64_t high = bounded ? (uint64_t)(key->max * scale) : limit;
	char quoted[SHOWN_BYTES + 8], from[32], to[32];
	uint64_t n = 0;
	int err = parse_scaled(value, units, &n);

	if (err == -EINVAL)
		return refuse(why, "%s is not %s", shown(value, quoted), form);
	if (err || n < low || n > high)
		return refuse(why, "%s is out of range: it must be between %s and %s",
			      shown(value, quoted), show_scaled(low, units, from),
			      show_scaled(high, units, to));
	*out = n;
	return 0;
}

static int parse_bool(const char *value, bool *out, char *why)
{
	static const char *const words[][2] = {
		{ "no", "yes" }, { "false", "true" }, { "off", "on" }, { "0", "1" }
	};
	char quoted[SHOWN_BYTES + 8];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (int b = 0; b < 2; b++)
			if (strcasecmp(value, words[i][b]) == 0) {
				*out = b;
				return 0;
			}
	return refuse(why, "%s is neither yes nor no", shown(value, quoted));
}

static int parse_real(const struct conf_key *key, const char *value, double *out, char *why)
{
	char quoted[SHOWN_BYTES + 8], *end;
	double n;

	/* No signs, exponents, hexadecimal, infinities: strtod would take them all. */
	if (!value[0] || strspn(value, "0123456789.") != strlen(value))
		return refuse(why, "%s is not a number", shown(value, quoted));
	n = strtod(value, &end);
	if (*end || end == value)
		return refuse(why, "%s is not a number", shown(value, quoted));
	if ((key->min != 0 || key->max != 0) && (n < key->min || n > key->max))
		return refuse(why, "%s is out of range: it must be between %g and %g",
			      shown(value, quoted), key->min, key->max);
	*out = n;
	return 0;
}

static int parse_text(const char *value, char *out, char *why)
{
	size_t len = strlen(value);

	if (len >= CONF_TEXT_LEN)
		return refuse(why, "too long: %zu bytes, the most is %d", len, CONF_TEXT_LEN - 1);
	memset(out, 0, CONF_TEXT_LEN);
	memcpy(out, value, len);
	return 0;
}

static int parse_choice(const struct conf_key *key, const char *value, uint32_t *out, char *why)
{
	char quoted[SHOWN_BYTES + 8], list[128] = "";
	const char *near;
	size_t n, used = 0;

	for (n = 0; key->choices[n]; n++) {
		if (strcmp(value, key->choices[n]) == 0) {
			*out = (uint32_t)n;
			return 0;
		}
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
						 n ? ", " : "", key->choices[n]);
	}
	near = conf_suggest(value, key->choices, n);
	if (near)
		return refuse(why, "%s is none of: %s; did you mean \"%s\"?", shown(value, quoted),
			      list, near);
	return refuse(why, "%s is none of: %s", shown(value, quoted), list);
}

/* The next element of a list into token. 1, 0 at the end, or -EINVAL when it is too long. */
static int next_token(const char **rest, char token[TOKEN_LEN])
{
	size_t len;

	*rest += strspn(*rest, " \t,");
	len = strcspn(*rest, " \t,");
	if (!len)
		return 0;
	if (len >= TOKEN_LEN)
		return -EINVAL;
	memcpy(token, *rest, len);
	token[len] = '\0';
	*rest += len;
	return 1;
}

static int parse_prefixes(const char *value, struct conf_prefixes *out, char *why)
{
	char token[TOKEN_LEN], quoted[SHOWN_BYTES + 8];
	struct conf_prefixes list = { 0 };
	int more;

	while ((more = next_token(&value, token)) > 0) {
		if (list.count == CONF_MAX_PREFIXES)
			return refuse(why, "too many: the most is %d", CONF_MAX_PREFIXES);
		if (prefix_parse(token, &list.prefix[list.count]) < 0)
			return refuse(why,
				      "%s is neither an address nor a prefix like 192.0.2.0/24 or "
				      "2001:db8::/32 (the bits beyond its length must be zero)",
				      shown(token, quoted));
		list.count++;
	}
	if (more < 0)
		return refuse(why, "%s is too long for an address", shown(value, quoted));
	*out = list;
	return 0;
}

/* "5353" or "137-139". */
static int parse_port_range(const char *token, uint64_t *first, uint64_t *last)
{
	char low[TOKEN_LEN];
	const char *dash = strchr(token, '-');

	snprintf(low, sizeof(low), "%.*s", (int)(dash ? dash - token : TOKEN_LEN), token);
	if (parse_scaled(low, plain_units, first) < 0 ||
	    parse_scaled(dash ? dash + 1 : low, plain_units, last) < 0)
		return -EINVAL;
	return *first < 1 || *last > 65535 || *first > *last ? -EINVAL : 0;
}

static int parse_ports(const char *value, struct conf_ports *out, char *why)
{
	char token[TOKEN_LEN], quoted[SHOWN_BYTES + 8];
	struct conf_ports list = { 0 };
	uint64_t port, last;
	int more;

	while ((more = next_token(&value, token)) > 0) {
		if (parse_port_range(token, &port, &last) < 0)
			return refuse(why,
				      "%s is neither a port between 1 and 65535 nor a range of "
				      "ports like 137-139",
				      shown(token, quoted));
		for (; port <= last; port++) {
			if (list.count == CONF_MAX_PORTS)
				return refuse(why, "too many: the most is %d", CONF_MAX_PORTS);
			list.port[list.count++] = (uint16_t)port;
		}
	}
	if (more < 0)
		return refuse(why, "%s is too long for a port", shown(value, quoted));
	*out = list;
	return 0;
}

/* "7000", "7000:tcp", "7000:udp" */
static int parse_step(const char *text, size_t len, struct conf_sequence *s)
{
	char port[8];
	const char *colon = memchr(text, ':', len);
	size_t digits = colon ? (size_t)(colon - text) : len;
	uint64_t n;

	if (digits >= sizeof(port))
		return -EINVAL;
	memcpy(port, text, digits);
	port[digits] = '\0';
	if (parse_scaled(port, plain_units, &n) < 0 || n < 1 || n > 65535)
		return -EINVAL;
	if (colon &&
	    (len - digits != 4 || (memcmp(colon, ":tcp", 4) != 0 && memcmp(colon, ":udp", 4) != 0)))
		return -EINVAL;
	s->port[s->steps] = (uint16_t)n;
	s->udp[s->steps++] = colon && colon[1] == 'u';
	return 0;
}

static int parse_sequence(const char *text, size_t len, struct conf_sequence *s, char *why)
{
	char quoted[SHOWN_BYTES + 8], step[TOKEN_LEN];

	for (const char *end = text + len; text <= end; text++) {
		size_t n = 0;

		while (text + n < end && text[n] != ',')
			n++;
		if (s->steps == CONF_MAX_STEPS)
			return refuse(why, "too many ports in a sequence: the most is %d",
				      CONF_MAX_STEPS);
		if (parse_step(text, n, s) < 0) {
			snprintf(step, sizeof(step), "%.*s", (int)n, text);
			return refuse(why,
				      "%s is no step of a sequence like 7000,8000:udp,9000 (ports, "
				      "separated by commas; sequences are separated by blanks)",
				      shown(step, quoted));
		}
		text += n;
	}
	if (s->steps < 2)
		return refuse(why, "a sequence needs at least two ports, separated by commas");
	return 0;
}

static int parse_sequences(const char *value, struct conf_sequences *out, char *why)
{
	struct conf_sequences list = { 0 };

	for (value += strspn(value, " \t"); *value; value += strspn(value, " \t")) {
		size_t len = strcspn(value, " \t");
		int err;

		if (list.count == CONF_MAX_SEQUENCES)
			return refuse(why, "too many: the most is %d", CONF_MAX_SEQUENCES);
		err = parse_sequence(value, len, &list.sequence[list.count++], why);
		if (err)
			return err;
		value += len;
	}
	*out = list;
	return 0;
}

static int parse_names(const char *value, struct conf_names *out, char *why)
{
	char token[TOKEN_LEN], quoted[SHOWN_BYTES + 8];
	struct conf_names list = { 0 };
	int more;

	while ((more = next_token(&value, token)) > 0) {
		if (list.count == CONF_MAX_NAMES)
			return refuse(why, "too many: the most is %d", CONF_MAX_NAMES);
		/* The kernel takes neither '/' nor ':' (dev_valid_name); '=' is a lost key. */
		if (strlen(token) >= CONF_NAME_LEN || strpbrk(token, "/:=") ||
		    strcmp(token, ".") == 0 || strcmp(token, "..") == 0)
			return refuse(why, "%s cannot be the name of an interface",
				      shown(token, quoted));
		memcpy(list.name[list.count++], token, strlen(token) + 1);
	}
	if (more < 0)
		return refuse(why, "%s cannot be the name of an interface", shown(value, quoted));
	*out = list;
	return 0;
}

int conf_value(const struct conf_key *key, const char *value, void *base, char why[CONF_WHY_LEN])
{
	void *field = (char *)base + key->offset;
	uint64_t n = 0;
	int err;

	switch (key->type) {
	case CONF_BOOL:
		return parse_bool(value, field, why);
	case CONF_UINT:
		err = parse_number(key, value, plain_units, 1, UINT32_MAX, "a whole number", &n,
				   why);
		if (!err)
			*(uint32_t *)field = (uint32_t)n;
		return err;
	case CONF_SIZE:
		return parse_number(key, value, size_units, 1, UINT64_MAX,
				    "a size like 4096, 128k, 10M or 1G", field, why);
	case CONF_DURATION:
		return parse_number(key, value, duration_units, (double)NS_PER_S, INT64_MAX,
				    "a time like 500ms, 30s, 5m, 2h or 1d", field, why);
	case CONF_REAL:
		return parse_real(key, value, field, why);
	case CONF_TEXT:
		return parse_text(value, field, why);
	case CONF_CHOICE:
		return parse_choice(key, value, field, why);
	case CONF_PREFIXES:
		return parse_prefixes(value, field, why);
	case CONF_PORTS:
		return parse_ports(value, field, why);
	case CONF_SEQUENCES:
		return parse_sequences(value, field, why);
	case CONF_NAMES:
		return parse_names(value, field, why);
	}
	return -EINVAL;
}
