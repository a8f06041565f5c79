/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/shares.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TICK UINT64_C(10000000)

static void splits_the_time_after_a_wait_by_its_ticks(void **state)
{
	CLEANUP(shares_free) struct shares *s = shares_new(1, TICK);

	(void)state;
	shares_add_time(s, SHARES_CPU, 0, 11, 60 * TICK);
	shares_add_time(s, SHARES_CPU, 0, 22, 40 * TICK);
	shares_add_ticks(s, 0, 11, 30);
	shares_add_ticks(s, 0, 11, 30);
	shares_add_ticks(s, 0, 22, 10); /* fewer than its time would have: bad luck, not less */
	shares_close(s);
	assert_false(shares_without_ticks(s, 0, 11));
	assert_int_equal(shares_of_ticks(s, SHARES_CPU, 0, 11, 15), 15 * TICK);
	assert_int_equal(shares_of_ticks(s, SHARES_CPU, 0, 11, 45), 45 * TICK);
	assert_int_equal(shares_of_ticks(s, SHARES_CPU, 0, 22, 10), 40 * TICK);
}

static void pools_what_is_too_little_to_be_split_alone(void **state)
{
	CLEANUP(shares_free) struct shares *s = shares_new(2, TICK);

	(void)state;
	for (uint64_t stack = 0; stack < 10; stack++)
		shares_add_time(s, SHARES_CPU, 1, stack, TICK);
	shares_add_ticks(s, 1, 3, 2); /* lucky ones, among ten of the kind */
	shares_add_ticks(s, 1, 7, 3);
	shares_close(s);
	for (uint64_t stack = 0; stack < 10; stack++)
		assert_false(shares_without_ticks(s, 1, stack));
	assert_int_equal(shares_of_ticks(s, SHARES_CPU, 1, 3, 2), 4 * TICK);
	assert_int_equal(shares_of_ticks(s, SHARES_CPU, 1, 7, 3), 6 * TICK);
}

static void pools_what_met_no_tick_however_much_it_is(void **state)
{
	CLEANUP(shares_free) struct shares *s = shares_new(1, TICK);

	(void)state;
	shares_add_time(s, SHARES_CPU, 0, 1, 100 * TICK);
	shares_add_time(s, SHARES_CPU, 0, 2, 2 * TICK);
	shares_add_ticks(s, 0, 2, 1);
	shares_close(s);
	assert_int_equal(shares_of_ticks(s, SHARES_CPU, 0, 2, 1), 102 * TICK);
}

static void leaves_time_without_any_tick_where_it_was(void **state)
{
	CLEANUP(shares_free) struct shares *s = shares_new(2, TICK);

	(void)state;
	shares_add_time(s, SHARES_CPU, 0, 1, 100 * TICK);
	shares_add_time(s, SHARES_CPU, 0, 2, TICK);
	shares_add_time(s, SHARES_CPU, 1, 1, 50 * TICK);
	shares_add_ticks(s, 1, 1, 50); /* another thread's */
	shares_close(s);
	assert_true(shares_without_ticks(s, 0, 1));
	assert_true(shares_without_ticks(s, 0, 2));
	assert_true(shares_without_ticks(s, 0, 99)); /* of which nothing is known */
	assert_int_equal(shares_of_ticks(s, SHARES_CPU, 0, 1, 5), 0);
	assert_int_equal(shares_of_ticks(s, SHARES_CPU, 1, 1, 50), 50 * TICK);
}

static void gives_nothing_to_ticks_without_time(void **state)
{
	CLEANUP(shares_free) struct shares *s = shares_new(1, TICK);

	(void)state;
	shares_add_ticks(s, 0, 1, 3);
	shares_close(s);
	assert_int_equal(shares_of_ticks(s, SHARES_CPU, 0, 1, 3), 0);
}

static uint32_t next_random(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

/* Odd times, ticks in many portions: nothing is lost to rounding. */
static void gives_away_exactly_what_it_was_given(void **state)
{
	uint32_t random = 7;

	(void)state;
	for (int trial = 0; trial < 200; trial++) {
		CLEANUP(shares_free) struct shares *s = shares_new(1, TICK);
		uint64_t ns[20], ticks[20], given = 0, sum = 0;

		for (int i = 0; i < 20; i++) {
			ns[i] = next_random(&random) % (20 * TICK);
			ticks[i] = next_random(&random) % 12;
			sum += ns[i];
			shares_add_time(s, SHARES_CPU, 0, i, ns[i]);
			shares_add_ticks(s, 0, i, ticks[i]);
		}
		shares_close(s);
		for (int i = 0; i < 20; i++) {
			assert_false(shares_without_ticks(s, 0, i));
			for (uint64_t left = ticks[i]; left;) {
				uint64_t part = 1 + next_random(&random) % left;

				given += shares_of_ticks(s, SHARES_CPU, 0, i, part);
				left -= part;
			}
		}
		assert_int_equal(given, sum);
	}
}

static void does_not_overflow_in_a_year(void **state)
{
	CLEANUP(shares_free) struct shares *s = shares_new(1, TICK);
	uint64_t year = UINT64_C(365) * 86400 * 1000000000;

	(void)state;
	shares_add_time(s, SHARES_CPU, 0, 1, year);
	shares_add_ticks(s, 0, 1, year / TICK);
	shares_close(s);
	assert_int_equal(shares_of_ticks(s, SHARES_CPU, 0, 1, year / TICK / 2), year / 2);
	assert_int_equal(shares_of_ticks(s, SHARES_CPU, 0, 1, year / TICK / 2), year / 2);
}

/* By the same ticks, however little it is. */
static void splits_what_was_stolen_alike(void **state)
{
	CLEANUP(shares_free) struct shares *s = shares_new(1, TICK);

	(void)state;
	shares_add_time(s, SHARES_CPU, 0, 11, 60 * TICK);
	shares_add_time(s, SHARES_CPU, 0, 22, 40 * TICK);
	shares_add_time(s, SHARES_STOLEN, 0, 11, 8);
	shares_add_ticks(s, 0, 11, 60);
	shares_add_ticks(s, 0, 22, 40);
	shares_close(s);
	assert_int_equal(shares_of_ticks(s, SHARES_STOLEN, 0, 11, 15), 2);
	assert_int_equal(shares_of_ticks(s, SHARES_CPU, 0, 11, 15), 15 * TICK);
	assert_int_equal(shares_of_ticks(s, SHARES_STOLEN, 0, 22, 40), 0);
	assert_int_equal(shares_of_ticks(s, SHARES_STOLEN, 0, 11, 45), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_the_time_after_a_wait_by_its_ticks),
		cmocka_unit_test(pools_what_is_too_little_to_be_split_alone),
		cmocka_unit_test(pools_what_met_no_tick_however_much_it_is),
		cmocka_unit_test(leaves_time_without_any_tick_where_it_was),
		cmocka_unit_test(gives_nothing_to_ticks_without_time),
		cmocka_unit_test(gives_away_exactly_what_it_was_given),
		cmocka_unit_test(does_not_overflow_in_a_year),
		cmocka_unit_test(splits_what_was_stolen_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
