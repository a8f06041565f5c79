/* SPDX-License-Identifier: BSD-2-Clause */
/* The expected pages are as wide as they are: */
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

#include "base/text.h"
#include "json/json.h"
#include "report/measures.h"
#include "report/number.h"
#include "report/report.h"
#include "sample_profile.h"

/* The report of @p as text; the caller's to free. */
static char *render(const struct profile *p, const struct report_options *o)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(report_print(p, o, out), 0);
	fclose(out);
	return text;
}

static void expect_of_sample(const struct report_options *o, const char *expected)
{
	CLEANUP(profile_free) struct profile *p = sample_profile();
	cleanup_free char *text = render(p, o);

	assert_string_equal(text, expected);
}

static void shows_where_every_second_went(void **state)
{
	struct report_options o = report_defaults(100);

	(void)state;
	expect_of_sample(&o,
		"10.0 s · 2 CPUs · 4 Python processes, 6 threads, 2 containers · 3.9, 3.11, 3.13\n"
		"\n"
		"  WALL 60.00 s = CPU 14.55   RUNQ 0.21   GIL 1.51   LOCK 15.71   DISK 6.00   NET 8.02   IDLE 14.00\n"
		"\n"
		"    PID  CONTAINER  THREADS  PYTHON   WALL   CPU  RUNQ   GIL  LOCK  DISK   NET   IDLE  COMMAND\n"
		"   2300  jobs             2  3.13    20.00  6.99     ·     ·  7.01  6.00     ·      ·  nightly.py\n"
		"   1202  shop-web         2  3.11    20.00  3.00     ·  1.51  8.70     ·  2.79   4.00  shop.wsgi\n"
		"   1201  shop-web         1  3.11    10.00  4.55  0.21     ·     ·  0.00  5.24      ·  shop.wsgi\n"
		"  31007                   1  3.9     10.00  0.00     ·     ·     ·     ·     ·  10.00  backup\n"
		"\n"
		"  ------------------ self ------------------  -- total --\n"
		"   WALL   CPU  RUNQ   GIL   LOCK  DISK   NET   WALL   CPU  FUNCTION             WHERE\n"
		"  15.71     ·     ·     ·  15.71     ·     ·  17.01  0.99  Condition.wait       …11/threading.py:295\n"
		"   6.69     ·     ·     ·      ·     ·  6.69   6.69     ·  Cursor.execute       …2/extensions.py:200\n"
		"   6.60  6.60     ·     ·      ·     ·     ·   6.60  6.60  parse_row            jobs/nightly.py:60\n"
		"   6.33  5.13     ·  1.20      ·     ·     ·   7.98  6.56  Renderer.render      shop/render.py:42\n"
		"   4.50  0.38     ·     ·      ·  4.12     ·   4.50  0.38  Writer.flush         jobs/nightly.py:80\n"
		"   1.88     ·     ·     ·      ·  1.88     ·   9.99  6.60  load_prices          jobs/nightly.py:40\n"
		"   1.65  1.43  0.21     ·      ·  0.00     ·   1.65  1.43  Template.fill.<loc…  shop/template.py:88\n"
		"   1.33     ·     ·     ·      ·     ·  1.33  16.00  6.56  SyncWorker.run       workers/sync.py:110\n"
		"   1.30  0.99     ·  0.31      ·     ·     ·   1.30  0.99  SocketIO.readinto    …n3.11/socket.py:692\n"
		"   0.01  0.01     ·     ·      ·     ·     ·   0.01  0.01  [stack not read]\n"
		"   0.00  0.00     ·     ·      ·     ·     ·   0.00  0.00  poll_forever         bin/backup:5\n"
		"      ·     ·     ·     ·      ·     ·     ·  16.00  6.56  <module>             bin/gunicorn:1\n"
		"      ·     ·     ·     ·      ·     ·     ·  14.67  6.56  WSGIHandler.__call…  handlers/wsgi.py:120\n"
		"      ·     ·     ·     ·      ·     ·     ·  14.67  6.56  product_page         shop/views.py:31\n"
		"      ·     ·     ·     ·      ·     ·     ·  14.20     ·  Queue.get            …on3.11/queue.py:154\n"
		"      ·     ·     ·     ·      ·     ·     ·   9.99  6.60  main                 jobs/nightly.py:12\n"
		"      ·     ·     ·     ·      ·     ·     ·   1.51     ·  Queue.put            …on3.13/queue.py:122\n"
		"\n"
		"  every second accounted for: 60.00 of 60.00 s; 3 stacks lost; adder used 0.3 % of one CPU and 23 MB\n"
		"  3 stacks lost: adder fell behind\n"
		"  2 lost: of_old\n"
		"  CPU time is exact in sum; split among functions by 941 ticks at 99 Hz\n"
		"  not profiled: 77 pypy3: not CPython\n"
		"  12 % of the switches were walked; the others were split by them\n");
}

