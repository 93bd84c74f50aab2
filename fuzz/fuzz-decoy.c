/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What comes out of a machine, or is to become one: the first byte chooses whose bytes these are. QMP's
 * messages keep their promises, telnet gives no more text than it took, what is shown of streams is printable,
 * and a disk is judged by what it has.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif

#include "decoy/disk-import.h"
#include "decoy/disk.h"
#include "decoy/kernel.h"
#include "decoy/profile.h"
#include "decoy/qmp-message.h"
#include "decoy/renew.h"
#include "decoy/serial.h"
#include "decoy/telnet.h"
#include "decoy/usernet.h"
#include "decoy/vm-refused.h"
#include "decoy/vm-space.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_line(const char *line, size_t len, void *arg)
{
	struct qmp_message m;

	(void)arg;
	assert(len <= QMP_LINE_MAX);
	if (qmp_message_parse(line, len, &m) < 0)
		return 0;
	assert(json_is_object(m.root));
	assert((m.kind != QMP_EVENT && m.kind != QMP_ERROR) || m.name);
	assert(m.kind != QMP_GREETING || json_is_object(m.body));
	assert(m.kind != QMP_RETURN || m.body);
	qmp_message_done(&m);
	return 0;
}

static void fuzz_qmp(const char *bytes, size_t n)
{
	static struct qmp_lines lines;

	lines.used = 0;
	for (size_t at = 0; at < n; at += 1000)
		if (qmp_lines_feed(&lines, bytes + at, n - at < 1000 ? n - at : 1000, on_line,
				   NULL))
			return;
	qmp_lines_feed(&lines, "\n", 1, on_line, NULL);
}

static void fuzz_telnet(const uint8_t *bytes, size_t n)
{
	uint8_t out[TELNET_FEED_MAX + 1], replies[TELNET_REPLIES_MAX];
	size_t n_replies, total = 0;
	struct telnet t = { 0 };

	for (size_t at = 0; at < n; at += TELNET_FEED_MAX) {
		size_t some = n - at < TELNET_FEED_MAX ? n - at : TELNET_FEED_MAX;

		assert(telnet_feed(&t, bytes + at, some, out, replies, &n_replies) <= some);
		assert(n_replies <= TELNET_REPLIES_MAX && n_replies % 3 == 0);
		total += n_replies;
	}
	assert(total <= 2 * 256 * 3);
}

static void fuzz_text(const char *bytes, size_t n)
{
	char kept[256], out[100], *text = malloc(n + 1);
	static const struct decoy decoy = { .profile = { .disk_word = "a,b", .nic_word = "c" } };
	struct renew_answer answer = { 0 };
	char why[60], renewed[RENEW_FAILED_MAX];
	size_t used = 0;
	int failed;

	if (!text)
		return;
	memcpy(text, bytes, n);
	text[n] = '\0';
	usernet_port(text, 23);
	failed = renew_answered(&answer, bytes, n);
	assert(failed >= RENEW_SILENT && failed <= 7);
	if (failed > 0) {
		renew_failed(failed, renewed);
		assert(strlen(renewed) < sizeof(renewed) - 1);
	}
	serial_keep(kept, &used, sizeof(kept), bytes, n);
	assert(used <= sizeof(kept));
	serial_last_lines_of(kept, used, 2, out, sizeof(out));
	for (const char *c = out; *c; c++)
		assert(*c >= ' ' && *c <= '~');
	vm_space_complains(bytes, n);
	if (vm_refused(&decoy, bytes, n, why, sizeof(why)))
		assert(memchr(why, '\0', sizeof(why)));
	free(text);
}

static void fuzz_conf(const char *bytes, size_t n)
{
	char error[CONF_ERROR_LEN];
	struct persona persona;
	struct profile p;

	if (profile_load_text("profile.conf", bytes, n, &p, error) == 0) {
		assert(p.n_serial >= 1 && p.n_serial <= PROFILE_SERIAL_MAX);
		assert(!strchr(p.disk_word, ' ') && !strchr(p.nic_word, ' '));
		assert(p.machine[0] != '-' && !strchr(p.kernel, '/'));
	}
	if (persona_load_text("persona.conf", bytes, n, &persona, error) == 0)
		assert(!(persona.mac_prefix[0] & 1));
}

static void fuzz_disk(const uint8_t *bytes, size_t n)
{
	static int fd = -1;
	char error[CONF_ERROR_LEN] = "";
	uint64_t guest;

	if (fd < 0)
		fd = memfd_create("disk", MFD_CLOEXEC);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, bytes, n, 0) != (ssize_t)n)
		return;
	if (disk_check(fd, "disk", &guest, error) == 0)
		assert(guest > 0 && guest <= DISK_BYTES_MAX);
	else
		assert(error[0]);
}

/* The beginnings of files that are to be imported. */
static void fuzz_heads(const uint8_t *bytes, size_t n)
{
	char error[CONF_ERROR_LEN];
	struct profile p = { 0 };
	const char *name = NULL;

	disk_kind(bytes, n, &name);
	assert(name);
	for (p.arch = 0; p.arch < PROFILE_ARCHS; p.arch++)
		kernel_check(bytes, n, &p, "kernel", error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0] % 6) {
	case 0:
		fuzz_qmp((const char *)data + 1, size - 1);
		break;
	case 1:
		fuzz_telnet(data + 1, size - 1);
		break;
	case 2:
		fuzz_text((const char *)data + 1, size - 1);
		break;
	case 3:
		fuzz_conf((const char *)data + 1, size - 1);
		break;
	case 4:
		fuzz_disk(data + 1, size - 1);
		break;
	case 5:
		fuzz_heads(data + 1, size - 1);
		break;
	}
	return 0;
}
