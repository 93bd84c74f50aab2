/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mimamori-sensor run: two processes. The parent becomes the privileged helper (helper.h), the
 * child gives up everything and watches (watch.h). In the background a third starts them (supervise.h).
 */
#ifndef MIMAMORI_SENSOR_RUN_H
#define MIMAMORI_SENSOR_RUN_H

struct cli;

/* The exit status. */
int run_main(const struct cli *cli);

/* mimamori-sensor check: the configuration is good (cli_parse checked it); says what it means. */
int run_check(const struct cli *cli);

#endif