static void draws_the_tree_of_calls(void **state)
{
	struct report_options o = report_defaults(100);

	(void)state;
	o.view = REPORT_TREE;
	expect_of_sample(&o,
		"10.0 s · 2 CPUs · 4 Python processes, 6 threads, 2 containers · 3.9, 3.11, 3.13\n"
		"\n"
		"  WALL 60.00 s = CPU 14.55   RUNQ 0.21   GIL 1.51   LOCK 15.71   DISK 6.00   NET 8.02   IDLE 14.00\n"
		"\n"
		"    PID  CONTAINER  THREADS  PYTHON   WALL   CPU  RUNQ   GIL  LOCK  DISK   NET   IDLE  COMMAND\n"
		"   2300  jobs             2  3.13    20.00  6.99     ·     ·  7.01  6.00     ·      ·  nightly.py\n"
		"   1202  shop-web         2  3.11    20.00  3.00     ·  1.51  8.70     ·  2.79   4.00  shop.wsgi\n"
		"   1201  shop-web         1  3.11    10.00  4.55  0.21     ·     ·  0.00  5.24      ·  shop.wsgi\n"
		"  31007                   1  3.9     10.00  0.00     ·     ·     ·     ·     ·  10.00  backup\n"
		"\n"
		"   WALL    CPU      %\n"
		"  26.00   7.55   56.5  shop.wsgi (2 processes)\n"
		"  16.00   6.56   34.8  ├─ <module>  bin/gunicorn:1\n"
		"  16.00   6.56   34.8  │  SyncWorker.run  workers/sync.py:110\n"
		"  14.67   6.56   31.9  │  WSGIHandler.__call__  handlers/wsgi.py:120\n"
		"  14.67   6.56   31.9  │  product_page  shop/views.py:31\n"
		"   7.98   6.56   17.3  │  ├─ Renderer.render  shop/render.py:42\n"
		"   1.65   1.43    3.6  │  │  Template.fill.<locals>.expand  shop/template.py:88\n"
		"   1.43   1.43    3.1  │  │  Template.fill.<locals>.expand  shop/template.py:88\n"
		"   6.69      ·   14.5  │  └─ Cursor.execute  psycopg2/extensions.py:200\n"
		"   8.70      ·   18.9  ├─ Queue.get  python3.11/queue.py:154\n"
		"   8.70      ·   18.9  │  Condition.wait  python3.11/threading.py:295\n"
		"   1.30   0.99    2.8  └─ Condition.wait  python3.11/threading.py:295\n"
		"   1.30   0.99    2.8     SocketIO.readinto  python3.11/socket.py:692\n"
		"  20.00   6.99   43.5  nightly.py (2300)\n"
		"   9.99   6.60   21.7  ├─ main  jobs/nightly.py:12\n"
		"   9.99   6.60   21.7  │  load_prices  jobs/nightly.py:40\n"
		"   6.60   6.60   14.4  │  ├─ parse_row  jobs/nightly.py:60\n"
		"   1.51      ·    3.3  │  └─ Queue.put  python3.13/queue.py:122\n"
		"   1.51      ·    3.3  │     Condition.wait  python3.11/threading.py:295\n"
		"   5.50      ·   12.0  ├─ Queue.get  python3.11/queue.py:154\n"
		"   5.50      ·   12.0  │  Condition.wait  python3.11/threading.py:295\n"
		"   4.50   0.38    9.8  └─ Writer.flush  jobs/nightly.py:80\n"
		"\n"
		"  every second accounted for: 60.00 of 60.00 s; 3 stacks lost; adder used 0.3 % of one CPU and 23 MB\n"
		"  3 stacks lost: adder fell behind\n"
		"  2 lost: of_old\n"
		"  CPU time is exact in sum; split among functions by 941 ticks at 99 Hz\n"
		"  not profiled: 77 pypy3: not CPython\n"
		"  12 % of the switches were walked; the others were split by them\n");
}

