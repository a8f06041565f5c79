/* SPDX-License-Identifier: BSD-2-Clause */
#include "recorder/nesting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SERIAL 7
#define TID    70

static uint64_t end(struct nesting *n, uint32_t depth, uint64_t ns)
{
	return nesting_end(n, SERIAL, TID, depth, ns);
}

static void leaves_to_each_what_is_in_none_within_it(void **state)
{
	CLEANUP(nesting_free) struct nesting *n = nesting_new();

	(void)state;
	assert_int_equal(end(n, 2, 10), 10);
	assert_int_equal(end(n, 2, 5), 5);
	assert_int_equal(end(n, 1, 40), 25);
	assert_int_equal(end(n, 1, 7), 7);
	assert_int_equal(end(n, 0, 100), 53);
	assert_int_equal(end(n, 0, 30), 30);
}

static void keeps_threads_and_processes_apart(void **state)
{
	CLEANUP(nesting_free) struct nesting *n = nesting_new();

	(void)state;
	assert_int_equal(nesting_end(n, 1, TID, 1, 10), 10);
	assert_int_equal(nesting_end(n, 1, TID + 1, 0, 50), 50);
	assert_int_equal(nesting_end(n, 2, TID, 0, 60), 60);
	assert_int_equal(nesting_end(n, 1, TID, 0, 70), 60);
}

static void forgets_what_never_ended(void **state)
{
	CLEANUP(nesting_free) struct nesting *n = nesting_new();

	(void)state;
	end(n, 1, 10);
	nesting_forget(n, SERIAL);
	assert_int_equal(end(n, 0, 30), 30);
}

/* One within was lost, or its clock disagrees. */
static void never_goes_below_nothing(void **state)
{
	CLEANUP(nesting_free) struct nesting *n = nesting_new();

	(void)state;
	end(n, 1, 100);
	assert_int_equal(end(n, 0, 30), 0);
}

static void takes_any_depth(void **state)
{
	CLEANUP(nesting_free) struct nesting *n = nesting_new();

	(void)state;
	assert_int_equal(end(n, UINT32_MAX, 9), 9);
	assert_int_equal(end(n, 64, 9), 9);
	assert_int_equal(end(n, 63, 8), 8);
	assert_int_equal(end(n, 62, 20), 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_to_each_what_is_in_none_within_it),
		cmocka_unit_test(keeps_threads_and_processes_apart),
		cmocka_unit_test(forgets_what_never_ended),
		cmocka_unit_test(never_goes_below_nothing),
		cmocka_unit_test(takes_any_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
