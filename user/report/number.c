/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/number.h"

#include <stdio.h>

static const int64_t units_ns[] = { 1000000000, 100000000, 10000000, 1000000, 100000 };

int seconds_decimals(int64_t largest_ns)
{
	if (largest_ns >= 10000LL * 1000000000)
		return 0;
	if (largest_ns >= 1000LL * 1000000000)
		return 1;
	if (largest_ns >= 1000000000)
		return 2;
	return largest_ns >= 100000000 ? 3 : 4;
}

void seconds_format(char *dst, size_t size, int64_t ns, int decimals)
{
	if (ns == 0)
		snprintf(dst, size, "·");
	else
		snprintf(dst, size, "%.*f", decimals, ns / 1e9);
}

void seconds_alone(char *dst, size_t size, int64_t ns)
{
	int64_t magnitude = ns < 0 ? -(ns + 1) : ns;

	if (ns == 0)
		snprintf(dst, size, "0");
	else if (magnitude >= 100LL * 1000000000)
		snprintf(dst, size, "%.1f", ns / 1e9);
	else
		snprintf(dst, size, "%.*f", seconds_decimals(magnitude), ns / 1e9);
}

/* The part that rounding down robbed most. */
static size_t most_robbed(const int64_t *parts, size_t count, int64_t unit)
{
	size_t most = 0;

	for (size_t i = 1; i < count; i++) {
		if (parts[i] % unit > parts[most] % unit)
			most = i;
	}
	return most;
}

int64_t seconds_round_parts(int64_t *parts, size_t count, int decimals)
{
	int64_t unit = units_ns[decimals], sum = 0, given = 0, rounded;

	for (size_t i = 0; i < count; i++) {
		if (__builtin_add_overflow(sum, parts[i], &sum))
			return INT64_MAX;
		if (sum > INT64_MAX / 2 || sum < 0)
			return sum; /* an absurd file */
		given += parts[i] / unit;
	}
	rounded = (sum / unit + (sum % unit >= unit / 2)) * unit;
	for (int64_t left = rounded / unit - given; left > 0; left--) {
		size_t most = most_robbed(parts, count, unit);

		parts[most] += unit - parts[most] % unit;
	}
	for (size_t i = 0; i < count; i++)
		parts[i] -= parts[i] % unit;
	return rounded;
}

double percent_of(int64_t part, int64_t whole)
{
	return whole ? 100.0 * part / whole : 0;
}
