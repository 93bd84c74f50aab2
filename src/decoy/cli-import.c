/* SPDX-License-Identifier: GPL-2.0-or-later */
/* import: a decoy of a disk image and a kernel of others; build: those of Debian's packages. */
#include "decoy/await.h"
#include "decoy/cli.h"
#include "decoy/disk.h"
#include "decoy/parts.h"
#include "decoy/launch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONVERT_MS 600000
#define BUILDER "decoys/build" /* in a checkout */

/* Imported devices have no persona of their own: an ordinary Ethernet maker's prefix, and the accounts
 * of the older Debian images for QEMU. */
static const char persona[] = "[persona]\nhostname = debian\nmac-prefix = 00:16:cb\n"
			      "[accounts]\nroot = root\nuser = user\n";

struct import {
	const struct cli *cli;
	struct profile profile;
	const char *name;
	char dir[PATH_MAX]; /* under another name until all is well */
	char error[CONF_ERROR_LEN];
};

static int copy_file(struct import *im, const char *from, const char *name)
{
	char path[PATH_MAX];
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), err;
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0 || !S_ISREG(st.st_mode)) {
		err = in < 0 ? -errno : -EINVAL;
		conf_refuse(im->error, "%s: cannot be read: %s", from, strerror(-err));
		if (in >= 0)
			close(in);
		return err;
	}
	snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - CONF_TEXT_LEN - 2, im->dir, name);
	err = disk_name(in, path);
	if (!err && chmod(path, 0644) < 0)
		err = -errno;
	if (err)
		conf_refuse(im->error, "%s: cannot be copied to %s: %s", from, im->dir,
			    strerror(-err));
	close(in);
	return err;
}

/* The format is told by the first bytes, and then named: qemu-img's own guess could be led by a guest's. */
static int convert_disk(struct import *im, const char *disk)
{
	char from[32], to[PATH_MAX], why[LAUNCH_WHY_LEN], magic[4] = "";
	int fd = open(disk, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), err = 0;
	uint64_t bytes;
	bool is_qcow2;

	if (fd < 0 || pread(fd, magic, sizeof(magic), 0) != sizeof(magic)) {
		err = fd < 0 ? -errno : -EINVAL;
		conf_refuse(im->error, "%s: cannot be read, or is no disk image: %s", disk,
			    strerror(-err));
	}
	is_qcow2 = memcmp(magic, "QFI\xfb", 4) == 0;
	if (!err && is_qcow2)
		err = disk_check(fd, disk, &bytes, im->error);
	if (!err) {
		const char *argv[] = {
			"qemu-img", "convert", "-q", "-f", is_qcow2 ? "qcow2" : "raw",
			"-O",	    "qcow2",   from, to,   NULL
		};

		snprintf(from, sizeof(from), "/dev/fd/%d", fd);
		snprintf(to, sizeof(to), "%.*s/" PROFILE_DISK_FILE, PATH_MAX - 32, im->dir);
		err = launch_run(argv, &fd, 1, CONVERT_MS, why);
		if (err)
			conf_refuse(im->error, "%s: cannot be converted: %s", disk, why);
	}
	if (fd >= 0)
		close(fd);
	return err;
}

static int write_text(struct import *im, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - 32, im->dir, name);
	f = fopen(path, "we");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		return conf_refuse(im->error, "%s: cannot be written: %s", path, strerror(errno));
	return 0;
}

static void remove_folder(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(path);
}

static int fill_folder(struct import *im)
{
	const struct cli *cli = im->cli;
	int err = copy_file(im, cli->profile, "profile.conf");

	if (!err)
		err = copy_file(im, cli->kernel, im->profile.kernel);
	if (!err && cli->initrd)
		err = copy_file(im, cli->initrd, im->profile.initrd);
	if (!err)
		err = write_text(im, "persona.conf", persona);
	if (!err)
		err = convert_disk(im, cli->argument);
	return err;
}

/* Boots what is in the folder; saves it where that can be. 0 or -errno, with a sentence in im->error. */
static int prove(struct import *im, const char *folder)
{
	struct await a = { 0 };
	struct machine_options o;
	char path[PATH_MAX];
	struct decoy d;
	int err = decoy_load(im->cli->images, folder, &d, im->error), fd;

	if (err)
		return err;
	printf("%s: boots and is logged in to ...\n", im->name);
	fflush(stdout);
	o = cli_options(im->cli, &d);
	err = await_ready(&a, im->cli->loop, &o);
	if (!err && d.profile.snapshot_works) {
		fd = cli_open_ready(&d, path);
		if (fd >= 0)
			close(fd);
		err = await_saved(&a, path);
	} else if (!err) {
		await_free(&a);
	}
	if (err)
		conf_refuse(im->error, "%s", a.why);
	return err;
}

static int import_into(struct import *im, const char *folder)
{
	char to[PATH_MAX];
	int err = 0;

	if (mkdir(im->cli->images, 0755) < 0 && errno != EEXIST)
		err = -errno;
	remove_folder(im->dir);
	if (!err && mkdir(im->dir, 0755) < 0)
		err = -errno;
	if (err) {
		conf_refuse(im->error, "%s: cannot be made: %s", im->dir, strerror(-err));
		return err;
	}
	err = fill_folder(im);
	if (!err)
		err = prove(im, folder);
	if (!err) {
		snprintf(to, sizeof(to), "%.*s/%s", PATH_MAX - PROFILE_NAME_LEN - 2,
			 im->cli->images, im->name);
		if (rename(im->dir, to) < 0) {
			err = -errno;
			conf_refuse(im->error, "%s: cannot be put in place: %s", to,
				    strerror(-err));
		}
	}
	if (err)
		remove_folder(im->dir);
	return err;
}

int cli_import(struct cli *cli)
{
	struct import im = { .cli = cli };
	char folder[PROFILE_NAME_LEN], path[PATH_MAX];

	if (profile_load(cli->profile, &im.profile, im.error) < 0)
		return cli_fail("%s", im.error);
	im.name = cli->name ? cli->name : im.profile.name;
	if (!profile_name_ok(im.name) || strlen(im.name) > PROFILE_NAME_LEN - 16)
		return cli_fail("\"%s\" cannot be the name of a decoy", im.name);
	if (cli->initrd && !im.profile.initrd[0])
		return cli_fail("%s: [boot] initrd: is empty, and --initrd is given", cli->profile);
	if (!cli->initrd && im.profile.initrd[0])
		return cli_fail("%s: [boot] initrd: names a file: which? Give --initrd",
				cli->profile);
	if (im.profile.dtb[0])
		return cli_fail("%s: [boot] dtb: a device tree cannot be imported", cli->profile);
	snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - PROFILE_NAME_LEN - 2, cli->images,
		 im.name);
	if (access(path, F_OK) == 0)
		return cli_fail("%s: is there already: remove it, or give another --name", path);
	snprintf(folder, sizeof(folder), "%s.importing", im.name);
	snprintf(im.dir, sizeof(im.dir), "%.*s/%s", PATH_MAX - PROFILE_NAME_LEN - 2, cli->images,
		 folder);
	if (import_into(&im, folder) < 0)
		return cli_fail("%s", im.error);
	printf("%s: imported%s\n", im.name,
	       im.profile.snapshot_works ? ", and its state saved" : "");
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
