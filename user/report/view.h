/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A view: the rows of a profile by what the user asks for, as a sorted table.
 */
#ifndef REPORT_VIEW_H
#define REPORT_VIEW_H

#include "report/measures.h"
#include "report/report.h"
#include "report/rows.h"
#include "report/table.h"

struct view {
	struct measures measures;
	enum rows_by by;
	bool is_of_frames;             /* rows have self and total */
	bool *matches;                 /* functions whose callers or callees these are, or NULL */
	int64_t matched[MEASURES_MAX]; /* time of samples that any of those is in */
	struct rows *rows;
	struct table *table; /* tags: struct row */
	int rank; /* column that tells what a row is worth; of self, where there is one */
	int name; /* column that says what a row is */
};

/** Make the view that @o asks for.  As report_print(); *@ret is to be given to view_done(). */
int view_make(const struct profile *p, const struct report_options *o, struct view *ret);
void view_done(struct view *v);

/** The states that count for @o: all, unless it or its view narrows them. */
uint32_t view_states(const struct report_options *o);

/** What idle time is to @o. */
enum measures_idle view_idle(const struct report_options *o);

/**
 * Tell which functions of @p are called @name; if none, which match it as a glob; if none, which
 * contain it.  The result is the caller's to free, one flag a function.  -ENOENT, -ENOMEM.
 */
int view_match(const struct profile *p, const char *name, bool **ret);

/** The functions' name of row @row; "[no stack]" and the like where there is none. */
const char *view_name(const struct profile *p, enum rows_by by, const struct row *row);

/** File and line of row @row: "" and 0 if unknown. */
const char *view_file(const struct profile *p, enum rows_by by, const struct row *row,
		      int64_t *line);

#endif