static void says_who_waits_for_whom(void **state)
{
	struct report_options o = report_defaults(100);

	(void)state;
	o.view = REPORT_ON;
	o.states = 1u << ADDER_STATE_NET | 1u << ADDER_STATE_GIL;
	expect_of_sample(&o,
		"10.0 s · 2 CPUs · 4 Python processes, 6 threads, 2 containers · 3.9, 3.11, 3.13\n"
		"\n"
		"  WALL 60.00 s = CPU 14.55   RUNQ 0.21   GIL 1.51   LOCK 15.71   DISK 6.00   NET 8.02   IDLE 14.00\n"
		"\n"
		"  WALL   GIL   NET  WAITER             WHERE                       WAITS FOR\n"
		"  6.69     ·  6.69  Cursor.execute     psycopg2/extensions.py:200  10.0.0.5:5432\n"
		"  1.33     ·  1.33  SyncWorker.run     workers/sync.py:110         [not known]\n"
		"  1.20  1.20     ·  Renderer.render    shop/render.py:42           SocketIO.readinto\n"
		"  0.31  0.31     ·  SocketIO.readinto  python3.11/socket.py:692    Renderer.render\n"
		"\n"
		"  every second accounted for: 60.00 of 60.00 s; 3 stacks lost; adder used 0.3 % of one CPU and 23 MB\n"
		"  3 stacks lost: adder fell behind\n"
		"  2 lost: of_old\n"
		"  CPU time is exact in sum; split among functions by 941 ticks at 99 Hz\n"
		"  not profiled: 77 pypy3: not CPython\n"
		"  12 % of the switches were walked; the others were split by them\n");
}

/* A label set of task @name in @process; NULL: none. */
static uint32_t task_labels(struct profile *p, const char *process, const char *name, const char *coroutine,
			    const char *awaited_by)
{
	const char *const pairs[][2] = {
		{ "process", process }, { "task", name }, { "coroutine", coroutine }, { "awaited_by", awaited_by }
	};
	struct profile_label labels[4];
	size_t count = 0;

	for (size_t i = 0; i < 4; i++) {
		if (pairs[i][1])
			labels[count++] = (struct profile_label){ .key = profile_string(p, pairs[i][0]),
								  .text = profile_string(p, pairs[i][1]) };
	}
	return profile_labels(p, labels, count);
}

static void sums_tasks_by_name_chain_and_program(void **state)
{
	struct report_options o = report_defaults(0);
	CLEANUP(profile_free) struct profile *p = profile_new();
	uint32_t leaf[] = { profile_pseudo(p, "step"), UINT32_MAX };
	cleanup_free char *text = NULL;

	(void)state;
	profile_add_adder_types(p);
	for (int i = 0; i < 2; i++) { /* two processes of one program */
		sample_time(p, task_labels(p, "web", "fetch", "get", "page < main"), "cpu", 300 * MS, leaf);
		sample_time(p, task_labels(p, "web", "fetch", "get", "main"), "sleep", 200 * MS, leaf);
		sample_time(p, task_labels(p, i ? "web" : "job", NULL, NULL, NULL), "poll", 50 * MS, leaf);
	}
	sample_time(p, task_labels(p, "job", "fetch", "get", "main"), "net", 100 * MS, leaf);
	o.view = REPORT_TASK;
	text = render(p, &o);
	assert_non_null(strstr(text,
		"   WALL    CPU    NET   IDLE  TASK       COROUTINE  AWAITED BY   COMMAND\n"
		"  0.600  0.600      ·      ·  fetch      get        page < main  web\n"
		"  0.400      ·      ·  0.400  fetch      get        main         web\n"
		"  0.100      ·      ·  0.100  [no task]\n"
		"  0.100      ·  0.100      ·  fetch      get        main         job\n"));
}

static void counts_the_programs_of_a_process_as_the_table_does(void **state)
{
	static const char *const names[] = { "before-exec", "after-exec", "after-exec" };
	struct report_options o = report_defaults(80);
	CLEANUP(profile_free) struct profile *p = profile_new();
	uint32_t leaf[] = { profile_pseudo(p, "step"), UINT32_MAX };
	cleanup_free char *text = NULL;

	(void)state;
	profile_add_adder_types(p);
	for (int i = 0; i < 3; i++) {
		struct profile_label labels[] = {
			{ .key = profile_string(p, "pid"), .number = 7 },
			{ .key = profile_string(p, "tid"), .number = i == 2 ? 8 : 7 },
			{ .key = profile_string(p, "process"), .text = profile_string(p, names[i]) },
		};

		sample_time(p, profile_labels(p, labels, 3), "cpu", 300 * MS, leaf);
	}
	text = render(p, &o);
	assert_non_null(strstr(text, "2 processes, 3 threads\n"));
	assert_non_null(strstr(text, "before-exec\n"));
	assert_non_null(strstr(text, "after-exec\n"));
}

