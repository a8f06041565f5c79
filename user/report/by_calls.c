/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/by_calls.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "profile/describe.h"
#include "profile/profile.h"
#include "report/census.h"
#include "report/number.h"
#include "report/view.h"

/* The functions of a profile, with what was counted of each. */
struct called {
	struct measures measures;
	int calls, resumes; /* measures */
	/* MEASURE_NONE of a profile that hasn't them */
	int recursive, recursive_resumes, call_self, call_total;
	struct rows *rows;
};

static void called_done(struct called *c)
{
	rows_free(c->rows);
}

static int called_take(struct called *c, const struct profile *p, const struct report_options *o)
{
	int err = measures_init(&c->measures, p, view_states(o), MEASURES_WITH_IDLE);

	if (err)
		return err;
	c->calls = measures_find(&c->measures, "calls");
	c->resumes = measures_find(&c->measures, "resumes");
	c->recursive = measures_find(&c->measures, "recursive");
	c->recursive_resumes = measures_find(&c->measures, "recursive_resumes");
	c->call_self = measures_find(&c->measures, "call_self");
	c->call_total = measures_find(&c->measures, "call_total");
	if (c->calls == MEASURE_NONE || c->resumes == MEASURE_NONE || !c->measures.is_ledger)
		return -EOPNOTSUPP;
	return rows_collect(p, &c->measures,
			    o->per_process ? ROWS_FUNCTION_OF_PROCESS : ROWS_FUNCTION, NULL,
			    &c->rows);
}

/* Was it timed, call by call?  Else there is the ledger. */
static bool is_timed(const struct called *c, const struct row *row)
{
	return c->call_total != MEASURE_NONE &&
	       (row->self[c->call_total] || row->self[c->call_self]);
}

/* Time in itself, and with what it called.  (A clock that stands still may go back a little.) */
static int64_t own_ns(const struct called *c, const struct row *row)
{
	int64_t ns = is_timed(c, row) ? row->self[c->call_self] : row->self[c->measures.wall];

	return ns > 0 ? ns : 0;
}

static int64_t whole_ns(const struct called *c, const struct row *row)
{
	int64_t ns = is_timed(c, row) ? row->self[c->call_total] : row->total[c->measures.wall];

	return ns > 0 ? ns : 0;
}

static bool was_called(const struct called *c, const struct row *row)
{
	return row->self[c->calls] || row->self[c->resumes];
}

/* What is counted by type @measure; 0 if it isn't, or by what is not of our writing. */
static int64_t count_of(const struct row *row, int measure)
{
	return measure == MEASURE_NONE || row->self[measure] < 0 ? 0 : row->self[measure];
}

/* Calls that no other call of the function was open for. */
static int64_t primitive_calls(const struct called *c, const struct row *row)
{
	int64_t both = count_of(row, c->recursive), resumes = count_of(row, c->recursive_resumes);
	int64_t recursive = both > resumes ? both - resumes : 0, calls = count_of(row, c->calls);

	return recursive < calls ? calls - recursive : 0;
}

/* All calls, and how often generators went on. */
static int64_t all_turns(const struct called *c, const struct row *row)
{
	int64_t calls = count_of(row, c->calls), sum;

	return __builtin_add_overflow(calls, count_of(row, c->resumes), &sum) ? INT64_MAX : sum;
}

/* Of these, those that no other call of the function was open for. */
static int64_t primitive_turns(const struct called *c, const struct row *row)
{
	int64_t all = all_turns(c, row), recursive = count_of(row, c->recursive);

	return recursive < all ? all - recursive : 0;
}

static int64_t per_call(int64_t ns, int64_t calls)
{
	return calls ? ns / calls : 0;
}

