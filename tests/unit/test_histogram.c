/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buckets that grow by an eighth of a power of two, and what is told from them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/histogram.h"

#define BUCKETS 512

/* Where the kernel half counts @value (bpf/open_calls.bpf.c). */
static size_t bucket_of(uint64_t value)
{
	size_t log = value ? 63 - __builtin_clzll(value) : 0;

	return log < 3 ? value : (log - 2) * 8 + (value >> (log - 3) & 7);
}

static void knows_where_each_bucket_begins(void **state)
{
	(void)state;
	for (size_t b = 0; b < 8 * 61; b++) {
		assert_int_equal(bucket_of(histogram_from(b)), b);
		if (b)
			assert_int_equal(bucket_of(histogram_from(b) - 1), b - 1);
	}
	assert_int_equal(histogram_from(8 * 63), UINT64_MAX);
}

static void tells_quantiles_to_an_eighth(void **state)
{
	static uint32_t counts[BUCKETS];
	uint64_t values[] = { 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 1000000 };

	(void)state;
	for (size_t i = 0; i < 10; i++)
		counts[bucket_of(values[i])] += 100;
	for (int i = 1; i < 10; i++) {
		uint64_t got = histogram_quantile(counts, BUCKETS, 1000000, i / 10.0);

		assert_in_range(got, values[i - 1] * 7 / 8, values[i - 1] * 9 / 8);
	}
	assert_in_range(histogram_quantile(counts, BUCKETS, 1000000, 0.99), 900000, 1000000);
	assert_int_equal(histogram_quantile(counts, BUCKETS, 1000000, 1), 1000000);
}

static void tells_nothing_of_nothing(void **state)
{
	static const uint32_t counts[BUCKETS];

	(void)state;
	assert_int_equal(histogram_quantile(counts, BUCKETS, 0, 0.5), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_where_each_bucket_begins),
		cmocka_unit_test(tells_quantiles_to_an_eighth),
		cmocka_unit_test(tells_nothing_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
