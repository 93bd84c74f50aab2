/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Repeatable randomness for tests: SplitMix64 (Steele, Lea, Flood, 2014).
 *
 * The seed is new at each run and printed; MIMAMORI_TEST_SEED repeats a run.
 * MIMAMORI_TEST_SCALE multiplies (2) or divides (0.1) the number of random operations.
 */
#ifndef MIMAMORI_CORE_TEST_RANDOM_H
#define MIMAMORI_CORE_TEST_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define TEST_SANITIZED 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define TEST_SANITIZED 1
#endif
#ifndef TEST_SANITIZED
#define TEST_SANITIZED 0
#endif

static uint64_t random_state;

static inline uint64_t random_u64(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* 0 .. n - 1; the bias is far below what a test could see. */
static inline uint32_t random_below(uint32_t n)
{
	return (uint32_t)((random_u64() >> 32) * n >> 32);
}

static inline void random_seed(void)
{
	const char *text = getenv("MIMAMORI_TEST_SEED");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	random_state = text ? strtoull(text, NULL, 0) :
			      (uint64_t)now.tv_sec * 1000000007 + (uint64_t)now.tv_nsec;
	printf("MIMAMORI_TEST_SEED=%llu\n", (unsigned long long)random_state);
}

/* How many operations to run: a tenth under sanitizers, and as MIMAMORI_TEST_SCALE says. */
static inline uint64_t random_count(uint64_t release)
{
	const char *text = getenv("MIMAMORI_TEST_SCALE");
	double scale = text ? strtod(text, NULL) : TEST_SANITIZED ? 0.1 : 1;
	uint64_t count = (uint64_t)((double)release * scale);

	return count ? count : 1;
}

#endif
