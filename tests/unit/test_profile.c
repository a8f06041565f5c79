/* SPDX-License-Identifier: BSD-2-Clause */
#include "profile/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "states.h"

static int make(void **state)
{
	*state = profile_new();
	return *state ? 0 : -1;
}

static int unmake(void **state)
{
	profile_free(*state);
	return 0;
}

static uint32_t location(struct profile *p, const char *name, int64_t line)
{
	uint32_t f = profile_function(p, profile_string(p, name), profile_string(p, "a.py"), 1);

	return profile_location(p, f, line);
}

static void begins_with_the_empty_string_alone(void **state)
{
	const struct profile *p = *state;

	assert_int_equal(profile_string_count(p), 1);
	assert_string_equal(profile_text(p, 0), "");
	assert_int_equal(profile_type_count(p), 0);
	assert_int_equal(profile_sample_count(p), 0);
	assert_int_equal(profile_error(p), 0);
}

static void gives_equal_things_equal_ids(void **state)
{
	struct profile *p = *state;
	uint32_t a = location(p, "f", 3), b = location(p, "f", 4);
	uint32_t stack = profile_stack(p, (uint32_t[]){ a, b }, 2);

	assert_int_equal(location(p, "f", 3), a);
	assert_int_not_equal(a, b);
	assert_int_equal(profile_function_count(p), 1);
	assert_int_equal(profile_location_count(p), 2);
	assert_int_equal(profile_stack(p, (uint32_t[]){ a, b }, 2), stack);
	assert_int_not_equal(profile_stack(p, (uint32_t[]){ b, a }, 2), stack);
	assert_int_not_equal(profile_stack(p, (uint32_t[]){ a }, 1), stack);
	assert_int_equal(profile_stack_count(p), 3);
}

static void counts_ids_from_0_without_gaps(void **state)
{
	struct profile *p = *state;

	for (uint32_t i = 0; i < 5000; i++) {
		char text[32];

		snprintf(text, sizeof(text), "text %u", i);
		assert_int_equal(profile_string(p, text), i + 1);
	}
	assert_int_equal(profile_string_count(p), 5001);
}

static void keeps_texts_where_they_are(void **state)
{
	struct profile *p = *state;
	uint32_t id = profile_string(p, "stays");
	const char *text = profile_text(p, id);

	for (int i = 0; i < 100000; i++) {
		char other[32];

		snprintf(other, sizeof(other), "%d", i);
		profile_string(p, other);
	}
	assert_ptr_equal(profile_text(p, id), text);
	assert_string_equal(text, "stays");
}

static void takes_texts_larger_than_a_chunk(void **state)
{
	struct profile *p = *state;
	static char large[300000];
	uint32_t id;

	memset(large, 'x', sizeof(large) - 1);
	id = profile_string(p, large);
	profile_string(p, "small");
	assert_string_equal(profile_text(p, id), large);
	assert_int_equal(profile_string(p, large), id);
}

static void makes_broken_utf8_readable(void **state)
{
	struct profile *p = *state;

	assert_string_equal(profile_text(p, profile_string(p, "a\xff\xc3z")), "a??z");
	assert_string_equal(profile_text(p, profile_string(p, "é→")), "é→");
	assert_string_equal(profile_text(p, profile_string_n(p, "é→", 3)), "é?");
}

static void ends_a_text_at_its_size_or_its_nul(void **state)
{
	struct profile *p = *state;

	assert_string_equal(profile_text(p, profile_string_n(p, "abcdef", 3)), "abc");
	assert_int_equal(profile_string_n(p, "abc\0x", 5), profile_string(p, "abc"));
	assert_int_equal(profile_string_n(p, "abc", 0), 0);
}

static void sorts_labels_and_finds_them_by_key(void **state)
{
	struct profile *p = *state;
	uint32_t pid = profile_string(p, "pid"), thread = profile_string(p, "thread");
	struct profile_label a[] = { { thread, profile_string(p, "Main"), 0 }, { pid, 0, 42 } };
	struct profile_label b[] = { a[1], a[0] };
	uint32_t id = profile_labels(p, a, 2);
	size_t count;

	assert_int_equal(profile_labels(p, b, 2), id);
	assert_int_equal(profile_labels_count(p), 1);
	assert_int_equal(profile_labels_at(p, id, &count)[0].key, pid);
	assert_int_equal(count, 2);
	assert_string_equal(profile_label_text(p, id, "thread"), "Main");
	assert_int_equal(profile_label_number(p, id, "pid", -1), 42);
	assert_null(profile_label_text(p, id, "pid"));
	assert_int_equal(profile_label_number(p, id, "thread", -1), -1);
	assert_null(profile_label_text(p, id, "container"));
}

static void sorts_more_labels_than_fit_on_the_stack(void **state)
{
	struct profile *p = *state;
	struct profile_label labels[100];
	size_t count;
	const struct profile_label *kept;

	for (int i = 0; i < 100; i++) {
		char key[16];

		snprintf(key, sizeof(key), "key %d", i);
		labels[99 - i] = (struct profile_label){ profile_string(p, key), 0, i };
	}
	kept = profile_labels_at(p, profile_labels(p, labels, 100), &count);
	assert_int_equal(count, 100);
	for (int i = 1; i < 100; i++)
		assert_true(kept[i - 1].key < kept[i].key);
}

