/* SPDX-License-Identifier: BSD-2-Clause */
/* The expected files are as wide as they are: */
/* clang-format off */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "export/export.h"
#include "export/xml.h"
#include "json/json.h"
#include "sample_profile.h"

/* @p in the format called @format, of value type @type; the caller's to free. */
static char *export_as(const struct profile *p, const char *format, const char *type)
{
	struct export_view view = { export_type_find(p, type), "a title & more" };
	const struct exporter *exporter = exporter_find(format);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_non_null(exporter);
	assert_int_not_equal(view.type, -1);
	assert_int_equal(exporter->write(p, &view, out), 0);
	fclose(out);
	return text;
}

static void knows_formats_by_all_their_names(void **state)
{
	(void)state;
	assert_ptr_equal(exporter_find("raw"), exporter_find("folded"));
	assert_ptr_equal(exporter_find("collapsed"), exporter_find("folded"));
	assert_null(exporter_find(""));
	assert_null(exporter_find("raw collapsed"));
	assert_null(exporter_find("folde"));
}

static void folds_stacks_root_first_in_microseconds(void **state)
{
	CLEANUP(profile_free) struct profile *p = sample_profile();
	cleanup_free char *text = export_as(p, "folded", "disk");

	(void)state;
	assert_string_equal(text,
		"nightly.py (2300);Writer.flush (jobs/nightly.py:80) 4120000\n"
		"nightly.py (2300);main (jobs/nightly.py:12);load_prices (jobs/nightly.py:40) 1877000\n"
		"shop.wsgi (1201);<module> (bin/gunicorn:1);SyncWorker.run (workers/sync.py:110);"
		"WSGIHandler.__call__ (handlers/wsgi.py:120);product_page (shop/views.py:31);"
		"Renderer.render (shop/render.py:42);Template.fill.<locals>.expand (shop/template.py:88) 2600\n");
}

/* Sum of the numbers that lines end with. */
static int64_t sum_of_lines(const char *text)
{
	int64_t sum = 0;

	for (const char *end = strchr(text, '\n'); end; end = strchr(end + 1, '\n')) {
		const char *number = end;

		while (number > text && number[-1] != ' ')
			number--;
		sum += strtoll(number, NULL, 10);
	}
	return sum;
}

static void folds_all_time_that_there_is(void **state)
{
	static const struct {
		const char *type;
		int64_t us;
	} cases[] = { { "wall", 60000000 }, { "cpu", 14546000 }, { "offcpu", 45454000 }, { NULL, 14546000 } };
	CLEANUP(profile_free) struct profile *p = sample_profile();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text = export_as(p, "raw", cases[i].type);

		assert_int_equal(sum_of_lines(text), cases[i].us);
	}
}

static void carries_what_rounding_leaves(void **state)
{
	CLEANUP(profile_free) struct profile *p = profile_new();
	struct sample_thread thread = { "p", "t", NULL, "3.11", 1, 1 };
	cleanup_free char *text = NULL;
	char name[32];

	(void)state;
	profile_add_adder_types(p);
	for (int i = 0; i < 1000; i++) {
		uint32_t frame;

		snprintf(name, sizeof(name), "f%d", i);
		frame = sample_frame(p, name, "f.py", i, i);
		sample_time(p, sample_labels(p, &thread, NULL, NULL), "cpu", 400,
			    (const uint32_t[]){ frame, UINT32_MAX });
	}
	text = export_as(p, "folded", "cpu");
	assert_int_equal(sum_of_lines(text), 400);
	assert_null(strstr(text, " 0\n"));
}

static struct profile *hostile_profile(void)
{
	struct profile *p = profile_new();
	struct sample_thread thread = { "a;b\n<i>&\"'", "t", NULL, "3.11", 1, 1 };
	uint32_t frame;

	profile_add_adder_types(p);
	frame = sample_frame(p, "x;y ]]></script>\n\033[0m\x01", "/d\\/\";e\n.py", 7, 7);
	sample_time(p, sample_labels(p, &thread, NULL, NULL), "cpu", MS,
		    (const uint32_t[]){ frame, UINT32_MAX });
	return p;
}