static void fits_its_tables_to_the_terminal(void **state)
{
	CLEANUP(profile_free) struct profile *p = sample_profile();
	static const enum report_view views[] = { REPORT_FUNCTION, REPORT_LINE, REPORT_PROCESS,
						  REPORT_THREAD,   REPORT_TREE, REPORT_ON,
						  REPORT_STATE,	   REPORT_CONTAINER };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
		for (int width = 72; width < 200; width += 7) {
			struct report_options o = report_defaults(width);
			cleanup_free char *text = NULL;
			char *line, *rest, *foot;

			o.view = views[i];
			o.idle = width % 2;
			text = render(p, &o);
			foot = strstr(text, "  every second");
			assert_non_null(foot);
			*foot = '\0';
			rest = strchr(text, '\n') + 1; /* the first line says what it must */
			while ((line = strsep(&rest, "\n")))
				assert_in_range(text_width(line), 0, width);
		}
	}
}

static void adds_up_as_it_is_shown(void **state)
{
	/* Rounded one by one these would be 0.33 three times, and 0.99 in sum. */
	int64_t thirds[] = { 333333333, 333333333, 333333334 }, sum;

	(void)state;
	sum = seconds_round_parts(thirds, 3, 2);
	assert_int_equal(sum, 1000000000);
	assert_int_equal(thirds[0] + thirds[1] + thirds[2], sum);
	assert_int_equal(thirds[2], 340000000);
}

static void shows_the_digits_that_mean_something(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 1230000, "0.0012" },
		{ 412 * MS, "0.412" },
		{ 8210 * MS, "8.21" },
		{ 310 * 1000 * MS, "310.0" },
		{ -1500 * MS, "-1.50" },
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		seconds_alone(text, sizeof(text), cases[i].ns);
		assert_string_equal(text, cases[i].text);
	}
}

static void counts_waiting_for_work_only_when_asked(void **state)
{
	CLEANUP(profile_free) struct profile *p = sample_profile();
	struct report_options o = report_defaults(0);
	cleanup_free char *without = NULL, *with = NULL;

	(void)state;
	o.rows = 2;
	without = render(p, &o);
	assert_null(strstr(without, "poll_forever"));
	o.idle = true;
	with = render(p, &o);
	assert_non_null(strstr(with, "poll_forever"));
	assert_non_null(strstr(with, "IDLE   WALL   CPU  FUNCTION"));
}

static json_t *render_json(const struct profile *p, struct report_options o)
{
	cleanup_free char *text = NULL;
	json_t *root;

	o.json = true;
	text = render(p, &o);
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	return root;
}

/* Number @key of @group of the row of @function in the report's JSON; -1 if there is no such row. */
static int64_t number_of(json_t *root, const char *function, const char *group, const char *key)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(root, "rows"), i, row)
	{
		if (!strcmp(json_string_value(json_object_get(row, "function")), function))
			return json_integer_value(
				json_object_get(json_object_get(row, group), key));
	}
	return -1;
}

static void counts_a_recursive_function_once(void **state)
{
	CLEANUP(profile_free) struct profile *p = sample_profile();
	CLEANUP(json_decref) json_t *root = render_json(p, report_defaults(0));

	(void)state;
	assert_int_equal(number_of(root, "Template.fill.<locals>.expand", "total", "cpu"), 1430 * MS);
	assert_int_equal(number_of(root, "Template.fill.<locals>.expand", "self", "cpu"), 1430 * MS);
}

static void sums_in_json_to_what_was_measured(void **state)
{
	CLEANUP(profile_free) struct profile *p = sample_profile();
	struct report_options o = report_defaults(0);
	CLEANUP(json_decref) json_t *root = NULL;
	int64_t wall = 0;
	json_t *row;
	size_t i;

	(void)state;
	o.idle = true;
	root = render_json(p, o);
	json_array_foreach(json_object_get(root, "rows"), i, row)
		wall += json_integer_value(
			json_object_get(json_object_get(row, "self"), "wall"));
	assert_int_equal(wall, 60000 * MS);
	assert_int_equal(json_integer_value(json_object_get(root, "process_count")), 4);
	assert_int_equal(json_integer_value(json_object_get(root, "thread_count")), 6);
}

