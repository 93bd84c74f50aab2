/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images that are none, or that would have others' files read, and files that leave nothing behind. */
#include "decoy/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD 104
#define FILE_BYTES (3 * 65536)
#define GUEST_BYTES (64ULL << 20)

struct files {
	char dir[32];
	uint8_t head[HEAD];
	char error[CONF_ERROR_LEN];
	uint64_t bytes;
};

static void put(uint8_t *at, uint64_t value, int n)
{
	while (n--) {
		at[n] = (uint8_t)value;
		value >>= 8;
	}
}

static int setup(void **state)
{
	struct files *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/test-disk.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	put(f->head, 0x514649fb, 4);
	put(f->head + 4, 3, 4); /* version */
	put(f->head + 20, 16, 4); /* bits of a cluster */
	put(f->head + 24, GUEST_BYTES, 8);
	put(f->head + 36, 1, 4); /* entries of L1, and where they are */
	put(f->head + 40, 65536, 8);
	*state = f;
	return 0;
}

static unsigned int count_files(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static int teardown(void **state)
{
	struct files *f = *state;
	int left = rmdir(f->dir);

	free(f);
	return left;
}

/* What disk_check says of n bytes of the head, in a file of `size` bytes. */
static int check(struct files *f, size_t n, off_t size)
{
	char path[64];
	int fd, err;

	snprintf(path, sizeof(path), "%s/image", f->dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, f->head, n), n);
	assert_int_equal(ftruncate(fd, size), 0);
	f->error[0] = '\0';
	err = disk_check(fd, path, &f->bytes, f->error);
	close(fd);
	unlink(path);
	/* What is refused is told with the file. */
	assert_int_equal(err != 0, strstr(f->error, path) != NULL);
	return err;
}

static void test_sound(void **state)
{
	struct files *f = *state;

	assert_int_equal(check(f, HEAD, FILE_BYTES), 0);
	assert_true(f->bytes == GUEST_BYTES);
	put(f->head + 76, 1, 4); /* not closed properly: QEMU repairs that */
	assert_int_equal(check(f, HEAD, FILE_BYTES), 0);
	put(f->head + 4, 2, 4);
	assert_int_equal(check(f, 72, FILE_BYTES), 0);
}

static void test_cut_anywhere(void **state)
{
	struct files *f = *state;

	for (size_t n = 0; n < 80; n++)
		assert_int_equal(check(f, n, (off_t)n), -EINVAL);
	assert_int_equal(check(f, HEAD, 65536 + 7), -EINVAL);
	assert_non_null(strstr(f->error, "ends too early"));
}

static void test_hostile_heads(void **state)
{
	static const struct {
		size_t at;
		int n;
		uint64_t value;
		const char *said;
	} cases[] = {
		{ 0, 4, 0x514649fa, "no qcow2" },
		{ 4, 4, 1, "no qcow2" },
		{ 4, 4, 4, "no qcow2" },
		{ 8, 8, 1, "refers to another file" },
		{ 8, 8, 1ULL << 63, "refers to another file" },
		{ 20, 4, 8, "no qcow2" },
		{ 20, 4, 22, "no qcow2" },
		{ 20, 4, UINT32_MAX, "no qcow2" },
		{ 24, 8, 0, "empty" },
		{ 24, 8, DISK_BYTES_MAX + 1, "larger than 64 GB" },
		{ 24, 8, UINT64_MAX, "larger than 64 GB" },
		{ 32, 4, 1, "encrypted" },
		{ 36, 4, UINT32_MAX, "ends too early" },
		{ 36, 4, FILE_BYTES / 8, "ends too early" },
		{ 40, 8, UINT64_MAX, "ends too early" },
		{ 40, 8, FILE_BYTES + 1, "ends too early" },
		{ 72, 8, 2, "marked as damaged" }, /* corrupt */
		{ 72, 8, 4, "refers to another file" }, /* its data is in another file */
		{ 72, 8, 1ULL << 40, "marked as damaged" }, /* something of tomorrow */
	};
	struct files *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t before[8];

		memcpy(before, f->head + cases[i].at, 8);
		put(f->head + cases[i].at, cases[i].value, cases[i].n);
		assert_int_equal(check(f, HEAD, FILE_BYTES), -EINVAL);
		if (!strstr(f->error, cases[i].said))
			fail_msg("case %zu: %s", i, f->error);
		memcpy(f->head + cases[i].at, before, 8);
	}
}

