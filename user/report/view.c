/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "report/view.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "profile/profile.h"
#include "report/columns.h"

void view_done(struct view *v)
{
	free(v->matches);
	rows_free(v->rows);
	table_free(v->table);
}

static bool is_of_neighbours(enum report_view view)
{
	return view == REPORT_CALLERS || view == REPORT_CALLEES;
}

/* Nobody waits for whoever gives it a CPU, so that --by on is about the other states. */
uint32_t view_states(const struct report_options *o)
{
	if (o->states)
		return o->states;
	if (o->view == REPORT_ON)
		return MEASURES_ALL & ~(1u << ADDER_STATE_CPU | 1u << ADDER_STATE_RUNQ);
	return MEASURES_ALL;
}

enum measures_idle view_idle(const struct report_options *o)
{
	if (o->idle || (o->states & MEASURES_IDLE))
		return MEASURES_WITH_IDLE;
	switch (o->view) {
	case REPORT_TASK: /* a task that sleeps or polls is no idle thread: it holds up its loop */
		return MEASURES_WITH_IDLE;
	case REPORT_PROCESS:
	case REPORT_THREAD:
	case REPORT_CONTAINER:
		return MEASURES_IDLE_APART;
	default:
		return MEASURES_WITHOUT_IDLE;
	}
}

static enum rows_by rows_of(enum report_view view)
{
	switch (view) {
	case REPORT_LINE:
		return ROWS_LINE;
	case REPORT_PROCESS:
		return ROWS_PROCESS;
	case REPORT_THREAD:
		return ROWS_THREAD;
	case REPORT_CONTAINER:
		return ROWS_CONTAINER;
	case REPORT_TASK:
		return ROWS_TASK;
	case REPORT_ON:
		return ROWS_ON;
	case REPORT_CALLERS:
		return ROWS_CALLERS;
	case REPORT_CALLEES:
		return ROWS_CALLEES;
	default:
		return ROWS_FUNCTION;
	}
}

/* ---- functions by name ---- */

enum way { EXACTLY, AS_GLOB, IN_PART };

static bool matches(enum way way, const char *name, const char *pattern)
{
	switch (way) {
	case EXACTLY:
		return !strcmp(name, pattern);
	case AS_GLOB:
		return fnmatch(pattern, name, 0) == 0;
	default:
		return strcasestr(name, pattern) != NULL;
	}
}

int view_match(const struct profile *p, const char *name, bool **ret)
{
	size_t count = profile_function_count(p), found = 0;
	cleanup_free bool *flags = calloc(count + 1, sizeof(*flags));

	if (!flags)
		return -ENOMEM;
	for (enum way way = EXACTLY; way <= IN_PART && !found; way++) {
		for (size_t i = 0; i < count; i++) {
			flags[i] =
				matches(way, profile_text(p, profile_function_at(p, i).name), name);
			found += flags[i];
		}
	}
	if (!found)
		return -ENOENT;
	*ret = TAKE_PTR(flags);
	return 0;
}

/* ---- what a row is called ---- */

static const char *name_of_none(enum rows_by by)
{
	if (by == ROWS_CALLERS)
		return "[nobody: outermost]";
	return by == ROWS_CALLEES ? "[itself]" : "[no stack]";
}

static struct profile_function function_of(const struct profile *p, enum rows_by by,
					   const struct row *row)
{
	if (by == ROWS_LINE)
		return profile_function_at(p, profile_location_at(p, row->id).function);
	return profile_function_at(p, row->id);
}

const char *view_name(const struct profile *p, enum rows_by by, const struct row *row)
{
	if (row->id == ROWS_NONE)
		return name_of_none(by);
	return profile_text(p, function_of(p, by, row).name);
}

const char *view_file(const struct profile *p, enum rows_by by, const struct row *row,
		      int64_t *line)
{
	*line = 0;
	if (row->id == ROWS_NONE)
		return "";
	*line = by == ROWS_LINE ? profile_location_at(p, row->id).line
				: function_of(p, by, row).start_line;
	return profile_text(p, function_of(p, by, row).filename);
}

