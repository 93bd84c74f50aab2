/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a machine's end is told as: a profile that QEMU refuses, and a disk that has no room. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif

#include "decoy/vm-refused.h"
#include "decoy/vm-space.h"
#include "decoy/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#define DISK_BYTES (1U << 20)

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

/* A file on a file system of its own, of DISK_BYTES; -1 without the rights to make one. */
static int small_disk(char dir[32])
{
	char path[64];
	int fd;

	strcpy(dir, "/tmp/test-space.XXXXXX");
	assert_non_null(mkdtemp(dir));
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("test", dir, "tmpfs", 0, "size=1m") < 0) {
		rmdir(dir);
		return -1;
	}
	snprintf(path, sizeof(path), "%s/disk", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

static void fill(int fd, size_t bytes)
{
	static const char block[4096];

	for (; bytes; bytes -= sizeof(block))
		if (write(fd, block, sizeof(block)) != sizeof(block))
			return;
}

static void test_space(void **state)
{
	char dir[32], path[64];
	const char *why = NULL;
	struct vm_space s;
	int fd = small_disk(dir), other;

	(void)state;
	if (fd < 0) {
		print_message("mounting needs root\n");
		skip();
	}
	vm_space_begin(&s, fd, VM_DISK_MAX);
	assert_int_equal(vm_space_look(&s, false, &why), 0);
	fill(fd, DISK_BYTES / 4);
	assert_int_equal(vm_space_look(&s, false, &why), 0);
	/* Another fills the disk: whoever does not write goes on, and whose write fails does not. */
	snprintf(path, sizeof(path), "%s/other", dir);
	other = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	fill(other, DISK_BYTES);
	assert_int_equal(vm_space_look(&s, false, &why), 0);
	assert_null(why);
	assert_int_equal(vm_space_look(&s, true, &why), -ENOSPC);
	assert_non_null(strstr(why, "disk full"));
	/* Its own writing has filled it. */
	assert_int_equal(ftruncate(other, 0), 0);
	assert_int_equal(vm_space_look(&s, false, &why), 0);
	fill(fd, DISK_BYTES);
	assert_int_equal(vm_space_look(&s, false, &why), -ENOSPC);
	assert_int_equal(vm_space_look(&s, false, &why), 0); /* told once: it writes no more */
	close(fd);
	close(other);
	assert_int_equal(umount(dir), 0);
	rmdir(dir);
	vm_space_end(&s);
}

static void test_a_write_that_fails(void **state)
{
	FILE *f = tmpfile();
	const char *why = NULL;
	struct vm_space s;

	(void)state;
	assert_non_null(f);
	vm_space_begin(&s, fileno(f), 10 * VM_SPACE_LEAST);
	assert_int_equal(vm_space_look(&s, true, &why), -EIO);
	assert_int_equal(ftruncate(fileno(f), 10 * VM_SPACE_LEAST), 0);
	assert_int_equal(vm_space_look(&s, false, &why), 0);
	assert_int_equal(vm_space_look(&s, true, &why), -EFBIG);
	fclose(f);
	vm_space_end(&s);
}

static void test_complaints(void **state)
{
	static const char said[] = "sd_blk_write: write error on host side\n";

	(void)state;
	assert_true(vm_space_complains(said, sizeof(said) - 1));
	assert_false(vm_space_complains(said, 20));
	assert_false(vm_space_complains("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_the_key),
		cmocka_unit_test(test_other_words_are_not_guessed_at),
		cmocka_unit_test(test_a_long_folder_fits),
		cmocka_unit_test(test_space),
		cmocka_unit_test(test_a_write_that_fails),
		cmocka_unit_test(test_complaints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