static void test_temporary(void **state)
{
	struct files *f = *state;
	char byte = 'x', path[64];
	int fd = disk_temporary(f->dir, f->error);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, &byte, 1), 1);
	assert_int_equal(pread(fd, &byte, 1, 0), 1);
	assert_int_equal(count_files(f->dir), 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/none", f->dir);
	assert_int_equal(disk_temporary(path, f->error), -ENOENT);
	assert_non_null(strstr(f->error, path));
	/* It cannot be written to, not even by root. */
	assert_true(disk_temporary("/proc/self", f->error) < 0);
	assert_non_null(strstr(f->error, "/proc/self"));
}

static void test_copied_and_named(void **state)
{
	struct files *f = *state;
	char text[] = "before, and now", got[32] = "", path[64];
	int from = disk_temporary(f->dir, f->error), to, fd;

	assert_true(from >= 0);
	assert_int_equal(write(from, text, sizeof(text)), sizeof(text));
	to = disk_copy(f->dir, from, f->error);
	assert_true(to >= 0);
	assert_int_equal(pread(to, got, sizeof(got), 0), sizeof(text));
	assert_string_equal(got, text);
	snprintf(path, sizeof(path), "%s/kept", f->dir);
	assert_int_equal(disk_name(to, path), 0);
	assert_int_equal(ftruncate(to, 6), 0);
	assert_int_equal(disk_name(to, path), 0); /* in its place */
	assert_int_equal(count_files(f->dir), 1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, got, sizeof(got)), 6);
	close(fd);
	unlink(path);
	/* What cannot be named leaves nothing. */
	snprintf(path, sizeof(path), "%s/none/kept", f->dir);
	assert_int_equal(disk_name(to, path), -ENOENT);
	close(to);
	close(from);
	/* What cannot be read leaves no copy. */
	from = open(f->dir, O_RDONLY | O_CLOEXEC);
	assert_true(disk_copy(f->dir, from, f->error) < 0);
	close(from);
	assert_int_equal(count_files(f->dir), 0);
}

/* Several at once: one of them, whole, and nothing beside it. */
static void test_named_at_once(void **state)
{
	enum { WRITERS = 4, ROUNDS = 20, BYTES = 300000 };
	static char text[BYTES];
	struct files *f = *state;
	char path[64];
	pid_t child[WRITERS];
	int fd, status;

	snprintf(path, sizeof(path), "%s/kept", f->dir);
	for (int i = 0; i < WRITERS; i++) {
		child[i] = fork();
		if (child[i] == 0) {
			memset(text, 'a' + i, sizeof(text));
			fd = disk_temporary(f->dir, f->error);
			status = fd < 0 || write(fd, text, sizeof(text)) != BYTES;
			for (int round = 0; !status && round < ROUNDS; round++)
				status = disk_name(fd, path) != 0;
			_exit(status);
		}
		assert_true(child[i] > 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count_files(f->dir), 1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, text, sizeof(text)), BYTES);
	for (int i = 1; i < BYTES; i++)
		assert_int_equal(text[i], text[0]);
	close(fd);
	unlink(path);
}

static void test_no_room_for_files(void **state)
{
	struct files *f = *state;

	/* It has no room, but that is not what is wrong with it. */
	assert_true(disk_temporary("/sys", f->error) < 0);
	assert_null(strstr(f->error, "disk full"));
	assert_non_null(strstr(f->error, "/sys: the decoys' disks cannot be written there"));
}

/* As qemu-img makes it, and as it is judged here. */
static void test_empty(void **state)
{
	struct files *f = *state;
	int fd = disk_empty(f->dir, GUEST_BYTES, f->error);

	if (fd == -ENOENT && strstr(f->error, "qemu-utils")) {
		print_message("qemu-img is not installed\n");
		skip();
	}
	assert_true(fd >= 0);
	assert_int_equal(disk_check(fd, "empty", &f->bytes, f->error), 0);
	assert_true(f->bytes == GUEST_BYTES);
	close(fd);
	assert_int_equal(count_files(f->dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_heads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_temporary, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copied_and_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_named_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room_for_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
