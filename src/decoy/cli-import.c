/* SPDX-License-Identifier: GPL-2.0-or-later */
/* import: a decoy of a disk image and a kernel of others; build: those of Debian's packages. */
#include "decoy/await.h"
#include "decoy/cli.h"
#include "decoy/disk.h"
#include "decoy/disk-import.h"
#include "decoy/kernel.h"
#include "decoy/parts.h"
#include "decoy/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUILDER "decoys/build" /* in a checkout */

/* Imported devices have no persona of their own: an ordinary Ethernet maker's prefix, and the accounts
 * of the older Debian images for QEMU. */
static const char persona[] = "[persona]\nhostname = debian\nmac-prefix = 00:16:cb\nssh = no\n"
			      "[accounts]\nroot = root\nuser = user\n";

struct import {
	const struct cli *cli;
	struct profile profile;
	char dir[PATH_MAX]; /* of the folder, while it is made */
	char error[CONF_ERROR_LEN];
};

/* A file of the user's: open, or -errno with a sentence. */
static int open_file(struct import *im, const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), err = 0;

	*st = (struct stat){ 0 };
	if (fd < 0 || fstat(fd, st) < 0)
		err = -errno;
	if (err)
		conf_refuse(im->error, "%s: cannot be read: %s", path, strerror(-err));
	else if (!S_ISREG(st->st_mode))
		err = conf_refuse(im->error, "%s: is no file", path);
	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	return err;
}

static int copy_file(struct import *im, const char *from, const char *name)
{
	struct stat st;
	char path[PATH_MAX];
	int err, in = open_file(im, from, &st);

	if (in < 0)
		return in;
	if (st.st_size == 0 || (uint64_t)st.st_size > PARTS_KERNEL_MAX) {
		close(in);
		return conf_refuse(im->error,
				   "%s: has %lld bytes; a kernel, an initrd, a device tree has 1 "
				   "byte to %llu MB",
				   from, (long long)st.st_size, PARTS_KERNEL_MAX >> 20);
	}
	snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - CONF_TEXT_LEN - 2, im->dir, name);
	err = disk_name(in, path);
	if (!err && chmod(path, 0644) < 0)
		err = -errno;
	if (err)
		conf_refuse(im->error, "%s: cannot be copied into %s: %s", from, im->cli->images,
			    strerror(-err));
	close(in);
	return err;
}

static int convert_disk(struct import *im)
{
	const char *disk = im->cli->argument;
	char to[PATH_MAX];
	struct stat st;
	int in = open_file(im, disk, &st), out, err = 0;

	if (in < 0)
		return in;
	snprintf(to, sizeof(to), "%.*s/" PROFILE_DISK_FILE, PATH_MAX - 32, im->dir);
	out = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0) {
		err = -errno;
		conf_refuse(im->error, "%s: cannot be written in %s: %s", disk, im->cli->images,
			    strerror(-err));
	} else {
		err = disk_import(in, disk, out, DISK_IMPORT_BYTES_MAX, im->error);
		if (!err && !im->profile.disk_is_device && strcmp(im->profile.disk_word, "sd") == 0)
			err = disk_round_up(out, im->error);
		close(out);
	}
	close(in);
	return err;
}

static int write_text(struct import *im, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *f;
	int err = 0;

	snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - 32, im->dir, name);
	f = fopen(path, "we");
	if (!f || fputs(text, f) < 0)
		err = -errno;
	if (f && fclose(f) != 0 && !err)
		err = -errno;
	if (err)
		conf_refuse(im->error, "%s cannot be written in %s: %s", name, im->cli->images,
			    strerror(-err));
	return err;
}

static int fill_folder(struct import *im)
{
	const struct cli *cli = im->cli;
	int err = copy_file(im, cli->profile, "profile.conf");

	if (!err)
		err = copy_file(im, cli->kernel, im->profile.kernel);
	if (!err && cli->initrd)
		err = copy_file(im, cli->initrd, im->profile.initrd);
	if (!err && cli->dtb)
		err = copy_file(im, cli->dtb, im->profile.dtb);
	if (!err)
		err = write_text(im, "persona.conf", persona);
	if (!err)
		err = convert_disk(im);
	return err;
}

static int wake(struct import *im, struct await *a, struct machine_options *o,
		const struct decoy *d)
{
	char path[PATH_MAX];
	int err;

	o->ready_fd = cli_open_ready(d, path);
	if (o->ready_fd < 0) {
		snprintf(a->why, sizeof(a->why), "the saved state cannot be opened: %s",
			 strerror(-o->ready_fd));
		return o->ready_fd;
	}
	err = await_ready(a, im->cli->loop, o);
	close(o->ready_fd);
	return err;
}