static void finds_callers_by_part_of_a_name(void **state)
{
	CLEANUP(profile_free) struct profile *p = sample_profile();
	struct report_options o = report_defaults(0);
	CLEANUP(json_decref) json_t *root = NULL;

	(void)state;
	o.view = REPORT_CALLERS;
	o.function = "condition";
	root = render_json(p, o);
	assert_int_equal(number_of(root, "Queue.get", "total", "lock"), 14199500000);
	assert_int_equal(number_of(root, "Queue.put", "total", "lock"), 1510 * MS);
}

static void tells_time_in_itself_from_that_in_callees(void **state)
{
	CLEANUP(profile_free) struct profile *p = sample_profile();
	struct report_options o = report_defaults(0);
	CLEANUP(json_decref) json_t *root = NULL;

	(void)state;
	o.view = REPORT_CALLEES;
	o.function = "load_prices";
	root = render_json(p, o);
	assert_int_equal(number_of(root, "[itself]", "total", "disk"), 1877 * MS);
	assert_int_equal(number_of(root, "parse_row", "total", "cpu"), 6602 * MS);
}

static void refuses_what_it_cannot_show(void **state)
{
	CLEANUP(profile_free) struct profile *p = sample_profile();
	struct report_options o = report_defaults(0);
	char keys[512];

	(void)state;
	o.sort = "colour";
	assert_int_equal(report_print(p, &o, stderr), -EINVAL);
	report_sort_keys(p, &o, keys, sizeof(keys));
	assert_non_null(strstr(keys, "self, total, name, wall, cpu, runq"));
	o.sort = NULL;
	o.view = REPORT_CALLERS;
	o.function = "no_such_function";
	assert_int_equal(report_print(p, &o, stderr), -ENOENT);
}

static void sorts_by_any_column(void **state)
{
	static const char *const keys[] = { "self", "total", "NAME", "gil", "total-gil", "sys", "where",
					    "samples", "self-net" };
	CLEANUP(profile_free) struct profile *p = sample_profile();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct report_options o = report_defaults(0);
		cleanup_free char *text = NULL;

		o.sort = keys[i];
		text = render(p, &o);
		assert_non_null(strstr(text, "Cursor.execute"));
	}
}

/* ---- profiles that are not as adder writes them ---- */

static struct profile *foreign_profile(void)
{
	struct profile *p = profile_new();
	uint32_t leaf = sample_frame(p, "runtime.mallocgc", "/usr/lib/go/src/runtime/malloc.go", 0, 9);
	uint32_t root = sample_frame(p, "main.main", "/src/main.go", 0, 12);
	uint32_t stack = profile_stack(p, (const uint32_t[]){ leaf, root }, 2);
	int64_t *values;

	profile_add_type(p, "samples", "count");
	profile_add_type(p, "cpu", "milliseconds");
	profile_add_type(p, "space", "bytes");
	values = profile_sample_values(p, stack, profile_labels(p, NULL, 0));
	values[0] = 25;
	values[1] = 250;
	values[2] = 4096;
	profile_meta(p)->default_type = profile_string(p, "cpu");
	return p;
}

static void shows_each_type_of_foreign_profiles(void **state)
{
	CLEANUP(profile_free) struct profile *p = foreign_profile();
	struct report_options o = report_defaults(0);
	cleanup_free char *text = render(p, &o);

	(void)state;
	assert_string_equal(text,
		"1 sample\n"
		"\n"
		"  SAMPLES 25   CPU 0.250 s   SPACE 4096\n"
		"\n"
		"  ------- self --------  ------- total -------\n"
		"  SAMPLES    CPU  SPACE  SAMPLES    CPU  SPACE  FUNCTION          WHERE\n"
		"       25  0.250   4096       25  0.250   4096  runtime.mallocgc  runtime/malloc.go\n"
		"        ·      ·      ·       25  0.250   4096  main.main         src/main.go\n");
	o.states = 1;
	assert_int_equal(report_print(p, &o, stderr), -EOPNOTSUPP);
}