static void keeps_separators_out_of_folded_names(void **state)
{
	CLEANUP(profile_free) struct profile *p = hostile_profile();
	cleanup_free char *text = export_as(p, "folded", "cpu");

	(void)state;
	assert_string_equal(text, "a:b\\n<i>&\"' (1);x:y ]]></script>\\n\\e[0m\\x01 (d\\/\":e\\n.py:7) 1000\n");
}

static void draws_a_rectangle_a_frame(void **state)
{
	CLEANUP(profile_free) struct profile *p = sample_profile();
	cleanup_free char *text = export_as(p, "flamegraph", "disk");

	(void)state;
	assert_non_null(strstr(text, "<text id=\"title\" x=\"600\" y=\"24\">a title &amp; more · disk 6.000 s</text>"));
	assert_non_null(strstr(text,
		"<title>Writer.flush (jobs/nightly.py:80): 4.120 s, 68.67 %</title>"
		"<rect x=\"10.00\" y=\"92\" width=\"810.32\" height=\"16\""));
	assert_non_null(strstr(text, "<title>all: 6.000 s, 100.00 %</title><rect x=\"10.00\" y=\"58\" width=\"1180.00\""));
	assert_string_equal(strstr(text, "]]>"), "]]></script>\n</svg>\n");
}

static void keeps_markup_out_of_pictures(void **state)
{
	CLEANUP(profile_free) struct profile *p = hostile_profile();
	cleanup_free char *text = export_as(p, "flamegraph", "cpu");
	const char *script = strstr(text, "<script>");

	(void)state;
	assert_non_null(strstr(text, "a;b\\n&lt;i&gt;&amp;&quot;&#39; (1)"));
	assert_non_null(strstr(text, "x;y ]]&gt;&lt;/script&gt;\\n\\e[0m\\x01"));
	assert_null(strstr(text, "<i>"));
	assert_null(strstr(script + 1, "<script>"));
}

static void writes_every_state_and_process_for_speedscope(void **state)
{
	static const char *const names[] = { "cpu", "cpu: shop.wsgi (1201)", "cpu: shop.wsgi (1202)",
					     "cpu: nightly.py (2300)", "cpu: backup (31007)", "wall", "runq", "gil",
					     "lock", "disk", "net", "poll", "sleep" };
	CLEANUP(profile_free) struct profile *p = sample_profile();
	cleanup_free char *text = export_as(p, "speedscope", "cpu");
	CLEANUP(json_decref) json_t *root = json_loads(text, 0, NULL);
	json_t *profiles = json_object_get(root, "profiles"), *profile;
	size_t i;

	(void)state;
	assert_int_equal(json_array_size(profiles), ARRAY_SIZE(names));
	json_array_foreach(profiles, i, profile)
	{
		size_t samples = json_array_size(json_object_get(profile, "samples"));

		assert_string_equal(json_string_value(json_object_get(profile, "name")), names[i]);
		assert_string_equal(json_string_value(json_object_get(profile, "unit")), "nanoseconds");
		assert_int_equal(samples, json_array_size(json_object_get(profile, "weights")));
		assert_true(samples > 0);
	}
	assert_int_equal(json_integer_value(json_object_get(json_array_get(profiles, 5), "endValue")),
			 60000 * MS);
}

static void refers_to_frames_that_are_there(void **state)
{
	CLEANUP(profile_free) struct profile *p = sample_profile();
	cleanup_free char *text = export_as(p, "speedscope", "wall");
	CLEANUP(json_decref) json_t *root = json_loads(text, 0, NULL);
	json_t *frames = json_object_get(json_object_get(root, "shared"), "frames");
	json_t *samples = json_object_get(json_array_get(json_object_get(root, "profiles"), 0), "samples");
	json_t *sample, *index, *first;
	size_t i, j;

	(void)state;
	json_array_foreach(samples, i, sample)
		json_array_foreach(sample, j, index)
			assert_in_range(json_integer_value(index), 0, json_array_size(frames) - 1);
	first = json_array_get(frames, json_integer_value(json_array_get(json_array_get(samples, 0), 0)));
	assert_string_equal(json_string_value(json_object_get(first, "name")), "shop.wsgi (1201)");
}

