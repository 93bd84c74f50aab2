/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list, snapshot, restore, build: what is there, and made ready. */
#include "decoy/await.h"
#include "decoy/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cli_list(struct cli *cli)
{
	static char names[CLI_NAMES_MAX][PROFILE_NAME_LEN];
	int n = cli_names(cli, names), status = EXIT_SUCCESS;

	if (n < 0)
		return cli_fail("%s: cannot be read: %s; \"mimamori-decoy build\" builds decoys",
				cli->images, strerror(-n));
	if (n == 0)
		return cli_fail("%s: there are no decoys yet; \"mimamori-decoy build\" builds them",
				cli->images);
	printf("%-20s %-12s %-8s %-16s %s\n", "decoy", "architecture", "memory", "machine",
	       "saved");
	for (int i = 0; i < n; i++) {
		char error[CONF_ERROR_LEN], path[PATH_MAX];
		struct decoy d;
		int fd;

		if (decoy_load(cli->images, names[i], &d, error) < 0) {
			status = cli_fail("%s", error);
			continue;
		}
		fd = cli_open_ready(&d, path);
		printf("%-20s %-12s %5u MB %-16.16s %s\n", d.name,
		       profile_arch_names[d.profile.arch], d.profile.memory_mb, d.profile.machine,
		       !d.profile.snapshot_works ? "cannot be" :
		       fd >= 0			 ? "yes" :
						   "no");
		if (fd >= 0)
			close(fd);
	}
	return status;
}

static int fail_unsaved(const struct decoy *d)
{
	return cli_fail("%s: QEMU cannot save this machine's state; booted spares are kept of it "
			"instead",
			d->name);
}

int cli_snapshot(struct cli *cli)
{
	struct await a = { 0 };
	char path[PATH_MAX];
	struct machine_options o;
	unsigned int ms;
	struct decoy d;
	int fd, status = cli_load(cli, &d);

	if (status)
		return status;
	if (!d.profile.snapshot_works)
		return fail_unsaved(&d);
	o = cli_options(cli, &d);
	if (await_ready(&a, cli->loop, &o) < 0)
		return cli_fail("%s", a.why);
	ms = machine_prompt_ms(a.machine);
	fd = cli_open_ready(&d, path);
	if (fd >= 0)
		close(fd);
	if (await_saved(&a, path) < 0)
		return cli_fail("%s", a.why);
	printf("%s: saved; login prompt %.2f s after its start\n", d.name, ms / 1000.0);
	return EXIT_SUCCESS;
}

int cli_restore(struct cli *cli)
{
	struct await a = { 0 };
	char path[PATH_MAX];
	struct machine_options o;
	struct decoy d;
	int status = cli_load(cli, &d);

	if (status)
		return status;
	if (!d.profile.snapshot_works)
		return fail_unsaved(&d);
	o = cli_options(cli, &d);
	o.ready_fd = cli_open_ready(&d, path);
	if (o.ready_fd < 0)
		return cli_fail("%s: no state of it has been saved: mimamori-decoy snapshot %s",
				d.name, d.name);
	status = await_ready(&a, cli->loop, &o);
	close(o.ready_fd);
	if (status < 0)
		return cli_fail("%s", a.why);
	printf("%s: woken: login prompt after %.2f s, logged in after %.2f s\n", d.name,
	       machine_prompt_ms(a.machine) / 1000.0, machine_shell_ms(a.machine) / 1000.0);
	await_free(&a);
	return EXIT_SUCCESS;
}