static void obeys_no_name(void **state)
{
	struct profile *p = profile_new();
	struct sample_thread thread = { "evil\033[2J", "t\n", "c\r", "3.11\033]0;x\a", 1, 1 };
	struct report_options o = report_defaults(90);
	uint32_t frame;

	(void)state;
	profile_add_adder_types(p);
	profile_add_call_types(p);
	profile_comment(p, "note: \033[31mred");
	profile_comment(p, "lost_\033[0m: 3");
	frame = sample_frame(p, "f\033[2J\n\xe2\x80\xae", "/a\033c/b\n.py", 1, 1);
	sample_time(p, sample_labels(p, &thread, "d", "on\033[0m"), "net", MS,
		    (const uint32_t[]){ frame, UINT32_MAX });
	for (int view = 0; view < REPORT_VIEW_NR; view++) {
		cleanup_free char *text = NULL;

		o.view = view;
		o.function = "f*";
		text = render(p, &o);
		for (const unsigned char *c = (const unsigned char *)text; *c; c++)
			assert_true(*c == '\n' || (*c >= 0x20 && *c != 0x7f));
		assert_null(strstr(text, "\xe2\x80\xae"));
	}
	profile_free(p);
}

static void survives_absurd_numbers(void **state)
{
	struct profile *p = profile_new();
	struct sample_thread thread = { "p", "t", NULL, "3.11", INT64_MAX, -5 };
	uint32_t frame;
	int64_t *values;

	(void)state;
	profile_add_adder_types(p);
	profile_add_call_types(p);
	profile_comment(p, "wall_ns: 9223372036854775807");
	profile_comment(p, "own_cpu_ns: 9223372036854775807");
	profile_meta(p)->duration_ns = INT64_MIN;
	for (int i = 0; i < 3; i++) {
		frame = sample_frame(p, i ? "g" : "f", "", INT64_MIN, INT64_MAX);
		values = profile_sample_values(p, profile_stack(p, &frame, 1),
					       sample_labels(p, &thread, NULL, i ? "x" : NULL));
		for (size_t t = 0; t < profile_type_count(p); t++)
			values[t] = i == 2 ? INT64_MIN : INT64_MAX;
	}
	for (int view = 0; view < REPORT_VIEW_NR; view++) {
		struct report_options o = report_defaults(80);
		cleanup_free char *text = NULL;

		o.view = view;
		o.function = "f";
		text = render(p, &o);
		assert_non_null(text);
	}
	profile_free(p);
}

static void says_when_seconds_are_missing(void **state)
{
	CLEANUP(profile_free) struct profile *p = profile_new();
	struct sample_thread thread = { "p", "t", NULL, "3.11", 1, 1 };
	struct report_options o = report_defaults(80);
	uint32_t frame = sample_frame(p, "f", "f.py", 1, 1);
	cleanup_free char *text = NULL;

	(void)state;
	profile_add_adder_types(p);
	profile_comment(p, "wall_ns: 2000000000");
	sample_time(p, sample_labels(p, &thread, NULL, NULL), "cpu", 1900 * MS,
		    (const uint32_t[]){ frame, UINT32_MAX });
	text = render(p, &o);
	assert_non_null(strstr(text, "NOT every second accounted for: 1.90 of 2.00 s"));
}

static void says_why_threads_queued(void **state)
{
	CLEANUP(profile_free) struct profile *p = profile_new();
	struct sample_thread thread = { "p", "t", NULL, "3.11", 1, 1 };
	struct report_options o = report_defaults(0);
	cleanup_free char *text = NULL;
	uint32_t stack[] = { 0, UINT32_MAX };

	(void)state;
	profile_add_adder_types(p);
	profile_meta(p)->duration_ns = 10000 * MS;
	profile_comment(p, "stolen_ns: 0 20000000");
	profile_comment(p, "stolen_ns: 3 1500000000");
	stack[0] = sample_frame(p, "f", "f.py", 1, 1);
	sample_time(p, sample_labels(p, &thread, "switch", NULL), "runq", 700 * MS, stack);
	profile_sample_values(p, profile_stack(p, stack, 1),
			      sample_labels(p, &thread, "switch", NULL))
		[profile_type_find(p, "throttled")] = 400 * MS;
	sample_time(p, sample_labels(p, &thread, "stolen", NULL), "runq", 200 * MS, stack);
	o.view = REPORT_STATE;
	text = render(p, &o);
	assert_non_null(strstr(text, "waiting for a CPU; over its quota 0.400; CPU taken away 0.200"));
	assert_non_null(strstr(text, "taken by the hypervisor: of CPU 3 1.50 s\n"));
}

