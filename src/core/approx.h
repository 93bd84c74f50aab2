/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logarithm and power of two to five digits, for estimates.
 *
 * The C library's would do, but its libm is an object of its own, of which the loader and two calls
 * keep a hundred kilobytes in memory: a twentieth of what the sensor may use.
 */
#ifndef MIMAMORI_CORE_APPROX_H
#define MIMAMORI_CORE_APPROX_H

/* x > 0, normal. */
double approx_ln(double x);

/* Beyond -1000 and 1000: as at these. */
double approx_exp2(double x);

#endif