/* ---- sorting ---- */

static int total_rank(const struct view *v)
{
	int column = v->is_of_frames ? table_find(v->table, v->measures.list[v->measures.rank].name,
						  COLUMNS_TOTAL)
				     : -1;

	return column >= 0 ? column : v->rank;
}

/* The column that @key names: "gil", "total", "total-gil", "name", ...; or -1. */
static int sort_column(const struct view *v, const char *key)
{
	if (!key || !strcasecmp(key, COLUMNS_SELF))
		return v->rank;
	if (!strcasecmp(key, COLUMNS_TOTAL))
		return total_rank(v);
	if (!strcasecmp(key, "name"))
		return v->name;
	if (!strncasecmp(key, "total-", 6))
		return table_find(v->table, key + 6, COLUMNS_TOTAL);
	if (!strncasecmp(key, "self-", 5))
		return table_find(v->table, key + 5, COLUMNS_SELF);
	return table_find(v->table, key, NULL);
}

/* With one state, its word says more than WALL does, and saying both would be once too many. */
static void name_single_state(struct measures *m, uint32_t states)
{
	int state = __builtin_ctz(states);

	if (!m->is_ledger || (states & (states - 1)))
		return;
	strcpy(m->list[m->wall].name, measures_state_name(state));
	for (size_t i = 0; i < m->count; i++)
		m->list[i].is_shown = (int)i == m->wall;
}

/* What is no part of the sum is shown only where it is asked for. */
static void show_measure(struct measures *m, const char *name)
{
	int measure = name && m->is_ledger ? measures_find(m, name) : MEASURE_NONE;

	if (measure > m->state[ADDER_STATE_NR - 1] && m->list[measure].exported != MEASURE_NONE)
		m->list[measure].is_shown = true;
}

static bool is_in_stack(const struct profile *p, uint32_t id, const bool *functions)
{
	size_t depth;
	const uint32_t *stack = profile_stack_at(p, id, &depth);

	for (size_t i = 0; i < depth; i++) {
		if (functions[profile_location_at(p, stack[i]).function])
			return true;
	}
	return false;
}

static void sum_matched(struct view *v, const struct profile *p)
{
	int64_t values[MEASURES_MAX];

	for (size_t i = 0; i < profile_sample_count(p); i++) {
		struct profile_sample sample = profile_sample_at(p, i);

		if (!is_in_stack(p, sample.stack, v->matches))
			continue;
		measures_of(&v->measures, sample.values, values);
		measures_add(&v->measures, v->matched, values);
	}
}

static int build(struct view *v, const struct profile *p, const struct report_options *o)
{
	int err = measures_init(&v->measures, p, view_states(o), view_idle(o));

	if (err)
		return err;
	name_single_state(&v->measures, view_states(o));
	show_measure(&v->measures, o->view == REPORT_TASK ? "loop" : o->sort);
	v->by = rows_of(o->view);
	v->is_of_frames = o->view == REPORT_FUNCTION || o->view == REPORT_LINE;
	if (is_of_neighbours(o->view)) {
		err = view_match(p, o->function ? o->function : "", &v->matches);
		if (err)
			return err;
		sum_matched(v, p);
	}
	err = rows_collect(p, &v->measures, v->by, v->matches, &v->rows);
	if (err)
		return err;
	v->table = table_new();
	if (!v->table)
		return -ENOMEM;
	columns_add(v, o);
	columns_fill(v, p, o);
	if (sort_column(v, o->sort) < 0)
		return -EINVAL;
	table_sort(v->table, sort_column(v, o->sort), total_rank(v));
	return table_error(v->table);
}

int view_make(const struct profile *p, const struct report_options *o, struct view *ret)
{
	struct view v = { 0 };
	int err = build(&v, p, o);

	if (err)
		view_done(&v);
	else
		*ret = v;
	return err;
}
