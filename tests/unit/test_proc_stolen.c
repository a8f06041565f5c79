/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "proc/stolen.h"

static void reads_what_is_taken_from_each_cpu(void **state)
{
	uint64_t ticks = 0;
	unsigned cpu = 9;

	(void)state;
	assert_int_equal(stolen_parse("cpu1 278659 100409 111461 587859 6842 0 1353 145 0 0\n",
				      &cpu, &ticks),
			 0);
	assert_int_equal(cpu, 1);
	assert_int_equal(ticks, 145);
}

static void refuses_other_lines(void **state)
{
	static const char *const lines[] = {
		"cpu  487512 205114 191794 1277586 8795 0 1687 283 0 0\n", /* all of them */
		"cpu0 1 2 3 4 5 6 7\n",
		"intr 1 2 3 4 5 6 7 8 9\n",
		"",
	};
	uint64_t ticks;
	unsigned cpu;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_true(stolen_parse(lines[i], &cpu, &ticks) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_is_taken_from_each_cpu),
		cmocka_unit_test(refuses_other_lines),
	};

	return cmocka_run_group_tests_name("proc_stolen", tests, NULL, NULL);
}
