/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mimamori-sensor replay: captures in, findings on standard output, a summary on standard error. */
#ifndef MIMAMORI_SENSOR_REPLAY_H
#define MIMAMORI_SENSOR_REPLAY_H

struct cli;

/* The exit status: 0 when every capture was read to its end. */
int replay_main(const struct cli *cli);

#endif
