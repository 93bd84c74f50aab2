/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles as the documents show them, and ones that are wrong in one place. */
#include "decoy/profile.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char good[] = "[decoy]\n"
			   "name = arm\n"
			   "architecture = arm\n"
			   "byte-order = little\n"
			   "[machine]\n"
			   "qemu = qemu-system-arm\n"
			   "machine = vexpress-a9\n"
			   "cpu = cortex-a9\n"
			   "memory-mb = 128\n"
			   "disk = sd ; a card\n"
			   "nic = onboard lan9118\n"
			   "serial = console recorder\n"
			   "[boot]\n"
			   "kernel = kernel\n"
			   "initrd =\n"
			   "dtb = dtb\n"
			   "append = root=/dev/mmcblk0 rw console=ttyAMA0\n"
			   "[snapshot]\n"
			   "works = yes\n";

static const char good_persona[] = "[persona]\n"
				   "hostname = cam-3\n"
				   "mac-prefix = 00:11:2f\n"
				   "[accounts]\n"
				   "root = root\n"
				   "user = user\n";

static int load(const char *text, struct profile *out, char *error)
{
	return profile_load_text("profile.conf", text, strlen(text), out, error);
}

/* The good profile with one line replaced by another. */
static int load_with(const char *old, const char *new, struct profile *out, char *error)
{
	char text[2048];
	const char *at = strstr(good, old);

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, new, at + strlen(old));
	return load(text, out, error);
}

static void test_good(void **state)
{
	char error[CONF_ERROR_LEN];
	struct profile p;

	(void)state;
	assert_int_equal(load(good, &p, error), 0);
	assert_string_equal(p.qemu, "qemu-system-arm");
	assert_int_equal(p.arch, PROFILE_ARM);
	assert_int_equal(p.memory_mb, 128);
	assert_false(p.disk_is_device);
	assert_string_equal(p.disk_word, "sd");
	assert_ptr_equal(p.disk_word, p.disk);
	assert_false(p.nic_is_device);
	assert_string_equal(p.nic_word, "lan9118");
	assert_int_equal(p.n_serial, 2);
	assert_int_equal(p.serial[0], PROFILE_SERIAL_CONSOLE);
	assert_int_equal(p.serial[1], PROFILE_SERIAL_RECORDER);
	assert_string_equal(p.initrd, "");
	assert_string_equal(p.append, "root=/dev/mmcblk0 rw console=ttyAMA0");
	assert_true(p.snapshot_works);
}

static void test_devices(void **state)
{
	char error[CONF_ERROR_LEN];
	struct profile p;

	(void)state;
	assert_int_equal(load_with("disk = sd ; a card", "disk = device virtio-blk-pci,bus=pciB",
				   &p, error),
			 0);
	assert_true(p.disk_is_device);
	assert_string_equal(p.disk_word, "virtio-blk-pci,bus=pciB");
	assert_int_equal(
		load_with("nic = onboard lan9118", "nic = device virtio-net-pci", &p, error), 0);
	assert_true(p.nic_is_device);
	assert_string_equal(p.nic_word, "virtio-net-pci");
	assert_int_equal(load_with("cpu = cortex-a9", "cpu = TI UltraSparc IIi", &p, error), 0);
	assert_string_equal(p.cpu, "TI UltraSparc IIi");
	assert_null(p.recorder_word);
	assert_int_equal(load_with("console recorder",
				   "console recorder\nrecorder = device pci-serial,bus=pciB", &p,
				   error),
			 0);
	assert_string_equal(p.recorder_word, "pci-serial,bus=pciB");
	assert_int_equal(load_with("console recorder", "null console", &p, error), 0);
	assert_int_equal(p.serial[0], PROFILE_SERIAL_NULL);
	assert_int_equal(p.serial[1], PROFILE_SERIAL_CONSOLE);
}

