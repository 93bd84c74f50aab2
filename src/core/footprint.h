/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Letting go of code that start-up needed and the long wait does not; taking at once what will be needed.
 */
#ifndef MIMAMORI_CORE_FOOTPRINT_H
#define MIMAMORI_CORE_FOOTPRINT_H

/*
 * Unmaps the pages of the program's and its libraries' code and constants. Those still needed come back from the
 * page cache when they are next run, and with each up to fifteen neighbours that the kernel maps along
 * ("fault-around"): so meson.build keeps what packets need apart from what they do not. Of a C library's
 * megabyte that the loader and start-up touched, a hundred kilobytes or so come back. Code is never written
 * to, so nothing can be lost.
 */
void footprint_drop_code(void);

/* Gives every page of the program's static data its memory now: what is there at start is all that it takes. */
void footprint_touch_data(void);

#endif