static void writes_hostile_names_as_json(void **state)
{
	CLEANUP(profile_free) struct profile *p = hostile_profile();
	cleanup_free char *text = export_as(p, "speedscope", "cpu");
	CLEANUP(json_decref) json_t *root = json_loads(text, 0, NULL);
	json_t *frames = json_object_get(json_object_get(root, "shared"), "frames");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(json_array_get(frames, 0), "name")),
			    "x;y ]]></script>\n\033[0m\x01");
}

static void writes_foreign_profiles_and_empty_ones(void **state)
{
	CLEANUP(profile_free) struct profile *foreign = profile_new(), *empty = profile_new();
	uint32_t frame = sample_frame(foreign, "main.main", "/src/main.go", 0, 12);

	(void)state;
	profile_add_type(foreign, "samples", "count");
	profile_add_type(foreign, "space", "bytes");
	profile_sample_values(foreign, profile_stack(foreign, &frame, 1), profile_labels(foreign, NULL, 0))[1] = 77;
	profile_sample_values(foreign, profile_stack(foreign, NULL, 0), profile_labels(foreign, NULL, 0))[1] = 5;
	profile_add_adder_types(empty);
	for (const struct exporter *const *f = exporter_list(); *f; f++) {
		cleanup_free char *of_foreign = export_as(foreign, (*f)->name, NULL);
		cleanup_free char *of_empty = export_as(empty, (*f)->name, "wall");

		assert_non_null(of_empty);
		if (!strcmp((*f)->name, "folded"))
			assert_string_equal(of_foreign, "[no stack] 5\nmain.main (src/main.go) 77\n");
	}
}

static void stays_upright_on_deep_stacks_and_absurd_numbers(void **state)
{
	enum { DEPTH = 20000 };
	CLEANUP(profile_free) struct profile *p = profile_new();
	cleanup_free uint32_t *stack = calloc(DEPTH, sizeof(*stack));
	int64_t *values;

	(void)state;
	profile_add_adder_types(p);
	for (size_t i = 0; i < DEPTH; i++)
		stack[i] = sample_frame(p, i % 2 ? "even" : "odd", "f.py", i % 2, 1);
	for (size_t i = 0; i < 3; i++) {
		values = profile_sample_values(p, profile_stack(p, stack, DEPTH - i), profile_labels(p, NULL, 0));
		for (size_t t = 0; t < profile_type_count(p); t++)
			values[t] = i == 1 ? INT64_MIN : INT64_MAX;
	}
	for (const struct exporter *const *f = exporter_list(); *f; f++) {
		static const char *const types[] = { "wall", "offcpu", "samples" };

		for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
			cleanup_free char *text = export_as(p, (*f)->name, types[t]);

			assert_non_null(text);
		}
	}
}

