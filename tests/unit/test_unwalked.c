/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/unwalked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define THREAD 7
#define STATE  3

static uint64_t take(struct unwalked *u, uint64_t ns)
{
	struct unwalked_time part;

	unwalked_take(u, THREAD, STATE, ns, &part);
	return part.wait_ns;
}

static void splits_by_what_was_chosen_to_stand_for_others(void **state)
{
	const struct unwalked_time time = { .wait_ns = 1000 };
	CLEANUP(unwalked_free) struct unwalked *u = unwalked_new();

	(void)state;
	unwalked_add(u, THREAD, STATE, &time);
	unwalked_add_weight(u, THREAD, STATE, 30);
	unwalked_add_weight(u, THREAD, STATE, 10);
	assert_false(unwalked_is_alone(u, THREAD, STATE));
	assert_int_equal(take(u, 30), 750);
	assert_int_equal(take(u, 0), 0);
	assert_int_equal(take(u, 10), 250);
}

static void gives_every_nanosecond_once(void **state)
{
	const struct unwalked_time time = { .wait_ns = 1000 };
	CLEANUP(unwalked_free) struct unwalked *u = unwalked_new();
	uint64_t sum = 0;

	(void)state;
	unwalked_add(u, THREAD, STATE, &time);
	for (int i = 0; i < 7; i++)
		unwalked_add_weight(u, THREAD, STATE, 1);
	for (int i = 0; i < 7; i++)
		sum += take(u, 1);
	assert_int_equal(sum, 1000);
}

static void knows_what_has_nobody_to_go_to(void **state)
{
	const struct unwalked_time time = { .wait_ns = 1000 };
	CLEANUP(unwalked_free) struct unwalked *u = unwalked_new();

	(void)state;
	unwalked_add(u, THREAD, STATE, &time);
	unwalked_add_weight(u, THREAD + 1, STATE, 5);
	unwalked_add_weight(u, THREAD, STATE + 1, 5);
	assert_true(unwalked_is_alone(u, THREAD, STATE));
	assert_int_equal(take(u, 5), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_by_what_was_chosen_to_stand_for_others),
		cmocka_unit_test(gives_every_nanosecond_once),
		cmocka_unit_test(knows_what_has_nobody_to_go_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
