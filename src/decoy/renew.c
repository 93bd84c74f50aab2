/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/renew.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

size_t renew_line(char out[RENEW_LINE_MAX], int64_t epoch_s, const uint8_t mac[PROFILE_MAC_LEN],
		  const uint8_t seed[RENEW_SEED_BYTES], bool keep_lease)
{
	int n = snprintf(out, RENEW_LINE_MAX, "renew %" PRId64 " %02x:%02x:%02x:%02x:%02x:%02x ",
			 epoch_s, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);

	for (int i = 0; i < RENEW_SEED_BYTES; i++)
		n += snprintf(out + n, RENEW_LINE_MAX - (size_t)n, "%02x", seed[i]);
	n += snprintf(out + n, RENEW_LINE_MAX - (size_t)n, "%s\n", keep_lease ? " keep" : "");
	return (size_t)n;
}

void renew_first_mac(const struct persona *p, const char *name, uint8_t mac[PROFILE_MAC_LEN])
{
	uint32_t hash = 0x811c9dc5U; /* FNV-1a */

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 0x01000193U;
	memcpy(mac, p->mac_prefix, sizeof(p->mac_prefix));
	for (int i = 0; i < 3; i++)
		mac[3 + i] = (uint8_t)(hash >> 8 * i);
}

void renew_login_line(char out[RENEW_LOGIN_LINE_MAX], int64_t epoch_s,
		      const uint8_t mac[PROFILE_MAC_LEN], const uint8_t seed[RENEW_SEED_BYTES])
{
	char hex[2 * RENEW_SEED_BYTES + 1];

	for (size_t i = 0; i < RENEW_SEED_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", seed[i]);
	snprintf(out, RENEW_LOGIN_LINE_MAX,
		 "date -s @%" PRId64 " >/dev/null; echo %s >/dev/urandom; "
		 "perl -e 'open F,\">/dev/urandom\";ioctl F,$_,0 for 0x5207,0x20005207' "
		 "2>/dev/null; "
		 "gw=$(route -n | sed -n 's/^0\\.0\\.0\\.0 *\\([0-9.]*\\).*/\\1/p' | head -n 1); "
		 "ifconfig eth0 down; ifconfig eth0 hw ether %02x:%02x:%02x:%02x:%02x:%02x && "
		 "ifconfig eth0 up && { [ -z \"$gw\" ] || route add default gw $gw; }",
		 epoch_s, hex, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static const char failure[] = "failed";
static const struct {
	const char *word, *means;
} parts[] = { { " clock", "clock" }, { " seed", "random numbers" }, { " mac", "MAC" } };
#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

/* Is this what `line` goes on with? Then it is passed over. */
static bool skip(const char **line, size_t *n, const char *word)
{
	size_t len = strlen(word);

	if (*n < len || memcmp(*line, word, len) != 0)
		return false;
	*line += len;
	*n -= len;
	return true;
}

/* Of a whole line: as renew_answered(). */
static int judge(const char *line, size_t n)
{
	int failed = 0;

	if (skip(&line, &n, "renewed"))
		return n ? RENEW_SILENT : 0;
	if (!skip(&line, &n, failure))
		return RENEW_SILENT;
	for (size_t i = 0; i < N_PARTS; i++)
		if (skip(&line, &n, parts[i].word))
			failed |= 1 << i;
	return n || !failed ? RENEW_SILENT : failed;
}

int renew_answered(struct renew_answer *a, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\r' || bytes[i] == '\n') {
			int said = a->used <= sizeof(a->line) ? judge(a->line, a->used) :
								RENEW_SILENT;

			a->used = 0;
			if (said != RENEW_SILENT)
				return said;
		} else {
			if (a->used < sizeof(a->line))
				a->line[a->used] = bytes[i];
			if (a->used <= sizeof(a->line))
				a->used++;
		}
	}
	return RENEW_SILENT;
}

void renew_failed(int failed, char out[RENEW_FAILED_MAX])
{
	int n = snprintf(out, RENEW_FAILED_MAX, "the guest could not renew its ");
	const char *between = "";

	for (size_t i = 0; i < N_PARTS; i++)
		if (failed & 1 << i) {
			n += snprintf(out + n, RENEW_FAILED_MAX - (size_t)n, "%s%s", between,
				      parts[i].means);
			between = ", ";
		}
}

int renew_compose(char out[RENEW_LINE_MAX], unsigned int in_ms, const uint8_t mac[PROFILE_MAC_LEN],
		  bool keep_lease)
{
	struct timespec now;
	int64_t then_ms;
	uint8_t seed[RENEW_SEED_BYTES];
	size_t len;

	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return -errno;
	clock_gettime(CLOCK_REALTIME, &now);
	then_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + in_ms;
	len = renew_line(out, (then_ms + 500) / 1000, mac, seed, keep_lease);
	explicit_bzero(seed, sizeof(seed));
	return (int)len;
}
