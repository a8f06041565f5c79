/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Seconds as people read them: with the digits that mean something, and adding up as shown.
 */
#ifndef REPORT_NUMBER_H
#define REPORT_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/** Decimals that mean something among times of which @largest_ns is the largest. */
int seconds_decimals(int64_t largest_ns);

/** Write @ns as seconds with @decimals (at most 4); zero is '·'. */
void seconds_format(char *dst, size_t size, int64_t ns, int decimals);

/** Write @ns as seconds with the decimals that fit it alone; zero is "0". */
void seconds_alone(char *dst, size_t size, int64_t ns);

/**
 * Round @parts (each >= 0, nanoseconds) to multiples of 10^-@decimals seconds such that they still
 * sum to their sum, rounded: the largest remainders are rounded up.  Returns that sum.
 */
int64_t seconds_round_parts(int64_t *parts, size_t count, int decimals);

/** @part of @whole in percent; 0 of nothing. */
double percent_of(int64_t part, int64_t whole);

#endif
