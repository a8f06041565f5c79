/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void adds_up_by_key_in_the_order_of_first_sight(void **state)
{
	struct tally t = { .size = sizeof(uint64_t) };

	(void)state;
	for (uint64_t round = 1; round <= 3; round++) {
		for (uint64_t key = 0; key < 10000; key++)
			*(uint64_t *)tally_get(&t, &key, sizeof(key)) += key * round;
	}
	assert_int_equal(tally_count(&t), 10000);
	for (uint64_t i = 0; i < 10000; i++) {
		assert_int_equal(*(const uint64_t *)tally_key(&t, i), i);
		assert_int_equal(*(uint64_t *)tally_value(&t, i), 6 * i);
	}
	tally_done(&t);
}

static void finds_only_what_is_there(void **state)
{
	struct tally t = { .size = 1 };

	(void)state;
	assert_null(tally_find(&t, "a", 1));
	*(char *)tally_get(&t, "a", 1) = 7;
	assert_int_equal(*(char *)tally_find(&t, "a", 1), 7);
	assert_null(tally_find(&t, "b", 1));
	assert_null(tally_find(&t, "a", 2)); /* its NUL makes it another */
	assert_int_equal(tally_count(&t), 1);
	tally_done(&t);
	assert_null(tally_find(&t, "a", 1));
}

static void holds_values_of_no_bytes(void **state)
{
	struct tally t = { 0 };

	(void)state;
	assert_non_null(tally_get(&t, "a", 1));
	assert_non_null(tally_find(&t, "a", 1));
	tally_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_up_by_key_in_the_order_of_first_sight),
		cmocka_unit_test(finds_only_what_is_there),
		cmocka_unit_test(holds_values_of_no_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