static void add_columns(struct table *t, bool per_process)
{
	const struct table_column columns[] = {
		{ .head = "ncalls", .kind = TABLE_NUMBER, .is_hidden = true },
		{ .head = "ncalls", .is_right = true, .is_kept = true },
		{ .head = "resumes", .kind = TABLE_NUMBER },
		{ .head = "tottime", .kind = TABLE_SECONDS, .is_kept = true },
		{ .head = "percall", .is_right = true, .is_kept = true },
		{ .head = "cumtime", .kind = TABLE_SECONDS, .is_kept = true },
		{ .head = "percall", .is_right = true, .is_kept = true },
		{ .head = "pid", .kind = TABLE_NUMBER, .is_hidden = !per_process },
		{ .head = "process", .cut = TABLE_CUT_RIGHT, .is_hidden = !per_process },
		{ .head = "function", .cut = TABLE_CUT_RIGHT, .is_kept = true },
		{ .head = "where", .cut = TABLE_CUT_LEFT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		table_column(t, &columns[i]);
}

/* As cProfile has it: 12/3, if only 3 of 12 were not recursive. */
static void put_calls(struct table *t, const struct called *c, const struct row *row)
{
	int64_t calls = row->self[c->calls], primitive = primitive_calls(c, row);
	char text[48];

	table_number(t, calls);
	if (primitive == calls)
		snprintf(text, sizeof(text), "%" PRId64, calls);
	else
		snprintf(text, sizeof(text), "%" PRId64 "/%" PRId64, calls, primitive);
	table_text(t, text);
}

/* Of a call: seconds would be zeros.  What was not timed is about right. */
static void put_per_call(struct table *t, int64_t ns, int64_t calls, bool is_exact)
{
	char text[32];
	double us = per_call(ns, calls) / 1e3;

	snprintf(text, sizeof(text), us < 1000 ? "%s%.1f us" : "%s%.1f ms", is_exact ? "" : "~",
		 us < 1000 ? us : us / 1e3);
	table_text(t, calls && ns ? text : "·");
}

static const char *process_of(const struct profile *p, const struct row *row)
{
	const char *process = profile_label_text(p, row->other, "process");

	return process ? process : "";
}

static void put_process(struct table *t, const struct profile *p, const struct row *row)
{
	char text[256];

	snprintf(text, sizeof(text), "%s", process_of(p, row));
	text_make_utf8(text);
	table_text(t, text);
}

static void add_row(struct table *t, const struct called *c, const struct row *row,
		    const struct profile *p, bool full)
{
	char place[4096] = "";
	int64_t line;
	const char *file = view_file(p, ROWS_FUNCTION, row, &line);

	table_row(t, row);
	put_calls(t, c, row);
	table_number(t, row->self[c->resumes]);
	table_number(t, own_ns(c, row));
	put_per_call(t, own_ns(c, row), all_turns(c, row), is_timed(c, row));
	table_number(t, whole_ns(c, row));
	put_per_call(t, whole_ns(c, row), primitive_turns(c, row), is_timed(c, row));
	table_number(t, profile_label_number(p, row->other, "pid", 0));
	put_process(t, p, row);
	table_text(t, view_name(p, ROWS_FUNCTION, row));
	describe_place(place, sizeof(place), file, line, full);
	text_make_utf8(place);
	table_text(t, place);
}

/* Is there a process of Python @version? */
static bool has_version(const struct profile *p, const char *version)
{
	for (size_t i = 0; i < profile_labels_count(p); i++) {
		const char *python = profile_label_text(p, i, "python");

		if (python && !strcmp(python, version))
			return true;
	}
	return false;
}

/* The first version of which comment @key says something; NULL: of none that is here. */
static const char *version_with(const struct profile *p, const char *key)
{
	for (size_t i = 0; i < profile_comment_count(p); i++) {
		const char *version = census_comment(p, i, key);

		if (version && has_version(p, version))
			return version;
	}
	return NULL;
}

#define UNSEEN_TURNS                                                                               \
	"  generators of Python %s: the ends of their turns are seen late, what their callers do " \
	"next may count as theirs\n"

/* What the times are, and where they are not that. */
static void print_clock(const struct profile *p, FILE *out)
{
	const char *clock = profile_comment_find(p, "call_clock");
	const char *untimed = version_with(p, "untimed"), *late = version_with(p, "late_turns");

	if (!clock)
		return;
	if (!strcmp(clock, "none"))
		fputs("  ~ is the ledger's, roughly: calls were not timed\n", out);
	else
		fprintf(out, "  times are %s, without adder's own cost: twice %s ns a call\n",
			!strcmp(clock, "cpu") ? "CPU time" : "wall time, waiting included",
			profile_comment_find(p, "probe_ns"));
	if (untimed && strcmp(clock, "none") != 0)
		fprintf(out,
			"  ~ is the ledger's, roughly: where calls of Python %s end can't be "
			"probed\n",
			untimed);
	if (late && strcmp(clock, "none") != 0)
		fprintf(out, UNSEEN_TURNS, late);
}

/* The column that @key names, or -1. */
static int sort_column(const struct table *t, const char *key)
{
	if (!key)
		key = "ncalls";
	return table_find(t, !strcasecmp(key, "name") ? "function" : key, NULL);
}

bool by_calls_sorts(const char *key)
{
	CLEANUP(table_free) struct table *t = table_new();

	if (!t)
		return false;
	add_columns(t, true);
	return sort_column(t, key) >= 0;
}

bool by_calls_sorts_processes(const char *key)
{
	return !strcasecmp(key, "pid") || !strcasecmp(key, "process");
}

/* The functions that were called, in the order asked for. */
static int make_table(const struct profile *p, const struct report_options *o,
		      const struct called *c, struct table *t)
{
	int err;

	add_columns(t, o->per_process);
	for (size_t i = 0; i < rows_count(c->rows); i++) {
		if (was_called(c, rows_at(c->rows, i)))
			add_row(t, c, rows_at(c->rows, i), p, o->full_filenames);
	}
	err = table_error(t);
	if (err)
		return err;
	if (sort_column(t, o->sort) < 0)
		return -EINVAL;
	table_sort(t, sort_column(t, o->sort), -1);
	return 0;
}

int by_calls_print(const struct profile *p, const struct report_options *o, FILE *out)
{
	CLEANUP(table_free) struct table *t = table_new();
	size_t limit = o->rows == REPORT_ROWS_AUTO ? REPORT_ROWS : o->rows;
	struct called c = { 0 };
	int err = t ? called_take(&c, p, o) : -ENOMEM;

	if (!err)
		err = make_table(p, o, &c, t);
	if (!err) {
		table_print(t, limit, o->width, out);
		if (limit && table_rows(t) > limit)
			fprintf(out, "  … %zu more: -l 0 shows all\n", table_rows(t) - limit);
		print_clock(p, out);
	}
	called_done(&c);
	return err;
}

static json_t *row_json(const struct profile *p, const struct called *c, bool late,
			const struct row *row, bool per_process)
{
	json_t *object = json_object();
	int64_t line;

	if (per_process) {
		json_put_number(object, "pid", profile_label_number(p, row->other, "pid", 0));
		json_put_text(object, "process", process_of(p, row));
	}
	json_put_text(object, "function", view_name(p, ROWS_FUNCTION, row));
	json_put_text(object, "file", view_file(p, ROWS_FUNCTION, row, &line));
	json_put_number(object, "line", line);
	json_put_number(object, "ncalls", row->self[c->calls]);
	json_put_number(object, "primitive", primitive_calls(c, row));
	json_put_number(object, "resumes", row->self[c->resumes]);
	json_object_set_new(object, "timed", json_boolean(is_timed(c, row)));
	json_object_set_new(object, "late", json_boolean(late));
	json_put_number(object, "tottime_ns", own_ns(c, row));
	json_put_number(object, "cumtime_ns", whole_ns(c, row));
	return object;
}

int by_calls_json(const struct profile *p, const struct report_options *o, json_t **ret)
{
	CLEANUP(json_decref) json_t *list = json_array();
	CLEANUP(table_free) struct table *t = table_new();
	bool late = version_with(p, "late_turns");
	struct called c = { 0 };
	int err = t ? called_take(&c, p, o) : -ENOMEM;

	if (!err)
		err = make_table(p, o, &c, t);
	for (size_t i = 0; !err && i < table_rows(t) && !(o->rows && i >= o->rows); i++)
		json_array_append_new(list, row_json(p, &c, late, table_tag(t, i), o->per_process));
	called_done(&c);
	if (!err)
		*ret = TAKE_PTR(list);
	return err;
}
