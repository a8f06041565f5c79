/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/json.h"

#include <errno.h>
#include <string.h>

#include "profile/describe.h"
#include "profile/profile.h"
#include "report/census.h"
#include "report/report.h"
#include "report/by_calls.h"
#include "report/by_state.h"
#include "report/tree.h"
#include "report/view.h"

json_t *report_json_values(const struct measures *m, const int64_t *values)
{
	json_t *object = json_object();

	for (size_t type = 0; type < m->type_count; type++) {
		for (size_t i = 0; i < m->count; i++) {
			if (m->list[i].exported == (int)type)
				json_put_number(object, m->names[type], values[i]);
		}
	}
	return object;
}

static void put_label(json_t *object, const struct profile *p, uint32_t labels, const char *key)
{
	int64_t number = profile_label_number(p, labels, key, -1);
	const char *text = profile_label_text(p, labels, key);

	if (text)
		json_put_text(object, key, text);
	else if (number >= 0)
		json_put_number(object, key, number);
}

/* What a row is about; what it does not know is left out. */
static void put_identity(json_t *object, const struct profile *p, const struct view *v,
			 const struct row *row)
{
	static const char *const of_process[] = { "pid", "process", "container", "python" };
	static const char *const of_thread[] = { "pid",    "tid",       "process",
						 "thread", "container", "python" };
	static const char *const of_task[] = { "coroutine", "awaited_by", "process" };

	switch (v->by) {
	case ROWS_PROCESS:
		for (size_t i = 0; i < ARRAY_SIZE(of_process); i++)
			put_label(object, p, row->id, of_process[i]);
		json_put_number(object, "threads", rows_threads(row));
		break;
	case ROWS_THREAD:
		for (size_t i = 0; i < ARRAY_SIZE(of_thread); i++)
			put_label(object, p, row->id, of_thread[i]);
		break;
	case ROWS_CONTAINER:
		json_put_text(object, "container", profile_label_text(p, row->id, "container"));
		json_put_number(object, "processes", rows_processes(row));
		json_put_number(object, "threads", rows_threads(row));
		break;
	case ROWS_TASK:
		json_put_text(object, "task", profile_label_text(p, row->id, "task"));
		if (!profile_label_text(p, row->id, "task"))
			break; /* time outside of tasks, whichever process's */
		for (size_t i = 0; i < ARRAY_SIZE(of_task); i++)
			put_label(object, p, row->id, of_task[i]);
		break;
	default: {
		int64_t line;
		const char *file = view_file(p, v->by, row, &line);

		json_put_text(object, "function", view_name(p, v->by, row));
		json_put_text(object, "file", file);
		json_put_number(object, "line", line);
	}
	}
	if (v->by == ROWS_ON)
		json_put_text(object, "on", profile_label_text(p, row->other, "on"));
}

static json_t *row_json(const struct profile *p, const struct view *v, const struct row *row)
{
	json_t *object = json_object();

	put_identity(object, p, v, row);
	if (v->is_of_frames)
		json_object_set_new(object, "self", report_json_values(&v->measures, row->self));
	json_object_set_new(object, "total", report_json_values(&v->measures, row->total));
	return object;
}

static int view_json(const struct profile *p, const struct report_options *o, json_t **ret)
{
	json_t *list = json_array();
	struct view v;
	int err = view_make(p, o, &v);

	if (err) {
		json_decref(list);
		return err;
	}
	for (size_t i = 0; i < table_rows(v.table); i++) {
		if (o->rows && i >= o->rows)
			break;
		json_array_append_new(list, row_json(p, &v, table_tag(v.table, i)));
	}
	view_done(&v);
	*ret = list;
	return 0;
}

static int put_processes(json_t *object, const struct profile *p)
{
	struct report_options by_process = { .view = REPORT_PROCESS };
	json_t *list = NULL;
	int err;

	if (!describe_has_processes(p))
		return 0;
	err = view_json(p, &by_process, &list);
	if (!err)
		json_object_set_new(object, "processes", list);
	return err;
}

static void put_types(json_t *object, const struct profile *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < profile_type_count(p); i++) {
		struct profile_type type = profile_type_at(p, i);
		json_t *one = json_object();

		json_put_text(one, "name", profile_text(p, type.name));
		json_put_text(one, "unit", profile_text(p, type.unit));
		json_array_append_new(list, one);
	}
	json_object_set_new(object, "types", list);
}

static void put_comments(json_t *object, const struct profile *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < profile_comment_count(p); i++)
		json_array_append_new(list, json_string(profile_comment_at(p, i)));
	json_object_set_new(object, "comments", list);
}

static int put_header(json_t *object, const struct profile *p)
{
	const struct profile_meta *meta = profile_meta_get(p);
	int64_t sums[MEASURES_MAX], number;
	struct measures m;
	struct census c;
	int err = measures_init(&m, p, MEASURES_ALL, MEASURES_WITH_IDLE);

	if (!err)
		err = census_take(p, &c);
	if (err)
		return err;
	measures_total(&m, p, sums);
	json_put_number(object, "time_ns", meta->time_ns);
	json_put_number(object, "duration_ns", meta->duration_ns);
	if (census_number(p, "cpus", &number))
		json_put_number(object, "cpus", number);
	json_put_number(object, "process_count", c.processes);
	json_put_number(object, "thread_count", c.threads);
	json_put_number(object, "container_count", c.containers);
	json_put_text(object, "pythons", c.pythons);
	put_types(object, p);
	json_object_set_new(object, m.is_ledger ? "states" : "totals",
			    report_json_values(&m, sums));
	put_comments(object, p);
	return put_processes(object, p);
}

static int put_rows(json_t *object, const struct profile *p, const struct report_options *o)
{
	static const char *const names[] = {
#define VIEW_NAME(id, name) name,
		REPORT_VIEW_LIST(VIEW_NAME)
	};
	struct report_options all = *o;
	json_t *rows = NULL;
	int err;

	if (all.rows == REPORT_ROWS_AUTO)
		all.rows = 0;
	if (o->view == REPORT_TREE)
		err = tree_json(p, &all, &rows);
	else if (o->view == REPORT_STATE)
		err = by_state_json(p, &all, &rows);
	else if (o->view == REPORT_CALLS)
		err = by_calls_json(p, &all, &rows);
	else
		err = view_json(p, &all, &rows);
	if (err)
		return err;
	json_put_text(object, "view", names[o->view]);
	json_object_set_new(object, "rows", rows);
	return 0;
}

int report_json(const struct profile *p, const struct report_options *o, FILE *out)
{
	CLEANUP(json_decref) json_t *object = json_object();
	int err = put_header(object, p);

	if (!err)
		err = put_rows(object, p, o);
	if (!err)
		json_write(object, out);
	return err;
}
