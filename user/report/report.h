/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile as tables and trees on a terminal, or as JSON.
 *
 * The room knows what is worth showing, and in which order; it knows neither files nor options of
 * the command line, and logs nothing.  Profiles of other tools are shown by their own types.
 *
 *   report.c   puts the parts of a report in order
 *   header.c   whose time this is            footer.c  what was lost and what adder cost
 *   view.c     samples -> rows -> a table     columns.c  which columns a view has
 *   by_state.c --by state                     by_calls.c --by calls             tree.c     the call
 * tree       json.c  all as JSON measures   the numbers of a report        rows       their sums
 * census  who is in it table      cells, sorted                  layout     columns on a terminal
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct profile;

/** What a report is about.  The words are those of --by. */
#define REPORT_VIEW_LIST(X)                                                                        \
	X(FUNCTION, "function")                                                                    \
	X(LINE, "line")                                                                            \
	X(PROCESS, "process")                                                                      \
	X(THREAD, "thread")                                                                        \
	X(CONTAINER, "container")                                                                  \
	X(STATE, "state")                                                                          \
	X(ON, "on")                                                                                \
	X(TASK, "task")                                                                            \
	X(CALLS, "calls")                                                                          \
	X(TREE, "tree")                                                                            \
	X(CALLERS, "callers")                                                                      \
	X(CALLEES, "callees")
#define REPORT_VIEW_ENUM(id, name) REPORT_##id,
enum report_view { REPORT_VIEW_LIST(REPORT_VIEW_ENUM) REPORT_VIEW_NR };

/* Rows that fit a screen with the header; of trees and JSON: all. */
enum { REPORT_ROWS = 25 };
#define REPORT_ROWS_AUTO SIZE_MAX

struct report_options {
	enum report_view view;
	const char *function; /* of callers and callees: a name, glob or part of a name */
	const char *sort; /* a column's head in any case, "self", "total", "name"; NULL: by view */
	size_t rows;      /* at most; 0: all; or REPORT_ROWS_AUTO */
	uint32_t states;  /* mask of enum adder_state to count; 0: all */
	bool idle;        /* count waiting for work, too */
	bool json;
	bool full_filenames;
	bool per_process; /* of REPORT_CALLS: a function's row for each process */
	int width;        /* of the terminal in columns; 0: unlimited */
};

/** What adder shows unless told otherwise: functions, for a terminal of @width. */
struct report_options report_defaults(int width);

/**
 * Print the report of @p to @out.  0; -ENOENT if no function matches @o->function; -EINVAL if
 * there is no column @o->sort; -EOPNOTSUPP if @o asks for states but @p has none; -ENODATA if
 * @p has no sample types; -ENOMEM.  Errors of @out are the caller's to ask for (ferror).
 */
int report_print(const struct profile *p, const struct report_options *o, FILE *out);

/** The view called @name, or -1. */
int report_view_find(const char *name);

/**
 * Write the words that report_print() takes for @o->sort with @p, separated by commas, not escaped
 * and cut at @size - 1 bytes: for the message after its -EINVAL.  Those of REPORT_CALLS are the
 * same without @p (NULL).
 */
void report_sort_keys(const struct profile *p, const struct report_options *o, char *dst,
		      size_t size);

/** Does report_print() take @key for the sort of REPORT_CALLS?  No profile changes that. */
bool report_sorts_calls(const char *key);

/** Of those, is @key one that there is only with @per_process? */
bool report_sorts_processes(const char *key);

#endif
