/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "due.h"

#define PERIOD  1000000
#define SECONDS 20

/* A thread that came to its CPU at @in, was last there until @out, and was last found at @tick. */
static uint32_t due(uint64_t out, uint64_t in, uint64_t tick, uint64_t now)
{
	const struct adder_thread t = { .out_ns = out, .in_ns = in, .tick_ns = tick };

	return ticks_due(&t, PERIOD, now);
}

static void is_one_where_none_was_held_up(void **state)
{
	(void)state;
	assert_int_equal(due(0, 10 * PERIOD, 0, 10 * PERIOD + 1), 1);
	assert_int_equal(due(0, 10 * PERIOD, 0, 11 * PERIOD - 1), 1);
	assert_int_equal(due(0, PERIOD, 10 * PERIOD, 11 * PERIOD), 1);
	assert_int_equal(due(0, PERIOD, 10 * PERIOD + PERIOD / 10, 11 * PERIOD), 1);
	assert_int_equal(due(0, PERIOD, 10 * PERIOD, 11 * PERIOD + PERIOD / 2), 1);
}

static void is_as_many_as_were_held_up(void **state)
{
	(void)state;
	assert_int_equal(due(0, PERIOD, 10 * PERIOD, 27 * PERIOD + PERIOD / 2), 17);
	assert_int_equal(due(0, PERIOD, 10 * PERIOD + PERIOD / 10, 27 * PERIOD), 17);
	assert_int_equal(due(0, 10 * PERIOD, 0, 27 * PERIOD + PERIOD / 2), 17);
}

/* Of the time that it was off its CPU nothing is due, and without knowing when it came, nothing. */
static void counts_what_it_was_there_for(void **state)
{
	(void)state;
	assert_int_equal(due(50 * PERIOD, 90 * PERIOD, 10 * PERIOD, 90 * PERIOD + 1), 1);
	assert_int_equal(due(50 * PERIOD, 0, 10 * PERIOD, 90 * PERIOD), 1);
	assert_int_equal(due(50 * PERIOD, 0, 60 * PERIOD, 90 * PERIOD), 30);
	assert_int_equal(due(0, 0, 0, 90 * PERIOD), 1);
	assert_int_equal(due(0, 90 * PERIOD, 0, 80 * PERIOD), 1);
}

/*
 * A clock whose ticks are late by a little, and now and then held up for long: none is missing, but
 * for the rounding, one way or the other, of those that were.
 */
static void adds_up(void **state)
{
	uint64_t counted = 0, at = 0, last = 0, now;

	(void)state;
	srandom(1);
	while (at < SECONDS * 1000ULL * PERIOD) {
		at += PERIOD;
		now = at + random() % (PERIOD / 10);
		if (random() % 100 == 0)
			now += random() % (20 * PERIOD);
		counted += due(0, 1, last, now);
		last = now;
		at = now / PERIOD * PERIOD; /* the kernel sets it to the next that is to come */
	}
	assert_in_range(counted, at / PERIOD * 999 / 1000, at / PERIOD * 1001 / 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_one_where_none_was_held_up),
		cmocka_unit_test(is_as_many_as_were_held_up),
		cmocka_unit_test(counts_what_it_was_there_for),
		cmocka_unit_test(adds_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
