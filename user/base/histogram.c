/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/histogram.h"

uint64_t histogram_from(size_t bucket)
{
	unsigned int power = bucket / 8 + 2;

	if (bucket < 8)
		return bucket;
	return power < 64 ? (UINT64_C(8) + bucket % 8) << (power - 3) : UINT64_MAX;
}

uint64_t histogram_quantile(const uint32_t *counts, size_t buckets, uint64_t longest, double part)
{
	double all = 0, below = 0;

	for (size_t i = 0; i < buckets; i++)
		all += counts[i];
	for (size_t i = 0; i < buckets; i++) {
		uint64_t from = histogram_from(i), to = histogram_from(i + 1);

		if (to > longest)
			to = longest;
		if (counts[i] && below + counts[i] >= part * all)
			return from +
			       (to > from ? (to - from) * ((part * all - below) / counts[i]) : 0);
		below += counts[i];
	}
	return 0;
}