static void says_where_calls_were_counted(void **state)
{
	CLEANUP(profile_free) struct profile *p = sample_profile();
	struct report_options o = report_defaults(0);
	cleanup_free char *text = NULL;

	(void)state;
	for (int pid = 1; pid <= 10; pid++)
		profile_comment(p, "counted: %d a: b.py: opcode handlers", pid);
	profile_comment(p, "counted: 11 old.py: the eval loop's entry");
	profile_comment(p, "uncounted: 12 \033[31mc.py: its opcodes are not known");
	text = render(p, &o);
	assert_non_null(strstr(text, "calls counted at opcode handlers: 1 a: b.py, 2 a: b.py"));
	assert_non_null(strstr(text, ", 8 a: b.py and 2 more\n"));
	assert_non_null(strstr(text, "calls counted at the eval loop's entry: 11 old.py\n"));
	assert_non_null(strstr(text, "calls not counted, its opcodes are not known: 12 "));
	assert_null(strchr(text, '\033'));
}

/* One function's calls, as they were counted. */
struct counted {
	const char *function;
	int64_t calls, resumes, recursive, self_ns, total_ns;
};

/* The table of calls of @p, to which those of @c are added; to be freed. */
static char *render_calls(struct profile *p, const struct counted *c)
{
	struct sample_thread thread = { "p", "t", NULL, "3.11", 1, 1 };
	struct report_options o = report_defaults(0);
	uint32_t stack[] = { 0, UINT32_MAX }, labels;
	int64_t *values;

	if (!profile_type_count(p)) {
		profile_add_adder_types(p);
		profile_add_call_types(p);
	}
	labels = sample_labels(p, &thread, NULL, NULL);
	stack[0] = sample_frame(p, "never", "f.py", 9, 9);
	sample_time(p, labels, "cpu", MS, stack);
	stack[0] = sample_frame(p, c->function, "f.py", 7, 7);
	sample_time(p, labels, "cpu", 500 * MS, stack);
	values = profile_sample_values(p, profile_stack(p, stack, 1), labels);
	values[profile_type_find(p, "calls")] = c->calls;
	values[profile_type_find(p, "resumes")] = c->resumes;
	values[profile_type_find(p, "recursive")] = c->recursive;
	values[profile_type_find(p, "call_self")] = c->self_ns;
	values[profile_type_find(p, "call_total")] = c->total_ns;
	o.view = REPORT_CALLS;
	return render(p, &o);
}

static void counts_calls(void **state)
{
	CLEANUP(profile_free) struct profile *p = profile_new();
	const struct counted leaf = { .function = "leaf", .calls = 1000, .resumes = 9 };
	cleanup_free char *text = render_calls(p, &leaf);

	(void)state;
	assert_non_null(strstr(text,
		"  NCALLS  RESUMES  TOTTIME    PERCALL  CUMTIME    PERCALL  FUNCTION  WHERE\n"
		"    1000        9    0.500  ~495.5 us    0.500  ~495.5 us  leaf      f.py:7\n"));
	assert_null(strstr(text, "never"));
}

/* Names of functions in the rows of @o's JSON, each followed by a space. */
static void read_rows(const struct profile *p, const struct report_options *o, char *names)
{
	cleanup_free char *text = render(p, o);
	CLEANUP(json_decref) json_t *report = json_loads(text, 0, NULL);
	json_t *rows = json_object_get(report, "rows");

	*names = '\0';
	for (size_t i = 0; i < json_array_size(rows); i++) {
		strcat(names, json_string_value(json_object_get(json_array_get(rows, i), "function")));
		strcat(names, " ");
	}
}

static void sorts_and_cuts_rows_of_calls_in_json(void **state)
{
	CLEANUP(profile_free) struct profile *p = profile_new();
	const struct counted some[] = { { .function = "a", .calls = 1, .self_ns = 3 * MS, .total_ns = 3 * MS },
					{ .function = "b", .calls = 5, .self_ns = 1 * MS, .total_ns = 1 * MS },
					{ .function = "c", .calls = 3, .self_ns = 2 * MS, .total_ns = 2 * MS } };
	struct report_options o = report_defaults(0);
	char names[64];

	(void)state;
	for (int i = 0; i < 3; i++)
		free(render_calls(p, &some[i]));
	o.view = REPORT_CALLS;
	o.json = true;
	read_rows(p, &o, names);
	assert_string_equal(names, "b c a ");
	o.sort = "tottime";
	o.rows = 2;
	read_rows(p, &o, names);
	assert_string_equal(names, "a c ");
	o.sort = "name";
	o.rows = 0;
	read_rows(p, &o, names);
	assert_string_equal(names, "a b c ");
	o.sort = "nonsense";
	assert_int_equal(report_print(p, &o, stdout), -EINVAL);
	assert_false(report_sorts_calls("nonsense"));
	assert_true(report_sorts_calls("cumtime"));
}