static void adds_up_equal_samples(void **state)
{
	struct profile *p = *state;
	uint32_t stack, labels;

	profile_add_type(p, "wall", "nanoseconds");
	profile_add_type(p, "cpu", "nanoseconds");
	stack = profile_stack(p, (uint32_t[]){ location(p, "f", 1) }, 1);
	labels = profile_labels(p, NULL, 0);
	for (int i = 0; i < 3; i++)
		profile_sample_values(p, stack, labels)[1] += 10;
	profile_sample_values(p, profile_stack(p, NULL, 0), labels)[0] += 7;
	assert_int_equal(profile_sample_count(p), 2);
	assert_int_equal(profile_sample_at(p, 0).values[0], 0);
	assert_int_equal(profile_sample_at(p, 0).values[1], 30);
	assert_int_equal(profile_sample_at(p, 1).values[0], 7);
	assert_int_equal(profile_sample_at(p, 0).stack, stack);
}

static void takes_samples_without_types(void **state)
{
	struct profile *p = *state;

	assert_non_null(
		profile_sample_values(p, profile_stack(p, NULL, 0), profile_labels(p, NULL, 0)));
	assert_int_equal(profile_sample_count(p), 1);
}

static void names_its_own_types_as_the_file_does(void **state)
{
	struct profile *p = *state;

	profile_add_adder_types(p);
	assert_int_equal(profile_type_count(p), 1 + ADDER_STATE_NR + 4);
	assert_int_equal(profile_type_find(p, "wall"), 0);
	assert_int_equal(profile_type_find(p, "cpu"), 1 + ADDER_STATE_CPU);
	assert_int_equal(profile_type_find(p, "other"), 1 + ADDER_STATE_OTHER);
	assert_int_equal(profile_type_find(p, "sys"), 1 + ADDER_STATE_NR);
	assert_int_equal(profile_type_find(p, "samples"), 3 + ADDER_STATE_NR);
	assert_int_equal(profile_type_find(p, "loop"), 4 + ADDER_STATE_NR);
	assert_int_equal(profile_type_find(p, "calls"), -1);
	assert_string_equal(profile_text(p, profile_type_at(p, 0).unit), "nanoseconds");
}

static void gives_pseudo_functions_no_place(void **state)
{
	struct profile *p = *state;
	uint32_t id = profile_pseudo(p, "[no Python stack]");
	struct profile_location l = profile_location_at(p, id);
	struct profile_function f = profile_function_at(p, l.function);

	assert_int_equal(profile_pseudo(p, "[no Python stack]"), id);
	assert_string_equal(profile_text(p, f.name), "[no Python stack]");
	assert_int_equal(f.filename, 0);
	assert_int_equal(f.start_line, 0);
	assert_int_equal(l.line, 0);
}

static void finds_comments_by_key(void **state)
{
	struct profile *p = *state;

	profile_comment(p, "adder: %s", "0.1.0");
	profile_comment(p, "lost: ring full %d", 3);
	profile_comment(p, "lost: twice");
	assert_int_equal(profile_comment_count(p), 3);
	assert_string_equal(profile_comment_at(p, 1), "lost: ring full 3");
	assert_string_equal(profile_comment_find(p, "lost"), "ring full 3");
	assert_null(profile_comment_find(p, "add"));
	assert_null(profile_comment_find(p, "host"));
}

static void stays_exact_with_many_stacks_and_samples(void **state)
{
	struct profile *p = *state;
	uint32_t locations[100], none = profile_labels(p, NULL, 0);

	profile_add_type(p, "cpu", "nanoseconds");
	for (int i = 0; i < 100; i++)
		locations[i] = location(p, "f", i);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 100000; i++) {
			uint32_t frames[3] = { locations[i % 100], locations[i / 100 % 100],
					       locations[i / 10000] };
			uint32_t stack = profile_stack(p, frames, 3);

			assert_int_equal(stack, i);
			*profile_sample_values(p, stack, none) += i;
		}
	}
	assert_int_equal(profile_sample_count(p), 100000);
	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(profile_sample_at(p, i).values[0], 2 * i);
}

static void takes_no_more_than_its_limit(void **state)
{
	struct profile *p = *state;
	uint32_t known = location(p, "known", 1), lumped, stack;
	uint64_t before;
	char name[32];

	profile_limit(p, 1 << 20);
	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		lumped = location(p, name, i);
		stack = profile_stack(p, (uint32_t[]){ lumped, known }, 2);
	}
	assert_string_equal(
		profile_text(p,
			     profile_function_at(p, profile_location_at(p, lumped).function).name),
		"[memory full]");
	assert_true(profile_string_count(p) < (1 << 20) / 32);
	assert_true(profile_refused(p) > 100000);
	/* what was known, and how it was called, is told for long after */
	assert_int_equal(location(p, "known", 1), known);
	assert_int_equal(profile_stack(p, (uint32_t[]){ lumped, known }, 2), stack);
	assert_int_not_equal(stack, profile_stack(p, &lumped, 1));
	assert_int_equal(profile_error(p), 0);
	profile_limit(p, 0);
	before = profile_refused(p);
	assert_string_equal(profile_text(p, profile_string(p, "new")), "new");
	assert_int_equal(profile_refused(p), before);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, make, unmake)
	const struct CMUnitTest tests[] = {
		CASE(begins_with_the_empty_string_alone),
		CASE(gives_equal_things_equal_ids),
		CASE(counts_ids_from_0_without_gaps),
		CASE(keeps_texts_where_they_are),
		CASE(takes_texts_larger_than_a_chunk),
		CASE(makes_broken_utf8_readable),
		CASE(ends_a_text_at_its_size_or_its_nul),
		CASE(sorts_labels_and_finds_them_by_key),
		CASE(sorts_more_labels_than_fit_on_the_stack),
		CASE(adds_up_equal_samples),
		CASE(takes_samples_without_types),
		CASE(names_its_own_types_as_the_file_does),
		CASE(gives_pseudo_functions_no_place),
		CASE(finds_comments_by_key),
		CASE(stays_exact_with_many_stacks_and_samples),
		CASE(takes_no_more_than_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
