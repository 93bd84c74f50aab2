/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Room for what machines write: asked for before one is started, and looked at while it runs. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif

#include "decoy/vm-space.h"

#include "decoy/disk.h"
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

#define MB (1ULL << 20)
#define DISK_MB 1
#define ROOM_MB 256ULL /* of the disk that machines are asked for */
#define LEFT_MB (DISK_FREE_LEAST / MB)

static int make_file(const char *dir, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

/* A file on a file system of its own, of this size; -1 without the rights to make one. */
static int make_disk(char dir[32], unsigned int mb)
{
	char options[32];

	strcpy(dir, "/tmp/test-space.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(options, sizeof(options), "size=%um", mb);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("test", dir, "tmpfs", 0, options) < 0) {
		rmdir(dir);
		print_message("mounting needs root\n");
		return -1;
	}
	return make_file(dir, "disk");
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
	char dir[32];
	const char *why = NULL;
	struct vm_space s;
	int fd = make_disk(dir, DISK_MB), other;

	(void)state;
	if (fd < 0)
		skip();
	vm_space_begin(&s, fd, VM_DISK_MAX);
	assert_int_equal(vm_space_look(&s, false, &why), 0);
	fill(fd, DISK_MB * MB / 4);
	assert_int_equal(vm_space_look(&s, false, &why), 0);
	/* Another fills the disk: whoever does not write goes on, and whose write fails does not. */
	other = make_file(dir, "other");
	fill(other, DISK_MB * MB);
	assert_int_equal(vm_space_look(&s, false, &why), 0);
	assert_null(why);
	assert_int_equal(vm_space_look(&s, true, &why), -ENOSPC);
	assert_non_null(strstr(why, "disk full"));
	/* Its own writing has filled it. */
	assert_int_equal(ftruncate(other, 0), 0);
	assert_int_equal(vm_space_look(&s, false, &why), 0);
	fill(fd, DISK_MB * MB);
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

/* There is room for one of so many bytes, and for not one byte more. */
static void expect_room(const char *dir, uint64_t bytes)
{
	char error[CONF_ERROR_LEN] = "";

	if (vm_space_ask(dir, bytes, error) != 0)
		fail_msg("%s", error);
	assert_int_equal(vm_space_ask(dir, bytes + 1, error), -ENOSPC);
	assert_non_null(strstr(error, "disk full"));
}

static void test_asks(void **state)
{
	char error[CONF_ERROR_LEN] = "";

	(void)state;
	assert_int_equal(vm_space_ask("/tmp", 1ULL << 60, error), -ENOSPC);
	assert_non_null(strstr(error, "/tmp: disk full"));
	assert_non_null(strstr(error, "a decoy may write 1099511627776 MB"));
	assert_non_null(strstr(error, "--writes"));
	assert_int_equal(vm_space_ask("/no/such/folder", 1, error), -ENOENT);
	assert_non_null(strstr(error, "/no/such/folder: the decoys' disks cannot be written"));
	assert_int_equal(vm_space_ask("/proc", 1ULL << 60, error), 0); /* has no blocks at all */
}

/* Those that run may still write what they were promised, whatever they have written by now. */
static void test_asks_beside_others(void **state)
{
	const uint64_t all = (ROOM_MB - LEFT_MB) * MB;
	struct vm_space first, second, elsewhere, greedy;
	char dir[32], error[CONF_ERROR_LEN];
	int fd = make_disk(dir, ROOM_MB), other;
	FILE *f = tmpfile();

	(void)state;
	if (fd < 0)
		skip();
	assert_non_null(f);
	other = make_file(dir, "other");
	expect_room(dir, all);
	vm_space_begin(&first, fd, 100 * MB);
	expect_room(dir, all - 100 * MB);
	assert_int_equal(vm_space_ask(dir, all, error), -ENOSPC);
	assert_non_null(strstr(
		error,
		"256 MB are free, a decoy may write 192 MB, those that run 100 MB more, and 64 MB"));
	fill(fd, 8 * MB);
	expect_room(dir, all - 100 * MB);
	/* One of another file system takes nothing of this one. */
	vm_space_begin(&elsewhere, fileno(f), VM_DISK_MAX);
	expect_room(dir, all - 100 * MB);
	vm_space_begin(&second, other, 50 * MB);
	expect_room(dir, all - 150 * MB);
	/* One that has more than it may: nothing is left of its promise, and the others' stay. */
	vm_space_begin(&greedy, fd, 4 * MB);
	expect_room(dir, all - 150 * MB);
	/* What has ended has no promise, but its file is there until it is closed. From the midst, and twice. */
	vm_space_end(&first);
	vm_space_end(&first);
	expect_room(dir, all - 58 * MB);
	vm_space_end(&greedy);
	vm_space_end(&second);
	vm_space_end(&elsewhere);
	expect_room(dir, all - 8 * MB);
	assert_int_equal(ftruncate(fd, 0), 0);
	expect_room(dir, all);
	fclose(f);
	close(fd);
	close(other);
	assert_int_equal(umount(dir), 0);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_space),
		cmocka_unit_test(test_a_write_that_fails),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_asks),
		cmocka_unit_test(test_asks_beside_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
