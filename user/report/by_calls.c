/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/by_calls.h"

#include <errno.h>
#include <inttypes.h>

#include "base/text.h"
#include "profile/describe.h"
#include "profile/profile.h"
#include "report/number.h"
#include "report/view.h"

/* The functions of a profile, with what was counted of each. */
struct called {
	struct measures measures;
	int calls, resumes; /* measures */
	struct rows *rows;
};

static void called_done(struct called *c)
{
	rows_free(c->rows);
}

static int called_take(struct called *c, const struct profile *p, uint32_t states)
{
	int err = measures_init(&c->measures, p, states, MEASURES_WITH_IDLE);

	if (err)
		return err;
	c->calls = measures_find(&c->measures, "calls");
	c->resumes = measures_find(&c->measures, "resumes");
	if (c->calls == MEASURE_NONE || c->resumes == MEASURE_NONE || !c->measures.is_ledger)
		return -EOPNOTSUPP;
	return rows_collect(p, &c->measures, ROWS_FUNCTION, NULL, &c->rows);
}

/* Time in itself, and with what it called. */
static int64_t own_ns(const struct called *c, const struct row *row)
{
	return row->self[c->measures.wall];
}

static int64_t whole_ns(const struct called *c, const struct row *row)
{
	return row->total[c->measures.wall];
}

static bool was_called(const struct called *c, const struct row *row)
{
	return row->self[c->calls] || row->self[c->resumes];
}

static int64_t per_call(int64_t ns, int64_t calls)
{
	return calls ? ns / calls : 0;
}

static void add_columns(struct table *t)
{
	static const struct table_column columns[] = {
		{ .head = "ncalls", .kind = TABLE_NUMBER, .is_kept = true },
		{ .head = "resumes", .kind = TABLE_NUMBER },
		{ .head = "tottime", .kind = TABLE_SECONDS, .is_kept = true },
		{ .head = "percall", .is_kept = true },
		{ .head = "cumtime", .kind = TABLE_SECONDS, .is_kept = true },
		{ .head = "percall", .is_kept = true },
		{ .head = "function", .cut = TABLE_CUT_RIGHT, .is_kept = true },
		{ .head = "where", .cut = TABLE_CUT_LEFT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		table_column(t, &columns[i]);
}

/* Of a call: seconds would be zeros. */
static void put_per_call(struct table *t, int64_t ns, int64_t calls)
{
	char text[32];
	double us = per_call(ns, calls) / 1e3;

	snprintf(text, sizeof(text), us < 1000 ? "%.1f us" : "%.1f ms", us < 1000 ? us : us / 1e3);
	table_text(t, calls && ns ? text : "·");
}

static void add_row(struct table *t, const struct called *c, const struct row *row,
		    const struct profile *p, bool full)
{
	char place[4096] = "";
	int64_t line, calls = row->self[c->calls];
	const char *file = view_file(p, ROWS_FUNCTION, row, &line);

	table_row(t, row);
	table_number(t, calls);
	table_number(t, row->self[c->resumes]);
	table_number(t, own_ns(c, row));
	put_per_call(t, own_ns(c, row), calls);
	table_number(t, whole_ns(c, row));
	put_per_call(t, whole_ns(c, row), calls);
	table_text(t, view_name(p, ROWS_FUNCTION, row));
	describe_place(place, sizeof(place), file, line, full);
	text_make_utf8(place);
	table_text(t, place);
}

int by_calls_print(const struct profile *p, const struct report_options *o, FILE *out)
{
	CLEANUP(table_free) struct table *t = table_new();
	size_t limit = o->rows == REPORT_ROWS_AUTO ? REPORT_ROWS : o->rows;
	const char *sort = o->sort ? o->sort : "ncalls";
	struct called c = { 0 };
	int err = t ? called_take(&c, p, view_states(o)) : -ENOMEM;

	if (!err) {
		add_columns(t);
		for (size_t i = 0; i < rows_count(c.rows); i++) {
			if (was_called(&c, rows_at(c.rows, i)))
				add_row(t, &c, rows_at(c.rows, i), p, o->full_filenames);
		}
		err = table_error(t);
	}
	if (!err && table_find(t, sort, NULL) < 0)
		err = -EINVAL;
	if (!err) {
		table_sort(t, table_find(t, sort, NULL), -1);
		table_print(t, limit, o->width, out);
		if (limit && table_rows(t) > limit)
			fprintf(out, "  … %zu more: -l 0 shows all\n", table_rows(t) - limit);
	}
	called_done(&c);
	return err;
}

int by_calls_json(const struct profile *p, const struct report_options *o, json_t **ret)
{
	CLEANUP(json_decref) json_t *list = json_array();
	struct called c = { 0 };
	int err = called_take(&c, p, view_states(o));

	for (size_t i = 0; !err && i < rows_count(c.rows); i++) {
		const struct row *row = rows_at(c.rows, i);
		json_t *object;
		int64_t line;

		if (!was_called(&c, row))
			continue;
		object = json_object();
		json_put_text(object, "function", view_name(p, ROWS_FUNCTION, row));
		json_put_text(object, "file", view_file(p, ROWS_FUNCTION, row, &line));
		json_put_number(object, "line", line);
		json_put_number(object, "ncalls", row->self[c.calls]);
		json_put_number(object, "resumes", row->self[c.resumes]);
		json_put_number(object, "tottime_ns", own_ns(&c, row));
		json_put_number(object, "cumtime_ns", whole_ns(&c, row));
		json_array_append_new(list, object);
	}
	called_done(&c);
	if (!err)
		*ret = TAKE_PTR(list);
	return err;
}
