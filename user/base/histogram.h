/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers counted in buckets, eight for each power of two: below 8 of their own, from there on
 * 12.5 % wide at most.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/** The least number that is counted in @bucket. */
uint64_t histogram_from(size_t bucket);

/**
 * The number below which @part (0 to 1) of all lie, as if those of a bucket lay evenly in it; 0
 * without any.  @longest is the largest there is.
 */
uint64_t histogram_quantile(const uint32_t *counts, size_t buckets, uint64_t longest, double part);

#endif
