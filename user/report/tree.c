/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "profile/calltree.h"
#include "profile/describe.h"
#include "profile/profile.h"
#include "report/json.h"
#include "report/layout.h"
#include "report/number.h"
#include "report/view.h"

enum {
	FOLD_BELOW = 200, /* branches below 1/200 of the whole */
	INDENT_BYTES = 5, /* of "│  " */
	LEAST_NAME = 24,  /* columns kept for a name, however deep it is */
};

struct tree {
	const struct profile *p;
	const struct report_options *o;
	struct calltree *calls;
	struct measures measures;
	size_t first; /* measure in the first column, which orders and folds */
	int second;   /* measure in the second one, or MEASURE_NONE */
	int64_t whole;
	int decimals, widths[2];
	FILE *out;
	char indent[(CALLTREE_DEPTH_MAX + 4) * INDENT_BYTES];
};

static void measure(const void *context, const int64_t *values, int64_t *ret)
{
	measures_of(context, values, ret);
}

static int open_tree(struct tree *t, const struct profile *p, const struct report_options *o)
{
	struct calltree_measure how = { .measure = measure, .context = &t->measures };
	int err = measures_init(&t->measures, p, view_states(o), view_idle(o));
	int by = MEASURE_NONE;

	if (err)
		return err;
	t->p = p;
	t->o = o;
	t->first = t->measures.wall >= 0 ? (size_t)t->measures.wall : t->measures.rank;
	t->second = t->measures.cpu;
	if (t->second >= 0 && !t->measures.list[t->second].is_shown)
		t->second = MEASURE_NONE;
	if (o->sort && strcmp(o->sort, "total") != 0)
		by = measures_find(&t->measures, o->sort);
	if (o->sort && strcmp(o->sort, "total") != 0 && by < 0)
		return -EINVAL;
	how.count = t->measures.count;
	err = calltree_new(p, CALLTREE_PROGRAMS, &how, &t->calls);
	if (err)
		return err;
	calltree_sort(t->calls, by >= 0 ? (size_t)by : t->first);
	t->whole = calltree_total(t->calls, 0)[t->first];
	t->decimals = seconds_decimals(t->whole);
	return 0;
}

/* ---- text ---- */