static void test_disk_names(void **state)
{
	char error[CONF_ERROR_LEN], text[128];
	struct profile p;

	(void)state;
	assert_int_equal(load(good, &p, error), 0);
	assert_string_equal(p.disk_model, "");
	assert_int_equal(load_with("disk = sd ; a card",
				   "disk = ide\ndisk-model = SanDisk SDCFB-32\n"
				   "disk-firmware = HDX 2.15\ndisk-serial = 114512J",
				   &p, error),
			 0);
	assert_string_equal(p.disk_model, "SanDisk SDCFB-32");
	assert_string_equal(p.disk_firmware, "HDX 2.15");
	assert_string_equal(p.disk_serial, "114512J");
	for (int n = 20; n <= 21; n++) {
		snprintf(text, sizeof(text), "disk = ide\ndisk-serial = %.*s", n,
			 "0123456789012345678901");
		assert_int_equal(load_with("disk = sd ; a card", text, &p, error),
				 n == 20 ? 0 : -EINVAL);
	}
}

/* What is wrong is said with file, line or section, and key; the profile stays what it was. */
static void test_wrong(void **state)
{
	static const struct {
		const char *old, *new, *said;
	} cases[] = {
		{ "qemu = qemu-system-arm", "qemu = /bin/sh", "[machine] qemu" },
		{ "qemu = qemu-system-arm", "qemu = qemu-system-arm/../sh", "[machine] qemu" },
		{ "name = arm", "name = ../arm", "[decoy] name" },
		{ "architecture = arm", "architecture = armm", "profile.conf:3:" },
		{ "byte-order = little", "byte-order = middle", "profile.conf:4:" },
		{ "memory-mb = 128", "memory-mb = 64000", "profile.conf:9:" },
		{ "cpu = cortex-a9", "cpo = cortex-a9", "did you mean \"cpu\"" },
		{ "machine = vexpress-a9", "machine = -sandbox", "[machine] machine" },
		{ "machine = vexpress-a9", "machine = a b", "[machine] machine" },
		{ "cpu = cortex-a9", "cpu = a -S", "[machine] cpu" },
		{ "disk = sd ; a card", "disk = sd,file=/etc/passwd", "[machine] disk" },
		{ "disk = sd ; a card", "disk =", "[machine] disk" },
		{ "disk = sd ; a card", "disk = sd\ndisk-model = X", "[machine] disk-model: only" },
		{ "disk = sd ; a card", "disk = device ide-hd\ndisk-serial = X",
		  "[machine] disk-serial: only" },
		{ "disk = sd ; a card", "disk = ide\ndisk-model = a,serial=b",
		  "[machine] disk-model: may contain" },
		{ "disk = sd ; a card", "disk = ide\ndisk-serial = -x", "[machine] disk-serial" },
		{ "disk = sd ; a card", "disk = ide\ndisk-firmware = 123456789",
		  "[machine] disk-firmware: has more than 8" },
		{ "nic = onboard lan9118", "nic = lan9118", "[machine] nic" },
		{ "nic = onboard lan9118", "nic = device ", "[machine] nic" },
		{ "console recorder", "console recorder\nrecorder = pci-serial",
		  "[machine] recorder: begins with" },
		{ "console recorder", "console\nrecorder = device pci-serial",
		  "[machine] recorder: serial has" },
		{ "console recorder", "console recorder\nrecorder = device x,path=/etc",
		  "[machine] recorder" },
		{ "console recorder", "console modem", "\"modem\" is no role" },
		{ "console recorder", "recorder", "must be the console" },
		{ "console recorder", "console console", "twice" },
		{ "console recorder", "console null null null null", "more than 4" },
		{ "kernel = kernel", "kernel = /boot/vmlinuz", "[boot] kernel" },
		{ "kernel = kernel", "kernel =", "[boot] kernel" },
		{ "dtb = dtb", "dtb = ..", "[boot] dtb" },
		{ "works = yes", "works = maybe", "profile.conf:19:" },
	};
	char error[CONF_ERROR_LEN];
	struct profile p, before;

	(void)state;
	assert_int_equal(load(good, &before, error), 0);
	p = before;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		error[0] = '\0';
		assert_int_equal(load_with(cases[i].old, cases[i].new, &p, error), -EINVAL);
		if (!strstr(error, cases[i].said))
			fail_msg("%s: said \"%s\"", cases[i].new, error);
		assert_memory_equal(&p, &before, sizeof(p));
	}
}

