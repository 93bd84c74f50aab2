// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * usage: seedrng HEX - makes the kernel's random numbers depend on these bytes, at once. It says nothing, and
 * ends with 2 for a wrong command line, with 1 where the kernel refused: what a decoy's files say, attackers read.
 *
 * Decoys that were woken from one snapshot would all draw the same numbers. What is written to /dev/urandom
 * is heeded up to a minute later (random(4)); RNDADDENTROPY and RNDRESEEDCRNG are heeded now.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_BYTES 256

struct seed {
	int entropy_count; /* bits */
	int buf_size; /* bytes */
	unsigned char bytes[MAX_BYTES];
};

/* Returns how many bytes there were, -1 when it is no hexadecimal number of whole bytes. */
static int parse(const char *hex, unsigned char *bytes)
{
	int n = 0;

	for (; hex[0] && n < MAX_BYTES; hex += 2, n++) {
		unsigned int byte;

		if (strspn(hex, "0123456789abcdefABCDEF") < 2 || sscanf(hex, "%2x", &byte) != 1)
			return -1;
		bytes[n] = (unsigned char)byte;
	}
	return n;
}

int main(int argc, char **argv)
{
	struct seed seed;
	int n = argc == 2 ? parse(argv[1], seed.bytes) : -1, fd;

	if (n <= 0)
		return 2;
	seed.entropy_count = n * 8;
	seed.buf_size = n;
	fd = open("/dev/urandom", O_WRONLY);
	/* ENODATA: too few bytes so far for a first seed; the next ones add to these. */
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &seed) ||
	    (ioctl(fd, RNDRESEEDCRNG) && errno != ENODATA))
		return 1;
	return 0;
}
