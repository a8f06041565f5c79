/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "profile/describe.h"
#include "profile/profile.h"
#include "report/footer.h"
#include "report/header.h"
#include "report/json.h"
#include "report/number.h"
#include "report/by_calls.h"
#include "report/by_state.h"
#include "report/tree.h"
#include "report/view.h"

#define VIEW_NAME(id, name) name,
static const char *const view_names[] = { REPORT_VIEW_LIST(VIEW_NAME) };

int report_view_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(view_names); i++) {
		if (!strcmp(view_names[i], name))
			return i;
	}
	return -1;
}

struct report_options report_defaults(int width)
{
	return (struct report_options){ .view = REPORT_FUNCTION,
					.rows = REPORT_ROWS_AUTO,
					.width = width };
}

/* What the table leaves out, so that the rows can be seen to add up. */
static void print_rest(const struct view *v, size_t shown, FILE *out)
{
	char seconds[32];

	if (shown == 0 || table_rows(v->table) <= shown)
		return;
	fprintf(out, "  … %zu more", table_rows(v->table) - shown);
	if (v->measures.list[v->measures.rank].is_time &&
	    (v->is_of_frames || (v->by != ROWS_CALLERS && v->by != ROWS_CALLEES))) {
		seconds_alone(seconds, sizeof(seconds), table_sum(v->table, v->rank, shown));
		fprintf(out, ", %s s", seconds);
	}
	fputs(": -l 0 shows all\n", out);
}

/* "callers of render (shop/render.py:42): 12.40 s" */
static void print_matched(const struct view *v, const struct profile *p, FILE *out)
{
	size_t named = 0, count = 0;
	char number[32];

	fprintf(out, "  %s of ", v->by == ROWS_CALLERS ? "callers" : "callees");
	for (size_t i = 0; i < profile_function_count(p); i++) {
		char name[512], safe[1024];

		if (!v->matches[i] || ++count > 3)
			continue;
		describe_function(name, sizeof(name), p, i);
		text_make_utf8(name);
		text_escape(safe, sizeof(safe), name);
		fprintf(out, "%s%s", named++ ? ", " : "", safe);
	}
	if (count > named)
		fprintf(out, " and %zu more", count - named);
	seconds_alone(number, sizeof(number), v->matched[v->measures.rank]);
	if (v->measures.list[v->measures.rank].is_time)
		fprintf(out, ": %s s\n", number);
	else
		fprintf(out, ": %" PRId64 "\n", v->matched[v->measures.rank]);
}

static int print_view(const struct profile *p, const struct report_options *o, FILE *out)
{
	size_t rows = o->rows == REPORT_ROWS_AUTO ? REPORT_ROWS : o->rows;
	struct view v;
	int err = view_make(p, o, &v);

	if (err)
		return err;
	if (v.matches)
		print_matched(&v, p, out);
	if (table_rows(v.table) == 0)
		fputs("  nothing to show: no time in it (--idle counts waiting for work, too)\n",
		      out);
	else
		table_print(v.table, rows, o->width, out);
	print_rest(&v, rows, out);
	view_done(&v);
	return 0;
}

static int print_body(const struct profile *p, const struct report_options *o, FILE *out)
{
	if (o->view == REPORT_TREE)
		return tree_print(p, o, out);
	if (o->view == REPORT_STATE)
		return by_state_print(p, o, out);
	if (o->view == REPORT_CALLS)
		return by_calls_print(p, o, out);
	return print_view(p, o, out);
}

/* Views that list processes, or a few functions, need no list of processes above. */
static bool wants_processes(const struct report_options *o)
{
	return o->view == REPORT_FUNCTION || o->view == REPORT_LINE || o->view == REPORT_STATE ||
	       o->view == REPORT_TREE;
}

/* The parts of a report, each of lines of its own; an empty one leaves no gap. */
static int print_parts(const struct profile *p, const struct report_options *o, const char *body,
		       FILE *out)
{
	cleanup_free char *foot = NULL;
	size_t size = 0;
	FILE *stream;
	int err = header_print(p, o, wants_processes(o), out);

	if (err)
		return err;
	fprintf(out, "\n%s", body);
	stream = open_memstream(&foot, &size);
	if (!stream)
		return -errno;
	err = footer_print(p, stream);
	if (fclose(stream) && !err)
		err = -ENOMEM;
	if (!err && size > 0)
		fprintf(out, "\n%s", foot);
	return err;
}

/* The body goes to memory first: what cannot be shown is refused before the first line. */
int report_print(const struct profile *p, const struct report_options *o, FILE *out)
{
	cleanup_free char *body = NULL;
	size_t size = 0;
	FILE *stream;
	int err;

	if (o->json)
		return report_json(p, o, out);
	stream = open_memstream(&body, &size);
	if (!stream)
		return -errno;
	err = print_body(p, o, stream);
	if (fclose(stream) && !err)
		err = -ENOMEM;
	return err ? err : print_parts(p, o, body, out);
}

void report_sort_keys(const struct profile *p, const struct report_options *o, char *dst,
		      size_t size)
{
	struct report_options unsorted = *o;
	struct view v;

	snprintf(dst, size, "self, total, name");
	unsorted.sort = NULL;
	if (o->view == REPORT_CALLS)
		snprintf(dst, size, "ncalls, resumes, tottime, percall, cumtime%s, function, where",
			 o->per_process ? ", pid, process" : "");
	if (o->view == REPORT_STATE || o->view == REPORT_CALLS || o->view == REPORT_TREE ||
	    view_make(p, &unsorted, &v))
		return;
	for (int i = 0; table_head(v.table, i); i++) {
		size_t used = strlen(dst);
		const char *head = table_head(v.table, i);

		if (table_find(v.table, head, NULL) != i || used >= size)
			continue;
		snprintf(dst + used, size - used, ", ");
		for (used = strlen(dst); *head && used + 1 < size; head++)
			dst[used++] = tolower((unsigned char)*head);
		dst[used] = '\0';
	}
	view_done(&v);
}

bool report_sorts_calls(const char *key)
{
	return by_calls_sorts(key);
}

bool report_sorts_processes(const char *key)
{
	return by_calls_sorts_processes(key);
}
