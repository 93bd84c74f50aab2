/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's counters: the first byte chooses the file, the rest is its text. */
#include "sensor/kernel-counters.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kernel_counters whole = { 0 }, cut = { 0 };
	uint8_t *copy;

	if (size < 2)
		return 0;
	copy = malloc(size - 1); /* so that reading beyond its end shows */
	if (!copy)
		return 0;
	memcpy(copy, data + 1, size - 1);
	kernel_counters_parse(data[0] % KERNEL_COUNTER_FILES, cursor_over(copy, size - 1), &whole);
	/* A line that was cut is none: its last number would be another one. */
	if (copy[size - 2] != '\n') {
		size_t len = size - 1;

		while (len && copy[len - 1] != '\n')
			len--;
		kernel_counters_parse(data[0] % KERNEL_COUNTER_FILES, cursor_over(copy, len), &cut);
		assert(!memcmp(&whole, &cut, sizeof(whole)));
	}
	free(copy);
	return 0;
}
