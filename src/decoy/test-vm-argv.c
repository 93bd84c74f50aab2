/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's command line: what must stand in it, for each kind of board and network. */
#include "decoy/vm-argv.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct vm_wiring wired = { .qmp_fd = 10,
					.serial_fd = { 11, 12, -1, -1 },
					.disk_fd = 13,
					.base_fd = 14,
					.kernel_fd = 15,
					.initrd_fd = -1,
					.dtb_fd = 16,
					.gdb_fd = -1,
					.tap_fd = -1,
					.forwards = { 23, 80 },
					.mac = { 0x4c, 0x11, 0xbf, 1, 2, 3 } };

static void load(struct profile *p, const char *disk, const char *nic)
{
	char text[1024], error[CONF_ERROR_LEN];

	snprintf(
		text, sizeof(text),
		"[decoy]\nname = x\n[machine]\nqemu = qemu-system-arm\nmachine = vexpress-a9\n"
		"cpu = cortex-a9\nmemory-mb = 96\ndisk = %s\nnic = %s\nserial = console recorder null\n"
		"[boot]\ndtb = dtb\nappend = root=/dev/x rw\n",
		disk, nic);
	if (profile_load_text("profile.conf", text, strlen(text), p, error) < 0)
		fail_msg("%s", error);
}

/* Does this option stand there, with this value behind it (NULL: any, or none)? */
static bool has(const struct vm_argv *a, const char *option, const char *value)
{
	for (unsigned int i = 0; i < a->count; i++)
		if (strcmp(a->arg[i], option) == 0 &&
		    (!value || (a->arg[i + 1] && strcmp(a->arg[i + 1], value) == 0)))
			return true;
	return false;
}

static void test_board(void **state)
{
	struct vm_argv a;
	struct profile p;

	(void)state;
	load(&p, "sd", "onboard lan9118");
	assert_int_equal(vm_argv_build(&p, &wired, &a), 0);
	assert_string_equal(a.arg[0], "qemu-system-arm");
	assert_null(a.arg[a.count]);
	assert_true(has(&a, "-nodefaults", NULL));
	assert_true(has(&a, "-no-user-config", NULL));
	assert_true(has(&a, "-display", "none"));
	assert_true(has(&a, "-monitor", "none"));
	assert_true(has(&a, "-sandbox",
			"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"));
	assert_true(has(&a, "-m", "96"));
	assert_true(has(&a, "-kernel", "/dev/fd/15"));
	assert_false(has(&a, "-initrd", NULL));
	assert_true(has(&a, "-dtb", "/dev/fd/16"));
	assert_true(has(&a, "-append", "root=/dev/x rw"));
	assert_true(has(&a, "-add-fd", "fd=13,set=1"));
	assert_true(has(&a, "-add-fd", "fd=14,set=2"));
	assert_false(has(&a, "-device", NULL));
	assert_true(has(&a, "-net", "nic,model=lan9118,netdev=net0,macaddr=4c:11:bf:01:02:03"));
	assert_true(has(&a, "-netdev",
			"user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:0-:23,"
			"hostfwd=tcp:127.0.0.1:0-:80"));
	assert_true(has(&a, "-mon", "chardev=qmp0,mode=control"));
	assert_true(has(&a, "-serial", "chardev:serial0"));
	assert_true(has(&a, "-serial", "chardev:serial1"));
	assert_true(has(&a, "-serial", "null"));
	assert_false(has(&a, "-S", NULL));
}

static void test_devices(void **state)
{
	struct vm_wiring w = wired;
	struct vm_argv a;
	struct profile p;

	(void)state;
	load(&p, "device virtio-blk-pci,bus=pciB", "device virtio-net-pci,bus=pciB");
	w.paused = true;
	w.reaches_host = true;
	assert_int_equal(vm_argv_build(&p, &w, &a), 0);
	assert_true(has(&a, "-netdev",
			"user,id=net0,hostfwd=tcp:127.0.0.1:0-:23,hostfwd=tcp:127.0.0.1:0-:80"));
	w.tap_fd = 20;
	assert_int_equal(vm_argv_build(&p, &w, &a), 0);
	assert_true(has(&a, "-device", "virtio-blk-pci,bus=pciB,drive=drive0"));
	assert_true(
		has(&a, "-device", "virtio-net-pci,bus=pciB,netdev=net0,mac=4c:11:bf:01:02:03"));
	assert_true(has(&a, "-netdev", "tap,id=net0,fd=20"));
	assert_false(has(&a, "-net", NULL));
	assert_true(has(&a, "-S", NULL));
}

/* The disk does not say that it is QEMU's. */
static void test_disk_names(void **state)
{
	struct vm_argv a;
	struct profile p;

	(void)state;
	load(&p, "ide", "onboard pcnet");
	assert_int_equal(vm_argv_build(&p, &wired, &a), 0);
	assert_false(has(&a, "-global", NULL));
	load(&p,
	     "ide\ndisk-model = SanDisk SDCFB-32\ndisk-firmware = HDX 2.15\n"
	     "disk-serial = 114512J0904X1234",
	     "onboard pcnet");
	assert_int_equal(vm_argv_build(&p, &wired, &a), 0);
	assert_true(has(&a, "-global", "ide-hd.model=SanDisk SDCFB-32"));
	assert_true(has(&a, "-global", "ide-hd.ver=HDX 2.15"));
	assert_true(has(&a, "-global", "ide-hd.serial=114512J0904X1234"));
}

/* A board without a spare port gets one. */
static void test_recorder(void **state)
{
	struct vm_argv a;
	struct profile p;

	(void)state;
	load(&p, "sd", "onboard lan9118");
	assert_int_equal(vm_argv_build(&p, &wired, &a), 0);
	assert_true(has(&a, "-serial", "chardev:serial1"));
	p.recorder_word = "pci-serial,bus=pciB";
	assert_int_equal(vm_argv_build(&p, &wired, &a), 0);
	assert_true(has(&a, "-serial", "chardev:serial0"));
	assert_false(has(&a, "-serial", "chardev:serial1"));
	assert_true(has(&a, "-device", "pci-serial,bus=pciB,chardev=serial1"));
}

/* The longest values that a profile may have leave half of the room. */
static void test_longest(void **state)
{
	struct vm_argv *a = malloc(sizeof(*a));
	struct vm_wiring w = wired;
	struct profile p;

	(void)state;
	assert_non_null(a);
	load(&p, "sd", "onboard lan9118");
	memset(p.append, 'x', sizeof(p.append) - 1);
	memset(p.disk_model, 'x', sizeof(p.disk_model) - 1);
	memset(p.disk_firmware, 'x', sizeof(p.disk_firmware) - 1);
	memset(p.disk_serial, 'x', sizeof(p.disk_serial) - 1);
	w.initrd_fd = 17;
	w.gdb_fd = 18;
	w.serial_fd[2] = w.serial_fd[3] = 19;
	w.paused = true;
	p.n_serial = PROFILE_SERIAL_MAX;
	assert_int_equal(vm_argv_build(&p, &w, a), 0);
	assert_true(a->used < VM_ARGS_BYTES / 2);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_board),	   cmocka_unit_test(test_devices),
		cmocka_unit_test(test_disk_names), cmocka_unit_test(test_recorder),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
