/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void escapes_what_a_terminal_would_obey(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "", "" },
		{ "Renderer.render", "Renderer.render" },
		{ "<listcomp>", "<listcomp>" },
		{ "a\nb\tc\rd", "a\\nb\\tc\\rd" },
		{ "\x1b[31mred", "\\e[31mred" },
		{ "\x01\x08\x1f\x7f", "\\x01\\x08\\x1f\\x7f" },
		{ "\xc2\x9b"
		  "31m",
		  "\\x9b31m" }, /* C1: a CSI in UTF-8 */
		{ "\x9b"
		  "31m",
		  "\\x9b31m" }, /* and as a bare byte */
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "\xe6\x97\xa5\xe6\x9c\xac", "\xe6\x97\xa5\xe6\x9c\xac" },
		{ "\xf0\x9f\x90\x8d", "\xf0\x9f\x90\x8d" },
		{ "a\xe2\x80\xae"
		  "b",
		  "a\\u{202e}b" }, /* right-to-left override */
		{ "\xe2\x80\x8b", "\\u{200b}" },
		{ "\xe2\x81\xa6x\xe2\x81\xa9", "\\u{2066}x\\u{2069}" },
		{ "\xe2\x80\xa8\xe2\x80\xa9", "\\u{2028}\\u{2029}" },
		{ "\xef\xbb\xbf", "\\u{feff}" },
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "\xc3", "\\xc3" },                            /* cut off */
		{ "\xe2\x82", "\\xe2\\x82" },                   /* cut off */
		{ "\xc0\xaf", "\\xc0\\xaf" },                   /* overlong */
		{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },          /* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* a surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* past the last */
		{ "\\n", "\\n" },
	};
	char shown[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t used = text_escape(shown, sizeof(shown), cases[i].text);

		assert_string_equal(shown, cases[i].shown);
		assert_int_equal(used, strlen(shown));
	}
}

static void cuts_between_characters_and_escapes_only(void **state)
{
	static const char text[] = "a\x1b"
				   "caf\xc3\xa9\xf0\x9f\x90\x8d\xff";
	char whole[64], shown[64];

	(void)state;
	text_escape(whole, sizeof(whole), text);
	for (size_t size = 1; size <= strlen(whole) + 1; size++) {
		size_t used;

		memset(shown, 'x', sizeof(shown));
		used = text_escape(shown, size, text);
		assert_true(used < size);
		assert_int_equal(shown[used], '\0');
		assert_int_equal(shown[size], 'x');
		assert_memory_equal(shown, whole, used);
		/* not within a character, nor an escape */
		assert_int_not_equal((unsigned char)whole[used] & 0xc0, 0x80);
		assert_false(used == 2 || (used > strlen(whole) - 4 && used < strlen(whole)));
	}
	assert_int_equal(text_escape(NULL, 0, text), 0);
}

static void makes_bytes_of_any_kind_utf8(void **state)
{
	static const struct {
		const char *text, *made;
	} cases[] = {
		{ "plain\n", "plain\n" },        { "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "caf\xe9", "caf?" },           { "\xed\xa0\x80", "???" },
		{ "\xc3\xc3\xa9", "?\xc3\xa9" }, { "\xf0\x9f\x90", "???" },
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		strcpy(text, cases[i].text);
		text_make_utf8(text);
		assert_string_equal(text, cases[i].made);
	}
}

static void knows_how_wide_text_is(void **state)
{
	static const struct {
		const char *text;
		int width;
	} cases[] = {
		{ "", 0 },
		{ "abc", 3 },
		{ "caf\xc3\xa9", 4 },
		{ "cafe\xcc\x81", 4 },             /* an accent of its own */
		{ "\xe6\x97\xa5\xe6\x9c\xac", 4 }, /* two wide ones */
		{ "\xf0\x9f\x90\x8d", 2 },
		{ "\xc2\xb7", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(text_width(cases[i].text), cases[i].width);
}

static void fits_whole_characters_into_columns(void **state)
{
	static const char text[] = "a\xe6\x97\xa5\xc3\xa9z"; /* 1 + 2 + 1 + 1 columns */
	static const size_t bytes[] = { 0, 1, 1, 4, 6, 7, 7 };

	(void)state;
	for (int columns = 0; columns < 7; columns++)
		assert_int_equal(text_fit(text, columns), bytes[columns]);
}

static void takes_whole_numbers_within_bounds(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint64_t value;
	} cases[] = {
		{ "1", 0, 1 },          { "100", 0, 100 },
		{ "007", 0, 7 },        { "0", -ERANGE, 0 },
		{ "101", -ERANGE, 0 },  { "18446744073709551616", -ERANGE, 0 },
		{ "", -EINVAL, 0 },     { "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },   { " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },   { "1x", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 }, { "1.5", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value = 0;

		assert_int_equal(text_to_u64(cases[i].text, 1, 100, &value), cases[i].err);
		assert_int_equal(value, cases[i].value);
	}
}

static void takes_lengths_of_time(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns; /* 0: none */
	} cases[] = {
		{ "2", 2000000000 },
		{ "2s", 2000000000 },
		{ "0.5", 500000000 },
		{ ".5", 500000000 },
		{ "500ms", 500000000 },
		{ "7us", 7000 },
		{ "3m", 180000000000 },
		{ "1h", 3600000000000 },
		{ "0", 0 },
		{ "", 0 },
		{ "s", 0 },
		{ "-1", 0 },
		{ "1d", 0 },
		{ "1 s", 0 },
		{ "1e300h", 0 },
		{ "inf", 0 },
		{ "nan", 0 },
		{ "0.0000000001", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ns = 0;

		assert_int_equal(text_to_duration(cases[i].text, &ns), cases[i].ns ? 0 : -EINVAL);
		assert_int_equal(ns, cases[i].ns);
	}
}

static void compares_beginnings_and_ends(void **state)
{
	(void)state;
	assert_true(text_starts("worker-1", "worker"));
	assert_true(text_starts("a", ""));
	assert_false(text_starts("work", "worker"));
	assert_true(text_ends("a.scope", ".scope"));
	assert_true(text_ends("a", ""));
	assert_false(text_ends("pe", ".scope"));
	assert_string_equal(text_basename("/usr/bin/python3"), "python3");
	assert_string_equal(text_basename("python3"), "python3");
	assert_string_equal(text_basename("bin/"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_what_a_terminal_would_obey),
		cmocka_unit_test(cuts_between_characters_and_escapes_only),
		cmocka_unit_test(makes_bytes_of_any_kind_utf8),
		cmocka_unit_test(knows_how_wide_text_is),
		cmocka_unit_test(fits_whole_characters_into_columns),
		cmocka_unit_test(takes_whole_numbers_within_bounds),
		cmocka_unit_test(takes_lengths_of_time),
		cmocka_unit_test(compares_beginnings_and_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
