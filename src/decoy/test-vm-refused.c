/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a machine's end is told as when QEMU refuses its profile. */
#include "decoy/vm-refused.h"
#include "decoy/vm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct decoy decoy = {
	.name = "toaster",
	.dir = "/decoys/toaster",
	.profile = { .qemu = "qemu-system-arm",
		     .machine = "bread",
		     .cpu = "abacus",
		     .memory_mb = 2048,
		     .disk = "device virtio-floppy",
		     .disk_is_device = true,
		     .disk_word = "virtio-floppy,bus=x",
		     .nic = "onboard token-ring",
		     .nic_word = "token-ring",
		     .kernel = "zimage",
		     .initrd = "ramdisk",
		     .dtb = "tree" },
};

static void expect(const char *said, const char *sentence)
{
	char why[VM_WHY_LEN] = "untouched";

	assert_int_equal(vm_refused(&decoy, said, strlen(said), why, sizeof(why)),
			 sentence != NULL);
	assert_string_equal(why, sentence ? sentence : "untouched");
}

/* As QEMU 7.2 says it. */
static void test_names_the_key(void **state)
{
	(void)state;
	expect("qemu-system-arm: unsupported machine type\nUse -machine help to list ...\n",
	       "/decoys/toaster/profile.conf: [machine] machine = bread: qemu-system-arm has no such "
	       "machine; \"qemu-system-arm -machine help\" lists those it has");
	expect("qemu-system-arm: unable to find CPU model 'abacus'\n",
	       "/decoys/toaster/profile.conf: [machine] cpu = abacus: qemu-system-arm has no such "
	       "processor; \"qemu-system-arm -cpu help\" lists those it has");
	expect("qemu-system-arm: vexpress-a9: cannot model more than 1GB RAM\n",
	       "/decoys/toaster/profile.conf: [machine] memory-mb = 2048: qemu-system-arm says this "
	       "machine cannot have so much memory");
	expect("qemu-system-arm: -device virtio-floppy,bus=x: 'virtio-floppy' is not a valid device "
	       "model name\n",
	       "/decoys/toaster/profile.conf: [machine] disk = device virtio-floppy: qemu-system-arm "
	       "has no such device; \"qemu-system-arm -device help\" lists those it has");
	expect("qemu-system-arm: Unsupported NIC model: token-ring\n",
	       "/decoys/toaster/profile.conf: [machine] nic = onboard token-ring: qemu-system-arm has "
	       "no such network card on this machine");
	expect("qemu-system-arm: could not load kernel '/dev/fd/7': The image is not ELF\n",
	       "/decoys/toaster/profile.conf: [boot] kernel = zimage: qemu-system-arm cannot load "
	       "this file: is it a kernel of this machine?");
	expect("load_device_tree: Unable to copy device tree into memory\n",
	       "/decoys/toaster/profile.conf: [boot] dtb = tree: qemu-system-arm cannot load this "
	       "file: is it a device tree?");
}

static void test_other_words_are_not_guessed_at(void **state)
{
	(void)state;
	expect("", NULL);
	expect("qemu-system-arm: -device usb-bread: 'usb-bread' is not a valid device model name\n",
	       NULL);
	expect("Segmentation fault\n", NULL);
}

/* A folder's name may be as long as a path. */
static void test_a_long_folder_fits(void **state)
{
	static struct decoy far;
	char why[VM_WHY_LEN];
	static const char said[] = "unsupported machine type";

	(void)state;
	far = decoy;
	memset(far.dir, 'x', sizeof(far.dir) - 1);
	assert_true(vm_refused(&far, said, sizeof(said) - 1, why, sizeof(why)));
	assert_non_null(strstr(why, "machine = bread"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_the_key),
		cmocka_unit_test(test_other_words_are_not_guessed_at),
		cmocka_unit_test(test_a_long_folder_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
