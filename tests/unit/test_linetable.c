/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables recorded from the interpreters; tests/e2e/test_linetables.py compares whole libraries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "python/linetable.h"

/*
 * def f(a):				line 2
 *     x = 1
 *
 *     if a:				line 5
 *         try:
 *             x = [i
 *                  for i in a]
 *         finally:
 *             x = g(1,			line 10
 *                   2)
 *     return x
 */
static const struct recorded {
	uint16_t version;
	const char *hex;
	struct {
		int32_t instr;
		int line;
	} expected[6];
} recorded[] = {
	{ 0x0306,
	  "000104020401020106010c0204010801",
	  { { 0, 3 }, { 6, 5 }, { 8, 6 }, { 14, 7 }, { 32, 11 }, { 42, 12 } } },
	{ 0x0309,
	  "0001040204010201060102ff0803040102ff0a0102ff0602",
	  { { 0, 3 }, { 8, 6 }, { 16, 8 }, { 18, 7 }, { 44, 10 }, { 52, 12 } } },
	/* In code units. */
	{ 0x030a,
	  "0401040202010601020108ff0403020104ff040204fe020106ff0402",
	  { { 0, 3 }, { 4, 6 }, { 8, 8 }, { 9, 7 }, { 20, 10 }, { 27, 12 } } },
	/* Those at 88 and 104 have no line: the one before serves. */
	{ 0x030d,
	  "8000d808098041e60708f002050915e11a1bf30301111dd91a1b9051f303001213d91a1bf003000d0ef0"
	  "0001111df4060011129021d81213f3030111158841e00b0c804888318048f9f20b01111df8f40600111290"
	  "21d81213f3030111158941fa",
	  { { 0, 2 }, { 20, 6 }, { 26, 7 }, { 88, 12 }, { 98, 7 }, { 112, 11 } } },
};

static size_t from_hex(const char *hex, uint8_t *table)
{
	size_t size = strlen(hex) / 2;

	for (size_t i = 0; i < size; i++) {
		char digits[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		table[i] = strtoul(digits, NULL, 16);
	}
	return size;
}

static void agrees_with_the_interpreters(void **state)
{
	uint8_t table[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++) {
		size_t size = from_hex(recorded[i].hex, table);

		for (size_t j = 0; j < ARRAY_SIZE(recorded[i].expected); j++)
			assert_int_equal(linetable_line(recorded[i].version, table, size, 2,
							recorded[i].expected[j].instr),
					 recorded[i].expected[j].line);
	}
}

static void gives_the_first_line_to_a_frame_not_started(void **state)
{
	uint8_t table[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++) {
		size_t size = from_hex(recorded[i].hex, table);

		assert_int_equal(linetable_line(recorded[i].version, table, size, 2, -1), 2);
	}
}

static void says_when_the_table_ends_too_early(void **state)
{
	uint8_t table[128];
	size_t size = from_hex(recorded[3].hex, table);

	(void)state;
	assert_int_equal(linetable_line(0x030d, table, size, 2, 4000), -ERANGE);
	assert_int_equal(linetable_line(0x030a, table, 0, 2, 0), -ERANGE);
}

static void says_when_the_table_is_damaged(void **state)
{
	static const uint8_t no_head[] = { 0x00, 0x00 }, cut[] = { 0xf0 },
			     endless[] = { 0xf0, 0x40 };

	(void)state;
	assert_int_equal(linetable_line(0x030b, no_head, sizeof(no_head), 1, 0), -EBADMSG);
	assert_int_equal(linetable_line(0x030b, cut, sizeof(cut), 1, 0), -EBADMSG);
	assert_int_equal(linetable_line(0x030b, endless, sizeof(endless), 1, 0), -EBADMSG);
	assert_int_equal(linetable_line(0x030a, cut, sizeof(cut), 1, 0), -EBADMSG);
}

/* What is left of a table that was cut says the same as the whole, or nothing. */
static void is_right_or_silent_about_a_cut_table(void **state)
{
	const struct recorded *last = &recorded[3];
	uint8_t table[128];
	size_t size = from_hex(last->hex, table);

	(void)state;
	for (int32_t instr = 0; instr < 132; instr += 2) {
		int whole = linetable_line(last->version, table, size, 2, instr);

		for (size_t part = 0; part < size; part++) {
			int line = linetable_line(last->version, table, part, 2, instr);

			assert_true(line == whole || line == -EBADMSG || line == -ERANGE);
		}
	}
}

static void never_returns_a_line_below_one(void **state)
{
	/* A line delta of -40. */
	static const uint8_t before_3_10[] = { 2, 0xd8 }, later[] = { 0xe8, 0x51, 0x01 };

	(void)state;
	assert_int_equal(linetable_line(0x0308, before_3_10, 2, 5, 4), 5);
	assert_int_equal(linetable_line(0x030c, later, sizeof(later), 5, 0), 5);
	assert_int_equal(linetable_line(0x030c, later, sizeof(later), -7, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_interpreters),
		cmocka_unit_test(gives_the_first_line_to_a_frame_not_started),
		cmocka_unit_test(says_when_the_table_ends_too_early),
		cmocka_unit_test(says_when_the_table_is_damaged),
		cmocka_unit_test(is_right_or_silent_about_a_cut_table),
		cmocka_unit_test(never_returns_a_line_below_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