static int compare_numbers(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* How many processes are called @name. */
static size_t count_processes(const struct profile *p, const char *name)
{
	size_t labels = profile_labels_count(p), count = 0, distinct = 0;
	cleanup_free int64_t *pids = calloc(labels + 1, sizeof(*pids));

	for (size_t i = 0; pids && i < labels; i++) {
		const char *other = profile_label_text(p, i, "process");

		if (other && !strcmp(name, other))
			pids[count++] = profile_label_number(p, i, "pid", -1);
	}
	if (pids)
		qsort(pids, count, sizeof(*pids), compare_numbers);
	for (size_t i = 0; i < count; i++)
		distinct += i == 0 || pids[i] != pids[i - 1];
	return distinct;
}

/* "app.py (1234)", or of several processes of that name "app.py (3 processes)". */
static void name_process(const struct tree *t, uint32_t labels, char *dst, size_t size)
{
	const char *name = profile_label_text(t->p, labels, "process");
	size_t count = name ? count_processes(t->p, name) : 0;

	describe_process(dst, size, t->p, labels);
	if (count > 1)
		snprintf(dst, size, "%s (%zu processes)", name, count);
}

static void name_node(const struct tree *t, uint32_t index, char *dst, size_t size)
{
	const struct calltree_node *node = calltree_node(t->calls, index);
	struct profile_function function;
	char name[1024], place[1024];

	if (node->is_process) {
		name_process(t, node->id, name, sizeof(name));
	} else {
		function = profile_function_at(t->p, node->id);
		describe_place(place, sizeof(place), profile_text(t->p, function.filename),
			       function.start_line, t->o->full_filenames);
		snprintf(name, sizeof(name), *place ? "%.500s  %s" : "%s",
			 profile_text(t->p, function.name), place);
	}
	text_escape(dst, size, name);
}

static int print_number(const struct tree *t, int column, int64_t value)
{
	size_t index = column == 0 ? t->first : (size_t)t->second;
	char text[32];

	if (t->measures.list[index].is_time)
		seconds_format(text, sizeof(text), value, t->decimals);
	else
		snprintf(text, sizeof(text), "%" PRId64, value);
	fprintf(t->out, "  %*s%s", t->widths[column] - text_width(text), "", text);
	return 2 + (t->widths[column] > text_width(text) ? t->widths[column] : text_width(text));
}

/* One line: numbers, indentation, @branch, name. */
static void print_line(const struct tree *t, const int64_t *total, const char *branch,
		       const char *name)
{
	int used = print_number(t, 0, total[t->first]), room = 0;

	if (t->second >= 0)
		used += print_number(t, 1, total[t->second]);
	used += fprintf(t->out, "  %5.1f  ", percent_of(total[t->first], t->whole));
	if (t->o->width > 0)
		room = t->o->width - used - text_width(branch) - LEAST_NAME;
	if (t->o->width > 0 && room < 4)
		room = 4;
	used += layout_print_cut(t->indent, room, TABLE_CUT_LEFT, t->out);
	fputs(branch, t->out);
	used += text_width(branch);
	room = t->o->width > 0 ? t->o->width - used : 0;
	layout_print_cut(name, t->o->width > 0 && room < 8 ? 8 : room, TABLE_CUT_RIGHT, t->out);
	fputc('\n', t->out);
}

/* Is @node too small to be a line of its own? */
static bool is_small(const struct tree *t, uint32_t node)
{
	return calltree_total(t->calls, node)[t->first] <= t->whole / FOLD_BELOW;
}

static size_t count_big(const struct tree *t, uint32_t node, size_t *small)
{
	size_t big = 0;

	*small = 0;
	for (uint32_t c = calltree_node(t->calls, node)->child; c;
	     c = calltree_node(t->calls, c)->next) {
		if (is_small(t, c))
			++*small;
		else
			big++;
	}
	return big;
}

static void print_small(const struct tree *t, uint32_t node, size_t small)
{
	int64_t sums[MEASURES_MAX] = { 0 };
	char name[64];

	for (uint32_t c = calltree_node(t->calls, node)->child; c;
	     c = calltree_node(t->calls, c)->next) {
		if (is_small(t, c))
			measures_add(&t->measures, sums, calltree_total(t->calls, c));
	}
	snprintf(name, sizeof(name), "… %zu more", small);
	print_line(t, sums, node ? "└─ " : "", name);
}

static void print_children(struct tree *t, uint32_t node);

/* A node, below it its only child on the same indentation, and so on; then the branches. */
static void print_chain(struct tree *t, uint32_t node, const char *branch, const char *below)
{
	size_t length = strlen(t->indent), small;
	bool is_only = true;

	for (bool is_first = true; is_only; is_first = false) {
		char name[2048];

		name_node(t, node, name, sizeof(name));
		print_line(t, calltree_total(t->calls, node), is_first ? branch : "", name);
		if (is_first)
			strcat(t->indent, below);
		is_only = count_big(t, node, &small) == 1 && small == 0 &&
			  !calltree_node(t->calls, node)->is_process;
		if (is_only)
			node = calltree_node(t->calls, node)->child;
	}
	print_children(t, node);
	t->indent[length] = '\0';
}

static void print_children(struct tree *t, uint32_t node)
{
	size_t small, left = count_big(t, node, &small) + (small > 0);

	for (uint32_t c = calltree_node(t->calls, node)->child; c;
	     c = calltree_node(t->calls, c)->next) {
		if (is_small(t, c))
			continue;
		left--;
		if (node == 0)
			print_chain(t, c, "", "");
		else
			print_chain(t, c, left ? "├─ " : "└─ ", left ? "│  " : "   ");
	}
	if (small > 0 && left > 0)
		print_small(t, node, small);
}

static void print_head(struct tree *t)
{
	const int64_t *total = calltree_total(t->calls, 0);
	const size_t shown[] = { t->first, t->second >= 0 ? (size_t)t->second : t->first };
	size_t columns = t->second >= 0 ? 2 : 1;

	for (size_t i = 0; i < columns; i++) {
		char name[64], number[32];

		text_escape(name, sizeof(name), t->measures.list[shown[i]].name);
		for (char *c = name; *c; c++)
			*c = *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c;
		if (t->measures.list[shown[i]].is_time)
			seconds_format(number, sizeof(number), total[shown[i]], t->decimals);
		else
			snprintf(number, sizeof(number), "%" PRId64, total[shown[i]]);
		t->widths[i] = text_width(name) > text_width(number) ? text_width(name)
								     : text_width(number);
		fprintf(t->out, "  %*s%s", t->widths[i] - text_width(name), "", name);
	}
	fprintf(t->out, "  %5s\n", "%");
}

int tree_print(const struct profile *p, const struct report_options *o, FILE *out)
{
	struct tree t = { .out = out };
	int err = open_tree(&t, p, o);

	if (!err) {
		print_head(&t);
		print_children(&t, 0);
	}
	calltree_free(t.calls);
	return err;
}

/* ---- JSON ---- */

static json_t *node_json(const struct tree *t, uint32_t index)
{
	const struct calltree_node *node = calltree_node(t->calls, index);
	json_t *object = json_object(), *children = json_array();

	if (node->is_process) {
		json_put_text(object, "process", profile_label_text(t->p, node->id, "process"));
	} else {
		struct profile_function function = profile_function_at(t->p, node->id);

		json_put_text(object, "function", profile_text(t->p, function.name));
		json_put_text(object, "file", profile_text(t->p, function.filename));
		json_put_number(object, "line", function.start_line);
	}
	json_object_set_new(object, "self",
			    report_json_values(&t->measures, calltree_self(t->calls, index)));
	json_object_set_new(object, "total",
			    report_json_values(&t->measures, calltree_total(t->calls, index)));
	for (uint32_t c = node->child; c; c = calltree_node(t->calls, c)->next)
		json_array_append_new(children, node_json(t, c));
	json_object_set_new(object, "children", children);
	return object;
}

int tree_json(const struct profile *p, const struct report_options *o, json_t **ret)
{
	json_t *list = json_array();
	struct tree t = { 0 };
	int err = open_tree(&t, p, o);

	for (uint32_t c = err ? 0 : calltree_node(t.calls, 0)->child; c;
	     c = calltree_node(t.calls, c)->next)
		json_array_append_new(list, node_json(&t, c));
	calltree_free(t.calls);
	if (err)
		json_decref(list);
	else
		*ret = list;
	return err;
}