/* Boots it and logs in; where its state can be saved, it is, and woken once. 0, or -errno with a sentence. */
static int prove(struct import *im, const char *images, const char *name)
{
	struct await a = { 0 };
	struct machine_options o;
	char path[PATH_MAX];
	struct decoy d;
	int err = decoy_load(images, name, &d, im->error);

	if (err)
		return err;
	printf("%s: boots and is logged in to ...\n", name);
	fflush(stdout);
	o = cli_options(im->cli, &d);
	err = await_ready(&a, im->cli->loop, &o);
	if (!err && d.profile.snapshot_works) {
		snprintf(path, sizeof(path), "%.*s/" MACHINE_READY_FILE, PATH_MAX - 32, d.dir);
		err = await_saved(&a, path);
		if (!err) {
			printf("%s: is saved and woken ...\n", name);
			fflush(stdout);
			err = wake(im, &a, &o, &d);
		}
	}
	if (err)
		conf_refuse(im->error, "%s", a.why);
	else
		await_free(&a);
	return err;
}

/* In a process of its own: staging.h. */
static int make(const char *images, const char *name, void *arg)
{
	struct import *im = arg;
	int err;

	snprintf(im->dir, sizeof(im->dir), "%s/%s", images, name);
	if (uv_loop_fork(im->cli->loop) < 0)
		return cli_fail("no event loop can be made: too many open files?");
	err = fill_folder(im);
	if (!err)
		err = prove(im, images, name);
	return err ? cli_fail("%s", im->error) : EXIT_SUCCESS;
}

/* A file of the command line and its name in the profile: both or none. */
static int check_pair(struct import *im, const char *option, const char *file, const char *name)
{
	if (file && !name[0])
		return conf_refuse(im->error, "%s: [boot] %s: is empty, and --%s is given",
				   im->cli->profile, option, option);
	if (!file && name[0])
		return conf_refuse(im->error, "%s: [boot] %s: names a file: which? Give --%s",
				   im->cli->profile, option, option);
	return 0;
}

/* No two parts may have one name. */
static int check_names(struct import *im)
{
	const struct profile *p = &im->profile;
	const char *names[] = { p->kernel,	   p->initrd,	       p->dtb,
				PROFILE_DISK_FILE, MACHINE_READY_FILE, "profile.conf",
				"persona.conf" };

	for (size_t i = 0; i < 3; i++)
		for (size_t j = i + 1; j < sizeof(names) / sizeof(names[0]); j++)
			if (names[i][0] && strcmp(names[i], names[j]) == 0)
				return conf_refuse(im->error,
						   "%s: [boot]: two files of the decoy would be "
						   "called %s",
						   im->cli->profile, names[i]);
	return 0;
}

static int check_kernel(struct import *im)
{
	uint8_t head[KERNEL_HEAD_BYTES];
	struct stat st;
	ssize_t n;
	int fd = open_file(im, im->cli->kernel, &st), err = fd < 0 ? fd : 0;

	if (err)
		return err;
	n = pread(fd, head, sizeof(head), 0);
	if (n < 0) {
		err = -errno;
		conf_refuse(im->error, "%s: cannot be read: %s", im->cli->kernel, strerror(-err));
	} else {
		err = kernel_check(head, (size_t)n, &im->profile, im->cli->kernel, im->error);
	}
	close(fd);
	return err;
}

/* All that can be said before anything is made. */
static int check_request(struct import *im, const char *name)
{
	const struct cli *cli = im->cli;
	char path[PATH_MAX];
	int err = 0;

	if (!profile_name_ok(name))
		return conf_refuse(im->error, "\"%.64s\" cannot be the name of a decoy", name);
	if (snprintf(path, sizeof(path), "%s/%s", cli->images, name) >= PATH_MAX - 32)
		return conf_refuse(im->error, "%.64s...: the path is too long", cli->images);
	if (access(path, F_OK) == 0)
		return conf_refuse(im->error,
				   "%s: is there already: remove it, or give another --name", path);
	err = check_pair(im, "initrd", cli->initrd, im->profile.initrd);
	if (!err)
		err = check_pair(im, "dtb", cli->dtb, im->profile.dtb);
	if (!err)
		err = check_names(im);
	if (!err)
		err = kernel_check_profile(&im->profile, cli->profile, im->error);
	if (!err)
		err = check_kernel(im);
	return err;
}

int cli_import(struct cli *cli)
{
	struct import im = { .cli = cli };
	const char *name;
	int err;

	if (profile_load(cli->profile, &im.profile, im.error) < 0)
		return cli_fail("%s", im.error);
	name = cli->name ? cli->name : im.profile.name;
	err = check_request(&im, name);
	if (!err)
		err = staging_run(cli->images, name, make, &im, im.error);
	if (err)
		return err < 0 ? cli_fail("%s", im.error) : err;
	printf("%s: imported%s\n", name, im.profile.snapshot_works ? ", and its state saved" : "");
	return EXIT_SUCCESS;
}

int cli_build(struct cli *cli)
{
	char program[PATH_MAX], *const argv[] = { program, (char *)"--out", (char *)cli->images,
						  NULL };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	/* In a checkout it stands beside the build directory that this program is in. */
	self[n > 0 ? n : 0] = '\0';
	snprintf(program, sizeof(program), "%.*s/" BUILDER, PATH_MAX - 32, dirname(dirname(self)));
	if (access(program, X_OK) < 0)
		return cli_fail("the builder is part of the source: in a checkout, \"make decoys\" "
				"builds the decoys, and --images names where they are then");
	execv(program, argv);
	return cli_fail("%s: cannot be executed: %s", program, strerror(errno));
}
