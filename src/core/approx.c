/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/approx.h"

#include <stdint.h>
#include <string.h>

#define LN2 0.69314718055994531
#define EXPONENT_BIAS 1023 /* IEEE 754 binary64 */
#define MANTISSA_BITS 52
#define MAX_EXPONENT 1000

double approx_ln(double x)
{
	uint64_t bits;
	int64_t exponent;
	double t, t2;

	/* x = m * 2^e with m in [1, 2); ln m = 2 artanh((m - 1) / (m + 1)). */
	memcpy(&bits, &x, sizeof(bits));
	exponent = (int64_t)(bits >> MANTISSA_BITS) - EXPONENT_BIAS;
	bits = (bits & ((1ULL << MANTISSA_BITS) - 1)) | (uint64_t)EXPONENT_BIAS << MANTISSA_BITS;
	memcpy(&x, &bits, sizeof(x));
	t = (x - 1) / (x + 1);
	t2 = t * t;
	return (double)exponent * LN2 +
	       2 * t * (1 + t2 * (1.0 / 3 + t2 * (1.0 / 5 + t2 * (1.0 / 7 + t2 / 9))));
}

double approx_exp2(double x)
{
	int64_t whole;
	double y, power;
	uint64_t bits;

	if (x > MAX_EXPONENT)
		x = MAX_EXPONENT;
	else if (x < -MAX_EXPONENT)
		x = -MAX_EXPONENT;
	whole = (int64_t)x - (x < (double)(int64_t)x);
	y = (x - (double)whole) * LN2;
	bits = (uint64_t)(whole + EXPONENT_BIAS) << MANTISSA_BITS;
	memcpy(&power, &bits, sizeof(power));
	return power *
	       (1 + y * (1 + y / 2 * (1 + y / 3 * (1 + y / 4 * (1 + y / 5 * (1 + y / 6))))));
}
