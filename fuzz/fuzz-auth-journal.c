/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A journal's file of any bytes: read from its beginning and from its end, in bounded time. */
#define _GNU_SOURCE /* memfd_create */
#include "sensor/auth-journal.h"

#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

#define OBJECTS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_message(struct cursor program, struct cursor message, void *arg)
{
	unsigned int *told = arg;

	assert(cursor_left(&program) && cursor_left(&message));
	assert(cursor_left(&message) <= AUTH_JOURNAL_MESSAGE_MAX);
	++*told;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_journal j = { 0 };
	int fd = memfd_create("journal", MFD_CLOEXEC);
	unsigned int told = 0, calls = 0;
	uint64_t before;

	assert(fd >= 0);
	if (write(fd, data, size) != (ssize_t)size)
		assert(!"memory is short");
	if (auth_journal_start(&j, fd, false) == 0) {
		do {
			before = j.next;
			told = 0;
			if (!auth_journal_read(&j, fd, OBJECTS, on_message, &told))
				break;
			assert(told <= OBJECTS && j.next > before);
		} while (calls++ < 100);
	}
	if (auth_journal_start(&j, fd, true) == 0)
		auth_journal_read(&j, fd, OBJECTS, on_message, &told);
	close(fd);
	return 0;
}
