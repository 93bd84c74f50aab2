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

bool renew_answered(struct renew_answer *a, const char *bytes, size_t n)
{
	static const char word[] = "renewed";

	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\r' || bytes[i] == '\n') {
			bool is = a->used == sizeof(word) - 1 &&
				  memcmp(a->line, word, sizeof(word) - 1) == 0;

			a->used = 0;
			if (is)
				return true;
		} else if (a->used < sizeof(a->line)) {
			a->line[a->used++] = bytes[i];
		}
	}
	return false;
}

int renew_send(struct vm *vm, const uint8_t mac[PROFILE_MAC_LEN], bool keep_lease)
{
	struct serial *console = vm_serial(vm, PROFILE_SERIAL_CONSOLE);
	uint8_t seed[RENEW_SEED_BYTES];
	char line[RENEW_LINE_MAX];
	size_t len;

	if (!console)
		return -ENODEV;
	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return -errno;
	len = renew_line(line, time(NULL), mac, seed, keep_lease);
	explicit_bzero(seed, sizeof(seed));
	return serial_write(console, line, len);
}
