/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What import judges before a machine is started: disks and kernels by their first bytes, and qemu-img in its jail. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* mkostemp */
#endif

#include "decoy/disk-import.h"
#include "decoy/disk.h"
#include "decoy/kernel.h"
#include "decoy/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MB (1U << 20)
#define IMG_MS 60000

static int temporary(void)
{
	char path[] = "/var/tmp/test-import.XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static bool no_qemu_img(void)
{
	char path[PATH_MAX];

	return launch_find("qemu-img", path) < 0;
}

static enum disk_kind kind_of(size_t at, const char *bytes, size_t len)
{
	uint8_t head[DISK_HEAD_BYTES] = { 0 };
	const char *name;

	memcpy(head + at, bytes, len);
	/* One byte less than it takes is not enough. */
	assert_int_equal(disk_kind(head, at + len - 1, &name), DISK_UNKNOWN);
	return disk_kind(head, at + len, &name);
}

static void test_kinds(void **state)
{
	const char *name;

	(void)state;
	assert_int_equal(kind_of(0, "QFI\xfb", 4), DISK_QCOW2);
	assert_int_equal(kind_of(510, "\x55\xaa", 2), DISK_RAW);
	assert_int_equal(kind_of(508, "\xda\xbe", 2), DISK_RAW);
	assert_int_equal(kind_of(1080, "\x53\xef", 2), DISK_RAW);
	assert_int_equal(kind_of(0, "ER", 2), DISK_RAW);
	assert_int_equal(kind_of(0, "KDMV", 4), DISK_OTHER);
	assert_int_equal(kind_of(64, "\x7f\x10\xda\xbe", 4), DISK_OTHER);
	assert_int_equal(kind_of(257, "ustar", 5), DISK_PACKED);
	assert_int_equal(kind_of(0, "\x1f\x8b", 2), DISK_PACKED);
	assert_int_equal(disk_kind((const uint8_t *)"", 0, &name), DISK_UNKNOWN);
}

/* A disk of 4 MB with a partition table and 3 MB that are no zeros. */
static int make_raw(mode_t mode)
{
	static char block[3 * MB];
	int fd = temporary();

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)(i * 7 + i / 4096 + 1);
	block[510] = 0x55;
	block[511] = (char)0xaa;
	assert_int_equal(pwrite(fd, block, sizeof(block), 0), sizeof(block));
	assert_int_equal(ftruncate(fd, 4 * MB), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	return fd;
}

static void test_raw_is_converted(void **state)
{
	char error[CONF_ERROR_LEN] = "", why[LAUNCH_WHY_LEN] = "", one[32], other[32];
	const char *argv[] = { "qemu-img", "compare", "-q", "-f",  "raw",
			       "-F",	   "qcow2",   one,  other, NULL };
	int from, to;
	uint64_t bytes;
	struct stat st;

	(void)state;
	if (no_qemu_img())
		skip();
	from = make_raw(0644);
	to = temporary();
	if (disk_import(from, "disk.img", to, 16 * MB, error) < 0)
		fail_msg("%s", error);
	assert_int_equal(disk_check(to, "disk", &bytes, error), 0);
	assert_int_equal(bytes, 4 * MB);
	assert_int_equal(fstat(to, &st), 0);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(one, sizeof(one), "/dev/fd/%d", from);
	snprintf(other, sizeof(other), "/dev/fd/%d", to);
	if (disk_run_img(argv, from, to, MB, IMG_MS, why) < 0)
		fail_msg("%s", why);
	/* It has a power of two already; a sector more, and it gets the next. */
	assert_int_equal(disk_round_up(to, error), 0);
	assert_int_equal(disk_check(to, "disk", &bytes, error), 0);
	assert_int_equal(bytes, 4 * MB);
	assert_int_equal(ftruncate(from, 4 * MB + 512), 0);
	assert_int_equal(ftruncate(to, 0), 0);
	assert_int_equal(disk_import(from, "disk.img", to, 16 * MB, error), 0);
	assert_int_equal(disk_round_up(to, error), 0);
	assert_int_equal(disk_check(to, "disk", &bytes, error), 0);
	assert_int_equal(bytes, 8 * MB);
	close(from);
	close(to);
}

static void test_raw_that_holds_too_much(void **state)
{
	char error[CONF_ERROR_LEN] = "";
	int from, to;
	struct stat st;

	(void)state;
	if (no_qemu_img())
		skip();
	from = make_raw(0644);
	to = temporary();
	assert_true(disk_import(from, "disk.img", to, 2 * MB, error) < 0);
	assert_non_null(strstr(error, "disk.img: holds more than 2 MB"));
	assert_int_equal(fstat(to, &st), 0);
	assert_true(st.st_size <= 2 * MB);
	close(from);
	close(to);
}

static void test_refused(void **state)
{
	char error[CONF_ERROR_LEN];
	int from = make_raw(0600), to = temporary(), folder = open("/", O_RDONLY | O_CLOEXEC);

	(void)state;
	if (geteuid() == 0) {
		assert_true(disk_import(from, "disk.img", to, MB, error) < 0);
		assert_non_null(strstr(error, "chmod a+r disk.img"));
	}
	assert_int_equal(fchmod(from, 0644), 0);
	assert_int_equal(ftruncate(from, MB + 1), 0);
	assert_true(disk_import(from, "disk.img", to, MB, error) < 0);
	assert_non_null(strstr(error, "no whole sectors"));
	assert_int_equal(ftruncate(from, (off_t)DISK_BYTES_MAX + 512), 0);
	assert_true(disk_import(from, "disk.img", to, MB, error) < 0);
	assert_non_null(strstr(error, "larger than 64 GB"));
	assert_true(disk_import(folder, "/", to, MB, error) < 0);
	assert_non_null(strstr(error, "is no file"));
	close(from);
	close(to);
	close(folder);
}

/* An image that names a file of this host. */
static int make_referring(void)
{
	char path[] = "/var/tmp/test-import.XXXXXX", why[LAUNCH_WHY_LEN] = "";
	const char *argv[] = { "qemu-img",    "create", "-q",  "-f", "qcow2", "-b",
			       "/etc/passwd", "-F",	"raw", path, NULL };
	int fd = mkostemp(path, O_CLOEXEC), err;

	assert_true(fd >= 0);
	err = launch_run(argv, NULL, 0, NULL, IMG_MS, why);
	unlink(path);
	if (err)
		fail_msg("%s", why);
	assert_int_equal(fchmod(fd, 0644), 0);
	return fd;
}

/* By the header; and were that test not there, by the jail. */
static void test_other_files(void **state)
{
	char error[CONF_ERROR_LEN], why[LAUNCH_WHY_LEN] = "", source[32], target[32];
	const char *argv[] = { "qemu-img", "convert", "-q",   "-f",   "qcow2",
			       "-O",	   "qcow2",   source, target, NULL };
	int from, to;

	(void)state;
	if (no_qemu_img())
		skip();
	from = make_referring();
	to = temporary();
	assert_true(disk_import(from, "disk.img", to, MB, error) < 0);
	assert_non_null(strstr(error, "disk.img: refers to another file"));
	snprintf(source, sizeof(source), "/dev/fd/%d", from);
	snprintf(target, sizeof(target), "/dev/fd/%d", to);
	assert_int_equal(disk_run_img(argv, from, to, MB, IMG_MS, why), -EIO);
	assert_non_null(strstr(why, "/etc/passwd"));
	close(from);
	close(to);
}

static void load(struct profile *p, const char *arch, const char *order, const char *qemu)
{
	char text[512], error[CONF_ERROR_LEN];

	snprintf(text, sizeof(text),
		 "[decoy]\nname = x\narchitecture = %s\nbyte-order = %s\n[machine]\nqemu = %s\n"
		 "machine = x\ndisk = ide\nnic = onboard x\n",
		 arch, order, qemu);
	if (profile_load_text("profile.conf", text, strlen(text), p, error) < 0)
		fail_msg("%s", error);
}

static void test_profiles(void **state)
{
	static const struct {
		const char *arch, *order, *qemu, *wrong;
	} cases[] = {
		{ "mips", "big", "qemu-system-mips", NULL },
		{ "mips", "big", "qemu-system-mips64", NULL },
		{ "mips", "big", "qemu-system-mipsel", "[machine] qemu" },
		{ "mips", "little", "qemu-system-mips", "[decoy] byte-order" },
		{ "mipsel", "big", "qemu-system-mipsel", "[decoy] byte-order" },
		{ "arm", "little", "qemu-system-aarch64", NULL },
		{ "arm", "big", "qemu-system-arm", NULL },
		{ "sparc", "big", "qemu-system-sparc64", NULL },
		{ "sparc", "big", "qemu-system-ppc", "[machine] qemu" },
		{ "sh4", "little", "qemu-system-sh4", NULL },
	};
	char error[CONF_ERROR_LEN];
	struct profile p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int err;

		load(&p, cases[i].arch, cases[i].order, cases[i].qemu);
		err = kernel_check_profile(&p, "profile.conf", error);
		assert_int_equal(err, cases[i].wrong ? -EINVAL : 0);
		if (cases[i].wrong)
			assert_non_null(strstr(error, cases[i].wrong));
	}
}