static void test_persona(void **state)
{
	static const char *const wrong[] = { "mac-prefix = 52:54:00", "mac-prefix = 01:00:5e",
					     "mac-prefix = 00:11", "mac-prefix = 00:11:2f:33",
					     "mac-prefix =" };
	char error[CONF_ERROR_LEN], text[512];
	uint8_t mac[PROFILE_MAC_LEN], other[PROFILE_MAC_LEN];
	struct persona p, before;

	(void)state;
	assert_int_equal(persona_load_text("persona.conf", good_persona, strlen(good_persona), &p,
					   error),
			 0);
	assert_string_equal(p.hostname, "cam-3");
	assert_string_equal(p.root_password, "root");
	assert_int_equal(persona_new_mac(&p, mac), 0);
	assert_int_equal(persona_new_mac(&p, other), 0);
	assert_memory_equal(mac, "\x00\x11\x2f", 3);
	assert_memory_not_equal(mac, other, sizeof(mac));
	before = p;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "[persona]\n%s\n", wrong[i]);
		assert_int_equal(persona_load_text("persona.conf", text, strlen(text), &p, error),
				 -EINVAL);
		assert_non_null(strstr(error, "persona.conf: [persona] mac-prefix"));
		assert_memory_equal(&p, &before, sizeof(p));
	}
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
}

static void test_folder(void **state)
{
	char images[] = "/tmp/test-decoy.XXXXXX", dir[64], path[128], error[CONF_ERROR_LEN];
	struct decoy d;

	(void)state;
	assert_non_null(mkdtemp(images));
	snprintf(dir, sizeof(dir), "%s/arm", images);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(decoy_load(images, "arm", &d, error), -ENOENT);
	write_file(dir, "profile.conf", good);
	assert_int_equal(decoy_load(images, "arm", &d, error), -ENOENT);
	assert_non_null(strstr(error, "persona.conf"));
	write_file(dir, "persona.conf", good_persona);
	assert_int_equal(decoy_load(images, "arm", &d, error), 0);
	assert_string_equal(d.name, "arm");
	assert_string_equal(d.dir, dir);
	assert_ptr_equal(d.profile.nic_word, d.profile.nic + strlen("onboard "));
	assert_int_equal(decoy_load(images, "../arm", &d, error), -EINVAL);
	snprintf(path, sizeof(path), "%s/profile.conf", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/persona.conf", dir);
	unlink(path);
	rmdir(dir);
	rmdir(images);
}

/* Every decoy of this source is one that the program takes. */
static void test_all_of_ours(void **state)
{
	const char *root = getenv("MIMAMORI_SOURCE_ROOT");
	char images[PATH_MAX], error[CONF_ERROR_LEN];
	unsigned int seen = 0, n = 0;
	const struct dirent *entry;
	struct decoy d;
	DIR *dir;

	(void)state;
	assert_non_null(root);
	snprintf(images, sizeof(images), "%s/decoys", root);
	dir = opendir(images);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char path[PATH_MAX + 300];

		snprintf(path, sizeof(path), "%s/%s/profile.conf", images, entry->d_name);
		if (access(path, F_OK) < 0)
			continue;
		if (decoy_load(images, entry->d_name, &d, error) < 0)
			fail_msg("%s", error);
		seen |= 1U << d.profile.arch;
		n++;
	}
	closedir(dir);
	assert_int_equal(seen, (1U << PROFILE_ARCHS) - 1);
	assert_true(n > PROFILE_ARCHS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	    cmocka_unit_test(test_devices),
		cmocka_unit_test(test_wrong),	    cmocka_unit_test(test_persona),
		cmocka_unit_test(test_folder),	    cmocka_unit_test(test_disk_names),
		cmocka_unit_test(test_all_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
