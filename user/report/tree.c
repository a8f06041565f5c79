/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/tree.h"

#include <ctype.h>
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
	FOLD_BELOW = 200,    /* branches below 1/200 of the whole */
	SILENT_BELOW = 1000, /* such branches together are not even mentioned */
	INDENT_BYTES = 5,    /* of "│  " */
	LEAST_NAME = 24,     /* columns kept for a name, however deep it is */
};

/* What text needs of a node; JSON needs every measure. */
enum { FIRST, SECOND, ORDER, NUMBERS_NR };

struct tree {
	const struct profile *p;
	const struct report_options *o;
	struct calltree *calls;
	struct measures measures;
	size_t of[NUMBERS_NR]; /* measures: of both columns, and to order siblings by */
	size_t columns;        /* 1 or 2 */
	int64_t whole;
	int decimals, widths[2];
	size_t lines, more; /* printed, and left out for want of --lines */
	FILE *out;
	char indent[(CALLTREE_DEPTH_MAX + 4) * INDENT_BYTES];
};

static void measure_all(const void *context, const int64_t *values, int64_t *ret)
{
	const struct tree *t = context;

	measures_of(&t->measures, values, ret);
}

static void measure_shown(const void *context, const int64_t *values, int64_t *ret)
{
	const struct tree *t = context;
	int64_t all[MEASURES_MAX];

	measures_of(&t->measures, values, all);
	for (size_t i = 0; i < NUMBERS_NR; i++)
		ret[i] = all[t->of[i]];
}

static int choose_numbers(struct tree *t)
{
	const struct measures *m = &t->measures;
	const char *key = t->o->sort;
	int by = key ? measures_find(m, key) : MEASURE_NONE;

	t->of[FIRST] = m->wall >= 0 ? (size_t)m->wall : m->rank;
	t->columns = m->cpu >= 0 && m->list[m->cpu].is_shown ? 2 : 1;
	t->of[SECOND] = t->columns == 2 ? (size_t)m->cpu : t->of[FIRST];
	if (key && by < 0 && strcmp(key, "total") != 0)
		return -EINVAL;
	t->of[ORDER] = by >= 0 ? (size_t)by : t->of[FIRST];
	return 0;
}

static int open_tree(struct tree *t, const struct profile *p, const struct report_options *o,
		     bool all)
{
	struct calltree_measure how = { NUMBERS_NR, measure_shown, t };
	int err = measures_init(&t->measures, p, view_states(o), view_idle(o));

	if (err)
		return err;
	t->p = p;
	t->o = o;
	err = choose_numbers(t);
	if (err)
		return err;
	if (all)
		how = (struct calltree_measure){ t->measures.count, measure_all, t };
	err = calltree_new(p, CALLTREE_PROGRAMS, &how, &t->calls);
	if (!err)
		calltree_sort(t->calls, all ? t->of[ORDER] : ORDER);
	return err;
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

static void format_number(const struct tree *t, int column, int64_t value, char *dst, size_t size)
{
	if (t->measures.list[t->of[column]].is_time)
		seconds_format(dst, size, value, t->decimals);
	else
		snprintf(dst, size, "%" PRId64, value);
}

static int print_number(const struct tree *t, int column, int64_t value)
{
	char text[32];
	int width;

	format_number(t, column, value, text, sizeof(text));
	width = text_width(text) > t->widths[column] ? text_width(text) : t->widths[column];
	fprintf(t->out, "  %*s%s", width - text_width(text), "", text);
	return 2 + width;
}

/* One line: numbers, indentation, @branch, name. */
static void print_line(struct tree *t, const int64_t *total, const char *branch, const char *name)
{
	size_t limit = t->o->rows == REPORT_ROWS_AUTO ? 0 : t->o->rows;
	int used = 0, room = 0;

	if (limit && t->lines >= limit) {
		t->more++;
		return;
	}
	t->lines++;
	for (size_t i = 0; i < t->columns; i++)
		used += print_number(t, i, total[i]);
	used += fprintf(t->out, "  %5.1f  ", percent_of(total[FIRST], t->whole));
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
	return calltree_total(t->calls, node)[FIRST] <= t->whole / FOLD_BELOW;
}

static int64_t add(int64_t sum, int64_t value)
{
	return __builtin_add_overflow(sum, value, &sum) ? INT64_MAX : sum;
}

/* How many children of @node are lines of their own, and how many are counted in one: none if they
 * are nothing to speak of even together. */
static size_t count_big(const struct tree *t, uint32_t node, size_t *small)
{
	int64_t sum = 0;
	size_t big = 0;

	*small = 0;
	for (uint32_t c = calltree_node(t->calls, node)->child; c;
	     c = calltree_node(t->calls, c)->next) {
		if (!is_small(t, c)) {
			big++;
			continue;
		}
		++*small;
		sum = add(sum, calltree_total(t->calls, c)[FIRST]);
	}
	if (sum < t->whole / SILENT_BELOW)
		*small = 0;
	return big;
}

/* The first child of @node that is a line of its own; there must be one. */
static uint32_t first_big(const struct tree *t, uint32_t node)
{
	uint32_t child = calltree_node(t->calls, node)->child;

	while (is_small(t, child))
		child = calltree_node(t->calls, child)->next;
	return child;
}

static void print_small(struct tree *t, uint32_t node, size_t small)
{
	int64_t sums[NUMBERS_NR] = { 0 };
	char name[64];

	for (uint32_t c = calltree_node(t->calls, node)->child; c;
	     c = calltree_node(t->calls, c)->next) {
		for (size_t i = 0; i < NUMBERS_NR && is_small(t, c); i++)
			sums[i] = add(sums[i], calltree_total(t->calls, c)[i]);
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
			node = first_big(t, node);
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

	t->whole = total[FIRST];
	t->decimals = seconds_decimals(t->whole);
	for (size_t i = 0; i < t->columns; i++) {
		char name[64], number[32];

		text_escape(name, sizeof(name), t->measures.list[t->of[i]].name);
		for (char *c = name; *c; c++)
			*c = toupper((unsigned char)*c);
		format_number(t, i, total[i], number, sizeof(number));
		t->widths[i] = text_width(number) > text_width(name) ? text_width(number)
								     : text_width(name);
		fprintf(t->out, "  %*s%s", t->widths[i] - text_width(name), "", name);
	}
	fprintf(t->out, "  %5s\n", "%");
}

int tree_print(const struct profile *p, const struct report_options *o, FILE *out)
{
	struct tree t = { .out = out };
	int err = open_tree(&t, p, o, false);

	if (!err) {
		print_head(&t);
		print_children(&t, 0);
		if (t.more)
			fprintf(out, "  … %zu more lines: -l 0 shows all\n", t.more);
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
	int err = open_tree(&t, p, o, true);

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
