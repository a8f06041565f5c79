/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/columns.h"

#include <string.h>

#include "base/text.h"
#include "profile/describe.h"
#include "profile/profile.h"
#include "report/view.h"

/* One row on its way into the table. */
struct source {
	struct view *v;
	const struct profile *p;
	const struct report_options *o;
	const struct row *row;
	char place[4096];
};

/* A column that is not a measure: a text or a number of the row. */
struct field {
	const char *head;
	enum table_kind kind;
	enum table_cut cut;
	bool is_kept;
	bool is_name; /* what the row is called */
	const char *(*text)(struct source *s);
	int64_t (*number)(struct source *s);
};

static const char *label(const struct source *s, uint32_t labels, const char *key,
			 const char *absent)
{
	const char *text = profile_label_text(s->p, labels, key);

	return text ? text : absent;
}

static int64_t pid_of(struct source *s)
{
	return profile_label_number(s->p, s->row->id, "pid", -1);
}

static int64_t tid_of(struct source *s)
{
	return profile_label_number(s->p, s->row->id, "tid", -1);
}

static int64_t threads_of(struct source *s)
{
	return rows_threads(s->row);
}

static int64_t processes_of(struct source *s)
{
	return rows_processes(s->row);
}

static const char *container_of(struct source *s)
{
	return label(s, s->row->id, "container", "");
}

static const char *container_or_host(struct source *s)
{
	return label(s, s->row->id, "container", "[host]");
}

static const char *python_of(struct source *s)
{
	return label(s, s->row->id, "python", "");
}

static const char *command_of(struct source *s)
{
	return label(s, s->row->id, "process", "");
}

static const char *thread_of(struct source *s)
{
	return label(s, s->row->id, "thread", "");
}

static const char *task_of(struct source *s)
{
	return label(s, s->row->id, "task", "[no task]");
}

static const char *coroutine_of(struct source *s)
{
	return label(s, s->row->id, "coroutine", "");
}

static const char *awaiter_of(struct source *s)
{
	return label(s, s->row->id, "awaited_by", "");
}

/* Time outside of tasks is in one row, whichever program's it is. */
static const char *command_of_task(struct source *s)
{
	return label(s, s->row->id, "task", NULL) ? command_of(s) : "";
}

static const char *on_of(struct source *s)
{
	return label(s, s->row->other, "on", "[not known]");
}

static const char *function_of(struct source *s)
{
	return view_name(s->p, s->v->by, s->row);
}

static const char *place_of(struct source *s)
{
	int64_t line;
	const char *file = view_file(s->p, s->v->by, s->row, &line);

	describe_place(s->place, sizeof(s->place), file, line, s->o->full_filenames);
	text_make_utf8(s->place);
	return s->place;
}

static const struct field pid = { "pid", TABLE_ID, .number = pid_of };
static const struct field tid = { "tid", TABLE_ID, .number = tid_of };
static const struct field threads = { "threads", TABLE_NUMBER, .number = threads_of };
static const struct field processes = { "processes", TABLE_NUMBER, .number = processes_of };
static const struct field python = { "python", TABLE_TEXT, .text = python_of };
static const struct field container = { "container", TABLE_TEXT, TABLE_CUT_RIGHT,
					.text = container_of };
static const struct field container_name = { "container", TABLE_TEXT, TABLE_CUT_RIGHT,
					     true,        true,       .text = container_or_host };
static const struct field command = { "command", TABLE_TEXT, TABLE_CUT_RIGHT,
				      true,      true,       .text = command_of };
static const struct field of_command = { "command", TABLE_TEXT, TABLE_CUT_RIGHT, true,
					 .text = command_of };
static const struct field thread = { "thread", TABLE_TEXT, TABLE_CUT_RIGHT,
				     true,     true,       .text = thread_of };
static const struct field task = {
	"task", TABLE_TEXT, TABLE_CUT_RIGHT, true, true, .text = task_of
};
static const struct field coroutine = { "coroutine", TABLE_TEXT, TABLE_CUT_RIGHT, true,
					.text = coroutine_of };
static const struct field awaited_by = { "awaited by", TABLE_TEXT, TABLE_CUT_RIGHT,
					 .text = awaiter_of };
static const struct field command_if_task = { "command", TABLE_TEXT, TABLE_CUT_RIGHT,
					      .text = command_of_task };
