/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine whose QEMU is a stand-in (test-vm-qemu.c, the test's argument): its time limits, on a clock that the test
 * sets forward, as it is for one that was stopped, or whose host slept; and whose it is.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_TMPFILE, syscall */
#endif

#include "decoy/disk.h"
#include "decoy/launch.h"
#include "decoy/snapshot.h"
#include "decoy/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "decoy/test-loop.h"

#define NEVER "1000000000"
#define NOBODY 65534 /* of Debian's base-passwd */
#define TURNS 40 /* of the loop, each of a ms or more */

static const char *stand_in;
static time_t ahead; /* seconds */

/* In place of the C library's, libuv's calls included. */
int clock_gettime(clockid_t clock, struct timespec *t)
{
	int err = (int)syscall(SYS_clock_gettime, clock, t);

	if (!err)
		t->tv_sec += ahead;
	return err;
}

struct bench {
	uv_loop_t loop;
	char dir[32];
	struct decoy decoy;
	struct vm *vm;
	struct snapshot *snapshot;
	bool up;
	unsigned int ends, saves;
	int err, saved_err;
	char why[VM_WHY_LEN];
};

static void on_up(void *arg)
{
	((struct bench *)arg)->up = true;
}

static void on_end(int err, const char *why, void *arg)
{
	struct bench *b = arg;

	b->ends++;
	b->err = err;
	snprintf(b->why, sizeof(b->why), "%s", why);
}

static void on_saved(int err, const char *why, void *arg)
{
	struct bench *b = arg;

	b->saves++;
	b->saved_err = err;
	snprintf(b->why, sizeof(b->why), "%s", why);
}

static void copy(int from, const char *dir, const char *name, mode_t mode)
{
	char path[64], buf[65536];
	int to;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(to >= 0);
	assert_int_equal(lseek(from, 0, SEEK_SET), 0);
	while ((n = read(from, buf, sizeof(buf))) > 0)
		assert_int_equal(write(to, buf, (size_t)n), n);
	assert_int_equal(n, 0);
	assert_int_equal(fchmod(to, mode), 0);
	close(to);
}

/* Its QEMU is found first. */
static void set_path(const char *dir)
{
	static char before[PATH_MAX];
	char path[2 * PATH_MAX];

	if (!before[0])
		snprintf(before, sizeof(before), "%s", getenv("PATH"));
	snprintf(path, sizeof(path), "%s:%s", dir, before);
	setenv("PATH", path, 1);
}

/* A decoy whose jobs take so many questions, and a disk for it. */
static int prepare(struct bench *b, const char *questions)
{
	struct profile *p = &b->decoy.profile;
	char error[CONF_ERROR_LEN] = "";
	int program = open(stand_in, O_RDONLY | O_CLOEXEC), disk;

	memset(b, 0, sizeof(*b));
	assert_true(program >= 0);
	strcpy(b->dir, "/tmp/test-vm.XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	assert_int_equal(chmod(b->dir, 0755), 0);
	disk = disk_empty(b->dir, 1 << 20, error);
	if (disk < 0)
		fail_msg("%s", error);
	copy(program, b->dir, "qemu-system-arm", 0755);
	set_path(b->dir);
	copy(program, b->dir, "kernel", 0644);
	copy(disk, b->dir, PROFILE_DISK_FILE, 0644);
	close(program);
	strcpy(b->decoy.name, "toaster");
	strcpy(b->decoy.dir, b->dir);
	strcpy(p->qemu, "qemu-system-arm");
	strcpy(p->machine, "bread");
	strcpy(p->kernel, "kernel");
	strcpy(p->append, questions);
	p->disk_word = p->nic_word = "x";
	p->memory_mb = 16;
	assert_int_equal(uv_loop_init(&b->loop), 0);
	return disk;
}

/* A machine that is up. */
static void begin(struct bench *b, const char *questions)
{
	const struct vm_handlers h = { .on_up = on_up, .on_end = on_end, .arg = b };
	struct vm_options o = { .decoy = &b->decoy, .tap_fd = -1 };
	char error[CONF_ERROR_LEN] = "";
	int err;

	o.disk_fd = prepare(b, questions);
	b->vm = vm_start(&b->loop, &o, &h, &err, error);
	if (!b->vm)
		fail_msg("%s", error);
	b->snapshot = snapshot_new(&b->loop, b->vm);
	assert_non_null(b->snapshot);
	RUN_UNTIL(&b->loop, b->up || b->ends);
	if (!b->up)
		fail_msg("%s", b->why);
}

static void done(struct bench *b)
{
	static const char *const names[] = { "qemu-system-arm", "kernel", PROFILE_DISK_FILE };
	char path[64];

	if (b->vm) {
		vm_free(b->vm);
		snapshot_free(b->snapshot);
	}
	uv_run(&b->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&b->loop), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", b->dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(b->dir), 0);
}

static void turn(struct bench *b)
{
	for (int i = 0; i < TURNS; i++, usleep(1000))
		uv_run(&b->loop, UV_RUN_NOWAIT);
}

static bool cannot(void)
{
	char path[PATH_MAX];

	if (launch_find("qemu-img", path) == 0)
		return false;
	print_message("needs qemu-img\n");
	return true;
}

/* It answers and stays. */
static void test_quit_is_bounded(void **state)
{
	struct bench b;

	(void)state;
	if (cannot())
		skip();
	begin(&b, NEVER);
	vm_watch(b.vm, 5);
	assert_int_equal(vm_quit(b.vm), 0);
	turn(&b);
	assert_int_equal(b.ends, 0);
	ahead += 2 * VM_QUIT_MS / 1000;
	turn(&b);
	assert_int_equal(b.ends, 0); /* a sleep is no time of its */
	ahead += 2 * VM_QUIT_MS / 1000;
	turn(&b);
	assert_int_equal(b.ends, 1);
	assert_int_equal(b.err, -ETIMEDOUT);
	assert_non_null(strstr(b.why, "toaster: QEMU has not ended"));
	done(&b);
}

static void test_a_save_outlasts_a_sleep(void **state)
{
	struct bench b;

	(void)state;
	if (cannot())
		skip();
	begin(&b, "8");
	snapshot_save(b.snapshot, "x", on_saved, &b);
	turn(&b);
	assert_int_equal(b.saves, 0);
	ahead += 2 * SNAPSHOT_TIMEOUT_MS / 1000;
	RUN_UNTIL(&b.loop, b.saves);
	assert_int_equal(b.saved_err, 0);
	done(&b);
}

static void test_a_save_is_bounded(void **state)
{
	struct bench b;

	(void)state;
	if (cannot())
		skip();
	begin(&b, NEVER);
	snapshot_save(b.snapshot, "x", on_saved, &b);
	turn(&b);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(b.saves, 0);
		ahead += 2 * SNAPSHOT_TIMEOUT_MS / 1000;
		turn(&b);
	}
	assert_int_equal(b.saves, 1);
	assert_int_equal(b.saved_err, -ETIMEDOUT);
	assert_non_null(strstr(b.why, "not done in time"));
	turn(&b);
	assert_int_equal(b.saves, 1);
	done(&b);
}

/* In a child: 0 when a machine of this user is refused, with this word. */
static int try_user(struct bench *b, int disk, const char *user, int expected, const char *word)
{
	const struct vm_handlers h = { .on_up = on_up, .on_end = on_end, .arg = b };
	struct vm_options o = { .decoy = &b->decoy, .tap_fd = -1, .disk_fd = disk, .user = user };
	char error[CONF_ERROR_LEN] = "";
	struct vm *vm;
	int err = 0;

	if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		return 1;
	vm = vm_start(&b->loop, &o, &h, &err, error);
	vm_free(vm);
	return err == expected && strstr(error, word) ? 0 : 2;
}

/* Who is not root cannot choose, and is told so. */
static void test_another_user_needs_root(void **state)
{
	struct bench b;
	int disk, status = -1;
	pid_t pid;

	(void)state;
	if (cannot())
		skip();
	if (geteuid() != 0) {
		print_message("needs root, to become another\n");
		skip();
	}
	disk = prepare(&b, NEVER);
	pid = fork();
	if (pid == 0)
		_exit(try_user(&b, disk, "daemon", -EPERM, "QEMU cannot run as daemon: only root"));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	pid = fork();
	if (pid == 0)
		_exit(try_user(&b, disk, "nobody", 0, ""));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(disk);
	done(&b);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quit_is_bounded),
		cmocka_unit_test(test_a_save_outlasts_a_sleep),
		cmocka_unit_test(test_a_save_is_bounded),
		cmocka_unit_test(test_another_user_needs_root),
	};

	if (argc != 2)
		return EXIT_FAILURE;
	stand_in = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