static void counts_calls_of_each_process(void **state)
{
	CLEANUP(profile_free) struct profile *p = profile_new();
	struct report_options o = report_defaults(0);
	uint32_t stack[] = { 0, UINT32_MAX };
	cleanup_free char *text = NULL;

	(void)state;
	profile_add_adder_types(p);
	profile_add_call_types(p);
	stack[0] = sample_frame(p, "leaf", "f.py", 7, 7);
	for (int pid = 1; pid <= 2; pid++) {
		struct sample_thread thread = { pid == 1 ? "one" : "two", "t", NULL, "3.11", pid, pid };
		uint32_t labels = sample_labels(p, &thread, NULL, NULL);

		profile_sample_values(p, profile_stack(p, stack, 1), labels)
			[profile_type_find(p, "calls")] = 10 * pid;
	}
	o.view = REPORT_CALLS;
	o.per_process = true;
	text = render(p, &o);
	assert_non_null(strstr(text, "PID  PROCESS  FUNCTION  WHERE\n"));
	assert_non_null(strstr(text, "20        ·        ·        ·        ·    2  two      leaf      f.py:7\n"));
	assert_non_null(strstr(text, "10        ·        ·        ·        ·    1  one      leaf      f.py:7\n"));
}

static void tells_recursive_and_timed_calls(void **state)
{
	CLEANUP(profile_free) struct profile *p = profile_new();
	const struct counted fib = { .function = "fib", .calls = 12, .recursive = 9,
				     .self_ns = 24 * MS, .total_ns = 6 * MS };
	cleanup_free char *text = render_calls(p, &fib);

	(void)state;
	assert_non_null(strstr(text,
		"  NCALLS  TOTTIME  PERCALL  CUMTIME  PERCALL  FUNCTION  WHERE\n"
		"    12/3   0.0240   2.0 ms   0.0060   2.0 ms  fib       f.py:7\n"));
}

static void shows_an_empty_profile(void **state)
{
	CLEANUP(profile_free) struct profile *p = profile_new();

	(void)state;
	profile_add_adder_types(p);
	profile_add_call_types(p);
	for (int view = 0; view < REPORT_VIEW_NR; view++) {
		struct report_options o = report_defaults(80);
		cleanup_free char *text = NULL;

		if (view == REPORT_CALLERS || view == REPORT_CALLEES)
			continue;
		o.view = view;
		text = render(p, &o);
		assert_non_null(strstr(text, "WALL"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_where_every_second_went),
		cmocka_unit_test(draws_the_tree_of_calls),
		cmocka_unit_test(says_who_waits_for_whom),
		cmocka_unit_test(sums_tasks_by_name_chain_and_program),
		cmocka_unit_test(fits_its_tables_to_the_terminal),
		cmocka_unit_test(counts_the_programs_of_a_process_as_the_table_does),
		cmocka_unit_test(adds_up_as_it_is_shown),
		cmocka_unit_test(shows_the_digits_that_mean_something),
		cmocka_unit_test(counts_waiting_for_work_only_when_asked),
		cmocka_unit_test(counts_a_recursive_function_once),
		cmocka_unit_test(sums_in_json_to_what_was_measured),
		cmocka_unit_test(finds_callers_by_part_of_a_name),
		cmocka_unit_test(tells_time_in_itself_from_that_in_callees),
		cmocka_unit_test(refuses_what_it_cannot_show),
		cmocka_unit_test(sorts_by_any_column),
		cmocka_unit_test(shows_each_type_of_foreign_profiles),
		cmocka_unit_test(obeys_no_name),
		cmocka_unit_test(survives_absurd_numbers),
		cmocka_unit_test(says_when_seconds_are_missing),
		cmocka_unit_test(says_why_threads_queued),
		cmocka_unit_test(says_where_calls_were_counted),
		cmocka_unit_test(counts_calls),
		cmocka_unit_test(counts_calls_of_each_process),
		cmocka_unit_test(sorts_and_cuts_rows_of_calls_in_json),
		cmocka_unit_test(tells_recursive_and_timed_calls),
		cmocka_unit_test(shows_an_empty_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