static const struct field function = { "function", TABLE_TEXT, TABLE_CUT_RIGHT,
				       true,       true,       .text = function_of };
static const struct field caller = { "caller", TABLE_TEXT, TABLE_CUT_RIGHT,
				     true,     true,       .text = function_of };
static const struct field callee = { "callee", TABLE_TEXT, TABLE_CUT_RIGHT,
				     true,     true,       .text = function_of };
static const struct field waiter = { "waiter", TABLE_TEXT, TABLE_CUT_RIGHT,
				     true,     true,       .text = function_of };
static const struct field where = { "where", TABLE_TEXT, TABLE_CUT_LEFT, true, .text = place_of };
static const struct field waits_for = { "waits for", TABLE_TEXT, TABLE_CUT_RIGHT, true,
					.text = on_of };

/* Fields before and after the measures. */
static const struct columns {
	const struct field *before[6], *after[5];
} views[REPORT_VIEW_NR] = {
	[REPORT_FUNCTION] = { .after = { &function, &where } },
	[REPORT_LINE] = { .after = { &function, &where } },
	[REPORT_PROCESS] = { { &pid, &container, &threads, &python }, { &command } },
	[REPORT_THREAD] = { { &pid, &tid, &container }, { &thread, &of_command } },
	[REPORT_CONTAINER] = { { &processes, &threads }, { &container_name } },
	[REPORT_TASK] = { .after = { &task, &coroutine, &awaited_by, &command_if_task } },
	[REPORT_ON] = { .after = { &waiter, &where, &waits_for } },
	[REPORT_CALLERS] = { .after = { &caller, &where } },
	[REPORT_CALLEES] = { .after = { &callee, &where } },
};

/* Of totals, only what orients is shown: the others would fill the line twice. */
static bool is_shown(const struct measures *m, int measure, const char *group)
{
	bool orients = measure == m->wall || measure == m->cpu || !m->is_ledger;

	return m->list[measure].is_shown &&
	       (!group || strcmp(group, COLUMNS_TOTAL) != 0 || orients);
}

static void add_measures(struct view *v, const char *group)
{
	const struct measures *m = &v->measures;

	for (int i = 0; i < (int)m->count; i++) {
		struct table_column column = {
			.head = m->list[i].name,
			.group = group,
			.kind = m->list[i].is_time ? TABLE_SECONDS : TABLE_NUMBER,
			.is_kept = m->list[i].is_shown && (i == m->wall || i == m->cpu),
			.is_hidden = !is_shown(m, i, group),
		};
		int index = table_column(v->table, &column);

		if (i == (int)m->rank && v->rank < 0)
			v->rank = index;
	}
}

static void add_fields(struct view *v, const struct field *const *fields, bool full)
{
	for (; *fields; fields++) {
		const struct field *field = *fields;
		struct table_column column = {
			.head = field->head,
			.kind = field->kind,
			.cut = full && field == &where ? TABLE_UNCUT : field->cut,
			.is_kept = field->is_kept,
		};
		int index = table_column(v->table, &column);

		if (field->is_name)
			v->name = index;
	}
}

void columns_add(struct view *v, const struct report_options *o)
{
	v->rank = v->name = -1;
	add_fields(v, views[o->view].before, o->full_filenames);
	if (v->is_of_frames)
		add_measures(v, COLUMNS_SELF);
	add_measures(v, v->is_of_frames ? COLUMNS_TOTAL : NULL);
	add_fields(v, views[o->view].after, o->full_filenames);
}

static void fill_measures(const struct source *s, const int64_t *values)
{
	for (size_t i = 0; i < s->v->measures.count; i++)
		table_number(s->v->table, values[i]);
}

static void fill_fields(struct source *s, const struct field *const *fields)
{
	for (; *fields; fields++) {
		if ((*fields)->text)
			table_text(s->v->table, (*fields)->text(s));
		else
			table_number(s->v->table, (*fields)->number(s));
	}
}

void columns_fill(struct view *v, const struct profile *p, const struct report_options *o)
{
	struct source s = { .v = v, .p = p, .o = o };

	for (size_t i = 0; i < rows_count(v->rows); i++) {
		s.row = rows_at(v->rows, i);
		table_row(v->table, s.row);
		fill_fields(&s, views[o->view].before);
		if (v->is_of_frames)
			fill_measures(&s, s.row->self);
		fill_measures(&s, s.row->total);
		fill_fields(&s, views[o->view].after);
	}
}