static void test_kernels(void **state)
{
	static const char big_mips[] = "\x7f"
				       "ELF\1\2\1\0\0\0\0\0\0\0\0\0\0\2\0\x08";
	static const char little_mips[] = "\x7f"
					  "ELF\1\1\1\0\0\0\0\0\0\0\0\0\2\0\x08\0";
	static const char big_ppc[] = "\x7f"
				      "ELF\1\2\1\0\0\0\0\0\0\0\0\0\0\2\0\x14";
	static const char no_order[] = "\x7f"
				       "ELF\1\0\1\0\0\0\0\0\0\0\0\0\0\2\0\x08";
	static const char no_machine[] = "\x7f"
					 "ELF\1\2\1\0\0\0\0\0\0\0\0\0\0\2\0\0";
	uint8_t other[KERNEL_HEAD_BYTES] = { 0 };
	char error[CONF_ERROR_LEN];
	struct profile p;

#define CHECK(bytes) kernel_check((const uint8_t *)(bytes), 20, &p, "vmlinux", error)
	(void)state;
	load(&p, "mips", "big", "qemu-system-mips");
	assert_int_equal(CHECK(big_mips), 0);
	assert_int_equal(CHECK(little_mips), -EINVAL);
	assert_non_null(strstr(error, "vmlinux: is a little-endian kernel"));
	assert_int_equal(CHECK(big_ppc), -EINVAL);
	assert_non_null(strstr(error, "another processor (ELF machine 20)"));
	assert_int_equal(CHECK(no_order), -EINVAL);
	assert_int_equal(CHECK(no_machine), -EINVAL);
	/* Too short to tell, and nothing that is known. */
	assert_int_equal(kernel_check((const uint8_t *)little_mips, 19, &p, "vmlinux", error), 0);
	assert_int_equal(kernel_check(other, sizeof(other), &p, "vmlinux", error), 0);
	memcpy(other + 0x24, "\x18\x28\x6f\x01", 4);
	assert_int_equal(kernel_check(other, sizeof(other), &p, "vmlinux", error), -EINVAL);
	load(&p, "arm", "little", "qemu-system-arm");
	assert_int_equal(kernel_check(other, sizeof(other), &p, "vmlinux", error), 0);
	memcpy(other + 0x202, "HdrS", 4);
	assert_int_equal(kernel_check(other, sizeof(other), &p, "vmlinux", error), -EINVAL);
	assert_non_null(strstr(error, "for a PC"));
	load(&p, "mipsel", "little", "qemu-system-mipsel");
	assert_int_equal(CHECK(little_mips), 0);
	assert_int_equal(CHECK(big_mips), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),	    cmocka_unit_test(test_raw_is_converted),
		cmocka_unit_test(test_refused),	    cmocka_unit_test(test_raw_that_holds_too_much),
		cmocka_unit_test(test_other_files), cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