/* marshal: a dict of one function, with one caller and a number beyond 32 bits */
static void writes_what_cprofile_writes(void **state)
{
	static const char want[] =
		"{(\3\0\0\0u\4\0\0\0a.pyi\7\0\0\0u\1\0\0\0f"
		"(\5\0\0\0l\3\0\0\0\0\0\0\0\10\0l\3\0\0\0\0\0\0\0\10\0"
		"g\0\0\0\0\0\0\xf8?g\0\0\0\0\0\0\xf8?{"
		"(\3\0\0\0u\4\0\0\0a.pyi\1\0\0\0u\1\0\0\0m"
		"(\4\0\0\0i\0\0\0\0i\0\0\0\0g\0\0\0\0\0\0\xf8?g\0\0\0\0\0\0\xf8?0(";
	CLEANUP(profile_free) struct profile *p = profile_new();
	struct sample_thread thread = { "p", "t", NULL, "3.11", 1, 1 };
	struct export_view view = { .title = "" };
	cleanup_free char *text = NULL;
	uint32_t stack[3], labels;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	profile_add_adder_types(p);
	profile_add_call_types(p);
	stack[0] = sample_frame(p, "f", "a.py", 7, 8);
	stack[1] = sample_frame(p, "m", "a.py", 1, 2);
	stack[2] = UINT32_MAX;
	labels = sample_labels(p, &thread, NULL, NULL);
	sample_time(p, labels, "cpu", 1500 * MS, stack);
	profile_sample_values(p, profile_stack(p, stack, 1), labels)[profile_type_find(p, "calls")] =
		INT64_C(1) << 33;
	view.type = export_type_find(p, "wall");
	assert_int_equal(exporter_find("pstats")->write(p, &view, out), 0);
	fclose(out);
	assert_true(size > sizeof(want) - 1);
	assert_memory_equal(text, want, sizeof(want) - 1);
}

static bool has_double(const char *text, size_t size, double value)
{
	char marshalled[9] = "g";

	memcpy(marshalled + 1, &value, sizeof(value));
	for (size_t i = 0; i + sizeof(marshalled) <= size; i++) {
		if (!memcmp(text + i, marshalled, sizeof(marshalled)))
			return true;
	}
	return false;
}

/* Of three seconds that calls took by the clock, who was seen twice as often as caller gets two. */
static void splits_timed_calls_among_callers(void **state)
{
	CLEANUP(profile_free) struct profile *p = profile_new();
	struct sample_thread thread = { "p", "t", NULL, "3.11", 1, 1 };
	struct export_view view = { .title = "" };
	cleanup_free char *text = NULL;
	uint32_t stack[3] = { 0, 0, UINT32_MAX }, labels;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int64_t *values;

	(void)state;
	assert_non_null(out);
	profile_add_adder_types(p);
	profile_add_call_types(p);
	profile_comment(p, "call_clock: wall");
	labels = sample_labels(p, &thread, NULL, NULL);
	stack[0] = sample_frame(p, "f", "a.py", 7, 8);
	stack[1] = sample_frame(p, "m", "a.py", 1, 2);
	sample_time(p, labels, "sleep", 10 * MS, stack);
	stack[1] = sample_frame(p, "n", "a.py", 3, 4);
	sample_time(p, labels, "sleep", 20 * MS, stack);
	values = profile_sample_values(p, profile_stack(p, stack, 1), labels);
	values[profile_type_find(p, "calls")] = 3;
	values[profile_type_find(p, "call_total")] = 3000 * MS;
	view.type = export_type_find(p, NULL);
	assert_int_equal(view.type, profile_type_find(p, "wall"));
	assert_int_equal(exporter_find("pstats")->write(p, &view, out), 0);
	fclose(out);
	assert_true(has_double(text, size, 3) && has_double(text, size, 2) &&
		    has_double(text, size, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_formats_by_all_their_names),
		cmocka_unit_test(folds_stacks_root_first_in_microseconds),
		cmocka_unit_test(folds_all_time_that_there_is),
		cmocka_unit_test(carries_what_rounding_leaves),
		cmocka_unit_test(keeps_separators_out_of_folded_names),
		cmocka_unit_test(draws_a_rectangle_a_frame),
		cmocka_unit_test(keeps_markup_out_of_pictures),
		cmocka_unit_test(writes_every_state_and_process_for_speedscope),
		cmocka_unit_test(refers_to_frames_that_are_there),
		cmocka_unit_test(writes_hostile_names_as_json),
		cmocka_unit_test(writes_foreign_profiles_and_empty_ones),
		cmocka_unit_test(stays_upright_on_deep_stacks_and_absurd_numbers),
		cmocka_unit_test(writes_what_cprofile_writes),
		cmocka_unit_test(splits_timed_calls_among_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
